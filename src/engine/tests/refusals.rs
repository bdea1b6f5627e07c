//! What must never be written, however it came into a plan.

use serde_json::json;

use super::estate::{Estate, PROFILES, TRAILS};
use crate::engine::{Survey, SurveyOptions};
use crate::report::{Events, Outcome};
use crate::sandbox::Tamper;
use crate::services::Kind;

/// A plan is not believed to have been checked: what it changes is, before it is written.
#[test]
fn a_change_that_the_linter_refuses_on_the_second_look_is_left_alone() {
    let mut estate = Estate::new(PROFILES, TRAILS);
    let made = estate.run();
    let bucket = made.plan.changes.iter().find(|change| change.address.kind == Kind::S3Bucket).unwrap();
    let bucket = bucket.address.clone();
    let name = bucket.name.clone();
    // The planner keeps a statement that is not ours. That it denies the bucket to the role in use, only the linter sees.
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Closed", "Effect": "Deny", "Principal": { "AWS": "arn:aws:iam::222222222222:role/BaselineSecurity" },
        "Action": "s3:PutBucketPolicy", "Resource": format!("arn:aws:s3:::{name}"),
    }] });
    estate.cloud.tamper(Tamper::PutBucketPolicy { bucket: name, policy: Some(policy) }).unwrap();
    let nobody = Events::nowhere();
    let chain = estate.chain(&nobody);
    let baseline = estate.loaded.baseline.as_ref().unwrap();
    let (survey, options) = (Survey::new(&chain, &estate.loaded.profiles, &nobody), SurveyOptions::default());
    let (plan, revised) = estate.time.runtime().block_on(async {
        let (unchecked, _) = survey.look(baseline, &options, None).await;
        let revised = survey.revise(baseline, &options, &unchecked, None).await;
        (unchecked, revised)
    });
    let planned: Vec<_> = plan.changes.iter().map(|change| &change.address).collect();
    assert_eq!(planned, [&bucket]);
    assert_eq!(revised.plan.changes, []);
    let [(address, Outcome::Stale { reason })] = &revised.settled[..] else { panic!("{:#?}", revised.settled) };
    assert_eq!(*address, bucket);
    assert!(reason.starts_with("it is held back by now: refused: statement Closed of the bucket policy"), "{reason}");
}
