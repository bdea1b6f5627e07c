//! Endpoints that this run cannot subscribe: what their owners have to do.

use std::collections::BTreeSet;

use super::config::{Notify, NotifySubscription, Protocol};
use super::reach::{Reach, Subscriber, principal, subscriber, topic_arn};
use super::spec::unreachable;
use super::subscription;
use crate::model::{Arn, Target};
use crate::services::{Declared, Undelivered, lambda, sqs};

/// What is not delivered from the topic of a Region because nobody here may subscribe it. `confirmed` are the endpoints
/// that somebody did subscribe.
pub fn undelivered(
    declared: &Declared<'_>,
    notify: &Notify,
    hub: &Target,
    confirmed: &BTreeSet<String>,
) -> Vec<Undelivered> {
    let open =
        notify.subscriptions.iter().filter(|one| !confirmed.iter().any(|listed| one.endpoint.is_listed_as(listed)));
    open.filter_map(|one| waiting(declared, notify, hub, one)).collect()
}

fn waiting(
    declared: &Declared<'_>,
    notify: &Notify,
    hub: &Target,
    subscription: &NotifySubscription,
) -> Option<Undelivered> {
    let endpoint = subscription.arn()?;
    let address = subscription::address(hub, notify, subscription);
    let region = &hub.region;
    match subscriber(declared, subscription) {
        Subscriber::Security => None,
        Subscriber::Outside(_) if unreachable(declared, subscription, region).is_some() => {
            let why = unreachable(declared, subscription, region)?;
            Some(Undelivered { address, reason: why.reason, hint: why.hint })
        }
        Subscriber::Outside(owner) => Some(Undelivered {
            address,
            reason: format!("{endpoint} is not subscribed: account {owner} gets no baseline, its owner has to do it"),
            hint: commands(declared, notify, hub, subscription, endpoint)?,
        }),
        Subscriber::Owner(owner) if owner == declared.profiles.security => None,
        Subscriber::Owner(owner) => {
            // Not known where the run is narrowed away from the account: nothing is claimed then.
            let regions = declared.shared.regions.get(&owner)?;
            (!regions.contains(region)).then(|| Undelivered {
                address,
                reason: format!(
                    "{endpoint} is not subscribed: only account {owner} itself can do it, and {region} is not among its \
                     Regions"
                ),
                hint: format!(
                    "enable {region} in account {owner} and let its `regions` in profiles.toml take it; or leave \
                     {region} out everywhere"
                ),
            })
        }
    }
}

/// What the owner of an endpoint runs so that the topic of a Region reaches it, one command a line.
fn commands(
    declared: &Declared<'_>,
    notify: &Notify,
    hub: &Target,
    subscription: &NotifySubscription,
    endpoint: &Arn,
) -> Option<String> {
    let topic = topic_arn(declared, notify, &hub.region);
    let there = endpoint.region()?;
    let Reach::As(principals) = principal(declared.profiles.partition, subscription.protocol, &hub.region, there)
    else {
        return None;
    };
    let grant = match subscription.protocol {
        Protocol::Lambda => {
            let name = endpoint.resource().strip_prefix("function:")?;
            let (name, qualifier) = match name.split_once(':') {
                Some((name, qualifier)) => (name, format!(" --qualifier {qualifier}")),
                None => (name, String::new()),
            };
            let grants = principals.iter().enumerate().map(|(nth, principal)| {
                format!(
                    "aws lambda add-permission --region {there} --function-name {name}{qualifier} --statement-id {} \
                     --action lambda:InvokeFunction --principal {principal} --source-arn {topic}",
                    lambda::statement_id(&hub.region, nth)
                )
            });
            grants.collect::<Vec<_>>().join("\n")
        }
        _ => {
            // All Regions' in one, so that whichever of these commands runs last leaves the same.
            let statement = sqs::statement(declared, notify, endpoint, sqs::principals(declared, endpoint));
            let policy = crate::policy::Policy::new(vec![statement]).to_json();
            let attributes = serde_json::json!({ "Policy": policy });
            let account = endpoint.account()?;
            let url = format!(
                "https://sqs.{there}.{}/{account}/{}",
                declared.profiles.partition.dns_suffix(),
                endpoint.resource()
            );
            format!(
                "aws sqs set-queue-attributes --region {there} --queue-url {url} --attributes '{attributes}'  # this \
                 replaces the whole policy: where the queue has one, add the statement to that instead"
            )
        }
    };
    let mut subscribe = format!(
        "aws sns subscribe --region {} --topic-arn {topic} --protocol {} --notification-endpoint {endpoint}",
        hub.region, subscription.protocol
    );
    if subscription.raw_message_delivery {
        subscribe.push_str(" --attributes RawMessageDelivery=true");
    }
    Some(format!("as account {}, run\n{grant}\n{subscribe}", endpoint.account()?))
}
