//! `profiles.toml` as a whole.

use std::collections::BTreeMap;
use std::ops::Range;

use super::accounts::{Otherwise, Seat, check_id, check_wave};
use super::exceptions::check_trusted;
use super::hops::{HopText, check_hop, check_identity_chain, check_role};
use super::regions::{check_region, check_regions, every_region};
use super::rollout::check_rollout;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::{RawAccount, RawLogArchive, RawProfiles, RawSecurity};
use crate::config::suggest::{choices, did_you_mean};
use crate::config::{Account, Duty, Jump, Limits, Profiles, RegionChoice, TrustedAccount, Via};
use crate::model::{AccountId, Partition, Region};

/// What a checked file has to say to the other one, also where it is wrong.
#[derive(Debug)]
pub(crate) struct CheckedProfiles {
    /// `None` where it is wrong.
    pub partition: Option<Partition>,
    /// The security account's; `None` where it is wrong or missing.
    pub home_region: Option<Region>,
    /// The accounts that nothing is wrong with.
    pub accounts: Vec<Account>,
    /// `None` where anything is wrong.
    pub profiles: Option<Profiles>,
}

/// Checks the file as a whole; `listed` are the `[[account]]` tables, `None` for one that is not a table.
pub(crate) fn check_profiles(
    raw: &RawProfiles,
    listed: &[Option<Section<RawAccount>>],
    findings: &mut Findings,
) -> CheckedProfiles {
    let partition = check_partition(raw.partition.as_ref(), findings);
    let mut roll = Roll::new(raw, partition, findings);
    let jump = roll.jump(findings);
    roll.security(findings);
    roll.log_archive(findings);
    roll.projects(listed, findings);
    roll.check_order_of_waves(findings);
    roll.check_names(findings);
    let rollout = check_rollout(raw.rollout.as_ref(), findings);
    let duty = |id: AccountId| roll.named.get(&id).map(|(_, duty)| *duty);
    let trusted = check_trusted(raw.trusted_account.as_deref().unwrap_or_default(), duty, findings);

    let home_region = roll.home_region.clone();
    let accounts = roll.accounts.clone();
    let profiles = (!findings.has_errors()).then(|| roll.into_profiles(jump?, rollout, trusted)).flatten();
    CheckedProfiles { partition, home_region, accounts, profiles }
}

fn check_partition(at: Option<&At<String>>, findings: &mut Findings) -> Option<Partition> {
    let Some(at) = at else { return (!findings.is_struck("partition")).then(Partition::default) };
    at.parse()
        .inspect_err(|_| {
            let all = Partition::ALL.map(Partition::as_str);
            findings
                .error(at.span(), format!("`{}` is not a partition", at.as_str()))
                .label(format!("expected {}", choices(all)))
                .maybe_help(did_you_mean(at, all));
        })
        .ok()
}

/// The accounts as they are called up.
pub(super) struct Roll<'a> {
    pub(super) raw: &'a RawProfiles,
    pub(super) partition: Option<Partition>,
    /// The regions of `[defaults]`; `None` where they are wrong.
    pub(super) regions: Option<RegionChoice>,
    /// Where each id was named first, and in which words to speak of it.
    pub(super) named: BTreeMap<AccountId, (Range<usize>, Duty)>,
    pub(super) security: Option<AccountId>,
    pub(super) log_archive: Option<AccountId>,
    pub(super) home_region: Option<Region>,
    pub(super) accounts: Vec<Account>,
    /// Where each name was given.
    names: BTreeMap<String, Vec<Range<usize>>>,
    /// Waves of security and log archive account, with their places.
    pub(super) early: Vec<(u32, Range<usize>)>,
}

impl<'a> Roll<'a> {
    fn new(raw: &'a RawProfiles, partition: Option<Partition>, findings: &mut Findings) -> Self {
        let regions = match raw.defaults.as_ref().and_then(|d| d.regions.as_ref()) {
            Some(at) => check_regions(at, partition, findings),
            None => Some(every_region()),
        };
        Roll {
            raw,
            partition,
            regions,
            named: BTreeMap::new(),
            names: BTreeMap::new(),
            security: None,
            log_archive: None,
            home_region: None,
            accounts: Vec::new(),
            early: Vec::new(),
        }
    }

    pub(super) fn jump_identity(&self) -> Option<&'a At<String>> {
        self.raw.jump.as_ref().and_then(|jump| jump.source_identity.as_ref())
    }

    fn security_identity(&self) -> Option<&'a At<String>> {
        self.raw.security.as_ref().and_then(|security| security.source_identity.as_ref())
    }

    fn security(&mut self, findings: &mut Findings) {
        let Some(at) = &self.raw.security else {
            if !findings.is_struck("security") {
                findings.error_in_file("the table [security] is missing").help(
                    "add [security] with `account`, `role` and `home_region`: the account that the log key lives in",
                );
            }
            return;
        };
        let id = self.needed("security", at.span(), "account", at.account.as_ref(), findings);
        let id = id.and_then(|id| check_id(id, findings));
        self.security = id;
        self.needed("security", at.span(), "role", at.role.as_ref(), findings);
        let home = self.needed("security", at.span(), "home_region", at.home_region.as_ref(), findings);
        self.home_region = home.and_then(|home| check_region(home, self.partition, findings));
        check_identity_chain(&[self.jump_identity(), at.source_identity.as_ref()], findings);
        self.enter(seat_of_security(at), id, at.account.as_ref(), Duty::Security, findings);
    }

    fn log_archive(&mut self, findings: &mut Findings) {
        let Some(at) = &self.raw.log_archive else { return };
        let id = self.needed("log_archive", at.span(), "account", at.account.as_ref(), findings);
        let place = id;
        let id = id.and_then(|id| check_id(id, findings));
        self.needed("log_archive", at.span(), "role", at.role.as_ref(), findings);
        check_identity_chain(&[self.jump_identity(), self.security_identity(), at.source_identity.as_ref()], findings);
        if let (Some(place), Some(security)) = (place, id.filter(|id| Some(*id) == self.security)) {
            let problem = findings.error(place.span(), format!("{security} is the security account already"));
            problem
                .label("the same account")
                .help("leave [log_archive] out: the log bucket then lives in the security account");
            if let Some((span, _)) = self.named.get(&security) {
                problem.also(span.clone(), "named here");
            }
            return;
        }
        self.log_archive = id;
        self.enter(seat_of_log_archive(at), id, at.account.as_ref(), Duty::LogArchive, findings);
    }

    fn projects(&mut self, listed: &[Option<Section<RawAccount>>], findings: &mut Findings) {
        let defaults = self.raw.defaults.as_ref();
        let wave = check_wave(defaults.and_then(|d| d.wave.as_ref()), 1, findings).unwrap_or(1);
        let default_hop = defaults.map_or(HopText::default(), |d| HopText {
            role: d.role.as_ref(),
            external_id: d.external_id.as_ref(),
            session_name: d.session_name.as_ref(),
            source_identity: d.source_identity.as_ref(),
        });
        self.check_default_hop(default_hop, findings);
        if listed.is_empty() && !findings.is_struck("account") {
            findings
                .error_in_file("there is no account: at least one [[account]] is needed")
                .help("add [[account]] with `id = \"…\"`, once for every project account");
        }
        let mut without_role: Vec<Range<usize>> = Vec::new();
        for (index, at) in listed.iter().enumerate() {
            let Some(at) = at else { continue };
            let path = format!("account.{index}");
            let id = self.needed(&path, at.span(), "id", at.id.as_ref(), findings);
            let place = id;
            let id = id.and_then(|id| check_id(id, findings));
            let mut seat = seat_of_account(at, path);
            seat.hop = seat.hop.or(default_hop);
            if seat.hop.role.is_none()
                && !findings.is_struck(&format!("{}.role", seat.path))
                && !findings.is_struck("defaults.role")
                && !findings.is_struck("defaults")
            {
                without_role.push(place.map_or(at.span(), At::span));
            }
            check_identity_chain(&[self.jump_identity(), self.security_identity(), seat.hop.source_identity], findings);
            self.enter_project(seat, id, place, wave, findings);
        }
        self.report_missing_role(without_role, findings);
    }

    /// Says once that there is no role, for however many accounts.
    fn report_missing_role(&self, places: Vec<Range<usize>>, findings: &mut Findings) {
        let mut places = places.into_iter();
        let Some(first) = places.next() else { return };
        let message = match places.len() {
            0 => "there is no role to enter this account with".to_owned(),
            others => format!("there is no role to enter this account and {others} others with"),
        };
        let message = message.replace("and 1 others", "and 1 other");
        let others = places.len();
        let problem = findings.error(first, message);
        problem.label("no `role` here, and none in [defaults]");
        for place in places.take(1) {
            problem.also(place, "nor here");
        }
        problem.help(match others {
            0 => "add `role = \"…\"` to [defaults], or to this account",
            _ => "add `role = \"…\"` to [defaults]: it holds for every account that does not say its own",
        });
    }

    /// Remembers an account's name.
    pub(super) fn call(&mut self, name: &str, place: Range<usize>) {
        self.names.entry(name.to_owned()).or_default().push(place);
    }

    /// Warns of a name that several accounts have: it selects all of them.
    fn check_names(&self, findings: &mut Findings) {
        for (name, places) in &self.names {
            let [first, second, ..] = &places[..] else { continue };
            findings
                .warning(second.clone(), format!("{} accounts have the name `{name}`", places.len()))
                .label("again")
                .also(first.clone(), "first here")
                .help("-a selects all of them by it, and only their ids tell them apart: give each its own name");
        }
    }

    fn check_default_hop(&self, hop: HopText<'_>, findings: &mut Findings) {
        if let Some(role) = hop.role.filter(|role| role.starts_with("arn:")) {
            findings
                .error(role.span(), "an ARN names a role of one account, but [defaults] is for all of them")
                .label("an ARN")
                .help("give the role's name alone (with its path where it has one)");
        } else if let Some(role) = hop.role {
            check_role(role, None, self.partition, findings);
        }
        check_hop(hop, None, findings);
    }

    fn needed<'t, T>(
        &self,
        table: &str,
        span: Range<usize>,
        key: &str,
        value: Option<&'t At<T>>,
        findings: &mut Findings,
    ) -> Option<&'t At<T>> {
        if value.is_none() && !findings.is_struck(&format!("{table}.{key}")) {
            let shown = if table.starts_with("account.") { "[[account]]".to_owned() } else { format!("[{table}]") };
            findings.error(span, format!("`{key}` is missing in {shown}")).label(format!("needs `{key}`"));
        }
        value
    }

    fn enter_project(
        &mut self,
        seat: Seat<'_>,
        id: Option<AccountId>,
        place: Option<&At<String>>,
        wave: u32,
        findings: &mut Findings,
    ) {
        let role = seat.hop.role.filter(|_| id.is_some() || seat.hop.role.is_some());
        let is_default = self
            .raw
            .defaults
            .as_ref()
            .and_then(|d| d.role.as_ref())
            .zip(role)
            .is_some_and(|(default, role)| std::ptr::eq(default, role));
        let role = role
            .filter(|role| !(is_default && role.starts_with("arn:")))
            .and_then(|role| check_role(role, id, self.partition, findings));
        let hop = check_hop(seat.hop, role, findings);
        let name = id.map_or("", |_| place.map_or("", |p| p.as_str())).to_owned();
        let otherwise = Otherwise { name: &name, wave, regions: self.regions.as_ref() };
        let seated = seat.check(&otherwise, self.partition, findings);
        let Some(id) = id else { return };
        let place = place.map_or(seat.span.clone(), At::span);
        if !self.claim(id, place.clone(), Duty::Project, findings) {
            return;
        }
        if let (Some(seated), Some(hop)) = (seated, hop) {
            self.call(&seated.name, seat.name.map_or(place, At::span));
            self.accounts.push(Account {
                id,
                name: seated.name,
                email: seated.email,
                duty: Duty::Project,
                baseline: seated.baseline,
                hop: Some(hop),
                via: Via::Security,
                groups: seated.groups,
                wave: seated.wave,
                regions: seated.regions,
                take_over: seated.take_over,
            });
        }
    }

    fn enter(
        &mut self,
        seat: Seat<'_>,
        id: Option<AccountId>,
        place: Option<&At<String>>,
        duty: Duty,
        findings: &mut Findings,
    ) {
        let role = seat.hop.role.and_then(|role| check_role(role, id, self.partition, findings));
        let hop = check_hop(seat.hop, role, findings);
        let name = if duty == Duty::Security { "security" } else { "log-archive" };
        let otherwise = Otherwise { name, wave: 0, regions: self.regions.as_ref() };
        let seated = seat.check(&otherwise, self.partition, findings);
        if let Some(seated) = &seated {
            if let Some(wave) = seat.wave {
                self.early.push((seated.wave, wave.span()));
            }
            self.check_home_is_in(&seat, &seated.regions, name, findings);
        }
        let Some(id) = id else { return };
        let place = place.map_or(seat.span.clone(), At::span);
        if !self.claim(id, place.clone(), duty, findings) {
            return;
        }
        if let (Some(seated), Some(hop)) = (seated, hop) {
            self.call(&seated.name, seat.name.map_or(place, At::span));
            self.accounts.push(Account {
                id,
                name: seated.name,
                email: seated.email,
                duty,
                baseline: seated.baseline,
                hop: Some(hop),
                via: if duty == Duty::Security { Via::Jump } else { Via::Security },
                groups: seated.groups,
                wave: seated.wave,
                regions: seated.regions,
                take_over: seated.take_over,
            });
        }
    }

    /// Log bucket and key live in the home Region, so their accounts' Regions have to let it through.
    fn check_home_is_in(&self, seat: &Seat<'_>, regions: &RegionChoice, name: &str, findings: &mut Findings) {
        let Some(home) = &self.home_region else { return };
        let at = self.raw.security.as_ref().and_then(|s| s.home_region.as_ref()).map_or(seat.span.clone(), At::span);
        if regions.holds(home) {
            return;
        }
        let from = seat.regions.or(self.raw.defaults.as_ref().and_then(|d| d.regions.as_ref()));
        let problem =
            findings.error(at, format!("the home Region {home} is not among the Regions of the {name} account"));
        problem
            .label("the log bucket and its key live here")
            .help(format!("let {home} through, or give [{}] its own `regions`", seat.path));
        if let Some(from) = from {
            problem.also(from.span(), "left out here");
        }
    }

    /// Takes an id for one account; a second one with the same id is an error.
    fn claim(&mut self, id: AccountId, place: Range<usize>, duty: Duty, findings: &mut Findings) -> bool {
        let Some((first, owner)) = self.named.get(&id).cloned() else {
            self.named.insert(id, (place, duty));
            return true;
        };
        let (what, help) = match owner {
            Duty::Project => {
                findings.error(place, format!("account {id} is listed twice")).label("again").also(first, "first here");
                return false;
            }
            Duty::Jump => ("the jump account", "[jump]"),
            Duty::Security => ("the security account", "[security]"),
            Duty::LogArchive => ("the log archive account", "[log_archive]"),
        };
        findings
            .error(place, format!("account {id} is {what}, which gets the baseline already"))
            .label("again")
            .also(first, format!("named as {what} here"))
            .help(format!(
                "take this [[account]] out: name, groups, wave, regions and take_over can be said in {help}"
            ));
        false
    }

    /// Bucket and key are needed by every trail, so their accounts cannot come after a project.
    fn check_order_of_waves(&self, findings: &mut Findings) {
        let projects = self.accounts.iter().filter(|a| a.duty == Duty::Project && a.baseline);
        let Some(first) = projects.map(|a| a.wave).min() else { return };
        for (wave, place) in self.early.iter().filter(|(wave, _)| *wave > first) {
            findings
                .error(place.clone(), format!("wave {wave} comes after the first project accounts (wave {first})"))
                .label("too late")
                .help("the projects' trails need the log bucket and its key: give this account the lowest wave");
        }
    }

    fn into_profiles(self, jump: Jump, rollout: Limits, trusted: Vec<TrustedAccount>) -> Option<Profiles> {
        let security = self.security?;
        Some(Profiles {
            partition: self.partition?,
            jump,
            security,
            bucket_owner: self.log_archive.unwrap_or(security),
            home_region: self.home_region?,
            accounts: self.accounts,
            rollout,
            trusted,
        })
    }
}

/// The tables below have the same keys, which TOML's error places do not survive sharing through `flatten`.
macro_rules! seat {
    ($at:expr, $path:expr) => {
        Seat {
            path: $path,
            span: $at.span(),
            name: $at.name.as_ref(),
            email: $at.email.as_ref(),
            groups: $at.groups.as_ref(),
            wave: $at.wave.as_ref(),
            regions: $at.regions.as_ref(),
            take_over: $at.take_over.as_ref(),
            baseline: $at.baseline.as_ref(),
            hop: HopText {
                role: $at.role.as_ref(),
                external_id: $at.external_id.as_ref(),
                session_name: $at.session_name.as_ref(),
                source_identity: $at.source_identity.as_ref(),
            },
        }
    };
}

fn seat_of_security(at: &Section<RawSecurity>) -> Seat<'_> {
    seat!(at, "security".to_owned())
}

fn seat_of_log_archive(at: &Section<RawLogArchive>) -> Seat<'_> {
    seat!(at, "log_archive".to_owned())
}

fn seat_of_account(at: &Section<RawAccount>, path: String) -> Seat<'_> {
    seat!(at, path)
}
