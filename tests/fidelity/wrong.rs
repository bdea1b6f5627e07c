//! That the judge sees what is wrong: exchanges that are, each for one reason, and their like that are right.

use baseline::sandbox::Exchange;
use serde_json::{Value, json};

use super::bed::{judged, line};

/// A request that is answered with `{}`.
fn exchange(service: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        (name.to_owned(), value.to_owned())
    };
    let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
    let signature = format!(
        "AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/{service}/aws4_request, SignedHeaders=host;{names}, Signature=0"
    );
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Exchange {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.split('&').filter(|text| !text.is_empty()).map(pair).collect(),
        headers: headers.iter().map(owned).chain([("authorization".to_owned(), signature)]).collect(),
        body: body.as_bytes().to_vec(),
        status: 200,
        answer_headers: ["x-amzn-requestid", "x-amz-request-id"].map(|name| (name.to_owned(), "1".to_owned())).into(),
        answer: b"{}".to_vec(),
    }
}

fn kms(operation: &str, input: Value) -> Exchange {
    let headers =
        [("x-amz-target", &*format!("TrentService.{operation}")), ("content-type", "application/x-amz-json-1.1")];
    exchange("kms", "POST", "/", &headers, &input.to_string())
}

fn iam(form: &str) -> Exchange {
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    exchange("iam", "POST", "/", &headers, &format!("Version=2010-05-08&{form}"))
}

fn guardduty(method: &str, path: &str, input: Value) -> Exchange {
    exchange("guardduty", method, path, &[("content-type", "application/json")], &input.to_string())
}

const VERSIONING: &str = "<VersioningConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Status>Enabled</Status>\
                          </VersioningConfiguration>";
/// Of [`VERSIONING`].
const MD5: &str = "QQFYoy/mRYV9PGZUfFi0Bw==";

fn s3(target: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
    Exchange { answer: Vec::new(), ..exchange("s3", "PUT", target, headers, body) }
}

fn answered(request: Exchange, status: u16, answer: &str) -> Exchange {
    Exchange { status, answer: answer.as_bytes().to_vec(), ..request }
}

fn described(answer: Value) -> Exchange {
    answered(kms("DescribeKey", json!({ "KeyId": "1" })), 200, &answer.to_string())
}

/// Each with the words of what is found.
fn wrong() -> Vec<(&'static str, Exchange)> {
    let alias = |name: &str| kms("CreateAlias", json!({ "AliasName": name, "TargetKeyId": "1" }));
    let unsigned = {
        let mut exchange = kms("ListKeys", json!({}));
        exchange.headers.push(("x-amz-date".to_owned(), "20260101T000000Z".to_owned()));
        exchange
    };
    let role = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</Path>\
                <RoleName>r</RoleName><RoleId>AROAEXAMPLEEXAMPLE</RoleId><Colour>red</Colour></Role></GetRoleResult>\
                </GetRoleResponse>";
    vec![
        ("unknown service", exchange("nosuch", "POST", "/", &[], "")),
        ("unknown operation", kms("MakeKey", json!({}))),
        ("wrong prefix", {
            let headers = [("x-amz-target", "Kms.ListKeys"), ("content-type", "application/x-amz-json-1.1")];
            exchange("kms", "POST", "/", &headers, "{}")
        }),
        ("wrong content type", exchange("kms", "POST", "/", &[("x-amz-target", "TrentService.ListKeys")], "{}")),
        ("CreateAlias.TargetKeyId: a required member", kms("CreateAlias", json!({ "AliasName": "alias/x" }))),
        ("CreateKey.Colour: unknown member", kms("CreateKey", json!({ "Colour": "red" }))),
        ("CreateKey.KeySpec: not in the enum", kms("CreateKey", json!({ "KeySpec": "X" }))),
        ("CreateKey.MultiRegion: a boolean", kms("CreateKey", json!({ "MultiRegion": "yes" }))),
        ("CreateKey.Policy: null", kms("CreateKey", json!({ "Policy": null }))),
        ("CreateKey.Tags: a list", kms("CreateKey", json!({ "Tags": {} }))),
        ("ListKeys.Limit: LimitType takes 1000", kms("ListKeys", json!({ "Limit": 1001 }))),
        ("CreateAlias.AliasName: does not match", alias("alias/ x")),
        ("takes 256 characters at most", alias(&format!("alias/{}", "x".repeat(256)))),
        ("the header x-amz-date is not signed", unsigned),
        ("unknown parameter Colour", iam("Action=GetRole&RoleName=r&Colour=red")),
        ("takes 1 characters at least", iam("Action=GetRole&RoleName=")),
        ("GetRole.RoleName: a required member", iam("Action=GetRole")),
        ("wrong Version", {
            let headers = [("content-type", "application/x-www-form-urlencoded")];
            exchange("iam", "POST", "/", &headers, "Action=GetRole&RoleName=r&Version=1")
        }),
        ("no operation has this method and path", guardduty("PATCH", "/detector", json!({}))),
        ("unknown member colour", guardduty("POST", "/detector", json!({ "enable": true, "colour": 1 }))),
        ("CreateDetector.Enable: a required member", guardduty("POST", "/detector", json!({ "clientToken": "x" }))),
        ("a checksum is demanded", s3("/logs?versioning", &[], VERSIONING)),
        ("content-md5 is wrong", s3("/logs?versioning", &[("content-md5", "AAAA")], VERSIONING)),
        ("Status: not in the enum", s3("/logs?versioning", &[], &VERSIONING.replace("Enabled", "On"))),
        ("Colour: unknown element", s3("/logs?versioning", &[], &VERSIONING.replace("Status", "Colour"))),
        ("in another namespace", s3("/logs?versioning", &[], &VERSIONING.replace("2006", "2007"))),
        ("the root element is", s3("/logs?versioning", &[], &VERSIONING.replace("Configuration", "Setting"))),
        ("unknown header x-amz-colour", s3("/logs/key", &[("x-amz-colour", "red")], "")),
        ("unknown query parameter colour", s3("/logs/key?colour=red", &[], "")),
        ("x-id says GetObject", s3("/logs/key?x-id=GetObject", &[], "")),
        ("KeyState: not in the enum", described(json!({ "KeyMetadata": { "KeyId": "1", "KeyState": "Odd" } }))),
        ("KeyId: a required member", described(json!({ "KeyMetadata": { "KeyState": "Enabled" } }))),
        ("Colour: unknown member", described(json!({ "KeyMetadata": { "KeyId": "1", "Colour": 1 } }))),
        ("cannot read it", described(json!({ "KeyMetadata": { "KeyId": "1", "CreationDate": "now" } }))),
        ("Colour: unknown element", answered(iam("Action=GetRole&RoleName=r"), 200, role)),
        (
            "another root element",
            answered(iam("Action=GetRole&RoleName=r"), 200, &role.replace("GetRoleResponse", "GetResponse")),
        ),
        ("cannot read it", answered(iam("Action=GetRole&RoleName=r"), 200, "nonsense")),
        ("a body where the model has none", answered(alias("alias/x"), 200, "{\"AliasArn\": \"x\"}")),
        ("not among the operation's", answered(alias("alias/x"), 400, "{\"__type\": \"OddException\"}")),
        ("the error 400 is not among", answered(alias("alias/x"), 400, "{}")),
        (
            "unknown member colour",
            answered(alias("alias/x"), 400, "{\"__type\": \"LimitExceededException\", \"colour\": 1}"),
        ),
        ("has the status 500", {
            let xml = "<ErrorResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><Error><Type>Sender</Type>\
                       <Code>NoSuchEntity</Code><Message>m</Message></Error><RequestId>1</RequestId></ErrorResponse>";
            answered(iam("Action=GetRole&RoleName=r"), 500, xml)
        }),
        ("no request id", Exchange { answer_headers: Vec::new(), ..alias("alias/x") }),
    ]
}

#[test]
fn the_judge_sees_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wrong.jsonl");
    let wrong = wrong();
    let lines: Vec<String> =
        wrong.iter().enumerate().map(|(nth, (_, exchange))| line(&nth.to_string(), exchange).to_string()).collect();
    std::fs::write(&path, lines.join("\n")).unwrap();
    let report = judged(&path);
    let findings = report["findings"].as_array().unwrap();
    assert_eq!(report["judged"], wrong.len());
    let missed: Vec<String> = wrong
        .iter()
        .enumerate()
        .filter(|(nth, (words, _))| {
            let of_it = |one: &&Value| one["run"] == *nth.to_string() || one["count"].as_u64() > Some(1);
            !findings.iter().filter(of_it).any(|one| one["rule"].as_str().unwrap().contains(words))
        })
        .map(|(nth, (words, _))| format!("{nth}: {words}"))
        .collect();
    assert!(missed.is_empty(), "the judge is blind to {missed:#?}: it finds {findings:#?}");
}

#[test]
fn the_judge_has_nothing_to_say_of_what_is_right() {
    let role = "<GetRoleResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetRoleResult><Role><Path>/</Path>\
                <RoleName>r</RoleName><RoleId>AROAEXAMPLEEXAMPLE</RoleId><Arn>arn:aws:iam::111111111111:role/r</Arn>\
                <CreateDate>2026-01-01T00:00:00Z</CreateDate></Role></GetRoleResult><ResponseMetadata><RequestId>1\
                </RequestId></ResponseMetadata></GetRoleResponse>";
    let right = [
        described(json!({ "KeyMetadata": { "KeyId": "1", "KeyState": "Enabled", "CreationDate": 1.5e9 } })),
        answered(kms("CreateAlias", json!({ "AliasName": "alias/x", "TargetKeyId": "1" })), 200, ""),
        answered(
            kms("CreateAlias", json!({ "AliasName": "alias/x", "TargetKeyId": "1" })),
            400,
            "{\"__type\": \"AccessDeniedException\"}",
        ),
        answered(iam("Action=GetRole&RoleName=r"), 200, role),
        answered(guardduty("POST", "/detector", json!({ "enable": true })), 200, "{\"detectorId\": \"d\"}"),
        s3("/logs?versioning", &[("content-md5", MD5)], VERSIONING),
        s3("/logs/a/b?x-id=PutObject", &[("if-none-match", "*")], "x"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("right.jsonl");
    std::fs::write(&path, right.iter().map(|one| format!("{}\n", line("right", one))).collect::<String>()).unwrap();
    let report = judged(&path);
    assert_eq!((&report["findings"], &report["judged"]), (&json!([]), &json!(right.len())));
}
