//! Declarations to test with: two texts in, everything that a service is asked with out.

use std::collections::BTreeMap;

use crate::config::{Account, Baseline, Profiles, Source, load};
use crate::model::{AccountId, Region};
use crate::policy::{Caller, Decision, Policy, Request, evaluate};
use crate::services::{Declared, Desired, Place, Service, Shared};

/// The least profiles with a jump, a security and two project accounts.
pub(crate) const PROFILES: &str = r#"
jump = { account = "111111111111", role = "arn:aws:iam::111111111111:role/Jump" }
security = { account = "222222222222", role = "Security", home_region = "eu-west-1" }
defaults = { role = "Execution" }
[[account]]
id = "333333333333"
name = "payments"
[[account]]
id = "444444444444"
name = "search"
"#;

/// Key, bucket and trails, everything else at its default.
pub(crate) const BASELINE: &str = "name = 'test'\n[log_key]\n[log_bucket]\n[cloudtrail]\n";

/// Both files, and what the shared policies hold.
pub(crate) struct Estate {
    pub profiles: Profiles,
    pub baseline: Baseline,
    pub shared: Shared,
}

impl Estate {
    pub(crate) fn new(profiles: &str, baseline: &str) -> Self {
        let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
        let loaded = load(&source("profiles.toml", profiles), Some(&source("baseline.toml", baseline)))
            .unwrap_or_else(|problems| panic!("{:?}", problems.list));
        Estate { profiles: loaded.profiles, baseline: loaded.baseline.unwrap(), shared: Shared::default() }
    }

    pub(crate) fn small() -> Self {
        Estate::new(PROFILES, BASELINE)
    }

    /// So many senders: the security account, and projects for the rest; the jump account gets no baseline.
    pub(crate) fn of(senders: usize, baseline: &str) -> Self {
        let mut profiles = String::from(
            "jump = { account = '111111111111', baseline = false }\n\
             security = { account = '222222222222', role = 'Security', home_region = 'eu-west-1' }\n\
             defaults = { role = 'Execution' }\n",
        );
        for n in 1..senders {
            profiles.push_str(&format!("[[account]]\nid = '{:012}'\n", 900_000_000_000_u64 + n as u64));
        }
        Estate::new(&profiles, baseline)
    }

    pub(crate) fn declared(&self) -> Declared<'_> {
        Declared { profiles: &self.profiles, baseline: &self.baseline, shared: &self.shared }
    }

    pub(crate) fn account(&self, account: &str) -> &Account {
        self.profiles.account(id(account)).unwrap()
    }

    pub(crate) fn desire(&self, service: Service, account: &str, regions: &[&str]) -> Vec<Desired> {
        let regions: Vec<Region> = regions.iter().map(|name| region(name)).collect();
        service.desire(&self.declared(), &Place { account: self.account(account), regions: &regions })
    }

    /// What one service holds once.
    pub(crate) fn one(&self, service: Service) -> Desired {
        let holder = service.holder(&self.profiles).unwrap().to_string();
        self.desire(service, &holder, &[]).remove(0)
    }
}

pub(crate) fn id(text: &str) -> AccountId {
    text.parse().unwrap()
}

pub(crate) fn region(text: &str) -> Region {
    text.parse().unwrap()
}

/// A resource as a document to look at.
pub(crate) fn pretty(spec: &crate::services::Spec) -> String {
    serde_json::to_string_pretty(&spec.document()).unwrap()
}

/// What a policy answers to CloudTrail's request on behalf of an account, over TLS.
pub(crate) fn trail_asks(
    policy: &Policy,
    account: &str,
    action: &str,
    resource: &str,
    context: &[(&str, &str)],
) -> Decision {
    let trail = format!("arn:aws:cloudtrail:us-east-1:{account}:trail/baseline");
    let given = [("aws:SourceAccount", account), ("aws:SourceArn", &trail), ("aws:SecureTransport", "true")];
    // What is given by name goes before what is given to everyone.
    let context: BTreeMap<String, Vec<String>> =
        given.iter().chain(context).map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
    let principal = Caller::Service("cloudtrail.amazonaws.com");
    evaluate(policy, &Request { principal, action, resource, context: &context })
}

/// The largest number for which this holds, between `low`, for which it does, and `high`, for which it does not.
pub(crate) fn last_of(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    assert!(holds(low) && !holds(high), "{low} {high}");
    while high - low > 1 {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle } else { high = middle }
    }
    low
}
