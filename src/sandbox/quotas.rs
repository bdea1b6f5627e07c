//! Quotas of resources that were set otherwise than AWS has them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{AccountId, Region};

/// What there may be only so many of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quota {
    /// CloudTrail trails in a Region, shadows included.
    Trails,
    /// AWS Config rules in a Region.
    ConfigRules,
    /// Rules of each event bus.
    BusRules,
}

/// Each by service and resource.
const NAMES: [(&str, &str, Quota); 3] = [
    ("cloudtrail", "trails", Quota::Trails),
    ("config", "rules", Quota::ConfigRules),
    ("events", "rules", Quota::BusRules),
];

/// The quotas that were set.
#[derive(Debug, Default)]
pub(super) struct Quotas(BTreeMap<(AccountId, Region, Quota), usize>);

impl Quotas {
    /// The limit, where it was set.
    pub fn limit(&self, account: AccountId, region: &Region, quota: Quota) -> Option<usize> {
        self.0.get(&(account, region.clone(), quota)).copied()
    }

    /// Sets a limit; none is AWS's own again. A service with one quota needs no resource to tell it.
    ///
    /// # Errors
    /// There is no such quota here, in words for a person.
    pub fn set(
        &mut self,
        account: AccountId,
        region: Region,
        service: &str,
        resource: Option<&str>,
        limit: Option<usize>,
    ) -> Result<(), String> {
        let found = NAMES.iter().find(|(of, what, _)| *of == service && resource.is_none_or(|name| name == *what));
        let Some((_, _, quota)) = found else {
            let known: Vec<String> = NAMES.iter().map(|(service, what, _)| format!("{service} {what}")).collect();
            return Err(format!(
                "there is no quota of {service} {}; there are: {}",
                resource.unwrap_or("resources"),
                known.join(", ")
            ));
        };
        let key = (account, region, *quota);
        match limit {
            Some(limit) => self.0.insert(key, limit),
            None => self.0.remove(&key),
        };
        Ok(())
    }

    /// As the control endpoint shows them.
    pub fn document(&self) -> Value {
        let one = |((account, region, quota), limit): (&(AccountId, Region, Quota), &usize)| {
            let (service, resource) =
                NAMES.iter().find(|name| name.2 == *quota).map_or(("", ""), |(service, what, _)| (*service, *what));
            json!({ "account": account, "region": region, "service": service, "resource": resource, "limit": limit })
        };
        self.0.iter().map(one).collect()
    }
}
