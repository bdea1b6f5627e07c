//! Detectors against a GuardDuty that switches on what a request does not name, and refuses without saying why.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::script::{Answer, Asked, Script};
use crate::aws::Rates;
use crate::model::{Address, Arn, Fault, OpError};
use crate::services::adapter::{Order, Write as _};
use crate::services::guardduty::{Detector, Features};
use crate::services::{Aside, Resource as _, Tags, Terms};

const ARN: &str = "arn:aws:guardduty:us-east-1:222222222222:detector/d1";
const UNNAMED: &str =
    "The request is rejected because an invalid or out-of-range value is specified as an input parameter.";

/// What the faked GuardDuty offers, and what it refuses.
#[derive(Default)]
struct Duty {
    /// Features, and whether each is on where a new detector is not told of it.
    offers: Vec<(&'static str, bool)>,
    /// A creation that names one of them is refused.
    refuses: Vec<&'static str>,
    /// An update that names one of them is refused.
    stuck: Vec<&'static str>,
    /// No creation is taken.
    never: bool,
    /// What a refusal says.
    says: &'static str,
    /// The detector, once there is one.
    features: Option<BTreeMap<String, bool>>,
}

impl Duty {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or_default();
        let named = || body["features"].as_array().into_iter().flatten();
        let says = |names: &[&str]| named().any(|one| names.contains(&one["name"].as_str().unwrap()));
        match asked.what.as_str() {
            "GET /detector" => {
                let ids = if self.features.is_some() { json!(["d1"]) } else { json!([]) };
                Answer::ok(&json!({ "detectorIds": ids }).to_string())
            }
            "POST /detector" if self.never || says(&self.refuses) => {
                Answer::json(400, "BadRequestException", self.says)
            }
            "POST /detector" => {
                let mut features: BTreeMap<String, bool> =
                    self.offers.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect();
                features.extend(named().map(switched));
                self.features = Some(features);
                Answer::ok(r#"{"detectorId": "d1"}"#)
            }
            "GET /detector/d1" => {
                let features = self.features.iter().flatten();
                let list: Vec<Value> = features
                    .map(|(name, on)| json!({ "name": name, "status": if *on { "ENABLED" } else { "DISABLED" } }))
                    .collect();
                Answer::ok(&json!({ "status": "ENABLED", "serviceRole": "r", "features": list }).to_string())
            }
            "POST /detector/d1" if says(&self.stuck) => Answer::json(400, "BadRequestException", self.says),
            "POST /detector/d1" => {
                if says(&["RUNTIME_MONITORING"]) && says(&["EKS_RUNTIME_MONITORING"]) {
                    return Answer::json(400, "BadRequestException", UNNAMED);
                }
                self.features.get_or_insert_default().extend(named().map(switched));
                Answer::ok("{}")
            }
            _ => Answer::ok("{}"),
        }
    }
}

fn switched(one: &Value) -> (String, bool) {
    (one["name"].as_str().unwrap().to_owned(), one["status"] == "ENABLED")
}

const OFFERED: [(&str, bool); 5] = [
    ("AI_ANALYST", true),
    ("EKS_AUDIT_LOGS", true),
    ("EKS_RUNTIME_MONITORING", true),
    ("RUNTIME_MONITORING", false),
    ("S3_DATA_EVENTS", true),
];

fn duty() -> Duty {
    Duty { offers: OFFERED.to_vec(), says: UNNAMED, ..Duty::default() }
}

fn detector(features: &[(&str, bool)]) -> Detector {
    Detector {
        enabled: true,
        finding_publishing_frequency: "ONE_HOUR".to_owned(),
        features: features.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect(),
        tags: Tags::from([("ManagedBy".to_owned(), "baseline".to_owned())]),
        bounds: Aside::default(),
    }
}

const WANTED: [(&str, bool); 4] =
    [("AI_ANALYST", false), ("EKS_AUDIT_LOGS", false), ("RUNTIME_MONITORING", false), ("S3_DATA_EVENTS", true)];

/// Writes a detector, and answers what came of it, what was sent, and the features that are on in the end.
fn write(duty: Duty, spec: &Detector, seen: Option<&Detector>) -> (Result<Arn, OpError>, Vec<Asked>, String) {
    let duty = Arc::new(Mutex::new(duty));
    let script = Script::new({
        let duty = duty.clone();
        move |asked| duty.lock().unwrap().answer(asked)
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, "222222222222");
    let address: Address = "222222222222/us-east-1/guardduty.detector/detector".parse().unwrap();
    let arn: Arn = ARN.parse().unwrap();
    let order = Order { session: &session, address: &address, arn: seen.map(|_| &arn) };
    let (result, _) = script.run(spec.apply(seen, &order));
    let duty = duty.lock().unwrap();
    let on = duty.features.iter().flatten().filter(|(_, on)| **on).map(|(name, _)| name.as_str());
    let on = on.collect::<Vec<_>>().join(" ");
    (result, script.asked(), on)
}

fn sent(asked: &[Asked], what: &str) -> usize {
    asked.iter().filter(|one| one.what == what).count()
}

#[test]
fn a_creation_that_is_taken_is_read_back_and_what_it_could_not_name_is_switched_off() {
    let (result, asked, on) = write(duty(), &detector(&WANTED), None);
    assert_eq!(result.unwrap().to_string(), ARN);
    assert_eq!(on, "S3_DATA_EVENTS", "GuardDuty switches on what it is not told of");
    assert_eq!((sent(&asked, "POST /detector"), sent(&asked, "POST /detector/d1")), (1, 1));
}

#[test]
fn a_creation_that_is_refused_without_a_name_is_sent_with_one_suspect_less() {
    for refuses in [vec!["AI_ANALYST"], vec!["EKS_AUDIT_LOGS"], vec!["AI_ANALYST", "S3_DATA_EVENTS"]] {
        let (result, asked, on) = write(Duty { refuses: refuses.clone(), ..duty() }, &detector(&WANTED), None);
        assert_eq!(result.unwrap().to_string(), ARN, "{refuses:?}");
        assert_eq!(on, "S3_DATA_EVENTS", "{refuses:?}");
        assert!(sent(&asked, "POST /detector") <= 1 + WANTED.len(), "{refuses:?}");
    }
}

#[test]
fn what_cannot_be_switched_off_is_told_with_its_cost_and_marked() {
    let refusing = Duty { refuses: vec!["AI_ANALYST"], stuck: vec!["AI_ANALYST"], ..duty() };
    let (result, asked, on) = write(refusing, &detector(&WANTED), None);
    let error = result.unwrap_err();
    assert_eq!(error.fault, Fault::Partial);
    assert!(error.message.contains("AI_ANALYST") && error.message.contains("bills"), "{error}");
    assert_eq!(on, "AI_ANALYST S3_DATA_EVENTS", "the others are off all the same");
    let marked = asked.iter().find(|one| one.what.starts_with("POST /tags/")).unwrap();
    assert!(marked.body.contains("AI_ANALYST"), "{}", marked.body);
}

#[test]
fn a_run_that_ends_after_the_creation_leaves_a_mark_for_the_next() {
    let (result, asked, _) = write(duty(), &detector(&WANTED), None);
    result.unwrap();
    let created = asked.iter().find(|one| one.what == "POST /detector").unwrap();
    let marked: Value = serde_json::from_str(&created.body).unwrap();
    assert!(marked["tags"]["BaselineNotSwitchedOff"].as_str().unwrap().contains("EKS_RUNTIME_MONITORING"), "{marked}");
    assert_eq!(asked.iter().filter(|one| one.what.starts_with("DELETE /tags/")).count(), 1);

    // The next one finds it on, and switches it off.
    let mut seen = detector(&[("EKS_RUNTIME_MONITORING", true), ("S3_DATA_EVENTS", true)]);
    seen.tags.insert("BaselineNotSwitchedOff".to_owned(), "EKS_RUNTIME_MONITORING".to_owned());
    let mut spec = detector(&WANTED);
    spec.adopt(&seen, &Terms::default());
    let there = Duty { features: Some(seen.features.clone()), ..duty() };
    let (result, asked, on) = write(there, &spec, Some(&seen));
    result.unwrap();
    assert_eq!(on, "S3_DATA_EVENTS");
    assert_eq!(asked.iter().filter(|one| one.what.starts_with("DELETE /tags/")).count(), 1);
}

#[test]
fn a_creation_that_was_never_about_features_is_told_as_it_was_refused() {
    let never = Duty { never: true, says: "the account is not what GuardDuty wants", ..duty() };
    let (result, asked, _) = write(never, &detector(&WANTED), None);
    assert!(result.unwrap_err().message.contains("not what GuardDuty wants"));
    assert_eq!(sent(&asked, "POST /detector"), 1 + WANTED.len(), "each suspect was left out, and it was none of them");
}

/// C11: whether there is a detector already is looked up, whatever the words of the refusal are.
#[test]
fn a_second_detector_is_not_tried_again_whatever_the_words() {
    for says in [
        "The request is rejected because a detector already exists for the current account.",
        "A Detector Already Exists in this Region",
        "Something that nobody has heard GuardDuty say.",
    ] {
        let there = Duty { refuses: vec!["S3_DATA_EVENTS"], says, features: Some(BTreeMap::new()), ..duty() };
        let (result, asked, _) = write(there, &detector(&WANTED), None);
        assert!(result.unwrap_err().hint.unwrap().contains("run again"), "{says}");
        assert_eq!(sent(&asked, "POST /detector"), 1, "{says}");
    }
}

#[test]
fn what_monitors_all_is_switched_on_before_what_monitors_eks_is_switched_off() {
    let there = [("EKS_RUNTIME_MONITORING", true), ("RUNTIME_MONITORING", false)];
    let seen = detector(&there);
    let spec = detector(&[("EKS_RUNTIME_MONITORING", false), ("RUNTIME_MONITORING", true)]);
    let old: Features = seen.features.clone();
    let (result, asked, on) = write(Duty { features: Some(old.clone()), ..duty() }, &spec, Some(&seen));
    result.unwrap();
    assert_eq!(on, "RUNTIME_MONITORING");
    let updates: Vec<&str> = asked.iter().filter(|one| one.what == "POST /detector/d1").map(|one| &*one.body).collect();
    assert_eq!(updates.len(), 2, "{updates:?}");
    assert!(
        updates[0].contains("\"RUNTIME_MONITORING\"") && updates[1].contains("\"EKS_RUNTIME_MONITORING\""),
        "{updates:?}"
    );

    // Where the new one is refused the old one stays on.
    let stuck = Duty { features: Some(old), stuck: vec!["RUNTIME_MONITORING"], ..duty() };
    let (result, _, on) = write(stuck, &spec, Some(&seen));
    assert!(result.is_err());
    assert_eq!(on, "EKS_RUNTIME_MONITORING");
}

#[test]
fn a_refused_feature_loses_neither_the_rest_nor_the_tags() {
    let mut seen = detector(&[("AI_ANALYST", false), ("S3_DATA_EVENTS", false), ("EKS_AUDIT_LOGS", true)]);
    (seen.enabled, seen.finding_publishing_frequency) = (false, "SIX_HOURS".to_owned());
    seen.tags.clear();
    let spec = detector(&[("AI_ANALYST", true), ("S3_DATA_EVENTS", true), ("EKS_AUDIT_LOGS", true)]);
    let there = Duty { features: Some(seen.features.clone()), stuck: vec!["AI_ANALYST"], ..duty() };
    let (result, asked, on) = write(there, &spec, Some(&seen));
    assert_eq!(result.unwrap_err().code.as_deref(), Some("BadRequestException"));
    assert_eq!(on, "EKS_AUDIT_LOGS S3_DATA_EVENTS");
    let alone = |one: &&Asked| {
        one.body.contains("\"enable\":true") && one.body.contains("ONE_HOUR") && !one.body.contains("AI_ANALYST")
    };
    assert_eq!(asked.iter().filter(alone).count(), 1);
    assert_eq!(asked.iter().filter(|one| one.what.starts_with("POST /tags/")).count(), 1);
}
