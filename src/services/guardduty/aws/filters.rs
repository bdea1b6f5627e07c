//! Filters that archive findings: an archived finding is told nobody.

use std::collections::BTreeMap;

use aws_sdk_guardduty as guardduty;
use guardduty::operation::get_filter::GetFilterOutput;
use guardduty::types::{Condition, FilterAction};
use serde_json::{Value, json};

use super::super::spec;
use crate::aws::send;
use crate::model::{Address, Fault, OpError};
use crate::services::adapter::Cell;
use crate::services::{Exposed, Note, Reading};

/// Looks at every filter of a detector: what one archives is neither exported nor sent to EventBridge (GuardDuty User
/// Guide, "Suppression rules": "the suppressed findings are not sent to any of the AWS services with which you may
/// integrate"; "Exporting findings": "archived findings … are not exported"). This program makes none.
///
/// # Errors
///
/// A call that failed otherwise than for want of a permission, which is a note.
pub(super) async fn read(
    cell: &Cell<'_>,
    address: &Address,
    detector: &str,
    reading: &mut Reading,
) -> Result<(), OpError> {
    match archiving(cell, detector).await {
        Ok(filters) => {
            reading.exposed.extend(filters.iter().map(|filter| exposed(address, filter)));
            Ok(())
        }
        Err(error) if matches!(error.fault, Fault::Denied | Fault::DeniedByScp) => {
            let text = format!(
                "whether a filter archives findings was not looked at: {} may not guardduty:{}",
                error.role.as_deref().unwrap_or("the role"),
                error.operation
            );
            reading.notes.push(Note { target: cell.target.clone(), topic: "not-looked-at".to_owned(), text });
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The filters that archive.
async fn archiving(cell: &Cell<'_>, detector: &str) -> Result<Vec<GetFilterOutput>, OpError> {
    let (session, region) = (cell.session, &cell.target.region);
    let mut filters = Vec::new();
    let mut pages = session.pages(region, "guardduty", "ListFilters");
    loop {
        let page = session
            .call(region, "guardduty", "ListFilters")
            .run(|| {
                let list = session.guardduty().list_filters().detector_id(detector);
                send!(guardduty, region, list.set_next_token(pages.token()))
            })
            .await?;
        for name in page.filter_names() {
            let filter = session
                .call(region, "guardduty", "GetFilter")
                .run(|| {
                    send!(guardduty, region, session.guardduty().get_filter().detector_id(detector).filter_name(name))
                })
                .await?;
            if filter.action() == Some(&FilterAction::Archive) {
                filters.push(filter);
            }
        }
        if !pages.turn(page.next_token)? {
            return Ok(filters);
        }
    }
}

fn exposed(address: &Address, filter: &GetFilterOutput) -> Exposed {
    let name = filter.name().unwrap_or_default();
    let criteria = criteria(filter);
    let about = match criteria.keys().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => "every finding".to_owned(),
        keys => format!("findings by {}", keys.join(", ")),
    };
    Exposed::new(
        address.clone(),
        format!(
            "filter `{name}` archives {about}: these are neither exported to the log bucket nor sent to EventBridge"
        ),
        format!(
            "delete it (`aws guardduty delete-filter {} --filter-name {name}`) if nobody wants it; if it is meant, accept \
             it with an [[exception]]",
            spec::this_detector(&address.target.region)
        ),
        &json!({ "filter": name, "criteria": criteria }),
    )
}

/// What a filter looks for, in one form: what widens it reads otherwise.
fn criteria(filter: &GetFilterOutput) -> BTreeMap<String, Value> {
    let all = filter.finding_criteria().and_then(|criteria| criteria.criterion()).into_iter().flatten();
    all.map(|(key, condition)| (key.clone(), value(condition))).collect()
}

#[expect(deprecated, reason = "a filter from before the new operators still answers with the old ones")]
fn value(condition: &Condition) -> Value {
    let texts = |texts: &[String]| {
        let mut texts = texts.to_vec();
        texts.sort();
        (!texts.is_empty()).then(|| json!(texts))
    };
    let first = |new: Option<i64>, old: Option<i32>| new.or(old.map(i64::from)).map(|number| json!(number));
    let either = |new: &[String], old: &[String]| texts(if new.is_empty() { old } else { new });
    let all = [
        ("equals", either(condition.equals(), condition.eq())),
        ("not_equals", either(condition.not_equals(), condition.neq())),
        ("matches", texts(condition.matches())),
        ("not_matches", texts(condition.not_matches())),
        ("greater_than", first(condition.greater_than(), condition.gt())),
        ("greater_than_or_equal", first(condition.greater_than_or_equal(), condition.gte())),
        ("less_than", first(condition.less_than(), condition.lt())),
        ("less_than_or_equal", first(condition.less_than_or_equal(), condition.lte())),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
