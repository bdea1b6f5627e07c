//! Whether what a run is narrowed to is there at all: an option that matches nothing is a mistake, and an empty run would
//! pass for an all-clear.

use std::collections::BTreeSet;

use super::Selection;
use crate::config::{Profiles, closest};
use crate::model::{Address, AddressGlob, Partition, Region, Target};
use crate::plan::Plan;
use crate::services::{Kind, Service};

/// An option of the command line that matches nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}{value}: {why}")]
pub struct Unmatched {
    option: &'static str,
    /// With a blank before it; empty where several options are meant.
    value: String,
    why: String,
}

/// What a selection may choose from: what the baseline covers in the selected accounts.
#[derive(Debug, Default)]
pub struct Offer {
    /// The partition of the accounts.
    pub partition: Partition,
    /// The Regions that count in one of them.
    pub regions: BTreeSet<Region>,
    /// Everything that would be read there.
    pub cells: BTreeSet<(Service, Target)>,
}

/// Words that people have for Regions (AWS General Reference, "Regions and zones").
const CITIES: [(&str, &str); 17] = [
    ("tokyo", "ap-northeast-1"),
    ("seoul", "ap-northeast-2"),
    ("osaka", "ap-northeast-3"),
    ("mumbai", "ap-south-1"),
    ("singapore", "ap-southeast-1"),
    ("sydney", "ap-southeast-2"),
    ("canada", "ca-central-1"),
    ("frankfurt", "eu-central-1"),
    ("stockholm", "eu-north-1"),
    ("ireland", "eu-west-1"),
    ("london", "eu-west-2"),
    ("paris", "eu-west-3"),
    ("saopaulo", "sa-east-1"),
    ("virginia", "us-east-1"),
    ("ohio", "us-east-2"),
    ("california", "us-west-1"),
    ("oregon", "us-west-2"),
];

impl Selection {
    /// The first option that matches nothing of what there is, as far as that can be told before anything is read.
    pub fn unmatched(&self, offer: &Offer) -> Option<Unmatched> {
        let region = |glob: &&crate::model::RegionGlob| !offer.regions.iter().any(|region| glob.matches(region));
        if let Some(glob) = self.regions.iter().find(region) {
            let why = no_region(glob.as_str(), |region| glob.matches(region), offer);
            return Some(Unmatched { option: "--region", value: format!(" {}", glob.as_str()), why });
        }
        let service = |service: &&Service| !offer.cells.iter().any(|(other, _)| other == *service);
        if let Some(service) = self.services.iter().find(service) {
            let why = "the baseline has nothing of this service in the selected accounts".to_owned();
            return Some(Unmatched { option: "--service", value: format!(" {service}"), why });
        }
        if let Some(glob) = self.targets.iter().find(|glob| !offer.is_touched_by(glob)) {
            return Some(Unmatched {
                option: "--target",
                value: format!(" {}", glob.as_str()),
                why: offer.no_target(glob),
            });
        }
        // Each of them matches something, and no cell is in all of them.
        let chosen = [!self.regions.is_empty(), !self.services.is_empty(), !self.targets.is_empty()];
        let takes_nothing = !offer.cells.iter().any(|(service, target)| self.takes_cell(*service, target));
        if takes_nothing && chosen.iter().filter(|chosen| **chosen).count() > 1 {
            let why = "the baseline has nothing that all of these options select together".to_owned();
            return Some(Unmatched { option: "--region, --service, --target", value: String::new(), why });
        }
        None
    }

    /// The first option that selects nothing of a plan that was saved; `None` where something could not be read then, which
    /// may have been what is meant, and of a plan that has nothing to select.
    pub fn unmatched_in(&self, plan: &Plan, profiles: &Profiles) -> Option<Unmatched> {
        let of_changes = plan.changes.iter().map(|change| &change.address);
        let addresses: Vec<&Address> = of_changes
            .chain(plan.blocked.iter().map(|one| &one.address))
            .chain(plan.undelivered.iter().map(|one| &one.address))
            .chain(plan.exposed.iter().map(|one| &one.address))
            .collect();
        if addresses.is_empty() || !plan.unreadable.is_empty() {
            return None;
        }
        let nothing = |option: &'static str, value: String| {
            let why = "the saved plan has nothing that this selects; `baseline show FILE` shows what it has".to_owned();
            Some(Unmatched { option, value, why })
        };
        let any = |matches: &dyn Fn(&Address) -> bool| addresses.iter().any(|address| matches(address));
        if let Some(glob) = self.regions.iter().find(|glob| !any(&|address| glob.matches(&address.target.region))) {
            return nothing("--region", format!(" {}", glob.as_str()));
        }
        if let Some(service) = self.services.iter().find(|one| !any(&|address| address.kind.service() == **one)) {
            return nothing("--service", format!(" {service}"));
        }
        if let Some(glob) = self.targets.iter().find(|glob| !any(&|address| glob.matches(address))) {
            return nothing("--target", format!(" {}", glob.as_str()));
        }
        let account = |id| profiles.account(id).is_some_and(|account| self.takes_account(account));
        if any(&|address| account(address.target.account) && self.takes(address)) {
            return None;
        }
        match self.narrows_accounts() {
            true => nothing("the options", " that select, together".to_owned()),
            false => nothing("--account, --group", String::new()),
        }
    }

    /// The first address glob that matches none of the resources that are declared or were found.
    pub fn unmatched_among<'a>(&self, addresses: impl Iterator<Item = &'a Address> + Clone) -> Option<Unmatched> {
        let glob = self.targets.iter().find(|glob| !addresses.clone().any(|address| glob.matches(address)))?;
        let name = glob.as_str().splitn(4, '/').nth(3).unwrap_or_default();
        let names: BTreeSet<&str> = addresses.map(|address| address.name.as_str()).collect();
        let why = match closest(name, names) {
            Some(meant) => format!("no resource has this name; did you mean `{meant}`?"),
            None => "no resource that is declared or was found there has this name".to_owned(),
        };
        Some(Unmatched { option: "--target", value: format!(" {}", glob.as_str()), why })
    }
}

impl Offer {
    fn is_touched_by(&self, glob: &AddressGlob) -> bool {
        self.cells.iter().any(|(service, target)| {
            glob.touches(target)
                && Kind::ALL.iter().any(|kind| kind.service() == *service && glob.touches_kind(target, *kind))
        })
    }

    /// Why an address glob matches nothing: the first segment that does not.
    fn no_target(&self, glob: &AddressGlob) -> String {
        let parts: Vec<&str> = glob.as_str().split('/').collect();
        let matches = |head: &str, text: &str| head.parse::<AddressGlob>().is_ok_and(|glob| glob.touches_text(text));
        let account = parts.first().copied().unwrap_or_default();
        if !self.cells.iter().any(|(_, target)| matches(account, target.account.as_str())) {
            return "no selected account has this id; an address begins with an account's id, and --account takes names"
                .to_owned();
        }
        let region = parts.get(1).copied().unwrap_or_default();
        if !self.cells.iter().any(|(_, target)| matches(region, target.region.as_str())) {
            return no_region(region, |known| matches(region, known.as_str()), self);
        }
        let kind = parts.get(2).copied().unwrap_or("*");
        let kinds: BTreeSet<&str> = Kind::ALL
            .iter()
            .filter(|kind| self.cells.iter().any(|(service, _)| kind.service() == *service))
            .map(|kind| kind.as_str())
            .collect();
        if !kinds.iter().any(|known| matches(kind, known)) {
            return match closest(kind, kinds) {
                Some(meant) => format!("`{kind}` is nothing that the baseline has; did you mean `{meant}`?"),
                None => format!("`{kind}` is nothing that the baseline has in the selected accounts"),
            };
        }
        "the baseline has nothing there".to_owned()
    }
}

/// Why a Region is not among those of the selected accounts.
fn no_region(text: &str, matches: impl Fn(&Region) -> bool, offer: &Offer) -> String {
    let known: Vec<Region> =
        offer.partition.known_regions().iter().filter_map(|known| known.name.parse().ok()).collect();
    if known.iter().any(matches) {
        return "no selected account has this Region: it is not enabled there, or `regions` of profiles.toml leaves it out"
            .to_owned();
    }
    let of = offer.partition;
    match meant(text, known.iter().chain(&offer.regions)) {
        Some(meant) => format!("no Region of the partition {of} has this name; did you mean `{meant}`?"),
        None => {
            let some: Vec<&str> = offer.regions.iter().take(3).map(Region::as_str).collect();
            format!("no Region of the partition {of} has this name; the selected accounts have {}", some.join(", "))
        }
    }
}

/// The Region, or the glob over Regions, that was most likely meant.
fn meant<'a>(text: &str, regions: impl Iterator<Item = &'a Region>) -> Option<String> {
    let plain: String = text.chars().filter(char::is_ascii_alphabetic).flat_map(char::to_lowercase).collect();
    if let Some((_, region)) = CITIES.iter().find(|(city, _)| plain == *city) {
        return Some((*region).to_owned());
    }
    let names: BTreeSet<&str> = regions.map(Region::as_str).collect();
    let stems = names.iter().filter_map(|name| name.rsplit_once('-')).map(|(stem, _)| format!("{stem}-*"));
    let areas = names.iter().filter_map(|name| name.split_once('-')).map(|(area, _)| format!("{area}-*"));
    let globs: BTreeSet<String> = stems.chain(areas).collect();
    let all: Vec<&str> = match text.contains('*') {
        true => globs.iter().map(String::as_str).collect(),
        false => names.into_iter().collect(),
    };
    closest(text, all).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::estate::{id, region};

    /// Two accounts, of which the second has one Region more; no AWS Config.
    fn offer() -> Offer {
        let places = [("333333333333", "eu-west-1"), ("444444444444", "eu-west-1"), ("444444444444", "us-east-1")];
        let targets = places.map(|(account, place)| Target::new(id(account), region(place)));
        let regions = targets.iter().map(|target| target.region.clone()).collect();
        let cell = |target: &Target| [Service::Cloudtrail, Service::Guardduty].map(|service| (service, target.clone()));
        Offer { regions, cells: targets.iter().flat_map(cell).collect(), ..Offer::default() }
    }

    fn said(regions: &[&str], services: &[Service], targets: &[&str]) -> String {
        let regions = regions.iter().map(|text| text.parse().unwrap()).collect();
        let targets = targets.iter().map(|text| text.parse().unwrap()).collect();
        let selection = Selection::new(&[], vec![], regions, services.to_vec(), targets).unwrap();
        selection.unmatched(&offer()).map_or_else(String::new, |unmatched| unmatched.to_string())
    }

    #[test]
    fn what_matches_nothing_is_named_with_what_was_meant() {
        let region = |glob: &str| said(&[glob], &[], &[]);
        for (glob, part) in [
            ("tokyo", "did you mean `ap-northeast-1`?"),
            ("Tokyo", "did you mean `ap-northeast-1`?"),
            ("ap-norhteast-*", "did you mean `ap-northeast-*`?"),
            ("eu-wset-1", "did you mean `eu-west-1`?"),
            ("eu_west_1", "did you mean `eu-west-1`?"),
            ("ap-northeast-1", "no selected account has this Region"),
            ("ap-*", "no selected account has this Region"),
            ("moon", "the selected accounts have eu-west-1, us-east-1"),
        ] {
            assert!(
                region(glob).contains(part) && region(glob).starts_with(&format!("--region {glob}: ")),
                "{}",
                region(glob)
            );
        }
        let target = |glob: &str| said(&[], &[], &[glob]);
        for (glob, part) in [
            ("3333*/us-*/cloudtrail.*", "the baseline has nothing there"),
            ("payments/*/**", "no selected account has this id"),
            ("*/us-esat-1/**", "did you mean `us-east-1`?"),
            ("*/*/cloudtrial.trail", "did you mean `cloudtrail.trail`?"),
            ("*/*/config.rule/x", "`config.rule` is nothing that the baseline has"),
        ] {
            assert!(target(glob).contains(part), "{glob}: {}", target(glob));
        }
        assert!(said(&[], &[Service::Config], &[]).contains("--service config"));
        assert!(said(&["us-east-1"], &[Service::Cloudtrail], &["333333333333"]).contains("together"));
        // The second of two is looked at as well as the first.
        assert!(said(&["eu-*", "tokyo"], &[], &[]).starts_with("--region tokyo"));
    }

    #[test]
    fn what_matches_something_passes() {
        for targets in [&["333333333333/*/**"][..], &["**"], &["*/us-east-1"], &["*/*/cloudtrail.*"], &["4*", "3*"]] {
            assert_eq!(said(&[], &[], targets), "", "{targets:?}");
        }
        assert_eq!(said(&["eu-*", "us-east-1"], &[Service::Guardduty], &[]), "");
        assert_eq!(said(&[], &[], &[]), "");
    }

    #[test]
    fn a_name_is_held_against_the_resources_themselves() {
        let addresses: Vec<Address> =
            ["333333333333/eu-west-1/cloudtrail.trail/baseline".parse().unwrap()].into_iter().collect();
        let said = |glob: &str| {
            let selection = Selection::new(&[], vec![], vec![], vec![], vec![glob.parse().unwrap()]).unwrap();
            selection.unmatched_among(addresses.iter()).map(|unmatched| unmatched.to_string())
        };
        assert_eq!(said("*/*/cloudtrail.trail/baseline"), None);
        assert_eq!(said("**/baseline"), None);
        let unmatched = said("*/*/cloudtrail.trail/basleine").unwrap();
        assert!(unmatched.ends_with("did you mean `baseline`?"), "{unmatched}");
    }
}
