//! Membership by invitation: the security account's side, and each member's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spec::{administers, administrator_sees_findings_of, detector};
use crate::config::{Account, Overridable};
use crate::model::{AccountId, Address, Target};
use crate::services::{About, Aside, Declared, Desired, Found, Kept, Kind, Resource, Spec, Tags, Terms};

/// Neither side has tags.
static NO_TAGS: Tags = Tags::new();

/// The accounts that the security account administers in a Region.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Members {
    /// By account id; those of other people are kept as they are.
    pub members: BTreeMap<String, Member>,
    /// Declared: whether those whose address could not be verified are invited again with the same one.
    #[serde(skip)]
    pub invite_again: Aside<bool>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The e-mail address of its root user, as GuardDuty was told.
    pub email: String,
    /// How far it is.
    pub standing: Standing,
}

/// How far a member is, from the administrator's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is known and was not invited.
    Created,
    /// It was invited, and may have accepted: the rest is up to the member.
    Invited,
    /// It accepted, and its monitoring was stopped.
    Stopped,
    /// One of both sides ended it.
    Ended,
    /// The e-mail address is not that of its root user.
    EmailVerificationFailed,
    /// Its account is suspended or its Region disabled, or GuardDuty says what this release does not know.
    Unavailable,
}

impl Standing {
    /// What GuardDuty's word for it means (GuardDuty API Reference, `Member`; the words are the ones its siblings, such
    /// as Macie's `RelationshipStatus`, list).
    #[cfg(any(feature = "aws", test))]
    pub(super) fn of(status: &str) -> Self {
        match status.to_ascii_lowercase().replace('_', "").as_str() {
            "created" => Standing::Created,
            "invited" | "emailverificationinprogress" | "enabled" => Standing::Invited,
            "disabled" | "paused" => Standing::Stopped,
            "removed" | "resigned" | "deleted" => Standing::Ended,
            "emailverificationfailed" => Standing::EmailVerificationFailed,
            _ => Standing::Unavailable,
        }
    }
}

/// Membership in a place: the members on the security account's side, the administrator on each member's.
pub(super) fn desired(declared: &Declared<'_>, target: &Target) -> Option<Desired> {
    let own = detector(declared, target)?;
    let members =
        Address::new(Target::new(declared.profiles.security, target.region.clone()), Kind::GuarddutyMembers, "members");
    if administers(declared, target) {
        let members_here = invited(declared, target);
        let invite_again = Aside(declared.baseline.guardduty.as_ref().is_some_and(|guardduty| guardduty.invite_again));
        let spec = Spec::GuarddutyMembers(Box::new(Members { members: members_here, invite_again }));
        let desired = Desired::shared(members, spec, vec![own]);
        return Some(desired)
            .filter(|desired| matches!(&desired.spec, Spec::GuarddutyMembers(m) if !m.members.is_empty()));
    }
    if !administrator_sees_findings_of(declared, target) {
        return None;
    }
    let spec = Membership { administrator: declared.profiles.security, enabled: true };
    let address = Address::new(target.clone(), Kind::GuarddutyMembership, "administrator");
    let obstacle = obstacle(declared, target);
    let desired = Desired::new(address, Spec::GuarddutyMembership(Box::new(spec)), vec![own, members]);
    Some(Desired { obstacle, ..desired })
}

/// What the administrator's side says that keeps an account from being a member: no invitation comes until that is
/// mended, so that none is waited for.
fn obstacle(declared: &Declared<'_>, target: &Target) -> Option<Kept> {
    let member = declared.shared.members.get(target)?;
    let again = declared.baseline.guardduty.as_ref().is_some_and(|guardduty| guardduty.invite_again);
    let email = declared.profiles.account(target.account).and_then(|account| account.email.as_deref());
    let same = email.is_some_and(|email| email.eq_ignore_ascii_case(&member.email));
    let security = declared.profiles.security;
    match member.standing {
        Standing::EmailVerificationFailed if same && !again => Some(Kept {
            reason: format!(
                "GuardDuty could not verify {} as the e-mail address of the root user: {security} cannot invite the \
                 account",
                member.email
            ),
            hint: INVITED_AGAIN.to_owned(),
        }),
        Standing::Unavailable => Some(Kept {
            reason: format!("GuardDuty does not let {security} work with the account in {}", target.region),
            hint: "the account is suspended or has this Region disabled: `aws guardduty list-members` says which"
                .to_owned(),
        }),
        _ => None,
    }
}

/// How an account whose address could not be verified becomes a member all the same.
const INVITED_AGAIN: &str = "correct `email` of the account in profiles.toml, and it is invited again; or, where the \
                             account's own address was the wrong one and is right by now, say `invite_again = true` \
                             under [guardduty]";

/// What is known of the members that GuardDuty cannot work with, by their account and Region.
pub fn troubled(found: &Found) -> impl Iterator<Item = (Target, Member)> {
    let members = match &found.spec {
        Spec::GuarddutyMembers(members) => Some(&members.members),
        _ => None,
    };
    let region = found.address.target.region.clone();
    members.into_iter().flatten().filter_map(move |(id, member)| {
        let trouble = matches!(member.standing, Standing::EmailVerificationFailed | Standing::Unavailable);
        trouble.then(|| Some((Target::new(id.parse().ok()?, region.clone()), member.clone()))).flatten()
    })
}

/// The accounts to administer in the Region: those that get the baseline there, of those that this run could enter.
fn invited(declared: &Declared<'_>, target: &Target) -> BTreeMap<String, Member> {
    let has_region = |account: &&Account| {
        declared.shared.regions.get(&account.id).is_some_and(|regions| regions.contains(&target.region))
            && declared.baseline.keeps_in(account, Overridable::Guardduty, &target.region)
    };
    let accounts = declared.profiles.baselined().filter(|account| account.id != target.account);
    accounts
        .filter(has_region)
        .filter_map(|account| {
            let email = account.email.clone()?;
            Some((account.id.to_string(), Member { email, standing: Standing::Invited }))
        })
        .collect()
}

impl Member {
    fn has_address_of(&self, other: &Self) -> bool {
        self.email.eq_ignore_ascii_case(&other.email)
    }

    /// Whether it has to be deleted and made again: GuardDuty keeps the address it was given, and what it made of it
    /// (mozilla/guardduty-multi-account-manager, and cloud-custodian#2344: a member whose verification failed stays so).
    #[cfg(any(feature = "aws", test))]
    pub(super) fn is_redone(&self, seen: &Self) -> bool {
        let failed = seen.standing == Standing::EmailVerificationFailed;
        let other = !self.has_address_of(seen) && matches!(seen.standing, Standing::Created | Standing::Ended);
        self.standing == Standing::Invited && (failed || other)
    }
}

impl Resource for Members {
    const ABOUT: About = About {
        lives: "the security account, every Region with a member",
        without: "each account's findings are seen in that account alone",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        let (mut wrong, mut unavailable) = (Vec::new(), Vec::new());
        for (id, seen) in &seen.members {
            let ours = self.members.entry(id.clone()).or_insert_with(|| seen.clone());
            match seen.standing {
                // An address that was checked, or is being checked, is not disturbed.
                Standing::Invited | Standing::Stopped => ours.email.clone_from(&seen.email),
                Standing::Created | Standing::Ended if ours.has_address_of(seen) => ours.email.clone_from(&seen.email),
                Standing::Created | Standing::Ended => {}
                Standing::EmailVerificationFailed if ours.standing == Standing::Invited => {
                    if ours.has_address_of(seen) && !self.invite_again.0 {
                        *ours = seen.clone();
                        wrong.push(format!("{id} ({})", seen.email));
                    }
                }
                Standing::Unavailable if ours.standing == Standing::Invited => {
                    *ours = seen.clone();
                    unavailable.push(id.clone());
                }
                Standing::EmailVerificationFailed | Standing::Unavailable => {}
            }
        }
        let mut kept = Vec::new();
        if !wrong.is_empty() {
            kept.push(Kept {
                reason: format!("the e-mail address is not that of the root user of {}", wrong.join(", ")),
                hint: INVITED_AGAIN.to_owned(),
            });
        }
        if !unavailable.is_empty() {
            kept.push(Kept {
                reason: format!("GuardDuty cannot work with the member {}", unavailable.join(", ")),
                hint: "the account is suspended or has this Region disabled: `aws guardduty list-members` says which"
                    .to_owned(),
            });
        }
        kept
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        let mut refusals = Vec::new();
        for id in seen.iter().flat_map(|seen| seen.members.keys()).filter(|id| !self.members.contains_key(*id)) {
            refusals.push(format!("{id} would no longer be a member: no member is ever removed"));
        }
        refusals
    }
}

/// An account that the security account administers in a Region, from its own side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The account that administers its detector.
    pub administrator: AccountId,
    /// Whether that is in force.
    pub enabled: bool,
}

impl Resource for Membership {
    const ABOUT: About = About {
        lives: "every account but the security account, every Region",
        without: "each account's findings are seen in that account alone",
    };

    fn adopt(&mut self, seen: &Self, _terms: &Terms) -> Vec<Kept> {
        if self.administrator == seen.administrator {
            return Vec::new();
        }
        let kept = Kept {
            reason: format!(
                "account {} administers the detector, and it can have one administrator only",
                seen.administrator
            ),
            hint: format!(
                "if {} shall, disassociate the detector from the other one first (`aws guardduty \
                 disassociate-from-administrator-account --detector-id ID`, with the id that `aws guardduty list-detectors` \
                 answers, or in its organization); or leave the account or Region out",
                self.administrator
            ),
        };
        *self = seen.clone();
        vec![kept]
    }

    fn tags(&self) -> &Tags {
        &NO_TAGS
    }

    fn refusals(&self, seen: Option<&Self>, _terms: &Terms) -> Vec<String> {
        match seen {
            Some(seen) if seen.administrator != self.administrator => {
                vec![format!("account {} administers the detector and would be replaced", seen.administrator)]
            }
            _ => Vec::new(),
        }
    }
}
