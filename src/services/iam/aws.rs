//! Reading and writing roles. IAM is one for all Regions: the client goes to the partition's global Region by itself.

use aws_sdk_iam as iam;
use iam::types::{Role as SdkRole, Tag};
use percent_encoding::percent_decode_str;

use super::boundary::shut_out;
use super::document::Document;
use super::spec::{CONFIG_SERVICE, PATH, Role, ServiceLinkedRole, config_role};
use crate::aws::{Session, found};
use crate::model::{Address, Arn, ArnError, Fault, OpError, Partition, Region};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::{Found, Kind, Note, Ownership, Reading, Spec, Tags, Undelivered, is_ours};

/// The operations that reading takes.
pub const READS: &[&str] = &[
    "GetPolicy",
    "GetPolicyVersion",
    "GetRole",
    "GetRolePolicy",
    "ListAttachedRolePolicies",
    "ListRolePolicies",
    "ListRoles",
];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "CreateRole",
    "CreateServiceLinkedRole",
    "DeleteRole",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
    "TagRole",
    "UpdateAssumeRolePolicy",
];

/// What IAM answers where there is no such role or policy.
const ABSENT: &[&str] = &["NoSuchEntity"];

/// Reads the roles that are declared, and those that this tool once made.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = Reading::default();
    if let Some(address) = config_role(cell.declared, cell.target.account)
        && let Some(arn) = linked_role(cell.session, &cell.target.region).await?
    {
        reading.found.push(Found {
            address,
            spec: Spec::IamServiceLinkedRole(Box::new(ServiceLinkedRole { service: CONFIG_SERVICE.to_owned() })),
            arn: arn.parse().map_err(|e: ArnError| cell.malformed("iam", "ListRoles", &e.to_string()))?,
            ownership: Ownership::Ours,
        });
    }
    let Some(events) = &cell.declared.baseline.events else { return Ok(reading) };
    let mut names: Vec<String> =
        roles_below(cell.session, &cell.target.region, PATH).await?.into_iter().map(|role| role.role_name).collect();
    if !names.contains(&events.role_name) {
        // One of that name may be anywhere: a name is taken whatever its path.
        names.push(events.role_name.clone());
    }
    for name in names {
        let Some(role) = role(cell, &name).await? else { continue };
        if name == events.role_name {
            check_boundary(cell, &role, &mut reading).await?;
        }
        if role.ownership == Ownership::Ours || name == events.role_name {
            reading.found.push(role);
        }
    }
    Ok(reading)
}

/// Says in the reading whether the forwarding role's permissions boundary, which is somebody's, lets it forward.
async fn check_boundary(cell: &Cell<'_>, found: &Found, reading: &mut Reading) -> Result<(), OpError> {
    let Spec::IamRole(role) = &found.spec else { return Ok(()) };
    let Some(boundary) = &role.permissions_boundary else { return Ok(()) };
    let wanted = super::desire(cell.declared, cell.place).into_iter().find_map(|desired| match desired.spec {
        Spec::IamRole(wanted) if desired.address == found.address => Some(wanted),
        _ => None,
    });
    let Some(wanted) = wanted else { return Ok(()) };
    let document = match managed_policy(cell, boundary).await {
        Ok(document) => document,
        Err(error) if error.fault == Fault::Denied => {
            reading.notes.push(Note {
                target: cell.target.clone(),
                topic: "permissions-boundary".to_owned(),
                text: format!(
                    "whether the permissions boundary {boundary} lets role {} forward events was not looked at: \
                     iam:{} is denied",
                    found.address.name, error.operation
                ),
            });
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let shut = match &document {
        Some(Document::Known(policy)) => shut_out(policy, &wanted, &found.address)
            .map(|bus| format!("does not let it call events:PutEvents on {bus}")),
        Some(Document::Other(_)) => Some("cannot be read".to_owned()),
        None => Some("does not exist, so that it lets it do nothing".to_owned()),
    };
    if let Some(why) = shut {
        reading.undelivered.push(Undelivered {
            address: found.address.clone(),
            reason: format!(
                "the role has the permissions boundary {boundary}, which {why}: no event is forwarded there"
            ),
            hint:
                "let the boundary allow events:PutEvents on the security account's buses, or take it off the role: aws \
                   iam delete-role-permissions-boundary --role-name "
                    .to_owned()
                    + &found.address.name,
        });
    }
    Ok(())
}

/// The document of a managed policy, in the version that counts; `None` where there is none.
async fn managed_policy(cell: &Cell<'_>, arn: &str) -> Result<Option<Document>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer =
        session.call(region, "iam", "GetPolicy").run(|| session.iam().get_policy().policy_arn(arn).send()).await;
    let policy = found(answer, ABSENT)?.and_then(|answer| answer.policy);
    let Some(version) = policy.and_then(|policy| policy.default_version_id) else { return Ok(None) };
    let answer = session
        .call(region, "iam", "GetPolicyVersion")
        .run(|| session.iam().get_policy_version().policy_arn(arn).version_id(&version).send())
        .await;
    let version = found(answer, ABSENT)?.and_then(|answer| answer.policy_version);
    Ok(version.and_then(|version| version.document).map(|text| document(&text)))
}

/// Every role below a path.
async fn roles_below(session: &Session, region: &Region, path: &str) -> Result<Vec<SdkRole>, OpError> {
    let mut roles = Vec::new();
    let mut pages = session.pages(region, "iam", "ListRoles");
    loop {
        let page = session
            .call(region, "iam", "ListRoles")
            .run(|| session.iam().list_roles().path_prefix(path).set_marker(pages.token()).send())
            .await?;
        roles.extend(page.roles);
        if !pages.turn_if(page.is_truncated, page.marker)? {
            return Ok(roles);
        }
    }
}

/// The ARN of the service-linked role of AWS Config, by its path: what AWS calls it is nothing to rely on.
async fn linked_role(session: &Session, region: &Region) -> Result<Option<String>, OpError> {
    let path = format!("/aws-service-role/{CONFIG_SERVICE}/");
    Ok(roles_below(session, region, &path).await?.into_iter().next().map(|role| role.arn))
}

async fn role(cell: &Cell<'_>, name: &str) -> Result<Option<Found>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session.call(region, "iam", "GetRole").run(|| session.iam().get_role().role_name(name).send()).await;
    let Some(role) = found(answer, ABSENT)?.and_then(|answer| answer.role) else { return Ok(None) };
    let tags: Tags = role.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
    let mut spec = Role {
        trust: document(role.assume_role_policy_document().unwrap_or_default()),
        inline_policies: Default::default(),
        attached_policies: attached(cell, name).await?,
        permissions_boundary: role
            .permissions_boundary()
            .and_then(|boundary| boundary.permissions_boundary_arn())
            .map(str::to_owned),
        tags,
    };
    for policy in inline(cell, name).await? {
        let answer = session
            .call(region, "iam", "GetRolePolicy")
            .run(|| session.iam().get_role_policy().role_name(name).policy_name(&policy).send())
            .await;
        if let Some(answer) = found(answer, ABSENT)? {
            spec.inline_policies.insert(policy, document(&answer.policy_document));
        }
    }
    Ok(Some(Found {
        address: Address::new(cell.target.clone(), Kind::IamRole, name),
        ownership: if is_ours(&spec.tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::IamRole(Box::new(spec)),
        arn: role.arn.parse().map_err(|e: ArnError| cell.malformed("iam", "GetRole", &e.to_string()))?,
    }))
}

/// IAM's answers carry documents in URL encoding (IAM API Reference, `GetRolePolicy`).
fn document(encoded: &str) -> Document {
    Document::seen(&percent_decode_str(encoded).decode_utf8_lossy())
}

async fn inline(cell: &Cell<'_>, name: &str) -> Result<Vec<String>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut names = Vec::new();
    let mut pages = session.pages(region, "iam", "ListRolePolicies");
    loop {
        let page = session
            .call(region, "iam", "ListRolePolicies")
            .run(|| session.iam().list_role_policies().role_name(name).set_marker(pages.token()).send())
            .await?;
        names.extend(page.policy_names);
        if !pages.turn_if(page.is_truncated, page.marker)? {
            return Ok(names);
        }
    }
}

async fn attached(cell: &Cell<'_>, name: &str) -> Result<Vec<String>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut arns = Vec::new();
    let mut pages = session.pages(region, "iam", "ListAttachedRolePolicies");
    loop {
        let page = session
            .call(region, "iam", "ListAttachedRolePolicies")
            .run(|| session.iam().list_attached_role_policies().role_name(name).set_marker(pages.token()).send())
            .await?;
        for policy in page.attached_policies() {
            arns.push(
                cell.member("iam", "ListAttachedRolePolicies", "a policy's ARN", policy.policy_arn())?.to_owned(),
            );
        }
        if !pages.turn_if(page.is_truncated, page.marker)? {
            arns.sort();
            return Ok(arns);
        }
    }
}

impl Write for ServiceLinkedRole {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        if seen.is_some() {
            return Ok(order.existing()?.clone());
        }
        let (session, region) = (order.session, &order.address.target.region);
        let answer = session
            .call(region, "iam", "CreateServiceLinkedRole")
            .run(|| session.iam().create_service_linked_role().aws_service_name(&self.service).send())
            .await;
        let arn = match answer {
            Ok(answer) => answer.role.map(|role| role.arn),
            // Somebody else, or AWS Config itself, was faster: whether it is there tells more than the words do ("has been
            // taken in this account, please try a different suffix").
            Err(error) if error.has_code(&["InvalidInput", "EntityAlreadyExists"]) => {
                match linked_role(session, region).await? {
                    Some(arn) => Some(arn),
                    None => return Err(error),
                }
            }
            Err(error) => return Err(error),
        };
        let arn = arn.unwrap_or_default();
        arn.parse().map_err(|e: ArnError| order.malformed("CreateServiceLinkedRole", &e.to_string()))
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteServiceLinkedRole", "a service-linked role is never deleted"))
    }
}

impl Write for Role {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let arn = match seen {
            None => self.create(order).await?,
            Some(seen) => {
                self.update(seen, order).await?;
                order.existing()?.clone()
            }
        };
        let none = Default::default();
        let held = seen.map_or(&none, |seen| &seen.inline_policies);
        // What it needs before what it must not have: at no time is it allowed less than it needs.
        for (policy, document) in
            self.inline_policies.iter().filter(|(name, document)| held.get(*name) != Some(document))
        {
            let session = order.session;
            session
                .call(&order.address.target.region, "iam", "PutRolePolicy")
                .run(|| {
                    let put = session.iam().put_role_policy().role_name(&order.address.name).policy_name(policy);
                    put.policy_document(document.to_json()).send()
                })
                .await?;
        }
        for policy in held.keys().filter(|name| !self.inline_policies.contains_key(*name)) {
            delete_inline(policy, order).await?;
        }
        for policy in seen.iter().flat_map(|seen| &seen.attached_policies) {
            if !self.attached_policies.contains(policy) {
                detach(policy, order).await?;
            }
        }
        Ok(arn)
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        let session = order.session;
        order.existing()?;
        for policy in self.inline_policies.keys() {
            delete_inline(policy, order).await?;
        }
        for policy in &self.attached_policies {
            detach(policy, order).await?;
        }
        let answer = session
            .call(&order.address.target.region, "iam", "DeleteRole")
            .run(|| session.iam().delete_role().role_name(&order.address.name).send())
            .await;
        found(answer, ABSENT).map(|_| ())
    }
}

impl Role {
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let session = order.session;
        let tags = sdk_tags(self.tags.iter(), order)?;
        let answer = session
            .call(&order.address.target.region, "iam", "CreateRole")
            .run_or_done(is_there, || {
                session
                    .iam()
                    .create_role()
                    .path(PATH)
                    .role_name(&order.address.name)
                    .description("EventBridge forwards events to the security account with it.")
                    .assume_role_policy_document(self.trust.to_json())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        let Some(answer) = answer else {
            let (target, name) = (&order.address.target, &order.address.name);
            let partition = Partition::of_region(&target.region).unwrap_or_default();
            return Ok(Arn::role(partition, target.account, &format!("{}{name}", PATH.trim_start_matches('/'))));
        };
        let arn = answer.role.map(|role| role.arn).unwrap_or_default();
        arn.parse().map_err(|e: ArnError| order.malformed("CreateRole", &e.to_string()))
    }

    async fn update(&self, seen: &Role, order: &Order<'_>) -> Result<(), OpError> {
        let (session, region, name) = (order.session, &order.address.target.region, &order.address.name);
        if self.trust != seen.trust {
            session
                .call(region, "iam", "UpdateAssumeRolePolicy")
                .run(|| {
                    let update = session.iam().update_assume_role_policy().role_name(name);
                    update.policy_document(self.trust.to_json()).send()
                })
                .await?;
        }
        let changed = sdk_tags(self.tags.iter().filter(|(key, value)| seen.tags.get(*key) != Some(*value)), order)?;
        if !changed.is_empty() {
            session
                .call(region, "iam", "TagRole")
                .run(|| session.iam().tag_role().role_name(name).set_tags(Some(changed.clone())).send())
                .await?;
        }
        Ok(())
    }
}

fn is_there(error: &OpError) -> bool {
    error.has_code(&["EntityAlreadyExists", "EntityAlreadyExistsException"])
}

async fn delete_inline(policy: &str, order: &Order<'_>) -> Result<(), OpError> {
    let session = order.session;
    let answer = session
        .call(&order.address.target.region, "iam", "DeleteRolePolicy")
        .run(|| session.iam().delete_role_policy().role_name(&order.address.name).policy_name(policy).send())
        .await;
    found(answer, ABSENT).map(|_| ())
}

async fn detach(policy: &str, order: &Order<'_>) -> Result<(), OpError> {
    let session = order.session;
    let answer = session
        .call(&order.address.target.region, "iam", "DetachRolePolicy")
        .run(|| session.iam().detach_role_policy().role_name(&order.address.name).policy_arn(policy).send())
        .await;
    found(answer, ABSENT).map(|_| ())
}

fn sdk_tags<'a>(tags: impl Iterator<Item = (&'a String, &'a String)>, order: &Order<'_>) -> Result<Vec<Tag>, OpError> {
    tags.map(|(key, value)| {
        Tag::builder().key(key).value(value).build().map_err(|e| order.malformed("TagRole", &e.to_string()))
    })
    .collect()
}
