use aws_sdk_config as sdk;
use sdk::types::Tag;

use crate::aws::{found, send};
use crate::model::OpError;
use crate::services::Tags;
use crate::services::adapter::{Cell, Order};

/// The tags of a resource; `None` where it has gone in the meantime.
pub(super) async fn read(cell: &Cell<'_>, arn: &str) -> Result<Option<Tags>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut tags = Tags::new();
    let mut pages = session.pages(region, "config", "ListTagsForResource");
    loop {
        let answer = session
            .call(region, "config", "ListTagsForResource")
            .run(|| {
                let list = session.config().list_tags_for_resource().resource_arn(arn);
                send!(sdk, region, list.set_next_token(pages.token()))
            })
            .await;
        let Some(page) = found(answer, &["ResourceNotFoundException"])? else { return Ok(None) };
        for tag in page.tags() {
            let key = cell.member("config", "ListTagsForResource", "a tag's key", tag.key())?;
            tags.insert(key.to_owned(), tag.value().unwrap_or_default().to_owned());
        }
        if !pages.turn(page.next_token)? {
            return Ok(Some(tags));
        }
    }
}

/// Tags as the SDK takes them.
pub(super) fn sdk_tags<'a>(tags: impl IntoIterator<Item = (&'a String, &'a String)>) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Sends the tags that differ: those of a `Put…` only count for what it creates (AWS Config API Reference,
/// `PutConfigRule`).
pub(super) async fn write(tags: &Tags, seen: &Tags, order: &Order<'_>) -> Result<(), OpError> {
    let changed = sdk_tags(tags.iter().filter(|(key, value)| seen.get(*key) != Some(*value)));
    if changed.is_empty() {
        return Ok(());
    }
    let (session, region) = (order.session, &order.address.target.region);
    let arn = order.existing()?.to_string();
    session
        .call(region, "config", "TagResource")
        .run(|| {
            let tag = session.config().tag_resource().resource_arn(&arn);
            send!(sdk, region, tag.set_tags(Some(changed.clone())))
        })
        .await?;
    Ok(())
}
