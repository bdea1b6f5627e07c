//! Tags of roles.

use std::collections::BTreeMap;

use super::{find, find_mut, limit, page};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Node, Refusal};
use crate::sandbox::world::{Role, World};

const TAGS_PER_ROLE: usize = 50;

pub(super) fn tag(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let tags = read(call)?;
    let role = find_mut(world, call)?;
    let mut all = role.tags.clone();
    // A key that differs in case alone is the same key, and takes the new spelling.
    all.retain(|key, _| !tags.keys().any(|new| new.eq_ignore_ascii_case(key)));
    all.extend(tags);
    quota(&all)?;
    role.tags = all;
    Ok(Vec::new())
}

pub(super) fn untag(world: &mut World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    let role = find_mut(world, call)?;
    for n in 1.. {
        let Some(key) = call.text(&format!("TagKeys.member.{n}")) else { break };
        role.tags.retain(|tag, _| !tag.eq_ignore_ascii_case(key));
    }
    Ok(Vec::new())
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Vec<Node>, Refusal> {
    page(call, "Tags", members(find(world, call)?))
}

/// The tags as answers carry them, "sorted by tag key".
pub(super) fn members(role: &Role) -> Vec<Node> {
    let member = |(key, value): (&String, &String)| {
        Node::new("member").with(Node::text("Key", key)).with(Node::text("Value", value))
    };
    role.tags.iter().map(member).collect()
}

/// Reads `Tags.member.N.Key` and `.Value`; keys are unique, their case aside, and never `aws:…`.
pub(super) fn read(call: &Call<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let invalid = |message: String| Refusal::new(400, "InvalidInput", message);
    let mut tags: BTreeMap<String, String> = BTreeMap::new();
    for n in 1.. {
        let Some(key) = call.text(&format!("Tags.member.{n}.Key")) else { break };
        let value = call.text(&format!("Tags.member.{n}.Value")).unwrap_or_default();
        if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 {
            return Err(super::invalid(format!("The tag {key} is not valid.")));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(invalid("Tag keys starting with aws: are reserved for system use.".to_owned()));
        }
        if tags.keys().any(|other| other.eq_ignore_ascii_case(key)) {
            let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(invalid(message.to_owned()));
        }
        tags.insert(key.to_owned(), value.to_owned());
    }
    quota(&tags)?;
    Ok(tags)
}

fn quota(tags: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if tags.len() > TAGS_PER_ROLE {
        return Err(limit(format!("Cannot exceed quota for TagsPerRole: {TAGS_PER_ROLE}")));
    }
    Ok(())
}
