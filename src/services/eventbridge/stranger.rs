//! Targets of somebody else on our own rules: they stay, and where they lead out of the estate somebody has to know.

use serde_json::json;

use super::spec::Rule;
use crate::model::{AccountId, Address, Arn};
use crate::services::{Declared, Exposed, Note};

/// What is said of the other people's targets of a rule of ours: those of an account outside the profiles are exposures,
/// since they get whatever the rule matches; the others are worth knowing.
pub(super) fn strangers(declared: &Declared<'_>, address: &Address, rule: &Rule) -> (Vec<Exposed>, Vec<Note>) {
    let (mut exposed, mut notes) = (Vec::new(), Vec::new());
    for (id, arn) in rule.targets.iter().filter_map(|(id, target)| Some((id, target.dead_letter_queue.as_ref()?))) {
        let owner = arn.parse::<Arn>().ok().and_then(|arn| arn.account());
        if owner.is_some_and(|account| declared.profiles.account(account).is_some()) {
            continue;
        }
        let reason = format!(
            "what target `{id}` of the rule cannot deliver goes to the dead-letter queue {arn}, which is in no account of \
             profiles.toml"
        );
        let hint = "if it is meant, accept it; otherwise put the target again with another queue or none".to_owned();
        exposed.push(Exposed::new(address.clone(), reason, hint, &json!({ "dead_letter": { "id": id, "arn": arn } })));
    }
    for (id, arn) in &rule.other_targets {
        let account = arn.parse::<Arn>().ok().and_then(|arn| arn.account());
        let trusted = |id: AccountId| declared.profiles.trusted.iter().any(|one| one.id == id);
        if account.is_some_and(|account| declared.profiles.account(account).is_some() || trusted(account)) {
            notes.push(Note {
                target: address.target.clone(),
                topic: "other-target".to_owned(),
                text: format!(
                    "target `{id}` of rule {} goes to {arn}: it is not ours, and is left as it is",
                    address.name
                ),
            });
            continue;
        }
        let whose = account.map_or_else(
            || "somebody whom its ARN does not tell".to_owned(),
            |id| format!("account {id}, which is not in profiles.toml"),
        );
        let hint = format!(
            "if it is meant, accept it; otherwise: aws events remove-targets --region {} --rule {} --ids {id}",
            address.target.region,
            address.name.rsplit('/').next().unwrap_or(&address.name)
        );
        let reason = format!("target `{id}` of the rule sends every event that it matches to {arn}, of {whose}");
        exposed.push(Exposed::new(address.clone(), reason, hint, &json!({ "target": { "id": id, "arn": arn } })));
    }
    (exposed, notes)
}
