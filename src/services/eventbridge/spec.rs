use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::config::Transform;
use super::{DEFAULT_BUS, pattern};
use crate::model::{Address, Partition, Target};
use crate::policy::BUS_POLICY_MAX_BYTES;
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::{About, Kept, Reference, Resource, Tags, Terms, keep_tags};

/// The bus that receives what other accounts forward, as far as this tool decides about it: its archive, dead-letter
/// queue and description stay as they are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bus {
    /// Who may put events on it.
    pub policy: SharedPolicy,
    /// The key that somebody encrypted it with; AWS's own where there is none. It stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
    /// Its tags; none on the default bus, which nobody made.
    pub tags: Tags,
}

impl Resource for Bus {
    const ABOUT: About = About {
        lives: "the security account, every Region in which it receives events",
        without: "other accounts' events are refused",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        self.policy.adopt(&seen.policy);
        self.kms_key.clone_from(&seen.kms_key);
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn shared_policy(&self) -> Option<&SharedPolicy> {
        Some(&self.policy)
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let arn = terms.address.as_ref().and_then(arn_of).unwrap_or_else(|| "*".to_owned());
        let survival = Survival { actions: &["events:DescribeEventBus", "events:PutPermission"], resource: &arn };
        self.policy.refusals(seen.map(|seen| &seen.policy), terms, "bus policy", BUS_POLICY_MAX_BYTES, &survival)
    }
}

fn arn_of(bus: &Address) -> Option<String> {
    let Target { account, region } = &bus.target;
    let partition = Partition::of_region(region)?;
    Some(format!("arn:{partition}:events:{region}:{account}:event-bus/{}", bus.name))
}

/// A rule with its targets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Which events it selects.
    pub pattern: Value,
    /// When it runs besides, which no rule of ours does.
    pub schedule: Option<String>,
    /// `ENABLED`, `DISABLED` or `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`.
    pub state: String,
    /// What it is for.
    pub description: Option<String>,
    /// The role of the rule as a whole; ours have one for their targets only, where those need one.
    pub role: Option<String>,
    /// Where our events go, by the targets' ids.
    pub targets: BTreeMap<String, RuleTarget>,
    /// ARNs of the targets that other people put on the rule, by their ids: they stay.
    pub other_targets: BTreeMap<String, String>,
    /// The AWS service that made the rule and alone may change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// One target of a rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// A bus or a topic.
    pub arn: Reference,
    /// The role it is reached with; none for a topic, which EventBridge reaches by the topic's own policy.
    pub role: Option<Reference>,
    /// What is passed on instead of the event.
    pub transform: Option<Transform>,
    /// A fixed text, or the path of the part that is passed on; none of ours has either.
    pub input: Option<String>,
    /// The queue for what could not be delivered: nothing that this tool decides.
    pub dead_letter_queue: Option<String>,
    /// For how many seconds, and how often, delivery is tried: nothing that this tool decides.
    pub retry: Option<(Option<i32>, Option<i32>)>,
}

impl RuleTarget {
    /// A target that gets events with this role, or by its own policy.
    pub fn new(arn: Reference, role: Option<Reference>, transform: Option<Transform>) -> Self {
        RuleTarget { arn, role, transform, input: None, dead_letter_queue: None, retry: None }
    }
}

impl Resource for Rule {
    const ABOUT: About = About {
        lives: "every account, every Region; in the security account, on the receiving bus",
        without: "the event stays where it happened",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.targets.values_mut().flat_map(|target| [Some(&mut target.arn), target.role.as_mut()]).flatten().collect()
    }

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        if let Some(service) = &seen.managed_by {
            let kept = Kept {
                // EventBridge API Reference, `PutRule` and `PutTargets`: ManagedRuleException.
                reason: format!("{service} made and manages a rule of this name: nobody else may change it"),
                hint: "give the [[events.forward]] another `name`: the rules are called by it".to_owned(),
            };
            self.clone_from(seen);
            return vec![kept];
        }
        keep_tags(&mut self.tags, &seen.tags);
        self.other_targets.clone_from(&seen.other_targets);
        for (id, target) in &mut self.targets {
            if let Some(seen) = seen.targets.get(id) {
                target.dead_letter_queue.clone_from(&seen.dead_letter_queue);
                target.retry = seen.retry;
            }
        }
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        let chars = pattern::length(&self.pattern);
        if chars > pattern::MOST_CHARS {
            refusals.push(format!("the event pattern has {chars} characters, and AWS takes {}", pattern::MOST_CHARS));
        }
        if let Some(fault) = pattern::fault(&self.pattern) {
            refusals.push(format!("the event pattern cannot be right: `{}`: {}", fault.path.join("."), fault.what));
        }
        let lost = seen.into_iter().flat_map(|seen| seen.other_targets.keys());
        for id in lost.filter(|id| !self.other_targets.contains_key(*id)) {
            refusals.push(format!("the rule would lose target {id}, which is not ours"));
        }
        let home = terms.address.as_ref().map(|address| address.target.account);
        for target in self.targets.values() {
            // A bus of another account needs a role since 2 March 2023 (EventBridge API Reference, `PutTargets`).
            if let Reference::Is(arn) = &target.arn
                && arn.service() == "events"
                && home.is_some_and(|home| arn.account() != Some(home))
                && target.role.is_none()
            {
                refusals.push(format!("{arn} cannot be reached without a role"));
            }
        }
        refusals
    }
}

/// The name of the address of a rule: alone on the default bus, after the bus on any other.
pub(super) fn rule_address_name(bus: &str, rule: &str) -> String {
    if bus == DEFAULT_BUS { rule.to_owned() } else { format!("{bus}/{rule}") }
}

/// Bus and name of the rule at an address.
#[cfg(any(feature = "aws", test))]
pub(super) fn bus_and_rule(address: &Address) -> (&str, &str) {
    address.name.rsplit_once('/').unwrap_or((DEFAULT_BUS, &address.name))
}
