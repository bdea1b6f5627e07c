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
    let scope = Context { request, derived: &derived, version: &policy.version, absent: None };
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
    /// The keys that the request is known to lack, where not everything is known of it; a `*` at the end stands for any
    /// rest. `None` where it lacks whatever it was not said to carry.
    absent: Option<&'a [&'a str]>,
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

    fn is_untold(&self, key: &str) -> bool {
        let Some(absent) = self.absent else { return false };
        let is_absent = |name: &&str| match name.strip_suffix('*') {
            Some(start) => key.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start)),
            None => name.eq_ignore_ascii_case(key),
        };
        self.values(key).is_empty() && !absent.iter().any(is_absent)
    }
}

/// A statement that keeps a request out, or may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Its place in the policy, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<String>,
    /// Whether it denies for certain; otherwise it cannot be told.
    pub certain: bool,
    /// The condition keys on which that hangs.
    pub untold: Vec<String>,
}

/// The `Deny` statements that keep a request out, or of which that cannot be told.
///
/// The answer has three values, unlike that of [`evaluate()`]: the request's context says what it carries, `absent` what
/// it is known to lack (a `*` at the end of a key stands for any rest), and nothing is known of any other key.
pub fn denials(policy: &Policy, request: &Request<'_>, absent: &[&str]) -> Vec<Denial> {
    let derived = derived_keys(request.principal);
    let scope = Context { request, derived: &derived, version: &policy.version, absent: Some(absent) };
    let denying = policy.statements.iter().enumerate().filter(|(_, statement)| statement.effect == Effect::Deny);
    denying
        .filter_map(|(index, statement)| {
            let found = applies(statement, &scope);
            let untold = match found {
                Match::No => return None,
                Match::Yes => Vec::new(),
                Match::Unknown => condition::untold(&statement.conditions, &scope),
            };
            let untold = untold.into_iter().map(str::to_owned).collect();
            Some(Denial { index, sid: statement.sid.clone(), certain: found == Match::Yes, untold })
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: Caller<'_> = Caller::Aws("arn:aws:sts::222222222222:assumed-role/Baseline/run-1");

    fn ask(policy: &Policy, caller: Caller<'_>, action: &str, resource: &str, context: &[(&str, &str)]) -> Decision {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
        evaluate(policy, &Request { principal: caller, action, resource, context: &context })
    }

    fn allowed(sid: &str) -> Decision {
        Decision::Allowed { sid: Some(sid.to_owned()) }
    }

    fn denied(sid: &str) -> Decision {
        Decision::Denied { sid: Some(sid.to_owned()) }
    }

    fn log_bucket() -> Policy {
        Policy::new(vec![
            Statement::allow("BaselineWrite", ["s3:PutObject"])
                .for_services(["cloudtrail.amazonaws.com"])
                .on(["arn:aws:s3:::logs/AWSLogs/*"])
                .when("StringEquals", "aws:SourceAccount", ["111111111111", "222222222222"])
                .when("StringEquals", "s3:x-amz-acl", ["bucket-owner-full-control"]),
            Statement::deny("BaselineTls", ["s3:*"])
                .for_everyone()
                .on(["arn:aws:s3:::logs", "arn:aws:s3:::logs/*"])
                .when("Bool", "aws:SecureTransport", ["false"]),
        ])
    }

    #[test]
    fn a_trail_writes_where_and_for_whom_the_bucket_policy_says() {
        const ACL: (&str, &str) = ("s3:x-amz-acl", "bucket-owner-full-control");
        const TLS: (&str, &str) = ("aws:SecureTransport", "true");
        let policy = log_bucket();
        let trail = Caller::Service("cloudtrail.amazonaws.com");
        let key = "arn:aws:s3:::logs/AWSLogs/111111111111/x";
        let account = |id| ("AWS:SourceAccount", id);
        let put = |caller, resource, context: &[(&str, &str)]| ask(&policy, caller, "s3:putobject", resource, context);

        assert_eq!(put(trail, key, &[account("111111111111"), ACL, TLS]), allowed("BaselineWrite"));
        assert_eq!(put(trail, key, &[account("333333333333"), ACL, TLS]), Decision::NoMatch);
        assert_eq!(put(trail, key, &[account("111111111111"), TLS]), Decision::NoMatch);
        assert_eq!(put(trail, "arn:aws:s3:::logs/x", &[account("111111111111"), ACL, TLS]), Decision::NoMatch);
        let config = Caller::Service("config.amazonaws.com");
        assert_eq!(put(config, key, &[account("111111111111"), ACL, TLS]), Decision::NoMatch);
        assert_eq!(put(SESSION, key, &[account("111111111111"), ACL, TLS]), Decision::NoMatch);
        let plain = ("aws:SecureTransport", "false");
        assert_eq!(put(trail, key, &[account("111111111111"), ACL, plain]), denied("BaselineTls"));
        assert_eq!(ask(&policy, trail, "s3:GetObject", key, &[account("111111111111"), ACL, TLS]), Decision::NoMatch);
    }

    #[test]
    fn a_deny_wins_wherever_it_stands() {
        let allow = || Statement::allow("A", ["s3:*"]).for_everyone().on(["*"]);
        let deny = || Statement::deny("D", ["s3:Delete*"]).for_everyone().on(["*"]);
        for statements in [vec![allow(), deny()], vec![deny(), allow()]] {
            let policy = Policy::new(statements);
            assert_eq!(ask(&policy, SESSION, "s3:DeleteObject", "arn:aws:s3:::b/x", &[]), denied("D"));
            assert_eq!(ask(&policy, SESSION, "s3:GetObject", "arn:aws:s3:::b/x", &[]), allowed("A"));
        }
    }

    #[test]
    fn what_cannot_be_told_counts_against_access() {
        let when = |statement: Statement| {
            Policy::new(vec![statement.for_everyone().on(["*"]).when("DateLessThan", "aws:CurrentTime", ["2030"])])
        };
        let now = [("aws:CurrentTime", "2026-01-01T00:00:00Z")];
        assert_eq!(ask(&when(Statement::allow("S", ["s3:*"])), SESSION, "s3:A", "x", &now), Decision::NoMatch);
        assert_eq!(ask(&when(Statement::deny("S", ["s3:*"])), SESSION, "s3:A", "x", &now), denied("S"));
        // An operator that is not known does not matter where something else already fails.
        assert_eq!(ask(&when(Statement::deny("S", ["kms:*"])), SESSION, "s3:A", "x", &now), Decision::NoMatch);
    }

    #[test]
    fn negated_members_match_the_rest() {
        let policy = Policy::parse(
            r#"{"Version": "2012-10-17", "Statement": [
                {"Sid": "A", "Effect": "Allow", "Principal": "*",
                 "NotAction": ["s3:Delete*", "s3:Put*"], "Resource": "*"},
                {"Sid": "D", "Effect": "Deny", "Principal": "*",
                 "Action": "*", "NotResource": "arn:aws:s3:::logs/*"}]}"#,
        )
        .unwrap();
        assert_eq!(ask(&policy, SESSION, "s3:GetObject", "arn:aws:s3:::logs/x", &[]), allowed("A"));
        assert_eq!(ask(&policy, SESSION, "s3:PutObject", "arn:aws:s3:::logs/x", &[]), Decision::NoMatch);
        assert_eq!(ask(&policy, SESSION, "s3:GetObject", "arn:aws:s3:::other/x", &[]), denied("D"));
    }

    #[test]
    fn keys_about_the_caller_are_known_without_being_told() {
        let only = |key: &str, value: &str| {
            Policy::new(vec![
                Statement::allow("A", ["*"]).for_everyone().on(["*"]),
                Statement::deny("D", ["*"]).for_everyone().on(["*"]).when("StringNotEquals", key, [value]),
            ])
        };
        for (key, value) in [
            ("aws:PrincipalArn", "arn:aws:iam::222222222222:role/Baseline"),
            ("aws:principalaccount", "222222222222"),
            ("kms:CallerAccount", "222222222222"),
            ("aws:PrincipalIsAWSService", "false"),
        ] {
            assert_eq!(ask(&only(key, value), SESSION, "s3:A", "x", &[]), allowed("A"), "{key}");
            let root = Caller::Aws("arn:aws:iam::111111111111:root");
            let expected = if value == "false" { allowed("A") } else { denied("D") };
            assert_eq!(ask(&only(key, value), root, "s3:A", "x", &[]), expected, "{key}");
        }
        let policy = only("aws:PrincipalServiceName", "config.amazonaws.com");
        assert_eq!(ask(&policy, Caller::Service("config.amazonaws.com"), "s3:A", "x", &[]), allowed("A"));
        // What the request says goes before what is derived.
        let path = [("aws:principalarn", "arn:aws:iam::222222222222:role/team/Baseline")];
        assert_eq!(ask(&only("aws:PrincipalArn", path[0].1), SESSION, "s3:A", "x", &path), allowed("A"));
    }

    #[test]
    fn a_trust_policy_names_no_resource() {
        let policy = Policy::parse(
            r#"{"Version": "2012-10-17", "Statement": {"Sid": "T", "Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::222222222222:role/Baseline"},
                "Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}}"#,
        )
        .unwrap();
        let role = "arn:aws:iam::333333333333:role/BaselineExecution";
        assert_eq!(ask(&policy, SESSION, "sts:AssumeRole", role, &[("sts:ExternalId", "secret")]), allowed("T"));
        for context in [&[("sts:ExternalId", "Secret")][..], &[]] {
            assert_eq!(ask(&policy, SESSION, "sts:AssumeRole", role, context), Decision::NoMatch);
        }
    }

    #[test]
    fn a_denial_is_certain_impossible_or_cannot_be_told() {
        let context = BTreeMap::from([("aws:SecureTransport".to_owned(), vec!["true".to_owned()])]);
        let said = |operator: &str, key: &str, value: &str| {
            let statement = Statement::deny("D", ["s3:PutObject"]).for_everyone().on(["arn:aws:s3:::logs/*"]);
            let policy = Policy::new(vec![statement.when(operator, key, [value])]);
            let principal = Caller::Service("cloudtrail.amazonaws.com");
            let resource = "arn:aws:s3:::logs/AWSLogs/x";
            let request = Request { principal, action: "s3:PutObject", resource, context: &context };
            let found = denials(&policy, &request, &["aws:PrincipalOrgID", "aws:PrincipalTag/*"]);
            found.into_iter().next().map(|denial| (denial.certain, denial.untold.join(" ")))
        };
        let (yes, no) = (Some((true, String::new())), None);
        let untold = |key: &str| Some((false, key.to_owned()));
        for (operator, key, value, expected) in [
            ("StringNotEquals", "aws:PrincipalOrgID", "o-example", yes.clone()),
            ("StringNotEqualsIfExists", "aws:principalorgid", "o-example", yes.clone()),
            ("StringEquals", "aws:PrincipalOrgID", "o-example", no.clone()),
            ("Null", "aws:PrincipalOrgID", "true", yes.clone()),
            ("StringNotEquals", "aws:PrincipalTag/team", "logs", yes.clone()),
            ("Bool", "aws:SecureTransport", "false", no.clone()),
            ("Bool", "aws:SecureTransport", "true", yes.clone()),
            ("Bool", "aws:PrincipalIsAWSService", "false", no.clone()),
            ("BoolIfExists", "aws:PrincipalIsAWSService", "true", yes),
            ("NotIpAddress", "aws:SourceIp", "192.0.2.0/24", untold("aws:SourceIp")),
            ("NumericLessThan", "s3:TlsVersion", "1.2", untold("s3:TlsVersion")),
            ("Null", "aws:userid", "true", untold("aws:userid")),
            ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", untold("aws:CurrentTime")),
        ] {
            assert_eq!(said(operator, key, value), expected, "{operator} {key} {value}");
        }
        // What cannot be told does not matter where something else already fails.
        let policy = Policy::new(vec![
            Statement::deny("D", ["s3:*"])
                .for_everyone()
                .on(["*"])
                .when("Bool", "aws:SecureTransport", ["false"])
                .when("IpAddress", "aws:SourceIp", ["192.0.2.0/24"]),
        ]);
        let request = Request { principal: SESSION, action: "s3:PutObject", resource: "x", context: &context };
        assert!(denials(&policy, &request, &[]).is_empty());
    }

    #[test]
    fn variables_in_resources_take_the_value_of_the_request() {
        let mut policy = Policy::new(vec![
            Statement::allow("A", ["s3:*"]).for_everyone().on(["arn:aws:s3:::logs/${aws:PrincipalAccount}/*"]),
        ]);
        assert_eq!(ask(&policy, SESSION, "s3:A", "arn:aws:s3:::logs/222222222222/x", &[]), allowed("A"));
        assert_eq!(ask(&policy, SESSION, "s3:A", "arn:aws:s3:::logs/111111111111/x", &[]), Decision::NoMatch);
        policy.version = super::super::VERSION_2008.to_owned();
        assert_eq!(ask(&policy, SESSION, "s3:A", "arn:aws:s3:::logs/222222222222/x", &[]), Decision::NoMatch);
    }
}
