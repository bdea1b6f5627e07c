use std::collections::{BTreeMap, BTreeSet};

use super::{Policy, Statement, Who};
use crate::model::AccountId;

/// What the `Sid` of every statement that this tool owns starts with.
pub const OWNED_SID_PREFIX: &str = "Baseline";

impl Policy {
    /// The statements that this tool owns.
    pub fn owned(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| statement.is_owned())
    }

    /// Other people's statements.
    pub fn foreign(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| !statement.is_owned())
    }

    /// The document to write: the existing one with our statements in place of those that were ours before.
    ///
    /// Other people's statements stay as they are, before ours, unless `exclusive`; so does the `Version`, where their
    /// meaning hangs on it, and the `Id`. Every statement of `ours` must bear a `Sid` that starts with
    /// [`OWNED_SID_PREFIX`]: the next run would take it for somebody else's otherwise.
    #[must_use]
    pub fn replacing_owned(existing: Option<&Policy>, ours: Vec<Statement>, exclusive: bool) -> Policy {
        let mut policy = Policy { id: existing.and_then(|e| e.id.clone()), ..Policy::new(Vec::new()) };
        if let Some(existing) = existing.filter(|_| !exclusive) {
            policy.statements = existing.foreign().cloned().collect();
            if policy.statements.iter().any(Statement::has_variables) {
                policy.version.clone_from(&existing.version);
            }
        }
        policy.statements.extend(ours);
        policy
    }

    /// Every account id that the document names (see [`Statement::account_ids`]).
    pub fn account_ids(&self) -> BTreeSet<AccountId> {
        self.statements.iter().flat_map(Statement::account_ids).collect()
    }
}

impl Statement {
    /// Whether this tool owns it.
    pub fn is_owned(&self) -> bool {
        self.sid.as_ref().is_some_and(|sid| sid.starts_with(OWNED_SID_PREFIX))
    }

    /// Every account id that stands in its principals, resources and condition values, alone or as a whole part of
    /// an ARN or path.
    ///
    /// Digits inside a longer name do not count: in `logs-222222222222` they would hide that the account itself was
    /// dropped.
    pub fn account_ids(&self) -> BTreeSet<AccountId> {
        let principals = match self.principal.as_ref().map(super::Principals::who) {
            Some(Who::Named(lists)) => lists.values().flatten().collect(),
            _ => Vec::new(),
        };
        let arns = self.resources.iter().flat_map(|resources| resources.arns());
        let values = self.conditions.values().flat_map(BTreeMap::values).flatten();
        let texts = principals.into_iter().chain(arns).chain(values);
        texts.flat_map(|text| text.split([':', '/'])).filter_map(|part| part.parse().ok()).collect()
    }
}
