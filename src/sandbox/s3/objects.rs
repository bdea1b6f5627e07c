//! Objects, whole and without versions.

use super::route::Path;
use super::{Bucket, Encryption, Node, Object, Refusal, Reply, access, empty, xml};
use crate::model::Region;
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::Http;
use crate::sandbox::world::{World, http_date, iso};
use crate::sandbox::{kms, md5};

/// Conditional writes as the Amazon S3 User Guide has them ("How to prevent object overwrites with conditional
/// writes"). Requests are carried out one after another here, so that none gets a 409 ConditionalRequestConflict.
pub(super) fn put(world: &mut World, call: &Call<'_>, path: &Path) -> Result<Reply, Refusal> {
    let body = payload(call.http)?;
    let bucket = world.s3.buckets.get(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
    let encryption = encryption(call, bucket)?;
    let key = usable_key(world, call, &bucket.region, encryption.key.as_deref(), "kms:GenerateDataKey")?;
    let existing = bucket.objects.get(&path.key);
    match call.http.header("if-none-match") {
        Some("*") if existing.is_some() => return Err(precondition("If-None-Match")),
        None | Some("*") => {}
        // "Expects the '*' (asterisk) character" (S3 API Reference, PutObject).
        Some(_) => {
            let message = "A header you provided implies functionality that is not implemented";
            return Err(Refusal::new(501, "NotImplemented", message).detail("Header", "If-None-Match"));
        }
    }
    match (call.http.header("if-match"), existing) {
        (Some(_), None) => return Err(no_key(&path.key)),
        (Some(etag), Some(object)) if !same(etag, &object.etag) => return Err(precondition("If-Match")),
        _ => {}
    }
    // The MD5 digest where S3's own keys encrypt it, and so the same for the same bytes; with KMS it is none, and
    // another at each write (S3 API Reference, Object).
    let digest = if encryption.algorithm == "AES256" { md5::hex(&body) } else { world.ids.uuid().replace('-', "") };
    let object = Object {
        etag: format!("\"{digest}\""),
        content_type: call.http.header("content-type").unwrap_or("binary/octet-stream").to_owned(),
        modified: call.now,
        algorithm: encryption.algorithm,
        key,
        bucket_key: encryption.bucket_key,
        body,
    };
    let mut reply = empty(200);
    reply.headers.push(("etag".to_owned(), object.etag.clone()));
    reply.headers.extend(encryption_headers(&object));
    let bucket = world.s3.buckets.get_mut(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
    bucket.objects.insert(path.key.clone(), object);
    Ok(reply)
}

/// What the request's headers ask for, or else the bucket's default (S3 User Guide, "Protecting data with
/// server-side encryption").
fn encryption(call: &Call<'_>, bucket: &Bucket) -> Result<Encryption, Refusal> {
    let header = |name: &str| call.http.header(&format!("x-amz-server-side-encryption{name}"));
    let default = &bucket.encryption;
    let algorithm = match header("") {
        Some(algorithm @ ("AES256" | "aws:kms" | "aws:kms:dsse")) => algorithm,
        Some(_) => {
            let message = "The encryption request that you specified is not valid. The valid value is AES256.";
            return Err(Refusal::new(400, "InvalidEncryptionAlgorithmError", message));
        }
        None => default.algorithm.as_str(),
    };
    let own = default.algorithm == algorithm;
    let key = match header("-aws-kms-key-id") {
        Some(_) if algorithm == "AES256" => {
            let message = "Server Side Encryption with AWS KMS managed key requires HTTP header \
                           x-amz-server-side-encryption : aws:kms";
            return Err(Refusal::new(400, "InvalidArgument", message));
        }
        Some(key) => Some(key.to_owned()),
        None => default.key.clone().filter(|_| own && algorithm != "AES256"),
    };
    let bucket_key = header("-bucket-key-enabled").map_or(own && default.bucket_key, |text| text == "true");
    Ok(Encryption {
        algorithm: algorithm.to_owned(),
        key,
        bucket_key: bucket_key && algorithm == "aws:kms",
        more: Vec::new(),
    })
}

/// Which key encrypts an object, as S3 tells.
fn encryption_headers(object: &Object) -> Vec<(String, String)> {
    let name = |rest: &str| format!("x-amz-server-side-encryption{rest}");
    let mut headers = vec![(name(""), object.algorithm.clone())];
    headers.extend(object.key.as_ref().map(|key| (name("-aws-kms-key-id"), key.clone())));
    headers.extend(object.bucket_key.then(|| (name("-bucket-key-enabled"), "true".to_owned())));
    headers
}

/// The ARN of a key, which must exist and let the caller use it.
fn usable_key(
    world: &World,
    call: &Call<'_>,
    region: &Region,
    key: Option<&str>,
    action: &str,
) -> Result<Option<String>, Refusal> {
    let Some(key) = key else { return Ok(None) };
    let found = kms::resolve(world, call.account(), region, key)
        .ok_or_else(|| Refusal::new(400, "KMS.NotFoundException", format!("Key '{key}' does not exist")))?;
    if !found.is_enabled() {
        return Err(Refusal::new(400, "KMS.DisabledException", format!("{} is disabled.", found.arn)));
    }
    let arn = found.arn.to_string();
    if kms::allows(found, call.caller, action) {
        Ok(Some(arn))
    } else {
        Err(call.denied(action, &arn, &format!("because no resource-based policy allows the {action} action")))
    }
}

pub(super) fn get(world: &World, call: &Call<'_>, path: &Path) -> Result<Reply, Refusal> {
    let bucket = world.s3.buckets.get(&path.bucket).ok_or_else(|| access::no_bucket(&path.bucket))?;
    let object = bucket.objects.get(&path.key).ok_or_else(|| no_key(&path.key))?;
    if call.operation == "GetObject" {
        usable_key(world, call, &bucket.region, object.key.as_deref(), "kms:Decrypt")?;
    }
    if call.http.header("if-match").is_some_and(|etag| !same(etag, &object.etag)) {
        return Err(precondition("If-Match"));
    }
    let unchanged = call.http.header("if-none-match").is_some_and(|etag| same(etag, &object.etag));
    let mut reply = empty(if unchanged { 304 } else { 200 });
    reply.headers.push(("etag".to_owned(), object.etag.clone()));
    reply.headers.push(("last-modified".to_owned(), http_date(object.modified)));
    reply.headers.push(("content-type".to_owned(), object.content_type.clone()));
    reply.headers.extend(encryption_headers(object));
    if call.operation == "HeadObject" {
        reply.headers.push(("content-length".to_owned(), object.body.len().to_string()));
    } else if !unchanged {
        reply.body = object.body.clone();
    }
    Ok(reply)
}

/// "If the ETag values match or if the object doesn't exist, the operation will return a 204" (S3 API Reference,
/// DeleteObject).
pub(super) fn delete(bucket: &mut Bucket, call: &Call<'_>, path: &Path) -> Result<Reply, Refusal> {
    match (call.http.header("if-match"), bucket.objects.get(&path.key)) {
        (Some(etag), Some(object)) if !same(etag, &object.etag) => Err(precondition("If-Match")),
        _ => {
            bucket.objects.remove(&path.key);
            Ok(empty(204))
        }
    }
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
