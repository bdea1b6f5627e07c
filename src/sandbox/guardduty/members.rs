//! Members, as their administrator sees them.

use serde_json::{Value, json};

use super::{Invitation, Member, Status, invalid, own, page, required};
use crate::model::AccountId;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Refusal;
use crate::sandbox::world::{World, iso};

/// Accounts in one call (GuardDuty API Reference, `CreateMembers` and its kin).
const MOST: usize = 50;

const NOT_A_MEMBER: &str = "The request is rejected because the given account ID is not an associated member of \
                            account the current account.";

/// A list of the request, of 1 to 50 items.
fn items<'a>(call: &'a Call<'_>, member: &str) -> Result<&'a [Value], Refusal> {
    let items = call.input.get(member).and_then(Value::as_array).ok_or_else(required)?;
    if items.is_empty() || items.len() > MOST { Err(invalid()) } else { Ok(items) }
}

/// The accounts that the request names.
pub(super) fn accounts(call: &Call<'_>) -> Result<Vec<AccountId>, Refusal> {
    items(call, "accountIds")?.iter().map(account).collect()
}

fn account(item: &Value) -> Result<AccountId, Refusal> {
    item.as_str().and_then(|id| id.parse().ok()).ok_or_else(invalid)
}

/// Does something to each account; those that cannot be processed are answered with the reason, inside HTTP 200.
pub(super) fn each(accounts: Vec<AccountId>, mut act: impl FnMut(AccountId) -> Result<(), String>) -> Value {
    let refused = accounts.into_iter().filter_map(|account| {
        let reason = act(account).err()?;
        Some(json!({ "accountId": account, "result": reason }))
    });
    json!({ "unprocessedAccounts": refused.collect::<Vec<Value>>() })
}

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let mut details = Vec::new();
    for item in items(call, "accountDetails")? {
        let id = account(item.get("accountId").ok_or_else(required)?)?;
        let email = item.get("email").and_then(Value::as_str).ok_or_else(required)?;
        if !(6..=64).contains(&email.len()) || !email.is_ascii() || email.matches('@').count() != 1 {
            return Err(invalid());
        }
        details.push((id, email.to_owned()));
    }
    let me = call.account();
    let is_member = world.guardduty.administrator_of(me, call.region).is_some();
    let emails = details.clone();
    Ok(each(details.into_iter().map(|(id, _)| id).collect(), |id| {
        if is_member {
            return Err("The request is rejected because the current account cannot create members because it is \
                        already a member of another administrator account."
                .to_owned());
        }
        if id == me {
            return Err("The request is rejected because an account cannot become a member of itself.".to_owned());
        }
        let key = (me, call.region.clone(), id);
        if world.guardduty.members.contains_key(&key) {
            return Err("The request is rejected because the given account ID is already a member or associated \
                        member of the current account."
                .to_owned());
        }
        let email = emails.iter().find(|(other, _)| *other == id).map(|(_, email)| email.clone()).unwrap_or_default();
        let member = Member { email, status: Status::Created, invitation: None, updated: call.now };
        world.guardduty.members.insert(key, member);
        Ok(())
    }))
}

pub(super) fn invite(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let me = call.account();
    let is_member = world.guardduty.administrator_of(me, call.region).is_some();
    Ok(each(accounts(call)?, |id| {
        if is_member {
            return Err("The request is rejected because the current account cannot invite other accounts because it \
                        is already a member of another administrator account."
                .to_owned());
        }
        if id == me {
            return Err("The request is rejected because the current account cannot invite itself.".to_owned());
        }
        let has_detector = world.guardduty.detectors.contains_key(&(id, call.region.clone()));
        let invitation = Invitation { id: world.ids.uuid().replace('-', ""), sent: call.now };
        let root = world.accounts.get(&id).map(|account| account.email.clone());
        let Some(member) = world.guardduty.members.get_mut(&(me, call.region.clone(), id)) else {
            return Err("The request is rejected because the member account's email address is missing.".to_owned());
        };
        // "The first step is to ensure that GuardDuty has been enabled in the potential member accounts" (GuardDuty API
        // Reference, `InviteMembers`); its words are not known.
        if !has_detector {
            return Err(
                "The request is rejected because GuardDuty is not enabled in the given member account.".to_owned()
            );
        }
        match member.status {
            Status::Created | Status::Removed | Status::Resigned => {}
            // A wrong address stays wrong until the member is deleted and made again.
            Status::Invited | Status::Enabled | Status::EmailVerificationFailed => {
                return Err("The request is rejected because the current account has already invited or is already \
                            the GuardDuty administrator of the given member account ID."
                    .to_owned());
            }
        }
        // An account that does not exist has no address; one whose address nobody told takes any.
        let right = root.is_some_and(|root| root.is_none_or(|root| root.eq_ignore_ascii_case(&member.email)));
        (member.status, member.invitation) =
            if right { (Status::Invited, Some(invitation)) } else { (Status::EmailVerificationFailed, None) };
        member.updated = call.now;
        Ok(())
    }))
}

fn document(world: &World, call: &Call<'_>, id: AccountId, member: &Member) -> Value {
    let mut out = json!({
        "accountId": id, "masterId": call.account(), "administratorId": call.account(), "email": member.email,
        "relationshipStatus": member.status.name(), "updatedAt": iso(member.updated),
    });
    if member.status == Status::Enabled
        && let Some(detector) = world.guardduty.detectors.get(&(id, call.region.clone()))
    {
        out["detectorId"] = json!(detector.id);
    }
    if let Some(invitation) = &member.invitation {
        out["invitedAt"] = json!(iso(invitation.sent));
    }
    out
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    let mut found = Vec::new();
    let mut out = each(accounts(call)?, |id| {
        let member = world.guardduty.members.get(&(call.account(), call.region.clone(), id));
        found.push(document(world, call, id, member.ok_or(NOT_A_MEMBER)?));
        Ok(())
    });
    out["members"] = Value::Array(found);
    Ok(out)
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    // "The default value is TRUE" (GuardDuty API Reference of 2018, ListMembers).
    let associated = match call.http.parameter("onlyAssociated").map(str::to_ascii_lowercase).as_deref() {
        None | Some("true") => true,
        Some("false") => false,
        Some(_) => return Err(invalid()),
    };
    let mine = world.guardduty.members.iter().filter(|((administrator, place, _), member)| {
        *administrator == call.account() && place == call.region && (!associated || member.status == Status::Enabled)
    });
    page(call, "members", mine.map(|((_, _, id), member)| document(world, call, *id, member)).collect())
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    Ok(each(accounts(call)?, |id| {
        let key = (call.account(), call.region.clone(), id);
        match world.guardduty.members.get(&key).map(|member| member.status) {
            None => Err(NOT_A_MEMBER.to_owned()),
            Some(Status::Enabled) => Err("The request is rejected because the current account cannot delete the \
                                          given member account ID since it is still associated to it."
                .to_owned()),
            Some(_) => {
                world.guardduty.members.remove(&key);
                Ok(())
            }
        }
    }))
}

pub(super) fn disassociate(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    Ok(each(accounts(call)?, |id| {
        let member = world.guardduty.members.get_mut(&(call.account(), call.region.clone(), id));
        let member = member.filter(|member| matches!(member.status, Status::Enabled | Status::Invited));
        let member = member.ok_or(NOT_A_MEMBER)?;
        (member.status, member.updated) = (Status::Removed, call.now);
        Ok(())
    }))
}
