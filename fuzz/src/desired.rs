//! What two accepted files lead to: every resource that should be, in every account.

use std::collections::BTreeSet;

use baseline::config::{Baseline, Profiles};
use baseline::model::{Address, Region};
use baseline::services::{Declared, Place, Service, Shared, Spec, Terms, policy_notes};

/// How many Regions are looked at, besides the home Region.
const REGIONS: usize = 2;

/// Checks everything that is desired: each address once and printed as it is read, each resource a document that reads
/// back as itself, and in sync with itself.
///
/// # Panics
///
/// When a property does not hold.
pub fn check(profiles: &Profiles, baseline: &Baseline) {
    let known = profiles.partition.known_regions().iter().map(|known| known.name.parse::<Region>());
    let known: Vec<Region> = known.map(|region| region.expect("a Region")).collect();
    let regions_of = |account: &baseline::config::Account| -> Vec<Region> {
        let home = known.iter().filter(|region| **region == profiles.home_region);
        let others = known.iter().filter(|region| **region != profiles.home_region).take(REGIONS);
        let mut regions: Vec<Region> = home.chain(others).filter(|r| account.regions.holds(r)).cloned().collect();
        regions.sort();
        regions
    };
    let regions = profiles.baselined().map(|account| (account.id, regions_of(account))).collect();
    let mut shared = Shared { regions, ..Shared::default() };
    let hub: BTreeSet<Region> = shared.regions.values().flatten().cloned().collect();
    shared.hub = hub.into_iter().collect();
    let declared = Declared { profiles, baseline, shared: &shared };
    policy_notes(&declared);
    for account in &profiles.accounts {
        let regions = regions_of(account);
        let place = Place { account, regions: &regions };
        let mut seen = BTreeSet::new();
        for service in Service::ALL {
            service.cells(&declared, &place);
            for desired in service.desire(&declared, &place) {
                let address = &desired.address;
                assert_eq!(address.to_string().parse::<Address>().as_ref(), Ok(address));
                assert_eq!(address.target.account, account.id);
                assert_eq!(address.kind, desired.spec.kind());
                assert_eq!(address.kind.service(), *service);
                assert!(!desired.shared || service.holder(profiles) == Some(account.id), "{address} is shared");
                assert!(!desired.requires.contains(address), "{address} requires itself");
                reads_back(&desired.spec);
                assert!(seen.insert(address.clone()), "{address} is desired twice");
            }
        }
    }
}

fn reads_back(spec: &Spec) {
    let document = serde_json::to_value(spec).expect("a document");
    let read: Spec = serde_json::from_value(document.clone()).unwrap_or_else(|e| panic!("{e}: {document}"));
    assert_eq!(read, *spec, "read back from {document}");
    let terms = Terms::default();
    spec.refusals(None, &terms);
    let mut adopted = spec.clone();
    adopted.adopt(spec, &terms);
    assert_eq!(adopted, *spec, "what was just written would be changed again");
}
