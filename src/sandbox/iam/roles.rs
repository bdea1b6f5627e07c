//! Roles: made, read, changed, deleted.

use super::{
    document, find, find_mut, invalid, limit, linked, modifiable, name, no_role, page, policies, required, tags,
};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::{Role, World};

/// Roles per account (IAM User Guide, "IAM and STS quotas"; the default).
const ROLES_PER_ACCOUNT: usize = 1000;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let name = name(call, "RoleName", 64)?;
    let path = check_path(call)?;
    let trust = required(call, "AssumeRolePolicyDocument")?;
    let description = check_description(call)?;
    let max_session = check_session(call)?.unwrap_or(3600);
    if call.text("PermissionsBoundary").is_some() {
        let mut refusal = call.not_simulated();
        refusal.message.push_str(" with PermissionsBoundary");
        return Err(refusal);
    }
    let tags = tags::read(call)?;
    policies::check_trust(world, trust)?;
    let roles = world.accounts.get(&call.account()).map(|account| &account.roles);
    // "Names are not distinguished by case."
    if roles.is_some_and(|roles| roles.keys().any(|taken| taken.eq_ignore_ascii_case(name))) {
        let message = format!("Role with name {name} already exists.");
        return Err(Refusal::new(409, "EntityAlreadyExists", message));
    }
    if roles.is_some_and(|roles| roles.len() >= ROLES_PER_ACCOUNT) {
        return Err(limit(format!("Cannot exceed quota for RolesPerAccount: {ROLES_PER_ACCOUNT}")));
    }
    let arn = Arn::role(world.partition, call.account(), &format!("{}{name}", path.trim_start_matches('/')));
    let role = world.add_role(&arn, trust.to_owned(), max_session).ok_or_else(|| no_role(name))?;
    role.description = description;
    role.tags = tags;
    Ok(vec![document(role, true)])
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    Ok(vec![document(find(world, call)?, true)])
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let prefix = call.text("PathPrefix").unwrap_or("/");
    if !prefix.starts_with('/') {
        return Err(invalid("The specified value for pathPrefix is invalid. It must begin with /."));
    }
    let roles = world.accounts.get(&call.account()).into_iter().flat_map(|account| account.roles.values());
    let found = roles.filter(|role| path(role).starts_with(prefix)).map(|role| document(role, false)).collect();
    page(call, "Roles", found)
}

/// A role that still has policies stays (IAM API Reference, `DeleteRole`).
pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = modifiable(world, call)?;
    let conflict = |message: &str| Err(Refusal::new(409, "DeleteConflict", message));
    if !role.attached.is_empty() {
        return conflict("Cannot delete entity, must detach all policies first.");
    }
    if !role.inline.is_empty() {
        return conflict("Cannot delete entity, must delete policies first.");
    }
    let name = name(call, "RoleName", 64)?;
    if let Some(account) = world.accounts.get_mut(&call.account()) {
        account.roles.remove(name);
    }
    Ok(Vec::new())
}

/// The description of a service-linked role can be edited, and nothing else of it (IAM User Guide, "Edit a
/// service-linked role"). A member that is absent stays.
pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let description = check_description(call)?;
    let max_session = check_session(call)?;
    if let Some(seconds) = max_session {
        modifiable(world, call)?.max_session = seconds;
    }
    let role = find_mut(world, call)?;
    if description.is_some() {
        role.description = description;
    }
    Ok(Vec::new())
}

pub(super) fn update_description(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    required(call, "Description")?;
    let description = check_description(call)?;
    let role = find_mut(world, call)?;
    role.description = description;
    Ok(vec![document(role, true)])
}

/// What stands between `role` and the name in the ARN: `/` or `/team/`.
pub(super) fn path(role: &Role) -> &str {
    let resource = role.arn.resource();
    let path = resource.strip_prefix("role").unwrap_or(resource);
    path.rfind('/').map_or(path, |end| &path[..=end])
}

fn check_path<'a>(call: &'a Call<'_>) -> Result<&'a str, Refusal> {
    let path = call.text("Path").unwrap_or("/");
    let bounded = path == "/" || (path.len() > 2 && path.starts_with('/') && path.ends_with('/'));
    if !bounded || path.len() > 512 || !path.chars().all(|c| ('\u{21}'..='\u{7e}').contains(&c)) {
        return Err(invalid(
            "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
             characters and/or / characters.",
        ));
    }
    if path.starts_with(linked::PATH) {
        let message = format!("The path {} is reserved for service-linked roles.", linked::PATH);
        return Err(Refusal::new(400, "InvalidInput", message));
    }
    Ok(path)
}

/// An empty description is none.
fn check_description(call: &Call<'_>) -> Result<Option<String>, Refusal> {
    let Some(text) = call.text("Description") else { return Ok(None) };
    if text.chars().count() > 1000 {
        return Err(invalid(
            "1 validation error detected: Value at 'description' failed to satisfy constraint: Member must have length \
             less than or equal to 1000",
        ));
    }
    Ok(Some(text.to_owned()))
}

fn check_session(call: &Call<'_>) -> Result<Option<u32>, Refusal> {
    let Some(text) = call.text("MaxSessionDuration") else { return Ok(None) };
    let seconds = text.parse().ok().filter(|seconds| (3600..=43200).contains(seconds)).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value '{text}' at 'maxSessionDuration' failed to satisfy constraint: Member \
             must have value between 3600 and 43200"
        ))
    })?;
    Ok(Some(seconds))
}
