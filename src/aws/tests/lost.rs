//! Answers that are lost after AWS took the call: nothing is made twice, and nothing that was made is mistaken for
//! somebody else's.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::script::{Answer, Asked, Script};
use super::{Case, account, all_specs, apply, taken};
use crate::aws::Rates;
use crate::model::{Address, Arn, Fault, OpError};
use crate::services::{Kind, Spec};

fn create(script: &Script, kind: Kind) -> Result<Arn, OpError> {
    let (address, spec) = spec_of(kind);
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, "222222222222");
    let case = Case { what: "", seen: None, sends: &[] };
    script.run(apply(&session, &address, &spec, &case)).0
}

fn spec_of(kind: Kind) -> (Address, Spec) {
    all_specs().find(|(address, _)| address.kind == kind).unwrap()
}

/// The operation of a request, without the SDK's own marks.
fn operation(asked: &Asked) -> String {
    super::operations(vec![asked.what.clone()]).remove(0)
}

fn otherwise(asked: &Asked) -> Answer {
    if asked.what == "DescribeEventBus" {
        return Answer::ok(r#"{"Name": "security"}"#);
    }
    let (status, body) = taken(&asked.what);
    Answer::Http(status, &[], body.to_owned())
}

/// AWS takes the first such request and its answer is lost; any further one is answered that it is there already.
fn lost_once(wanted: &'static str, there: fn() -> Answer) -> Script {
    let made = Mutex::new(false);
    Script::new(move |asked| {
        if operation(asked) != wanted {
            return otherwise(asked);
        }
        if std::mem::replace(&mut *made.lock().unwrap(), true) { there() } else { Answer::Lost }
    })
}

/// A kind, the request that makes it, what its ARN then names, and the answer to who asks again.
type Creation = (Kind, &'static str, &'static str, fn() -> Answer);

const EXISTS: &[Creation] = &[
    (Kind::CloudtrailTrail, "CreateTrail", "trail/{}", || Answer::json(400, "TrailAlreadyExistsException", "exists")),
    (Kind::EventbridgeBus, "CreateEventBus", "event-bus/{}", || {
        Answer::json(400, "ResourceAlreadyExistsException", "exists")
    }),
    (Kind::IamRole, "CreateRole", "role/baseline/{}", || Answer::xml(409, "EntityAlreadyExists", "exists")),
    (Kind::KmsKey, "CreateAlias", "key/1", || Answer::json(400, "AlreadyExistsException", "exists")),
    (Kind::LambdaPermission, "POST policy", "function:", || Answer::json(409, "ResourceConflictException", "exists")),
    (Kind::GuarddutyDetector, "POST /detector", "detector/d1", || {
        Answer::json(
            400,
            "BadRequestException",
            "The request is rejected because a detector already exists for the current account.",
        )
    }),
];

#[test]
fn what_was_made_without_an_answer_is_taken_for_ours_and_what_others_made_is_not() {
    for (kind, wanted, resource, there) in EXISTS {
        let made = create(&lost_once(wanted, *there), *kind);
        let arn = made.unwrap_or_else(|error| panic!("{kind}: {error}"));
        // It is the ARN that an answer would have told.
        let resource = resource.replace("{}", &spec_of(*kind).0.name);
        assert!(arn.resource().starts_with(&resource), "{kind}: {arn} is not {resource}");

        let script = Script::new(move |asked| if operation(asked) == *wanted { there() } else { otherwise(asked) });
        let asked_at_all = |script: &Script| script.asked().iter().any(|asked| operation(asked) == *wanted);
        let error = create(&script, *kind);
        assert!(asked_at_all(&script), "{kind}: {wanted} was never asked: {:?}", script.asked());
        assert!(error.is_err(), "{kind}: somebody else's was taken for ours");
    }
}

#[test]
fn a_key_is_asked_for_once_and_the_next_run_finds_what_came_of_it() {
    let script = lost_once("CreateKey", || panic!("asked for twice"));
    let error = create(&script, Kind::KmsKey).unwrap_err();
    assert_eq!((error.fault, error.attempts), (Fault::Unreachable, 1));
    insta::assert_snapshot!(
        "a_key_is_asked_for_once",
        format!("{error}\nnext: {}", error.hint.as_deref().unwrap_or_default())
    );
    // Where nothing can have been sent, it is asked for again.
    let refusals = Mutex::new(2);
    let script = Script::new(move |asked| {
        let mut refusals = refusals.lock().unwrap();
        if operation(asked) == "CreateKey" && *refusals > 0 {
            *refusals -= 1;
            return Answer::NotConnected;
        }
        otherwise(asked)
    });
    create(&script, Kind::KmsKey).unwrap();
    // A server that fails midway may have made it.
    let script = Script::new(|asked| match operation(asked).as_str() {
        "CreateKey" => Answer::json(500, "KMSInternalException", "retry"),
        _ => otherwise(asked),
    });
    create(&script, Kind::KmsKey).unwrap_err();
    assert_eq!(script.count("CreateKey"), 1);
}

#[test]
fn a_creation_that_takes_a_token_has_one_for_all_its_attempts() {
    for (kind, wanted) in [
        (Kind::GuarddutyDetector, "POST /detector"),
        (Kind::GuarddutyPublishingDestination, "POST /detector/d1/publishingDestination"),
    ] {
        let lost = Mutex::new(2);
        let script = Script::new(move |asked| {
            let mut lost = lost.lock().unwrap();
            if operation(asked) == wanted && *lost > 0 {
                *lost -= 1;
                return Answer::Lost;
            }
            otherwise(asked)
        });
        create(&script, kind).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let sent: Vec<Asked> = script.asked().into_iter().filter(|asked| operation(asked) == wanted).collect();
        let tokens: BTreeSet<String> = sent
            .iter()
            .map(|asked| {
                let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
                body["clientToken"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!((sent.len(), tokens.len()), (3, 1), "{kind}");
    }
}

#[test]
fn deleting_what_an_attempt_without_an_answer_deleted_is_done() {
    for (kind, wanted, code) in [
        (Kind::CloudtrailTrail, "DeleteTrail", "TrailNotFoundException"),
        (Kind::EventbridgeRule, "DeleteRule", "ResourceNotFoundException"),
    ] {
        let (address, spec) = spec_of(kind);
        let calls = Mutex::new(0);
        let script = Script::new(move |asked| {
            if operation(asked) != wanted {
                return otherwise(asked);
            }
            let mut calls = calls.lock().unwrap();
            *calls += 1;
            if *calls == 1 { Answer::Lost } else { Answer::json(400, code, "gone") }
        });
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, "222222222222");
        let arn: Arn = "arn:aws:cloudtrail:us-east-1:222222222222:trail/baseline".parse().unwrap();
        let order = super::Order { session: &session, address: &address, arn: Some(&arn) };
        script.run(spec.delete(&order)).0.unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(session.account, account("222222222222"));
    }
}
