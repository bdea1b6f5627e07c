//! Objects, whole and without versions.

use sha2::{Digest as _, Sha256};

use super::route::Path;
use super::{Bucket, Node, Object, Refusal, Reply, access, empty, xml};
use crate::sandbox::dispatch::Call;
use crate::sandbox::kms;
use crate::sandbox::wire::Http;
use crate::sandbox::world::{World, iso};

pub(super) fn put(world: &mut World, call: &Call<'_>, path: &Path) -> Result<Reply, Refusal> {
    let body = payload(call.http)?;
    let bucket = world.s3.buckets.get(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
    check_key(world, call, bucket)?;
    let bucket = world.s3.buckets.get_mut(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
    let existing = bucket.objects.get(&path.key);
    let exists = call.http.header("if-none-match") == Some("*") && existing.is_some();
    match (call.http.header("if-match"), existing) {
        (Some(_), None) => return Err(no_key(&path.key)),
        (Some(etag), Some(object)) if !same(etag, &object.etag) => return Err(precondition("If-Match")),
        _ if exists => return Err(precondition("If-None-Match")),
        _ => {}
    }
    let digest: String = Sha256::digest(&body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let etag = format!("\"{digest}\"");
    let content_type = call.http.header("content-type").unwrap_or("binary/octet-stream").to_owned();
    let mut reply = empty(200);
    reply.headers.push(("etag".to_owned(), etag.clone()));
    reply.headers.push(("x-amz-server-side-encryption".to_owned(), bucket.encryption.algorithm.clone()));
    bucket.objects.insert(path.key.clone(), Object { body, etag, content_type, modified: call.now });
    Ok(reply)
}

/// The key of the bucket's default encryption, if it has one of its own, must exist and let the caller use it.
fn check_key(world: &World, call: &Call<'_>, bucket: &Bucket) -> Result<(), Refusal> {
    let Some(key) = bucket.encryption.key.as_ref().filter(|_| bucket.encryption.algorithm != "AES256") else {
        return Ok(());
    };
    let found = kms::resolve(world, call.account(), &bucket.region, key)
        .ok_or_else(|| Refusal::new(400, "KMS.NotFoundException", format!("Key '{key}' does not exist")))?;
    if !found.is_enabled() {
        return Err(Refusal::new(400, "KMS.DisabledException", format!("{} is disabled.", found.arn)));
    }
    if kms::allows(found, call.caller, "kms:GenerateDataKey") {
        Ok(())
    } else {
        let why = "because no resource-based policy allows the kms:GenerateDataKey action";
        Err(call.denied("kms:GenerateDataKey", &found.arn.to_string(), why))
    }
}

pub(super) fn get(bucket: &Bucket, call: &Call<'_>, path: &Path) -> Result<Reply, Refusal> {
    let object = bucket.objects.get(&path.key).ok_or_else(|| no_key(&path.key))?;
    if call.http.header("if-match").is_some_and(|etag| !same(etag, &object.etag)) {
        return Err(precondition("If-Match"));
    }
    let unchanged = call.http.header("if-none-match").is_some_and(|etag| same(etag, &object.etag));
    let mut reply = empty(if unchanged { 304 } else { 200 });
    let modified = time::OffsetDateTime::from_unix_timestamp(object.modified as i64)
        .ok()
        .and_then(|time| time.format(&time::format_description::well_known::Rfc2822).ok())
        .map(|text| text.replace("+0000", "GMT"));
    reply.headers.push(("etag".to_owned(), object.etag.clone()));
    reply.headers.extend(modified.map(|text| ("last-modified".to_owned(), text)));
    reply.headers.push(("content-type".to_owned(), object.content_type.clone()));
    if call.operation == "HeadObject" {
        reply.headers.push(("content-length".to_owned(), object.body.len().to_string()));
    } else if !unchanged {
        reply.body = object.body.clone();
    }
    Ok(reply)
}

pub(super) fn delete(bucket: &mut Bucket, path: &Path) -> Reply {
    bucket.objects.remove(&path.key);
    empty(204)
}

pub(super) fn list(bucket: &Bucket, call: &Call<'_>, name: &str) -> Reply {
    let parameter = |name: &str| call.http.parameter(name).unwrap_or_default();
    let (prefix, delimiter) = (parameter("prefix"), parameter("delimiter"));
    let after = parameter("continuation-token").max(parameter("start-after"));
    let most = parameter("max-keys").parse().unwrap_or(1000).min(1000);
    let mut contents = Vec::new();
    let mut common: Vec<String> = Vec::new();
    let mut last = "";
    let mut truncated = false;
    for (key, object) in bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after) {
        let end = (!delimiter.is_empty()).then(|| key[prefix.len()..].find(delimiter)).flatten();
        let folder = end.map(|end| key[..prefix.len() + end + delimiter.len()].to_owned());
        if folder.is_some() && folder.as_ref() == common.last() {
            last = key;
            continue;
        }
        if contents.len() + common.len() >= most {
            truncated = true;
            break;
        }
        last = key;
        match folder {
            Some(folder) => common.push(folder),
            None => contents.push(
                Node::new("Contents")
                    .with(Node::text("Key", key))
                    .with(Node::text("LastModified", iso(object.modified)))
                    .with(Node::text("ETag", &object.etag))
                    .with(Node::text("Size", object.body.len().to_string()))
                    .with(Node::text("StorageClass", "STANDARD")),
            ),
        }
    }
    let count = contents.len() + common.len();
    let root = Node::new("ListBucketResult")
        .with(Node::text("Name", name))
        .with(Node::text("Prefix", prefix))
        .with(Node::text("KeyCount", count.to_string()))
        .with(Node::text("MaxKeys", most.to_string()))
        .with(Node::text("IsTruncated", truncated.to_string()))
        .with_all(truncated.then(|| Node::text("NextContinuationToken", last)))
        .with_all(contents)
        .with_all(common.into_iter().map(|prefix| Node::new("CommonPrefixes").with(Node::text("Prefix", prefix))));
    xml(root)
}

/// The body without the framing of `aws-chunked`, which clients use for signatures and checksums of streams.
///
/// # Errors
/// The framing is broken.
pub(super) fn payload(http: &Http) -> Result<Vec<u8>, Refusal> {
    let streamed = http.header("x-amz-content-sha256").is_some_and(|digest| digest.starts_with("STREAMING-"));
    let chunked = http.header("content-encoding").is_some_and(|encodings| encodings.contains("aws-chunked"));
    if !streamed && !chunked {
        return Ok(http.body.to_vec());
    }
    unchunk(&http.body).ok_or_else(|| Refusal::new(400, "IncompleteBody", "The request body terminated unexpectedly"))
}

/// `SIZE[;chunk-signature=…]\r\n` and that many bytes, until a size of zero; trailers follow, and are dropped.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(out);
        }
        out.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

fn same(given: &str, etag: &str) -> bool {
    given == "*" || given.trim_matches('"') == etag.trim_matches('"')
}

fn no_key(key: &str) -> Refusal {
    Refusal::new(404, "NoSuchKey", "The specified key does not exist.").detail("Key", key)
}

fn precondition(condition: &'static str) -> Refusal {
    let message = "At least one of the pre-conditions you specified did not hold";
    Refusal::new(412, "PreconditionFailed", message).detail("Condition", condition)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_put_together_and_broken_ones_refused() {
        let body = b"5;chunk-signature=ab\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n";
        assert_eq!(unchunk(body).unwrap(), b"hello world");
        for bad in [&b""[..], b"5\r\nhel", b"zz\r\n", b"ffffffffffffffff\r\nx\r\n", b"5\r\nhelloX0\r\n"] {
            assert!(unchunk(bad).is_none(), "{bad:?}");
        }
    }
}
