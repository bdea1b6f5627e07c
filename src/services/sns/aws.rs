//! Reading and writing topics and subscriptions.

mod attributes;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sns as sns;
use serde_json::Value;
use sns::types::{Subscription as Listed, Tag};

use self::attributes::Attributes;
use super::config::{Notify, NotifySubscription};
use super::listener::{Judged, Listener};
use super::reach::{Subscriber, subscriber, topic_arn};
use super::spec::Topic;
use super::subscription::Subscription;
use super::{outside, subscription};
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, ArnError, Fault, OpError, Region};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write};
use crate::services::eventbridge::aws::key::{Encrypted, check};
use crate::services::{
    Aside, Found, Note, Ownership, Reading, Reference, SharedPolicy, Spec, Tags, Undelivered, is_ours,
};

/// The operations that reading takes.
pub const READS: &[&str] = &[
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "ListSubscriptions",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] =
    &["CreateTopic", "SetSubscriptionAttributes", "SetTopicAttributes", "Subscribe", "TagResource", "Unsubscribe"];

/// What SNS answers while a topic that was just made, or leave that its policy just gave, is not known everywhere.
const FRESH: &[&str] = &["NotFound", "NotFoundException", "AuthorizationError", "AuthorizationErrorException"];
/// What SNS answers while tags of the topic are being changed (SNS API Reference, `TagResource`).
const TAGGING: &[&str] = &["ConcurrentAccess", "ConcurrentAccessException", "StaleTag", "StaleTagException"];
const ABSENT: &[&str] = &["NotFound", "NotFoundException"];
const NO_RESOURCE: &[&str] = &["ResourceNotFound", "ResourceNotFoundException"];

/// What stands in the place of an ARN until a subscription is confirmed, and after it was removed.
const PENDING: &str = "PendingConfirmation";
const REMOVED: &str = "Deleted";

/// Reads the topic with its subscriptions in the security account, and elsewhere what the account subscribed to it.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let Some(notify) = &cell.declared.baseline.notify else { return Ok(Reading::default()) };
    let arn = topic_arn(cell.declared, notify, &cell.target.region);
    let mut reading = Reading::default();
    let listed = if cell.target.account == cell.declared.profiles.security {
        let topic = topic(cell, &arn, &notify.topic).await?;
        let listed = match &topic {
            Some(_) => subscriptions_of(cell, &arn).await?,
            None => Vec::new(),
        };
        reading.notes = notes(cell, notify, topic.as_ref(), &listed);
        outsiders(cell, notify, &listed, &mut reading).await?;
        for judged in listeners(cell, notify, &listed).await? {
            match judged {
                Judged::Ours(found) => reading.found.push(*found),
                Judged::Exposed(exposed) => reading.exposed.push(exposed),
                Judged::Note(note) => reading.notes.push(note),
            }
        }
        if let Some(Found { spec: Spec::SnsTopic(spec), address, .. }) = &topic {
            check_key(cell, notify, spec, address, &arn, &mut reading).await?;
        }
        reading.found.extend(topic);
        listed
    } else {
        own_subscriptions(cell, &arn).await?
    };
    for desired in super::desire(cell.declared, cell.place) {
        let Spec::SnsSubscription(spec) = desired.spec else { continue };
        if desired.address.target == *cell.target {
            let of_it: Vec<&Listed> = listed.iter().filter(|one| is_of(one, &spec)).collect();
            reading.found.extend(subscription(cell, desired.address, *spec, &of_it).await?);
        }
    }
    Ok(reading)
}

/// Says in the reading whether EventBridge can use the key of a topic that somebody else encrypted: without it, every event
/// is dropped.
async fn check_key(
    cell: &Cell<'_>,
    notify: &Notify,
    topic: &Topic,
    address: &Address,
    arn: &Arn,
    reading: &mut Reading,
) -> Result<(), OpError> {
    let Some(key) = topic.kms_key.clone().map(String::from) else { return Ok(()) };
    // A declared key is looked at as one; of AWS's own the topic itself says that it will not do.
    if notify.key_alias.is_some() || key.contains("alias/aws/") {
        return Ok(());
    }
    let encrypted = Encrypted {
        address,
        what: "topic",
        arn: &arn.to_string(),
        key: &key,
        context: "kms:EncryptionContext:aws:sns:topicArn",
        lost: "every event is silently dropped",
        off: format!(
            "aws sns set-topic-attributes --region {} --topic-arn {arn} --attribute-name KmsMasterKeyId \
             --attribute-value ''",
            address.target.region
        ),
    };
    check(cell, &encrypted, reading).await
}

fn is_of(listed: &Listed, spec: &Subscription) -> bool {
    listed.protocol() == Some(spec.protocol.as_str())
        && spec.endpoint.is_listed_as(listed.endpoint().unwrap_or_default())
}

fn is_confirmed(listed: &Listed) -> bool {
    listed.subscription_arn().is_some_and(|arn| arn != PENDING && arn != REMOVED)
}

/// The topic, if there is one of this name.
async fn topic(cell: &Cell<'_>, arn: &Arn, name: &str) -> Result<Option<Found>, OpError> {
    let region = &cell.target.region;
    let Some(attributes) = found(attributes(cell.session, region, arn).await, ABSENT)? else { return Ok(None) };
    let policy = attributes.get("Policy").map_or("", String::as_str);
    let document = Policy::parse(policy)
        .map_err(|e| cell.malformed("sns", "GetTopicAttributes", &format!("the topic policy cannot be read: {e}")))?;
    let tags = tags(cell, arn).await?;
    let key = attributes.get("KmsMasterKeyId").filter(|id| !id.is_empty());
    Ok(Some(Found {
        address: Address::new(cell.target.clone(), crate::services::Kind::SnsTopic, name),
        ownership: if is_ours(&tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::SnsTopic(Box::new(Topic {
            policy: SharedPolicy::seen(document),
            kms_key: key.map(|id| Reference::Is(key_arn(cell, id))),
            tags,
        })),
        arn: arn.clone(),
    }))
}

/// A key's ARN: SNS also takes a bare id or an alias, which means the topic owner's own in the same Region.
fn key_arn(cell: &Cell<'_>, id: &str) -> Arn {
    id.parse().unwrap_or_else(|_| {
        let resource = if id.starts_with("alias/") { id.to_owned() } else { format!("key/{id}") };
        let target = cell.target;
        Arn::new(cell.declared.profiles.partition, "kms", Some(&target.region), Some(target.account), resource)
    })
}

async fn attributes(session: &Session, region: &Region, topic: &Arn) -> Result<BTreeMap<String, String>, OpError> {
    let topic = topic.to_string();
    let answer = session
        .call(region, "sns", "GetTopicAttributes")
        .run(|| send!(sns, region, session.sns().get_topic_attributes().topic_arn(&topic)))
        .await?;
    let attributes: BTreeMap<String, String> = answer.attributes.unwrap_or_default().into_iter().collect();
    // Every topic has one, from the day it was made (SNS Developer Guide, "Overview of managing access"): an answer
    // without it does not say that there is none.
    if attributes.get("Policy").is_none_or(|policy| policy.trim().is_empty()) {
        return Err(session.unreadable(region, "sns", "GetTopicAttributes", "the answer lacks the topic's policy"));
    }
    Ok(attributes)
}

async fn tags(cell: &Cell<'_>, topic: &Arn) -> Result<Tags, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let topic = topic.to_string();
    let answer = session
        .call(region, "sns", "ListTagsForResource")
        .run(|| send!(sns, region, session.sns().list_tags_for_resource().resource_arn(&topic)))
        .await;
    let tags = found(answer, NO_RESOURCE)?.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}

/// Every subscription to our topic, whoever made it.
async fn subscriptions_of(cell: &Cell<'_>, topic: &Arn) -> Result<Vec<Listed>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let topic = topic.to_string();
    let mut listed = Vec::new();
    let mut pages = session.pages(region, "sns", "ListSubscriptionsByTopic");
    loop {
        let page = session
            .call(region, "sns", "ListSubscriptionsByTopic")
            .run(|| {
                let list = session.sns().list_subscriptions_by_topic().topic_arn(&topic);
                send!(sns, region, list.set_next_token(pages.token()))
            })
            .await?;
        listed.extend(page.subscriptions.unwrap_or_default());
        if !pages.turn(page.next_token)? {
            return Ok(listed);
        }
    }
}

/// What the account at hand subscribed to the topic: only the topic's owner may list by topic.
async fn own_subscriptions(cell: &Cell<'_>, topic: &Arn) -> Result<Vec<Listed>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let topic = topic.to_string();
    let mut listed = Vec::new();
    let mut pages = session.pages(region, "sns", "ListSubscriptions");
    loop {
        let page = session
            .call(region, "sns", "ListSubscriptions")
            .run(|| send!(sns, region, session.sns().list_subscriptions().set_next_token(pages.token())))
            .await?;
        let all = page.subscriptions.unwrap_or_default();
        listed.extend(all.into_iter().filter(|one| one.topic_arn() == Some(topic.as_str())));
        if !pages.turn(page.next_token)? {
            return Ok(listed);
        }
    }
}

/// A declared subscription as SNS holds it; `None` where it was removed. SNS lists what was removed for some days, before
/// or after what is there: the one that lives counts, and one that waits to be confirmed where none does.
async fn subscription(
    cell: &Cell<'_>,
    address: Address,
    declared: Subscription,
    listed: &[&Listed],
) -> Result<Option<Found>, OpError> {
    let mut live = None;
    for one in listed.iter().filter(|one| is_confirmed(one)) {
        let arn = one.subscription_arn().unwrap_or_default();
        let Some(attributes) = attributes::read(cell, arn).await? else { continue };
        let waits = attributes.pending;
        live = Some((listed_arn(cell, arn)?, attributes));
        if !waits {
            break;
        }
    }
    let (arn, spec) = match live {
        Some((arn, Attributes { raw_message_delivery, pending, filter_policy, others, .. })) => {
            let spec = Subscription {
                raw_message_delivery,
                filter_policy,
                other_attributes: others,
                pending: Aside(pending),
                ..declared
            };
            (arn, spec)
        }
        // Nothing more is known of it before it is confirmed.
        None if listed.iter().any(|one| one.subscription_arn() == Some(PENDING)) => {
            (declared.topic.clone(), Subscription { pending: Aside(true), ..declared })
        }
        None => return Ok(None),
    };
    Ok(Some(Found { address, spec: Spec::SnsSubscription(Box::new(spec)), arn, ownership: Ownership::Ours }))
}

fn listed_arn(cell: &Cell<'_>, arn: &str) -> Result<Arn, OpError> {
    arn.parse().map_err(|e: ArnError| cell.malformed("sns", "ListSubscriptions", &e.to_string()))
}

/// What is not delivered to the declared endpoints that this run cannot subscribe: nobody did, or a filter keeps messages
/// from them.
async fn outsiders(cell: &Cell<'_>, notify: &Notify, listed: &[Listed], reading: &mut Reading) -> Result<(), OpError> {
    let mut confirmed = BTreeSet::new();
    for one in listed.iter().filter(|one| is_confirmed(one)) {
        let Some(declared) = declaration(notify, one) else { continue };
        if matches!(subscriber(cell.declared, declared), Subscriber::Outside(_)) {
            let arn = one.subscription_arn().unwrap_or_default();
            let attributes = match attributes::read(cell, arn).await {
                // The subscription's owner decides whether the topic's may look: it is taken as it is listed.
                Err(error) if error.fault == Fault::Denied => Some(Attributes::default()),
                answer => answer?,
            };
            let Some(attributes) = attributes else { continue };
            if let Some(filter) = attributes.filter_policy {
                reading.undelivered.push(Undelivered {
                    address: subscription::address(cell.target, notify, declared),
                    reason: format!(
                        "{} gets only what its filter lets through, which nobody declared: {filter}",
                        declared.endpoint
                    ),
                    hint: format!(
                        "as account {}, run\naws sns set-subscription-attributes --region {} --subscription-arn {arn} \
                         --attribute-name FilterPolicy --attribute-value '{{}}'",
                        one.owner().unwrap_or("unknown"),
                        cell.target.region
                    ),
                });
            }
        }
        confirmed.extend(one.endpoint.clone());
    }
    reading.undelivered.extend(outside::undelivered(cell.declared, notify, cell.target, &confirmed));
    Ok(())
}

/// Whoever listens besides what is declared, each judged.
async fn listeners(cell: &Cell<'_>, notify: &Notify, listed: &[Listed]) -> Result<Vec<Judged>, OpError> {
    let mut judged = Vec::new();
    for one in listed.iter().filter(|one| declaration(notify, one).is_none()) {
        let (arn, principal) = match one.subscription_arn().unwrap_or_default() {
            "" | REMOVED => continue,
            PENDING => (None, None),
            arn => match attributes::read(cell, arn).await {
                // One that is listed and not there is removed.
                Ok(None) => continue,
                Ok(Some(attributes)) if attributes.pending => (None, None),
                Ok(Some(attributes)) => (Some(listed_arn(cell, arn)?), attributes.principal),
                Err(error) if error.fault == Fault::Denied => (Some(listed_arn(cell, arn)?), None),
                Err(error) => return Err(error),
            },
        };
        let listener = Listener {
            protocol: one.protocol().unwrap_or_default().to_owned(),
            endpoint: one.endpoint().unwrap_or_default().to_owned(),
            owner: one.owner().unwrap_or("unknown").to_owned(),
            arn,
            principal,
        };
        judged.push(listener.judge(cell.declared, notify, cell.target));
    }
    Ok(judged)
}

/// The declaration that a subscription is of.
fn declaration<'a>(notify: &'a Notify, listed: &Listed) -> Option<&'a NotifySubscription> {
    notify.subscriptions.iter().find(|declared| {
        listed.protocol() == Some(declared.protocol.as_str())
            && declared.endpoint.is_listed_as(listed.endpoint().unwrap_or_default())
    })
}

/// What somebody should know of the topic and of who listens to it.
fn notes(cell: &Cell<'_>, notify: &Notify, topic: Option<&Found>, listed: &[Listed]) -> Vec<Note> {
    let note = |topic: &str, text: String| Note { target: cell.target.clone(), topic: topic.to_owned(), text };
    let mut notes = Vec::new();
    let nobody = !listed.iter().any(is_confirmed);
    if nobody && (topic.is_some() || notify.subscriptions.is_empty()) {
        notes.push(note(
            "silent-topic",
            format!(
                "nobody is subscribed to topic `{}`: what it says reaches no one; declare a [[notify.subscription]], \
                 or confirm what is waiting",
                notify.topic
            ),
        ));
    }
    notes
}

fn sdk_tags<'a>(
    tags: impl IntoIterator<Item = (&'a String, &'a String)>,
    order: &Order<'_>,
) -> Result<Vec<Tag>, OpError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    tags.into_iter().map(tag).collect::<Result<_, _>>().map_err(|e| order.malformed("TagResource", &e.to_string()))
}

impl Write for Topic {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(seen) = seen else { return self.create(order).await };
        let arn = order.existing()?;
        if self.policy != seen.policy {
            let now = attributes(session, region, arn).await?;
            order.unchanged("SetTopicAttributes", &seen.policy, now.get("Policy").map(String::as_str))?;
            set(order, arn, "Policy", &self.policy.document.to_json()).await?;
        }
        if let Some(key) = &self.kms_key
            && self.kms_key != seen.kms_key
        {
            set(order, arn, "KmsMasterKeyId", &String::from(key.clone())).await?;
        }
        if self.tags != seen.tags {
            let changed = sdk_tags(self.tags.iter().filter(|(k, v)| seen.tags.get(*k) != Some(*v)), order)?;
            let topic = arn.to_string();
            session
                .call(region, "sns", "TagResource")
                .settling(TAGGING)
                .run(|| {
                    let tag = session.sns().tag_resource().resource_arn(&topic).set_tags(Some(changed.clone()));
                    send!(sns, region, tag)
                })
                .await?;
        }
        Ok(arn.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteTopic", "a topic is never deleted: who is subscribed to it would be lost with it"))
    }
}

async fn set(order: &Order<'_>, topic: &Arn, name: &str, value: &str) -> Result<(), OpError> {
    let (session, region) = (order.session, &order.address.target.region);
    let topic = topic.to_string();
    session
        .call(region, "sns", "SetTopicAttributes")
        .run(|| {
            let set = session.sns().set_topic_attributes().topic_arn(&topic);
            send!(sns, region, set.attribute_name(name).attribute_value(value))
        })
        .await?;
    Ok(())
}

impl Topic {
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let tags = sdk_tags(&self.tags, order)?;
        let policy = self.policy.document.to_json();
        let created = session
            .call(region, "sns", "CreateTopic")
            .settling(TAGGING)
            .run(|| {
                let mut create = session.sns().create_topic().name(&order.address.name).attributes("Policy", &policy);
                if let Some(key) = &self.kms_key {
                    create = create.attributes("KmsMasterKeyId", String::from(key.clone()));
                }
                send!(sns, region, create.set_tags(Some(tags.clone())))
            })
            .await;
        let answer = created.map_err(|mut error| {
            if error.has_code(&["InvalidParameter", "InvalidParameterException"]) && error.says(&["exist"]) {
                // Somebody made it since it was looked for: creating is idempotent only for a topic that is the same.
                error.hint = Some("run again: the next plan starts from what is there now".to_owned());
            }
            error
        })?;
        let arn = answer.topic_arn().unwrap_or_default();
        arn.parse().map_err(|e: ArnError| order.malformed("CreateTopic", &e.to_string()))
    }
}

impl Write for Subscription {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(seen) = seen else { return self.create(order).await };
        let arn = order.existing()?;
        let subscription = arn.to_string();
        let mut changed = Vec::new();
        if self.raw_message_delivery != seen.raw_message_delivery {
            changed.push(("RawMessageDelivery", self.raw_message_delivery.to_string()));
        }
        if self.filter_policy != seen.filter_policy {
            // An empty one takes it off (SNS Developer Guide, "Removing a subscription filter policy").
            changed.push(("FilterPolicy", self.filter_policy.as_ref().map_or("{}".to_owned(), Value::to_string)));
        }
        for (name, value) in changed {
            session
                .call(region, "sns", "SetSubscriptionAttributes")
                .run(|| {
                    let set = session.sns().set_subscription_attributes().subscription_arn(&subscription);
                    send!(sns, region, set.attribute_name(name).attribute_value(&value))
                })
                .await?;
        }
        Ok(arn.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        if self.pending.0 {
            // It has no ARN to name it by (SNS API Reference, `Unsubscribe`).
            return Err(order.refused(
                "Unsubscribe",
                "a subscription that was never confirmed cannot be removed: SNS drops it by itself after some days",
            ));
        }
        let arn = order.existing()?.to_string();
        let removed = session
            .call(region, "sns", "Unsubscribe")
            .run(|| send!(sns, region, session.sns().unsubscribe().subscription_arn(&arn)))
            .await;
        found(removed, ABSENT).map(|_| ())
    }
}

impl Subscription {
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(endpoint) = self.endpoint.reveal() else {
            return Err(
                order.malformed("Subscribe", "the plan does not hold the URL, which may be a secret: plan again")
            );
        };
        let topic = self.topic.to_string();
        let answer = session
            .call(region, "sns", "Subscribe")
            .settling(FRESH)
            // A URL may be a secret.
            .hiding(endpoint, self.endpoint.shown())
            .run(|| {
                let mut subscribe = session
                    .sns()
                    .subscribe()
                    .topic_arn(&topic)
                    .protocol(self.protocol.as_str())
                    .endpoint(endpoint)
                    .return_subscription_arn(true);
                if self.raw_message_delivery {
                    subscribe = subscribe.attributes("RawMessageDelivery", "true");
                }
                send!(sns, region, subscribe)
            })
            .await
            .map_err(|mut error| {
                if error.fault == Fault::Denied {
                    error.hint = Some(format!(
                        "allow sns:Subscribe on {topic} to {}; the topic's policy has to admit account {} too, which \
                         applying to the security account sees to",
                        error.role.as_deref().unwrap_or("the role in use"),
                        error.account
                    ));
                }
                error
            })?;
        // Some implementations answer "pending confirmation" here whatever was asked for.
        Ok(answer.subscription_arn().and_then(|arn| arn.parse().ok()).unwrap_or_else(|| self.topic.clone()))
    }
}
