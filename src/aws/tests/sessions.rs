//! Hops: renewed in time, once for all who wait, and again when AWS ends a session early.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_sts::primitives::{DateTime, DateTimeFormat};
use futures::future::join_all;

use super::account;
use super::script::{Answer, Asked, Script, describe_rules};
use crate::aws::clients::Access;
use crate::aws::{Chain, MfaCodes, Rates};
use crate::clock::{Clock, Simulated};
use crate::config::{Profiles, Source, load};
use crate::model::Fault;
use crate::report::Event;

const PROFILES: &str = "[jump]\nrole = 'arn:aws:iam::111111111111:role/Jump'\n\
    [security]\naccount = '222222222222'\nrole = 'Security'\nhome_region = 'us-east-1'\n\
    [defaults]\nrole = 'Baseline'\nregions = { include = ['us-east-1'] }\n\
    [[account]]\nid = '333333333333'\nname = 'one'\n";

fn profiles(text: &str) -> Profiles {
    load(&Source { path: "profiles.toml".to_owned(), text: text.to_owned() }, None).unwrap().profiles
}

/// An STS whose sessions live so many seconds, and which can end them.
struct Sts {
    life: u64,
    given: AtomicU64,
    /// Keys that are not taken any more.
    ended: Mutex<BTreeSet<String>>,
    /// Whether roles are refused.
    refuses: AtomicBool,
}

impl Sts {
    fn new(life: u64) -> Arc<Self> {
        Arc::new(Sts { life, given: AtomicU64::new(0), ended: Mutex::default(), refuses: AtomicBool::new(false) })
    }

    fn end_all(&self) {
        let given = self.given.load(Ordering::Relaxed);
        let mut ended = self.ended.lock().unwrap();
        for number in 1..=given {
            for id in ["111111111111", "222222222222", "333333333333"] {
                ended.insert(format!("ASIA{id}n{number}"));
            }
        }
    }

    fn answer(&self, asked: &Asked, clock: &Clock) -> Answer {
        let form: Vec<(String, String)> = form_urlencoded::parse(asked.body.as_bytes()).into_owned().collect();
        let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let is_over = |key: &str| {
            let end = key.rsplit_once('e').and_then(|(_, end)| end.parse::<u64>().ok());
            let name = key.rsplit_once('e').map_or(key, |(name, _)| name);
            self.ended.lock().unwrap().contains(name) || end.is_some_and(|end| clock.elapsed().as_secs() >= end)
        };
        match asked.what.as_str() {
            "GetCallerIdentity" => {
                let id = asked.key.strip_prefix("ASIA").map_or("111111111111", |key| &key[..12]);
                Answer::ok(&format!(
                    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{id}:user/u</Arn>\
                     <UserId>u</UserId><Account>{id}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
                ))
            }
            _ if is_over(&asked.key) => match asked.what.as_str() {
                "AssumeRole" => {
                    Answer::xml(403, "ExpiredToken", "The security token included in the request is expired")
                }
                _ => {
                    Answer::json(400, "ExpiredTokenException", "The security token included in the request is expired")
                }
            },
            "AssumeRole" if self.refuses.load(Ordering::Relaxed) => {
                let refusal =
                    "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
                Answer::Http(403, &[("x-amzn-requestid", "of-a-hop")], refusal.to_owned())
            }
            "AssumeRole" => {
                let role = field("RoleArn").unwrap();
                let id = role.split(':').nth(4).unwrap().to_owned();
                let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
                let end = clock.wall() + Duration::from_secs(self.life);
                let at = clock.elapsed().as_secs() + self.life;
                let date = DateTime::from(end).fmt(DateTimeFormat::DateTime).unwrap();
                Answer::ok(&format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{id}n{number}e{at}</AccessKeyId>\
                     <SecretAccessKey>no</SecretAccessKey><SessionToken>no</SessionToken>\
                     <Expiration>{date}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
                ))
            }
            _ => Answer::ok("{}"),
        }
    }
}

fn script(sts: &Arc<Sts>) -> Script {
    // The clock is the script's own; it is not there before the script is.
    let clock: Arc<Mutex<Option<Simulated>>> = Arc::default();
    let (seen, sts) = (clock.clone(), sts.clone());
    let script = Script::new(move |asked| {
        let clock = seen.lock().unwrap().clone().unwrap().clock();
        sts.answer(asked, &clock)
    });
    *clock.lock().unwrap() = Some(script.time.clone());
    script
}

fn no_codes() -> MfaCodes {
    MfaCodes::from_fn(|_| Box::pin(async { Err("there is no terminal".to_owned()) }))
}

fn chain(script: &Script, parallelism: usize, text: &str, codes: MfaCodes) -> (Chain, Profiles) {
    let profiles = profiles(text);
    let chain = Chain::new(script.aws(parallelism, Rates::Aws), &profiles, codes).unwrap();
    (chain, profiles)
}

#[test]
fn a_session_that_aws_ends_early_is_replaced_once_for_all_its_calls() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = chain(&script, 64, PROFILES, no_codes());
    script.run(async {
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Read).await.unwrap();
        assert_eq!(script.count("AssumeRole"), 3);
        sts.end_all();
        let answers = join_all((0..100).map(|_| describe_rules(&project))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    });
    // Each hop was refused with its old session once at most, and assumed anew once.
    assert_eq!(sts.given.load(Ordering::Relaxed), 6);
}

#[test]
fn a_session_that_is_refused_anew_is_not_replaced_without_end() {
    let script = Script::new(|asked| match asked.what.as_str() {
        "DescribeConfigRules" => Answer::json(400, "ExpiredTokenException", "expired"),
        _ => panic!("{asked:?}"),
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, "333333333333");
    let error = script.run(describe_rules(&session)).0.unwrap_err();
    assert_eq!((error.fault, error.attempts), (Fault::Credentials, 1), "there is nothing to replace keys with");
}

#[test]
fn sessions_that_live_two_minutes_carry_a_run_of_hours_through_one_slot() {
    let sts = Sts::new(120);
    let script = script(&sts);
    let (chain, profiles) = chain(&script, 1, PROFILES, no_codes());
    script.run(async {
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Read).await.unwrap();
        for _ in 0..90 {
            join_all((0..5).map(|_| describe_rules(&project))).await.into_iter().for_each(Result::unwrap);
            script.time.clock().sleep(Duration::from_secs(80)).await;
        }
    });
    assert!(script.time.clock().elapsed() >= Duration::from_secs(7200));
    let renewed = script.count("AssumeRole");
    assert!((3 * 80..3 * 100).contains(&renewed), "{renewed}");
    assert_eq!(sts.given.load(Ordering::Relaxed), renewed as u64, "no session was used past its end");
}

#[test]
fn a_session_that_cannot_be_renewed_is_used_as_long_as_it_is_good() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = chain(&script, 8, PROFILES, no_codes());
    script.run(async {
        let clock = script.time.clock();
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Read).await.unwrap();
        sts.refuses.store(true, Ordering::Relaxed);
        clock.sleep(Duration::from_secs(3400)).await;
        describe_rules(&project).await.unwrap();
        clock.sleep(Duration::from_secs(300)).await;
        assert_eq!(describe_rules(&project).await.unwrap_err().fault, Fault::AssumeRefused);
    });
}

#[test]
fn a_refusal_does_not_outlive_the_repair_by_more_than_a_minute() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = chain(&script, 8, PROFILES, no_codes());
    let project = profiles.account(account("333333333333")).unwrap();
    script.run(async {
        let clock = script.time.clock();
        sts.refuses.store(true, Ordering::Relaxed);
        chain.enter(project, Access::Read).await.unwrap_err();
        let asked = script.count("AssumeRole");
        // Late in the minute, by way of another hop: what it holds is the first one's refusal, not a new one.
        clock.sleep(Duration::from_secs(55)).await;
        chain.enter(project, Access::Read).await.unwrap_err();
        assert_eq!(script.count("AssumeRole"), asked, "the refusal was the answer for everyone");
        sts.refuses.store(false, Ordering::Relaxed);
        clock.sleep(Duration::from_secs(6)).await;
        chain.enter(project, Access::Read).await.unwrap();
    });
}

#[test]
fn a_second_code_is_asked_for_as_such() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    let codes = MfaCodes::from_fn(move |_| {
        let first = times.fetch_add(1, Ordering::Relaxed) == 0;
        Box::pin(async move { if first { Ok("123456".to_owned()) } else { Err("there is no terminal".to_owned()) } })
    });
    let text = PROFILES.replace("role/Jump'\n", "role/Jump'\nmfa_serial = 'arn:aws:iam::111111111111:mfa/alice'\n");
    let (chain, profiles) = chain(&script, 8, &text, codes);
    script.run(async {
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Read).await.unwrap();
        script.time.clock().sleep(Duration::from_secs(3700)).await;
        let error = describe_rules(&project).await.unwrap_err();
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        let said = format!("{error}\nnext: {}", error.hint.as_deref().unwrap_or_default());
        insta::assert_snapshot!("a_second_code_is_asked_for_as_such", said);
    });
}

/// A jump role whose second code takes so long to give.
fn slow_second_code(script: &Script, wait: Duration) -> (Chain, Profiles) {
    let clock = script.time.clock();
    let asked = Arc::new(AtomicUsize::new(0));
    let codes = MfaCodes::from_fn(move |_| {
        let (first, clock) = (asked.fetch_add(1, Ordering::Relaxed) == 0, clock.clone());
        Box::pin(async move {
            if !first {
                clock.sleep(wait).await;
            }
            Ok("123456".to_owned())
        })
    });
    let text = PROFILES.replace("role/Jump'\n", "role/Jump'\nmfa_serial = 'arn:aws:iam::111111111111:mfa/alice'\n");
    chain(script, 8, &text, codes)
}

#[test]
fn while_one_waits_for_a_code_the_others_go_on_with_the_session_that_is_still_good() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = slow_second_code(&script, Duration::from_secs(150));
    script.run(async {
        let clock = script.time.clock();
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Read).await.unwrap();
        clock.sleep(Duration::from_secs(3400)).await;
        let from = clock.elapsed();
        let calls = (0..5).map(|_| async {
            describe_rules(&project).await.unwrap();
            clock.elapsed() - from
        });
        let mut took = join_all(calls).await;
        took.sort();
        assert!(took[3] < Duration::from_secs(5), "{took:?}");
        assert!(took[4] >= Duration::from_secs(150), "the one who renews it: {took:?}");
    });
    assert_eq!(sts.given.load(Ordering::Relaxed), 6, "each hop once more");
}

#[test]
fn the_lock_is_renewed_with_the_session_that_is_still_good_though_nobody_else_would_renew_that() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = slow_second_code(&script, Duration::from_secs(150));
    script.run(async {
        let clock = script.time.clock();
        let own = chain.enter(profiles.account(account("222222222222")).unwrap(), Access::Own).await.unwrap();
        let region = super::script::region();
        let renew = || async {
            let from = clock.elapsed();
            let put = || crate::aws::send!(aws_sdk_s3, region, own.s3().put_object().bucket("logs").key("lock"));
            own.call(&region, "s3", "PutObject").run(put).await.unwrap();
            clock.elapsed() - from
        };
        clock.sleep(Duration::from_secs(3400)).await;
        assert!(renew().await < Duration::from_secs(5));
        // By then it is renewed, whoever has to wait.
        clock.sleep(Duration::from_secs(180)).await;
        assert!(renew().await >= Duration::from_secs(150));
    });
    assert_eq!(sts.given.load(Ordering::Relaxed), 4, "each of the two hops once more");
}

#[test]
fn a_change_whose_hop_is_refused_is_not_told_of_with_the_request_id_of_the_hop() {
    let sts = Sts::new(3600);
    let script = script(&sts);
    let (chain, profiles) = chain(&script, 8, PROFILES, no_codes());
    script.run(async {
        let project = chain.enter(profiles.account(account("333333333333")).unwrap(), Access::Write).await.unwrap();
        sts.end_all();
        sts.refuses.store(true, Ordering::Relaxed);
        let error = super::script::start_logging(&project).await.unwrap_err();
        assert_eq!((error.fault, error.operation.as_str()), (Fault::AssumeRefused, "AssumeRole"));
        assert_eq!(error.request_id.as_deref(), Some("of-a-hop"), "whoever asks why is told that one");
    });
    let told: Vec<_> = script
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::CallEnded { operation, request_id, .. } => Some((operation.into_owned(), request_id)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("StartLogging".to_owned(), Some("request-1".to_owned()))]);
}

/// The keys of `GetSessionToken` are a user's by their ARN, and a session's to STS.
#[test]
fn long_sessions_are_asked_for_with_long_term_keys_only() {
    let long = PROFILES.replace("role/Jump'\n", "role/Jump'\nduration_seconds = 14400\n");
    assert_ne!(long, PROFILES);
    for (token, asked) in [(None, "14400"), (Some("a-token".to_owned()), "3600")] {
        let sts = Sts::new(3600);
        let script = script(&sts);
        let mut aws = script.build(8, Rates::Aws);
        let keys = Credentials::new("STARTKEY", "not a secret", token, None, "test");
        aws.base = aws.base.into_builder().credentials_provider(SharedCredentialsProvider::new(keys)).build();
        let profiles = profiles(&long);
        let chain = Chain::new(Arc::new(aws), &profiles, no_codes()).unwrap();
        let jump = profiles.account(account("111111111111")).unwrap();
        script.run(chain.enter(jump, Access::Read)).0.unwrap();
        let assumed = script.asked().into_iter().find(|asked| asked.what == "AssumeRole").unwrap();
        assert!(assumed.body.contains(&format!("DurationSeconds={asked}")), "{}", assumed.body);
    }
}
