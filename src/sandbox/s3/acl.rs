//! A bucket's access control list: who is granted what besides the owner (S3 API Reference, GetBucketAcl, PutBucketAcl).
//! The grants are kept and shown; whether they let a caller in is not simulated.

use super::buckets::owner;
use super::{Bucket, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::sandbox::dispatch::Call;

/// The ownership under which lists have no effect and cannot be put.
pub(super) const ENFORCED: &str = "BucketOwnerEnforced";
/// What the predefined groups' URIs begin with (S3 User Guide, "Access control list (ACL) overview").
const GROUPS: &str = "http://acs.amazonaws.com/groups/";
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

pub(super) fn get(bucket: &Bucket) -> Reply {
    let own = Node::new("Grantee").with_all(owner(bucket.owner).children);
    let own = Node::new("Grant").with(own).with(Node::text("Permission", "FULL_CONTROL"));
    let grants = std::iter::once(&own).chain(&bucket.grants).map(shown);
    xml(Node::new("AccessControlPolicy")
        .with(owner(bucket.owner))
        .with(Node::new("AccessControlList").with_all(grants)))
}

/// A grant with the type of its grantee, which is an attribute.
fn shown(grant: &Node) -> Node {
    let kind = |grantee: &Node| if grantee.child("URI").is_some() { "Group" } else { "CanonicalUser" };
    let children = grant.children.iter().map(|child| match child.name.as_str() {
        "Grantee" => Node::new("Grantee")
            .attribute("xmlns:xsi", INSTANCE)
            .attribute("xsi:type", kind(child))
            .with_all(child.children.iter().cloned()),
        _ => child.clone(),
    });
    Node::new("Grant").with_all(children)
}

/// Replaces the list: by a canned one in `x-amz-acl`, or by the body.
pub(super) fn put(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let grants = match call.http.header("x-amz-acl") {
        Some(canned) => canned_grants(canned)?,
        None => {
            let document = body(call, "AccessControlPolicy")?;
            let list = document.child("AccessControlList").ok_or_else(malformed)?;
            let own = owner(bucket.owner);
            let mine = |grant: &&Node| {
                let id = grant.child("Grantee").and_then(|grantee| grantee.text_of("ID"));
                id.is_some() && id == own.text_of("ID")
            };
            list.all("Grant").filter(|grant| !mine(grant)).cloned().collect()
        }
    };
    if grants.is_empty() {
        bucket.grants = grants;
        return Ok(empty(200));
    }
    // "Requests to set ACLs fail and return the AccessControlListNotSupported error code" (S3 User Guide,
    // "Controlling ownership of objects and disabling ACLs for your bucket").
    if bucket.ownership.as_deref() == Some(ENFORCED) {
        return Err(Refusal::new(400, "AccessControlListNotSupported", "The bucket does not allow ACLs"));
    }
    let public = |grant: &Node| {
        let uri = grant.child("Grantee").and_then(|grantee| grantee.text_of("URI")).unwrap_or_default();
        uri.ends_with("/AllUsers") || uri.ends_with("/AuthenticatedUsers")
    };
    if bucket.public_access.is_some_and(|settings| settings[0]) && grants.iter().any(public) {
        return Err(Refusal::new(403, "AccessDenied", "Access Denied"));
    }
    bucket.grants = grants;
    Ok(empty(200))
}

fn canned_grants(canned: &str) -> Result<Vec<Node>, Refusal> {
    let group = |name: &str, permission: &str| {
        let grantee = Node::new("Grantee").with(Node::text("URI", format!("{GROUPS}{name}")));
        Node::new("Grant").with(grantee).with(Node::text("Permission", permission))
    };
    Ok(match canned {
        "private" => Vec::new(),
        "public-read" => vec![group("global/AllUsers", "READ")],
        "public-read-write" => vec![group("global/AllUsers", "READ"), group("global/AllUsers", "WRITE")],
        "authenticated-read" => vec![group("global/AuthenticatedUsers", "READ")],
        "log-delivery-write" => vec![group("s3/LogDelivery", "WRITE"), group("s3/LogDelivery", "READ_ACP")],
        _ => return Err(Refusal::new(400, "InvalidArgument", "Invalid canned ACL")),
    })
}
