//! IAM: roles there and back, what keeps them, and who may use them.

use percent_encoding::percent_decode_str;

use super::client::find;
use super::*;

fn trust(principal: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole" }] })
    .to_string()
}

fn events() -> String {
    trust(json!({ "Service": "events.amazonaws.com" }))
}

async fn create(client: &Client, name: &str, trust: &str, more: &[(&str, &str)]) -> Answered {
    let mut input = vec![("RoleName", name), ("AssumeRolePolicyDocument", trust)];
    input.extend(more);
    client.iam("CreateRole", &input).await
}

fn list(answered: &Answered, list: &str, member: &str) -> Vec<String> {
    let xml = answered.xml();
    let result = &xml.children[0];
    let members = result.child(list).unwrap_or_else(|| panic!("no {list}: {}", answered.body));
    let text = |node: &crate::sandbox::wire::Node| find(node, member).unwrap();
    members.all("member").map(text).collect()
}

#[tokio::test]
async fn a_role_is_made_once_and_read_back_with_its_trust_encoded() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let project = &chain.project;
    let more = [
        ("Path", "/team/"),
        ("Description", "forwards"),
        ("Tags.member.1.Key", "ManagedBy"),
        ("Tags.member.1.Value", "baseline"),
    ];
    let made = create(project, "Forward", &events(), &more).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let xml = made.xml();
    assert_eq!(xml.name, "CreateRoleResponse");
    let read = project.iam("GetRole", &[("RoleName", "Forward")]).await.xml();
    for (name, value) in [
        ("Path", "/team/"),
        ("RoleName", "Forward"),
        ("Arn", "arn:aws:iam::333333333333:role/team/Forward"),
        ("Description", "forwards"),
        ("MaxSessionDuration", "3600"),
        ("Key", "ManagedBy"),
        ("Value", "baseline"),
    ] {
        assert_eq!(find(&read, name).as_deref(), Some(value), "{name}");
    }
    let encoded = find(&read, "AssumeRolePolicyDocument").unwrap();
    assert!(encoded.starts_with("%7B%22Statement%22%3A%5B") && encoded.contains("events.amazonaws.com"), "{encoded}");
    assert_eq!(percent_decode_str(&encoded).decode_utf8().unwrap(), events());
    // Names are not distinguished by case.
    for name in ["Forward", "forward"] {
        let again = create(project, name, &events(), &[]).await;
        assert_eq!((again.status, again.code().as_str()), (409, "EntityAlreadyExists"));
    }
    // Another account's names are its own.
    assert_eq!(create(&chain.other, "Forward", &events(), &[]).await.code(), "ok");
    let missing = project.iam("GetRole", &[("RoleName", "None")]).await;
    assert_eq!((missing.status, missing.code().as_str()), (404, "NoSuchEntity"));
    assert_eq!(find(&missing.xml(), "Message").unwrap(), "The role with name None cannot be found.");
}

#[tokio::test]
async fn names_paths_and_numbers_are_checked() {
    let sandbox = start().await;
    let project = chain(&sandbox).await.project;
    for bad in ["", "a b", "a/b", "é", &"x".repeat(65)] {
        assert_eq!(create(&project, bad, &events(), &[]).await.code(), "ValidationError", "{bad}");
    }
    for (more, code) in [
        (("Path", "team/"), "ValidationError"),
        (("Path", "/team"), "ValidationError"),
        (("Path", "/a b/"), "ValidationError"),
        (("Path", "/aws-service-role/config.amazonaws.com/"), "InvalidInput"),
        (("MaxSessionDuration", "3599"), "ValidationError"),
        (("MaxSessionDuration", "43201"), "ValidationError"),
        (("Tags.member.1.Key", "aws:x"), "InvalidInput"),
        (("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"), "InvalidAction"),
        (("MaxSessionDuration", "43200"), "ok"),
    ] {
        assert_eq!(create(&project, "Role", &events(), &[more]).await.code(), code, "{more:?}");
    }
    let twice = [("Tags.member.1.Key", "Team"), ("Tags.member.2.Key", "team")];
    assert_eq!(create(&project, "Tagged", &events(), &twice).await.code(), "InvalidInput");
    assert_eq!(project.iam("CreateRole", &[("RoleName", "Role")]).await.code(), "ValidationError");
    // IAM lives in one Region.
    assert_eq!(project.at("eu-west-1").iam("ListRoles", &[]).await.code(), "SignatureDoesNotMatch");
    assert_eq!(project.iam("CreateUser", &[]).await.code(), "InvalidAction");
}

#[tokio::test]
async fn trust_policies_are_checked_and_the_roles_can_be_assumed() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let project = &chain.project;
    let statement = |member: &str, value: Value| {
        let mut policy: Value = serde_json::from_str(&events()).unwrap();
        policy["Statement"][0][member] = value;
        policy.to_string()
    };
    let long = statement("Sid", json!("x".repeat(2048)));
    for (policy, code) in [
        ("{".to_owned(), "MalformedPolicyDocument"),
        (json!({ "Statement": "nonsense" }).to_string(), "MalformedPolicyDocument"),
        (statement("Resource", json!("*")), "MalformedPolicyDocument"),
        (statement("Action", json!("s3:GetObject")), "MalformedPolicyDocument"),
        (trust(json!({ "AWS": "555555555555" })), "MalformedPolicyDocument"),
        (trust(json!({ "AWS": format!("arn:aws:iam::{SECURITY}:role/None") })), "MalformedPolicyDocument"),
        (trust(json!({ "Service": "events.example.com" })), "MalformedPolicyDocument"),
        (long.clone(), "LimitExceeded"),
    ] {
        assert_eq!(create(project, "Role", &policy, &[]).await.code(), code, "{policy}");
    }
    let no_principal =
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "sts:AssumeRole" }] });
    let refused = create(project, "Role", &no_principal.to_string(), &[]).await;
    assert_eq!(find(&refused.xml(), "Message").unwrap(), "Missing required field Principal");

    assert_eq!(create(project, "Role", &events(), &[]).await.code(), "ok");
    assert_eq!(chain.security.try_assume(PROJECT, "Role", &[]).await.code(), "AccessDenied");
    let admits = trust(json!({ "AWS": format!("arn:aws:iam::{SECURITY}:role/Security") }));
    let put = async |document: &str| {
        project.iam("UpdateAssumeRolePolicy", &[("RoleName", "Role"), ("PolicyDocument", document)]).await.code()
    };
    assert_eq!(put(&long).await, "LimitExceeded");
    assert_eq!(put(&admits).await, "ok");
    assert_eq!(chain.security.assume(PROJECT, "Role", &[]).await.whoami().await, PROJECT);
    let longer = [("RoleName", "Role"), ("MaxSessionDuration", "7200"), ("Description", "longer")];
    assert_eq!(project.iam("UpdateRole", &longer).await.code(), "ok");
    let read = project.iam("GetRole", &[("RoleName", "Role")]).await.xml();
    assert_eq!(find(&read, "MaxSessionDuration").unwrap(), "7200");
    let described = project.iam("UpdateRoleDescription", &[("RoleName", "Role"), ("Description", "d")]).await;
    assert_eq!(find(&described.xml(), "Description").unwrap(), "d");
    assert_eq!(project.iam("DeleteRole", &[("RoleName", "Role")]).await.code(), "ok");
    assert_eq!(chain.security.try_assume(PROJECT, "Role", &[]).await.code(), "AccessDenied");
}

#[tokio::test]
async fn roles_are_listed_by_path_and_in_pages_with_those_of_the_chain() {
    let sandbox = start().await;
    let other = chain(&sandbox).await.other;
    for name in ["a", "b", "c"] {
        create(&other, name, &events(), &[("Path", "/x/")]).await;
    }
    let all = other.iam("ListRoles", &[]).await;
    assert_eq!(list(&all, "Roles", "RoleName"), ["Execution", "a", "b", "c"]);
    assert_eq!(list(&all, "Roles", "Path")[0], "/team/");
    assert!(find(&all.xml(), "Tags").is_none());
    let first = other.iam("ListRoles", &[("PathPrefix", "/x/"), ("MaxItems", "2")]).await;
    assert_eq!(list(&first, "Roles", "RoleName"), ["a", "b"]);
    assert_eq!(find(&first.xml(), "IsTruncated").unwrap(), "true");
    let marker = find(&first.xml(), "Marker").unwrap();
    let rest = other.iam("ListRoles", &[("PathPrefix", "/x/"), ("MaxItems", "2"), ("Marker", &marker)]).await;
    assert_eq!(list(&rest, "Roles", "RoleName"), ["c"]);
    assert_eq!(find(&rest.xml(), "IsTruncated").unwrap(), "false");
    assert!(find(&rest.xml(), "Marker").is_none());
    for bad in [("MaxItems", "0"), ("Marker", "x"), ("PathPrefix", "x")] {
        assert_eq!(other.iam("ListRoles", &[bad]).await.code(), "ValidationError", "{bad:?}");
    }
}

#[tokio::test]
async fn policies_are_put_read_and_keep_the_role() {
    let sandbox = start().await;
    let project = chain(&sandbox).await.project;
    create(&project, "Role", &events(), &[]).await;
    let role = ("RoleName", "Role");
    let named = ("PolicyName", "forward");
    let document = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "events:PutEvents", "Resource": "*" }] });
    let put = async |document: &Value| {
        let text = document.to_string();
        project.iam("PutRolePolicy", &[role, named, ("PolicyDocument", &text)]).await.code()
    };
    let with = |member: &str, value: Value| {
        let mut changed = document.clone();
        changed["Statement"][0][member] = value;
        changed
    };
    let mut no_resource = document.clone();
    no_resource["Statement"][0].as_object_mut().unwrap().remove("Resource");
    for bad in [no_resource, with("Principal", json!("*")), with("Effect", json!("Maybe"))] {
        assert_eq!(put(&bad).await, "MalformedPolicyDocument", "{bad}");
    }
    assert_eq!(put(&with("Sid", json!("x".repeat(10_240)))).await, "LimitExceeded");
    assert_eq!(project.iam("GetRolePolicy", &[role, named]).await.code(), "NoSuchEntity");
    assert_eq!(put(&document).await, "ok");
    // Replacing it does not count it twice.
    assert_eq!(put(&with("Sid", json!("x".repeat(6000)))).await, "ok");
    assert_eq!(put(&with("Sid", json!("y".repeat(6000)))).await, "ok");
    assert_eq!(put(&document).await, "ok");
    let read = project.iam("GetRolePolicy", &[role, named]).await.xml();
    let text = find(&read, "PolicyDocument").unwrap();
    assert_eq!(percent_decode_str(&text).decode_utf8().unwrap(), document.to_string());
    let names = project.iam("ListRolePolicies", &[role]).await.xml();
    assert_eq!(names.children[0].child("PolicyNames").unwrap().text_of("member"), Some("forward"));

    let managed = ("PolicyArn", "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole");
    for (policy, code) in [
        ("nonsense", "InvalidInput"),
        ("arn:aws:iam::333333333333:policy/mine", "NoSuchEntity"),
        ("arn:aws-cn:iam::aws:policy/ReadOnlyAccess", "NoSuchEntity"),
    ] {
        assert_eq!(project.iam("AttachRolePolicy", &[role, ("PolicyArn", policy)]).await.code(), code, "{policy}");
    }
    assert_eq!(project.iam("AttachRolePolicy", &[role, managed]).await.code(), "ok");
    assert_eq!(project.iam("AttachRolePolicy", &[role, managed]).await.code(), "ok");
    let attached = project.iam("ListAttachedRolePolicies", &[role]).await;
    assert_eq!(list(&attached, "AttachedPolicies", "PolicyName"), ["AWS_ConfigRole"]);
    let kept = project.iam("DeleteRole", &[role]).await;
    assert_eq!((kept.status, kept.code().as_str()), (409, "DeleteConflict"));
    assert_eq!(find(&kept.xml(), "Message").unwrap(), "Cannot delete entity, must detach all policies first.");
    assert_eq!(project.iam("DetachRolePolicy", &[role, managed]).await.code(), "ok");
    assert_eq!(project.iam("DetachRolePolicy", &[role, managed]).await.code(), "NoSuchEntity");
    let kept = project.iam("DeleteRole", &[role]).await;
    assert_eq!(find(&kept.xml(), "Message").unwrap(), "Cannot delete entity, must delete policies first.");
    assert_eq!(project.iam("DeleteRolePolicy", &[role, named]).await.code(), "ok");
    assert_eq!(project.iam("DeleteRolePolicy", &[role, named]).await.code(), "NoSuchEntity");
    assert_eq!(project.iam("DeleteRole", &[role]).await.code(), "ok");
}

#[tokio::test]
async fn tags_are_put_listed_and_removed() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    let project = &chain.project;
    create(project, "Role", &events(), &[("Tags.member.1.Key", "b"), ("Tags.member.1.Value", "1")]).await;
    let role = ("RoleName", "Role");
    let tags = async || list(&project.iam("ListRoleTags", &[role]).await, "Tags", "Key");
    let add = [role, ("Tags.member.1.Key", "a"), ("Tags.member.2.Key", "B"), ("Tags.member.2.Value", "2")];
    assert_eq!(project.iam("TagRole", &add).await.code(), "ok");
    // The key takes the new spelling; there is still one.
    assert_eq!(tags().await, ["B", "a"]);
    assert_eq!(project.iam("UntagRole", &[role, ("TagKeys.member.1", "a")]).await.code(), "ok");
    assert_eq!(tags().await, ["B"]);
    let untag = json!({ "do": "untag", "arn": "arn:aws:iam::333333333333:role/Role" });
    assert_eq!(chain.start.tamper(untag).await.status, 200);
    assert!(tags().await.is_empty());
    let keys: Vec<(String, String)> = (1..=51).map(|n| (format!("Tags.member.{n}.Key"), format!("k{n}"))).collect();
    let mut many = vec![role];
    many.extend(keys.iter().map(|(member, key)| (member.as_str(), key.as_str())));
    assert_eq!(project.iam("TagRole", &many).await.code(), "LimitExceeded");
}

#[tokio::test]
async fn a_service_linked_role_is_the_services_own() {
    let sandbox = start().await;
    let project = chain(&sandbox).await.project;
    let service = ("AWSServiceName", "config.amazonaws.com");
    let suffix = project.iam("CreateServiceLinkedRole", &[service, ("CustomSuffix", "x")]).await;
    assert_eq!(suffix.code(), "InvalidInput");
    let made = project.iam("CreateServiceLinkedRole", &[service, ("Description", "records")]).await;
    let arn = "arn:aws:iam::333333333333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig";
    assert_eq!(find(&made.xml(), "Arn").as_deref(), Some(arn), "{}", made.body);
    let again = project.iam("CreateServiceLinkedRole", &[service]).await;
    assert_eq!((again.status, again.code().as_str()), (400, "InvalidInput"));
    assert_eq!(
        find(&again.xml(), "Message").unwrap(),
        "Service role name AWSServiceRoleForConfig has been taken in this account, please try a different suffix."
    );
    let found = project.iam("ListRoles", &[("PathPrefix", "/aws-service-role/config.amazonaws.com/")]).await;
    assert_eq!(list(&found, "Roles", "RoleName"), ["AWSServiceRoleForConfig"]);
    let role = ("RoleName", "AWSServiceRoleForConfig");
    let document = events();
    for (operation, input) in [
        ("DeleteRole", vec![role]),
        ("UpdateAssumeRolePolicy", vec![role, ("PolicyDocument", document.as_str())]),
        ("PutRolePolicy", vec![role, ("PolicyName", "p"), ("PolicyDocument", document.as_str())]),
        ("AttachRolePolicy", vec![role, ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess")]),
        ("UpdateRole", vec![role, ("MaxSessionDuration", "7200")]),
    ] {
        assert_eq!(project.iam(operation, &input).await.code(), "UnmodifiableEntity", "{operation}");
    }
    assert_eq!(project.iam("UpdateRole", &[role, ("Description", "d")]).await.code(), "ok");
    assert_eq!(project.iam("TagRole", &[role, ("Tags.member.1.Key", "a")]).await.code(), "ok");
    let unknown = project.iam("CreateServiceLinkedRole", &[("AWSServiceName", "example.amazonaws.com")]).await;
    assert_eq!(unknown.code(), "InvalidAction");
}

#[tokio::test]
async fn denials_name_the_role_as_iam_does() {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    chain.start.tamper(json!({ "do": "deny", "account": PROJECT, "operation": "iam:*" })).await;
    let service = ("AWSServiceName", "config.amazonaws.com");
    for (operation, input, resource) in [
        ("CreateRole", vec![("RoleName", "R"), ("Path", "/t/")], "arn:aws:iam::333333333333:role/t/R"),
        ("GetRole", vec![("RoleName", "R")], "role R"),
        ("PutRolePolicy", vec![("RoleName", "R")], "role R"),
        ("ListRoles", vec![], "arn:aws:iam::333333333333:role/"),
        (
            "CreateServiceLinkedRole",
            vec![service],
            "arn:aws:iam::333333333333:role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
        ),
    ] {
        let denied = chain.project.iam(operation, &input).await;
        assert_eq!((denied.status, denied.code().as_str()), (403, "AccessDenied"));
        assert_eq!(
            find(&denied.xml(), "Message").unwrap(),
            format!(
                "User: arn:aws:sts::333333333333:assumed-role/Execution/run is not authorized to perform: \
                 iam:{operation} on resource: {resource} because no identity-based policy allows the iam:{operation} \
                 action"
            )
        );
    }
    assert_eq!(chain.other.iam("ListRoles", &[]).await.code(), "ok");
}
