//! What each difference of a trail takes.

use super::Case;
use crate::services::Spec;
use crate::services::cloudtrail::{BasicSelectors, Selectors, Trail};

pub(super) fn cases(trail: &Trail) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Trail)| {
        let mut seen = trail.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::CloudtrailTrail(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no trail", seen: None, sends: &["CreateTrail", "StartLogging"] },
        case("a multi-Region trail", &["UpdateTrail"], |t| t.multi_region = true),
        case("no global events", &["UpdateTrail"], |t| t.include_global_service_events = false),
        case("another bucket", &["UpdateTrail"], |t| t.s3_bucket.push('x')),
        case("another prefix", &["UpdateTrail"], |t| t.s3_key_prefix = Some("x".to_owned())),
        case("another key", &["UpdateTrail"], |t| t.kms_key = None),
        case("no validation", &["UpdateTrail"], |t| t.log_file_validation = false),
        case("other selectors", &["PutEventSelectors"], |t| {
            t.event_selectors =
                Selectors::Basic(BasicSelectors { include_management_events: false, ..BasicSelectors::default() });
        }),
        case("no recording", &["StartLogging"], |t| t.logging = false),
        case("no tags", &["AddTags"], |t| t.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}
