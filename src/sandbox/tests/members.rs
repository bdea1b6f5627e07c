//! GuardDuty's membership by invitation.

use super::detectors::detector;
use super::*;

const SECURITY_MAIL: &str = "root@security.example";
const PROJECT_MAIL: &str = "root@project.example";

/// As the shared estate, with the addresses of two root users told.
async fn estate() -> (Sandbox, Chain) {
    let mut profiles = profiles(false);
    for account in &mut profiles.accounts {
        account.email = match account.id.as_str() {
            SECURITY => Some(SECURITY_MAIL.to_owned()),
            PROJECT => Some(PROJECT_MAIL.to_owned()),
            _ => None,
        };
    }
    let sandbox = Sandbox::start(&profiles, Options::default()).await.unwrap();
    let chain = chain(&sandbox).await;
    (sandbox, chain)
}

/// An administrator with its detector.
struct Admin<'a> {
    client: &'a Client,
    id: String,
}

impl Admin<'_> {
    async fn members(&self, what: &str, input: Value) -> Value {
        let path = format!("/detector/{}/member{what}", self.id);
        let answered = self.client.rest("guardduty", "POST", &path, input).await;
        assert_eq!(answered.code(), "ok", "{}", answered.body);
        answered.json()
    }

    async fn create(&self, account: &str, email: &str) -> Value {
        let detail = json!({ "accountId": account, "email": email });
        self.members("", json!({ "accountDetails": [detail] })).await["unprocessedAccounts"].clone()
    }

    async fn act(&self, what: &str, account: &str) -> Value {
        self.members(what, json!({ "accountIds": [account] })).await["unprocessedAccounts"].clone()
    }

    async fn status(&self, account: &str) -> Value {
        let found = self.members("/get", json!({ "accountIds": [account] })).await;
        found["members"][0]["relationshipStatus"].clone()
    }

    async fn list(&self, query: &str) -> Value {
        let path = format!("/detector/{}/member{query}", self.id);
        self.client.rest("guardduty", "GET", &path, Value::Null).await.json()
    }
}

async fn admin(client: &Client) -> Admin<'_> {
    Admin { client, id: detector(client).await }
}

fn unprocessed(account: &str, result: &str) -> Value {
    json!([{ "accountId": account, "result": result }])
}

async fn invitations(client: &Client) -> Value {
    client.rest("guardduty", "GET", "/invitation", Value::Null).await.json()["invitations"].clone()
}

async fn accept(client: &Client, detector: &str, from: &str, invitation: &str) -> Answered {
    let input = json!({ "administratorId": from, "invitationId": invitation });
    client.rest("guardduty", "POST", &format!("/detector/{detector}/administrator"), input).await
}

/// Brings an account under the administrator; gives the id of its detector.
async fn join(admin: &Admin<'_>, member: &Client, account: &str, email: &str) -> String {
    let id = detector(member).await;
    assert_eq!(admin.create(account, email).await, json!([]));
    assert_eq!(admin.act("/invite", account).await, json!([]));
    let sent = invitations(member).await;
    let invitation = sent[0]["invitationId"].as_str().unwrap();
    assert_eq!(accept(member, &id, SECURITY, invitation).await.code(), "ok");
    id
}

#[tokio::test]
async fn a_member_is_created_invited_and_enabled() {
    let (_sandbox, chain) = estate().await;
    let admin = admin(&chain.security).await;
    let id = detector(&chain.project).await;
    assert_eq!(admin.create(PROJECT, PROJECT_MAIL).await, json!([]));
    assert_eq!(admin.status(PROJECT).await, "Created");
    assert_eq!(invitations(&chain.project).await, json!([]));
    assert_eq!(admin.act("/invite", PROJECT).await, json!([]));
    assert_eq!(admin.status(PROJECT).await, "Invited");
    let count = async || {
        chain.project.rest("guardduty", "GET", "/invitation/count", Value::Null).await.json()["invitationsCount"]
            .clone()
    };
    assert_eq!(count().await, 1);
    let sent = invitations(&chain.project).await;
    assert_eq!((&sent[0]["accountId"], &sent[0]["relationshipStatus"]), (&json!(SECURITY), &json!("Invited")));
    // Membership is a matter of one Region.
    assert_eq!(invitations(&chain.project.at("eu-west-1")).await, json!([]));
    let administrator = async || {
        let path = format!("/detector/{id}/administrator");
        chain.project.rest("guardduty", "GET", &path, Value::Null).await.json()
    };
    assert_eq!(administrator().await, json!({}));
    let invitation = sent[0]["invitationId"].as_str().unwrap();
    let none = "The request is rejected because the current account has no pending invitation from the given \
                administrator account ID or is already a member of another administrator account.";
    for (from, invitation) in [(SECURITY, "other"), (OTHER, invitation)] {
        let refused = accept(&chain.project, &id, from, invitation).await;
        assert_eq!(refused.json()["message"], none);
    }
    assert_eq!(accept(&chain.project, &id, SECURITY, invitation).await.code(), "ok");
    assert_eq!(count().await, 0);
    let administered = administrator().await;
    assert_eq!(
        (&administered["administrator"]["accountId"], &administered["administrator"]["relationshipStatus"]),
        (&json!(SECURITY), &json!("Enabled"))
    );
    let members = admin.list("").await["members"].clone();
    let member = &members[0];
    assert_eq!(
        [&member["accountId"], &member["detectorId"], &member["administratorId"], &member["email"]],
        [PROJECT, id.as_str(), SECURITY, PROJECT_MAIL]
    );
    let again = accept(&chain.project, &id, SECURITY, invitation).await;
    let twice = "The request is rejected because the current account cannot accept invitations because it is already a \
                 member of an administrator account.";
    assert_eq!(again.json()["message"], twice);
    let state = chain.start.state().await["guardduty"].clone();
    let of = |account: &str| {
        let arn = format!(":{account}:detector/");
        let mut found = state["detectors"].as_array().unwrap().iter();
        found.find(|one| one["arn"].as_str().unwrap().contains(&arn)).unwrap().clone()
    };
    assert_eq!((&of(PROJECT)["administrator"], &of(SECURITY)["administrator"]), (&json!(SECURITY), &Value::Null));
}

#[tokio::test]
async fn the_old_operations_say_master() {
    let (_sandbox, chain) = estate().await;
    let admin = admin(&chain.security).await;
    let id = detector(&chain.project).await;
    admin.create(PROJECT, PROJECT_MAIL).await;
    admin.act("/invite", PROJECT).await;
    let sent = invitations(&chain.project).await;
    let path = format!("/detector/{id}/master");
    let input = json!({ "masterId": SECURITY, "invitationId": sent[0]["invitationId"] });
    assert_eq!(chain.project.rest("guardduty", "POST", &path, input).await.code(), "ok");
    let found = chain.project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(found["master"]["accountId"], SECURITY);
    let leave = chain.project.rest("guardduty", "POST", &format!("{path}/disassociate"), Value::Null).await;
    assert_eq!(leave.code(), "ok");
    assert_eq!(admin.status(PROJECT).await, "Resigned");
}

#[tokio::test]
async fn a_wrong_address_stays_wrong_until_the_member_is_made_again() {
    let (_sandbox, chain) = estate().await;
    let admin = admin(&chain.security).await;
    assert_eq!(admin.create(PROJECT, "somebody@project.example").await, json!([]));
    let off = "The request is rejected because GuardDuty is not enabled in the given member account.";
    assert_eq!(admin.act("/invite", PROJECT).await, unprocessed(PROJECT, off));
    detector(&chain.project).await;
    detector(&chain.other).await;
    assert_eq!(admin.act("/invite", PROJECT).await, json!([]));
    assert_eq!(admin.status(PROJECT).await, "EmailVerificationFailed");
    assert_eq!(invitations(&chain.project).await, json!([]));
    let already = "The request is rejected because the current account has already invited or is already the GuardDuty \
                   administrator of the given member account ID.";
    assert_eq!(admin.act("/invite", PROJECT).await, unprocessed(PROJECT, already));
    assert_eq!(admin.act("/delete", PROJECT).await, json!([]));
    assert_eq!(admin.create(PROJECT, PROJECT_MAIL).await, json!([]));
    assert_eq!(admin.act("/invite", PROJECT).await, json!([]));
    assert_eq!(admin.status(PROJECT).await, "Invited");
    // Nobody told this one's address; that one does not exist, and has no detector.
    admin.create(OTHER, "any@body.example").await;
    assert_eq!(admin.act("/invite", OTHER).await, json!([]));
    assert_eq!(admin.status(OTHER).await, "Invited");
    admin.create("555555555555", "any@body.example").await;
    admin.act("/invite", "555555555555").await;
    assert_eq!(admin.status("555555555555").await, "Created");
}

#[tokio::test]
async fn what_cannot_be_done_for_one_account_is_told_inside_success() {
    let (_sandbox, chain) = estate().await;
    let admin = admin(&chain.security).await;
    join(&admin, &chain.project, PROJECT, PROJECT_MAIL).await;
    let itself = "The request is rejected because an account cannot become a member of itself.";
    assert_eq!(admin.create(SECURITY, SECURITY_MAIL).await, unprocessed(SECURITY, itself));
    let twice = "The request is rejected because the given account ID is already a member or associated member of the \
                 current account.";
    let both = json!({ "accountDetails": [
        { "accountId": PROJECT, "email": PROJECT_MAIL }, { "accountId": OTHER, "email": "other@example.com" },
    ] });
    assert_eq!(admin.members("", both).await["unprocessedAccounts"], unprocessed(PROJECT, twice));
    assert_eq!(admin.status(OTHER).await, "Created");
    let unknown = "The request is rejected because the given account ID is not an associated member of account the \
                   current account.";
    assert_eq!(admin.act("/get", JUMP).await, unprocessed(JUMP, unknown));
    assert_eq!(admin.act("/disassociate", OTHER).await, unprocessed(OTHER, unknown));
    let missing = "The request is rejected because the member account's email address is missing.";
    assert_eq!(admin.act("/invite", JUMP).await, unprocessed(JUMP, missing));
    let associated = "The request is rejected because the current account cannot delete the given member account ID \
                      since it is still associated to it.";
    assert_eq!(admin.act("/delete", PROJECT).await, unprocessed(PROJECT, associated));
    assert_eq!(admin.act("/disassociate", PROJECT).await, json!([]));
    assert_eq!(admin.status(PROJECT).await, "Removed");
    assert_eq!(admin.act("/delete", PROJECT).await, json!([]));

    let path = format!("/detector/{}/member", admin.id);
    let details = |count: usize| {
        let of = |n| json!({ "accountId": format!("{:012}", 600_000_000_000_u64 + n), "email": "a@example.com" });
        json!({ "accountDetails": (0..count as u64).map(of).collect::<Vec<_>>() })
    };
    for (input, code) in [
        (details(51), "BadRequestException"),
        (details(0), "BadRequestException"),
        (json!({}), "BadRequestException"),
        (json!({ "accountDetails": [{ "accountId": "1", "email": "a@example.com" }] }), "BadRequestException"),
        (json!({ "accountDetails": [{ "accountId": JUMP, "email": "nobody" }] }), "BadRequestException"),
        (details(50), "ok"),
    ] {
        let answered = chain.security.rest("guardduty", "POST", &path, input).await;
        assert_eq!(answered.code(), code, "{}", answered.body);
    }
    // Members that are not associated show only when asked for, a page at a time.
    assert_eq!(admin.list("").await["members"], json!([]));
    let first = admin.list("?onlyAssociated=false&maxResults=50").await;
    assert_eq!(first["members"].as_array().unwrap().len(), 50);
    let next = first["nextToken"].as_str().unwrap();
    let second = admin.list(&format!("?onlyAssociated=false&nextToken={next}")).await;
    assert_eq!((second["members"].as_array().unwrap().len(), second.get("nextToken")), (1, None));
    for query in ["?maxResults=0", "?maxResults=51", "?onlyAssociated=some", "?nextToken=x"] {
        let refused = chain.security.rest("guardduty", "GET", &format!("{path}{query}"), Value::Null).await;
        assert_eq!(refused.code(), "BadRequestException", "{query}");
    }
}

#[tokio::test]
async fn an_account_is_administrator_or_member_never_both() {
    let (_sandbox, chain) = estate().await;
    let security = admin(&chain.security).await;
    let id = join(&security, &chain.project, PROJECT, PROJECT_MAIL).await;
    let project = Admin { client: &chain.project, id: id.clone() };
    let already = "The request is rejected because the current account cannot create members because it is already a \
                   member of another administrator account.";
    assert_eq!(project.create(OTHER, "other@example.com").await, unprocessed(OTHER, already));

    // The other account has a member of its own, so that it cannot accept.
    let other = admin(&chain.other).await;
    other.create(JUMP, "jump@example.com").await;
    security.create(OTHER, "other@example.com").await;
    security.act("/invite", OTHER).await;
    let sent = invitations(&chain.other).await;
    let refused = accept(&chain.other, &other.id, SECURITY, sent[0]["invitationId"].as_str().unwrap()).await;
    let members = "The request is rejected because the current account cannot accept invitations because the account \
                   contains created, invited, or associated members.";
    assert_eq!(refused.json()["message"], members);
    let decline = json!({ "accountIds": [SECURITY] });
    let declined = chain.other.rest("guardduty", "POST", "/invitation/decline", decline.clone()).await;
    assert_eq!(declined.json(), json!({ "unprocessedAccounts": [] }));
    assert_eq!(security.status(OTHER).await, "Resigned");
    assert_eq!(invitations(&chain.other).await[0]["relationshipStatus"], "Resigned");
    chain.other.rest("guardduty", "POST", "/invitation/delete", decline).await;
    assert_eq!(invitations(&chain.other).await, json!([]));
}

#[tokio::test]
async fn a_members_frequency_is_its_administrators() {
    let (_sandbox, chain) = estate().await;
    let security = admin(&chain.security).await;
    let often = json!({ "findingPublishingFrequency": "FIFTEEN_MINUTES" });
    let path = format!("/detector/{}", security.id);
    assert_eq!(chain.security.rest("guardduty", "POST", &path, often.clone()).await.code(), "ok");
    let id = join(&security, &chain.project, PROJECT, PROJECT_MAIL).await;
    let path = format!("/detector/{id}");
    let found = chain.project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(found["findingPublishingFrequency"], "FIFTEEN_MINUTES");
    let refused = chain.project.rest("guardduty", "POST", &path, often).await;
    let message = "The request is rejected because a member account cannot specify the finding publishing frequency.";
    assert_eq!(refused.json()["message"], message);
    assert_eq!(chain.project.rest("guardduty", "POST", &path, json!({ "enable": true })).await.code(), "ok");

    let delete = format!("/detector/{}", security.id);
    let held = chain.security.rest("guardduty", "DELETE", &delete, Value::Null).await;
    let message = "The request is rejected because the current account cannot delete the detector while it has invited \
                   or associated members.";
    assert_eq!(held.json()["message"], message);
    let leave = format!("/detector/{id}/administrator/disassociate");
    assert_eq!(chain.project.rest("guardduty", "POST", &leave, Value::Null).await.code(), "ok");
    let alone = chain.project.rest("guardduty", "POST", &leave, Value::Null).await;
    let message =
        "The request is rejected because the current account is not associated with an administrator account.";
    assert_eq!(alone.json()["message"], message);
    let found = chain.project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(found["findingPublishingFrequency"], "SIX_HOURS");
    assert_eq!(chain.security.rest("guardduty", "DELETE", &delete, Value::Null).await.code(), "ok");
}

#[tokio::test]
async fn a_detector_can_be_under_an_administrator_that_nobody_here_knows() {
    let (_sandbox, chain) = estate().await;
    let foreign = "777777777777";
    let under = json!({
        "do": "put-detector-under", "account": PROJECT, "region": "us-east-1", "administrator": foreign,
    });
    assert_eq!(chain.start.tamper(under).await.status, 200);
    let ids = chain.project.rest("guardduty", "GET", "/detector", Value::Null).await.json();
    let id = ids["detectorIds"][0].as_str().unwrap();
    let path = format!("/detector/{id}/administrator");
    let found = chain.project.rest("guardduty", "GET", &path, Value::Null).await.json();
    assert_eq!(found["administrator"]["accountId"], foreign);
    // Its own invitations find it taken.
    let security = admin(&chain.security).await;
    security.create(PROJECT, PROJECT_MAIL).await;
    assert_eq!(security.act("/invite", PROJECT).await, json!([]));
    let sent = invitations(&chain.project).await;
    let ours = sent.as_array().unwrap().iter().find(|one| one["accountId"] == SECURITY).unwrap();
    let refused = accept(&chain.project, id, SECURITY, ours["invitationId"].as_str().unwrap()).await;
    assert_eq!(refused.code(), "BadRequestException");
    let nowhere = json!({
        "do": "put-detector-under", "account": "888888888888", "region": "us-east-1", "administrator": foreign,
    });
    assert_eq!(chain.start.tamper(nowhere).await.status, 404);
}
