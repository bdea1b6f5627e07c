//! A policy document that every account's logs depend on: how it is merged with what other people wrote into it, and
//! what must never happen to it.

mod gone;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

use super::{Note, Terms, senders};
use crate::model::{AccountId, Region, Target};
use crate::policy::{Caller, Decision, Effect, Policy, PrincipalType, Principals, Request, Statement, Who, evaluate};

pub use gone::gone_principals;

/// Such a document, with the wish whether other people's statements may stay.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SharedPolicy {
    /// The document; serialised in one order and in its author's spelling, so that a diff shows differences in meaning
    /// only, in the words that AWS has for them.
    #[serde(serialize_with = "readable")]
    pub document: Policy,
    /// Whether statements that are not ours are removed.
    #[serde(skip)]
    pub exclusive: bool,
}

impl PartialEq for SharedPolicy {
    fn eq(&self, other: &Self) -> bool {
        self.document.equivalent(&other.document)
    }
}

fn readable<S: Serializer>(policy: &Policy, serializer: S) -> Result<S::Ok, S::Error> {
    policy.readable().serialize(serializer)
}

impl SharedPolicy {
    /// A document of our statements alone.
    pub fn ours(statements: Vec<Statement>, exclusive: bool) -> Self {
        SharedPolicy { document: Policy::new(statements), exclusive }
    }

    /// A document as AWS holds it.
    pub fn seen(document: Policy) -> Self {
        SharedPolicy { document, exclusive: false }
    }

    /// Puts our statements into the document that is there, beside everyone else's.
    pub fn adopt(&mut self, seen: &SharedPolicy) {
        let ours = std::mem::replace(&mut self.document, Policy::new(Vec::new())).statements;
        self.document = Policy::replacing_owned(Some(&seen.document), ours, self.exclusive);
        if self.document.equivalent(&seen.document) {
            self.document = seen.document.clone();
        }
    }

    /// The accounts whose logs our own statements let AWS's services write, and those that they let put events: what an
    /// owner or a reader is granted says nothing about either.
    pub fn admitted(&self) -> BTreeSet<AccountId> {
        let writers = self.document.owned().filter(|statement| is_for_services(statement));
        // The account in the bus's own ARN is its owner, and not one that sends.
        let senders = self.document.owned().filter(|statement| is_for_events(statement));
        let senders = senders.map(|statement| Statement { resources: None, ..statement.clone() });
        writers.cloned().chain(senders).flat_map(|statement| statement.account_ids()).collect()
    }

    /// The services that other people's statements let do this, conditions left aside. `action` is spelt in full.
    pub fn services_admitted(&self, action: &str) -> BTreeSet<String> {
        let allows = |statement: &&Statement| statement.effect == Effect::Allow && statement.actions.hold(action);
        let lists = self.document.foreign().filter(allows).filter_map(|statement| match &statement.principal {
            Some(Principals::Principal(Who::Named(lists))) => lists.get(&PrincipalType::Service),
            _ => None,
        });
        lists.flatten().cloned().collect()
    }

    /// The Regions whose own service principals our statements admit: those that accounts opt in to.
    pub fn opt_in_regions(&self) -> BTreeSet<Region> {
        let named = self.document.owned().filter_map(|statement| match &statement.principal {
            Some(Principals::Principal(Who::Named(lists))) => lists.get(&PrincipalType::Service),
            _ => None,
        });
        named.flatten().filter_map(|principal| senders::region_of_principal(principal)).collect()
    }

    /// Every account that our own statements name. This tool writes none that admits everyone: one that bears a name of
    /// ours and does so was made by somebody else, and its going takes nothing from anybody.
    fn named(&self) -> BTreeSet<AccountId> {
        self.document
            .owned()
            .filter(|statement| !statement.is_open_to_world())
            .flat_map(Statement::account_ids)
            .collect()
    }

    /// How much of the size limit is taken by what other people wrote: their statements, and the document's `Id`.
    pub fn foreign_bytes(&self) -> usize {
        let foreign = self.document.foreign().cloned().collect();
        Policy { statements: foreign, ..self.document.clone() }.size()
    }

    /// Other people's statements that admit everyone: they stay, and somebody should know. `what` names the policy.
    pub fn open_notes(&self, target: &Target, what: &str) -> Vec<Note> {
        let open = self.document.foreign().filter(|statement| statement.is_open_to_world());
        open.map(|statement| Note {
            target: target.clone(),
            topic: "open-policy".to_owned(),
            text: format!(
                "statement {} of the {what} admits everyone; it is not ours and is left as it is: constrain it by \
                 account, or remove it",
                sid(statement)
            ),
        })
        .collect()
    }

    /// Why writing this over `seen` is refused; `what` names it, `limit` is AWS's size limit in bytes.
    pub fn refusals(
        &self,
        seen: Option<&SharedPolicy>,
        terms: &Terms,
        what: &str,
        limit: usize,
        survival: &Survival<'_>,
    ) -> Vec<String> {
        let mut refusals = Vec::new();
        if let Some(seen) = seen {
            let lost: BTreeSet<AccountId> = &(&seen.admitted() - &self.admitted()) | &(&seen.named() - &self.named());
            if !lost.is_empty() && !terms.allow_remove_accounts {
                let lost: Vec<String> = lost.iter().map(ToString::to_string).collect();
                refusals.push(format!(
                    "the {what} would no longer admit {}: their logs would be lost; name them in profiles.toml, or say \
                     --allow-remove-accounts",
                    lost.join(", ")
                ));
            }
            if !self.exclusive && !terms.from_file {
                let kept: BTreeSet<Statement> = self.document.statements.iter().map(Statement::canonical).collect();
                for statement in seen.document.foreign().filter(|s| !kept.contains(&s.canonical())) {
                    refusals.push(format!(
                        "the {what} would lose statement {}, which is not ours: say `exclusive = true` to own the \
                         whole document",
                        sid(statement)
                    ));
                }
            }
        }
        for statement in self.document.owned().filter(|s| s.is_open_to_world()) {
            refusals.push(format!(
                "statement {} of the {what} would admit everyone: principals must be listed or constrained by account",
                sid(statement)
            ));
        }
        if self.document.size() > limit {
            refusals.push(format!(
                "the {what} would take {} bytes and AWS holds {limit}: use fewer accounts per log bucket (a second \
                 profiles file with its own security account), or remove other people's statements",
                self.document.size()
            ));
        }
        refusals.extend(survival.refusal(&self.document, seen.map(|seen| &seen.document), terms, what));
        refusals
    }
}

fn sid(statement: &Statement) -> &str {
    statement.sid.as_deref().unwrap_or("without a Sid")
}

fn is_for_services(statement: &Statement) -> bool {
    matches!(
        &statement.principal,
        Some(Principals::Principal(Who::Named(lists))) if lists.contains_key(&PrincipalType::Service)
    )
}

fn is_for_events(statement: &Statement) -> bool {
    statement.actions.names().iter().any(|action| action.eq_ignore_ascii_case("events:PutEvents"))
}

/// The access that the running role must still have after a policy was written.
pub struct Survival<'a> {
    /// The actions that must not be denied.
    pub actions: &'a [&'a str],
    /// The resource's ARN.
    pub resource: &'a str,
}

/// Condition keys that say who asks and how; what the others say (an address, an endpoint, a time) is not known here.
const KNOWN_KEYS: [&str; 3] = ["aws:principal", "aws:securetransport", "kms:calleraccount"];

impl Survival<'_> {
    /// Whether a statement hangs on something that cannot be told here and was in force when the policy was read: it
    /// let that call through, and is as it was.
    fn held_while_reading(&self, statement: &Statement, seen: Option<&Policy>) -> bool {
        let keys = || statement.conditions.values().flat_map(|keys| keys.keys());
        let untold = |key: &String| {
            let key = key.to_ascii_lowercase();
            !KNOWN_KEYS.iter().any(|known| key.starts_with(known))
        };
        let unchanged = || {
            let canonical = statement.canonical();
            seen.is_some_and(|seen| seen.statements.iter().any(|other| other.canonical() == canonical))
        };
        keys().any(untold) && unchanged()
    }

    /// Whether the document would lock the running role out.
    fn refusal(&self, document: &Policy, seen: Option<&Policy>, terms: &Terms, what: &str) -> Option<String> {
        let hop = terms.running_hop.as_ref()?;
        let (role, session) = (hop.role.to_string(), hop.session_arn());
        // The session is who asks; its ARN leaves out the role's path, so that the role is told apart.
        let context = BTreeMap::from([
            ("aws:SecureTransport".to_owned(), vec!["true".to_owned()]),
            ("aws:PrincipalArn".to_owned(), vec![role.clone()]),
        ]);
        let document = Policy {
            statements: document.statements.iter().filter(|s| !self.held_while_reading(s, seen)).cloned().collect(),
            ..document.clone()
        };
        self.actions.iter().find_map(|action| {
            let request =
                Request { principal: Caller::Aws(&session), action, resource: self.resource, context: &context };
            match evaluate(&document, &request) {
                Decision::Denied { sid } => Some(format!(
                    "statement {} of the {what} would deny {action} to {role}, the role this tool runs as: change the \
                     statement first, so that nobody is locked out",
                    sid.as_deref().unwrap_or("without a Sid")
                )),
                Decision::Allowed { .. } | Decision::NoMatch => None,
            }
        })
    }
}

#[cfg(test)]
mod tests;
