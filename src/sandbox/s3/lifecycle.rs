//! Lifecycle rules (S3 API Reference, PutBucketLifecycleConfiguration).

use std::collections::BTreeSet;

use super::{Bucket, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::sandbox::dispatch::Call;

/// What a rule may do; it needs one of them.
const ACTIONS: [&str; 5] = [
    "Expiration",
    "Transition",
    "NoncurrentVersionExpiration",
    "NoncurrentVersionTransition",
    "AbortIncompleteMultipartUpload",
];

/// The header that says from which size on objects change their class.
const MINIMUM_SIZE: &str = "x-amz-transition-default-minimum-object-size";
/// What a client gets that says nothing about small objects, and the other value.
const SIZES: [&str; 2] = ["all_storage_classes_128K", "varies_by_storage_class"];

/// Replaces every rule.
pub(super) fn put(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "LifecycleConfiguration")?;
    // "You cannot use MFA delete with lifecycle configurations" (S3 User Guide, "Configuring MFA delete").
    if bucket.mfa_delete {
        let message = "Lifecycle configuration is not supported on a bucket with Mfa Authentication.";
        return Err(Refusal::new(409, "InvalidBucketState", message));
    }
    let size = call.http.header(MINIMUM_SIZE);
    if size.is_some_and(|size| !SIZES.contains(&size)) {
        return Err(invalid("Invalid transition default minimum object size"));
    }
    let mut rules: Vec<Node> = document.all("Rule").cloned().collect();
    if rules.is_empty() || rules.len() > 1000 || rules.len() != document.children.len() {
        return Err(malformed());
    }
    let mut ids = BTreeSet::new();
    for (index, rule) in rules.iter_mut().enumerate() {
        if rule.text_of("ID").is_none_or(str::is_empty) {
            rule.children.retain(|child| child.name != "ID");
            rule.children.insert(0, Node::text("ID", format!("simulated-rule-{}", index + 1)));
        }
        let id = rule.text_of("ID").unwrap_or_default().to_owned();
        check(rule)?;
        if id.len() > 255 {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        if !ids.insert(id) {
            return Err(invalid("Rule ID must be unique. Found same ID for more than one rule"));
        }
    }
    // One document has one form; the message as it is reported (aws/aws-sdk-ruby#1653, ansible/ansible#53751).
    if rules.iter().any(|rule| rule.child("Prefix").is_some())
        && rules.iter().any(|rule| rule.child("Filter").is_some())
    {
        return Err(Refusal::new(400, "InvalidRequest", "Filter element can only be used in Lifecycle V2."));
    }
    bucket.lifecycle = rules;
    bucket.minimum_size = size.map(str::to_owned);
    Ok(with_size(empty(200), bucket))
}

fn with_size(mut reply: Reply, bucket: &Bucket) -> Reply {
    let size = bucket.minimum_size.as_deref().unwrap_or(SIZES[0]);
    reply.headers.push((MINIMUM_SIZE.to_owned(), size.to_owned()));
    reply
}

fn check(rule: &Node) -> Result<(), Refusal> {
    if !matches!(rule.text_of("Status"), Some("Enabled" | "Disabled")) {
        return Err(malformed());
    }
    // Version 2 has Filter, version 1 Prefix: exactly one of them.
    match (rule.child("Filter"), rule.child("Prefix")) {
        (Some(filter), None) if filter.children.len() <= 1 => {}
        (None, Some(_)) => {}
        _ => return Err(malformed()),
    }
    if !ACTIONS.iter().any(|action| rule.child(action).is_some()) {
        return Err(invalid("At least one action needs to be specified in a rule"));
    }
    for action in ACTIONS.iter().flat_map(|action| rule.all(action)) {
        for name in ["Days", "NoncurrentDays", "DaysAfterInitiation"] {
            let Some(text) = action.text_of(name) else { continue };
            let least = i64::from(!action.name.ends_with("Transition"));
            if text.parse::<i64>().map_err(|_| malformed())? < least {
                return Err(invalid(&format!("'{name}' for {} action must be a positive integer", action.name)));
            }
        }
        if action.name == "NoncurrentVersionExpiration" && action.text_of("NoncurrentDays").is_none() {
            return Err(malformed());
        }
    }
    Ok(())
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidArgument", message)
}

pub(super) fn get(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    if bucket.lifecycle.is_empty() {
        let message = "The lifecycle configuration does not exist";
        return Err(Refusal::new(404, "NoSuchLifecycleConfiguration", message).detail("BucketName", name));
    }
    let reply = xml(Node::new("LifecycleConfiguration").with_all(bucket.lifecycle.iter().cloned()));
    Ok(with_size(reply, bucket))
}

pub(super) fn delete(bucket: &mut Bucket) -> Reply {
    bucket.lifecycle.clear();
    bucket.minimum_size = None;
    empty(204)
}
