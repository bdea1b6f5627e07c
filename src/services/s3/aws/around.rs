//! The reads around the bucket that nothing is declared of: replication, Object Lock, the access control list. One call
//! each for the log bucket, and none for any other. Where the role may not make one, that is said and nothing else.

use aws_sdk_s3 as s3;

use super::Place;
use crate::aws::{Body, Session, found, iam_action, send_with};
use crate::model::{Address, Fault, OpError};
use crate::services::adapter::Cell;
use crate::services::s3::conflicts::ENFORCED;
use crate::services::s3::lifecycle::{Remark, logs, remarks};
use crate::services::s3::spec::{Bucket, Lifetimes};
use crate::services::s3::surroundings::{self, Grant, Outlet};
use crate::services::s3::xml::Element;
use crate::services::{Exposed, Note, Reading};

/// What was read; `None` where there is no such configuration, or it was not looked at.
pub(super) struct Around {
    replication: Option<Element>,
    object_lock: Option<Element>,
    acl: Option<Element>,
}

/// One read with its whole body.
macro_rules! read {
    ($place:ident, $cell:ident, $reading:ident, $operation:ident, $name:literal, $root:literal, $absent:expr) => {{
        let body = Body::default();
        let answer = $place
            .session
            .call($place.region, "s3", $name)
            .run(|| {
                send_with!(
                    s3,
                    $place.region,
                    $place.session.s3().$operation().bucket($place.bucket).expected_bucket_owner(&$place.owner),
                    body.keeper()
                )
            })
            .await;
        match found(answer, $absent) {
            Ok(Some(_)) => Some($place.parse($name, &body, $root)?),
            Ok(None) => None,
            Err(error) => {
                $reading.notes.push(not_looked_at($cell, $place.session, error)?);
                None
            }
        }
    }};
}

impl Place<'_> {
    pub(super) async fn around(&self, cell: &Cell<'_>, reading: &mut Reading) -> Result<Around, OpError> {
        let absent = &["ReplicationConfigurationNotFoundError"];
        let replication = read!(
            self,
            cell,
            reading,
            get_bucket_replication,
            "GetBucketReplication",
            "ReplicationConfiguration",
            absent
        );
        let absent = &["ObjectLockConfigurationNotFoundError"];
        let object_lock = read!(
            self,
            cell,
            reading,
            get_object_lock_configuration,
            "GetObjectLockConfiguration",
            "ObjectLockConfiguration",
            absent
        );
        let acl = read!(self, cell, reading, get_bucket_acl, "GetBucketAcl", "AccessControlPolicy", &[]);
        Ok(Around { replication, object_lock, acl })
    }
}

/// What is said of a read that was refused; any other failure stays one.
fn not_looked_at(cell: &Cell<'_>, session: &Session, error: OpError) -> Result<Note, OpError> {
    // What a stand-in for S3 has not got cannot be set there either.
    let refused = matches!(error.fault, Fault::Denied | Fault::DeniedByScp) || error.has_code(&["NotImplemented"]);
    if !refused {
        return Err(error);
    }
    let what = match error.operation.as_str() {
        "GetBucketReplication" => "replication",
        "GetObjectLockConfiguration" => "Object Lock",
        _ => "access control list",
    };
    let action = iam_action(&error.service, &error.operation);
    Ok(Note {
        target: cell.target.clone(),
        topic: "not-looked-at".to_owned(),
        text: format!(
            "the log bucket's {what} was not looked at: allow `{action}` to {} to have it looked at, too",
            error.role.as_deref().unwrap_or(&session.role)
        ),
    })
}

/// Judges what was read, beside the bucket's own settings and other people's lifecycle rules.
pub(super) fn look(
    cell: &Cell<'_>,
    address: &Address,
    spec: &mut Bucket,
    rules: &[Element],
    around: Around,
    reading: &mut Reading,
) {
    let declared = cell.declared;
    let logs = logs(declared);
    let days = declared.baseline.log_bucket.as_ref().and_then(|bucket| bucket.retention_days);
    let lifetimes = Lifetimes { current: days, noncurrent: days };
    let note = |topic: &str, text: String| Note { target: cell.target.clone(), topic: topic.to_owned(), text };
    for remark in remarks(rules, &logs, lifetimes, spec.versioning) {
        match remark {
            Remark::Sooner { reason, hint, content } => {
                reading.exposed.push(Exposed::new(address.clone(), reason, hint, &content));
            }
            Remark::Untold(text) => reading.notes.push(note("lifecycle", text)),
        }
    }

    // Who may read may have copies.
    let is_known = |id| {
        declared.profiles.account(id).is_some() || declared.profiles.trusted.iter().any(|trusted| trusted.id == id)
    };
    let known = |id: &str| id.parse().is_ok_and(is_known);
    let replicated = around.replication.iter().flat_map(|r| surroundings::replicated(r, &logs, known));
    let grants: Vec<Grant> = around.acl.as_ref().map(surroundings::grants).unwrap_or_default();
    // With lists switched off, those that are there have no effect.
    let lists_count = spec.object_ownership.as_deref() != Some(ENFORCED);
    let counting: &[Grant] = if lists_count { &grants } else { &[] };
    let granted = surroundings::granted(counting, spec.public_access_block.ignore_public_acls);
    let exposed = |Outlet { reason, hint, content }| Exposed::new(address.clone(), reason, hint, &content);
    reading.exposed.extend(replicated.chain(granted).map(exposed));
    let deliveries = counting.iter().filter(|grant| grant.is_delivery());
    reading.notes.extend(deliveries.map(|grant| {
        note("acl", format!("the log bucket's access control list lets {} in; it is left as it is", grant.phrase()))
    }));

    let retention = around.object_lock.as_ref().and_then(surroundings::default_retention);
    if let Some(retention) = &retention
        && days.is_some_and(|days| retention.days > u64::from(days))
    {
        reading.notes.push(note(
            "object-lock",
            format!(
                "Object Lock keeps each new object of the log bucket for {} ({}): logs stay longer than the declared \
                 `retention_days`",
                retention.time, retention.mode
            ),
        ));
    }
    let around = &mut spec.surroundings.0;
    around.granted = counting.iter().map(Grant::phrase).collect();
    around.plain_writers = counting.iter().filter(|g| g.lets_delivery_write()).map(Grant::phrase).collect();
    around.default_retention = retention;
}
