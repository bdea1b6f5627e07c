//! IAM (API version 2010-05-08): roles with their trust, their policies and their tags.
//!
//! One state per account, reached in the partition's global Region only. The roles that the chain is walked with are
//! the same roles.

mod boundaries;
pub(super) mod linked;
mod policies;
mod roles;
mod tags;

use super::dispatch::{Call, Service};
use super::wire::{Answer, Node, Protocol, Refusal};
use super::world::{Role, World, iso};
use crate::model::Arn;

/// The service's line.
pub(super) const SERVICE: Service = Service {
    name: "iam",
    protocol: Protocol::Query("https://iam.amazonaws.com/doc/2010-05-08/"),
    route: None,
    resource,
    handle,
};

/// IAM names a role that it would have to look up as `role NAME`, and anything else by its ARN.
fn resource(world: &World, call: &Call<'_>) -> String {
    let arn = |resource: String| Arn::new(world.partition, "iam", None, Some(call.account()), resource).to_string();
    match (call.operation, call.text("RoleName")) {
        ("CreateRole", Some(name)) => arn(format!("role{}{name}", call.text("Path").unwrap_or("/"))),
        ("ListRoles", _) => arn(format!("role{}", call.text("PathPrefix").unwrap_or("/"))),
        ("CreateServiceLinkedRole", _) => {
            let service = call.text("AWSServiceName").unwrap_or_default();
            linked::arn(world, call.account(), service)
                .map_or_else(|| arn(format!("role/aws-service-role/{service}/*")), |arn| arn.to_string())
        }
        (_, Some(name)) => format!("role {name}"),
        ("GetPolicy" | "GetPolicyVersion", _) => call.text("PolicyArn").unwrap_or("*").to_owned(),
        _ => "*".to_owned(),
    }
}

fn handle(world: &mut World, call: &Call<'_>) -> Result<Answer, Refusal> {
    if *call.region != world.partition.global_region() {
        let message = format!("Credential should be scoped to a valid region, not '{}'. ", call.region);
        return Err(Refusal::new(403, "SignatureDoesNotMatch", message));
    }
    let members = match call.operation {
        "CreateRole" => roles::create(world, call),
        "GetRole" => roles::get(world, call),
        "ListRoles" => roles::list(world, call),
        "DeleteRole" => roles::delete(world, call),
        "UpdateRole" => roles::update(world, call),
        "UpdateRoleDescription" => roles::update_description(world, call),
        "UpdateAssumeRolePolicy" => policies::put_trust(world, call),
        "PutRolePolicy" => policies::put(world, call),
        "GetRolePolicy" => policies::get(world, call),
        "ListRolePolicies" => policies::list(world, call),
        "DeleteRolePolicy" => policies::delete(world, call),
        "AttachRolePolicy" => policies::attach(world, call),
        "DetachRolePolicy" => policies::detach(world, call),
        "ListAttachedRolePolicies" => policies::list_attached(world, call),
        "CreatePolicy" => boundaries::create(world, call),
        "GetPolicy" => boundaries::get(world, call),
        "GetPolicyVersion" => boundaries::get_version(world, call),
        "PutRolePermissionsBoundary" => boundaries::put(world, call),
        "DeleteRolePermissionsBoundary" => boundaries::delete(world, call),
        "TagRole" => tags::tag(world, call),
        "UntagRole" => tags::untag(world, call),
        "ListRoleTags" => tags::list(world, call),
        "CreateServiceLinkedRole" => linked::create(world, call),
        _ => Err(call.not_simulated()),
    };
    members.map(Answer::Xml)
}

/// The role that the request names.
fn find<'a>(world: &'a World, call: &Call<'_>) -> Result<&'a Role, Refusal> {
    let name = name(call, "RoleName", 64)?;
    let account = world.accounts.get(&call.account());
    account.and_then(|account| account.roles.get(name)).ok_or_else(|| no_role(name))
}

/// The role that the request names, to be changed.
fn find_mut<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut Role, Refusal> {
    let name = name(call, "RoleName", 64)?;
    let account = world.accounts.get_mut(&call.account());
    account.and_then(|account| account.roles.get_mut(name)).ok_or_else(|| no_role(name))
}

/// The role that the request names, to be changed, unless only its service may.
fn modifiable<'a>(world: &'a mut World, call: &Call<'_>) -> Result<&'a mut Role, Refusal> {
    let role = find_mut(world, call)?;
    if linked::is_linked(role) {
        let name = role.arn.role_name().unwrap_or_default();
        let message = format!(
            "Cannot perform the operation on the protected role '{name}' - this role is only modifiable by AWS"
        );
        return Err(Refusal::new(400, "UnmodifiableEntity", message));
    }
    Ok(role)
}

fn no_role(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The role with name {name} cannot be found."))
}

/// A role as answers carry it; `tagged` for the operations that tell tags too ("IAM resource-listing operations return
/// a subset of the available attributes", IAM API Reference, `ListRoles`).
fn document(role: &Role, tagged: bool) -> Node {
    let name = role.arn.role_name().unwrap_or_default();
    let mut node = Node::new(if tagged { "Role" } else { "member" })
        .with(Node::text("Path", roles::path(role)))
        .with(Node::text("RoleName", name))
        .with(Node::text("RoleId", &role.id))
        .with(Node::text("Arn", role.arn.to_string()))
        .with(Node::text("CreateDate", iso(role.created.floor())))
        .with(Node::text("AssumeRolePolicyDocument", policies::encode(&role.trust)))
        .with(Node::text("MaxSessionDuration", role.max_session.to_string()));
    if let Some(description) = &role.description {
        node = node.with(Node::text("Description", description));
    }
    if let Some((arn, _)) = role.boundary.as_ref().filter(|_| tagged) {
        node = node.with(boundaries::node(arn));
    }
    if tagged && !role.tags.is_empty() {
        node = node.with(Node::new("Tags").with_all(tags::members(role)));
    }
    node
}

/// One page of a list: `Marker` says where it starts, `MaxItems` how long it is.
fn page(call: &Call<'_>, list: &str, items: Vec<Node>) -> Result<Vec<Node>, Refusal> {
    let start: usize = match call.text("Marker") {
        None => 0,
        Some(marker) => marker.parse().map_err(|_| invalid(format!("Invalid Marker: {marker}")))?,
    };
    let limit = match call.text("MaxItems") {
        None => 100,
        Some(text) => text.parse().ok().filter(|limit| (1..=1000).contains(limit)).ok_or_else(|| {
            invalid(format!(
                "1 validation error detected: Value '{text}' at 'maxItems' failed to satisfy constraint: Member must \
                 have value between 1 and 1000"
            ))
        })?,
    };
    let end = start.saturating_add(limit).min(items.len());
    let more = end < items.len();
    let shown = items.into_iter().skip(start).take(limit);
    let mut members =
        vec![Node::new(list).with_all(shown), Node::text("IsTruncated", if more { "true" } else { "false" })];
    if more {
        members.push(Node::text("Marker", end.to_string()));
    }
    Ok(members)
}

/// A member of the request that has to be there.
fn required<'a>(call: &'a Call<'_>, member: &str) -> Result<&'a str, Refusal> {
    call.text(member).ok_or_else(|| {
        invalid(format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            spelt(member)
        ))
    })
}

/// The name of a role or of a policy: letters, digits and `+=,.@_-` (IAM User Guide, "IAM and STS quotas").
fn name<'a>(call: &'a Call<'_>, member: &str, most: usize) -> Result<&'a str, Refusal> {
    let name = required(call, member)?;
    let member = spelt(member);
    let length = name.chars().count();
    if length == 0 || length > most {
        let bound =
            if length == 0 { "greater than or equal to 1".to_owned() } else { format!("less than or equal to {most}") };
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at '{member}' failed to satisfy constraint: Member must have \
             length {bound}"
        )));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c)) {
        return Err(invalid(format!(
            "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the \
             following: +=,.@_-"
        )));
    }
    Ok(name)
}

/// A member's name as validation errors spell it.
fn spelt(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "ValidationError", message)
}

fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new(409, "LimitExceeded", message)
}
