//! Whether events and what is told of them still arrive: other people's statements in the policies of the receiving buses,
//! of the topics and of the queues that deny it. Our own only allow, and one of theirs that denies wins over them.

use std::collections::{BTreeMap, BTreeSet};

use super::exposure::owns_all;
use super::sns::Protocol;
use super::{Declared, Found, Note, Reading, Spec, Undelivered, eventbridge, iam, sns};
use crate::config::Overridable;
use crate::model::{AccountId, Address, Arn, Region};
use crate::policy::{Caller, Denial, Effect, Policy, Request, denials};

/// What a request that EventBridge or SNS makes is known to lack: it does not come through an endpoint of anybody's
/// network (IAM User Guide, "AWS global condition context keys": `aws:SourceVpce`, "Availability").
const ABSENT: [&str; 3] = ["aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"];
/// What one of a service that acts for itself lacks besides (there: `aws:PrincipalOrgID`, `aws:PrincipalTag`).
const ABSENT_OF_SERVICE: [&str; 6] =
    ["aws:PrincipalOrgID", "aws:PrincipalOrgPaths", "aws:PrincipalTag/*", ABSENT[0], ABSENT[1], ABSENT[2]];
/// The service that publishes what the rules of a bus match.
const EVENTS: &str = "events.amazonaws.com";
/// How many senders are named.
const NAMED: usize = 3;

/// One request that has to be let in.
struct Ask {
    /// Whose it is, in words.
    who: String,
    /// The service, or the ARN of a role's session.
    caller: String,
    is_service: bool,
    action: &'static str,
    resource: String,
    context: BTreeMap<String, Vec<String>>,
}

/// Adds to a reading what in its policies keeps events and messages out. What certainly does is undelivered; what may is a
/// note.
pub fn mute(reading: &mut Reading, declared: &Declared<'_>) {
    let Reading { found, undelivered, notes, .. } = reading;
    for Found { address, spec, arn, .. } in found.iter() {
        let (policy, what, lost) = match spec {
            Spec::EventbridgeBus(bus) => (&bus.policy.document, "bus policy", "events do not arrive"),
            Spec::SnsTopic(topic) => (&topic.policy.document, "topic policy", "nobody is told of events"),
            Spec::SqsQueuePolicy(queue) => (&queue.policy.document, "queue policy", "messages do not arrive"),
            _ => continue,
        };
        // Where the whole document is declared ours, a statement of somebody else's is drift.
        if owns_all(declared, spec) || !policy.foreign().any(|statement| statement.effect == Effect::Deny) {
            continue;
        }
        let asks = match spec {
            Spec::EventbridgeBus(_) => to_bus(declared, &address.target.region, arn),
            Spec::SnsTopic(_) => to_topic(declared, arn),
            _ => to_queue(declared, arn),
        };
        judge(address, policy, (what, lost), &asks, undelivered, notes);
    }
}

fn one(key: &str, value: impl Into<String>) -> (String, Vec<String>) {
    (key.to_owned(), vec![value.into()])
}

/// The forwarding role of each account that sends from the bus's Region: EventBridge assumes it to put the events there
/// (EventBridge User Guide, "Sending and receiving events between AWS accounts"). What else these requests carry is not
/// documented.
fn to_bus(declared: &Declared<'_>, region: &Region, bus: &Arn) -> Vec<Ask> {
    let partition = declared.profiles.partition;
    let sends = |id: &AccountId| {
        declared
            .profiles
            .account(*id)
            .is_some_and(|account| account.baseline && declared.baseline.keeps_in(account, Overridable::Events, region))
    };
    let here = |id: &AccountId| declared.shared.regions.get(id).is_some_and(|regions| regions.contains(region));
    let senders = eventbridge::senders(declared).into_iter().filter(|id| sends(id) && here(id));
    senders
        .filter_map(|id| {
            let role = iam::forwarding_role(declared, id)?.name;
            Some(Ask {
                who: format!("account {id}"),
                caller: format!("arn:{partition}:sts::{id}:assumed-role/{role}/events"),
                is_service: false,
                action: "events:PutEvents",
                resource: bus.to_string(),
                context: [one("aws:SecureTransport", "true")].into(),
            })
        })
        .collect()
}

/// EventBridge, which publishes what the rules of the bus match; which keys about the source it sends is not documented
/// (EventBridge User Guide, "Amazon SNS permissions": conditions are not supported there).
fn to_topic(declared: &Declared<'_>, topic: &Arn) -> Vec<Ask> {
    if declared.baseline.events.is_none() {
        return Vec::new();
    }
    vec![Ask {
        who: EVENTS.to_owned(),
        caller: EVENTS.to_owned(),
        is_service: true,
        action: "sns:Publish",
        resource: topic.to_string(),
        context: [one("aws:SecureTransport", "true")].into(),
    }]
}

/// SNS, for the topic of each Region (SQS Developer Guide, "Basic examples of IAM policies"; SNS Developer Guide,
/// "Subscribing an Amazon SQS queue to an Amazon SNS topic").
fn to_queue(declared: &Declared<'_>, queue: &Arn) -> Vec<Ask> {
    let (Some(notify), Some(region)) = (&declared.baseline.notify, queue.region()) else { return Vec::new() };
    let mut asks = Vec::new();
    for from in &declared.shared.hub {
        let topic = sns::topic_arn(declared, notify, from);
        for name in sns::delivers_as(declared.profiles.partition, Protocol::Sqs, from, region) {
            asks.push(Ask {
                who: format!("{name} for the topic of {from}"),
                caller: name,
                is_service: true,
                action: "sqs:SendMessage",
                resource: queue.to_string(),
                context: [
                    one("aws:SourceArn", topic.to_string()),
                    one("aws:SourceAccount", declared.profiles.security.to_string()),
                    one("aws:SecureTransport", "true"),
                ]
                .into(),
            });
        }
    }
    asks
}

/// Whom one statement keeps out.
#[derive(Default)]
struct Effects<'a> {
    denied: BTreeSet<&'a str>,
    may_be: BTreeSet<&'a str>,
    untold: BTreeSet<String>,
}

fn judge(
    address: &Address,
    policy: &Policy,
    (what, lost): (&str, &str),
    asks: &[Ask],
    undelivered: &mut Vec<Undelivered>,
    notes: &mut Vec<Note>,
) {
    let mut statements: BTreeMap<usize, (Option<String>, Effects<'_>)> = BTreeMap::new();
    let all: BTreeSet<&str> = asks.iter().map(|ask| ask.who.as_str()).collect();
    for ask in asks {
        let principal = if ask.is_service { Caller::Service(&ask.caller) } else { Caller::Aws(&ask.caller) };
        let request = Request { principal, action: ask.action, resource: &ask.resource, context: &ask.context };
        let absent: &[&str] = if ask.is_service { &ABSENT_OF_SERVICE } else { &ABSENT };
        for Denial { index, sid, certain, untold } in denials(policy, &request, absent) {
            let (_, effects) = statements.entry(index).or_insert_with(|| (sid, Effects::default()));
            if certain {
                effects.denied.insert(&ask.who);
            } else {
                effects.may_be.insert(&ask.who);
                effects.untold.extend(untold);
            }
        }
    }
    let action = asks.first().map_or("", |ask| ask.action);
    let ours = |index: &usize| policy.statements.get(*index).is_some_and(|statement| statement.is_owned());
    for (index, (sid, effects)) in statements.into_iter().filter(|(index, _)| !ours(index)) {
        let name = match sid {
            Some(sid) => format!("statement `{sid}`"),
            None => format!("statement {} (without a Sid)", index + 1),
        };
        if !effects.denied.is_empty() {
            undelivered.push(Undelivered {
                address: address.clone(),
                reason: format!(
                    "{name} of the {what}, which is not ours, denies {action} to {}: {lost}",
                    named(&effects.denied, &all)
                ),
                hint: "change the statement so that it spares them, or remove it".to_owned(),
            });
        }
        if !effects.may_be.is_empty() {
            let untold: Vec<&str> = effects.untold.iter().map(String::as_str).collect();
            let why = match untold.as_slice() {
                [] => "its principals, resources or variables cannot be told in advance".to_owned(),
                keys => format!("that hangs on {}, which cannot be told in advance", keys.join(" and ")),
            };
            notes.push(Note {
                target: address.target.clone(),
                topic: "may-deny-delivery".to_owned(),
                text: format!("{name} of the {what} may deny {action} to {}: {why}", named(&effects.may_be, &all)),
            });
        }
    }
}

/// `account 333333333333, account 444444444444 and 2 more`.
fn named(these: &BTreeSet<&str>, all: &BTreeSet<&str>) -> String {
    if these == all && all.len() > NAMED {
        return format!("all {} senders", all.len());
    }
    let first: Vec<&str> = these.iter().take(NAMED).copied().collect();
    match these.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
