//! Buckets: created, found, listed, deleted.

use sha2::{Digest as _, Sha256};

use super::{Bucket, Node, Refusal, Reply, body, empty, malformed, xml};
use crate::model::{AccountId, Region};
use crate::sandbox::dispatch::Call;
use crate::sandbox::world::{World, iso};

/// The Region that needs no `LocationConstraint`, and where a bucket of one's own may be created again.
const CLASSIC: &str = "us-east-1";

pub(super) fn create(world: &mut World, call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    check_name(name)?;
    let region = location_constraint(call)?;
    if !world.is_enabled(call.account(), &region) {
        return Err(illegal(region.as_str()));
    }
    if let Some(existing) = world.s3.buckets.get(name) {
        return if existing.owner != call.account() {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                           the system. Please select a different name and try again.";
            Err(Refusal::new(409, "BucketAlreadyExists", message).detail("BucketName", name))
        } else if existing.region.as_str() == CLASSIC && region.as_str() == CLASSIC {
            Ok(created(name))
        } else {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            Err(Refusal::new(409, "BucketAlreadyOwnedByYou", message).detail("BucketName", name))
        };
    }
    let mut bucket = Bucket::new(call.account(), region, call.now);
    // "Object Lock … requires versioning", which comes with it (S3 API Reference, CreateBucket).
    if call.http.header("x-amz-bucket-object-lock-enabled").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
        bucket.object_lock = Some(super::lock::enabled());
        bucket.versioning = Some("Enabled".to_owned());
    }
    if let Some(ownership) = call.http.header("x-amz-object-ownership") {
        bucket.ownership = Some(ownership.to_owned());
    }
    world.s3.buckets.insert(name.to_owned(), bucket);
    Ok(created(name))
}

fn created(name: &str) -> Reply {
    let mut reply = empty(200);
    reply.headers.push(("location".to_owned(), format!("/{name}")));
    reply
}

/// The Region of the new bucket (S3 API Reference, CreateBucket).
fn location_constraint(call: &Call<'_>) -> Result<Region, Refusal> {
    let asked = if call.http.body.is_empty() {
        None
    } else {
        body(call, "CreateBucketConfiguration")?.text_of("LocationConstraint").map(str::to_owned)
    };
    let here = call.region.as_str();
    match asked.as_deref().filter(|text| !text.is_empty()) {
        None if here == CLASSIC => Ok(call.region.clone()),
        None => Err(illegal("unspecified")),
        Some(CLASSIC) => {
            let message = "The specified location-constraint is not valid";
            Err(Refusal::new(400, "InvalidLocationConstraint", message).detail("LocationConstraint", CLASSIC))
        }
        Some(text) => {
            let region: Region = (if text == "EU" { "eu-west-1" } else { text }).parse().map_err(|_| malformed())?;
            if here == CLASSIC || region == *call.region { Ok(region) } else { Err(illegal(text)) }
        }
    }
}

fn illegal(location: &str) -> Refusal {
    let message = format!(
        "The {location} location constraint is incompatible for the region specific endpoint this request was sent to."
    );
    Refusal::new(400, "IllegalLocationConstraintException", message)
}

/// Amazon S3 User Guide, "General purpose bucket naming rules".
fn check_name(name: &str) -> Result<(), Refusal> {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let valid = (3..=63).contains(&name.len())
        && name.starts_with(edge)
        && name.ends_with(edge)
        && name.chars().all(|c| edge(c) || matches!(c, '.' | '-'))
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"].iter().any(|suffix| name.ends_with(suffix));
    if valid {
        Ok(())
    } else {
        let message = "The specified bucket is not valid.";
        Err(Refusal::new(400, "InvalidBucketName", message).detail("BucketName", name))
    }
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Reply {
    let buckets = world.s3.buckets.iter().filter(|(_, bucket)| bucket.owner == call.account());
    let items = buckets.map(|(name, bucket)| {
        Node::new("Bucket")
            .with(Node::text("Name", name))
            .with(Node::text("CreationDate", iso(bucket.created)))
            .with(Node::text("BucketRegion", bucket.region.as_str()))
    });
    xml(Node::new("ListAllMyBucketsResult").with(owner(call.account())).with(Node::new("Buckets").with_all(items)))
}

pub(super) fn head(bucket: &Bucket) -> Reply {
    let mut reply = empty(200);
    reply.headers.push(("x-amz-bucket-region".to_owned(), bucket.region.to_string()));
    reply
}

pub(super) fn location(bucket: &Bucket) -> Reply {
    let region = bucket.region.as_str();
    xml(Node::text("LocationConstraint", if region == CLASSIC { "" } else { region }))
}

/// The account's canonical user.
pub(super) fn owner(account: AccountId) -> Node {
    let id: String = Sha256::digest(account.as_str()).iter().map(|byte| format!("{byte:02x}")).collect();
    Node::new("Owner").with(Node::text("ID", id))
}

pub(super) fn delete(world: &mut World, name: &str) -> Result<Reply, Refusal> {
    if world.s3.buckets.get(name).is_some_and(|bucket| !bucket.objects.is_empty()) {
        let message = "The bucket you tried to delete is not empty";
        return Err(Refusal::new(409, "BucketNotEmpty", message).detail("BucketName", name));
    }
    world.s3.buckets.remove(name);
    Ok(empty(204))
}
