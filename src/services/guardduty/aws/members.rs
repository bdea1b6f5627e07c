//! Membership by invitation, from both sides.

use std::collections::BTreeMap;

use aws_sdk_guardduty as guardduty;
use guardduty::types::{AccountDetail, UnprocessedAccount};

use super::super::members::{Member, Members, Membership, Standing};
use super::super::spec::Administrator;
use super::{PATIENCE, detector_arn, existing_detector, never_deleted, only_detector, partition_of};
use crate::aws::{Session, Settling, send};
use crate::model::{AccountId, Address, Arn, Fault, OpError, Region};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kind, Ownership, Spec};

/// How many accounts one call takes (GuardDuty API Reference, `CreateMembers` and `InviteMembers`).
const AT_ONCE: usize = 50;

/// Who administers a detector, as its own account sees it.
pub(super) struct Seen {
    account: AccountId,
    enabled: bool,
}

impl Seen {
    /// Who that is to the estate. A detector that our security account administers is ours.
    pub(super) fn to(&self, cell: &Cell<'_>) -> Administrator {
        if self.account == cell.target.account {
            Administrator::Itself
        } else if self.account == cell.declared.profiles.security {
            Administrator::Security
        } else {
            Administrator::Other(self.account)
        }
    }
}

/// Asks a detector who administers it.
pub(super) async fn administrator(cell: &Cell<'_>, detector: &str) -> Result<Option<Seen>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "guardduty", "GetAdministratorAccount")
        .run(|| send!(guardduty, region, session.guardduty().get_administrator_account().detector_id(detector)))
        .await?;
    let Some(administrator) = answer.administrator() else { return Ok(None) };
    let Some(account) = administrator.account_id().filter(|id| !id.is_empty()) else { return Ok(None) };
    let account = account
        .parse()
        .map_err(|_| cell.malformed("guardduty", "GetAdministratorAccount", "the administrator's id cannot be read"))?;
    let enabled = administrator.relationship_status().is_some_and(|status| status.eq_ignore_ascii_case("enabled"));
    Ok(Some(Seen { account, enabled }))
}

/// The administrator that makes a detector none of ours.
pub(super) fn external(cell: &Cell<'_>, seen: Option<&Seen>) -> Option<AccountId> {
    match seen.map(|seen| seen.to(cell)) {
        Some(Administrator::Other(id)) => Some(id),
        _ => None,
    }
}

/// A member's side as it was seen.
pub(super) fn found(cell: &Cell<'_>, address: &Address, detector: &str, seen: &Seen) -> Found {
    let spec = Membership { administrator: seen.account, enabled: seen.enabled };
    Found {
        address: address.clone(),
        spec: Spec::GuarddutyMembership(Box::new(spec)),
        arn: detector_arn(cell.declared.profiles.partition, cell.target, detector),
        ownership: Ownership::Ours,
    }
}

/// The administrator's side: every member, invited or not; nothing where there is none.
pub(super) async fn read(cell: &Cell<'_>, address: &Address, detector: &str) -> Result<Option<Found>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut members = BTreeMap::new();
    let mut pages = session.pages(region, "guardduty", "ListMembers");
    loop {
        let answer = session
            .call(region, "guardduty", "ListMembers")
            .run(|| {
                let list = session.guardduty().list_members().detector_id(detector).only_associated("false");
                send!(guardduty, region, list.set_next_token(pages.token()))
            })
            .await?;
        for member in answer.members() {
            let account = cell.member("guardduty", "ListMembers", "a member's account", member.account_id())?;
            let standing = Standing::of(member.relationship_status().unwrap_or_default());
            let email = member.email().unwrap_or_default().to_owned();
            members.insert(account.to_owned(), Member { email, standing });
        }
        if !pages.turn(answer.next_token)? {
            break;
        }
    }
    Ok((!members.is_empty()).then(|| Found {
        address: address.clone(),
        spec: Spec::GuarddutyMembers(Box::new(Members { members, ..Members::default() })),
        arn: detector_arn(cell.declared.profiles.partition, cell.target, detector),
        ownership: Ownership::Ours,
    }))
}

/// What has to be done about members, and what came of it.
struct Work<'a> {
    session: &'a Session,
    region: &'a Region,
    detector: &'a str,
    /// By account: why it was not processed.
    unprocessed: BTreeMap<String, String>,
    /// How many accounts were.
    processed: usize,
}

/// Sends one call per chunk of accounts, and notes what was not processed.
macro_rules! in_chunks {
    ($work:ident, $operation:literal, $accounts:expr, |$chunk:ident| $request:expr) => {
        for $chunk in $accounts.chunks(AT_ONCE) {
            let answer = $work
                .session
                .call($work.region, "guardduty", $operation)
                .run(|| send!(guardduty, $work.region, $request))
                .await?;
            $work.note($chunk.len(), answer.unprocessed_accounts());
        }
    };
}

impl Work<'_> {
    fn note(&mut self, sent: usize, unprocessed: &[UnprocessedAccount]) {
        self.processed += sent.saturating_sub(unprocessed.len());
        for account in unprocessed {
            let reason = account.result().unwrap_or("no reason given").to_owned();
            self.unprocessed.insert(account.account_id().unwrap_or_default().to_owned(), reason);
        }
    }

    /// Those whose earlier step went well.
    fn remaining(&self, ids: &[String]) -> Vec<String> {
        ids.iter().filter(|id| !self.unprocessed.contains_key(*id)).cloned().collect()
    }

    async fn delete(&mut self, ids: &[String]) -> Result<(), OpError> {
        in_chunks!(self, "DeleteMembers", ids, |chunk| self
            .session
            .guardduty()
            .delete_members()
            .detector_id(self.detector)
            .set_account_ids(Some(chunk.to_vec())));
        Ok(())
    }

    async fn create(&mut self, ids: &[String], members: &BTreeMap<String, Member>) -> Result<(), OpError> {
        let details: Vec<AccountDetail> = ids
            .iter()
            .filter_map(|id| Some(AccountDetail::builder().account_id(id).email(&members.get(id)?.email).build()))
            .collect();
        in_chunks!(self, "CreateMembers", details, |chunk| self
            .session
            .guardduty()
            .create_members()
            .detector_id(self.detector)
            .set_account_details(Some(chunk.to_vec())));
        Ok(())
    }

    async fn invite(&mut self, ids: &[String]) -> Result<(), OpError> {
        in_chunks!(self, "InviteMembers", ids, |chunk| self
            .session
            .guardduty()
            .invite_members()
            .detector_id(self.detector)
            .disable_email_notification(true)
            .set_account_ids(Some(chunk.to_vec())));
        Ok(())
    }

    async fn start(&mut self, ids: &[String]) -> Result<(), OpError> {
        in_chunks!(self, "StartMonitoringMembers", ids, |chunk| self
            .session
            .guardduty()
            .start_monitoring_members()
            .detector_id(self.detector)
            .set_account_ids(Some(chunk.to_vec())));
        Ok(())
    }
}

impl Write for Members {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let target = &order.address.target;
        let detector = existing_detector(order).await?;
        let seen = |id: &String| seen.and_then(|seen| seen.members.get(id));
        let ids = |wanted: &dyn Fn(&Member, Option<&Member>) -> bool| -> Vec<String> {
            let due = self.members.iter().filter(|(id, member)| Some(*member) != seen(id) && wanted(member, seen(id)));
            due.map(|(id, _)| id.clone()).collect()
        };
        let redone = ids(&|member, seen| seen.is_some_and(|seen| member.is_redone(seen)));
        let made = ids(&|member, seen| seen.is_none_or(|seen| member.is_redone(seen)));
        let invited = ids(&|member, seen| {
            seen.is_none_or(|seen| {
                member.is_redone(seen) || matches!(seen.standing, Standing::Created | Standing::Ended)
            })
        });
        let started = ids(&|_, seen| seen.is_some_and(|seen| seen.standing == Standing::Stopped));
        let mut work = Work {
            session: order.session,
            region: &target.region,
            detector: &detector,
            unprocessed: BTreeMap::new(),
            processed: 0,
        };
        work.delete(&redone).await?;
        let made = work.remaining(&made);
        work.create(&made, &self.members).await?;
        // One account that cannot be a member must not keep the others from being invited: it is still to be done in the
        // next plan, and fails then for its own reason.
        if work.processed == 0 && !work.unprocessed.is_empty() {
            let reasons: Vec<String> = work.unprocessed.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
            return Err(not_processed(order, "CreateMembers", &reasons.join("; ")));
        }
        let invited = work.remaining(&invited);
        work.invite(&invited).await?;
        work.start(&started).await?;
        // An account whose detector is still to be made is invited once it is there, by its own change.
        for (id, reason) in &work.unprocessed {
            tracing::warn!(member = id, region = %target.region, reason, "GuardDuty did not process this account");
        }
        Ok(detector_arn(partition_of(target), target, &detector))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(never_deleted(order, Kind::GuarddutyMembers))
    }
}

impl Write for Membership {
    async fn apply(&self, _seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let target = &order.address.target;
        let (session, region) = (order.session, &target.region);
        let detector = existing_detector(order).await?;
        let administrator = self.administrator.to_string();
        let settling = Settling {
            session,
            region,
            service: "guardduty",
            operation: "ListInvitations",
            state: "not invited yet",
            patience: PATIENCE,
        };
        // It was sent a moment ago, and goes out once the e-mail address is checked.
        let Some(invitation) = settling.watch(|| invitation(session, region, &administrator)).await? else {
            let mut error = order
                .malformed("ListInvitations", &format!("no invitation of {administrator} has come within two minutes"));
            error.hint = Some(format!(
                "GuardDuty checks the account's e-mail address first: run again, and see what the plan says of the \
                 members of {administrator} in {region}"
            ));
            return Err(error);
        };
        session
            .call(region, "guardduty", "AcceptAdministratorInvitation")
            .run(|| {
                let accept = session
                    .guardduty()
                    .accept_administrator_invitation()
                    .detector_id(&detector)
                    .administrator_id(&administrator)
                    .invitation_id(&invitation);
                send!(guardduty, region, accept)
            })
            .await?;
        Ok(detector_arn(partition_of(target), target, &detector))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(never_deleted(order, Kind::GuarddutyMembership))
    }
}

fn not_processed(order: &Order<'_>, operation: &str, reasons: &str) -> OpError {
    let mut error = order.malformed(operation, &format!("GuardDuty did not process {reasons}"));
    error.hint = Some(
        "an account has to have GuardDuty on in this Region and no other administrator, and its `email` in \
         profiles.toml has to be that of its root user"
            .to_owned(),
    );
    error
}

/// Invites one account, whose detector is there by now, unless that was done: "the first step is to ensure that GuardDuty
/// has been enabled in the potential member accounts" (GuardDuty API Reference, `InviteMembers`). `hub` is the way into
/// the administrator's account.
///
/// # Errors
///
/// The account cannot be invited, or its address turns out to be another: then nobody waits for an invitation.
pub async fn invite(membership: &Membership, order: &Order<'_>, hub: &Session, email: &str) -> Result<(), OpError> {
    let target = &order.address.target;
    let (region, account) = (&target.region, target.account.to_string());
    if invitation(order.session, region, &membership.administrator.to_string()).await?.is_some() {
        return Ok(());
    }
    let detector = only_detector(hub, region).await?;
    let detector =
        detector.ok_or_else(|| order.malformed("InviteMembers", "the administrator has no detector in this Region"))?;
    let mut work = Work { session: hub, region, detector: &detector, unprocessed: BTreeMap::new(), processed: 0 };
    let ids = [account.clone()];
    work.invite(&ids).await?;
    if let Some(reason) = work.unprocessed.remove(&account) {
        let standing = standing(hub, region, &detector, &account).await?;
        match standing {
            Some(Standing::Invited | Standing::Stopped) => {}
            None => {
                let member = Member { email: email.to_owned(), standing: Standing::Invited };
                work.create(&ids, &[(account.clone(), member)].into()).await?;
                work.invite(&ids).await?;
                if let Some(reason) = work.unprocessed.remove(&account) {
                    return Err(not_processed(order, "InviteMembers", &format!("{account}: {reason}")));
                }
            }
            Some(_) => return Err(not_processed(order, "InviteMembers", &format!("{account}: {reason}"))),
        }
    }
    match standing(hub, region, &detector, &account).await? {
        Some(Standing::EmailVerificationFailed) => Err(not_processed(
            order,
            "InviteMembers",
            &format!("{account}: {email} is not the e-mail address of its root user"),
        )),
        _ => Ok(()),
    }
}

/// How far an account is as a member, as its administrator sees it; `None` where it is none, or where the role may not ask.
async fn standing(hub: &Session, region: &Region, detector: &str, account: &str) -> Result<Option<Standing>, OpError> {
    let answer = hub
        .call(region, "guardduty", "GetMembers")
        .run(|| send!(guardduty, region, hub.guardduty().get_members().detector_id(detector).account_ids(account)))
        .await;
    let answer = match answer {
        Err(error) if matches!(error.fault, Fault::Denied | Fault::DeniedByScp) => return Ok(None),
        other => other?,
    };
    let member = answer.members().iter().find(|member| member.account_id() == Some(account));
    Ok(member.map(|member| Standing::of(member.relationship_status().unwrap_or_default())))
}

/// The id of an administrator's invitation, if it has come.
async fn invitation(session: &Session, region: &Region, administrator: &str) -> Result<Option<String>, OpError> {
    let mut pages = session.pages(region, "guardduty", "ListInvitations");
    loop {
        let answer = session
            .call(region, "guardduty", "ListInvitations")
            .run(|| send!(guardduty, region, session.guardduty().list_invitations().set_next_token(pages.token())))
            .await?;
        let from = answer.invitations().iter().find(|invitation| invitation.account_id() == Some(administrator));
        if let Some(id) = from.and_then(|invitation| invitation.invitation_id()) {
            return Ok(Some(id.to_owned()));
        }
        if !pages.turn(answer.next_token)? {
            return Ok(None);
        }
    }
}
