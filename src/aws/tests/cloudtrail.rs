//! What each difference of a trail takes.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::script::{Answer, Script};
use super::{Case, apply, taken};
use crate::aws::Rates;
use crate::model::Arn;
use crate::services::Spec;
use crate::services::adapter::Order;
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

/// A trail that is being changed elsewhere, or is not done with the change before.
#[test]
fn every_change_of_a_trail_waits_out_a_conflict() {
    let trails = || super::cases().into_iter().filter(|(_, spec, _)| matches!(spec, Spec::CloudtrailTrail(_)));
    let script = || {
        let seen: Mutex<BTreeSet<String>> = Mutex::default();
        Script::new(move |asked| match seen.lock().unwrap().insert(asked.what.clone()) {
            true => Answer::json(400, "ConflictException", "being changed"),
            false => {
                let (status, body) = taken(&asked.what);
                Answer::Http(status, &[], body.to_owned())
            }
        })
    };
    for (address, spec, case) in trails() {
        let script = script();
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, "222222222222");
        let applied = script.run(apply(&session, &address, &spec, &case)).0;
        assert!(applied.is_ok(), "{}: {applied:?}", case.what);
        assert!(case.sends.iter().all(|what| script.count(what) == 2), "{}: {:?}", case.what, script.asked());
    }
    let (address, spec, _) = trails().next().unwrap();
    let script = script();
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, "222222222222");
    let arn: Arn = "arn:aws:cloudtrail:us-east-1:222222222222:trail/baseline".parse().unwrap();
    script.run(spec.delete(&Order { session: &session, address: &address, arn: Some(&arn) })).0.unwrap();
    assert_eq!(script.count("DeleteTrail"), 2);
}
