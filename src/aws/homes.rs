//! Which Region's STS is asked, and which ones are asked where it does not answer.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Profiles;
use crate::model::{Fault, OpError, Region};

/// So many Regions are asked in turn: an outage of all of them is one of the network here.
const MOST: usize = 3;

/// The Regions that what is not of a Region is asked in (STS, and the list of Regions itself): the first, and the others
/// in turn where it does not answer.
///
/// Sessions of a regional endpoint are valid in every Region (IAM User Guide, "Manage AWS STS in an AWS Region"). The
/// endpoint of an opt-in Region exists only for accounts that enabled it, so that only Regions that are enabled by
/// default are asked (same page).
#[derive(Debug)]
pub struct Homes {
    regions: Vec<Region>,
    /// Which of them answered last.
    current: AtomicUsize,
}

impl Homes {
    /// The Region that the profiles name, and no other: a private network may reach no other. Where they name none, the
    /// home Region first, then the partition's own, then others that are enabled by default.
    pub(super) fn of(profiles: &Profiles) -> Self {
        let regions = match &profiles.jump.sts_region {
            Some(region) => vec![region.clone()],
            None => {
                let by_default =
                    |name: &str| profiles.partition.known_regions().iter().any(|r| r.name == name && !r.opt_in);
                let home = Some(profiles.home_region.clone()).filter(|home| by_default(home.as_str()));
                let others = profiles.partition.known_regions().iter().filter(|region| !region.opt_in);
                let others = others.filter_map(|region| region.name.parse().ok());
                let mut regions: Vec<Region> = Vec::new();
                for region in home.into_iter().chain([profiles.partition.sts_region()]).chain(others) {
                    if !regions.contains(&region) {
                        regions.push(region);
                    }
                }
                regions.truncate(MOST);
                regions
            }
        };
        Homes { regions, current: AtomicUsize::new(0) }
    }

    /// The Region that is asked first by now.
    pub fn first(&self) -> Region {
        self.regions
            .get(self.current.load(Ordering::Relaxed))
            .or(self.regions.first())
            .cloned()
            .unwrap_or_else(Region::global)
    }

    /// Asks one Region, and the others in turn where it does not answer and `again` lets it be asked elsewhere; `ask` is
    /// told whether there is another one to ask.
    ///
    /// # Errors
    ///
    /// What the one that answered said, or that the first did not.
    pub async fn ask<T, F, Fut>(&self, again: impl Fn(&OpError) -> bool, ask: F) -> Result<T, OpError>
    where
        F: Fn(Region, bool) -> Fut,
        Fut: Future<Output = Result<T, OpError>>,
    {
        let from = self.current.load(Ordering::Relaxed);
        let mut order: Vec<usize> = (from..self.regions.len()).chain(0..from).collect();
        let last = order.pop();
        let mut first: Option<OpError> = None;
        for (index, is_last) in order.into_iter().map(|index| (index, false)).chain(last.map(|index| (index, true))) {
            let Some(region) = self.regions.get(index) else { continue };
            match ask(region.clone(), !is_last).await {
                Err(error) if is_silent(&error) && again(&error) => {
                    tracing::warn!(%region, %error, "another Region is asked");
                    first.get_or_insert(error);
                }
                // It answers, whatever it answers.
                answer => {
                    self.current.store(index, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        match first {
            Some(error) => Err(error),
            None => ask(self.first(), false).await,
        }
    }
}

/// Whether an endpoint does not answer there, or does not serve the account: one that is enabled by default can be
/// switched off for an account (`RegionDisabledException`, STS API Reference, "AssumeRole").
fn is_silent(error: &OpError) -> bool {
    let nothing_came = error.code.is_none() && matches!(error.fault, Fault::Unreachable | Fault::NotOffered);
    nothing_came || error.has_code(&["RegionDisabledException", "RegionDisabled"])
}
