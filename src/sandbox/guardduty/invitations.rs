//! Invitations, and the administrator, as a member sees them.

use serde_json::{Map, Value, json};

use super::{Invitation, Member, Status, members, own, page, rejected, required};
use crate::model::AccountId;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{World, iso};

/// Invitations sent to the caller in this Region, with the account that sent each.
fn received<'a>(world: &'a World, call: &'a Call<'_>) -> impl Iterator<Item = (AccountId, &'a Member, &'a Invitation)> {
    world.guardduty.members.iter().filter_map(|((administrator, place, id), member)| {
        let invitation = member.invitation.as_ref().filter(|_| *id == call.account() && place == call.region)?;
        Some((*administrator, member, invitation))
    })
}

fn document(administrator: AccountId, member: &Member, invitation: &Invitation) -> Value {
    json!({
        "accountId": administrator, "invitationId": invitation.id,
        "relationshipStatus": member.status.name(), "invitedAt": iso(invitation.sent),
    })
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    page(call, "invitations", received(world, call).map(|(from, member, sent)| document(from, member, sent)).collect())
}

/// All "except the currently accepted invitation" (GuardDuty API Reference, `GetInvitationsCount`).
pub(super) fn count(world: &World, call: &Call<'_>) -> Value {
    let open = received(world, call).filter(|(_, member, _)| member.status != Status::Enabled).count();
    json!({ "invitationsCount": open })
}

/// Accepts; `inviter` is the member of the request that names who sent the invitation.
pub(super) fn accept(world: &mut World, call: &Call<'_>, inviter: &str) -> Result<Value, Refusal> {
    own(world, call)?;
    let me = call.account();
    let from = call.text(inviter).ok_or_else(required)?;
    let invitation = call.text("invitationId").ok_or_else(required)?;
    let from: AccountId = from.parse().map_err(|_| super::invalid())?;
    let state = &world.guardduty;
    if state.administrator_of(me, call.region).is_some() {
        return Err(rejected(
            "The request is rejected because the current account cannot accept invitations because it is already a \
             member of an administrator account.",
        ));
    }
    if state.members.keys().any(|(administrator, place, _)| *administrator == me && place == call.region) {
        return Err(rejected(
            "The request is rejected because the current account cannot accept invitations because the account \
             contains created, invited, or associated members.",
        ));
    }
    if state.administrator_of(from, call.region).is_some() {
        return Err(rejected(
            "The request is rejected because the current account cannot accept an invitation from the given account \
             ID because the latter is a member of another administrator account.",
        ));
    }
    let member = world.guardduty.members.get_mut(&(from, call.region.clone(), me)).filter(|member| {
        let sent = member.invitation.as_ref().is_some_and(|sent| sent.id == invitation);
        sent && member.status == Status::Invited
    });
    let member = member.ok_or_else(|| rejected(none_pending()))?;
    (member.status, member.updated) = (Status::Enabled, call.now);
    Ok(json!({}))
}

fn none_pending() -> String {
    "The request is rejected because the current account has no pending invitation from the given administrator \
     account ID or is already a member of another administrator account."
        .to_owned()
}

pub(super) fn decline(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(members::each(members::accounts(call)?, |from| {
        let member = world.guardduty.members.get_mut(&(from, call.region.clone(), call.account()));
        let member = member.filter(|member| member.status == Status::Invited).ok_or_else(none_pending)?;
        (member.status, member.updated) = (Status::Resigned, call.now);
        Ok(())
    }))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    Ok(members::each(members::accounts(call)?, |from| {
        let member = world.guardduty.members.get_mut(&(from, call.region.clone(), call.account()));
        let over = |member: &&mut Member| matches!(member.status, Status::Resigned | Status::Removed);
        let member = member.filter(over).ok_or(
            "The request is rejected because the current account cannot delete the invitation from the given \
             administrator account ID since it is still associated to it or has not declined their invitation yet.",
        )?;
        member.invitation = None;
        Ok(())
    }))
}

/// The administrator, under the name that the operation gives it; an account without one gets no content.
pub(super) fn administrator(world: &World, call: &Call<'_>, name: &str) -> Result<Value, Refusal> {
    own(world, call)?;
    let mut out = Map::new();
    if let Some(((administrator, _, _), member)) = world.guardduty.administration(call.account(), call.region)
        && let Some(invitation) = &member.invitation
    {
        out.insert(name.to_owned(), document(*administrator, member, invitation));
    }
    Ok(Value::Object(out))
}

pub(super) fn leave(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let administrator = world.guardduty.administrator_of(call.account(), call.region);
    let key = administrator.map(|administrator| (administrator, call.region.clone(), call.account()));
    let member = key.and_then(|key| world.guardduty.members.get_mut(&key)).ok_or_else(|| {
        rejected("The request is rejected because the current account is not associated with an administrator account.")
    })?;
    (member.status, member.updated) = (Status::Resigned, call.now);
    Ok(json!({}))
}
