//! What every account's table says, whichever table it is.

use std::collections::BTreeSet;
use std::ops::Range;

use super::hops::HopText;
use super::names::is_one_line;
use super::regions::check_regions;
use crate::config::RegionChoice;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::RawRegions;
use crate::config::suggest::{choices, did_you_mean};
use crate::model::{AccountId, Partition};
use crate::services::Kind;

/// The keys of one account, wherever they stand.
#[derive(Debug, Default)]
pub(super) struct Seat<'a> {
    /// Where the table stands among the keys, such as `account.3`.
    pub path: String,
    /// The table's header.
    pub span: Range<usize>,
    pub name: Option<&'a At<String>>,
    pub email: Option<&'a At<String>>,
    pub groups: Option<&'a Vec<At<String>>>,
    pub wave: Option<&'a At<i64>>,
    pub regions: Option<&'a Section<RawRegions>>,
    pub take_over: Option<&'a Vec<At<String>>>,
    pub baseline: Option<&'a At<bool>>,
    pub hop: HopText<'a>,
}

/// What a [`Seat`] says besides its hop.
#[derive(Debug)]
pub(super) struct Seated {
    pub name: String,
    pub email: Option<String>,
    pub groups: BTreeSet<String>,
    pub wave: u32,
    pub regions: RegionChoice,
    pub take_over: BTreeSet<String>,
    pub baseline: bool,
}

/// What holds where a [`Seat`] says nothing.
pub(super) struct Otherwise<'a> {
    pub name: &'a str,
    pub wave: u32,
    /// Checked already; `None` where `[defaults]` is wrong.
    pub regions: Option<&'a RegionChoice>,
}

impl Seat<'_> {
    /// Checks all but id and hop.
    pub(super) fn check(
        &self,
        otherwise: &Otherwise<'_>,
        partition: Option<Partition>,
        findings: &mut Findings,
    ) -> Option<Seated> {
        let name = match self.name {
            Some(at) if is_one_line(at) => Some(at.to_string()),
            Some(at) => {
                findings
                    .error(at.span(), "this name cannot be shown in a report")
                    .label("a text on one line is needed, without blanks around it");
                None
            }
            None => Some(otherwise.name.to_owned()),
        };
        let email = match self.email {
            Some(at) => check_email(at, findings).map(Some),
            None => Some(None),
        };
        let groups = check_groups(self.groups, findings);
        let wave = check_wave(self.wave, otherwise.wave, findings);
        let regions = match self.regions {
            Some(at) => check_regions(at, partition, findings),
            None => otherwise.regions.cloned(),
        };
        let take_over = check_take_over(self.take_over, findings);
        Some(Seated {
            name: name?,
            email: email?,
            groups: groups?,
            wave: wave?,
            regions: regions?,
            take_over: take_over?,
            baseline: self.baseline.is_none_or(|at| **at),
        })
    }
}

/// Checks an account id.
pub(super) fn check_id(at: &At<String>, findings: &mut Findings) -> Option<AccountId> {
    at.parse()
        .inspect_err(|_| {
            let digits = at.chars().filter(char::is_ascii_digit).count();
            let label = if at.is_empty() {
                "empty".to_owned()
            } else if digits == at.chars().count() {
                format!("{digits} digits, 12 are needed")
            } else {
                "12 digits and nothing else are needed".to_owned()
            };
            findings.error(at.span(), format!("`{}` is not an account id", at.as_str())).label(label).maybe_help(
                (digits == 12).then(|| {
                    let plain: String = at.chars().filter(char::is_ascii_digit).collect();
                    format!("write it without separators: \"{plain}\"")
                }),
            );
        })
        .ok()
}

/// Checks an e-mail address (AWS Organizations API Reference, `CreateAccount`: 6 to 64 characters, one `@`).
fn check_email(at: &At<String>, findings: &mut Findings) -> Option<String> {
    let whole = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic() && c != '@');
    let good = (6..=64).contains(&at.chars().count()) && at.split_once('@').is_some_and(|(a, b)| whole(a) && whole(b));
    if good {
        return Some(at.to_string());
    }
    findings
        .error(at.span(), format!("`{}` is not an e-mail address", at.as_str()))
        .label("the address of the account's root user is expected");
    None
}

/// Checks a wave.
pub(super) fn check_wave(at: Option<&At<i64>>, otherwise: u32, findings: &mut Findings) -> Option<u32> {
    let Some(at) = at else { return Some(otherwise) };
    u32::try_from(**at)
        .inspect_err(|_| {
            findings.error(at.span(), format!("`wave` cannot be {}", **at)).label("0, 1, 2 and so on are expected");
        })
        .ok()
}

fn check_groups(groups: Option<&Vec<At<String>>>, findings: &mut Findings) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    let mut whole = true;
    for at in groups.into_iter().flatten() {
        if is_one_line(at) {
            names.insert(at.to_string());
        } else {
            findings
                .error(at.span(), "this is not a group's name")
                .label("a text on one line is needed, without blanks around it");
            whole = false;
        }
    }
    whole.then_some(names)
}

fn check_take_over(services: Option<&Vec<At<String>>>, findings: &mut Findings) -> Option<BTreeSet<String>> {
    let known: BTreeSet<&str> = Kind::ALL.iter().filter_map(|kind| kind.as_str().split('.').next()).collect();
    let mut names = BTreeSet::new();
    let mut whole = true;
    for at in services.into_iter().flatten() {
        if known.contains(at.as_str()) {
            names.insert(at.to_string());
        } else {
            findings
                .error(at.span(), format!("`{}` is not a service that this tool manages", at.as_str()))
                .label(format!("expected {}", choices(known.iter().copied())))
                .maybe_help(did_you_mean(at, known.iter().copied()));
            whole = false;
        }
    }
    whole.then_some(names)
}
