//! The simulation in the process of its caller: no socket, no runtime, and the caller's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::client::find;
use super::*;
use crate::sandbox::wire::Node;
use crate::sandbox::{Clock, Cloud, Effect, Fate, Fault, Tamper, Witness};

/// 2026-01-01T00:00:00Z.
const NEW_YEAR: u64 = 1_767_225_600;

/// A clock that stands until it is told to go on.
#[derive(Clone)]
pub(super) struct Hand(Arc<AtomicU64>);

impl Hand {
    pub fn new() -> Hand {
        Hand(Arc::new(AtomicU64::new(NEW_YEAR * 1000)))
    }

    pub fn clock(&self) -> Option<Clock> {
        let hand = Arc::clone(&self.0);
        Some(Clock::new(move || hand.load(Ordering::Relaxed) as f64 / 1000.0))
    }

    pub fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// A client of the cloud in this process.
#[derive(Clone)]
pub(super) struct Local {
    pub cloud: Cloud,
    pub key: String,
    pub token: Option<String>,
    pub region: String,
}

impl Local {
    pub fn new(cloud: &Cloud) -> Local {
        let (key, _) = cloud.credentials();
        Local { cloud: cloud.clone(), key: key.to_owned(), token: None, region: "us-east-1".to_owned() }
    }

    pub fn at(&self, region: &str) -> Local {
        Local { region: region.to_owned(), ..self.clone() }
    }

    pub fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> crate::sandbox::Answered {
        let scope = format!("Credential={}/20260101/{}/{service}/aws4_request", self.key, self.region);
        let mut all = vec![("authorization".to_owned(), format!("AWS4-HMAC-SHA256 {scope}, Signature=00"))];
        all.extend(self.token.iter().map(|token| ("x-amz-security-token".to_owned(), token.clone())));
        all.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.cloud.answer(method, path, &all, body)
    }

    pub fn query(&self, service: &str, operation: &str, input: &[(&str, &str)]) -> crate::sandbox::Answered {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("Action", operation).extend_pairs(input);
        self.send(service, "POST", "/", &[], form.finish().as_bytes())
    }

    /// A JSON operation; gives the error's code, `ok` when there is none.
    pub fn code(&self, service: &str, operation: &str, input: Value) -> String {
        let headers = [("x-amz-target", format!("X.{operation}"))];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answered = self.send(service, "POST", "/", &headers, input.to_string().as_bytes());
        header(&answered, "x-amzn-errortype").unwrap_or("ok").to_owned()
    }

    pub fn assume(&self, account: &str, role: &str, external_id: &str) -> Local {
        let arn = format!("arn:aws:iam::{account}:role/{role}");
        let mut input = vec![("RoleArn", arn.as_str()), ("RoleSessionName", "run")];
        input.extend((!external_id.is_empty()).then_some(("ExternalId", external_id)));
        let answered = self.query("sts", "AssumeRole", &input);
        let xml = Node::parse(&answered.body).unwrap();
        assert_eq!(answered.status, 200, "{xml:?}");
        Local { key: find(&xml, "AccessKeyId").unwrap(), token: find(&xml, "SessionToken"), ..self.clone() }
    }

    /// The chain as the profiles say it: security, project, the other project.
    pub fn chain(&self) -> [Local; 3] {
        let security = self.assume(JUMP, "Jump", "").assume(SECURITY, "Security", "sec-id");
        let project = security.assume(PROJECT, "Execution", "project-id");
        let other = security.assume(OTHER, "team/Execution", "project-id");
        [security, project, other]
    }
}

pub(super) fn header<'a>(answered: &'a crate::sandbox::Answered, name: &str) -> Option<&'a str> {
    answered.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

#[test]
fn it_needs_no_runtime_and_lives_by_its_callers_clock() {
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let hand = Hand::new();
    let cloud = Sandbox::in_process(&profiles(false), Options { clock: hand.clock(), ..Options::default() });
    shared(&cloud);
    let [_, project, _] = Local::new(&cloud).chain();
    let who = || project.query("sts", "GetCallerIdentity", &[]);
    assert_eq!(who().status, 200);
    assert_eq!(header(&who(), "date"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
    hand.pass(Duration::from_secs(3599));
    assert_eq!(who().status, 200);
    hand.pass(Duration::from_secs(1));
    let expired = who();
    assert_eq!(expired.status, 403);
    assert!(String::from_utf8(expired.body).unwrap().contains("ExpiredToken"));
    // A new session, hours later.
    hand.pass(Duration::from_secs(5 * 3600));
    let [security, ..] = Local::new(&cloud).chain();
    let made = security.send("s3", "PUT", "/some-bucket", &[], &[]);
    assert_eq!(made.status, 200);
    assert_eq!(header(&made, "date"), Some("Thu, 01 Jan 2026 06:00:00 GMT"));
    let buckets = security.send("s3", "GET", "/?max-buckets=10", &[], &[]);
    assert!(String::from_utf8(buckets.body).unwrap().contains("2026-01-01T06:00:00"));
    assert_eq!(cloud.state()["buckets"][0]["name"], "some-bucket");
    assert_eq!(cloud.mutating_calls(), 1);
    assert!(cloud.calls().iter().any(|call| call.operation == "CreateBucket" && call.count == 1));
    cloud.reset_calls();
    assert_eq!(cloud.clone().mutating_calls(), 0);
    assert_eq!(cloud.answer("GET", "/_sandbox/state", &[], &[]).status, 200);
}

#[test]
fn it_says_what_became_of_a_call_and_does_not_wait() {
    let cloud = Sandbox::in_process(&profiles(false), Options::default());
    let client = Local::new(&cloud);
    let effects = [(Effect::Lose, Fate::Lost), (Effect::Drop, Fate::Dropped), (Effect::Hang, Fate::Hangs)];
    for (effect, fate) in effects {
        cloud.tamper(Tamper::ClearFaults {}).unwrap();
        cloud.tamper(Tamper::Fault(Fault { times: Some(1), ..Fault::of(effect) })).unwrap();
        let answered = client.query("sts", "GetCallerIdentity", &[]);
        assert_eq!((answered.status, answered.body.len(), answered.fate), (0, 0, fate));
        let answered = client.query("sts", "GetCallerIdentity", &[]);
        assert_eq!((answered.status, answered.fate), (200, Fate::Answered));
    }
}

#[test]
fn a_witness_sees_every_exchange_as_it_was_and_nothing_of_the_control_endpoint() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = Arc::clone(&seen);
    let witness = Witness::new(move |exchange| sees.lock().unwrap().push(exchange));
    let cloud = Sandbox::in_process(&profiles(false), Options { witness: Some(witness), ..Options::default() });
    let client = Local::new(&cloud);
    cloud.answer("GET", "/_sandbox/state", &[], &[]);
    let answered = client.send("s3", "PUT", "/logs-bucket/a%20b?x-id=PutObject", &[("if-none-match", "*")], b"text");
    cloud.tamper(Tamper::Fault(Fault::of(Effect::Lose))).unwrap();
    client.query("sts", "GetCallerIdentity", &[]);
    cloud.tamper(Tamper::ClearFaults {}).unwrap();
    cloud.tamper(Tamper::Fault(Fault::of(Effect::Drop))).unwrap();
    client.query("sts", "GetCallerIdentity", &[]);

    let seen = seen.lock().unwrap();
    let [put, lost] = &seen[..] else { panic!("{seen:#?}") };
    assert_eq!((put.method.as_str(), put.path.as_str(), &put.body[..]), ("PUT", "/logs-bucket/a%20b", &b"text"[..]));
    assert_eq!(put.query, [("x-id".to_owned(), "PutObject".to_owned())]);
    assert!(put.headers.contains(&("if-none-match".to_owned(), "*".to_owned())));
    assert_eq!((put.status, &put.answer, &put.answer_headers), (404, &answered.body, &answered.headers));
    assert_eq!(lost.status, 200, "it was carried out, and nobody else hears of it");
}

#[test]
fn jitter_and_chance_come_again_with_their_seed() {
    let run = |seed: u64| {
        let cloud = Sandbox::in_process(&profiles(false), Options::default());
        let latency = Effect::Latency { millis: 3_600_000, jitter: 500, seed };
        cloud.tamper(Tamper::Fault(Fault::of(latency))).unwrap();
        cloud.tamper(Tamper::Fault(Fault::of(Effect::Throttle { fraction: 0.2, seed }))).unwrap();
        let client = Local::new(&cloud);
        let answers: Vec<(u16, Duration)> = (0..1000)
            .map(|_| client.query("sts", "GetCallerIdentity", &[]))
            .map(|answered| (answered.status, answered.latency))
            .collect();
        let counts: Vec<(u64, u64)> = cloud.faults().iter().map(|count| (count.matched, count.hit)).collect();
        (answers, counts)
    };
    let (answers, counts) = run(1);
    let throttled = answers.iter().filter(|(status, _)| *status == 400).count();
    assert!((150..=250).contains(&throttled), "{throttled}");
    assert_eq!(counts, [(1000, 1000), (1000, throttled as u64)]);
    let millis = Duration::from_millis;
    assert!(answers.iter().all(|(_, latency)| (millis(3_600_000)..=millis(3_600_500)).contains(latency)));
    assert!(answers.iter().any(|(_, latency)| *latency != answers[0].1));
    assert_eq!(run(1).0, answers);
    assert_ne!(run(2).0, answers);
}
