use super::canonical::account_of_root;
use super::condition::Match;
use super::{PrincipalType, Principals, Who};

/// Who makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// An AWS service, such as `cloudtrail.amazonaws.com`.
    Service(&'a str),
    /// The ARN of a role, a session of one (`arn:aws:sts::ID:assumed-role/Role/session`), a user or an account's root.
    Aws(&'a str),
    /// Nobody in particular: an unsigned request.
    Anonymous,
}

impl<'a> Caller<'a> {
    /// The id of the account that the caller belongs to.
    pub fn account(&self) -> Option<&'a str> {
        match self {
            Caller::Aws(arn) => arn.split(':').nth(4).filter(|id| !id.is_empty()),
            _ => None,
        }
    }

    /// The role behind a session, without the path that a session's ARN does not carry, or the ARN itself.
    pub(super) fn principal_arn(&self) -> Option<String> {
        let Caller::Aws(arn) = self else { return None };
        Some(match session(arn) {
            Some((partition, account, role)) => format!("arn:{partition}:iam::{account}:role/{role}"),
            None => (*arn).to_owned(),
        })
    }
}

/// Partition, account and role name of an assumed-role session's ARN.
fn session(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":sts::")?;
    let (account, rest) = rest.split_once(":assumed-role/")?;
    let (role, _) = rest.split_once('/')?;
    Some((partition, account, role))
}

/// Partition, account and name (without path: names are unique in an account) of a role's ARN.
fn role(arn: &str) -> Option<(&str, &str, &str)> {
    let (partition, rest) = arn.strip_prefix("arn:")?.split_once(":iam::")?;
    let (account, path) = rest.split_once(":role/")?;
    Some((partition, account, path.rsplit('/').next().unwrap_or(path)))
}

/// Whether a statement is about the caller. One without principals belongs to an identity, and is about that one.
pub(super) fn is_about(principals: Option<&Principals>, caller: Caller<'_>) -> Match {
    match principals {
        None => Match::Yes,
        Some(Principals::Principal(who)) => named(who, caller),
        Some(Principals::NotPrincipal(who)) => not_named(who, caller),
    }
}

fn is_everyone(who: &Who) -> bool {
    match who {
        Who::Everyone => true,
        Who::Named(lists) => lists.get(&PrincipalType::Aws).is_some_and(|names| names.iter().any(|name| name == "*")),
    }
}

fn list(who: &Who, kind: PrincipalType) -> &[String] {
    match who {
        Who::Everyone => &[],
        Who::Named(lists) => lists.get(&kind).map_or(&[], Vec::as_slice),
    }
}

fn named(who: &Who, caller: Caller<'_>) -> Match {
    if is_everyone(who) {
        return Match::Yes;
    }
    match caller {
        Caller::Anonymous => Match::No,
        Caller::Service(service) => list(who, PrincipalType::Service).iter().any(|name| name == service).into(),
        Caller::Aws(arn) => {
            let found = list(who, PrincipalType::Aws).iter().any(|name| {
                let account = account_of_root(name).unwrap_or(name);
                caller.account() == Some(account) || is_same(name, arn)
            });
            // A canonical user id stands for an account, and a federated principal may be behind a session: neither
            // can be told from an ARN.
            let opaque = [PrincipalType::CanonicalUser, PrincipalType::Federated];
            match found {
                true => Match::Yes,
                false if opaque.iter().any(|kind| !list(who, *kind).is_empty()) => Match::Unknown,
                false => Match::No,
            }
        }
    }
}

/// Whether a principal's ARN means the caller: itself, or the role of its session.
fn is_same(name: &str, arn: &str) -> bool {
    name == arn || role(name).is_some_and(|named| session(arn).or_else(|| role(arn)) == Some(named))
}

/// `NotPrincipal` spares a caller for certain only when it names the account, the role and the session, or the
/// account and the user (IAM User Guide, "NotPrincipal"): one that names a part of them is taken for unknown.
fn not_named(who: &Who, caller: Caller<'_>) -> Match {
    let Caller::Aws(arn) = caller else { return named(who, caller).not() };
    if is_everyone(who) {
        return Match::No;
    }
    let names = list(who, PrincipalType::Aws);
    let has_account = names.iter().any(|name| caller.account() == Some(account_of_root(name).unwrap_or(name)));
    let has_itself = names.iter().any(|name| name == arn);
    let has_role = names.iter().any(|name| name != arn && is_same(name, arn));
    let is_root = account_of_root(arn).is_some();
    if has_account && (is_root || has_itself && (has_role || session(arn).is_none())) {
        Match::No
    } else if has_account || has_itself || has_role {
        Match::Unknown
    } else {
        named(who, caller).not()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;
    use super::*;

    const SESSION: Caller<'_> = Caller::Aws("arn:aws:sts::222222222222:assumed-role/Baseline/run-1");
    const USER: Caller<'_> = Caller::Aws("arn:aws:iam::222222222222:user/team/alice");
    const ROOT: Caller<'_> = Caller::Aws("arn:aws:iam::222222222222:root");
    const TRAIL: Caller<'_> = Caller::Service("cloudtrail.amazonaws.com");

    fn about(member: &str, who: &str, caller: Caller<'_>) -> Match {
        let text =
            format!(r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*", "{member}": {who}}}}}"#);
        is_about(Policy::parse(&text).unwrap().statements[0].principal.as_ref(), caller)
    }

    #[test]
    fn principals_are_matched_as_the_user_guide_says() {
        use Match::{No, Unknown, Yes};
        for (who, [session, user, root, trail]) in [
            (r#""*""#, [Yes, Yes, Yes, Yes]),
            (r#"{"AWS": ["*"]}"#, [Yes, Yes, Yes, Yes]),
            (r#"{"AWS": "222222222222"}"#, [Yes, Yes, Yes, No]),
            (r#"{"AWS": "arn:aws:iam::222222222222:root"}"#, [Yes, Yes, Yes, No]),
            (r#"{"AWS": "arn:aws:iam::111111111111:root"}"#, [No, No, No, No]),
            (r#"{"AWS": "arn:aws:iam::222222222222:role/Baseline"}"#, [Yes, No, No, No]),
            // A session's ARN does not carry the role's path.
            (r#"{"AWS": "arn:aws:iam::222222222222:role/team/Baseline"}"#, [Yes, No, No, No]),
            (r#"{"AWS": "arn:aws:iam::222222222222:role/Baseline2"}"#, [No, No, No, No]),
            (r#"{"AWS": "arn:aws:iam::111111111111:role/Baseline"}"#, [No, No, No, No]),
            (r#"{"AWS": "arn:aws:sts::222222222222:assumed-role/Baseline/run-1"}"#, [Yes, No, No, No]),
            (r#"{"AWS": "arn:aws:sts::222222222222:assumed-role/Baseline/run-2"}"#, [No, No, No, No]),
            (r#"{"AWS": "arn:aws:iam::222222222222:user/team/alice"}"#, [No, Yes, No, No]),
            // Only a lone star is a wildcard.
            (r#"{"AWS": "arn:aws:iam::222222222222:role/*"}"#, [No, No, No, No]),
            (r#"{"AWS": "AROAEXAMPLEEXAMPLE"}"#, [No, No, No, No]),
            (r#"{"Service": ["config.amazonaws.com", "cloudtrail.amazonaws.com"]}"#, [No, No, No, Yes]),
            (r#"{"Service": "config.amazonaws.com"}"#, [No, No, No, No]),
            (r#"{"CanonicalUser": "0123abcd"}"#, [Unknown, Unknown, Unknown, No]),
        ] {
            let found = [SESSION, USER, ROOT, TRAIL].map(|caller| about("Principal", who, caller));
            assert_eq!(found, [session, user, root, trail], "{who}");
        }
        assert_eq!(about("Principal", r#""*""#, Caller::Anonymous), Yes);
        assert_eq!(about("Principal", r#"{"AWS": "222222222222"}"#, Caller::Anonymous), No);
    }

    #[test]
    fn not_principal_spares_only_whom_it_names_in_full() {
        use Match::{No, Unknown, Yes};
        let account = "222222222222";
        let role = "arn:aws:iam::222222222222:role/Baseline";
        let run = "arn:aws:sts::222222222222:assumed-role/Baseline/run-1";
        let alice = "arn:aws:iam::222222222222:user/team/alice";
        for (names, [session, user, root, trail]) in [
            (&["*"][..], [No, No, No, No]),
            (&[account], [Unknown, Unknown, No, Yes]),
            (&[account, role], [Unknown, Unknown, No, Yes]),
            (&[account, role, run], [No, Unknown, No, Yes]),
            (&[role], [Unknown, Yes, Yes, Yes]),
            (&[account, alice], [Unknown, No, No, Yes]),
            (&["111111111111"], [Yes, Yes, Yes, Yes]),
        ] {
            let who = serde_json::json!({"AWS": names}).to_string();
            let found = [SESSION, USER, ROOT, TRAIL].map(|caller| about("NotPrincipal", &who, caller));
            assert_eq!(found, [session, user, root, trail], "{who}");
        }
        let service = r#"{"Service": "cloudtrail.amazonaws.com"}"#;
        assert_eq!(about("NotPrincipal", service, TRAIL), No);
        assert_eq!(about("NotPrincipal", service, SESSION), Yes);
    }
}
