//! What each difference of a detector, of its export and of its membership takes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::{Case, KEY, OTHER_KEY, operations};
use crate::aws::clients::Access;
use crate::aws::tests::wire::Wire;
use crate::model::{Address, Arn, Fault, OpError, Target};
use crate::services::adapter::{Cell, Order, Write};
use crate::services::estate::{BASELINE, Estate, PROFILES, pretty, region};
use crate::services::guardduty::{Detector, Member, Members, Membership, PublishingDestination, Standing};
use crate::services::{Aside, Place, Reading, Reference, Service, Spec};

pub(super) const DETECTOR: &str = "arn:aws:guardduty:us-east-1:222222222222:detector/d1";
pub(super) const DESTINATION: &str = "arn:aws:guardduty:us-east-1:222222222222:detector/d1/publishingDestination/p1";

/// The tag of a creation that could not name everything goes once everything is as asked for.
const UNMARKED: &str = "DELETE /tags/arn%3Aaws%3Aguardduty%3Aus-east-1%3A222222222222%3Adetector%2Fd1tagKeys";

/// The baseline with GuardDuty, and a prefix for its folder.
pub(super) fn declare(baseline: &str) -> String {
    let prefixed = baseline.replace("[log_bucket]", "[log_bucket]\nprefix = \"org\"");
    format!("{prefixed}\n[guardduty]\nfeatures = {{ S3_DATA_EVENTS = true, RUNTIME_MONITORING = true }}\n")
}

pub(super) fn detectors(detector: &Detector) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Detector)| {
        let mut seen = detector.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::GuarddutyDetector(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no detector", seen: None, sends: &["POST /detector", "GET /detector/d1", UNMARKED] },
        case("a suspended detector", &["POST /detector/d1"], |d| d.enabled = false),
        case("another frequency", &["POST /detector/d1"], |d| d.finding_publishing_frequency = "ONE_HOUR".to_owned()),
        case("a feature off", &["POST /detector/d1"], |d| {
            d.features.insert("S3_DATA_EVENTS".to_owned(), false);
        }),
        case("no tags", &["POST /tags/arn%3Aaws%3Aguardduty%3Aus-east-1%3A222222222222%3Adetector%2Fd1"], |d| {
            d.tags.clear();
        }),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn destinations(destination: &PublishingDestination) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut PublishingDestination)| {
        let mut seen = destination.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::GuarddutyPublishingDestination(Box::new(seen))), sends }
    };
    const MOVED: &[&str] = &["POST /detector/d1/publishingDestination/p1", "GET /detector/d1/publishingDestination/p1"];
    vec![
        Case {
            what: "no export",
            seen: None,
            sends: &[
                "GET /detector",
                "POST /detector/d1/publishingDestination",
                "GET /detector/d1/publishingDestination/p1",
            ],
        },
        case("another bucket", MOVED, |d| d.destination.push('x')),
        case("another key", MOVED, |d| d.kms_key = Some(Reference::Is(OTHER_KEY.parse().unwrap()))),
        case("a broken export", MOVED, |d| d.status = "UNABLE_TO_PUBLISH_FIX_DESTINATION_PROPERTY".to_owned()),
        case(
            "no tags",
            &[
                "POST /tags/arn%3Aaws%3Aguardduty%3Aus-east-1%3A222222222222%3Adetector%2Fd1%2FpublishingDestination%2Fp1",
            ],
            |d| d.tags.clear(),
        ),
        case("no difference", &[], |_| ()),
    ]
}

/// What GuardDuty answers.
pub(super) fn answer(asked: &str) -> Option<(u16, &'static str)> {
    let body = match asked {
        "GET /detector" => r#"{"detectorIds": ["d1"]}"#,
        "POST /detector" => r#"{"detectorId": "d1"}"#,
        "GET /detector/d1" => r#"{"status": "ENABLED", "serviceRole": "r", "features": []}"#,
        "POST /detector/d1/publishingDestination" => r#"{"destinationId": "p1"}"#,
        "GET /detector/d1/publishingDestination/p1" => {
            r#"{"destinationId": "p1", "status": "PUBLISHING", "destinationProperties": {}}"#
        }
        "GET /invitation" => {
            r#"{"invitations": [{"accountId": "999999999999", "invitationId": "i0"},
                {"accountId": "222222222222", "invitationId": "i1"}]}"#
        }
        _ => return None,
    };
    Some((200, body))
}

fn ready(asked: &str) -> (u16, &'static str) {
    answer(asked).unwrap_or((200, "{}"))
}

async fn write<T: Write>(wire: &Wire, spec: &T, seen: Option<&T>, address: &str) -> Result<Arn, OpError> {
    let session = wire.session(Access::Write);
    let address: Address = address.parse().unwrap();
    let arn: Arn = if address.name == "s3" { DESTINATION } else { DETECTOR }.parse().unwrap();
    spec.apply(seen, &Order { session: &session, address: &address, arn: seen.map(|_| &arn) }).await
}

const DETECTOR_AT: &str = "222222222222/us-east-1/guardduty.detector/detector";
const DESTINATION_AT: &str = "222222222222/us-east-1/guardduty.publishing_destination/s3";
const MEMBERS_AT: &str = "222222222222/us-east-1/guardduty.members/members";
const MEMBERSHIP_AT: &str = "222222222222/us-east-1/guardduty.membership/administrator";

fn members(of: &[(usize, &str, Standing)]) -> Members {
    let member = |email: &str, standing| Member { email: email.to_owned(), standing };
    let members: BTreeMap<String, Member> =
        of.iter().map(|(id, email, standing)| (format!("{id:012}"), member(email, *standing))).collect();
    Members { members, ..Members::default() }
}

#[tokio::test]
async fn members_are_made_and_invited_fifty_at_a_time() {
    let all: Vec<_> = (1..=120).map(|id| (id, "a@example.com", Standing::Invited)).collect();
    let wire = Wire::new(ready);
    write(&wire, &members(&all), None, MEMBERS_AT).await.unwrap();
    let sent = operations(wire.sent());
    let count = |path: &str| sent.iter().filter(|asked| **asked == format!("POST /detector/d1/member{path}")).count();
    assert_eq!((sent.len(), count(""), count("/invite")), (7, 3, 3), "{sent:?}");
}

#[tokio::test]
async fn each_member_gets_what_it_lacks() {
    use Standing::{Created, EmailVerificationFailed, Ended, Invited, Stopped};
    for (seen, sends) in [
        (("a@example.com", Invited), &[][..]),
        (("a@example.com", Created), &["/invite"]),
        (("a@example.com", Ended), &["/invite"]),
        (("a@example.com", Stopped), &["/start"]),
        (("b@example.com", EmailVerificationFailed), &["/delete", "", "/invite"]),
    ] {
        let wire = Wire::new(ready);
        let there = members(&[(1, seen.0, seen.1), (2, "c@example.com", Created)]);
        // The second is somebody else's.
        let wanted = members(&[(1, "a@example.com", Invited), (2, "c@example.com", Created)]);
        write(&wire, &wanted, Some(&there), MEMBERS_AT).await.unwrap();
        let expected: Vec<String> = ["GET /detector".to_owned()]
            .into_iter()
            .chain(sends.iter().map(|path| format!("POST /detector/d1/member{path}")))
            .collect();
        assert_eq!(operations(wire.sent()), expected, "{seen:?}");
    }
}

#[tokio::test]
async fn accounts_that_were_not_processed_are_told_and_hold_nobody_else_up() {
    fn first_refused(asked: &str) -> (u16, &'static str) {
        match asked {
            "POST /detector/d1/member" => {
                (200, r#"{"unprocessedAccounts": [{"accountId": "000000000001", "result": "it is a member already"}]}"#)
            }
            _ => ready(asked),
        }
    }
    let wire = Wire::new(first_refused);
    let one = members(&[(1, "a@example.com", Standing::Invited)]);
    let error = write(&wire, &one, None, MEMBERS_AT).await.unwrap_err();
    assert!(error.message.contains("000000000001: it is a member already"), "{error}");
    assert!(error.hint.is_some());
    assert_eq!(operations(wire.sent()), ["GET /detector", "POST /detector/d1/member"], "it is not invited");
    let two = members(&[(1, "a@example.com", Standing::Invited), (2, "b@example.com", Standing::Invited)]);
    write(&wire, &two, None, MEMBERS_AT).await.unwrap();
    assert_eq!(operations(wire.sent()).last().unwrap(), "POST /detector/d1/member/invite");
}

#[tokio::test]
async fn a_member_accepts_the_declared_administrators_invitation() {
    let wire = Wire::new(ready);
    let membership = Membership { administrator: "222222222222".parse().unwrap(), enabled: true };
    write(&wire, &membership, None, MEMBERSHIP_AT).await.unwrap();
    assert_eq!(operations(wire.sent()), ["GET /detector", "GET /invitation", "POST /detector/d1/administrator"]);
}

fn detector(features: &[(&str, bool)]) -> Detector {
    Detector {
        enabled: true,
        finding_publishing_frequency: "ONE_HOUR".to_owned(),
        features: features.iter().map(|(name, on)| ((*name).to_owned(), *on)).collect(),
        tags: BTreeMap::new(),
        bounds: Aside::default(),
    }
}

#[tokio::test]
async fn a_feature_that_is_refused_by_name_on_creation_is_left_out() {
    static REFUSALS: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    fn refusing(asked: &str) -> (u16, &'static str) {
        match REFUSALS.lock().unwrap().pop().filter(|_| asked == "POST /detector") {
            Some(refusal) => (400, refusal),
            None => ready(asked),
        }
    }
    let spec = detector(&[("AI_ANALYST", false), ("S3_DATA_EVENTS", true)]);
    let wire = Wire::new(refusing);
    REFUSALS
        .lock()
        .unwrap()
        .push(r#"{"__type": "BadRequestException", "message": "AI_ANALYST is not supported here"}"#);
    assert_eq!(write(&wire, &spec, None, DETECTOR_AT).await.unwrap().to_string(), DETECTOR);
    assert_eq!(operations(wire.sent()), ["POST /detector", "POST /detector", "GET /detector/d1", UNMARKED]);
}

#[tokio::test]
async fn a_policy_that_guardduty_does_not_see_yet_is_waited_for() {
    static REFUSALS: Mutex<u32> = Mutex::new(1);
    fn refusing(asked: &str) -> (u16, &'static str) {
        let mut refusals = REFUSALS.lock().unwrap();
        if asked == "POST /detector/d1/publishingDestination" && *refusals > 0 {
            *refusals -= 1;
            let message = r#"{"__type": "BadRequestException", "message": "The request failed because the GuardDuty service principal does not have permission to the KMS key or the resource specified by the destinationArn parameter."}"#;
            return (400, message);
        }
        ready(asked)
    }
    let spec = PublishingDestination {
        destination: "arn:aws:s3:::logs/org".to_owned(),
        kms_key: Some(Reference::Is(KEY.parse().unwrap())),
        status: "PUBLISHING".to_owned(),
        tags: BTreeMap::new(),
        bucket_owner: Aside(None),
        external: Aside(None),
    };
    let wire = Wire::new(refusing);
    assert_eq!(write(&wire, &spec, None, DESTINATION_AT).await.unwrap().to_string(), DESTINATION);
    let sent = operations(wire.sent());
    let tried = sent.iter().filter(|asked| *asked == "POST /detector/d1/publishingDestination").count();
    assert_eq!(tried, 2, "{sent:?}");
}

/// C11: what GuardDuty says of a second export is not documented.
#[tokio::test]
async fn a_second_export_is_told_as_such_whatever_the_words() {
    let spec = PublishingDestination {
        destination: "arn:aws:s3:::logs".to_owned(),
        kms_key: Some(Reference::Is(KEY.parse().unwrap())),
        status: "PUBLISHING".to_owned(),
        tags: BTreeMap::new(),
        bucket_owner: Aside(None),
        external: Aside(None),
    };
    fn there(asked: &str, refusal: &'static str) -> (u16, &'static str) {
        match asked {
            "POST /detector/d1/publishingDestination" => (400, refusal),
            "GET /detector/d1/publishingDestination" => {
                (200, r#"{"destinations": [{"destinationId": "p9", "destinationType": "S3", "status": "PUBLISHING"}]}"#)
            }
            _ => ready(asked),
        }
    }
    type Answers = fn(&str) -> (u16, &'static str);
    const WORDS: [Answers; 3] = [
        |asked| {
            there(asked, r#"{"__type": "BadRequestException", "message": "a publishingDestination already exists"}"#)
        },
        |asked| {
            there(asked, r#"{"__type": "BadRequestException", "message": "A Publishing Destination already exists."}"#)
        },
        |asked| there(asked, r#"{"__type": "BadRequestException", "message": "Nobody knows these words."}"#),
    ];
    for words in WORDS {
        let error = write(&Wire::new(words), &spec, None, DESTINATION_AT).await.unwrap_err();
        assert!(error.hint.as_deref().unwrap_or_default().contains("run again"), "{error:?}");
    }
}

#[tokio::test]
async fn another_mistake_is_not_waited_for() {
    let wire = Wire::new(|asked| match asked {
        "POST /detector/d1" => (
            400,
            r#"{"__type": "BadRequestException", "message": "the input detectorId is not owned by the current account."}"#,
        ),
        _ => ready(asked),
    });
    let mut seen = detector(&[]);
    seen.enabled = false;
    let error = write(&wire, &detector(&[]), Some(&seen), DETECTOR_AT).await.unwrap_err();
    assert_eq!((error.fault, error.attempts), (Fault::Other, 1));
    assert!(error.hint.unwrap().contains("deleted or replaced"));
}

#[tokio::test]
async fn an_export_that_is_being_verified_is_waited_for_and_not_written() {
    let there = |status: &str| PublishingDestination {
        destination: "arn:aws:s3:::logs".to_owned(),
        kms_key: Some(Reference::Is(KEY.parse().unwrap())),
        status: status.to_owned(),
        tags: BTreeMap::new(),
        bucket_owner: Aside(None),
        external: Aside(None),
    };
    let wire = Wire::new(ready);
    write(&wire, &there("PUBLISHING"), Some(&there("PENDING_VERIFICATION")), DESTINATION_AT).await.unwrap();
    assert_eq!(operations(wire.sent()), ["GET /detector/d1/publishingDestination/p1"]);
}

/// What the security account's cell in us-east-1 reads, as text, and what was asked for it.
async fn reading(baseline: &str, answer: fn(&str) -> (u16, &'static str)) -> (String, Vec<String>) {
    let estate = Estate::new(PROFILES, &format!("{BASELINE}[guardduty]\n{baseline}"));
    let wire = Wire::new(answer);
    let session = wire.session(Access::Read);
    let regions = [region("us-east-1")];
    let account = estate.account("222222222222");
    let (place, target) = (Place { account, regions: &regions }, Target::new(account.id, region("us-east-1")));
    let declared = estate.declared();
    let cell = Cell { session: &session, target: &target, declared: &declared, place: &place };
    let Reading { found, notes, .. } = Service::Guardduty.observe(&cell).await.unwrap();
    let found = found.iter().map(|found| format!("{} {}\n{}\n", found.address, found.arn, pretty(&found.spec)));
    let notes = notes.iter().map(|note| format!("{}: {}\n", note.topic, note.text));
    (found.chain(notes).collect(), operations(wire.sent()))
}

const SEEN_DETECTOR: &str = r#"{"status": "ENABLED", "findingPublishingFrequency": "SIX_HOURS", "serviceRole": "r",
    "features": [{"name": "CLOUD_TRAIL", "status": "ENABLED"}, {"name": "S3_DATA_EVENTS", "status": "DISABLED"},
        {"name": "RDS_LOGIN_EVENTS", "status": "DISABLED", "managedBy": "GUARDDUTY_POLICY"},
        {"name": "RUNTIME_MONITORING", "status": "ENABLED",
         "additionalConfiguration": [{"name": "EC2_AGENT_MANAGEMENT", "status": "ENABLED"}]}],
    "tags": {"team": "x"}}"#;

#[tokio::test]
async fn a_detector_and_its_export_are_read() {
    fn there(asked: &str) -> (u16, &'static str) {
        match asked {
            "GET /detector/d1" => (200, SEEN_DETECTOR),
            "GET /detector/d1/publishingDestination" => {
                (200, r#"{"destinations": [{"destinationId": "p1", "destinationType": "S3", "status": "PUBLISHING"}]}"#)
            }
            "GET /detector/d1/publishingDestination/p1" => (
                200,
                r#"{"destinationId": "p1", "destinationType": "S3", "status": "STOPPED", "destinationProperties":
                    {"destinationArn": "arn:aws:s3:::logs/org/",
                     "kmsKeyArn": "arn:aws:kms:ap-northeast-1:222222222222:key/1"}, "tags": {"a": "b"}}"#,
            ),
            _ => ready(asked),
        }
    }
    let features = "features = { S3_DATA_EVENTS = true, AI_ANALYST = true, RDS_LOGIN_EVENTS = true }\n";
    let (text, sent) = reading(features, there).await;
    insta::assert_snapshot!(text, @r#"
    222222222222/us-east-1/guardduty.detector/detector arn:aws:guardduty:us-east-1:222222222222:detector/d1
    {
      "enabled": true,
      "features": {
        "RDS_LOGIN_EVENTS": false,
        "RUNTIME_MONITORING": true,
        "RUNTIME_MONITORING.EC2_AGENT_MANAGEMENT": true,
        "S3_DATA_EVENTS": false
      },
      "finding_publishing_frequency": "SIX_HOURS",
      "tags": {
        "team": "x"
      }
    }
    222222222222/us-east-1/guardduty.publishing_destination/s3 arn:aws:guardduty:us-east-1:222222222222:detector/d1/publishingDestination/p1
    {
      "destination": "arn:aws:s3:::logs/org",
      "kms_key": "arn:aws:kms:ap-northeast-1:222222222222:key/1",
      "status": "STOPPED",
      "tags": {
        "a": "b"
      }
    }
    guardduty-feature: GuardDuty does not offer AI_ANALYST here: it is declared and skipped
    guardduty-policy: a GuardDuty policy of the organization manages RDS_LOGIN_EVENTS: it is left as it is
    "#);
    assert_eq!(
        sent,
        [
            "GET /detector",
            "GET /detector/d1/administrator",
            "GET /detector/d1",
            "GET /detector/d1/filter",
            "GET /detector/d1/publishingDestination",
            "GET /detector/d1/publishingDestination/p1",
        ]
    );
    // What is not declared is not read.
    let (_, sent) = reading("publish = false\n", there).await;
    assert_eq!(
        sent,
        ["GET /detector", "GET /detector/d1/administrator", "GET /detector/d1", "GET /detector/d1/filter"]
    );
}

#[tokio::test]
async fn a_detector_of_another_administrator_is_told() {
    fn theirs(asked: &str) -> (u16, &'static str) {
        match asked {
            "GET /detector/d1" => (200, SEEN_DETECTOR),
            "GET /detector/d1/administrator" => {
                (200, r#"{"administrator": {"accountId": "999999999999", "relationshipStatus": "Enabled"}}"#)
            }
            _ => (200, r#"{"detectorIds": ["d1"], "destinations": []}"#),
        }
    }
    let (text, _) = reading("features = { S3_DATA_EVENTS = true }\n", theirs).await;
    insta::assert_snapshot!(text.lines().last().unwrap(), @"external-detector: account 999999999999 administers the detector, which with its export is left as it is; not as declared: finding_publishing_frequency, S3_DATA_EVENTS");
    assert!(
        text.contains("guardduty.publishing_destination/s3"),
        "what stands for the export that is not made: {text}"
    );
}

#[tokio::test]
async fn a_region_without_a_detector_holds_nothing() {
    let (text, sent) = reading("", |_| (200, r#"{"detectorIds": []}"#)).await;
    assert_eq!((text.as_str(), sent.as_slice()), ("", &["GET /detector".to_owned()][..]));
}
