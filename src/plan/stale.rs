//! What is no longer as a plan saw it, in words for whoever is woken by it.

use serde_json::Value;

use super::{Action, Change, FieldChange, FieldChangeKind, diff};
use crate::model::printable;
use crate::services::{Ownership, Spec};

/// Differences that are told in full; of more, only how many there are.
const TOLD: usize = 3;
/// Characters of a value that are shown: a policy is none that anybody reads in a line.
const SHOWN: usize = 60;

/// Why a change that is planned `now` is not the one that was planned, of which `desired` is what there should be; `None`
/// where it is the same: the same action, on the same as was seen, towards the same.
pub fn reason(planned: &Change, desired: &Spec, now: &Change) -> Option<String> {
    // Names, keys and values are in it that a file or AWS says, and no terminal obeys them.
    words(planned, desired, now).map(printable)
}

fn words(planned: &Change, desired: &Spec, now: &Change) -> Option<String> {
    match (planned.action, now.action) {
        (Action::Create, Action::Update) => {
            let differs = told(&now.fields, |field| describe(field, "is", "should be"));
            return Some(format!("somebody made it since, and not as it should be: {differs}"));
        }
        (Action::Update, Action::Create) => return Some("somebody removed it since".to_owned()),
        (planned, now) if planned != now => {
            return Some(format!("it was to {} and is to {} by now", verb(planned), verb(now)));
        }
        _ => {}
    }
    match (&planned.seen, &now.seen) {
        (Some(was), Some(is)) if was.spec != is.spec => {
            let fields = diff(&was.spec.document(), &is.spec.document());
            return Some(format!("somebody changed it since: {}", told(&fields, |field| describe(field, "was", "is"))));
        }
        (Some(was), Some(is)) if was.arn != is.arn => {
            return Some(format!("somebody made it anew since: it was {} and is {}", was.arn, is.arn));
        }
        (Some(was), Some(is)) if was.ownership != is.ownership => {
            return Some(match is.ownership {
                Ownership::Ours => "it did not carry our tag and does by now".to_owned(),
                Ownership::Unmarked => "it carried our tag and does not by now".to_owned(),
            });
        }
        (was, is) if was != is => return Some("what is there is not what was seen".to_owned()),
        _ => {}
    }
    if *desired != now.desired {
        let fields = diff(&desired.document(), &now.desired.document());
        let differs = told(&fields, |field| describe(field, "was to be", "is to be"));
        return Some(format!("something else should be there by now: {differs}"));
    }
    None
}

fn verb(action: Action) -> &'static str {
    match action {
        Action::Create => "be made",
        Action::Update => "be changed",
        Action::Delete => "be removed",
    }
}

fn told(fields: &[FieldChange], describe: impl Fn(&FieldChange) -> String) -> String {
    let mut words: Vec<String> = fields.iter().take(TOLD).map(describe).collect();
    match fields.len() {
        0 => words.push("what documents do not show".to_owned()),
        all if all > TOLD => words.push(format!("{} more fields", all - TOLD)),
        _ => {}
    }
    words.join("; ")
}

fn describe(field: &FieldChange, before: &str, after: &str) -> String {
    let path = field.path.join(".");
    match &field.kind {
        FieldChangeKind::Added { after: value } => match short(value) {
            Some(value) => format!("{path} {after} {value}"),
            None => format!("{path} came in"),
        },
        FieldChangeKind::Removed { before: value } => match short(value) {
            Some(value) => format!("{path} {before} {value}"),
            None => format!("{path} went away"),
        },
        FieldChangeKind::Changed { before: old, after: new } => match (short(old), short(new)) {
            (Some(old), Some(new)) => format!("{path} {before} {old} and {after} {new}"),
            _ => format!("{path} differs"),
        },
    }
}

fn short(value: &Value) -> Option<String> {
    let text = value.to_string();
    (text.chars().count() <= SHOWN).then_some(text)
}
