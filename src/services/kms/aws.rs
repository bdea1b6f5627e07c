//! Reading and writing keys.

use std::collections::BTreeMap;

use aws_sdk_kms as kms;
use kms::primitives::DateTime;
use kms::types::{GrantListEntry, KeySpec, KeyState as SdkState, KeyUsageType, MultiRegionKeyType, Tag};
use serde_json::json;
use time::OffsetDateTime;

use super::grants::{self, Grant};
use super::spec::{ALIAS_TAG, Key, KeyState, address, declared_keys};
use crate::aws::{Session, found, send};
use crate::model::{Address, Arn, Fault, OpError, Region};
use crate::policy::Policy;
use crate::services::adapter::{Cell, Order, Write};
use crate::services::delivery::moment;
use crate::services::{Aside, Exposed, Found, Note, Ownership, Reading, SharedPolicy, Spec, Tags, is_ours};

/// The operations that reading takes.
pub const READS: &[&str] =
    &["DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListGrants", "ListKeys", "ListResourceTags"];

/// The operations that writing takes besides; no other leaves the process.
pub const WRITES: &[&str] = &[
    "CancelKeyDeletion",
    "CreateAlias",
    "CreateKey",
    "DisableKeyRotation",
    "EnableKey",
    "EnableKeyRotation",
    "PutKeyPolicy",
    "TagResource",
    "UpdateKeyDescription",
];

/// A key that was just made is not known everywhere at once.
const FRESH: &[&str] = &["NotFoundException", "DisabledException"];

/// Finds each key by its alias, or by our tag when the alias was not made yet.
pub async fn observe(cell: &Cell<'_>) -> Result<Reading, OpError> {
    let mut reading = Reading::default();
    for address in declared_keys(cell.declared, &cell.target.region) {
        let alias = format!("alias/{}", address.name);
        let described = found(describe(cell, &alias).await, &["NotFoundException"])?;
        let (metadata, alias) = match described {
            Some(metadata) => (metadata, Some(alias)),
            None => match tagged(cell, &address.name).await? {
                Some(id) => (describe(cell, &id).await?, None),
                None => continue,
            },
        };
        let found = project(cell, address, metadata, alias).await?;
        reading.notes.extend(unrotatable(cell, &found));
        reading.exposed.extend(expiry(&found));
        match grants(cell, &found.arn.to_string()).await {
            Ok(all) => reading.exposed.extend(grants::strangers(&found.address, &all, cell.declared.profiles)),
            // What the role may not see is said, and is no reason to read nothing at all.
            Err(error) if error.fault == Fault::Denied => reading.notes.push(grants::unread(&found.address)),
            // A key in a state in which nobody can use it.
            Err(error) if is_in_another_state(&error) => {}
            Err(error) => return Err(error),
        }
        reading.found.push(found);
    }
    Ok(reading)
}

async fn describe(cell: &Cell<'_>, id: &str) -> Result<kms::types::KeyMetadata, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let answer = session
        .call(region, "kms", "DescribeKey")
        .run(|| send!(kms, region, session.kms().describe_key().key_id(id)))
        .await?;
    answer.key_metadata.ok_or_else(|| cell.malformed("kms", "DescribeKey", "the answer carries no key"))
}

/// A key of ours that an interrupted run left without its alias.
async fn tagged(cell: &Cell<'_>, alias: &str) -> Result<Option<String>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut pages = session.pages(region, "kms", "ListKeys");
    loop {
        let page = session
            .call(region, "kms", "ListKeys")
            .run(|| send!(kms, region, session.kms().list_keys().set_marker(pages.token())))
            .await?;
        for key in page.keys() {
            let id = cell.member("kms", "ListKeys", "a key's id", key.key_id())?;
            let tags = match tags(cell, id).await {
                Ok(tags) => tags,
                // Ours lets the account's own policies decide: a key that denies even this is somebody else's.
                Err(error) if error.fault == Fault::Denied => continue,
                Err(error) => return Err(error),
            };
            if is_ours(&tags) && tags.get(ALIAS_TAG).is_some_and(|tag| tag == alias) {
                return Ok(Some(id.to_owned()));
            }
        }
        if !pages.turn_if(page.truncated, page.next_marker)? {
            return Ok(None);
        }
    }
}

async fn tags(cell: &Cell<'_>, id: &str) -> Result<Tags, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut tags = Tags::new();
    let mut pages = session.pages(region, "kms", "ListResourceTags");
    loop {
        let page = session
            .call(region, "kms", "ListResourceTags")
            .run(|| send!(kms, region, session.kms().list_resource_tags().key_id(id).set_marker(pages.token())))
            .await?;
        tags.extend(page.tags().iter().map(|tag| (tag.tag_key().to_owned(), tag.tag_value().to_owned())));
        if !pages.turn_if(page.truncated, page.next_marker)? {
            return Ok(tags);
        }
    }
}

async fn project(
    cell: &Cell<'_>,
    address: Address,
    metadata: kms::types::KeyMetadata,
    alias: Option<String>,
) -> Result<Found, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let id = metadata.key_id();
    if metadata.key_usage() != Some(&KeyUsageType::EncryptDecrypt)
        || metadata.key_spec().is_some_and(|spec| *spec != KeySpec::SymmetricDefault)
    {
        let what = format!("alias/{} points at a key that is not a symmetric encryption key", address.name);
        return Err(cell.malformed("kms", "DescribeKey", &what));
    }
    let state = match metadata.key_state() {
        Some(SdkState::Enabled) => KeyState::Enabled,
        Some(SdkState::Disabled) => KeyState::Disabled,
        Some(SdkState::PendingDeletion | SdkState::PendingReplicaDeletion) => KeyState::PendingDeletion,
        Some(SdkState::PendingImport) => KeyState::PendingImport,
        Some(SdkState::Unavailable) => KeyState::Unavailable,
        Some(SdkState::Creating) => KeyState::Creating,
        Some(SdkState::Updating) => KeyState::Updating,
        Some(other) => KeyState::Other(other.as_str().to_owned()),
        None => return Err(cell.malformed("kms", "DescribeKey", "the answer does not say in which state the key is")),
    };
    let rotation = found(
        session
            .call(region, "kms", "GetKeyRotationStatus")
            .run(|| send!(kms, region, session.kms().get_key_rotation_status().key_id(id)))
            .await,
        &["KMSInvalidStateException", "UnsupportedOperationException"],
    )?;
    let policy = policy(session, region, id).await?;
    let document = Policy::parse(&policy)
        .map_err(|e| cell.malformed("kms", "GetKeyPolicy", &format!("the key policy cannot be read: {e}")))?;
    let tags = tags(cell, id).await?;
    let arn = metadata.arn().unwrap_or_default();
    let holds_logs = Aside(self::address(cell.declared).is_some_and(|log_key| log_key == address));
    let policy = SharedPolicy::seen(document);
    let is_replica = metadata.multi_region_configuration().and_then(|multi| multi.multi_region_key_type())
        == Some(&MultiRegionKeyType::Replica);
    let found = Found {
        arn: arn.parse().map_err(|e: crate::model::ArnError| cell.malformed("kms", "DescribeKey", &e.to_string()))?,
        ownership: if is_ours(&tags) { Ownership::Ours } else { Ownership::Unmarked },
        spec: Spec::KmsKey(Box::new(Key {
            alias,
            description: metadata.description().unwrap_or_default().to_owned(),
            state,
            rotation: rotation.is_some_and(|answer| answer.key_rotation_enabled()),
            policy,
            tags,
            origin: metadata.origin().map_or("AWS_KMS", |origin| origin.as_str()).to_owned(),
            key_store: metadata.custom_key_store_id().map(str::to_owned),
            expires: metadata.valid_to().and_then(day),
            dies: Aside(metadata.deletion_date().and_then(day)),
            replica: Aside(is_replica),
            holds_logs,
        })),
        address,
    };
    Ok(found)
}

/// A rotation that is declared and cannot be had is no drift: nobody could repair it.
fn unrotatable(cell: &Cell<'_>, found: &Found) -> Option<Note> {
    let Spec::KmsKey(key) = &found.spec else { return None };
    let why = key.cannot_rotate().filter(|_| !key.rotation)?;
    let declared = super::desire(cell.declared, cell.place).into_iter().find(|d| d.address == found.address)?;
    let wanted = matches!(&declared.spec, Spec::KmsKey(key) if key.rotation);
    wanted.then(|| Note {
        target: cell.target.clone(),
        topic: "rotation".to_owned(),
        text: format!(
            "KMS does not rotate key `{}` by itself: {why}; rotate it by hand, or say `rotation = false`",
            found.address.name
        ),
    })
}

/// The day on which imported material expires: the key cannot be used from then on, and what it encrypted not be read.
fn expiry(found: &Found) -> Option<Exposed> {
    let Spec::KmsKey(key) = &found.spec else { return None };
    let day = key.expires.as_ref()?;
    let reason = format!(
        "the imported material of key `{}` expires at {day}: from then on nothing is encrypted with it, and what it \
         encrypted cannot be read",
        found.address.name
    );
    let hint = "import the material again before that day, without an expiry where that is allowed; or accept the day \
                with an [[exception]]";
    Some(Exposed::new(found.address.clone(), reason, hint.to_owned(), &json!({ "expires": day })))
}

/// Everybody who was given a grant on the key.
async fn grants(cell: &Cell<'_>, id: &str) -> Result<Vec<Grant>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut grants = Vec::new();
    let mut pages = session.pages(region, "kms", "ListGrants");
    loop {
        let page = session
            .call(region, "kms", "ListGrants")
            .run(|| send!(kms, region, session.kms().list_grants().key_id(id).set_marker(pages.token())))
            .await?;
        grants.extend(page.grants().iter().map(grant));
        if !pages.turn_if(page.truncated, page.next_marker)? {
            return Ok(grants);
        }
    }
}

fn grant(seen: &GrantListEntry) -> Grant {
    let mut operations: Vec<String> = seen.operations().iter().map(|one| one.as_str().to_owned()).collect();
    operations.sort();
    let mut constraints = BTreeMap::new();
    if let Some(given) = seen.constraints() {
        let maps = [("subset", given.encryption_context_subset()), ("equals", given.encryption_context_equals())];
        for (name, map) in maps {
            let pairs = map.into_iter().flatten().map(|(key, value)| (format!("{name} {key}"), value.clone()));
            constraints.extend(pairs);
        }
    }
    Grant {
        name: seen.name().filter(|name| !name.is_empty()).map(str::to_owned),
        grantee: seen.grantee_principal().unwrap_or_default().to_owned(),
        operations,
        constraints,
    }
}

fn day(at: &DateTime) -> Option<String> {
    OffsetDateTime::from_unix_timestamp(at.secs()).ok().map(moment)
}

/// The key policy as it is now.
async fn policy(session: &Session, region: &Region, id: &str) -> Result<String, OpError> {
    let answer = session
        .call(region, "kms", "GetKeyPolicy")
        .run(|| send!(kms, region, session.kms().get_key_policy().key_id(id).policy_name("default")))
        .await?;
    Ok(answer.policy.unwrap_or_default())
}

fn sdk_tags(tags: impl IntoIterator<Item = (String, String)>) -> Vec<Tag> {
    tags.into_iter().filter_map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().ok()).collect()
}

impl Write for Key {
    async fn apply(&self, seen: Option<&Self>, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(seen) = seen else {
            let arn = self.create(order).await?;
            let id = arn.to_string();
            if self.rotation {
                set_rotation(order, region, &id, true).await?;
            }
            self.name(order, &id).await?;
            return Ok(arn);
        };
        let arn = order.existing()?;
        let id = arn.to_string();
        if seen.state == KeyState::PendingDeletion {
            session
                .call(region, "kms", "CancelKeyDeletion")
                .run_or_done(is_in_another_state, || {
                    send!(kms, region, session.kms().cancel_key_deletion().key_id(&id))
                })
                .await?;
        }
        if self.state == KeyState::Enabled && seen.state != KeyState::Enabled {
            session
                .call(region, "kms", "EnableKey")
                .run(|| send!(kms, region, session.kms().enable_key().key_id(&id)))
                .await?;
        }
        if self.policy != seen.policy {
            order.unchanged("PutKeyPolicy", &seen.policy, Some(&policy(session, region, &id).await?))?;
            let policy = self.policy.document.to_json();
            session
                .call(region, "kms", "PutKeyPolicy")
                .run(|| {
                    let put = session.kms().put_key_policy().key_id(&id).policy_name("default").policy(&policy);
                    send!(kms, region, put)
                })
                .await?;
        }
        if self.rotation != seen.rotation {
            set_rotation(order, region, &id, self.rotation).await?;
        }
        if self.description != seen.description {
            let description = &self.description;
            session
                .call(region, "kms", "UpdateKeyDescription")
                .run(|| {
                    let update = session.kms().update_key_description().key_id(&id).description(description);
                    send!(kms, region, update)
                })
                .await?;
        }
        if self.tags != seen.tags {
            let changed = sdk_tags(self.tags.clone().into_iter().filter(|(k, v)| seen.tags.get(k) != Some(v)));
            session
                .call(region, "kms", "TagResource")
                .run(|| send!(kms, region, session.kms().tag_resource().key_id(&id).set_tags(Some(changed.clone()))))
                .await?;
        }
        if seen.alias.is_none() {
            self.name(order, &id).await?;
        }
        Ok(arn.clone())
    }

    async fn delete(&self, order: &Order<'_>) -> Result<(), OpError> {
        Err(order.refused("DeleteKey", "a key is never deleted: with it, every log it encrypted becomes unreadable"))
    }
}

impl Key {
    async fn create(&self, order: &Order<'_>) -> Result<Arn, OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let policy = self.policy.document.to_json();
        let tags = sdk_tags(self.tags.clone());
        // It has no name and takes no token (KMS API Reference, `CreateKey`): sent twice, it makes two. One that was made
        // without an answer bears our tags, by which the next run finds it.
        let answer = session
            .call(region, "kms", "CreateKey")
            .once()
            .run(|| {
                let create = session
                    .kms()
                    .create_key()
                    // The defaults, said aloud: reading refuses a key that is anything else.
                    .key_spec(KeySpec::SymmetricDefault)
                    .key_usage(KeyUsageType::EncryptDecrypt)
                    .policy(&policy)
                    .description(&self.description);
                send!(kms, region, create.set_tags(Some(tags.clone())))
            })
            .await?;
        let arn = answer.key_metadata().and_then(|m| m.arn()).unwrap_or_default();
        arn.parse().map_err(|e: crate::model::ArnError| order.malformed("CreateKey", &e.to_string()))
    }

    async fn name(&self, order: &Order<'_>, id: &str) -> Result<(), OpError> {
        let (session, region) = (order.session, &order.address.target.region);
        let Some(alias) = &self.alias else { return Ok(()) };
        session
            .call(region, "kms", "CreateAlias")
            .settling(FRESH)
            .run_or_done(is_named, || {
                send!(kms, region, session.kms().create_alias().alias_name(alias).target_key_id(id))
            })
            .await?;
        Ok(())
    }
}

fn is_named(error: &OpError) -> bool {
    error.has_code(&["AlreadyExistsException"])
}

fn is_in_another_state(error: &OpError) -> bool {
    error.has_code(&["KMSInvalidStateException"])
}

async fn set_rotation(order: &Order<'_>, region: &Region, id: &str, on: bool) -> Result<(), OpError> {
    let session = order.session;
    if on {
        session
            .call(region, "kms", "EnableKeyRotation")
            .settling(FRESH)
            .run(|| send!(kms, region, session.kms().enable_key_rotation().key_id(id)))
            .await?;
    } else {
        session
            .call(region, "kms", "DisableKeyRotation")
            .run(|| send!(kms, region, session.kms().disable_key_rotation().key_id(id)))
            .await?;
    }
    Ok(())
}
