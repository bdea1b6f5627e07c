use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::model::{Address, Arn, Partition, Target};
use crate::policy::{Policy, PrincipalType, Principals, Statement, Who};
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::sns::config::Notify;
use crate::services::sns::{Protocol, Reach, principal, subscribed_from};
use crate::services::{About, Aside, Declared, Desired, Kept, Kind, Place, Resource, Spec, Tags, Terms};

/// The largest policy that a queue takes, in bytes (SQS Developer Guide, "Amazon SQS policy quotas").
pub const QUEUE_POLICY_MAX_BYTES: usize = 8192;

/// The policy of a queue, of which the statement that lets our topics send to it is ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueuePolicy {
    /// Who may do what.
    pub policy: SharedPolicy,
    /// Whether there is no such queue.
    #[serde(skip)]
    pub missing: Aside<bool>,
    /// Whether the queue is encrypted with AWS's own key, which SNS cannot use.
    #[serde(skip)]
    pub has_aws_key: Aside<bool>,
}

/// A queue's tags are not looked at: it is somebody else's.
static NO_TAGS: Tags = Tags::new();

/// The `Sid` of our statement.
const SID: &str = "BaselineTopics";

impl QueuePolicy {
    /// A policy as SQS holds it.
    pub fn seen(policy: Policy, has_aws_key: bool) -> Self {
        QueuePolicy { policy: SharedPolicy::seen(policy), missing: Aside(false), has_aws_key: Aside(has_aws_key) }
    }

    /// No queue, and so no policy.
    pub fn of_no_queue() -> Self {
        QueuePolicy { missing: Aside(true), ..QueuePolicy::seen(Policy::new(Vec::new()), false) }
    }
}

/// The statement that lets the topics of all Regions send to a queue.
///
/// The topics' ARNs stand as one pattern over the Regions: a policy takes ten conditions and 8192 bytes, and which
/// Regions there are depends on what a run is narrowed to.
pub(in crate::services) fn statement(
    declared: &Declared<'_>,
    notify: &Notify,
    queue: &Arn,
    principals: impl IntoIterator<Item = String>,
) -> Statement {
    let profiles = declared.profiles;
    let topics = format!("arn:{}:sns:*:{}:{}", profiles.partition, profiles.security, notify.topic);
    Statement::allow(SID, ["sqs:SendMessage"]).for_services(principals).on([queue.to_string()]).when(
        "ArnLike",
        "aws:SourceArn",
        [topics],
    )
}

/// As whom SNS sends to a queue, over the topics of all Regions.
pub(in crate::services) fn principals(declared: &Declared<'_>, queue: &Arn) -> BTreeSet<String> {
    let partition = declared.profiles.partition;
    let Some(region) = queue.region() else { return BTreeSet::new() };
    let reaches = declared.shared.hub.iter().map(|topic| principal(partition, Protocol::Sqs, topic, region));
    let names = reaches.flat_map(|reach| match reach {
        Reach::As(names) => names,
        Reach::Never => BTreeSet::new(),
    });
    names.collect()
}

fn services(statement: &Statement) -> BTreeSet<String> {
    match &statement.principal {
        Some(Principals::Principal(Who::Named(lists))) => {
            lists.get(&PrincipalType::Service).into_iter().flatten().cloned().collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Whether a service principal is SNS's, in all Regions or in one.
fn is_sns(name: &str) -> bool {
    let region = name.strip_prefix("sns.").and_then(|rest| rest.strip_suffix(".amazonaws.com"));
    name == "sns.amazonaws.com" || region.is_some_and(|region| region.parse::<crate::model::Region>().is_ok())
}

impl Resource for QueuePolicy {
    const ABOUT: About = About {
        lives: "a subscribed queue's account and Region",
        without: "the topics cannot send to the queue, and SNS drops the message",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        // A run that is narrowed sees fewer Regions: SNS in the others stays admitted, for the same topics.
        let before: BTreeSet<String> = seen
            .policy
            .document
            .owned()
            .filter(|statement| statement.sid.as_deref() == Some(SID))
            .flat_map(services)
            .filter(|name| is_sns(name))
            .collect();
        for statement in &mut self.policy.document.statements {
            let new: Vec<String> = before.difference(&services(statement)).cloned().collect();
            *statement = statement.clone().for_services(new);
        }
        self.policy.adopt(&seen.policy);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn undelivered(&self) -> Option<Kept> {
        self.has_aws_key.0.then(|| Kept {
            reason: "the queue is encrypted with AWS's own key, which SNS may not use: nothing arrives".to_owned(),
            hint: "encrypt it with SQS's managed keys (SSE-SQS), or with a key of your own whose policy lets \
                   sns.amazonaws.com call kms:GenerateDataKey* and kms:Decrypt"
                .to_owned(),
        })
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let name = terms.address.as_ref().map_or("it", |address| &address.name);
        if seen.is_some_and(|seen| seen.missing.0) {
            return vec![format!(
                "queue {name} does not exist, so that nothing can be delivered to it: create it, or correct its ARN \
                 under [[notify.subscription]]"
            )];
        }
        let resource = terms.address.as_ref().map_or_else(
            || "*".to_owned(),
            |address| {
                let Target { account, region } = &address.target;
                let partition = Partition::of_region(region).unwrap_or_default();
                Arn::new(partition, "sqs", Some(region), Some(*account), &address.name).to_string()
            },
        );
        let survival = Survival { actions: &["sqs:SetQueueAttributes", "sqs:GetQueueAttributes"], resource: &resource };
        // No logs hang on it.
        let terms = Terms { allow_remove_accounts: true, ..terms.clone() };
        let seen = seen.map(|seen| &seen.policy);
        self.policy.refusals(seen, &terms, "queue policy", QUEUE_POLICY_MAX_BYTES, &survival)
    }
}

/// The policies of the queues that are declared as endpoints, in the account that owns them.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(notify) = &declared.baseline.notify else { return Vec::new() };
    let queues = subscribed_from(declared, place.account.id, Protocol::Sqs);
    let desired = queues.filter_map(|(_, queue)| {
        let region = queue.region()?;
        let principals = principals(declared, queue);
        let address =
            Address::new(Target::new(queue.account()?, region.clone()), Kind::SqsQueuePolicy, queue.resource());
        (!principals.is_empty()).then(|| {
            let statements = vec![statement(declared, notify, queue, principals)];
            let spec = QueuePolicy {
                policy: SharedPolicy::ours(statements, false),
                missing: Aside(false),
                has_aws_key: Aside(false),
            };
            Desired::new(address, Spec::SqsQueuePolicy(Box::new(spec)), Vec::new())
        })
    });
    desired.collect()
}

/// The Regions of the queues that are declared as endpoints.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let mut cells: Vec<Target> = desire(declared, place).into_iter().map(|desired| desired.address.target).collect();
    cells.sort();
    cells.dedup();
    cells
}
