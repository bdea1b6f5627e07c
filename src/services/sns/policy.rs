//! The topic policy: who may publish, and who may subscribe.

use std::collections::BTreeSet;

use super::config::Notify;
use super::reach::{Subscriber, subscriber, topic_arn};
use crate::model::{AccountId, Arn, Region};
use crate::policy::Statement;
use crate::services::Declared;

/// What SNS grants the owner of a new topic in the policy that a topic has by default.
const OWNER_ACTIONS: [&str; 8] = [
    "sns:AddPermission",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:Publish",
    "sns:RemovePermission",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
];

/// Our statements in the policy of the topic of a Region.
pub(super) fn statements(declared: &Declared<'_>, notify: &Notify, region: &Region) -> Vec<Statement> {
    let profiles = declared.profiles;
    let topic = topic_arn(declared, notify, region).to_string();
    let mut statements = vec![
        Statement::allow("BaselineTopicOwner", OWNER_ACTIONS)
            .for_account_roots(profiles.partition, [profiles.security])
            .on([&topic]),
        // No condition, on purpose: EventBridge does not support one here and drops the events without a word
        // (EventBridge User Guide, "Using resource-based policies": condition blocks cannot be used for SNS topics).
        Statement::allow("BaselineEvents", ["sns:Publish"]).for_services(["events.amazonaws.com"]).on([&topic]),
    ];
    let owners = owners(declared, notify);
    if !owners.is_empty() {
        statements.push(Statement::allow("BaselineSubscribers", ["sns:Subscribe"]).for_everyone().on([&topic]).when(
            "StringEquals",
            "aws:PrincipalAccount",
            texts(&owners),
        ));
    }
    let guests = guests(declared, notify);
    if !guests.is_empty() {
        let endpoints = guests.iter().map(|(_, endpoint)| endpoint.to_string());
        let accounts: BTreeSet<AccountId> = guests.iter().map(|(account, _)| *account).collect();
        statements.push(
            Statement::allow("BaselineGuests", ["sns:Subscribe"])
                .for_everyone()
                .on([&topic])
                .when("StringEquals", "aws:PrincipalAccount", texts(&accounts))
                .when("StringEquals", "sns:Endpoint", endpoints),
        );
    }
    statements
}

/// Accounts stand in conditions and not among the principals: SNS refuses the whole policy (`PrincipalNotFound`) where one
/// of those does not exist any more, and with it EventBridge would be shut out.
fn texts(accounts: &BTreeSet<AccountId>) -> Vec<String> {
    accounts.iter().map(ToString::to_string).collect()
}

/// The accounts that this tool subscribes from; the security account may already, as the owner.
fn owners(declared: &Declared<'_>, notify: &Notify) -> BTreeSet<AccountId> {
    let owners = notify.subscriptions.iter().filter_map(|subscription| match subscriber(declared, subscription) {
        Subscriber::Owner(id) => Some(id),
        Subscriber::Outside(_) | Subscriber::Security => None,
    });
    owners.filter(|id| *id != declared.profiles.security).collect()
}

/// Endpoints that somebody else has to subscribe, which takes leave to do so: for these endpoints and no others.
fn guests<'a>(declared: &Declared<'_>, notify: &'a Notify) -> BTreeSet<(AccountId, &'a Arn)> {
    let guests = notify.subscriptions.iter().filter_map(|subscription| match subscriber(declared, subscription) {
        Subscriber::Outside(id) => Some((id, subscription.arn()?)),
        Subscriber::Owner(_) | Subscriber::Security => None,
    });
    guests.filter(|(id, _)| *id != declared.profiles.security).collect()
}
