use std::collections::BTreeMap;

use super::condition::{self, Match, Scope};
use super::principal::{Caller, is_about};
use super::{Actions, Effect, Policy, Resources, Statement};

/// A request, as far as policies look at it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who makes it.
    pub principal: Caller<'a>,
    /// The action, such as `s3:PutObject`.
    pub action: &'a str,
    /// The ARN of what it is made to.
    pub resource: &'a str,
    /// The condition keys and their values; the case of keys does not matter.
    ///
    /// `aws:PrincipalArn`, `aws:PrincipalAccount`, `aws:PrincipalIsAWSService`, `aws:PrincipalServiceName` and
    /// `kms:CallerAccount` are derived from the caller where they are not given.
    pub context: &'a BTreeMap<String, Vec<String>>,
}

/// What one policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allowed {
        /// The `Sid` of the first that allows it.
        sid: Option<String>,
    },
    /// A statement denies it, or cannot be told not to.
    Denied {
        /// The `Sid` of the first that denies it.
        sid: Option<String>,
    },
    /// No statement says anything about it: refused, unless another policy allows it.
    NoMatch,
}

/// Evaluates one policy alone: an explicit `Deny` wins over every `Allow`.
///
/// A grant to an account's root counts as a grant to each of its principals; that their own policies must allow the
/// action as well is for the caller to know (IAM User Guide, "Policy evaluation logic").
pub fn evaluate(policy: &Policy, request: &Request<'_>) -> Decision {
    let derived = derived_keys(request.principal);
    let scope = Context { request, derived: &derived, version: &policy.version };
    let mut allowed = None;
    for statement in &policy.statements {
        match (statement.effect, applies(statement, &scope)) {
            (Effect::Deny, Match::Yes | Match::Unknown) => return Decision::Denied { sid: statement.sid.clone() },
            (Effect::Allow, Match::Yes) if allowed.is_none() => allowed = Some(statement.sid.clone()),
            _ => {}
        }
    }
    allowed.map_or(Decision::NoMatch, |sid| Decision::Allowed { sid })
}

struct Context<'a> {
    request: &'a Request<'a>,
    derived: &'a BTreeMap<String, Vec<String>>,
    version: &'a str,
}

impl<'a> Scope<'a> for Context<'a> {
    fn values(&self, key: &str) -> &'a [String] {
        let find = |keys: &'a BTreeMap<String, Vec<String>>| {
            keys.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, values)| values.as_slice())
        };
        find(self.request.context).or_else(|| find(self.derived)).unwrap_or_default()
    }

    fn version(&self) -> &str {
        self.version
    }
}

fn derived_keys(caller: Caller<'_>) -> BTreeMap<String, Vec<String>> {
    let is_service = matches!(caller, Caller::Service(_));
    let mut keys = BTreeMap::from([("aws:PrincipalIsAWSService".to_owned(), vec![is_service.to_string()])]);
    if let Caller::Service(name) = caller {
        keys.insert("aws:PrincipalServiceName".to_owned(), vec![name.to_owned()]);
    }
    if let Some(arn) = caller.principal_arn() {
        keys.insert("aws:PrincipalArn".to_owned(), vec![arn]);
    }
    if let Some(account) = caller.account() {
        keys.insert("aws:PrincipalAccount".to_owned(), vec![account.to_owned()]);
        keys.insert("kms:CallerAccount".to_owned(), vec![account.to_owned()]);
    }
    keys
}

fn applies(statement: &Statement, scope: &Context<'_>) -> Match {
    // Lazily, since most statements fail at the first of these.
    let parts: [&dyn Fn() -> Match; 4] = [
        &|| action_matches(&statement.actions, scope),
        &|| is_about(statement.principal.as_ref(), scope.request.principal),
        &|| resource_matches(statement.resources.as_ref(), scope),
        &|| condition::hold(&statement.conditions, scope),
    ];
    Match::all(parts.iter().map(|part| part()))
}

fn action_matches(actions: &Actions, scope: &Context<'_>) -> Match {
    let found = actions.names().iter().any(|name| {
        // Variables have no meaning in actions.
        super::pattern::Pattern::new(name, super::VERSION_2008, true, |_| None)
            .is_some_and(|pattern| pattern.matches_ignoring_case(scope.request.action))
    });
    match actions {
        Actions::Action(_) => found.into(),
        Actions::NotAction(_) => (!found).into(),
    }
}

fn resource_matches(resources: Option<&Resources>, scope: &Context<'_>) -> Match {
    let Some(resources) = resources else { return Match::Yes };
    let found = Match::any(resources.arns().iter().map(|arn| match scope.pattern(arn, true) {
        None => Match::Unknown,
        Some(pattern) => {
            let resource = scope.request.resource;
            pattern.matches_arn(resource).unwrap_or_else(|| pattern.matches(resource)).into()
        }
    }));
    match resources {
        Resources::Resource(_) => found,
        Resources::NotResource(_) => found.not(),
    }
}
