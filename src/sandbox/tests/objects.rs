//! Objects: written under conditions, encrypted as asked for, read back.

use std::collections::BTreeSet;
use std::time::Duration;

use super::cloud::{Hand, Local, header};
use super::*;

async fn owner() -> (Sandbox, Chain, Client) {
    let sandbox = start().await;
    let chain = chain(&sandbox).await;
    assert_eq!(log_bucket(&chain.security).await.status, 204);
    let tokyo = chain.security.at("ap-northeast-1");
    (sandbox, chain, tokyo)
}

async fn put(client: &Client, headers: &[(&str, &str)], body: &str) -> Answered {
    client.send("s3", "PUT", "/logs-bucket/lock", headers, body.as_bytes()).await
}

async fn get(client: &Client, method: &str, headers: &[(&str, &str)]) -> Answered {
    client.send("s3", method, "/logs-bucket/lock", headers, &[]).await
}

#[tokio::test]
async fn a_conditional_write_happens_only_under_its_condition() {
    let (_sandbox, _, tokyo) = owner().await;
    let status = |answered: &Answered| (answered.status, answered.code());
    let missing = put(&tokyo, &[("if-match", "\"0\"")], "x").await;
    assert_eq!(status(&missing), (404, "NoSuchKey".to_owned()));
    let tag = [("if-none-match", "\"0\"")];
    assert_eq!(status(&put(&tokyo, &tag, "x").await), (501, "NotImplemented".to_owned()));
    let made = put(&tokyo, &[("if-none-match", "*")], "first").await;
    assert_eq!(made.status, 200);
    let first = made.header("etag").unwrap().to_owned();
    let again = put(&tokyo, &[("if-none-match", "*")], "second").await;
    assert_eq!(status(&again), (412, "PreconditionFailed".to_owned()));
    assert_eq!(get(&tokyo, "GET", &[]).await.body, "first");
    let renewed = put(&tokyo, &[("if-match", &first)], "second").await;
    assert_eq!(renewed.status, 200);
    let second = renewed.header("etag").unwrap().to_owned();
    assert_ne!(first, second);
    // The tag without its quotes will do; that of the write before will not.
    let stale = put(&tokyo, &[("if-match", &first)], "third").await;
    assert_eq!(status(&stale), (412, "PreconditionFailed".to_owned()));
    assert_eq!(put(&tokyo, &[("if-match", second.trim_matches('"'))], "third").await.status, 200);
    let head = get(&tokyo, "HEAD", &[]).await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some("5"));
    assert_eq!(head.header("etag"), get(&tokyo, "GET", &[]).await.header("etag"));
    let third = head.header("etag").unwrap().to_owned();
    assert_eq!(get(&tokyo, "GET", &[("if-none-match", &third)]).await.status, 304);
    assert_eq!(get(&tokyo, "GET", &[("if-match", &second)]).await.status, 412);
    assert_eq!(get(&tokyo, "DELETE", &[("if-match", &second)]).await.status, 412);
    assert_eq!(get(&tokyo, "DELETE", &[("if-match", &third)]).await.status, 204);
    assert_eq!(get(&tokyo, "HEAD", &[]).await.status, 404);
    assert_eq!(put(&tokyo, &[("if-none-match", "*")], "fourth").await.status, 200);
}

#[tokio::test]
async fn an_etag_is_of_the_bytes_or_with_kms_of_the_write() {
    let (_sandbox, chain, tokyo) = owner().await;
    let etag = |answered: &Answered| answered.header("etag").unwrap().to_owned();
    let plain = put(&tokyo, &[], "a").await;
    // The digest of RFC 1321 for it.
    assert_eq!(etag(&plain), "\"0cc175b9c0f1b6a831c399e269772661\"");
    assert_eq!(etag(&put(&tokyo, &[], "a").await), etag(&plain));
    let key = log_key(&tokyo, None).await;
    let kms = [("x-amz-server-side-encryption", "aws:kms"), ("x-amz-server-side-encryption-aws-kms-key-id", &key)];
    let mut tags = BTreeSet::new();
    for _ in 0..3 {
        let written = put(&tokyo, &kms, "a").await;
        assert_eq!(written.header("x-amz-server-side-encryption-aws-kms-key-id"), Some(key.as_str()));
        tags.insert(etag(&written));
    }
    assert_eq!(tags.len(), 3);
    let got = get(&tokyo, "GET", &[]).await;
    assert_eq!((got.body.as_str(), got.header("x-amz-server-side-encryption")), ("a", Some("aws:kms")));
    // What is encrypted with a key cannot be read without it.
    chain.start.tamper(json!({ "do": "disable-key", "key": key })).await;
    assert_eq!(get(&tokyo, "GET", &[]).await.code(), "KMS.DisabledException");
    assert_eq!(put(&tokyo, &kms, "b").await.code(), "KMS.DisabledException");
    let aes = ("x-amz-server-side-encryption", "AES256");
    assert_eq!(put(&tokyo, &[aes], "b").await.status, 200);
    assert_eq!(get(&tokyo, "GET", &[]).await.body, "b");
    for (headers, code) in [
        (vec![("x-amz-server-side-encryption", "rot13")], "InvalidEncryptionAlgorithmError"),
        (vec![aes, kms[1]], "InvalidArgument"),
        (vec![kms[0], ("x-amz-server-side-encryption-aws-kms-key-id", "no-key")], "KMS.NotFoundException"),
    ] {
        assert_eq!(put(&tokyo, &headers, "c").await.code(), code);
    }
}

#[tokio::test]
async fn objects_obey_the_owner_and_the_policy() {
    let (_sandbox, chain, tokyo) = owner().await;
    assert_eq!(put(&tokyo, &[("x-amz-expected-bucket-owner", SECURITY)], "x").await.status, 200);
    for method in ["PUT", "GET"] {
        assert_eq!(get(&tokyo, method, &[("x-amz-expected-bucket-owner", PROJECT)]).await.code(), "AccessDenied");
    }
    assert_eq!(put(&chain.project.at("ap-northeast-1"), &[], "x").await.code(), "AccessDenied");
    // Only conditional writes, and only with the key.
    let deny = |condition: Value| {
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs-bucket/*",
              "Condition": condition }] })
    };
    assert_eq!(put_policy(&tokyo, &deny(json!({ "Null": { "s3:if-match": "true" } }))).await.status, 204);
    assert_eq!(put(&tokyo, &[], "y").await.code(), "AccessDenied");
    assert_eq!(put(&tokyo, &[("if-match", "*")], "y").await.status, 200);
    let encrypted = json!({ "StringNotEquals": { "s3:x-amz-server-side-encryption": "AES256" } });
    assert_eq!(put_policy(&tokyo, &deny(encrypted)).await.status, 204);
    assert_eq!(put(&tokyo, &[], "z").await.code(), "AccessDenied");
    assert_eq!(put(&tokyo, &[("x-amz-server-side-encryption", "AES256")], "z").await.status, 200);
}

#[test]
fn an_object_is_dated_by_the_simulations_clock() {
    let hand = Hand::new();
    let options = Options { clock: hand.clock(), ..Options::default() };
    let [client, ..] = Local::new(&Sandbox::in_process(&profiles(false), options)).chain();
    assert_eq!(client.send("s3", "PUT", "/some-bucket", &[], &[]).status, 200);
    assert_eq!(client.send("s3", "PUT", "/some-bucket/lock", &[], b"x").status, 200);
    hand.pass(Duration::from_secs(90));
    let head = client.send("s3", "HEAD", "/some-bucket/lock", &[], &[]);
    assert_eq!(header(&head, "last-modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    assert_eq!(header(&head, "date"), Some("Thu, 01 Jan 2026 00:01:30 GMT"));
}
