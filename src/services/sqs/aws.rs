//! Reading and writing the policies of queues.

use aws_sdk_sqs as sqs;
use sqs::types::QueueAttributeName;

use super::spec::QueuePolicy;
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, OpError, Partition};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Ownership, Reading, Spec};

/// The operations that reading takes.
pub const READS: &[&str] = &["GetQueueAttributes", "GetQueueUrl"];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &["SetQueueAttributes"];

const ABSENT: &[&str] = &["AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"];

/// Reads the policies of the queues that are declared as endpoints.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = Reading::default();
    for desired in super::desire(cell.declared, cell.place) {
        let address = desired.address;
        if address.target != *cell.target {
            continue;
        }
        let spec = match found(attributes(cell.session, &address).await, ABSENT)? {
            Some(Attributes { policy, key, .. }) => {
                let document = match policy.as_deref() {
                    None | Some("") => Policy::new(Vec::new()),
                    Some(text) => Policy::parse(text).map_err(|e| {
                        cell.malformed("sqs", "GetQueueAttributes", &format!("the queue's policy cannot be read: {e}"))
                    })?,
                };
                QueuePolicy::seen(document, key.is_some_and(|key| key.ends_with("alias/aws/sqs")))
            }
            None => QueuePolicy::of_no_queue(),
        };
        reading.found.push(Found {
            arn: arn(&address),
            address,
            spec: Spec::SqsQueuePolicy(Box::new(spec)),
            // It lies in the endpoint's account by declaration, and only statements of ours are touched.
            ownership: Ownership::Ours,
        });
    }
    Ok(reading)
}

fn arn(address: &Address) -> Arn {
    let target = &address.target;
    let partition = Partition::of_region(&target.region).unwrap_or_default();
    Arn::new(partition, "sqs", Some(&target.region), Some(target.account), &address.name)
}

/// What is read of a queue.
struct Attributes {
    url: String,
    policy: Option<String>,
    key: Option<String>,
}

async fn attributes(session: &Session, address: &Address) -> Result<Attributes, OpError> {
    let region = &address.target.region;
    let answer = session
        .call(region, "sqs", "GetQueueUrl")
        .run(|| send!(sqs, region, session.sqs().get_queue_url().queue_name(&address.name)))
        .await?;
    let url = answer.queue_url.unwrap_or_default();
    let answer = session
        .call(region, "sqs", "GetQueueAttributes")
        .run(|| {
            let get = session.sqs().get_queue_attributes().queue_url(&url);
            let get = get.attribute_names(QueueAttributeName::Policy).attribute_names(QueueAttributeName::QueueArn);
            send!(sqs, region, get.attribute_names(QueueAttributeName::KmsMasterKeyId))
        })
        .await?;
    let mut attributes = answer.attributes.unwrap_or_default();
    // A queue without a policy answers no `Policy`, and every queue its ARN (SQS API Reference, `GetQueueAttributes`):
    // without that one, an answer does not say that there is no policy.
    if attributes.remove(&QueueAttributeName::QueueArn).is_none() {
        return Err(session.unreadable(region, "sqs", "GetQueueAttributes", "the answer lacks the queue's attributes"));
    }
    let (policy, key) =
        (attributes.remove(&QueueAttributeName::Policy), attributes.remove(&QueueAttributeName::KmsMasterKeyId));
    Ok(Attributes { url, policy, key })
}

impl Write for QueuePolicy {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(seen) = seen else {
            return Err(order.refused("SetQueueAttributes", "a queue is its owner's to make"));
        };
        if self.policy != seen.policy {
            let now = attributes(session, order.address).await?;
            let policy = now.policy.as_deref().filter(|policy| !policy.is_empty());
            order.unchanged("SetQueueAttributes", &seen.policy, policy)?;
            let policy = self.policy.document.to_json();
            session
                .call(region, "sqs", "SetQueueAttributes")
                .run(|| {
                    let set = session.sqs().set_queue_attributes().queue_url(&now.url);
                    send!(sqs, region, set.attributes(QueueAttributeName::Policy, &policy))
                })
                .await?;
        }
        Ok(arn(order.address))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("SetQueueAttributes", "a queue's policy is never removed: it is its owner's"))
    }
}
