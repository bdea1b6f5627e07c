use serde::{Deserialize, Serialize};

use super::config::{Notify, Protocol};
use super::reach::{Reach, Subscriber, principal, subscriber};
use super::{policy, subscription};
use crate::model::{AccountId, Address, Region, Target};
use crate::services::shared_policy::{SharedPolicy, Survival};
use crate::services::{
    About, Declared, Desired, Kept, Kind, Place, Reference, Resource, Spec, Tags, Terms, keep_tags, kms, our_tags,
};

/// The largest topic policy that SNS takes, in bytes (SNS Developer Guide, "API permissions: actions and resources
/// reference", policy quotas: 30 KB).
pub const TOPIC_POLICY_MAX_BYTES: usize = 30 * 1024;

/// A topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// Who may publish to it and who may subscribe.
    pub policy: SharedPolicy,
    /// The key that encrypts its messages; `None` where they are not encrypted.
    pub kms_key: Option<Reference>,
    /// Its tags.
    pub tags: Tags,
}

impl Topic {
    /// Whether it is encrypted with AWS's own key, which EventBridge cannot use.
    fn has_aws_key(&self) -> bool {
        matches!(&self.kms_key, Some(Reference::Is(arn)) if arn.resource().starts_with("alias/aws/"))
    }
}

/// Why a topic under AWS's own key does not do its work (AWS re:Post Knowledge Center, "Why isn't my Amazon SNS topic
/// receiving EventBridge notifications?": an encrypted topic needs a customer managed key that lets EventBridge in).
pub const AWS_KEY_IN_USE: &str =
    "the topic is encrypted with AWS's own key, which EventBridge may not use: every event is silently dropped";

impl Resource for Topic {
    const ABOUT: About = About {
        lives: "the security account, every Region in which it receives events",
        without: "events arrive and nobody is told",
    };

    fn references(&mut self) -> Vec<&mut Reference> {
        self.kms_key.iter_mut().collect()
    }

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        self.policy.adopt(&seen.policy);
        if self.kms_key.is_none() {
            // Not declared: whoever encrypted the topic had a reason.
            self.kms_key.clone_from(&seen.kms_key);
        }
        keep_tags(&mut self.tags, &seen.tags);
        Vec::new()
    }

    fn tags(&self) -> &Tags {
        &self.tags
    }

    fn undelivered(&self) -> Option<Kept> {
        self.has_aws_key().then(|| Kept {
            reason: AWS_KEY_IN_USE.to_owned(),
            hint: "declare `key_alias` under [notify], with which an apply repairs it, or take the encryption off the \
                   topic"
                .to_owned(),
        })
    }

    fn refusals(&self, seen: Option<&Self>, terms: &Terms) -> Vec<String> {
        let resource = terms.address.as_ref().map_or_else(|| "*".to_owned(), topic_of);
        let survival = Survival { actions: &["sns:SetTopicAttributes", "sns:GetTopicAttributes"], resource: &resource };
        // Who may subscribe is no matter of logs: an endpoint that is not declared any more loses the leave to
        // subscribe again, and what it has already subscribed stays.
        let terms = Terms { allow_remove_accounts: true, ..terms.clone() };
        let seen = seen.map(|seen| &seen.policy);
        let mut refusals = self.policy.refusals(seen, &terms, "topic policy", TOPIC_POLICY_MAX_BYTES, &survival);
        if self.has_aws_key() && seen.is_none() {
            refusals.push("the topic would be encrypted with AWS's own key, which EventBridge may not use".to_owned());
        }
        refusals
    }
}

fn topic_of(address: &Address) -> String {
    let Target { account, region } = &address.target;
    let partition = crate::model::Partition::of_region(region).unwrap_or_default();
    crate::model::Arn::new(partition, "sns", Some(region), Some(*account), &address.name).to_string()
}

/// The security account's topics with the endpoints that are in no account; and everywhere what an account subscribes as
/// the owner of an endpoint.
pub fn desire(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Desired> {
    let Some(notify) = &declared.baseline.notify else { return Vec::new() };
    let mut desired = Vec::new();
    for region in &declared.shared.hub {
        let Some(topic) = topic(declared, region) else { continue };
        let is_security = place.account.id == declared.profiles.security;
        if is_security {
            let key = kms::topic_key(declared, region);
            let spec = Topic {
                policy: SharedPolicy::ours(policy::statements(declared, notify, region), notify.exclusive),
                kms_key: key.clone().map(Reference::To),
                tags: our_tags(declared.baseline),
            };
            desired.push(Desired::shared(topic.clone(), Spec::SnsTopic(Box::new(spec)), key.into_iter().collect()));
        }
        for declared_one in &notify.subscriptions {
            let spec = || Spec::SnsSubscription(Box::new(subscription::spec(declared, notify, declared_one, region)));
            match subscriber(declared, declared_one) {
                Subscriber::Security if is_security => {
                    let address = subscription::address(&topic.target, notify, declared_one);
                    desired.push(Desired::shared(address, spec(), vec![topic.clone()]));
                }
                Subscriber::Owner(owner) if owner == place.account.id && here(declared, place, region) => {
                    let target = place.target(region);
                    let address = subscription::address(&target, notify, declared_one);
                    let mut one = Desired::new(address, spec(), vec![topic.clone()]);
                    one.requires.extend(grant(declared_one));
                    one.obstacle = unreachable(declared, declared_one, region);
                    desired.push(one);
                }
                _ => {}
            }
        }
    }
    desired
}

/// Whether an account can subscribe in a Region: the security account has every Region that has a topic, whatever its own
/// are.
fn here(declared: &Declared<'_>, place: &Place<'_>, region: &Region) -> bool {
    place.account.id == declared.profiles.security || place.regions.contains(region)
}

/// What lets SNS deliver to an endpoint of its owner's.
fn grant(subscription: &super::config::NotifySubscription) -> Option<Address> {
    let arn = subscription.arn()?;
    let target = Target::new(arn.account()?, arn.region()?.clone());
    match subscription.protocol {
        Protocol::Lambda => {
            Some(Address::new(target, Kind::LambdaPermission, arn.resource().strip_prefix("function:")?))
        }
        Protocol::Sqs => Some(Address::new(target, Kind::SqsQueuePolicy, arn.resource())),
        Protocol::Https | Protocol::Email => None,
    }
}

/// Why SNS would not deliver from a Region to an endpoint.
pub(super) fn unreachable(
    declared: &Declared<'_>,
    subscription: &super::config::NotifySubscription,
    region: &Region,
) -> Option<Kept> {
    let there = subscription.arn()?.region()?;
    let reach = principal(declared.profiles.partition, subscription.protocol, region, there);
    let what = match subscription.protocol {
        Protocol::Lambda => "functions",
        _ => "queues",
    };
    (reach == Reach::Never).then(|| Kept {
        reason: format!("SNS does not deliver from {region} to {what} in {there}, which is an opt-in Region"),
        hint: format!(
            "subscribe an endpoint in a Region that is enabled by default; or leave {region} out in profiles.toml"
        ),
    })
}

/// Every Region that has a topic: in the security account, and in those that own an endpoint as far as they have it.
pub fn cells(declared: &Declared<'_>, place: &Place<'_>) -> Vec<Target> {
    let Some(notify) = &declared.baseline.notify else { return Vec::new() };
    let takes_part = place.account.id == declared.profiles.security || owns(declared, notify, place.account.id);
    let read = declared.shared.hub.iter().filter(|region| takes_part && here(declared, place, region));
    read.map(|region| place.target(region)).collect()
}

fn owns(declared: &Declared<'_>, notify: &Notify, account: AccountId) -> bool {
    notify.subscriptions.iter().any(|one| subscriber(declared, one) == Subscriber::Owner(account))
}

/// The topic of a Region, if topics are declared.
pub fn topic(declared: &Declared<'_>, region: &Region) -> Option<Address> {
    let notify = declared.baseline.notify.as_ref()?;
    Some(Address::new(Target::new(declared.profiles.security, region.clone()), Kind::SnsTopic, notify.topic.clone()))
}
