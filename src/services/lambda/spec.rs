use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::{Address, Arn, Region, Target};
use crate::policy::{Policy, Statement};
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::sns::{Protocol, Reach, principal, subscribed_from, topic_arn};
use crate::services::{About, Aside, Declared, Desired, Kept, Kind, Place, Resource, Spec, Tags, Terms};

/// The largest policy that a function takes, in bytes (AWS Lambda Developer Guide, "Lambda quotas": 20 KB).
pub const FUNCTION_POLICY_MAX_BYTES: usize = 20 * 1024;

/// The policy of a function, of which the statements that let our topics invoke it are ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Permission {
    /// Who may invoke it.
    pub policy: SharedPolicy,
    /// Whether there is no such function.
    #[serde(skip)]
    pub missing: Aside<bool>,
}

/// A function's policy has no tags.
static NO_TAGS: Tags = Tags::new();

/// The `Sid` of the statement that admits the topic of a Region; of the `nth`, where SNS may come under several names: one
/// statement takes one principal (AWS Lambda API Reference, `AddPermission`).
pub(in crate::services) fn statement_id(region: &Region, nth: usize) -> String {
    match nth {
        0 => format!("BaselineTopic-{region}"),
        _ => format!("BaselineTopic-{region}-{}", nth + 1),
    }
}

/// How many names SNS comes under at most.
const MOST_NAMES: usize = 2;

/// The operators that compare an ARN as Lambda's own does: which of them Lambda writes differs between its
/// documentation (`StringLike`) and its answers (`ArnLike`).
const SAME_OPERATORS: [&str; 4] = ["ArnEquals", "ArnLike", "StringEquals", "StringLike"];

impl Permission {
    /// A policy as Lambda holds it.
    pub fn seen(mut policy: Policy) -> Self {
        for statement in policy.statements.iter_mut().filter(|statement| statement.is_owned()) {
            statement.conditions = alike(&statement.conditions);
        }
        Permission { policy: SharedPolicy::seen(policy), missing: Aside(false) }
    }

    /// No function, and so no policy.
    pub fn of_no_function() -> Self {
        Permission { policy: SharedPolicy::seen(Policy::new(Vec::new())), missing: Aside(true) }
    }

    /// Our statements, by `Sid`, in a form in which they can be compared.
    pub(super) fn ours(&self) -> BTreeMap<String, Statement> {
        let owned = self.policy.document.owned();
        owned.filter_map(|statement| Some((statement.sid.clone()?, statement.canonical()))).collect()
    }
}

fn alike(conditions: &crate::policy::Conditions) -> crate::policy::Conditions {
    let mut alike = crate::policy::Conditions::new();
    for (operator, keys) in conditions {
        for (key, values) in keys {
            let is_source = key.eq_ignore_ascii_case("aws:SourceArn");
            let operator = match operator.as_str() {
                same if is_source
                    && SAME_OPERATORS.contains(&same)
                    && !values.iter().any(|v| v.contains(['*', '?'])) =>
                {
                    "ArnLike"
                }
                other => other,
            };
            alike.entry(operator.to_owned()).or_default().insert(key.clone(), values.clone());
        }
    }
    alike
}

/// The statement that lets the topic of a Region invoke a function, as `AddPermission` makes it.
fn statement(function: &Arn, (nth, principal): (usize, &str), topic: &Arn, region: &Region) -> Statement {
    Statement::allow(&statement_id(region, nth), ["lambda:InvokeFunction"])
        .for_services([principal])
        .on([function.to_string()])
        .when("ArnLike", "aws:SourceArn", [topic.to_string()])
}

impl Resource for Permission {
    const ABOUT: About = About {
        lives: "a subscribed function's account and Region",
        without: "the topics cannot invoke the function, and SNS drops the message",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        // A run that is narrowed sees fewer Regions: what lets in the topics of the others stays. A topic's ARN is its
        // own account's to give, so that it lets nobody else in.
        let wanted = self.ours();
        let example = wanted.values().next().cloned();
        let others = seen.policy.document.owned().filter(|statement| {
            let sid = statement.sid.as_deref().unwrap_or_default();
            !wanted.contains_key(sid) && example.as_ref().is_some_and(|example| admits_a_topic(statement, example))
        });
        let others: Vec<Statement> = others.cloned().collect();
        self.policy.document.statements.extend(others);
        self.policy.adopt(&seen.policy);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let name = terms.address.as_ref().map_or("it", |address| &address.name);
        if seen.is_some_and(|seen| seen.missing.0) {
            return vec![format!(
                "function {name} does not exist, so that nothing can be delivered to it: create it, or correct its ARN \
                 under [[notify.subscription]]"
            )];
        }
        let actions = ["lambda:AddPermission", "lambda:RemovePermission", "lambda:GetPolicy"];
        let survival = Survival { actions: &actions, resource: "*" };
        // No logs hang on it.
        let terms = Terms { allow_remove_accounts: true, ..terms.clone() };
        let seen = seen.map(|seen| &seen.policy);
        self.policy.refusals(seen, &terms, "function policy", FUNCTION_POLICY_MAX_BYTES, &survival)
    }
}

/// Whether a statement is what we write for the topic of some Region, going by one that we write now: the same but for
/// the Region.
fn admits_a_topic(statement: &Statement, example: &Statement) -> bool {
    let source = |statement: &Statement| {
        let keys = statement.conditions.get("ArnLike")?;
        let (_, values) = keys.iter().find(|(key, _)| key.eq_ignore_ascii_case("aws:SourceArn"))?;
        let [arn] = values.as_slice() else { return None };
        arn.parse::<Arn>().ok()
    };
    let (Some(topic), Some(like)) = (source(statement), source(example)) else { return false };
    let Some(region) = topic.region() else { return false };
    let same_topic = (topic.partition(), topic.service(), topic.account(), topic.resource())
        == (like.partition(), like.service(), like.account(), like.resource());
    let Some(function) = example.resources.as_ref().and_then(|r| r.arns().first()?.parse::<Arn>().ok()) else {
        return false;
    };
    let principals = ["sns.amazonaws.com".to_owned(), format!("sns.{region}.amazonaws.com")];
    let same = |nth: usize, principal: &str| {
        self::statement(&function, (nth, principal), &topic, region).canonical() == statement.canonical()
    };
    same_topic && (0..MOST_NAMES).any(|nth| principals.iter().any(|principal| same(nth, principal)))
}

/// The permissions of the functions that are declared as endpoints, in the account that owns them.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(notify) = &declared.baseline.notify else { return Vec::new() };
    let partition = declared.profiles.partition;
    let functions = subscribed_from(declared, place.account.id, Protocol::Lambda);
    let desired = functions.filter_map(|(_, function)| {
        let address = address(function)?;
        let there = function.region()?;
        let topics = declared.shared.hub.iter().flat_map(|region| {
            let names = match principal(partition, Protocol::Lambda, region, there) {
                Reach::As(names) => names,
                Reach::Never => Default::default(),
            };
            let topic = topic_arn(declared, notify, region);
            let made = names.iter().enumerate().map(|(nth, name)| statement(function, (nth, name), &topic, region));
            made.collect::<Vec<_>>()
        });
        let statements: Vec<Statement> = topics.collect();
        let spec = Permission { policy: SharedPolicy::ours(statements, false), missing: Aside(false) };
        (!spec.policy.document.statements.is_empty())
            .then(|| Desired::new(address, Spec::LambdaPermission(Box::new(spec)), Vec::new()))
    });
    desired.collect()
}

/// Where a function's permissions are; the name is the function's, with its version or alias where it has one.
fn address(function: &Arn) -> Option<Address> {
    let target = Target::new(function.account()?, function.region()?.clone());
    Some(Address::new(target, Kind::LambdaPermission, function.resource().strip_prefix("function:")?))
}

/// The Regions of the functions that are declared as endpoints.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let mut cells: Vec<Target> = desire(declared, place).into_iter().map(|desired| desired.address.target).collect();
    cells.sort();
    cells.dedup();
    cells
}
