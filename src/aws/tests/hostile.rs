//! Answers that nobody would give in good faith: they repeat secrets, move cursors, have no end, are of another account or
//! of another time.

use std::sync::Arc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::region::Region as SdkRegion;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::script::{Answer, Asked, Script, describe_rules, start_logging};
use super::wire::Wire;
use super::{account, all_specs};
use crate::aws::clients::{Access, Aws, Session, Start};
use crate::aws::{Chain, MfaCodes, Rates, environment};
use crate::config::{Profiles, Source, load};
use crate::model::{Arn, Fault, OpError, Partition, Region, Secrets, Target, is_hidden};
use crate::report::Events;
use crate::services::adapter::{Cell, Order};
use crate::services::{Declared, Kind, Place, Service, Shared};

const TOKEN: &str = "IQoJb3JpZ2luX2VjEPlantedToken//0123456789abcdefghijklmnopqrstuvwxyz==";
const PROFILES: &str = "[jump]\nrole = 'arn:aws:iam::111111111111:role/Jump'\nexternal_id = 'planted-ext/jump'\n\
    [security]\naccount = '222222222222'\nrole = 'Security'\nhome_region = 'us-east-1'\n\
    [defaults]\nrole = 'team/Baseline'\nregions = { include = ['us-east-1'] }\n\
    [[account]]\nid = '333333333333'\nname = 'one'\n";

fn profiles() -> Profiles {
    load(&Source { path: "profiles.toml".to_owned(), text: PROFILES.to_owned() }, None).unwrap().profiles
}

/// A session that STS gives, of this ARN and until then.
fn session(whose: &str, ends: &str) -> Answer {
    Answer::ok(&format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAPLANTED123456789</AccessKeyId>\
         <SecretAccessKey>planted/secret+key/0123456789</SecretAccessKey><SessionToken>{TOKEN}</SessionToken>\
         <Expiration>{ends}</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:s</AssumedRoleId>\
         <Arn>{whose}</Arn></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>"
    ))
}

/// What STS answers in good faith; `None` for whatever else is asked.
fn sts(asked: &Asked) -> Option<Answer> {
    let role = form_urlencoded::parse(asked.body.as_bytes()).find(|(key, _)| key == "RoleArn").map(|(_, arn)| arn);
    match (asked.what.as_str(), role) {
        ("AssumeRole", Some(role)) => {
            let arn: Arn = role.parse().unwrap();
            let (id, name) = (arn.account().unwrap(), arn.role_name().unwrap());
            Some(session(&format!("arn:aws:sts::{id}:assumed-role/{name}/s"), "2099-01-01T00:00:00Z"))
        }
        ("GetCallerIdentity", _) => {
            let id = if asked.key.starts_with("ASIA") { "333333333333" } else { "111111111111" };
            Some(Answer::ok(&format!(
                "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::{id}:user/u\u{202e}</Arn>\
                 <UserId>u</UserId><Account>{id}</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
            )))
        }
        _ => None,
    }
}

/// Enters the project account where `behaviour` answers, and good faith where it does not.
fn enter(script: &Script) -> Result<Session, OpError> {
    let profiles = profiles();
    let chain = Chain::new(
        script.aws(8, Rates::Off),
        &profiles,
        MfaCodes::from_fn(|_| Box::pin(async { Ok("123456".to_owned()) })),
    );
    let one = profiles.account(account("333333333333")).unwrap();
    script.run(chain.unwrap().enter(one, Access::Write)).0
}

fn script(behaviour: impl Fn(&Asked) -> Option<Answer> + Send + Sync + 'static) -> Script {
    Script::new(move |asked| behaviour(asked).or_else(|| sts(asked)).unwrap_or_else(|| Answer::ok("{}")))
}

#[test]
fn an_answer_that_repeats_the_request_gives_no_secret_away() {
    let canonical = format!(
        "The request signature we calculated does not match.\\n\\nThe Canonical String for this request should have \
         been\\n'POST\\n/\\nx-amz-security-token:{TOKEN}\\n'\\n\\nThe String-to-Sign should have been\\n'AWS4-HMAC-SHA256'"
    );
    let echoed = format!("cannot read {{token={TOKEN}, key=ASIAPLANTED123456789, id=planted-ext%2Fjump}}");
    let script = script(move |asked| match asked.what.as_str() {
        "DescribeConfigRules" => Some(Answer::json(403, "InvalidSignatureException", &canonical)),
        "StartLogging" => Some(Answer::json(500, "InternalFailure", &echoed)),
        _ => None,
    });
    let entered = enter(&script).unwrap();
    entered.aws.secrets.know("planted-ext/jump", "(an external id)");
    let signed = script.run(describe_rules(&entered)).0.unwrap_err();
    assert!(signed.message.starts_with("The request signature we calculated does not match."), "{signed}");
    let written = script.run(start_logging(&entered)).0.unwrap_err();
    assert!(written.message.starts_with("cannot read {token=(a session token), key=(an access key id)"), "{written}");
    let said = format!("{signed:?} {written:?} {:?}", script.events());
    for secret in ["Planted", "PLANTED", "planted"] {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(script.events().len() > 1, "the record tells of the retries and of the end");
}

#[test]
fn no_field_of_an_answer_moves_a_cursor_or_hides_anything() {
    const HOSTILE: &str = "\u{1b}[2K\r\u{202e}\u{200b}x";
    let script = script(|asked| match asked.what.as_str() {
        "StartLogging" => {
            let body = serde_json::json!({ "__type": format!("Odd{HOSTILE}"), "message": format!("a{HOSTILE}\nb") });
            Some(Answer::Http(400, &[], body.to_string()))
        }
        _ => None,
    });
    let entered = enter(&script).unwrap();
    let error = script.run(start_logging(&entered)).0.unwrap_err();
    assert!(error.message.contains("a\\u{1b}[2K\\r\\u{202e}\\u{200b}x\\nb"), "{error:?}");
    let texts = format!("{error} {:?} {:?} {:?}", error.code, error.role, error.hint);
    assert!(!texts.contains(is_hidden), "{texts:?}");
    for event in script.events() {
        let line = serde_json::to_string(&event).unwrap();
        assert!(!line.contains("\\u001b") && !line.contains(is_hidden), "{line:?}");
    }
    // Who the starting credentials are is what AWS says.
    let refused = self::script(|asked| (asked.what == "AssumeRole").then(|| Answer::xml(403, "AccessDenied", "no")));
    let error = enter(&refused).unwrap_err();
    assert_eq!(error.role.as_deref(), Some("arn:aws:iam::111111111111:user/u\\u{202e}"));
}

#[test]
fn a_session_that_is_over_when_it_comes_names_the_clock_and_is_not_asked_for_again() {
    let script = script(|asked| {
        (asked.what == "AssumeRole")
            .then(|| session("arn:aws:sts::111111111111:assumed-role/Jump/s", "2026-01-01T00:00:00Z"))
    });
    let error = enter(&script).unwrap_err();
    assert!(
        error.message.contains("over when it came") && error.message.contains("the clock of this machine"),
        "{error}"
    );
    assert!(error.hint.as_deref().unwrap().contains("set the clock"), "{error:?}");
    assert_eq!(script.count("AssumeRole"), 1, "{:?}", script.asked());
}

#[test]
fn a_session_of_another_role_or_account_is_not_used() {
    for whose in [
        "arn:aws:sts::999999999999:assumed-role/Jump/s",
        "arn:aws:sts::111111111111:assumed-role/Other/s",
        "arn:aws-cn:sts::111111111111:assumed-role/Jump/s",
        "arn:aws:iam::111111111111:role/Jump",
        "nonsense\u{202e}",
    ] {
        let script = script(move |asked| (asked.what == "AssumeRole").then(|| session(whose, "2099-01-01T00:00:00Z")));
        let error = enter(&script).unwrap_err();
        assert_eq!(error.fault, Fault::WrongAccount, "{whose}: {error}");
        assert!(
            error.message.contains("not of arn:aws:iam::111111111111:role/Jump") && !error.message.contains(is_hidden)
        );
        assert_eq!(script.count("AssumeRole"), 1, "nothing is done with it");
    }
}

#[test]
fn an_answer_without_end_is_given_up_and_not_asked_for_again() {
    use super::script::Then;
    for code in ["DescribeConfigRules", "StartLogging"] {
        let script = script(move |asked| (asked.what == code).then_some(Answer::Streamed(80 << 10, Then::Silence)));
        let entered = enter(&script).unwrap();
        let error = match code {
            "StartLogging" => script.run(start_logging(&entered)).0.unwrap_err(),
            _ => script.run(describe_rules(&entered)).0.unwrap_err(),
        };
        assert!(error.message.contains("larger than 64 MB"), "{error}");
        assert_eq!(error.attempts, 1);
    }
}

/// The `[services]` section of the shared configuration, as far as the SDK asks for it.
#[derive(Debug)]
struct Sections;

impl LoadServiceConfig for Sections {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "S3" && key.profile() == "endpoint_url")
            .then(|| "http://ops:planted-password@store.example.com:9000".to_owned())
    }
}

#[test]
fn an_endpoint_of_the_services_section_is_addressed_by_path_and_its_password_is_known() {
    for custom in [true, false] {
        let script = Script::new(|_| Answer::Http(404, &[], String::new()));
        let keys = Credentials::new("AKIASTART", "not a secret", None, None, "test");
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(SdkRegion::new("us-east-1"))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .credentials_provider(SharedCredentialsProvider::new(keys))
            .http_client(script.clone());
        if custom {
            config = config.service_config(Sections);
        }
        let secrets = Secrets::default();
        let start = Start {
            profile: None,
            partition: Partition::Aws,
            parallelism: 8,
            rates: Rates::Off,
            clock: script.time.clock(),
            secrets: secrets.clone(),
        };
        let aws = Arc::new(Aws::with_config(config.build(), &start, Events::nowhere()));
        let session = script.session(&aws, "222222222222");
        let region: Region = "us-east-1".parse().unwrap();
        let head = || crate::aws::send!(aws_sdk_s3, region, session.s3().head_bucket().bucket("logs"));
        let _ = script.run(session.call(&region, "s3", "HeadBucket").run(head));
        let uri = script.asked()[0].uri.clone();
        match custom {
            true => assert!(uri.contains("store.example.com:9000/logs"), "{uri}"),
            false => assert!(uri.starts_with("https://logs.s3."), "{uri}"),
        }
        assert_eq!(secrets.clean("password planted-password").contains("planted"), !custom);
    }
}

#[test]
fn what_the_environment_holds_is_known() {
    let secrets = Secrets::default();
    let variables = [
        ("AWS_SECRET_ACCESS_KEY", "planted-secret-key"),
        ("https_proxy", "http://ops:planted%2Fproxy@proxy.example.com:3128"),
        ("AWS_ENDPOINT_URL_S3", "store.example.com:planted-malformed@"),
        ("AWS_ENDPOINT_URL_SNS", "https://key:planted-endpoint@store.example.com"),
        ("HOME", "/planted-home"),
    ];
    environment(&secrets, variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for said in [
        "planted-secret-key",
        "planted%2Fproxy",
        "planted/proxy",
        "Proxy-Authorization: Basic b3BzOnBsYW50ZWQvcHJveHk=",
        "planted-malformed",
        "planted-endpoint",
    ] {
        let clean = secrets.clean(said);
        assert!(clean != said && !clean.contains("planted") && !clean.contains("b3Bz"), "{clean}");
    }
    assert_eq!(secrets.clean("/planted-home"), "/planted-home");
}

/// Reads the key of the minimal baseline where AWS answers with this ARN for it.
async fn read_key(answer: fn(&str) -> (u16, &'static str)) -> Result<crate::services::Reading, OpError> {
    let source = |path: &str, text: &str| Source { path: path.to_owned(), text: text.to_owned() };
    let profiles = source("profiles.toml", include_str!("../../../profiles.example.toml"));
    let loaded =
        load(&profiles, Some(&source("baseline.toml", include_str!("../../../baselines/minimal.toml")))).unwrap();
    let baseline = loaded.baseline.unwrap();
    let region = loaded.profiles.home_region.clone();
    let shared = Shared::default();
    let declared = Declared { profiles: &loaded.profiles, baseline: &baseline, shared: &shared };
    let regions = [region.clone()];
    let place = Place { account: loaded.profiles.account(account("222222222222")).unwrap(), regions: &regions };
    let target = Target::new(account("222222222222"), region);
    let session = Wire::new(answer).session(Access::Read);
    Service::Kms.observe(&Cell { session: &session, target: &target, declared: &declared, place: &place }).await
}

#[tokio::test]
async fn a_key_that_is_of_another_account_is_refused() {
    const POLICY: &str = r#"{"Policy": "{\"Version\": \"2012-10-17\", \"Statement\": []}"}"#;
    fn answer(asked: &str, describe: &'static str) -> (u16, &'static str) {
        match asked {
            "DescribeKey" => (200, describe),
            "GetKeyPolicy" => (200, POLICY),
            "GetKeyRotationStatus" => (200, r#"{"KeyRotationEnabled": true}"#),
            _ => (200, r#"{"Tags": [], "Truncated": false}"#),
        }
    }
    let error = read_key(|asked| {
        answer(
            asked,
            r#"{"KeyMetadata": {"KeyId": "1", "Arn": "arn:aws:kms:ap-northeast-1:999999999999:key/1", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled"}}"#,
        )
    });
    let error = error.await.unwrap_err();
    assert_eq!(error.fault, Fault::WrongAccount, "{error}");
    assert!(error.message.contains("arn:aws:kms:ap-northeast-1:999999999999:key/1"), "{error}");
    let read = read_key(|asked| {
        answer(
            asked,
            r#"{"KeyMetadata": {"KeyId": "1", "Arn": "arn:aws:kms:ap-northeast-1:222222222222:key/1", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled"}}"#,
        )
    });
    assert_eq!(read.await.unwrap().found.len(), 1);
}

#[tokio::test]
async fn nothing_is_pointed_at_what_was_made_in_another_account() {
    let session = Wire::new(|_| (200, "{}")).session(Access::Write);
    let mut tried = 0;
    // A subscription bears its topic's.
    for (address, _) in all_specs().filter(|(address, _)| address.kind != Kind::SnsSubscription) {
        let order = Order { session: &session, address: &address, arn: None };
        let (service, region) = (address.kind.service(), &address.target.region);
        let region = if region.is_global() { "" } else { region.as_str() };
        let of = |id: &str| format!("arn:aws:{service}:{region}:{id}:x/y").parse::<Arn>().unwrap();
        assert!(order.own(of(address.target.account.as_str())).is_ok(), "{address}");
        assert!(order.own(of("")).is_ok(), "an ARN without an account, as a bucket's: {address}");
        let error = order.own(of("999999999999")).unwrap_err();
        assert_eq!(error.fault, Fault::WrongAccount, "{address}");
        tried += 1;
    }
    assert!(tried > 10);
}
