//! Managed policies of an account, and roles' permissions boundaries.

use super::{find, modifiable, policies, required};
use crate::model::Arn;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::World;

/// What of AWS's own policies is known here: those whose text their name says.
fn of_aws(world: &World, arn: &str) -> Option<String> {
    let name = arn.strip_prefix(&format!("arn:{}:iam::aws:policy/", world.partition))?;
    let action = match name {
        "AdministratorAccess" => "*",
        "AmazonS3FullAccess" => "s3:*",
        _ => return None,
    };
    let statement = serde_json::json!({ "Effect": "Allow", "Action": action, "Resource": "*" });
    Some(serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string())
}

fn text(world: &World, call: &Call<'_>, arn: &str) -> Result<String, Refusal> {
    let own = world.accounts.get(&call.account()).and_then(|account| account.policies.get(arn)).cloned();
    own.or_else(|| of_aws(world, arn))
        .ok_or_else(|| Refusal::new(404, "NoSuchEntity", format!("Policy {arn} does not exist or is not attachable.")))
}

fn shown(arn: &str) -> Node {
    let name = arn.rsplit('/').next().unwrap_or(arn);
    Node::new("Policy")
        .with(Node::text("PolicyName", name))
        .with(Node::text("Arn", arn))
        .with(Node::text("DefaultVersionId", "v1"))
        .with(Node::text("IsAttachable", "true"))
}

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let name = super::name(call, "PolicyName", 128)?;
    let document = required(call, "PolicyDocument")?;
    policies::parse(document)?;
    let arn = Arn::new(world.partition, "iam", None, Some(call.account()), format!("policy/{name}")).to_string();
    let Some(account) = world.accounts.get_mut(&call.account()) else { return Err(super::no_role(name)) };
    if account.policies.contains_key(&arn) {
        let message = format!("A policy called {name} already exists. Duplicate names are not allowed.");
        return Err(Refusal::new(409, "EntityAlreadyExists", message));
    }
    account.policies.insert(arn.clone(), document.to_owned());
    Ok(vec![shown(&arn)])
}

pub(super) fn get(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let arn = required(call, "PolicyArn")?;
    text(world, call, arn).map(|_| vec![shown(arn)])
}

pub(super) fn get_version(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let (arn, version) = (required(call, "PolicyArn")?, required(call, "VersionId")?);
    let text = text(world, call, arn)?;
    if version != "v1" {
        return Err(Refusal::new(404, "NoSuchEntity", format!("Policy {arn} version {version} does not exist.")));
    }
    Ok(vec![
        Node::new("PolicyVersion")
            .with(Node::text("Document", policies::encode(&text)))
            .with(Node::text("VersionId", version))
            .with(Node::text("IsDefaultVersion", "true")),
    ])
}

pub(super) fn put(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    find(world, call)?;
    let arn = required(call, "PermissionsBoundary")?;
    let text = text(world, call, arn)?;
    modifiable(world, call)?.boundary = Some((arn.to_owned(), text));
    Ok(Vec::new())
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = modifiable(world, call)?;
    if role.boundary.take().is_none() {
        let name = role.arn.role_name().unwrap_or_default();
        return Err(Refusal::new(404, "NoSuchEntity", format!("Role {name} does not have a permission boundary")));
    }
    Ok(Vec::new())
}

/// A role's boundary as answers carry it.
pub(super) fn node(arn: &str) -> Node {
    Node::new("PermissionsBoundary")
        .with(Node::text("PermissionsBoundaryType", "Policy"))
        .with(Node::text("PermissionsBoundaryArn", arn))
}
