//! Lifecycle rules of the log bucket: ours, compared in every element, and other people's, which are kept as they are and
//! looked at for whether they remove logs sooner than is declared.
//!
//! What the elements mean: S3 User Guide, "Lifecycle configuration elements"; S3 API Reference, `LifecycleRule`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::spec::{LOGS, Lifetimes, Versioning};
use super::xml::Element;
use crate::services::Declared;

/// The lifecycle rule that is ours.
pub(super) const RETENTION_RULE: &str = "BaselineRetention";
/// The root of the document.
pub(super) const ROOT: &str = "LifecycleConfiguration";
/// Days after which an upload that was never finished is dropped.
const UNFINISHED_UPLOAD_DAYS: u32 = 7;
/// Elements of a rule that remove nothing that was ever a log: they name it, say where it applies, move it to another
/// class, or drop uploads that never became an object.
const HARMLESS: [&str; 7] =
    ["ID", "Status", "Prefix", "Filter", "Transition", "NoncurrentVersionTransition", "AbortIncompleteMultipartUpload"];

/// What our rule says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Own {
    /// How long it keeps logs, where it covers them all; for ever otherwise.
    pub kept: Lifetimes,
    /// Every element of it that is not as this tool writes it: as it is, or null where it is missing.
    pub rest: BTreeMap<String, Value>,
}

/// Reads our rule. `prefix` is what it should be limited to.
pub(super) fn own(rules: &[Element], prefix: &str) -> Own {
    let mut own = Own { kept: Lifetimes { current: None, noncurrent: None }, rest: BTreeMap::new() };
    let Some(rule) = rules.iter().find(|rule| is_own(rule)) else { return own };
    let filter = Filter::of(rule);
    let covers = is_enabled(rule) && filter.is_plain() && prefix.starts_with(&filter.prefix);
    let Value::Object(mut members) = in_new_form(rule).json() else { return own };
    members.remove("ID");
    // An empty filter and an empty prefix both mean the whole bucket.
    if filter.is_plain() {
        members.insert("Filter".to_owned(), json!({ "Prefix": filter.prefix }));
    }
    if covers {
        own.kept.current = only_days(&mut members, "Expiration", "Days");
        own.kept.noncurrent = only_days(&mut members, "NoncurrentVersionExpiration", "NoncurrentDays");
    } else {
        // What it would do is no matter before it does it to all logs.
        members.retain(|name, _| !name.ends_with("Expiration"));
    }
    for (name, expected) in constants(prefix) {
        match members.remove(name) {
            Some(value) if value == expected => {}
            other => {
                own.rest.insert(name.to_owned(), other.unwrap_or(Value::Null));
            }
        }
    }
    own.rest.extend(members);
    own
}

/// Takes an action out that says nothing but its days.
fn only_days(members: &mut serde_json::Map<String, Value>, action: &str, days: &str) -> Option<u32> {
    let said = members.get(action)?.as_object().filter(|said| said.len() == 1)?;
    let days = u32::try_from(said.get(days)?.as_u64()?).ok()?;
    members.remove(action);
    Some(days)
}

/// What our rule always says besides its name and its days.
fn constants(prefix: &str) -> [(&'static str, Value); 3] {
    [
        ("AbortIncompleteMultipartUpload", json!({ "DaysAfterInitiation": UNFINISHED_UPLOAD_DAYS })),
        ("Filter", json!({ "Prefix": prefix })),
        ("Status", json!("Enabled")),
    ]
}

/// Our rule; `None` where everything is kept for ever.
fn retention_rule(kept: Lifetimes, prefix: &str) -> Option<Element> {
    if kept.current.is_none() && kept.noncurrent.is_none() {
        return None;
    }
    let action = |name: &str, days: &str, count: u32| Element::new(name).with([Element::of(days, count)]);
    let rule = Element::new("Rule")
        .with([
            Element::of("ID", RETENTION_RULE),
            Element::new("Filter").with([Element::of("Prefix", prefix)]),
            Element::of("Status", "Enabled"),
        ])
        .with(kept.current.map(|days| action("Expiration", "Days", days)))
        .with(kept.noncurrent.map(|days| action("NoncurrentVersionExpiration", "NoncurrentDays", days)))
        .with([action("AbortIncompleteMultipartUpload", "DaysAfterInitiation", UNFINISHED_UPLOAD_DAYS)]);
    Some(rule)
}

/// The document to write where `now` is there: everybody else's rules, and ours. `None` where no rule is left.
///
/// S3 refuses a document in which one rule has a `Prefix` of its own and another a `Filter`: other people's rules of the
/// old form are sent in the new one, which means the same.
pub(super) fn merged(now: Option<&Element>, kept: Lifetimes, prefix: &str) -> Option<Element> {
    let mut document = now.cloned().unwrap_or_else(|| Element::new(ROOT));
    document.children.retain(|child| !is_own(child));
    for rule in document.children.iter_mut().filter(|child| child.name == "Rule") {
        *rule = in_new_form(rule);
    }
    document.children.extend(retention_rule(kept, prefix));
    document.child("Rule").is_some().then_some(document)
}

/// Whether our rule is among them.
pub(super) fn has_own(document: &Element) -> bool {
    document.children.iter().any(is_own)
}

fn is_own(rule: &Element) -> bool {
    rule.text_of("ID") == Some(RETENTION_RULE)
}

/// Whether a rule is switched on.
pub(super) fn is_enabled(rule: &Element) -> bool {
    rule.text_of("Status").is_some_and(|status| status.trim() == "Enabled")
}

/// The rule with a `Filter` in place of a `Prefix` of its own.
fn in_new_form(rule: &Element) -> Element {
    let mut rule = rule.clone();
    if rule.child("Filter").is_none() {
        let prefix = rule.text_of("Prefix").unwrap_or_default().to_owned();
        rule.children.retain(|child| child.name != "Prefix");
        let at = rule.children.iter().position(|child| child.name == "ID").map_or(0, |at| at + 1);
        rule.children.insert(at, Element::new("Filter").with([Element::of("Prefix", prefix)]));
    }
    rule
}

/// Which objects a rule applies to.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Filter {
    prefix: String,
    /// Whether an object needs a tag.
    tagged: bool,
    /// An object is larger than so many bytes.
    above: Option<i64>,
    /// And smaller than so many.
    below: Option<i64>,
    /// Whether there is something that this version does not know.
    unknown: bool,
}

impl Filter {
    /// Of a lifecycle rule or of a replication rule: both spell it alike.
    pub fn of(rule: &Element) -> Filter {
        let mut filter = Filter { prefix: rule.text_of("Prefix").unwrap_or_default().to_owned(), ..Filter::default() };
        for part in rule.child("Filter").into_iter().flat_map(|filter| &filter.children) {
            filter.take(part);
        }
        filter
    }

    fn take(&mut self, part: &Element) {
        let number = || part.text().trim().parse().ok();
        match part.name.as_str() {
            "Prefix" => part.text().clone_into(&mut self.prefix),
            "Tag" => self.tagged = true,
            "ObjectSizeGreaterThan" => self.above = number(),
            "ObjectSizeLessThan" => self.below = number(),
            "And" => part.children.iter().for_each(|part| self.take(part)),
            _ => self.unknown = true,
        }
    }

    /// Whether it asks for a prefix at most.
    fn is_plain(&self) -> bool {
        *self == Filter { prefix: self.prefix.clone(), ..Filter::default() }
    }

    /// Whether it can hold for a log. The services that write logs set no tags, and no log is empty.
    pub fn can_match(&self, logs: &Logs) -> bool {
        let above = self.above.unwrap_or(0).max(0);
        let has_size = self.below.is_none_or(|below| below > above.saturating_add(1)) && above < LARGEST_OBJECT;
        !self.tagged && has_size && logs.touched_by(&self.prefix)
    }
}

/// The largest object of S3, in bytes: 50 TB (S3 User Guide, "Amazon S3 objects overview").
const LARGEST_OBJECT: i64 = 50 << 40;

/// Where the logs are, and of whom.
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only what reads AWS asks for it"))]
pub(super) fn logs(declared: &Declared<'_>) -> Logs {
    let prefix = declared.baseline.log_bucket.as_ref().and_then(|bucket| bucket.prefix.as_deref());
    Logs {
        prefix: prefix.map_or_else(|| LOGS.to_owned(), |prefix| format!("{prefix}/{LOGS}")),
        accounts: declared.senders().iter().map(ToString::to_string).collect(),
    }
}

/// Where the logs of this baseline are.
#[derive(Debug, Clone)]
pub(super) struct Logs {
    /// `[prefix/]AWSLogs/`.
    pub prefix: String,
    /// The accounts that send.
    pub accounts: BTreeSet<String>,
}

impl Logs {
    /// Whether there can be a log of ours whose key begins like this.
    fn touched_by(&self, prefix: &str) -> bool {
        if self.prefix.starts_with(prefix) {
            return true;
        }
        let Some(rest) = prefix.strip_prefix(&self.prefix) else { return false };
        let (first, whole) = rest.split_once('/').map_or((rest, false), |(first, _)| (first, true));
        // Below the path of an account that sends nothing here there is nothing of ours; an organization's path begins
        // with its own id.
        if !first.bytes().all(|byte| byte.is_ascii_digit()) {
            return true;
        }
        if whole { self.accounts.contains(first) } else { self.accounts.iter().any(|id| id.starts_with(first)) }
    }
}

/// What is to be said of a rule of somebody.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Remark {
    /// It takes logs away sooner than declared.
    Sooner {
        /// Which rule, and what it does.
        reason: String,
        /// How to go on.
        hint: String,
        /// The rule.
        content: Value,
    },
    /// Whether it does cannot be told.
    Untold(String),
}

/// What is to be said of other people's rules, for a bucket in which logs are declared to be kept so long.
pub(super) fn remarks(rules: &[Element], logs: &Logs, declared: Lifetimes, versioning: Versioning) -> Vec<Remark> {
    let theirs = rules.iter().filter(|rule| !is_own(rule) && is_enabled(rule));
    theirs.filter_map(|rule| remark(rule, logs, declared, versioning)).collect()
}

fn remark(rule: &Element, logs: &Logs, declared: Lifetimes, versioning: Versioning) -> Option<Remark> {
    let filter = Filter::of(rule);
    if !filter.can_match(logs) {
        return None;
    }
    let name = match rule.text_of("ID").unwrap_or_default() {
        "" => "without an id".to_owned(),
        id => format!("`{id}`"),
    };
    let place = if filter.prefix.is_empty() { String::new() } else { format!(" below `{}`", filter.prefix) };
    let expires = expires_sooner(rule, declared.current);
    let purges = purges_sooner(rule, declared.noncurrent);
    let kept = |days: Option<u32>| days.map_or_else(|| "for ever".to_owned(), |days| format!("for {}", count(days)));
    let does = match (expires, purges, versioning) {
        (None, None, _) => return untold(rule, &name, &place),
        (Some(when), None, Versioning::Enabled) => format!(
            "hides logs{place} {when}: versioning is on, so that expiration alone puts a delete marker over them, and \
             their versions stay {}",
            kept(declared.noncurrent)
        ),
        (Some(when), None, _) => format!("removes logs{place} {when}: versioning is not on, so that they are gone"),
        (Some(when), Some(purge), _) => {
            format!("hides logs{place} {when} and removes their versions for good {purge}")
        }
        (None, Some(purge), _) => format!("removes overwritten and deleted versions of logs{place} {purge}"),
    };
    let declared_days = declared.current.map_or("as long as the bucket is".to_owned(), count);
    Some(Remark::Sooner {
        reason: format!(
            "lifecycle rule {name} of the bucket, which is not ours, {does}; logs are declared to be kept {}",
            kept(declared.current)
        ),
        hint: format!(
            "limit the rule to what is not below `{}`, or let it wait {declared_days}, or remove it; it is left as it is",
            logs.prefix
        ),
        content: json!({ "lifecycle_rule": in_new_form(rule).json() }),
    })
}

/// When a rule expires objects sooner than after so many days, in words. A date counts whatever the day: on it and after
/// it, objects of any age expire (S3 API Reference, `LifecycleExpiration`).
fn expires_sooner(rule: &Element, declared: Option<u32>) -> Option<String> {
    let all: Vec<&Element> = rule.all("Expiration").collect();
    let days = all.iter().find_map(|expiration| days_of(expiration, "Days"));
    if let Some(days) = days.filter(|days| declared.is_none_or(|declared| *days < declared)) {
        return Some(format!("after {}", count(days)));
    }
    let date = all.iter().find_map(|expiration| expiration.text_of("Date"))?;
    Some(format!("from {} on, whatever their age", date.trim()))
}

/// When a rule removes old versions sooner than after so many days, in words.
fn purges_sooner(rule: &Element, declared: Option<u32>) -> Option<String> {
    rule.all("NoncurrentVersionExpiration").find_map(|expiration| {
        // An older API gave a number of versions without days.
        let days = days_of(expiration, "NoncurrentDays").unwrap_or(0);
        if declared.is_some_and(|declared| days >= declared) {
            return None;
        }
        let newer = days_of(expiration, "NewerNoncurrentVersions");
        let but = newer.map(|newer| format!(", but for the newest {newer}")).unwrap_or_default();
        Some(format!("{} after they became old{but}", count(days)))
    })
}

fn days_of(action: &Element, name: &str) -> Option<u32> {
    action.text_of(name)?.trim().parse().ok()
}

fn count(days: u32) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

/// An element that this version does not know may be an action.
fn untold(rule: &Element, name: &str, place: &str) -> Option<Remark> {
    let known = |child: &&Element| {
        HARMLESS.contains(&child.name.as_str())
            || ["Expiration", "NoncurrentVersionExpiration"].contains(&child.name.as_str())
    };
    let unknown = rule.children.iter().find(|child| !known(child))?;
    Some(Remark::Untold(format!(
        "lifecycle rule {name} of the bucket, which is not ours, applies to logs{place} and holds `{}`, which this version \
         does not know: whether it removes logs cannot be told",
        unknown.name
    )))
}

#[cfg(test)]
mod tests;
