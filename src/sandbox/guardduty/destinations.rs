//! Publishing destinations: one bucket per detector.

use serde_json::{Value, json};

use super::{Destination, delivery, own, own_mut, page, rejected, required, tags, token};
use crate::sandbox::dispatch::Call;
use crate::sandbox::wire::{Refusal, segments};
use crate::sandbox::world::World;

pub(super) fn create(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    own(world, call)?;
    match call.text("destinationType") {
        Some("S3") => {}
        Some(_) => return Err(super::invalid()),
        None => return Err(required()),
    }
    let token = token(call)?;
    let (arn, key) = properties(call)?;
    let mut made = Destination {
        id: String::new(),
        arn: arn.ok_or_else(required)?,
        key: key.ok_or_else(required)?,
        tags: tags::read(call.input.get("tags"))?,
        token,
        verified: false,
        failing_since: 0,
    };
    if let Some(existing) = &own(world, call)?.destination {
        return if made.token.is_some() && made.token == existing.token {
            Ok(json!({ "destinationId": existing.id }))
        } else {
            // The rule is AWS's, its words are not known.
            Err(rejected("The request is rejected because a publishing destination of type S3 already exists."))
        };
    }
    check(world, call, &made)?;
    made.id = world.ids.uuid().replace('-', "");
    let out = json!({ "destinationId": made.id });
    own_mut(world, call)?.destination = Some(made);
    Ok(out)
}

/// The bucket's and the key's ARN, as far as the request names them.
fn properties(call: &Call<'_>) -> Result<(Option<String>, Option<String>), Refusal> {
    let properties = match call.input.get("destinationProperties") {
        None | Some(Value::Null) => return Ok((None, None)),
        Some(properties) if properties.is_object() => properties,
        Some(_) => return Err(super::invalid()),
    };
    let text = |name: &str| properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    Ok((text("destinationArn").map(str::to_owned), text("kmsKeyArn").map(str::to_owned)))
}

fn check(world: &World, call: &Call<'_>, destination: &Destination) -> Result<(), Refusal> {
    delivery::check_folder(world, call, destination)?;
    delivery::check(world, call.account(), call.region, destination)
}

/// The destination that the path names.
fn find(world: &World, call: &Call<'_>) -> Result<Destination, Refusal> {
    let named = segments(call.http);
    let destination = own(world, call)?.destination.as_ref().filter(|found| named.get(3) == Some(&found.id));
    destination.cloned().ok_or_else(|| rejected("The request is rejected since no such resource found."))
}

pub(super) fn describe(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mut destination = find(world, call)?;
    let works = delivery::check(world, call.account(), call.region, &destination).is_ok();
    destination.failing_since = match (works, destination.failing_since) {
        (true, _) => 0,
        (false, 0) => (call.now * 1000.0) as u64,
        (false, since) => since,
    };
    let status = status(&destination, works);
    let out = json!({
        "destinationId": destination.id,
        "destinationType": "S3",
        "status": status,
        "publishingFailureStartTimestamp": destination.failing_since,
        "destinationProperties": { "destinationArn": destination.arn, "kmsKeyArn": destination.key },
        "tags": destination.tags,
    });
    // The first look finds it still being verified.
    destination.verified = true;
    own_mut(world, call)?.destination = Some(destination);
    Ok(out)
}

fn status(destination: &Destination, works: bool) -> &'static str {
    match (destination.verified, works) {
        (_, false) => "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY",
        (false, true) => "PENDING_VERIFICATION",
        (true, true) => "PUBLISHING",
    }
}

pub(super) fn list(world: &World, call: &Call<'_>) -> Result<Value, Refusal> {
    let destination = own(world, call)?.destination.as_ref();
    let items = destination.iter().map(|destination| {
        let works = delivery::check(world, call.account(), call.region, destination).is_ok();
        json!({
            "destinationId": destination.id, "destinationType": "S3", "status": status(destination, works),
        })
    });
    page(call, "destinations", items.collect())
}

pub(super) fn update(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    let mut destination = find(world, call)?;
    let (arn, key) = properties(call)?;
    destination.arn = arn.unwrap_or(destination.arn);
    destination.key = key.unwrap_or(destination.key);
    check(world, call, &destination)?;
    (destination.verified, destination.failing_since) = (false, 0);
    own_mut(world, call)?.destination = Some(destination);
    Ok(json!({}))
}

pub(super) fn delete(world: &mut World, call: &Call<'_>) -> Result<Value, Refusal> {
    find(world, call)?;
    own_mut(world, call)?.destination = None;
    Ok(json!({}))
}
