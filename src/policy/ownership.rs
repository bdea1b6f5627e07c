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

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::super::arbitrary::{asked, policy, statement};
    use super::*;

    fn ours() -> impl Strategy<Value = Vec<Statement>> {
        vec(statement(), 0..4).prop_map(|mut statements| {
            for (index, statement) in statements.iter_mut().enumerate() {
                statement.sid = Some(format!("Baseline{index}"));
            }
            statements
        })
    }

    proptest! {
        #[test]
        fn other_peoples_statements_stay(existing in option::of(policy()), ours in ours(), asked in asked()) {
            let merged = Policy::replacing_owned(existing.as_ref(), ours.clone(), false);
            let theirs: Vec<&Statement> = existing.iter().flat_map(Policy::foreign).collect();
            prop_assert_eq!(merged.foreign().collect::<Vec<_>>(), theirs);
            prop_assert_eq!(merged.owned().cloned().collect::<Vec<_>>(), ours.clone());

            let alone = |policy: &Policy| Policy { statements: policy.foreign().cloned().collect(), ..policy.clone() };
            if let Some(existing) = &existing {
                prop_assert_eq!(asked.of(&alone(&merged)), asked.of(&alone(existing)));
                prop_assert!(alone(&merged).equivalent(&alone(existing)));
            }
            let again = Policy::replacing_owned(Some(&Policy::parse(&merged.to_json()).unwrap()), ours, false);
            prop_assert_eq!(again, merged);
        }

        #[test]
        fn exclusive_leaves_ours_alone(existing in policy(), ours in ours()) {
            prop_assert_eq!(Policy::replacing_owned(Some(&existing), ours.clone(), true).statements, ours);
        }
    }

    #[test]
    fn a_sid_makes_a_statement_ours_by_its_beginning() {
        let owned = |sid| Statement { sid, ..Statement::allow("", ["s3:*"]) }.is_owned();
        assert!(owned(Some("BaselineWrite".to_owned())));
        for sid in [None, Some(""), Some("baselineWrite"), Some("TheBaseline"), Some("Base")] {
            assert!(!owned(sid.map(str::to_owned)), "{sid:?}");
        }
    }

    #[test]
    fn finds_the_accounts_that_a_statement_names() {
        let partition = crate::model::Partition::Aws;
        let statement = Statement::allow("BaselineWrite", ["s3:PutObject"])
            .for_services(["cloudtrail.amazonaws.com"])
            .for_account_roots(partition, ["111111111111".parse().unwrap()])
            .on(["arn:aws:s3:::logs-222222222222/AWSLogs/333333333333/*"])
            .when("StringEquals", "aws:SourceAccount", ["444444444444", "5555555555555"])
            .when("ArnLike", "aws:SourceArn", ["arn:aws:cloudtrail:*:666666666666:trail/*"]);
        let found: Vec<String> = statement.account_ids().iter().map(ToString::to_string).collect();
        // Neither the account in the bucket's name nor thirteen digits.
        assert_eq!(found, ["111111111111", "333333333333", "444444444444", "666666666666"]);
    }
}
