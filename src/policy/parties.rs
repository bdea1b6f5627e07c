//! Whom a statement lets in: the parties behind its principals, as far as its conditions narrow them.
//!
//! A party is what an owner decides about: an account, an organization, an AWS service that acts for anybody, everyone. A
//! condition narrows a statement only where it cannot hold for somebody else (see [`Statement::is_open_to_world`]).

use std::collections::BTreeSet;

use super::condition::Operator;
use super::exposure::is_narrow;
use super::{Effect, PrincipalType, Principals, Statement, Who};
use crate::model::AccountId;

/// Somebody whom a statement lets in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Everyone, signed in or not.
    Everyone,
    /// An account, or something in it.
    Account(AccountId),
    /// Every account of an organization, by its id or by a path below it.
    Organization(String),
    /// An AWS service, for whichever account it works.
    Service(String),
    /// Somebody whose account the policy does not say: a canonical user, an origin access identity, a federated user, a
    /// role or user by its unique id, a bucket.
    Unknown(String),
    /// Whoever comes from a network or through an endpoint.
    Network(String),
    /// A user or role that does not exist any more: AWS shows its unique id in the place of its ARN.
    Gone(String),
}

/// Condition keys that hold an account's id (IAM User Guide, "AWS global condition context keys"; `kms:CallerAccount`: KMS
/// Developer Guide; `s3:DataAccessPointAccount`: Amazon S3 User Guide).
const ACCOUNT_KEYS: [&str; 5] =
    ["aws:principalaccount", "aws:sourceaccount", "aws:sourceowner", "kms:calleraccount", "s3:dataaccesspointaccount"];
/// Those that hold an ARN in which the account stands.
const ARN_KEYS: [&str; 3] = ["aws:principalarn", "aws:sourcearn", "s3:dataaccesspointarn"];
/// Those that hold an organization, or a path in one.
const ORGANIZATION_KEYS: [&str; 4] =
    ["aws:principalorgid", "aws:principalorgpaths", "aws:sourceorgid", "aws:sourceorgpaths"];
/// Those that say from where a request comes, and not from whom.
const NETWORK_KEYS: [&str; 3] = ["aws:sourceip", "aws:sourcevpc", "aws:sourcevpce"];
/// Those that hold a unique id or a name.
const NAME_KEYS: [&str; 2] = ["aws:userid", "aws:username"];
/// What the keys of KMS's encryption context begin with. Services put ARNs of theirs into the context, in which the
/// account stands that they work for (KMS Developer Guide, "Encryption context").
const ENCRYPTION_CONTEXT: &str = "kms:encryptioncontext:";

impl Statement {
    /// Everybody whom the statement lets in; nobody where it denies. A statement that belongs to an identity lets nobody
    /// in by itself.
    pub fn parties(&self) -> BTreeSet<Party> {
        if self.effect != Effect::Allow {
            return BTreeSet::new();
        }
        let pinned = self.pinned(true);
        // Whoever calls chooses the encryption context: only of a service it says for whom that works.
        let everyone = || self.pinned(false).unwrap_or_else(|| BTreeSet::from([Party::Everyone]));
        let lists = match &self.principal {
            None => return BTreeSet::new(),
            Some(Principals::NotPrincipal(_) | Principals::Principal(Who::Everyone)) => return everyone(),
            Some(Principals::Principal(Who::Named(lists))) => lists,
        };
        let mut parties = BTreeSet::new();
        for (kind, names) in lists {
            for name in names {
                let party = match kind {
                    PrincipalType::Aws if name == "*" => {
                        parties.extend(everyone());
                        continue;
                    }
                    PrincipalType::Aws => aws_party(name),
                    // Where from a service calls says nothing about whom it works for.
                    PrincipalType::Service => match &pinned {
                        Some(pinned) if !pinned.iter().any(|party| matches!(party, Party::Network(_))) => {
                            parties.extend(pinned.iter().cloned());
                            continue;
                        }
                        _ => Party::Service(name.clone()),
                    },
                    PrincipalType::CanonicalUser => Party::Unknown(format!("the canonical user {name}")),
                    PrincipalType::Federated => Party::Unknown(format!("users federated by {name}")),
                };
                parties.insert(party);
            }
        }
        parties
    }

    /// What the conditions narrow it to, by the key that says most: accounts before organizations before names before
    /// networks. `None` where nothing narrows it. `by_context` is whether the encryption context counts.
    fn pinned(&self, by_context: bool) -> Option<BTreeSet<Party>> {
        let pins = self.conditions.iter().filter_map(|(name, keys)| {
            let operator = Operator::parse(name).filter(|operator| operator.tells_who())?;
            Some((operator, keys))
        });
        let all = pins.flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)));
        let sets = all.filter_map(|(operator, key, values)| {
            let key = key.to_ascii_lowercase();
            if !by_context && key.starts_with(ENCRYPTION_CONTEXT) {
                return None;
            }
            let values = || values.iter().filter(|_| !values.is_empty());
            if values().any(|value| !is_narrow(operator, &key, value)) {
                return None;
            }
            let parties: BTreeSet<Party> = values().map(|value| party_of(&key, value)).collect::<Option<_>>()?;
            (!parties.is_empty()).then_some(parties)
        });
        // All conditions must hold: the one that says most decides, and of two of a kind the smaller.
        sets.min_by_key(|parties| (parties.iter().map(rank).max(), parties.len()))
    }
}

/// How little a party says about who it is.
fn rank(party: &Party) -> u8 {
    match party {
        Party::Account(_) => 0,
        Party::Organization(_) => 1,
        Party::Gone(_) | Party::Unknown(_) => 2,
        Party::Network(_) => 3,
        Party::Service(_) | Party::Everyone => 4,
    }
}

/// The party that a condition's value means.
fn party_of(key: &str, value: &str) -> Option<Party> {
    if ACCOUNT_KEYS.contains(&key) {
        return Some(value.parse().map_or_else(|_| Party::Unknown(value.to_owned()), Party::Account));
    }
    if ARN_KEYS.contains(&key) || key.starts_with(ENCRYPTION_CONTEXT) && value.starts_with("arn:") {
        let account = value.split(':').nth(4).and_then(|id| id.parse().ok());
        // Only S3's ARNs have none: a bucket's name is nobody's for ever.
        return Some(account.map_or_else(|| Party::Unknown(value.to_owned()), Party::Account));
    }
    if ORGANIZATION_KEYS.contains(&key) {
        return Some(Party::Organization(value.to_owned()));
    }
    if NETWORK_KEYS.contains(&key) {
        return Some(Party::Network(value.to_owned()));
    }
    NAME_KEYS.contains(&key).then(|| Party::Unknown(format!("{key} {value}")))
}

/// The party that an AWS principal means (IAM User Guide, "AWS JSON policy elements: Principal"): a bare account id, an ARN
/// of a root, role, user or session; or the unique id that AWS shows once a user or role is gone.
fn aws_party(name: &str) -> Party {
    if let Ok(account) = name.parse() {
        return Party::Account(account);
    }
    // What unique ids begin with: IAM User Guide, "IAM identifiers".
    if ["AIDA", "AROA", "AGPA", "ANPA"].iter().any(|prefix| name.starts_with(prefix)) && !name.contains(':') {
        return Party::Gone(name.to_owned());
    }
    match name.split(':').nth(4).and_then(|id| id.parse().ok()) {
        Some(account) => Party::Account(account),
        // Such as `arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E…`.
        None => Party::Unknown(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> Party {
        Party::Account(text.parse().unwrap())
    }

    fn allow() -> Statement {
        Statement::allow("S", ["s3:GetObject"])
    }

    #[test]
    fn principals_are_the_accounts_behind_them() {
        let all = allow().for_arns([
            "111111111111",
            "arn:aws:iam::222222222222:root",
            "arn:aws:iam::333333333333:role/team/Reader",
            "arn:aws:sts::444444444444:assumed-role/Reader/session",
            "AROAEXAMPLEID",
            "arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1",
        ]);
        let oai = Party::Unknown("arn:aws:iam::cloudfront:user/CloudFront Origin Access Identity E1".to_owned());
        let expected = [
            id("111111111111"),
            id("222222222222"),
            id("333333333333"),
            id("444444444444"),
            oai,
            Party::Gone("AROAEXAMPLEID".to_owned()),
        ];
        assert_eq!(all.parties(), expected.into());
        assert!(Statement::deny("S", ["s3:*"]).for_everyone().parties().is_empty());
        let mut all_but = allow().for_everyone();
        all_but.principal = Some(Principals::NotPrincipal(Who::Everyone));
        assert_eq!(all_but.parties(), [Party::Everyone].into());
    }

    #[test]
    fn everyone_is_who_the_conditions_leave() {
        for (operator, key, value, party) in [
            ("StringEquals", "aws:PrincipalAccount", "999999999999", id("999999999999")),
            ("StringEquals", "AWS:SourceOwner", "999999999999", id("999999999999")),
            ("StringEquals", "kms:CallerAccount", "999999999999", id("999999999999")),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::999999999999:role/*", id("999999999999")),
            ("StringEquals", "aws:PrincipalOrgID", "o-example", Party::Organization("o-example".to_owned())),
            ("IpAddress", "aws:SourceIp", "198.51.100.0/24", Party::Network("198.51.100.0/24".to_owned())),
            ("StringEquals", "aws:SourceVpce", "vpce-1", Party::Network("vpce-1".to_owned())),
            ("StringLike", "aws:userid", "AROAEXAMPLE:*", Party::Unknown("aws:userid AROAEXAMPLE:*".to_owned())),
            ("StringEquals", "aws:PrincipalTag/team", "audit", Party::Everyone),
            ("StringEqualsIfExists", "aws:PrincipalAccount", "999999999999", Party::Everyone),
            ("StringNotEquals", "aws:PrincipalAccount", "999999999999", Party::Everyone),
            ("StringLike", "aws:PrincipalAccount", "9*", Party::Everyone),
            ("NumericGreaterThan", "aws:PrincipalAccount", "111111111111", Party::Everyone),
            ("NumericEquals", "kms:CallerAccount", "111111111111", Party::Everyone),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam:*:222222222222:*", Party::Everyone),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::222222222222:role/*", id("222222222222")),
            ("ArnLike", "aws:PrincipalArn", "arn:aws:iam:*:222222222222:*", id("222222222222")),
            (
                "StringEquals",
                "kms:EncryptionContext:aws:cloudtrail:arn",
                "arn:aws:cloudtrail:eu-west-1:222222222222:trail/baseline",
                Party::Everyone,
            ),
            ("Bool", "aws:SecureTransport", "true", Party::Everyone),
        ] {
            let parties = allow().for_everyone().when(operator, key, [value]).parties();
            assert_eq!(parties, [party].into(), "{operator} {key} {value}");
        }
        // The narrower of two decides: an address does not hide whose account it is.
        let both = allow().for_arns(["*"]).when("IpAddress", "aws:SourceIp", ["198.51.100.0/24"]);
        let both = both.when("StringEquals", "aws:PrincipalAccount", ["333333333333"]);
        assert_eq!(both.parties(), [id("333333333333")].into());
    }

    #[test]
    fn a_service_works_for_whom_the_conditions_say_and_else_for_anybody() {
        let service = || allow().for_services(["logging.s3.amazonaws.com"]);
        assert_eq!(service().parties(), [Party::Service("logging.s3.amazonaws.com".to_owned())].into());
        let source = service().when("StringEquals", "aws:SourceAccount", ["999999999999"]);
        assert_eq!(source.parties(), [id("999999999999")].into());
        let arn = service().when("ArnLike", "aws:SourceArn", ["arn:aws:s3:::theirs"]);
        assert_eq!(arn.parties(), [Party::Unknown("arn:aws:s3:::theirs".to_owned())].into());
        let open = service().when("ArnLike", "aws:SourceArn", ["arn:aws:cloudtrail:*:*:trail/*"]);
        assert_eq!(open.parties(), [Party::Service("logging.s3.amazonaws.com".to_owned())].into());
        let address = service().when("IpAddress", "aws:SourceIp", ["198.51.100.0/24"]);
        assert_eq!(address.parties(), [Party::Service("logging.s3.amazonaws.com".to_owned())].into());
        // CloudTrail User Guide, "Configure AWS KMS key policies for CloudTrail".
        let context = service().when(
            "StringLike",
            "kms:EncryptionContext:aws:cloudtrail:arn",
            ["arn:aws:cloudtrail:*:333333333333:trail/*"],
        );
        assert_eq!(context.parties(), [id("333333333333")].into());
    }
}
