//! Planning for what somebody typed: a selection that matches nothing is a mistake, and no empty plan.

use super::cells::cells_of;
use super::{Entered, Look, Survey, SurveyOptions};
use crate::config::Baseline;
use crate::model::{Region, Target};
use crate::plan::{Offer, Plan, Selection, Unmatched};
use crate::services::{Declared, Note, Place, Service};

impl Survey<'_> {
    /// Plans for a selection that somebody typed: one that matches nothing is a mistake. What there is to select is
    /// known once the selected accounts were entered; where one could not be, what matches nothing may be there, and that
    /// is said in the plan.
    ///
    /// # Errors
    ///
    /// An option that matches nothing.
    pub async fn plan_selected(&self, baseline: &Baseline, options: &SurveyOptions) -> Result<Plan, Unmatched> {
        let selection = &options.selection;
        let entered = Box::pin(self.enter_selected(selection, None)).await;
        let unmatched = selection.narrows_accounts().then(|| self.unmatched(&entered, baseline, selection)).flatten();
        let missing = self.selected(selection).find(|account| matches!(entered.get(&account.id), Some(Err(_))));
        let note = match (unmatched, missing) {
            (Some(unmatched), None) => return Err(unmatched),
            (Some(unmatched), Some(account)) => Some(Note {
                target: Target::new(account.id, Region::global()),
                topic: "selection".to_owned(),
                text: format!("{unmatched}. It may be in what could not be read"),
            }),
            (None, _) => None,
        };
        let Look { mut plan, addresses, .. } = Box::pin(self.look_from(entered, baseline, options, None)).await;
        if selection.names_targets() && plan.unreadable.is_empty() {
            selection.unmatched_among(addresses.iter()).map_or(Ok(()), Err)?;
        }
        plan.notes.extend(note);
        Ok(self.concluded(plan, baseline, options))
    }

    /// What of a selection matches nothing in the accounts that were entered.
    fn unmatched(&self, entered: &Entered, baseline: &Baseline, selection: &Selection) -> Option<Unmatched> {
        let shared = self.shared(&self.regions_of(entered, baseline));
        let declared = Declared { profiles: self.profiles, baseline, shared: &shared };
        let mut offer = Offer { partition: self.profiles.partition, ..Offer::default() };
        for account in self.selected(selection) {
            let Some(Ok(way_in)) = entered.get(&account.id) else { continue };
            offer.regions.extend(way_in.regions.iter().cloned());
            offer.cells.extend(cells_of(account, &declared, &way_in.regions));
            // What the account holds for the others, wherever that is.
            let place = Place { account, regions: &way_in.regions };
            for service in Service::ALL.iter().filter(|service| service.holder(self.profiles) == Some(account.id)) {
                let targets = service.cells(&declared, &place);
                offer.regions.extend(targets.iter().map(|target| target.region.clone()).filter(|r| !r.is_global()));
                offer.cells.extend(targets.into_iter().map(|target| (*service, target)));
            }
        }
        selection.unmatched(&offer)
    }
}
