//! Bucket policies and the block on public access.

use super::{Bucket, Node, Refusal, Reply, access, body, empty, malformed, objects, xml};
use crate::policy::{BUCKET_POLICY_MAX_BYTES, Policy, Resources};
use crate::sandbox::authz::check_principals;
use crate::sandbox::dispatch::Call;
use crate::sandbox::world::World;

const SETTINGS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

pub(super) fn put(world: &mut World, call: &Call<'_>, name: &str) -> Result<Reply, Refusal> {
    let refuse = |message: &str| Refusal::new(400, "MalformedPolicy", message);
    let payload = objects::payload(call.http)?;
    let text = String::from_utf8(payload).map_err(|_| refuse("This policy contains invalid Json"))?;
    if !text.starts_with('{') {
        return Err(refuse("Policies must be valid JSON and the first byte must be '{'"));
    }
    let policy = Policy::parse(&text).map_err(|error| refuse(&error.to_string()))?;
    // The limit counts the document without blanks.
    if policy.size() > BUCKET_POLICY_MAX_BYTES {
        let message = "The policy is larger than the 20 KB that a bucket policy may have.";
        return Err(Refusal::new(400, "PolicyTooLarge", message));
    }
    let arn = format!("arn:{}:s3:::{name}", world.partition);
    for statement in &policy.statements {
        if statement.principal.is_none() {
            return Err(refuse("Missing required field Principal"));
        }
        if !statement.actions.names().iter().all(|action| action == "*" || action.to_lowercase().starts_with("s3:")) {
            return Err(refuse("Policy has invalid action"));
        }
        let inside = |text: &String| *text == arn || text.starts_with(&format!("{arn}/")) || *text == format!("{arn}*");
        match &statement.resources {
            None => return Err(refuse("Missing required field Resource")),
            Some(Resources::Resource(arns) | Resources::NotResource(arns)) if arns.iter().all(inside) => {}
            Some(_) => return Err(refuse("Policy has invalid resource")),
        }
    }
    check_principals(world, &policy).map_err(|who| refuse("Invalid principal in policy").detail("Detail", who))?;
    let bucket = world.s3.buckets.get_mut(name).ok_or_else(|| access::no_bucket(name))?;
    let blocked = bucket.public_access.is_some_and(|settings| settings[2]);
    if blocked && is_public(&policy) {
        let why = "because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.";
        return Err(call.denied("s3:PutBucketPolicy", &format!("\"{arn}\""), why));
    }
    bucket.policy = Some(text);
    Ok(empty(204))
}

fn is_public(policy: &Policy) -> bool {
    policy.statements.iter().any(crate::policy::Statement::is_open_to_world)
}

/// Whether `RestrictPublicBuckets` keeps other accounts out, because the policy is public.
pub(super) fn is_restricted(bucket: &Bucket) -> bool {
    bucket.public_access.is_some_and(|settings| settings[3]) && has_public_policy(bucket)
}

fn has_public_policy(bucket: &Bucket) -> bool {
    bucket.policy.as_deref().and_then(|text| Policy::parse(text).ok()).is_some_and(|policy| is_public(&policy))
}

pub(super) fn get(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    let text = bucket.policy.as_ref().ok_or_else(|| no_policy(name))?;
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Ok(Reply { status: 200, headers, body: text.clone().into_bytes() })
}

pub(super) fn status(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    if bucket.policy.is_none() {
        return Err(no_policy(name));
    }
    Ok(xml(Node::new("PolicyStatus").with(Node::text("IsPublic", has_public_policy(bucket).to_string()))))
}

fn no_policy(name: &str) -> Refusal {
    Refusal::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist").detail("BucketName", name)
}

pub(super) fn delete(bucket: &mut Bucket) -> Reply {
    bucket.policy = None;
    empty(204)
}

pub(super) fn put_public_access(bucket: &mut Bucket, call: &Call<'_>) -> Result<Reply, Refusal> {
    let document = body(call, "PublicAccessBlockConfiguration")?;
    if document.children.iter().any(|child| !["true", "false"].contains(&child.content().to_lowercase().as_str())) {
        return Err(malformed());
    }
    let on = |name: &str| document.text_of(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    bucket.public_access = Some(SETTINGS.map(on));
    Ok(empty(200))
}

pub(super) fn get_public_access(bucket: &Bucket, name: &str) -> Result<Reply, Refusal> {
    let settings = bucket.public_access.ok_or_else(|| {
        let message = "The public access block configuration was not found";
        Refusal::new(404, "NoSuchPublicAccessBlockConfiguration", message).detail("BucketName", name)
    })?;
    let items = SETTINGS.iter().zip(settings).map(|(name, on)| Node::text(*name, on.to_string()));
    Ok(xml(Node::new("PublicAccessBlockConfiguration").with_all(items)))
}

pub(super) fn delete_public_access(bucket: &mut Bucket) -> Reply {
    bucket.public_access = None;
    empty(204)
}
