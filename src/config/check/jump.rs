//! `[jump]`: where we start.

use super::accounts::{Otherwise, Seat, check_id};
use super::hops::{HopText, check_hop, check_role, check_role_arn};
use super::names::{check_mfa_serial, is_one_line};
use super::profiles::Roll;
use super::regions::check_region;
use crate::config::at::{At, Section};
use crate::config::problem::Findings;
use crate::config::raw::RawJump;
use crate::config::{Account, Duty, Hop, Jump, Mfa, Via};
use crate::model::{AccountId, Arn};

impl Roll<'_> {
    /// Checks `[jump]` and lists its account.
    pub(super) fn jump(&mut self, findings: &mut Findings) -> Option<Jump> {
        let Some(at) = &self.raw.jump else {
            if !findings.is_struck("jump") {
                findings.error_in_file("the table [jump] is missing").help(
                    "add [jump] with `account = \"…\"`: the account that you log in to and that the first role is assumed from",
                );
            }
            return None;
        };
        let own = at.account.as_ref().and_then(|id| check_id(id, findings));
        let role = match &at.role {
            Some(role) if own.is_none() && !role.starts_with("arn:") && at.account.is_none() => {
                findings
                    .error(role.span(), "a role's name alone does not say which account it is in")
                    .label("a name")
                    .help("give the role's ARN, or `account` as well");
                None
            }
            Some(role) if own.is_none() => check_role_arn(role, self.partition, findings),
            Some(role) => check_role(role, own, self.partition, findings),
            None => None,
        };
        let account = own.or_else(|| role.as_ref().and_then(Arn::account));
        let hop = check_jump_hop(at, role, findings);
        let mfa = at.mfa_serial.as_ref().and_then(|serial| {
            check_mfa_serial(serial, self.partition, findings).then(|| Mfa {
                serial: serial.to_string(),
                command: at.mfa_command.as_ref().map(|c| c.iter().map(|part| part.to_string()).collect()),
            })
        });
        if let Some(profile) = at.profile.as_ref().filter(|profile| !is_one_line(profile)) {
            findings
                .error(profile.span(), "this is not the name of an AWS profile")
                .label("a name as in ~/.aws/config is expected")
                .help("leave `profile` out to use the ambient credentials");
        }
        let duration_seconds = at.duration_seconds.as_ref().and_then(|seconds| {
            u32::try_from(**seconds).ok().filter(|s| (900..=43_200).contains(s)).or_else(|| {
                findings
                    .error(seconds.span(), format!("a session cannot last {} seconds", **seconds))
                    .label("between 900 and 43200 are possible")
                    .help("a session that was itself started by a role lasts 3600 seconds at most");
                None
            })
        });

        let sts_region = at.sts_region.as_ref().and_then(|region| check_region(region, self.partition, findings));
        let seat = seat_of_jump(at);
        let otherwise = Otherwise { name: "jump", wave: 1, regions: self.regions.as_ref() };
        let seated = seat.check(&otherwise, self.partition, findings);
        let baselined = at.baseline.as_ref().is_none_or(|b| **b);
        let known = account.is_some() || at.account.is_some() || at.role.is_some();
        if !known && baselined && !findings.is_struck("jump.account") && !findings.is_struck("jump.role") {
            findings
                .error(at.span(), "[jump] does not say which account it is")
                .label("`account` is missing")
                .help(
                    "the jump account gets the baseline too: add `account = \"…\"` (or a `role` with its ARN), or say `baseline = false`",
                );
        }
        if let Some(id) = account {
            if let Some(duty) = self.doubles_as(id) {
                self.check_double(at, duty, findings);
            } else {
                let place = at.account.as_ref().or(at.role.as_ref()).map_or(at.span(), At::span);
                self.named.insert(id, (place.clone(), Duty::Jump));
                if let Some(seated) = seated {
                    self.call(&seated.name, at.name.as_ref().map_or(place, At::span));
                    self.accounts.push(Account {
                        id,
                        name: seated.name,
                        email: seated.email,
                        duty: Duty::Jump,
                        baseline: seated.baseline,
                        hop: hop.clone(),
                        via: Via::Jump,
                        groups: seated.groups,
                        wave: seated.wave,
                        regions: seated.regions,
                        take_over: seated.take_over,
                    });
                }
            }
        }
        Some(Jump {
            profile: at.profile.as_ref().map(|p| p.to_string()),
            account,
            hop,
            mfa,
            duration_seconds,
            sts_region,
        })
    }

    /// The table that lists the jump account already, where one account serves as both.
    fn doubles_as(&self, jump: AccountId) -> Option<&'static str> {
        let is_jump = |id: Option<&At<String>>| id.is_some_and(|id| id.as_str() == jump.as_str());
        if is_jump(self.raw.security.as_ref().and_then(|t| t.account.as_ref())) {
            Some("security")
        } else if is_jump(self.raw.log_archive.as_ref().and_then(|t| t.account.as_ref())) {
            Some("log_archive")
        } else {
            None
        }
    }

    fn check_double(&self, at: &Section<RawJump>, other: &str, findings: &mut Findings) {
        let places = [
            ("name", at.name.as_ref().map(At::span)),
            ("email", at.email.as_ref().map(At::span)),
            ("wave", at.wave.as_ref().map(At::span)),
            ("regions", at.regions.as_ref().map(At::span)),
            ("baseline", at.baseline.as_ref().map(At::span)),
            ("groups", at.groups.as_ref().and_then(|g| g.first()).map(At::span)),
            ("take_over", at.take_over.as_ref().and_then(|g| g.first()).map(At::span)),
        ];
        for (key, span) in places {
            if let Some(span) = span {
                findings
                    .error(span, format!("`{key}` of [jump] has no effect: this account is listed by [{other}]"))
                    .label("no effect")
                    .help(format!("say it in [{other}]"));
            }
        }
    }
}

/// Checks the keys that only mean something with a role.
fn check_jump_hop(at: &Section<RawJump>, role: Option<Arn>, findings: &mut Findings) -> Option<Hop> {
    if at.role.is_none() && !findings.is_struck("jump.role") {
        let places = [
            ("external_id", at.external_id.as_ref().map(At::span)),
            ("session_name", at.session_name.as_ref().map(At::span)),
            ("source_identity", at.source_identity.as_ref().map(At::span)),
            ("mfa_serial", at.mfa_serial.as_ref().map(At::span)),
            ("duration_seconds", at.duration_seconds.as_ref().map(At::span)),
        ];
        for (key, span) in places {
            if let Some(span) = span {
                findings
                    .error(span, format!("`{key}` of [jump] has no effect without `role`"))
                    .label("no role is assumed here")
                    .help(format!("add `role = \"…\"` to [jump], or take `{key}` out"));
            }
        }
    }
    if let Some(command) = &at.mfa_command {
        if command.first().is_none_or(|program| program.trim().is_empty()) {
            findings
                .error(command.span(), "`mfa_command` names no program")
                .label("a program and its arguments are expected")
                .help(
                    "for example: mfa_command = [\"ykman\", \"oath\", \"accounts\", \"code\", \"--single\", \"aws\"]",
                );
        }
        if at.mfa_serial.is_none() && !findings.is_struck("jump.mfa_serial") {
            findings
                .error(command.span(), "`mfa_command` has no effect without `mfa_serial`")
                .label("no device is asked for")
                .help("add `mfa_serial = \"…\"`, or take `mfa_command` out");
        }
    }
    let text = HopText {
        role: at.role.as_ref(),
        external_id: at.external_id.as_ref(),
        session_name: at.session_name.as_ref(),
        source_identity: at.source_identity.as_ref(),
    };
    check_hop(text, role, findings)
}

fn seat_of_jump(at: &Section<RawJump>) -> Seat<'_> {
    Seat {
        path: "jump".to_owned(),
        span: at.span(),
        name: at.name.as_ref(),
        email: at.email.as_ref(),
        groups: at.groups.as_ref(),
        wave: at.wave.as_ref(),
        regions: at.regions.as_ref(),
        take_over: at.take_over.as_ref(),
        baseline: at.baseline.as_ref(),
        hop: HopText::default(),
    }
}
