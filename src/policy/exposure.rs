use super::condition::{Operator, range};
use super::{Effect, Principals, Statement, Who};

/// Condition keys that say who calls, or on whose behalf: S3's list ("The meaning of public", Amazon S3 User Guide)
/// without those that look at the object only, and with KMS's own.
const WHO_KEYS: [&str; 17] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:username",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

impl Statement {
    /// Whether it allows something to everyone: an `Allow` for `*`, or for all but a few, with no condition that pins
    /// down who they are.
    ///
    /// A condition counts only if it cannot hold for a stranger: not with `…IfExists` or `ForAllValues:`, a negated
    /// operator, a policy variable, a wildcard in the place of the account, or a network as wide as S3 calls public
    /// (wider than /8, or /32 in IPv6).
    pub fn is_open_to_world(&self) -> bool {
        let everyone = match &self.principal {
            Some(Principals::NotPrincipal(_)) => true,
            Some(Principals::Principal(Who::Everyone)) => true,
            Some(Principals::Principal(Who::Named(lists))) => lists.values().flatten().any(|name| name == "*"),
            None => false,
        };
        self.effect == Effect::Allow && everyone && !self.pins_down_who()
    }

    fn pins_down_who(&self) -> bool {
        self.conditions.iter().any(|(name, keys)| {
            let Some(operator) = Operator::parse(name).filter(|operator| operator.tells_who()) else {
                return false;
            };
            keys.iter().any(|(key, values)| {
                let key = key.to_ascii_lowercase();
                WHO_KEYS.contains(&key.as_str()) && values.iter().all(|value| is_narrow(operator, &key, value))
            })
        })
    }
}

pub(super) fn is_narrow(operator: Operator, key: &str, value: &str) -> bool {
    if value.contains("${") {
        return false;
    }
    if key == "aws:sourceip" {
        return range(value).is_some_and(|range| range.prefix >= if range.is_ipv4() { 8 } else { 32 });
    }
    let Some(wildcard) = value.find(['*', '?']).filter(|_| operator.has_wildcards()) else { return true };
    if let [_, _, _, _, account, resource] = value.splitn(6, ':').collect::<Vec<_>>()[..]
        && value.starts_with("arn:")
    {
        // A path of a role or a user may hold colons and an account's id (IAM API Reference, `CreateRole`, `Path`): in a text
        // a wildcard before the account reaches that far.
        let account_at = value.len() - resource.len() - account.len() - 1;
        if key == "aws:principalarn" && !operator.is_by_part() && wildcard < account_at {
            return false;
        }
        // Only S3's ARNs name no account; there the bucket's name must stand.
        let fixed = if account.is_empty() { resource.split('/').next().unwrap_or_default() } else { account };
        return !fixed.is_empty() && !fixed.contains(['*', '?']);
    }
    // `o-example/*` and `AROAEXAMPLE:*` are fixed where it counts.
    !value.starts_with("arn:") && value[..wildcard].find([':', '/']).is_some_and(|end| end > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everyone() -> Statement {
        Statement::allow("S", ["s3:PutObject"]).for_everyone().on(["*"])
    }

    #[test]
    fn everyone_without_a_condition_is_the_world() {
        assert!(everyone().is_open_to_world());
        assert!(Statement::allow("S", ["s3:*"]).for_arns(["*"]).is_open_to_world());
        let mut all_but = everyone();
        all_but.principal = Some(Principals::NotPrincipal(Who::Everyone));
        assert!(all_but.is_open_to_world());

        assert!(!Statement::deny("S", ["s3:*"]).for_everyone().is_open_to_world());
        assert!(!Statement::allow("S", ["s3:*"]).for_services(["config.amazonaws.com"]).is_open_to_world());
        assert!(!Statement::allow("S", ["s3:*"]).for_arns(["arn:aws:iam::111111111111:root"]).is_open_to_world());
    }

    #[test]
    fn a_condition_counts_only_if_no_stranger_can_meet_it() {
        for (operator, key, value) in [
            ("StringEquals", "aws:SourceAccount", "111111111111"),
            ("StringEquals", "AWS:PrincipalOrgID", "o-example"),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", "o-example/*"),
            ("StringLike", "aws:userid", "AROAEXAMPLE:*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:111111111111:trail/*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:s3:::source/*"),
            ("StringLike", "aws:PrincipalArn", "arn:aws:iam::111111111111:role/*"),
            ("IpAddress", "aws:SourceIp", "198.51.100.0/24"),
            ("StringEquals", "kms:CallerAccount", "111111111111"),
        ] {
            assert!(!everyone().when(operator, key, [value]).is_open_to_world(), "{operator} {key} {value}");
        }
        for (operator, key, value) in [
            ("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control"),
            ("Bool", "aws:SecureTransport", "true"),
            ("StringNotEquals", "aws:SourceAccount", "111111111111"),
            ("StringEqualsIfExists", "aws:SourceAccount", "111111111111"),
            ("ForAllValues:StringEquals", "aws:PrincipalOrgPaths", "o-example/r/"),
            ("StringLike", "aws:SourceAccount", "*"),
            ("StringLike", "aws:SourceAccount", "1*"),
            ("StringEquals", "aws:PrincipalAccount", "${aws:PrincipalAccount}"),
            ("ArnLike", "aws:SourceArn", "arn:aws:cloudtrail:*:*:trail/baseline"),
            ("ArnLike", "aws:SourceArn", "arn:aws:s3:::*"),
            ("ArnLike", "aws:SourceArn", "arn:aws:s3:::source*"),
            ("ArnLike", "aws:SourceArn", "*"),
            ("IpAddress", "aws:SourceIp", "0.0.0.0/0"),
            ("IpAddress", "aws:SourceIp", "::/0"),
            ("NotIpAddress", "aws:SourceIp", "198.51.100.0/24"),
            ("Null", "aws:PrincipalOrgID", "false"),
        ] {
            assert!(everyone().when(operator, key, [value]).is_open_to_world(), "{operator} {key} {value}");
        }
        // Alternatives are as open as the widest of them.
        let either = everyone().when("IpAddress", "aws:SourceIp", ["198.51.100.0/24", "0.0.0.0/0"]);
        assert!(either.is_open_to_world());
    }
}
