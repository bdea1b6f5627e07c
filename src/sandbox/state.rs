//! What there is, as the control endpoint shows it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::world::World;
use super::{config, events, guardduty, kms, sns, sqs};
use crate::model::{AccountId, Region};

fn aliases<'a>(world: &'a World, key: &kms::Key) -> Vec<&'a str> {
    let of_key = |((account, region, _), alias): &(&(AccountId, Region, String), &kms::Alias)| {
        key.arn.account() == Some(*account) && key.arn.region() == Some(region) && alias.target == key.id
    };
    world.kms.aliases.iter().filter(of_key).map(|((_, _, name), _)| name.as_str()).collect()
}

/// Everything there is, without secrets: external ids stand in trust policies, so these are left out.
pub(super) fn state(world: &World) -> Value {
    let accounts: Vec<Value> = world
        .accounts
        .iter()
        .map(|(id, account)| {
            let roles: Vec<Value> = account
                .roles
                .values()
                .map(|role| {
                    let inline: BTreeMap<&String, Value> =
                        role.inline.iter().map(|(name, text)| (name, document(text))).collect();
                    json!({
                        "arn": role.arn, "behind": role.behind, "policies": inline, "attached": role.attached,
                        "tags": role.tags,
                    })
                })
                .collect();
            json!({
                "id": id, "regions": account.enabled, "suspended": world.suspended.contains(id), "roles": roles,
            })
        })
        .collect();
    let trails: Vec<Value> = world
        .cloudtrail
        .trails
        .values()
        .map(|trail| {
            json!({
                "arn": trail.arn, "bucket": trail.bucket, "prefix": trail.prefix, "multi_region": trail.multi_region,
                "global_events": trail.global_events, "validation": trail.validation, "kms_key": trail.kms_key,
                "logging": trail.logging, "tags": trail.tags,
            })
        })
        .collect();
    let keys: Vec<Value> = world
        .kms
        .keys
        .values()
        .map(|key| {
            json!({
                "arn": key.arn, "policy": document(&key.policy), "enabled": key.is_enabled(),
                "rotation": key.rotation.is_some(), "tags": key.tags, "aliases": aliases(world, key),
            })
        })
        .collect();
    let buckets: Vec<Value> = world
        .s3
        .buckets
        .iter()
        .map(|(name, bucket)| {
            json!({
                "name": name, "owner": bucket.owner, "region": bucket.region,
                "policy": bucket.policy.as_deref().map(document), "tags": bucket.tags,
                "versioning": bucket.versioning, "public_access_block": bucket.public_access,
                "ownership": bucket.ownership, "objects": bucket.objects.len(), "mfa_delete": bucket.mfa_delete,
                "transition_default_minimum_object_size": bucket.minimum_size,
                "encryption": { "algorithm": bucket.encryption.algorithm, "key": bucket.encryption.key,
                    "bucket_key": bucket.encryption.bucket_key },
            })
        })
        .collect();
    let withdrawn: Vec<Value> =
        world.withdrawn.iter().map(|(region, service)| json!({ "region": region, "service": service })).collect();
    let (buses, lost_events) = events::state(world);
    let [topics, subscriptions, published, outbox, lost_messages] = sns::state(world);
    json!({
        "simulation": true, "partition": world.partition, "accounts": accounts, "trails": trails, "keys": keys,
        "buckets": buckets, "config": config_state(&world.config), "guardduty": guardduty::State::document(world),
        "functions": world.lambda.document(), "event_buses": buses, "topics": topics, "subscriptions": subscriptions,
        "queues": sqs::state(world), "published": published, "outbox": outbox,
        "aws_rates": world.rates.are_on(), "quotas": world.quotas.document(), "withdrawn": withdrawn,
        "undelivered": { "events": lost_events, "messages": lost_messages },
    })
}

fn config_state(state: &config::State) -> Value {
    let recorders: Vec<Value> = state
        .recorders
        .iter()
        .map(|((account, region, name), recorder)| {
            // A service's own records for ever.
            let recording = recorder.service.is_some() || state.is_recording(*account, region);
            json!({
                "account": account, "region": region, "name": name, "role": recorder.role, "group": recorder.group,
                "mode": recorder.mode, "service": recorder.service, "recording": recording, "tags": recorder.tags,
            })
        })
        .collect();
    let channels: Vec<Value> = state
        .channels
        .iter()
        .map(|((account, region, name), channel)| {
            json!({
                "account": account, "region": region, "name": name, "bucket": channel.bucket, "prefix": channel.prefix,
                "kms_key": channel.key, "topic": channel.topic, "frequency": channel.frequency,
            })
        })
        .collect();
    let rules: Vec<Value> = state
        .rules
        .iter()
        .filter(|((account, region, name), _)| state.has_rule(*account, region, name))
        .map(|((account, region, name), rule)| {
            json!({
                "account": account, "region": region, "name": name, "arn": rule.arn, "rule": rule.declared,
                "created_by": rule.created_by, "tags": rule.tags,
            })
        })
        .collect();
    let aggregators: Vec<Value> = state
        .aggregators
        .values()
        .map(|one| json!({ "arn": one.arn, "name": one.name, "sources": one.sources, "tags": one.tags }))
        .collect();
    let authorizations: Vec<Value> =
        state.authorizations.values().map(|one| json!({ "arn": one.arn, "tags": one.tags })).collect();
    json!({
        "recorders": recorders, "channels": channels, "rules": rules, "aggregators": aggregators,
        "authorizations": authorizations,
    })
}

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}
