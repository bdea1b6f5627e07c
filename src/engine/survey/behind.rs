//! What stays behind where nothing is watched any more: in Regions that no longer count for an account, and of services
//! that an override leaves out there.
//!
//! There is no memory of earlier runs, so AWS is asked. Where a Region does not count, one service is asked first (one
//! list call where nothing of ours is there), and the others only where that one shows that this tool has been there. A
//! Region may be one that an organization denies altogether: the first refusal in an account ends the search there, so
//! that a run leaves one denied call in its trail and not one a Region. That nobody could look is a note.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::{SurveyOptions, WayIn};
use crate::config::Account;
use crate::model::{OpError, Region, Target};
use crate::services::adapter::Cell;
use crate::services::cloudtrail::config::Mode;
use crate::services::{Declared, Found, Note, Ownership, Place, Service, Shared, Spec, is_ours};

/// The services that an account has for itself, the one that is asked first before the others.
const OWN: [Service; 4] = [Service::Cloudtrail, Service::Eventbridge, Service::Config, Service::Guardduty];
/// The services by which the security account receives besides.
const RECEIVES: [Service; 2] = [Service::Sns, Service::Kms];
/// The topic of notes of what is left.
const LEFT: &str = "no-longer-watched";
/// Places that are asked at the same time.
const AT_ONCE: usize = 16;

/// Where to look, and for what.
struct Behind<'a> {
    way_in: &'a WayIn,
    account: &'a Account,
    /// As if nothing were left out.
    declared: &'a Declared<'a>,
    /// Whether the run is narrowed: then no Region is looked at that nobody named.
    narrowed: bool,
}

/// Whether something is left by this tool: the default bus is everybody's, but for the statements in its policy.
fn is_left(found: &Found) -> bool {
    match &found.spec {
        Spec::EventbridgeBus(bus) => is_ours(&bus.tags) || bus.policy.document.owned().next().is_some(),
        _ => true,
    }
}

/// The Regions in which an account has something left, by the notes of its reading.
pub(super) fn regions_left(notes: &[Note]) -> impl Iterator<Item = Region> {
    notes.iter().filter(|note| note.topic == LEFT).map(|note| note.target.region.clone())
}

/// What stays behind in an account, a note for each place.
pub(super) async fn left_behind(
    account: &Account,
    way_in: &WayIn,
    declared: &Declared<'_>,
    options: &SurveyOptions,
) -> Vec<Note> {
    if options.selection.looks_again() || !account.baseline || !options.selection.takes_account(account) {
        return Vec::new();
    }
    let behind = Behind { way_in, account, declared, narrowed: options.selection.narrows() };
    let takes = |service: Service, region: &Region| {
        options.selection.takes_cell(service, &Target::new(account.id, region.clone()))
    };
    let mut notes = behind.regions(&takes).await;
    notes.extend(behind.services(&takes).await);
    notes
}

impl Behind<'_> {
    /// The Regions that do not count for the account and could have. A static list says nothing of others: then those of
    /// the other accounts, and those in which the security account has something left; for the security account itself
    /// every Region that no account has to opt in to, in a run that is not narrowed.
    fn other_regions(&self) -> Vec<Region> {
        let Shared { regions, hub, left, .. } = self.declared.shared;
        let mut all: BTreeSet<Region> = match self.account.regions.list {
            Some(_) => regions.values().flatten().chain(hub).chain(left).cloned().collect(),
            None => self.way_in.enabled.all.iter().cloned().collect(),
        };
        if self.account.regions.list.is_some() && self.receives() && !self.narrowed {
            let known = self.declared.profiles.partition.known_regions().iter().filter(|known| !known.opt_in);
            all.extend(known.filter_map(|known| known.name.parse().ok()));
        }
        all.into_iter().filter(|region| !self.way_in.regions.contains(region)).collect()
    }

    /// Whether the account is the one that receives what the others send.
    fn receives(&self) -> bool {
        self.account.id == self.declared.profiles.security
    }

    /// What an account has for itself, the services asked first before the others. A trail for all Regions is in one of
    /// them alone, and says nothing of the others.
    fn declared_services(&self) -> Vec<Service> {
        let baseline = self.declared.baseline;
        let has = |service: &Service| match service {
            Service::Cloudtrail => {
                baseline.cloudtrail.as_ref().is_some_and(|trail| matches!(trail.mode, Mode::PerRegion))
            }
            Service::Eventbridge => baseline.events.is_some(),
            Service::Config => baseline.config.is_some(),
            Service::Guardduty => baseline.guardduty.is_some(),
            _ => false,
        };
        OWN.into_iter().filter(has).collect()
    }

    async fn regions(&self, takes: &impl Fn(Service, &Region) -> bool) -> Vec<Note> {
        let services = self.declared_services();
        let mut regions = self.other_regions();
        let mut asked = services.iter().copied().filter(|one| regions.iter().any(|region| takes(*one, region)));
        let Some(first) = asked.next() else { return Vec::new() };
        regions.retain(|region| takes(first, region));
        let mut places = regions.iter();
        let Some(one) = places.next() else { return Vec::new() };
        // Where it is refused once it is left alone everywhere.
        let mut notes = match self.look(first, one, self.declared).await {
            Ok(found) => self.region(one, first, found, takes).await,
            Err(error) => return vec![self.unseen(one, &error)],
        };
        let rest: Vec<Vec<Note>> = stream::iter(places)
            .map(|region| async move {
                match self.look(first, region, self.declared).await {
                    Ok(found) => self.region(region, first, found, takes).await,
                    Err(error) => vec![self.unseen(region, &error)],
                }
            })
            .buffered(AT_ONCE)
            .collect()
            .await;
        notes.extend(rest.into_iter().flatten());
        notes
    }

    /// What is in a Region that does not count, where the service that was asked first shows that this tool has been there.
    async fn region(
        &self,
        region: &Region,
        first: Service,
        found: Vec<Found>,
        takes: &impl Fn(Service, &Region) -> bool,
    ) -> Vec<Note> {
        if !found.iter().any(|found| is_ours(found.spec.tags())) {
            return Vec::new();
        }
        let mut services = self.declared_services();
        let receives = self.receives();
        if receives {
            // As long as the Region counted, it received there: its bus admits senders, and has its topic with its key.
            services.extend(RECEIVES);
        }
        let shared = match receives {
            true => Shared { hub: vec![region.clone()], ..self.declared.shared.clone() },
            false => Shared::default(),
        };
        let receiving = Declared { shared: &shared, ..*self.declared };
        let declared = if receives { &receiving } else { self.declared };
        let (mut all, mut notes) = (Vec::new(), Vec::new());
        for service in services.into_iter().filter(|service| takes(*service, region)) {
            if service == first && !receives {
                all.extend(found.iter().cloned());
                continue;
            }
            match self.look(service, region, declared).await {
                Ok(found) => all.extend(found),
                Err(error) => notes.push(self.unseen(region, &error)),
            }
        }
        let why = "the Region is not among the account's `regions` in profiles.toml";
        notes.push(self.note(region, &all, why));
        notes
    }

    /// What is there of services that an override leaves out. Of a service that this tool set up there it is everything:
    /// not all of AWS's resources have tags.
    async fn services(&self, takes: &impl Fn(Service, &Region) -> bool) -> Vec<Note> {
        let baseline = self.declared.baseline;
        let own = baseline.of(self.account);
        let mut cells: Vec<(Service, &Region)> = Vec::new();
        for service in self.declared_services() {
            let is_left_out = match service {
                Service::Cloudtrail => own.cloudtrail.is_none(),
                Service::Eventbridge => own.events.is_none(),
                Service::Config => own.config.is_none(),
                _ => own.guardduty.is_none(),
            };
            let kept = baseline.regions_of(self.account, service, &self.way_in.regions);
            let regions = self.way_in.regions.iter().filter(|region| is_left_out || !kept.contains(region));
            cells.extend(regions.filter(|region| takes(service, region)).map(|region| (service, region)));
        }
        let read: Vec<(&Region, Result<Vec<Found>, OpError>)> = stream::iter(cells)
            .map(|(service, region)| async move { (region, self.look(service, region, self.declared).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut by_region: BTreeMap<&Region, Vec<Found>> = BTreeMap::new();
        let mut notes = Vec::new();
        for (region, found) in read {
            match found {
                Ok(found) if found.iter().any(|found| is_ours(found.spec.tags())) => {
                    by_region.entry(region).or_default().extend(found);
                }
                Ok(_) => {}
                Err(error) => notes.push(self.unseen(region, &error)),
            }
        }
        let why = "an override of baseline.toml leaves this out here";
        notes.extend(by_region.into_iter().map(|(region, found)| self.note(region, &found, why)));
        notes
    }

    /// What one service has in a Region of what is ours.
    async fn look(&self, service: Service, region: &Region, declared: &Declared<'_>) -> Result<Vec<Found>, OpError> {
        let target = Target::new(self.account.id, region.clone());
        let regions = [region.clone()];
        let place = Place { account: self.account, regions: &regions };
        let cell = Cell { session: &self.way_in.session, target: &target, declared, place: &place };
        let reading = service.observe(&cell).await?;
        Ok(reading.found.into_iter().filter(|found| found.ownership == Ownership::Ours && is_left(found)).collect())
    }

    /// That nobody could look: what is there goes unsaid.
    fn unseen(&self, region: &Region, error: &OpError) -> Note {
        let answer = error.code.as_deref().unwrap_or(&error.message);
        Note {
            target: Target::new(self.account.id, region.clone()),
            topic: "not-looked-for".to_owned(),
            text: format!(
                "what this tool may have left where nothing is watched any more could not be looked for: {}:{} \
                 answered {answer}",
                error.service, error.operation
            ),
        }
    }

    fn note(&self, region: &Region, found: &[Found], why: &str) -> Note {
        let services: BTreeSet<&str> = found.iter().map(|found| found.address.kind.service().as_str()).collect();
        let things: BTreeSet<String> =
            found.iter().map(|found| format!("{} {}", found.address.kind, found.address.name)).collect();
        let listed = |items: Vec<&str>| items.join(", ");
        let verb = if services.len() == 1 { "is" } else { "are" };
        Note {
            target: Target::new(self.account.id, region.clone()),
            topic: LEFT.to_owned(),
            text: format!(
                "{} {verb} no longer watched here: {why}. What this tool set up stays and is neither compared nor repaired: \
                 {}. Let it count again, or remove it by hand",
                listed(services.into_iter().collect()),
                listed(things.iter().map(String::as_str).collect()),
            ),
        }
    }
}
