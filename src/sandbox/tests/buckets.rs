//! Buckets: where they are, whose they are, and every setting there and back.

use super::client::find;
use super::*;

async fn owner() -> (Sandbox, Chain) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.status, 204);
    (sandbox, chain)
}

#[tokio::test]
async fn a_bucket_is_made_once_and_where_it_is_asked_for() {
    let (_sandbox, chain) = owner().await;
    let (security, project) = (&chain.security, &chain.project);
    let body = |region: &str| {
        format!(
            "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><LocationConstraint>{region}\
             </LocationConstraint></CreateBucketConfiguration>"
        )
    };
    let put = async |client: &Client, name: &str, body: &str| {
        client.send("s3", "PUT", &format!("/{name}"), &[], body.as_bytes()).await.code()
    };
    let tokyo = security.at("ap-northeast-1");
    assert_eq!(put(&tokyo, "logs-bucket", &body("ap-northeast-1")).await, "BucketAlreadyOwnedByYou");
    assert_eq!(put(project, "logs-bucket", "").await, "BucketAlreadyExists");
    assert_eq!(put(&tokyo, "other-bucket", "").await, "IllegalLocationConstraintException");
    assert_eq!(put(&tokyo, "other-bucket", &body("eu-west-1")).await, "IllegalLocationConstraintException");
    assert_eq!(put(security, "other-bucket", &body("us-east-1")).await, "InvalidLocationConstraint");
    assert_eq!(put(security, "other-bucket", &body("me-south-1")).await, "IllegalLocationConstraintException");
    assert_eq!(put(security, "Other_Bucket", "").await, "InvalidBucketName");
    // The quirk of us-east-1: once more is no error.
    assert_eq!(put(security, "other-bucket", "").await, "ok");
    assert_eq!(put(security, "other-bucket", "").await, "ok");

    let location = async |client: &Client, name: &str| {
        client.send("s3", "GET", &format!("/{name}?location"), &[], &[]).await.xml().content().to_owned()
    };
    assert_eq!(location(security, "other-bucket").await, "");
    assert_eq!(location(security, "logs-bucket").await, "ap-northeast-1");
    let head = async |client: &Client, name: &str| {
        let answered = client.send("s3", "HEAD", &format!("/{name}"), &[], &[]).await;
        (answered.status, answered.header("x-amz-bucket-region").map(str::to_owned))
    };
    let there = Some("ap-northeast-1".to_owned());
    assert_eq!(head(&tokyo, "logs-bucket").await, (200, there.clone()));
    assert_eq!(head(security, "logs-bucket").await, (400, there.clone()));
    assert_eq!(head(&security.at("eu-west-1"), "logs-bucket").await, (301, there.clone()));
    assert_eq!(head(&project.at("ap-northeast-1"), "logs-bucket").await, (403, there));
    assert_eq!(head(&tokyo, "no-bucket").await, (404, None));
    let malformed = security.send("s3", "GET", "/logs-bucket?policy", &[], &[]).await;
    assert_eq!(malformed.code(), "AuthorizationHeaderMalformed");
    assert_eq!(find(&malformed.xml(), "Region").unwrap(), "ap-northeast-1");
    let expected = [("x-amz-expected-bucket-owner", PROJECT)];
    assert_eq!(tokyo.send("s3", "GET", "/logs-bucket?policy", &expected, &[]).await.code(), "AccessDenied");
    assert_eq!(find(&security.send("s3", "GET", "/", &[], &[]).await.xml(), "Name").unwrap(), "logs-bucket");
}

#[tokio::test]
async fn settings_come_back_as_they_were_put() {
    let (_sandbox, chain) = owner().await;
    let client = chain.security.at("ap-northeast-1");
    let call = async |method: &str, what: &str, body: &str| {
        client.send("s3", method, &format!("/logs-bucket?{what}"), &[], body.as_bytes()).await
    };
    // What a new bucket has.
    for (what, name, value) in [
        ("encryption", "SSEAlgorithm", "AES256"),
        ("ownershipControls", "ObjectOwnership", "BucketOwnerEnforced"),
        ("publicAccessBlock", "BlockPublicPolicy", "true"),
        ("policyStatus", "IsPublic", "false"),
    ] {
        assert_eq!(find(&call("GET", what, "").await.xml(), name).as_deref(), Some(value), "{what}");
    }
    assert!(call("GET", "versioning", "").await.xml().children.is_empty());
    for (what, code) in [("lifecycle", "NoSuchLifecycleConfiguration"), ("tagging", "NoSuchTagSet")] {
        assert_eq!(call("GET", what, "").await.code(), code);
    }
    for (what, body) in [
        ("versioning", "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"),
        ("tagging", "<Tagging><TagSet><Tag><Key>a</Key><Value>x &amp; y</Value></Tag></TagSet></Tagging>"),
        (
            "lifecycle",
            "<LifecycleConfiguration><Rule><ID>keep</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status>\
             <Expiration><Days>400</Days></Expiration><NoncurrentVersionExpiration><NoncurrentDays>30</NoncurrentDays>\
             </NoncurrentVersionExpiration><AbortIncompleteMultipartUpload><DaysAfterInitiation>7\
             </DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>",
        ),
        (
            "encryption",
            "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms\
             </SSEAlgorithm><KMSMasterKeyID>arn:aws:kms:ap-northeast-1:222222222222:key/x</KMSMasterKeyID>\
             </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>true</BucketKeyEnabled></Rule>\
             </ServerSideEncryptionConfiguration>",
        ),
        (
            "ownershipControls",
            "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerPreferred</ObjectOwnership></Rule>\
             </OwnershipControls>",
        ),
        (
            "publicAccessBlock",
            "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>false\
             </IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false\
             </RestrictPublicBuckets></PublicAccessBlockConfiguration>",
        ),
    ] {
        assert_eq!(call("PUT", what, body).await.code(), "ok", "{what}");
        let back = call("GET", what, "").await.xml();
        assert_eq!(back.children, crate::sandbox::wire::Node::parse(body.as_bytes()).unwrap().children, "{what}");
        assert_eq!(call("PUT", what, "<Nonsense/>").await.code(), "MalformedXML", "{what}");
    }
    let twice = "<LifecycleConfiguration><Rule><Filter/><Prefix/><Status>Enabled</Status><Expiration><Days>1</Days>\
                 </Expiration></Rule></LifecycleConfiguration>";
    assert_eq!(call("PUT", "lifecycle", twice).await.code(), "MalformedXML");
    let nothing = "<LifecycleConfiguration><Rule><Filter/><Status>Enabled</Status></Rule></LifecycleConfiguration>";
    assert_eq!(call("PUT", "lifecycle", nothing).await.code(), "InvalidArgument");
    for (what, code) in [
        ("tagging", "NoSuchTagSet"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("policy", "NoSuchBucketPolicy"),
    ] {
        assert_eq!(call("DELETE", what, "").await.status, 204, "{what}");
        assert_eq!(call("GET", what, "").await.code(), code, "{what}");
    }
}

#[tokio::test]
async fn bucket_policies_are_checked_when_put_and_obeyed_when_called() {
    let (_sandbox, chain) = owner().await;
    let tokyo = chain.security.at("ap-northeast-1");
    let project = chain.project.at("ap-northeast-1");
    let allow = |who: Value, action: &str, resource: &str| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Principal": who, "Action": action, "Resource": resource }] })
    };
    let here = "arn:aws:s3:::logs-bucket";
    for policy in [
        json!({ "Statement": "nonsense" }),
        allow(json!({ "AWS": "555555555555" }), "s3:ListBucket", here),
        allow(json!({ "AWS": PROJECT }), "s3:ListBucket", "arn:aws:s3:::other-bucket"),
        allow(json!({ "AWS": PROJECT }), "ec2:RunInstances", here),
    ] {
        assert_eq!(put_policy(&tokyo, &policy).await.code(), "MalformedPolicy", "{policy}");
    }
    let many: Vec<String> = (0..2000).map(|n| format!("{here}/{n:08}")).collect();
    let mut large = allow(json!({ "AWS": PROJECT }), "s3:GetObject", here);
    large["Statement"][0]["Resource"] = json!(many);
    assert_eq!(put_policy(&tokyo, &large).await.code(), "PolicyTooLarge");
    assert_eq!(
        put_policy(&tokyo, &allow(json!("*"), "s3:GetObject", &format!("{here}/*"))).await.code(),
        "AccessDenied"
    );

    let get = async |client: &Client| client.send("s3", "GET", "/logs-bucket?policy", &[], &[]).await;
    assert_eq!(get(&project).await.code(), "AccessDenied");
    let shared = allow(json!({ "AWS": PROJECT }), "s3:*", here);
    assert_eq!(put_policy(&tokyo, &shared).await.code(), "ok");
    assert_eq!(get(&tokyo).await.json(), shared);
    // Allowed, but not in the owner's account.
    assert_eq!(get(&project).await.code(), "MethodNotAllowed");
    assert_eq!(project.send("s3", "HEAD", "/logs-bucket", &[], &[]).await.status, 200);
    let deny = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Principal": { "AWS": SECURITY }, "Action": "s3:GetBucketPolicy", "Resource": here }] });
    assert_eq!(put_policy(&tokyo, &deny).await.code(), "ok");
    let refused = get(&tokyo).await;
    assert_eq!(refused.code(), "AccessDenied");
    assert!(refused.body.contains("with an explicit deny in a resource-based policy"), "{}", refused.body);
    let widen = json!({ "do": "widen-bucket-policy", "bucket": "logs-bucket" });
    assert_eq!(chain.start.tamper(widen).await.status, 200);
    let status = tokyo.send("s3", "GET", "/logs-bucket?policyStatus", &[], &[]).await;
    assert_eq!(find(&status.xml(), "IsPublic").unwrap(), "true");
    // RestrictPublicBuckets keeps others out of a public bucket, until it is gone.
    let read = async || project.send("s3", "GET", "/logs-bucket/any", &[], &[]).await.code();
    assert_eq!(read().await, "AccessDenied");
    chain.start.tamper(json!({ "do": "open-public-access", "bucket": "logs-bucket" })).await;
    assert_eq!(read().await, "NoSuchKey");
}

#[tokio::test]
async fn objects_are_put_conditionally_listed_and_keep_the_bucket() {
    let (_sandbox, chain) = owner().await;
    let tokyo = chain.security.at("ap-northeast-1");
    let put = async |key: &str, headers: &[(&str, &str)], body: &[u8]| {
        tokyo.send("s3", "PUT", &format!("/logs-bucket/{key}"), headers, body).await
    };
    let streaming =
        [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("content-encoding", "aws-chunked")];
    assert_eq!(put("locks/a%20b", &streaming, b"5\r\nhello\r\n0\r\n\r\n").await.code(), "ok");
    let got = tokyo.send("s3", "GET", "/logs-bucket/locks/a%20b", &[], &[]).await;
    assert_eq!(got.body, "hello");
    let etag = got.header("etag").unwrap().to_owned();
    assert_eq!(put("locks/a%20b", &[("if-none-match", "*")], b"x").await.code(), "PreconditionFailed");
    assert_eq!(put("locks/a%20b", &[("if-match", "\"other\"")], b"x").await.code(), "PreconditionFailed");
    assert_eq!(put("locks/a%20b", &[("if-match", &etag)], b"changed").await.code(), "ok");
    put("top", &[], b"x").await;
    let list = async |query: &str| {
        let listed = tokyo.send("s3", "GET", &format!("/logs-bucket?list-type=2&{query}"), &[], &[]).await.xml();
        let keys = listed.all("Contents").map(|node| node.text_of("Key").unwrap().to_owned());
        let folders = listed.all("CommonPrefixes").map(|node| node.text_of("Prefix").unwrap().to_owned());
        (keys.collect::<Vec<_>>(), folders.collect::<Vec<_>>(), find(&listed, "NextContinuationToken"))
    };
    assert_eq!(list("delimiter=/").await, (vec!["top".to_owned()], vec!["locks/".to_owned()], None));
    let (first, _, token) = list("max-keys=1").await;
    assert_eq!((first, token.as_deref()), (vec!["locks/a b".to_owned()], Some("locks/a b")));
    assert_eq!(list("continuation-token=locks/a%20b").await.0, ["top"]);
    assert_eq!(tokyo.send("s3", "DELETE", "/logs-bucket", &[], &[]).await.code(), "BucketNotEmpty");
    for key in ["locks/a%20b", "top"] {
        assert_eq!(tokyo.send("s3", "DELETE", &format!("/logs-bucket/{key}"), &[], &[]).await.status, 204);
    }
    assert_eq!(tokyo.send("s3", "DELETE", "/logs-bucket", &[], &[]).await.status, 204);
    assert_eq!(tokyo.send("s3", "POST", "/logs-bucket?delete", &[], &[]).await.code(), "NotImplemented");
}
