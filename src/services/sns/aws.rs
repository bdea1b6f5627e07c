//! Reading and writing topics and subscriptions.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sns as sns;
use sns::types::{Subscription as Listed, Tag};

use super::config::{Notify, NotifySubscription};
use super::reach::topic_arn;
use super::spec::Topic;
use super::subscription::Subscription;
use super::{endpoint, outside};
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, ArnError, Fault, OpError, Region};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Aside, Found, Note, Ownership, Reading, Reference, SharedPolicy, Spec, Tags, is_ours};

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
        let confirmed = listed.iter().filter(|one| is_confirmed(one)).filter_map(|one| one.endpoint.clone()).collect();
        reading.undelivered = outside::undelivered(cell.declared, notify, cell.target, &confirmed);
        reading.found.extend(topic);
        listed
    } else {
        own_subscriptions(cell, &arn).await?
    };
    for desired in super::desire(cell.declared, cell.place) {
        let Spec::SnsSubscription(spec) = desired.spec else { continue };
        if desired.address.target == *cell.target
            && let Some(one) = listed.iter().find(|one| is_of(one, &spec))
        {
            reading.found.extend(subscription(cell, desired.address, *spec, one).await?);
        }
    }
    Ok(reading)
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
    let document = match policy {
        "" => Policy::new(Vec::new()),
        text => Policy::parse(text).map_err(|e| {
            cell.malformed("sns", "GetTopicAttributes", &format!("the topic policy cannot be read: {e}"))
        })?,
    };
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
    Ok(answer.attributes.unwrap_or_default().into_iter().collect())
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
    let (mut listed, mut token) = (Vec::new(), None);
    loop {
        let page = session
            .call(region, "sns", "ListSubscriptionsByTopic")
            .run(|| {
                let list = session.sns().list_subscriptions_by_topic().topic_arn(&topic);
                send!(sns, region, list.set_next_token(token.clone()))
            })
            .await?;
        listed.extend(page.subscriptions.unwrap_or_default());
        token = page.next_token;
        if token.is_none() {
            return Ok(listed);
        }
    }
}

/// What the account at hand subscribed to the topic: only the topic's owner may list by topic.
async fn own_subscriptions(cell: &Cell<'_>, topic: &Arn) -> Result<Vec<Listed>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let topic = topic.to_string();
    let (mut listed, mut token) = (Vec::new(), None);
    loop {
        let page = session
            .call(region, "sns", "ListSubscriptions")
            .run(|| send!(sns, region, session.sns().list_subscriptions().set_next_token(token.clone())))
            .await?;
        let all = page.subscriptions.unwrap_or_default();
        listed.extend(all.into_iter().filter(|one| one.topic_arn() == Some(topic.as_str())));
        token = page.next_token;
        if token.is_none() {
            return Ok(listed);
        }
    }
}

/// A declared subscription as SNS holds it; `None` where it was removed.
async fn subscription(
    cell: &Cell<'_>,
    address: Address,
    declared: Subscription,
    listed: &Listed,
) -> Result<Option<Found>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let (arn, raw_message_delivery, pending) = match listed.subscription_arn().unwrap_or_default() {
        "" | REMOVED => return Ok(None),
        // Nothing more is known of it before it is confirmed.
        PENDING => (declared.topic.clone(), declared.raw_message_delivery, true),
        arn => {
            let answer = session
                .call(region, "sns", "GetSubscriptionAttributes")
                .run(|| send!(sns, region, session.sns().get_subscription_attributes().subscription_arn(arn)))
                .await;
            let Some(answer) = found(answer, ABSENT)? else { return Ok(None) };
            let says =
                |name: &str| answer.attributes().and_then(|all| all.get(name)).is_some_and(|value| value == "true");
            let arn = arn.parse().map_err(|e: ArnError| cell.malformed("sns", "ListSubscriptions", &e.to_string()))?;
            (arn, says("RawMessageDelivery"), says("PendingConfirmation"))
        }
    };
    let spec = Subscription { raw_message_delivery, pending: Aside(pending), ..declared };
    Ok(Some(Found { address, spec: Spec::SnsSubscription(Box::new(spec)), arn, ownership: Ownership::Ours }))
}

/// What somebody should know of the topic and of who listens to it.
fn notes(cell: &Cell<'_>, notify: &Notify, topic: Option<&Found>, listed: &[Listed]) -> Vec<Note> {
    let note = |topic: &str, text: String| Note { target: cell.target.clone(), topic: topic.to_owned(), text };
    let mut notes = Vec::new();
    if let Some(Found { spec: Spec::SnsTopic(topic), .. }) = topic {
        notes.extend(topic.policy.open_notes(cell.target, "topic policy"));
    }
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
    let is_declared = |one: &Listed| {
        let declares = |declared: &NotifySubscription| {
            one.protocol() == Some(declared.protocol.as_str())
                && declared.endpoint.is_listed_as(one.endpoint().unwrap_or_default())
        };
        notify.subscriptions.iter().any(declares)
    };
    let others: BTreeSet<String> = listed
        .iter()
        .filter(|one| one.subscription_arn() != Some(REMOVED) && !is_declared(one))
        .map(|one| {
            let (protocol, endpoint) = (one.protocol().unwrap_or_default(), one.endpoint().unwrap_or_default());
            format!(
                "{} ({protocol}, account {}) is subscribed to topic `{}` besides what is declared; it is left as it is",
                endpoint::shown(protocol, endpoint),
                one.owner().unwrap_or("unknown"),
                notify.topic
            )
        })
        .collect();
    notes.extend(others.into_iter().map(|text| note("other-subscription", text)));
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
            if error.has_code(&["InvalidParameter", "InvalidParameterException"]) && error.message.contains("exists") {
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
        if self.raw_message_delivery != seen.raw_message_delivery {
            let subscription = arn.to_string();
            let value = self.raw_message_delivery.to_string();
            session
                .call(region, "sns", "SetSubscriptionAttributes")
                .run(|| {
                    let set = session.sns().set_subscription_attributes().subscription_arn(&subscription);
                    send!(sns, region, set.attribute_name("RawMessageDelivery").attribute_value(&value))
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
