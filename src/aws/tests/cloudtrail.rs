//! What each difference of a trail takes.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::script::{Answer, Script};
use super::wire::Wire;
use super::{Case, apply, taken};
use crate::aws::Rates;
use crate::aws::clients::Access;
use crate::config::{Source, load};
use crate::model::{Arn, Region, Target};
use crate::services::adapter::{Cell, Order};
use crate::services::cloudtrail::{BasicSelectors, Selectors, Trail};
use crate::services::{Declared, Place, Resource, Service, Shared, Spec, Terms};

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

/// What is not declared is part of what was seen and no difference, and where a trail sends besides its bucket counts if it
/// is set.
#[tokio::test]
async fn what_a_trail_has_besides_is_kept_and_its_errors_count() {
    fn answer(asked: &str) -> (u16, &'static str) {
        let text = match asked {
            "DescribeTrails" => {
                r#"{"trailList": [{"Name": "baseline", "S3BucketName": "logs", "IncludeGlobalServiceEvents": true,
                    "IsMultiRegionTrail": false, "HomeRegion": "us-east-1", "LogFileValidationEnabled": true,
                    "TrailARN": "arn:aws:cloudtrail:us-east-1:333333333333:trail/baseline",
                    "SnsTopicARN": "arn:aws:sns:us-east-1:333333333333:trail", "HasInsightSelectors": true}]}"#
            }
            "GetTrailStatus" => {
                r#"{"IsLogging": true, "LatestDeliveryTime": 1900000000, "LatestNotificationError": "AuthorizationError",
                    "LatestCloudWatchLogsDeliveryError": "AccessDenied"}"#
            }
            "GetEventSelectors" => r#"{"TrailARN": "arn:aws:cloudtrail:us-east-1:333333333333:trail/baseline"}"#,
            "ListTags" => r#"{"ResourceTagList": [{"TagsList": [{"Key": "ManagedBy", "Value": "baseline"}]}]}"#,
            other => panic!("{other}"),
        };
        (200, text)
    }
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let profiles = source("profiles.toml", include_str!("../../../profiles.example.toml"));
    let text = "name = 'test'\n[log_bucket]\n[cloudtrail]\n";
    let loaded = load(&profiles, Some(&source("baseline.toml", text))).unwrap();
    let baseline = loaded.baseline.unwrap();
    let regions: [Region; 1] = ["us-east-1".parse().unwrap()];
    let shared = Shared::default();
    let declared = Declared { profiles: &loaded.profiles, baseline: &baseline, shared: &shared };
    let account = loaded.profiles.account("333333333333".parse().unwrap()).unwrap();
    let place = Place { account, regions: &regions };
    let target = Target::new(account.id, regions[0].clone());
    let wire = Wire::new(answer);
    let session = wire.session(Access::Read);
    let cell = Cell { session: &session, target: &target, declared: &declared, place: &place };
    let reading = Service::Cloudtrail.observe(&cell).await.unwrap();

    let undelivered: Vec<&str> = reading.undelivered.iter().map(|one| one.reason.as_str()).collect();
    assert_eq!(
        undelivered,
        [
            "CloudTrail cannot deliver notifications to its SNS topic from us-east-1: AuthorizationError; no delivery has \
          ever succeeded"
        ]
    );
    let Spec::CloudtrailTrail(seen) = &reading.found[0].spec else { panic!("{reading:?}") };
    assert_eq!(seen.rest["SnsTopicARN"], "arn:aws:sns:us-east-1:333333333333:trail");
    assert_eq!(seen.rest["HasInsightSelectors"], "true");
    let mut wanted = Trail { rest: Default::default(), ..(**seen).clone() };
    assert!(wanted != **seen, "a plan that was saved before is stale");
    wanted.adopt(seen, &Terms::default());
    assert!(wanted == **seen);
}
