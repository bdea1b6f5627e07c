//! Who is let in by other people's statements in the policies that this baseline relies on.
//!
//! What is not ours is left alone and never left unsaid: a statement that lets in somebody whom profiles.toml does not name
//! is exposed, on every run, until it is removed, the reader is declared as a `[[trusted_account]]`, or an `[[exception]]`
//! accepts it. Start reading at [`expose`].

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Declared, Exposed, Found, Note, Ownership, Reading, SharedPolicy, Spec, s3};
use crate::config::{Baseline, Profiles};
use crate::model::{AccountId, Address, Arn};
use crate::policy::{Actions, Party, Policy, Resources, Statement};
use crate::services::Kind;

/// Adds to a reading what the policies in it let strangers do. Policies of functions are left out: what invokes a function
/// that somebody else wrote opens nothing of this baseline.
pub fn expose(reading: &mut Reading, declared: &Declared<'_>) {
    let Reading { found, exposed, notes, .. } = reading;
    exposed.extend(found.iter().flat_map(|found| outlets(found, declared)));
    for Found { address, spec, arn, .. } in found.iter() {
        let (policy, what, relied_on) = match spec {
            Spec::S3Bucket(bucket) => (&bucket.policy, "bucket policy", s3::relied_on(declared, arn)),
            Spec::KmsKey(key) => (&key.policy, "key policy", Vec::new()),
            Spec::SnsTopic(topic) => (&topic.policy, "topic policy", Vec::new()),
            Spec::SqsQueuePolicy(queue) => (&queue.policy, "queue policy", Vec::new()),
            Spec::EventbridgeBus(bus) => (&bus.policy, "bus policy", Vec::new()),
            _ => continue,
        };
        // Where the whole document is declared ours, a statement of somebody else's is drift.
        if owns_all(declared, spec) {
            continue;
        }
        let (strangers, worth) = judge(policy, &Protected { address, what, relied_on }, declared.profiles);
        exposed.extend(strangers);
        notes.extend(worth);
    }
}

/// Where a trail or a delivery channel of ours sends besides, outside the estate: a topic of another account is allowed
/// (AWS Config Developer Guide, "Permissions for the Amazon SNS Topic"; CloudTrail User Guide, "Amazon SNS topic policy
/// for CloudTrail"). It is not declared, stays as it is, and has to be said.
fn outlets(found: &Found, declared: &Declared<'_>) -> Vec<Exposed> {
    if found.ownership != Ownership::Ours {
        return Vec::new();
    }
    let name = &found.address.name;
    let ways: Vec<(String, Option<&String>)> = match &found.spec {
        Spec::ConfigDeliveryChannel(channel) => {
            vec![(
                format!("delivery channel `{name}` sends every change of a configuration"),
                channel.sns_topic.as_ref(),
            )]
        }
        Spec::CloudtrailTrail(trail) => vec![
            (format!("trail `{name}` tells of every log file"), trail.rest.get("SnsTopicARN")),
            (format!("trail `{name}` sends every event"), trail.rest.get("CloudWatchLogsLogGroupArn")),
        ],
        _ => Vec::new(),
    };
    let outside = ways.into_iter().filter_map(|(what, to)| {
        let to = to?;
        let account = to.parse::<Arn>().ok().and_then(|arn| arn.account());
        let trusted = |id: AccountId| declared.profiles.trusted.iter().any(|one| one.id == id);
        if account.is_some_and(|id| declared.profiles.account(id).is_some() || trusted(id)) {
            return None;
        }
        let whose = account.map_or("somebody whom its ARN does not tell".to_owned(), |id| {
            format!("account {id}, which profiles.toml does not name")
        });
        let hint =
            "if it is meant, accept it or name the account in profiles.toml; otherwise take it off by hand".to_owned();
        let reason = format!("{what} to {to}, of {whose}");
        Some(Exposed::new(found.address.clone(), reason, hint, &json!({ "sends_to": to })))
    });
    outside.collect()
}

/// Whether the declaration says `exclusive` of a resource's policy.
pub(super) fn owns_all(declared: &Declared<'_>, spec: &Spec) -> bool {
    let Baseline { log_bucket, log_key, events, notify, .. } = declared.baseline;
    match spec {
        Spec::S3Bucket(_) => log_bucket.as_ref().is_some_and(|bucket| bucket.exclusive),
        Spec::KmsKey(key) if key.holds_logs.0 => log_key.as_ref().is_some_and(|key| key.exclusive),
        Spec::KmsKey(_) | Spec::SnsTopic(_) => notify.as_ref().is_some_and(|notify| notify.exclusive),
        Spec::EventbridgeBus(_) => events.as_ref().is_some_and(|events| events.exclusive),
        _ => false,
    }
}

/// A policy, as far as its judge has to know what it protects.
pub(crate) struct Protected<'a> {
    /// The resource.
    pub address: &'a Address,
    /// What the policy is called, such as `bucket policy`.
    pub what: &'a str,
    /// The ARNs of what this baseline relies on, up to a wildcard; empty where that is the whole resource. A statement that
    /// is about something else in it exposes nothing of ours.
    pub relied_on: Vec<String>,
}

/// Services that write logs for whichever account: their documents know statements without a condition on the source, so
/// that what they may do is told and not called exposed. Sources: Elastic Load Balancing User Guides, "Enable access logs";
/// Amazon S3 User Guide, "Enabling Amazon S3 server access logging"; CloudWatch Logs User Guide, "Enable logging from AWS
/// services".
const LOG_DELIVERIES: [&str; 4] = [
    "delivery.logs.amazonaws.com",
    "logdelivery.elasticloadbalancing.amazonaws.com",
    "logdelivery.elb.amazonaws.com",
    "logging.s3.amazonaws.com",
];

/// Actions that only read, apart from those that [begin so](READ_VERBS): a reader of encrypted logs decrypts, and a reader
/// of alerts subscribes.
const READS: [&str; 3] = ["kms:decrypt", "sns:subscribe", "sns:receive"];
/// What the names of actions that only read begin with.
const READ_VERBS: [&str; 5] = ["get", "list", "describe", "head", "receivemessage"];

/// Actions that are named in a line before the rest is counted.
const NAMED: usize = 4;

/// Who a party is to this estate.
enum Standing {
    /// One of the estate, or somebody that cannot call.
    Known,
    /// Somebody to know about, and no stranger for certain.
    Worth(String),
    /// A stranger.
    Stranger(String),
}

/// What other people's statements of a policy let strangers do, and what is worth knowing besides.
pub(crate) fn judge(policy: &SharedPolicy, of: &Protected<'_>, profiles: &Profiles) -> (Vec<Exposed>, Vec<Note>) {
    let (mut exposed, mut notes) = (Vec::new(), Vec::new());
    for statement in policy.document.foreign().filter(|statement| concerns(statement, &of.relied_on)) {
        let (mut strangers, mut worth) = (Vec::new(), Vec::new());
        let reads = reads_only(&statement.actions);
        for party in statement.parties() {
            match standing(&party, of.address.kind, profiles, reads) {
                Standing::Known => {}
                Standing::Worth(who) => worth.push(who),
                Standing::Stranger(who) => strangers.push((party, who)),
            }
        }
        let (name, may) = (named(statement), actions(&statement.actions));
        if !strangers.is_empty() {
            let who: Vec<&str> = strangers.iter().map(|(_, who)| who.as_str()).collect();
            let reason = format!("{name} of the {} allows {may} to {}", of.what, who.join(", "));
            let hint = way_out(&strangers, reads);
            exposed.push(Exposed::new(of.address.clone(), reason, hint, &content(statement)));
        }
        if !worth.is_empty() {
            notes.push(Note {
                target: of.address.target.clone(),
                topic: "open-policy".to_owned(),
                text: format!(
                    "{name} of the {} allows {may} to {}; it is not ours and is left as it is",
                    of.what,
                    worth.join(", ")
                ),
            });
        }
    }
    (exposed, notes)
}

fn standing(party: &Party, kind: Kind, profiles: &Profiles, reads: bool) -> Standing {
    let name = |id: &AccountId| format!("account {id}, which profiles.toml does not name");
    match party {
        Party::Account(id) if profiles.account(*id).is_some() => Standing::Known,
        Party::Account(id) if reads && profiles.trusted.iter().any(|trusted| trusted.id == *id) => Standing::Known,
        Party::Account(id) => match profiles.trusted.iter().any(|trusted| trusted.id == *id) {
            true => Standing::Stranger(format!("account {id}, which is trusted to read and no more")),
            false => Standing::Stranger(name(id)),
        },
        Party::Everyone => Standing::Stranger("everyone".to_owned()),
        Party::Organization(id) => Standing::Stranger(format!("every account of the organization {id}")),
        // AWS forbids a condition there (EventBridge User Guide, "Using resource-based policies", Amazon SNS permissions).
        Party::Service(service) if kind == Kind::SnsTopic && service == "events.amazonaws.com" => Standing::Known,
        // Nor does EventBridge send a source where it encrypts for a topic (awslabs/modern-data-architecture-accelerator, SNS
        // module: a condition on the source works for CloudWatch and silently breaks EventBridge).
        Party::Service(service) if kind == Kind::KmsKey && service == "events.amazonaws.com" => {
            Standing::Worth(format!("{service}, for whichever account it works"))
        }
        Party::Service(service) if LOG_DELIVERIES.contains(&service.as_str()) => {
            Standing::Worth(format!("{service}, for whichever account it works"))
        }
        Party::Service(service) => Standing::Stranger(format!("{service}, for whichever account it works")),
        Party::Unknown(who) => Standing::Stranger(format!("{who}, of which the account is not known")),
        Party::Network(network) => Standing::Worth(format!("everyone who comes from {network}")),
        // It cannot call any more; what a policy that names it means for writing is said elsewhere.
        Party::Gone(_) => Standing::Known,
    }
}

fn way_out(strangers: &[(Party, String)], reads: bool) -> String {
    let accounts: Vec<String> = strangers
        .iter()
        .filter_map(|(party, _)| match party {
            Party::Account(id) => Some(id.to_string()),
            _ => None,
        })
        .collect();
    let service = strangers.iter().any(|(party, _)| matches!(party, Party::Service(_)));
    let remove = if service {
        "remove the statement, or pin the service to your accounts by aws:SourceAccount"
    } else {
        "remove the statement, or limit it to accounts that profiles.toml names"
    };
    match accounts.as_slice() {
        [] => remove.to_owned(),
        [id] if reads => format!(
            "{remove}; if the account is meant to read this, declare [[trusted_account]] in profiles.toml with id = \
             \"{id}\", reason and access = \"read\""
        ),
        _ if reads => format!("{remove}; a reader that is meant is a [[trusted_account]] in profiles.toml"),
        _ => remove.to_owned(),
    }
}

/// What an acceptance is bound to: the statement in canonical form, whatever its `Sid`.
fn content(statement: &Statement) -> Value {
    let unnamed = Statement { sid: None, ..statement.canonical() };
    let document = Policy::new(vec![unnamed]).to_json();
    // What this tool wrote is JSON.
    let mut document: Value = serde_json::from_str(&document).unwrap_or_default();
    json!({ "statement": document["Statement"][0].take() })
}

fn named(statement: &Statement) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {sid}"),
        None => "a statement without a Sid".to_owned(),
    }
}

fn actions(actions: &Actions) -> String {
    let names: BTreeSet<&str> = actions.names().iter().map(String::as_str).collect();
    let mut first: Vec<&str> = names.iter().take(NAMED).copied().collect();
    let more = format!("{} more actions", names.len().saturating_sub(NAMED));
    if names.len() > NAMED {
        first.push(&more);
    }
    match actions {
        Actions::Action(_) => first.join(", "),
        Actions::NotAction(_) => format!("everything but {}", first.join(", ")),
    }
}

/// Whether every action that a statement names only reads, whatever its wildcards match.
fn reads_only(actions: &Actions) -> bool {
    let Actions::Action(names) = actions else { return false };
    names.iter().all(|name| {
        let name = name.to_ascii_lowercase();
        if READS.contains(&name.as_str()) {
            return true;
        }
        let verb = name.split_once(':').map_or("", |(_, verb)| verb);
        let literal = verb.split(['*', '?']).next().unwrap_or_default();
        READ_VERBS.iter().any(|read| literal.starts_with(read))
    })
}

/// Whether a statement is about anything that is relied on.
fn concerns(statement: &Statement, relied_on: &[String]) -> bool {
    let Some(Resources::Resource(arns)) = &statement.resources else { return true };
    if relied_on.is_empty() {
        return true;
    }
    arns.iter().any(|arn| {
        let literal = arn.split(['*', '?', '$']).next().unwrap_or_default();
        let whole = literal.len() == arn.len();
        relied_on.iter().any(|relied| match whole {
            // Only itself, or something below what is relied on.
            true => literal == relied || (relied.ends_with('/') && literal.starts_with(relied.as_str())),
            false => relied.starts_with(literal) || (relied.ends_with('/') && literal.starts_with(relied.as_str())),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TrustedAccount;
    use crate::services::Service;
    use crate::services::estate::{BASELINE, Estate, PROFILES};

    const BUCKET: &str = "222222222222/eu-west-1/s3.bucket/logs";

    fn judged_of(statement: Statement, address: &str, relied_on: &[&str]) -> (Vec<Exposed>, Vec<Note>) {
        let mut estate = Estate::small();
        let trusted = TrustedAccount { id: "888888888888".parse().unwrap(), reason: "SIEM".to_owned() };
        estate.profiles.trusted = vec![trusted];
        let policy = SharedPolicy::seen(Policy::new(vec![statement]));
        let address = address.parse().unwrap();
        let relied_on = relied_on.iter().map(|arn| (*arn).to_owned()).collect();
        let of = Protected { address: &address, what: "bucket policy", relied_on };
        judge(&policy, &of, &estate.profiles)
    }

    fn judged(statement: Statement) -> (usize, usize) {
        let (exposed, notes) = judged_of(statement, BUCKET, &[]);
        (exposed.len(), notes.len())
    }

    fn reader() -> Statement {
        Statement::allow("Siem", ["s3:GetObject"]).on(["arn:aws:s3:::logs/*"])
    }

    #[test]
    fn a_stranger_is_exposed_and_one_of_the_estate_is_not() {
        let (exposed, _) = judged_of(reader().for_arns(["arn:aws:iam::999999999999:role/Reader"]), BUCKET, &[]);
        let reason = "statement Siem of the bucket policy allows s3:GetObject to account 999999999999, which profiles.toml does not name";
        assert_eq!(exposed[0].reason, reason);
        assert!(exposed[0].hint.contains("[[trusted_account]]"), "{}", exposed[0].hint);
        for inside in ["111111111111", "arn:aws:iam::222222222222:root", "arn:aws:sts::333333333333:assumed-role/A/b"] {
            assert_eq!(judged(reader().for_arns([inside])), (0, 0), "{inside}");
        }
        assert_eq!(judged(reader().for_everyone()), (1, 0));
        assert_eq!(judged(Statement::deny("D", ["s3:*"]).for_everyone()), (0, 0));
        assert_eq!(judged(reader().for_arns(["AROAEXAMPLE"])), (0, 0));
    }

    #[test]
    fn a_trusted_account_reads_and_does_nothing_else() {
        let trusted = |actions: &[&str]| {
            let statement = Statement::allow("Siem", actions.iter().copied()).for_arns(["888888888888"]);
            judged(statement).0
        };
        for reads in [
            &["s3:GetObject"][..],
            &["s3:Get*", "s3:ListBucket"],
            &["kms:Decrypt", "kms:DescribeKey"],
            &["SNS:Subscribe"],
        ] {
            assert_eq!(trusted(reads), 0, "{reads:?}");
        }
        for more in [
            &["s3:GetObject", "s3:DeleteObject"][..],
            &["s3:*"],
            &["s3:G*"],
            &["*"],
            &["s3:PutObject"],
            &["kms:CreateGrant"],
            &["events:PutEvents"],
            &["sqs:DeleteMessage"],
            &["s3:PutBucketPolicy"],
        ] {
            assert_eq!(trusted(more), 1, "{more:?}");
        }
        let mut all_but = reader().for_arns(["888888888888"]);
        all_but.actions = Actions::NotAction(vec!["s3:DeleteObject".to_owned()]);
        assert_eq!(judged(all_but).0, 1);
    }

    #[test]
    fn a_service_is_exposed_unless_it_works_for_the_estate() {
        let service = |name: &str| reader().for_services([name]);
        assert_eq!(judged(service("firehose.amazonaws.com")), (1, 0));
        let mine = service("firehose.amazonaws.com").when("StringEquals", "aws:SourceAccount", ["333333333333"]);
        assert_eq!(judged(mine), (0, 0));
        let theirs = service("firehose.amazonaws.com").when("StringEquals", "aws:SourceAccount", ["999999999999"]);
        assert_eq!(judged(theirs), (1, 0));
        assert_eq!(judged(service("delivery.logs.amazonaws.com")), (0, 1), "a note");
        let publish = Statement::allow("Events", ["sns:Publish"]).for_services(["events.amazonaws.com"]);
        let (exposed, notes) = judged_of(publish, "222222222222/eu-west-1/sns.topic/alerts", &[]);
        assert!(exposed.is_empty() && notes.is_empty());
    }

    #[test]
    fn an_acceptance_is_bound_to_what_a_statement_says_and_not_to_its_name() {
        let digest = |statement: Statement| judged_of(statement, BUCKET, &[]).0[0].digest.clone();
        let one = reader().for_arns(["999999999999"]);
        let renamed = Statement { sid: Some("Other".to_owned()), ..one.clone() };
        assert_eq!(digest(one.clone()), digest(renamed));
        let wider = Statement::allow("Siem", ["s3:GetObject", "s3:PutObject"]).on(["arn:aws:s3:::logs/*"]);
        assert_ne!(digest(one.clone()), digest(wider.for_arns(["999999999999"])));
        assert_ne!(digest(one.clone()), digest(one.for_arns(["777777777777"])));
    }

    #[test]
    fn a_trail_that_sends_out_of_the_estate_is_exposed_by_where_it_sends() {
        let estate = Estate::new(PROFILES, BASELINE);
        let desired = estate.desire(Service::Cloudtrail, "333333333333", &["us-east-1"]).remove(0);
        let told = |key: &str, to: &str, ownership| {
            let Spec::CloudtrailTrail(mut trail) = desired.spec.clone() else { panic!("{desired:?}") };
            trail.rest.insert(key.to_owned(), to.to_owned());
            let arn = "arn:aws:cloudtrail:us-east-1:333333333333:trail/baseline".parse().unwrap();
            let spec = Spec::CloudtrailTrail(trail);
            let found = Found { address: desired.address.clone(), spec, arn, ownership };
            outlets(&found, &estate.declared()).into_iter().map(|one| one.reason).collect::<Vec<_>>().join("")
        };
        let topic = |account: &str| told("SnsTopicARN", &format!("arn:aws:sns:us-east-1:{account}:t"), Ownership::Ours);
        assert!(topic("999999999999").contains("of account 999999999999, which profiles.toml does not name"));
        assert_eq!(topic("333333333333"), "");
        let group = "arn:aws:logs:us-east-1:999999999999:log-group:x:*";
        assert!(
            told("CloudWatchLogsLogGroupArn", group, Ownership::Ours).starts_with("trail `baseline` sends every event")
        );
        assert!(told("SnsTopicARN", "odd", Ownership::Ours).contains("somebody whom its ARN does not tell"));
        assert_eq!(told("SnsTopicARN", "odd", Ownership::Unmarked), "", "somebody else's trail is theirs");
    }

    #[test]
    fn what_is_about_another_part_of_the_bucket_exposes_nothing_of_ours() {
        let relied = ["arn:aws:s3:::logs", "arn:aws:s3:::logs/AWSLogs/", "arn:aws:s3:::logs/baseline/"];
        let on = |arn: &str| judged_of(reader().on([arn]).for_everyone(), BUCKET, &relied).0.len();
        for ours in [
            "arn:aws:s3:::logs/*",
            "arn:aws:s3:::logs/A*",
            "arn:aws:s3:::logs/AWSLogs/333333333333/*",
            "arn:aws:s3:::logs",
            "arn:aws:s3:::logs/baseline/lock",
            "*",
            "arn:aws:s3:::log?/*",
        ] {
            assert_eq!(on(ours), 1, "{ours}");
        }
        for other in ["arn:aws:s3:::logs/reports/*", "arn:aws:s3:::logs/AWSlogs/*", "arn:aws:s3:::logs/index.html"] {
            assert_eq!(on(other), 0, "{other}");
        }
    }
}
