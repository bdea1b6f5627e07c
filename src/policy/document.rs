use std::collections::BTreeMap;

use super::pattern::Pattern;
use crate::model::{AccountId, Partition};

/// The version of the policy language that knows policy variables (`${aws:username}`).
pub const VERSION_2012: &str = "2012-10-17";

/// The older version, which a document without `Version` has; in it `${…}` is plain text.
pub const VERSION_2008: &str = "2008-10-17";

/// An IAM policy document, in its author's spelling and order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The version of the policy language: [`VERSION_2012`] or [`VERSION_2008`].
    pub version: String,
    /// The document's `Id`; it means nothing to AWS.
    pub id: Option<String>,
    /// What it allows and denies.
    pub statements: Vec<Statement>,
}

/// One statement of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Statement {
    /// Its `Sid`; one that starts with [`super::OWNED_SID_PREFIX`] makes the statement ours.
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Whom it is about; `None` in policies that are attached to an identity.
    pub principal: Option<Principals>,
    /// What may or may not be done.
    pub actions: Actions,
    /// What it may be done to; `None` in the trust policy of a role, where the role itself is meant.
    pub resources: Option<Resources>,
    /// The conditions, all of which must hold.
    pub conditions: Conditions,
}

/// Condition operator, then condition key, then the values of which one must match.
pub type Conditions = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// What a statement that matches does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// It grants.
    Allow,
    /// It refuses, whatever else grants.
    Deny,
}

/// Whom a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principals {
    /// These.
    Principal(Who),
    /// Everyone but these.
    NotPrincipal(Who),
}

impl Principals {
    /// Those who are named, in either sense.
    pub fn who(&self) -> &Who {
        match self {
            Principals::Principal(who) | Principals::NotPrincipal(who) => who,
        }
    }
}

/// The principals that a statement names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// The plain `"*"`.
    Everyone,
    /// Lists by type of principal, none of them empty.
    Named(BTreeMap<PrincipalType, Vec<String>>),
}

/// The types of principal that the policy language knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalType {
    /// Accounts, roles, sessions and users.
    Aws,
    /// S3's canonical user ids.
    CanonicalUser,
    /// Identity providers.
    Federated,
    /// AWS services.
    Service,
}

impl PrincipalType {
    /// Every type.
    pub const ALL: [PrincipalType; 4] =
        [PrincipalType::Aws, PrincipalType::CanonicalUser, PrincipalType::Federated, PrincipalType::Service];

    /// The name as documents carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            PrincipalType::Aws => "AWS",
            PrincipalType::CanonicalUser => "CanonicalUser",
            PrincipalType::Federated => "Federated",
            PrincipalType::Service => "Service",
        }
    }
}

/// The actions that a statement names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actions {
    /// These; `*` and `?` are wildcards, case does not matter.
    Action(Vec<String>),
    /// All but these.
    NotAction(Vec<String>),
}

impl Actions {
    /// Those that are named, in either sense.
    pub fn names(&self) -> &[String] {
        match self {
            Actions::Action(names) | Actions::NotAction(names) => names,
        }
    }

    /// Whether an action, spelt in full, is one of those that are meant.
    pub fn hold(&self, action: &str) -> bool {
        // Variables have no meaning in actions.
        let pattern = |name: &String| Pattern::new(name, VERSION_2008, true, |_| None);
        let matches = |name: &String| pattern(name).is_some_and(|pattern| pattern.matches_ignoring_case(action));
        match self {
            Actions::Action(names) => names.iter().any(matches),
            Actions::NotAction(names) => !names.iter().any(matches),
        }
    }
}

/// The resources that a statement names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resources {
    /// These ARNs; `*` and `?` are wildcards.
    Resource(Vec<String>),
    /// All but these.
    NotResource(Vec<String>),
}

impl Resources {
    /// The ARNs that are named, in either sense.
    pub fn arns(&self) -> &[String] {
        match self {
            Resources::Resource(arns) | Resources::NotResource(arns) => arns,
        }
    }
}

impl Policy {
    /// A document of the current version without an `Id`.
    pub fn new(statements: Vec<Statement>) -> Self {
        Policy { version: VERSION_2012.to_owned(), id: None, statements }
    }
}

impl Statement {
    /// Starts a statement that allows these actions. It is about nobody and nothing until that is said.
    pub fn allow(sid: &str, actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Statement::new(Effect::Allow, sid, actions)
    }

    /// Starts a statement that denies these actions. It is about nobody and nothing until that is said.
    pub fn deny(sid: &str, actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Statement::new(Effect::Deny, sid, actions)
    }

    fn new(effect: Effect, sid: &str, actions: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Statement {
            sid: Some(sid.to_owned()),
            effect,
            principal: None,
            actions: Actions::Action(strings(actions)),
            resources: None,
            conditions: Conditions::new(),
        }
    }

    /// Makes it about everyone, replacing whomever it was about.
    #[must_use]
    pub fn for_everyone(mut self) -> Self {
        self.principal = Some(Principals::Principal(Who::Everyone));
        self
    }

    /// Adds service principals, such as `cloudtrail.amazonaws.com`.
    #[must_use]
    pub fn for_services(self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.named(PrincipalType::Service, strings(names))
    }

    /// Adds accounts, by the ARN of their root: every principal of the account, as its own policies allow.
    #[must_use]
    pub fn for_account_roots(self, partition: Partition, accounts: impl IntoIterator<Item = AccountId>) -> Self {
        let arns = accounts.into_iter().map(|id| format!("arn:{partition}:iam::{id}:root")).collect();
        self.named(PrincipalType::Aws, arns)
    }

    /// Adds AWS principals: ARNs of roles, sessions and users.
    #[must_use]
    pub fn for_arns(self, arns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.named(PrincipalType::Aws, strings(arns))
    }

    fn named(mut self, kind: PrincipalType, names: Vec<String>) -> Self {
        if names.is_empty() {
            return self;
        }
        let mut lists = match self.principal.take() {
            Some(Principals::Principal(Who::Named(lists))) => lists,
            _ => BTreeMap::new(),
        };
        lists.entry(kind).or_default().extend(names);
        self.principal = Some(Principals::Principal(Who::Named(lists)));
        self
    }

    /// Makes it about these resources.
    #[must_use]
    pub fn on(mut self, arns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.resources = Some(Resources::Resource(strings(arns)));
        self
    }

    /// Adds a condition; the values of one operator and key are alternatives.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let keys = self.conditions.entry(operator.to_owned()).or_default();
        keys.entry(key.to_owned()).or_default().extend(strings(values));
        self
    }
}

fn strings(items: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    items.into_iter().map(Into::into).collect()
}
