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
            let Some(operator) = Operator::parse(name).filter(|operator| operator.requires_a_value()) else {
                return false;
            };
            keys.iter().any(|(key, values)| {
                let key = key.to_ascii_lowercase();
                WHO_KEYS.contains(&key.as_str()) && values.iter().all(|value| is_narrow(operator, &key, value))
            })
        })
    }
}

fn is_narrow(operator: Operator, key: &str, value: &str) -> bool {
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
        // Only S3's ARNs name no account; there the bucket's name must stand.
        let fixed = if account.is_empty() { resource.split('/').next().unwrap_or_default() } else { account };
        return !fixed.is_empty() && !fixed.contains(['*', '?']);
    }
    // `o-example/*` and `AROAEXAMPLE:*` are fixed where it counts.
    !value.starts_with("arn:") && value[..wildcard].find([':', '/']).is_some_and(|end| end > 0)
}
