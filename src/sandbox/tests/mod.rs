//! The simulation over real HTTP, by a client that only puts a credential scope into its `Authorization` header.

mod accounts;
mod buckets;
mod client;
mod cloud;
mod delivery;
mod detectors;
mod events;
mod exclusions;
mod faults;
mod functions;
mod identity;
mod keys;
mod members;
mod objects;
mod publishing;
mod rates;
mod recorders;
mod roles;
mod rules;
mod server;
mod topics;
mod trails;

use crate::config::{Account, Duty, ExternalId, Hop, Jump, Limits, Mfa, Profiles, RegionChoice, Via};
use crate::model::{AccountId, Arn, Partition};

use serde_json::{Value, json};

pub(super) use client::{Answered, Client};

use super::{Options, Sandbox};

pub(super) const JUMP: &str = "111111111111";
pub(super) const SECURITY: &str = "222222222222";
pub(super) const PROJECT: &str = "333333333333";
pub(super) const OTHER: &str = "444444444444";

fn hop(account: &str, role: &str, external_id: Option<&str>) -> Hop {
    Hop {
        role: Arn::role(Partition::Aws, account.parse().unwrap(), role),
        external_id: external_id.map(ExternalId::new),
        session_name: "baseline".to_owned(),
        source_identity: None,
    }
}

fn account(id: &str, duty: Duty, hop: Hop, via: Via) -> Account {
    Account {
        id: id.parse().unwrap(),
        email: None,
        name: id.to_owned(),
        duty,
        baseline: true,
        hop: Some(hop),
        via,
        groups: [].into(),
        wave: 0,
        regions: RegionChoice { list: None, include: vec!["*".parse().unwrap()], exclude: Vec::new() },
        take_over: [].into(),
    }
}

/// Jump, security and two projects, each with its role; `mfa` puts a device before the first.
pub(super) fn profiles(mfa: bool) -> Profiles {
    let jump_hop = hop(JUMP, "Jump", None);
    Profiles {
        partition: Partition::Aws,
        jump: Jump {
            profile: None,
            account: Some(JUMP.parse().unwrap()),
            hop: Some(jump_hop.clone()),
            mfa: mfa.then(|| Mfa { serial: format!("arn:aws:iam::{JUMP}:mfa/alice"), command: None }),
            duration_seconds: Some(7200),
            sts_region: None,
        },
        security: SECURITY.parse().unwrap(),
        bucket_owner: SECURITY.parse().unwrap(),
        home_region: "ap-northeast-1".parse().unwrap(),
        accounts: vec![
            account(JUMP, Duty::Jump, jump_hop, Via::Jump),
            account(SECURITY, Duty::Security, hop(SECURITY, "Security", Some("sec-id")), Via::Jump),
            account(PROJECT, Duty::Project, hop(PROJECT, "Execution", Some("project-id")), Via::Security),
            account(OTHER, Duty::Project, hop(OTHER, "team/Execution", Some("project-id")), Via::Security),
        ],
        rollout: Limits::default(),
        trusted: Vec::new(),
    }
}

pub(super) async fn start() -> Sandbox {
    let me: AccountId = PROJECT.parse().unwrap();
    let options = Options { opt_in: vec![(me, "ap-east-1".parse().unwrap())], ..Options::default() };
    Sandbox::start(&profiles(false), options).await.unwrap()
}

/// The clients of a chain walked as `profiles.toml` says it: jump, security, project, the other project.
pub(super) struct Chain {
    pub start: Client,
    pub jump: Client,
    pub security: Client,
    pub project: Client,
    pub other: Client,
}

pub(super) async fn chain(sandbox: &Sandbox) -> Chain {
    let start = Client::new(sandbox);
    let jump = start.assume(JUMP, "Jump", &[]).await;
    let security = jump.assume(SECURITY, "Security", &[("ExternalId", "sec-id")]).await;
    let project = security.assume(PROJECT, "Execution", &[("ExternalId", "project-id")]).await;
    let other = security.assume(OTHER, "team/Execution", &[("ExternalId", "project-id")]).await;
    Chain { start, jump, security, project, other }
}

/// The log bucket that CloudTrail asks for, in `ap-northeast-1`, with the least policy that lets both projects in.
pub(super) async fn log_bucket(owner: &Client) -> Answered {
    let owner = owner.at("ap-northeast-1");
    let constraint = "<CreateBucketConfiguration><LocationConstraint>ap-northeast-1</LocationConstraint>\
                      </CreateBucketConfiguration>";
    assert_eq!(owner.send("s3", "PUT", "/logs-bucket", &[], constraint.as_bytes()).await.code(), "ok");
    put_policy(&owner, &bucket_policy()).await
}

pub(super) async fn put_policy(owner: &Client, policy: &Value) -> Answered {
    owner.send("s3", "PUT", "/logs-bucket?policy", &[], policy.to_string().as_bytes()).await
}

pub(super) fn bucket_policy() -> Value {
    let service = json!({ "Service": "cloudtrail.amazonaws.com" });
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Check", "Effect": "Allow", "Principal": service, "Action": "s3:GetBucketAcl",
          "Resource": "arn:aws:s3:::logs-bucket",
          "Condition": { "StringEquals": { "aws:SourceAccount": [PROJECT, OTHER] } } },
        { "Sid": "Put", "Effect": "Allow", "Principal": service, "Action": "s3:PutObject",
          "Resource": [
              format!("arn:aws:s3:::logs-bucket/AWSLogs/{PROJECT}/*"), format!("arn:aws:s3:::logs-bucket/AWSLogs/{OTHER}/*"),
          ],
          "Condition": {
              "StringEquals": { "aws:SourceAccount": [PROJECT, OTHER], "s3:x-amz-acl": "bucket-owner-full-control" },
              "ArnLike": { "aws:SourceArn": format!("arn:aws:cloudtrail:*:{PROJECT}:trail/*") },
          } },
        { "Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
          "Resource": ["arn:aws:s3:::logs-bucket", "arn:aws:s3:::logs-bucket/*"],
          "Condition": { "Bool": { "aws:SecureTransport": "false" } } },
    ] })
}

/// A key of the security account in the client's Region; gives its ARN.
pub(super) async fn log_key(owner: &Client, policy: Option<Value>) -> String {
    let input = policy.map_or_else(|| json!({}), |policy| json!({ "Policy": policy.to_string() }));
    let made = owner.json("kms", "CreateKey", input).await;
    assert_eq!(made.status, 200, "{}", made.body);
    made.json()["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

pub(super) fn key_policy() -> Value {
    let service = json!({ "Service": "cloudtrail.amazonaws.com" });
    let trails = format!("arn:aws:cloudtrail:*:{PROJECT}:trail/*");
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Root", "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{SECURITY}:root") },
          "Action": "kms:*", "Resource": "*" },
        { "Sid": "Encrypt", "Effect": "Allow", "Principal": service, "Action": "kms:GenerateDataKey*", "Resource": "*",
          "Condition": {
              "StringLike": { "kms:EncryptionContext:aws:cloudtrail:arn": trails },
              "StringEquals": { "aws:SourceAccount": [PROJECT] },
          } },
        { "Sid": "Describe", "Effect": "Allow", "Principal": service, "Action": "kms:DescribeKey", "Resource": "*" },
    ] })
}
