//! What stands around the bucket besides what is declared of it, and bears on its logs: replication to other buckets, the
//! access control list, Object Lock, MFA Delete. All of it is somebody's; none of it is changed.

use serde_json::{Value, json};

use super::conflicts::{CLOUDFRONT, Retention};
use super::lifecycle::{Filter, Logs, is_enabled};
use super::xml::Element;

/// What the predefined groups' URIs begin with (S3 User Guide, "Access control list (ACL) overview").
const GROUPS: &str = "http://acs.amazonaws.com/groups/";
/// The group that S3's server access logs were delivered as before bucket policies did.
const LOG_DELIVERY: &str = "s3/LogDelivery";

/// Something of somebody else's that lets logs out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outlet {
    /// What and to whom.
    pub reason: String,
    /// How to go on.
    pub hint: String,
    /// What an acceptance is bound to.
    pub content: Value,
}

/// Rules of a replication configuration that copy logs to an account that is not `known`.
pub(super) fn replicated(configuration: &Element, logs: &Logs, known: impl Fn(&str) -> bool) -> Vec<Outlet> {
    let applies = |rule: &&Element| is_enabled(rule) && Filter::of(rule).can_match(logs);
    let rules = configuration.all("Rule").filter(applies);
    rules.filter_map(|rule| outlet(rule, &known)).collect()
}

fn outlet(rule: &Element, known: impl Fn(&str) -> bool) -> Option<Outlet> {
    let destination = rule.child("Destination")?;
    let bucket = destination.text_of("Bucket").unwrap_or_default();
    let id = rule.text_of("ID").unwrap_or("without an id");
    let (whose, hint) = match destination.text_of("Account").map(str::trim) {
        Some(account) if known(account) => return None,
        Some(account) => (
            format!("of account {account}, which is not in the profiles"),
            format!("name account {account} in profiles.toml if it is yours, or remove the rule; it is left as it is"),
        ),
        // The owner of the bucket is named only where the copies become that account's ("Destination", S3 API
        // Reference): a bucket's ARN tells nothing of it.
        None => (
            "and does not say whose it is".to_owned(),
            "say the owner in the rule (`Account` of its `Destination`), or remove the rule; it is left as it is"
                .to_owned(),
        ),
    };
    Some(Outlet {
        reason: format!("replication rule `{id}` of the bucket, which is not ours, copies logs to {bucket} {whose}"),
        hint,
        content: json!({ "replication_rule": rule.json() }),
    })
}

/// One entry of an access control list for somebody who is not the owner.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Grant {
    /// The group's URI without what all have, a canonical user's id, or an e-mail address.
    who: String,
    permission: String,
    content: Value,
}

impl Grant {
    /// In words.
    pub fn phrase(&self) -> String {
        format!("{} ({})", self.grantee(), self.permission)
    }

    fn grantee(&self) -> String {
        match self.who.as_str() {
            "global/AllUsers" => "everyone".to_owned(),
            "global/AuthenticatedUsers" => "everyone with an AWS account".to_owned(),
            LOG_DELIVERY => "S3's log delivery group".to_owned(),
            who if CLOUDFRONT.contains(&who) => "CloudFront's log delivery".to_owned(),
            who => format!("the canonical user {who}"),
        }
    }

    /// Whether it is for everyone.
    fn is_public(&self) -> bool {
        ["global/AllUsers", "global/AuthenticatedUsers"].contains(&self.who.as_str())
    }

    /// Whether it is for one of AWS's own log deliveries, which write and read no logs.
    pub fn is_delivery(&self) -> bool {
        CLOUDFRONT.contains(&self.who.as_str())
            || (self.who == LOG_DELIVERY && ["WRITE", "READ_ACP"].contains(&self.permission.as_str()))
    }

    /// Whether it lets one of those write.
    pub fn lets_delivery_write(&self) -> bool {
        (CLOUDFRONT.contains(&self.who.as_str()) || self.who == LOG_DELIVERY)
            && ["WRITE", "FULL_CONTROL"].contains(&self.permission.as_str())
    }
}

/// What a list grants to others than the owner.
pub(super) fn grants(list: &Element) -> Vec<Grant> {
    let owner = list.child("Owner").and_then(|owner| owner.text_of("ID")).unwrap_or_default();
    let entries = list.child("AccessControlList").into_iter().flat_map(|list| list.all("Grant"));
    let grant = |entry: &Element| {
        let grantee = entry.child("Grantee")?;
        let named = ["URI", "ID", "EmailAddress"].into_iter().find_map(|name| grantee.text_of(name));
        let who = named.unwrap_or("unknown").trim();
        let who = who.strip_prefix(GROUPS).unwrap_or(who).to_owned();
        let permission = entry.text_of("Permission").unwrap_or("unknown").trim().to_owned();
        let content = json!({ "acl_grant": { "grantee": who, "permission": permission } });
        Some(Grant { who, permission, content }).filter(|grant| grant.who != owner)
    };
    entries.filter_map(grant).collect()
}

/// Grants of a list that counts that let others in. Where public lists are ignored, those for everyone have no effect.
pub(super) fn granted(grants: &[Grant], public_ignored: bool) -> Vec<Outlet> {
    let counts = |grant: &&Grant| !(grant.is_delivery() || public_ignored && grant.is_public());
    let outlet = |grant: &Grant| Outlet {
        reason: format!(
            "the bucket's access control list grants {} to {}{}",
            grant.permission,
            grant.grantee(),
            if grant.is_public() { "" } else { ": whose that is cannot be told" }
        ),
        hint:
            "remove the grant (`aws s3api put-bucket-acl --acl private`) and say in the bucket policy who may come in; \
               it is left as it is"
                .to_owned(),
        content: grant.content.clone(),
    };
    grants.iter().filter(counts).map(outlet).collect()
}

/// The default retention of Object Lock, if there is one.
pub(super) fn default_retention(configuration: &Element) -> Option<Retention> {
    let retention = configuration.child("Rule")?.child("DefaultRetention")?;
    let number = |name: &str| retention.text_of(name)?.trim().parse::<u64>().ok();
    let (time, days) = match (number("Days"), number("Years")) {
        (Some(days), _) => (format!("{days} days"), days),
        (None, Some(years)) => (format!("{years} years"), years.saturating_mul(365)),
        (None, None) => return None,
    };
    Some(Retention { mode: retention.text_of("Mode").unwrap_or("unknown").trim().to_owned(), time, days })
}

#[cfg(test)]
mod tests;
