use std::collections::BTreeMap;

use super::{Actions, Conditions, Policy, PrincipalType, Principals, Resources, Statement, VERSION_2012, Who};

impl Policy {
    /// The one form that all documents of the same meaning share. It is for comparing, not for sending.
    ///
    /// It irons out order and repetition (of statements, lists and values), the case of actions and condition keys,
    /// the spellings of an account (`111111111111`, the ARN of its root) and of everyone (`*`, `{"AWS": "*"}`), empty
    /// condition blocks, the `Id`, and the `Version` where nothing depends on it. The `Sid` stays: it says whose a
    /// statement is.
    #[must_use]
    pub fn canonical(&self) -> Policy {
        let mut statements: Vec<Statement> = self.statements.iter().map(Statement::canonical).collect();
        statements.sort();
        statements.dedup();
        let version = if statements.iter().any(Statement::has_variables) { &self.version } else { VERSION_2012 };
        Policy { version: version.to_owned(), id: None, statements }
    }

    /// Whether both documents mean the same.
    pub fn equivalent(&self, other: &Policy) -> bool {
        self.canonical() == other.canonical()
    }
}

impl Statement {
    /// The statement's part of [`Policy::canonical`].
    #[must_use]
    pub fn canonical(&self) -> Statement {
        Statement {
            sid: self.sid.clone().filter(|sid| !sid.is_empty()),
            effect: self.effect,
            principal: self.principal.as_ref().map(|principals| match principals {
                Principals::Principal(who) => Principals::Principal(who.canonical()),
                Principals::NotPrincipal(who) => Principals::NotPrincipal(who.canonical()),
            }),
            actions: match &self.actions {
                Actions::Action(names) => Actions::Action(lower_set(names)),
                Actions::NotAction(names) => Actions::NotAction(lower_set(names)),
            },
            resources: self.resources.as_ref().map(|resources| match resources {
                Resources::Resource(arns) => Resources::Resource(set(arns.clone())),
                Resources::NotResource(arns) => Resources::NotResource(set(arns.clone())),
            }),
            conditions: canonical_conditions(&self.conditions),
        }
    }

    /// Whether `${…}` stands where version 2012-10-17 puts a policy variable: in a resource or a condition value.
    pub(super) fn has_variables(&self) -> bool {
        let arns = self.resources.iter().flat_map(|resources| resources.arns());
        let values = self.conditions.values().flat_map(BTreeMap::values).flatten();
        arns.chain(values).any(|text| text.contains("${"))
    }
}

impl Who {
    fn canonical(&self) -> Who {
        let Who::Named(lists) = self else { return Who::Everyone };
        let mut lists = lists.clone();
        for (kind, names) in &mut lists {
            let mut list = std::mem::take(names);
            if *kind == PrincipalType::Aws {
                list = list.iter().map(|name| account_of_root(name).unwrap_or(name).to_owned()).collect();
                if list.iter().any(|name| name == "*") {
                    list = vec!["*".to_owned()];
                }
            }
            *names = set(list);
        }
        match lists.get(&PrincipalType::Aws) {
            Some(names) if lists.len() == 1 && *names == ["*"] => Who::Everyone,
            _ => Who::Named(lists),
        }
    }
}

/// The account id in the ARN of an account's root. The partition says nothing more: no policy names another one's.
pub(super) fn account_of_root(principal: &str) -> Option<&str> {
    let (head, tail) = principal.split_once(":iam::")?;
    let id = tail.strip_suffix(":root")?;
    let partition = head.strip_prefix("arn:")?;
    (!partition.contains(':') && id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

fn canonical_conditions(conditions: &Conditions) -> Conditions {
    let mut canonical = Conditions::new();
    for (operator, keys) in conditions.iter().filter(|(_, keys)| !keys.is_empty()) {
        // The values of these two are compared without regard to case.
        let is_bool = matches!(operator.as_str(), "Bool" | "BoolIfExists" | "Null");
        let mut block = BTreeMap::new();
        for (key, values) in keys {
            let values = if is_bool { lower_set(values) } else { set(values.clone()) };
            // Two keys that differ by case alone are never read, but can be built; neither may swallow the other.
            let lower = key.to_ascii_lowercase();
            let key = if block.contains_key(&lower) { key.clone() } else { lower };
            block.insert(key, values);
        }
        canonical.insert(operator.clone(), block);
    }
    canonical
}

fn lower_set(items: &[String]) -> Vec<String> {
    set(items.iter().map(|item| item.to_ascii_lowercase()).collect())
}

fn set(mut items: Vec<String>) -> Vec<String> {
    items.sort();
    items.dedup();
    items
}
