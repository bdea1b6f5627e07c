//! Which cells of an account a run reads, and what should be in them: worked out from the declaration alone.

use std::collections::BTreeSet;

use crate::config::Account;
use crate::model::{Address, Region, Target};
use crate::plan::Selection;
use crate::services::{Declared, Desired, Place, Reference, Service};

/// Whether a cell of a holder has to be read for the sake of others: key and bucket always, and in each Region that the
/// run is not narrowed away from what events and members depend on.
pub(super) fn is_needed(service: Service, target: &Target, declared: &Declared<'_>, selection: &Selection) -> bool {
    let home = target.region == declared.profiles.home_region;
    let fallback = declared.baseline.events.as_ref().and_then(|events| events.fallback_region.as_ref());
    let dependents: &[Service] = match service {
        Service::Kms | Service::S3 if home => return true,
        Service::Guardduty if declared.baseline.guardduty.as_ref().is_some_and(|g| g.membership) => {
            &[Service::Guardduty]
        }
        Service::Guardduty => &[],
        _ => &[Service::Eventbridge, Service::Sns, Service::Lambda, Service::Sqs],
    };
    let dependent_regions = |dependent: Service| match (dependent, fallback) {
        // Events come here from Regions that are not this one.
        (Service::Eventbridge, Some(fallback)) if *fallback == target.region => known_regions(declared),
        _ => vec![&target.region],
    };
    dependents.iter().any(|dependent| {
        dependent_regions(*dependent).iter().any(|region| selection.takes_service_in(*dependent, region))
    })
}

/// The cells of an account without which what is selected there cannot be compared: it names something in them by an ARN
/// that only AWS knows.
pub(super) fn referred(
    account: &Account,
    declared: &Declared<'_>,
    place: &Place<'_>,
    selection: &Selection,
) -> BTreeSet<(Service, Target)> {
    let mut cells = BTreeSet::new();
    for mut desired in desired_of(account, declared, place.regions, &BTreeSet::new()) {
        if !selection.takes(&desired.address) {
            continue;
        }
        for reference in desired.spec.references() {
            if let Reference::To(address) = reference
                && address.target.account == account.id
            {
                cells.insert((address.kind.service(), address.target.clone()));
            }
        }
    }
    cells
}

/// Everything that an account has for itself.
pub(super) fn cells_of(account: &Account, declared: &Declared<'_>, regions: &[Region]) -> Vec<(Service, Target)> {
    let own_baseline = declared.baseline.of(account);
    let own = Declared { baseline: &own_baseline, ..*declared };
    let of = |service: &Service| {
        let regions = declared.baseline.regions_of(account, *service, regions);
        let targets = service.cells(&own, &Place { account, regions: &regions });
        targets.into_iter().map(|target| (*service, target)).collect::<Vec<_>>()
    };
    Service::ALL.iter().flat_map(of).collect()
}

/// Every Region that gets the baseline in some account, as far as this run knows.
fn known_regions<'a>(declared: &Declared<'a>) -> Vec<&'a Region> {
    declared.shared.regions.values().flatten().chain(&declared.shared.hub).collect()
}

/// What an account should hold for itself.
pub(super) fn desired_of(
    account: &Account,
    declared: &Declared<'_>,
    regions: &[Region],
    besides: &BTreeSet<Address>,
) -> Vec<Desired> {
    let baseline = declared.baseline.of(account);
    let own = Declared { baseline: &baseline, ..*declared };
    let mut all: Vec<Desired> = Vec::new();
    for service in Service::ALL {
        let regions = declared.baseline.regions_of(account, *service, regions);
        all.extend(service.desire(&own, &Place { account, regions: &regions }));
    }
    all.retain(|desired| !desired.shared);
    // What an override leaves out here is not waited for.
    let here: BTreeSet<Address> = all.iter().map(|desired| desired.address.clone()).collect();
    for desired in &mut all {
        desired.requires.retain(|it| it.target.account != account.id || here.contains(it) || besides.contains(it));
    }
    all
}
