//! Each class of failure, with what it says and what to do next.

use aws_sdk_s3 as s3;
use aws_sdk_sts as sts;

use super::script::{Answer, Script, describe_rules, region};
use crate::aws::Rates;
use crate::model::{Fault, OpError};

const ACCOUNT: &str = "333333333333";

fn failure(answer: impl Fn() -> Answer + Send + Sync + 'static) -> OpError {
    let script = Script::new(move |_| answer());
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    script.run(describe_rules(&session)).0.unwrap_err()
}

fn assume_failure(answer: impl Fn() -> Answer + Send + Sync + 'static) -> OpError {
    let script = Script::new(move |_| answer());
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let region = region();
    let assume = || {
        let request = session.sts().assume_role().role_arn(format!("arn:aws:iam::{ACCOUNT}:role/Baseline"));
        crate::aws::send!(sts, region, request.role_session_name("baseline"))
    };
    script.run(session.call(&region, "sts", "AssumeRole").run(assume)).0.unwrap_err()
}

fn put_policy_failure(settling: &'static [&'static str]) -> OpError {
    let script = Script::new(|_| {
        let error = "<Error><Code>MalformedPolicy</Code><Message>Invalid principal in policy</Message></Error>";
        Answer::Http(400, &[], error.to_owned())
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let region = region();
    let put = || crate::aws::send!(s3, region, session.s3().put_bucket_policy().bucket("logs").policy("{}"));
    script.run(session.call(&region, "s3", "PutBucketPolicy").settling(settling).run(put)).0.unwrap_err()
}

/// How a read of a bucket ends.
fn head_failure(answer: impl Fn() -> Answer + Send + Sync + 'static) -> OpError {
    let script = Script::new(move |_| answer());
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let region = region();
    let head = || crate::aws::send!(s3, region, session.s3().head_bucket().bucket("logs"));
    script.run(session.call(&region, "s3", "HeadBucket").run(head)).0.unwrap_err()
}

#[test]
fn s3_says_that_a_region_is_off_or_a_bucket_elsewhere_and_the_hint_says_what_to_do() {
    let script = Script::new(|_| {
        let error = "<Error><Code>InvalidToken</Code><Message>The provided token is malformed.</Message></Error>";
        Answer::Http(400, &[], error.to_owned())
    });
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    let region = region();
    let get = || crate::aws::send!(s3, region, session.s3().get_bucket_policy().bucket("logs"));
    let off = script.run(session.call(&region, "s3", "GetBucketPolicy").run(get)).0.unwrap_err();
    assert_eq!(off.fault, Fault::RegionDisabled);
    assert!(off.hint.as_ref().unwrap().contains(&format!("enable {region} in account {ACCOUNT}")), "{off:?}");

    const THERE: &[(&str, &str)] = &[("x-amz-bucket-region", "eu-central-1")];
    for (status, body) in [
        (301, ""),
        (400, ""),
        (307, ""),
        (400, "<Error><Code>AuthorizationHeaderMalformed</Code><Message>the region is wrong</Message></Error>"),
    ] {
        let elsewhere = head_failure(move || Answer::Http(status, THERE, body.to_owned()));
        assert_eq!(elsewhere.code.as_deref(), Some("PermanentRedirect"), "{status}: {elsewhere:?}");
        assert!(elsewhere.message.contains("eu-central-1"), "{status}: {elsewhere:?}");
        assert!(elsewhere.hint.as_ref().unwrap().contains("home_region"), "{status}: {elsewhere:?}");
    }
    // The status is all there is.
    let plain = head_failure(|| Answer::Http(400, &[], String::new()));
    assert!(plain.hint.as_ref().unwrap().contains("not enabled in account"), "{plain:?}");
    let denied = head_failure(|| Answer::Http(403, THERE, String::new()));
    assert_eq!(denied.fault, Fault::Denied);
}

fn denied(message: &'static str) -> impl Fn() -> Answer + Send + Sync + 'static {
    move || Answer::json(400, "AccessDeniedException", message)
}

fn coded(status: u16, code: &'static str, message: &'static str) -> impl Fn() -> Answer + Send + Sync + 'static {
    move || Answer::json(status, code, message)
}

#[test]
fn each_failure_says_what_to_do_next() {
    let refused = || Answer::xml(403, "AccessDenied", "X is not authorized to perform: sts:AssumeRole on resource: Y");
    let token =
        || Answer::xml(403, "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code");
    let failures: Vec<(&str, Fault, OpError)> = vec![
        ("a role that cannot be assumed", Fault::AssumeRefused, assume_failure(refused)),
        ("a code that was used already", Fault::AssumeRefused, assume_failure(token)),
        (
            "denied by an identity policy that lacks it",
            Fault::Denied,
            failure(denied("no identity-based policy allows the config:DescribeConfigRules action")),
        ),
        (
            "denied by an identity policy that says so",
            Fault::Denied,
            failure(denied("X is not authorized with an explicit deny in an identity-based policy")),
        ),
        (
            "denied by a permissions boundary",
            Fault::Denied,
            failure(denied("because no permissions boundary allows the config:DescribeConfigRules action")),
        ),
        (
            "denied by a service control policy",
            Fault::DeniedByScp,
            failure(denied("X is not authorized with an explicit deny in a service control policy")),
        ),
        (
            "denied by a resource control policy",
            Fault::DeniedByScp,
            failure(denied("X is not authorized with an explicit deny in a resource control policy")),
        ),
        (
            "a Region that is not enabled",
            Fault::RegionDisabled,
            failure(coded(
                400,
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )),
        ),
        ("a service without a name in the Region", Fault::NotOffered, failure(|| Answer::NoName)),
        (
            "a service that does not know the operation",
            Fault::NotOffered,
            failure(coded(404, "UnknownOperationException", "no such operation")),
        ),
        (
            "an account that AWS holds back",
            Fault::AccountClosed,
            failure(coded(403, "SubscriptionRequiredException", "The AWS Access Key Id needs a subscription")),
        ),
        (
            "a quota",
            Fault::Quota,
            failure(coded(400, "MaxNumberOfConfigRulesExceededException", "You have reached the limit")),
        ),
        ("throttled to the end", Fault::Throttled, failure(coded(400, "ThrottlingException", "Rate exceeded"))),
        (
            "written by somebody else to the end",
            Fault::Throttled,
            failure(coded(409, "ConcurrentModificationException", "modified at the same time")),
        ),
        ("a session that has ended", Fault::Credentials, failure(coded(400, "ExpiredTokenException", "has expired"))),
        (
            "a clock that is wrong",
            Fault::Credentials,
            failure(coded(403, "RequestTimeTooSkewed", "The difference is too large")),
        ),
        (
            "a clock that is late, as STS says it",
            Fault::Credentials,
            failure(coded(
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z (20260101T002000Z - 5 min.)",
            )),
        ),
        (
            "a clock that is early, as most services say it",
            Fault::Credentials,
            failure(coded(
                403,
                "InvalidSignatureException",
                "Signature not yet current: 20260101T003000Z is still later than 20260101T001500Z (20260101T001000Z + 5 min.)",
            )),
        ),
        (
            "a secret key that is wrong",
            Fault::Credentials,
            failure(coded(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )),
        ),
        ("no answer", Fault::Unreachable, failure(|| Answer::Never)),
        ("nobody listens", Fault::Unreachable, failure(|| Answer::NotConnected)),
        ("a server in trouble", Fault::Unreachable, failure(coded(500, "InternalFailure", "try again"))),
        (
            "a policy that has not reached its reader",
            Fault::Unsettled,
            failure(coded(400, "InsufficientDeliveryPolicyException", "cannot write")),
        ),
        ("a policy that was waited for", Fault::Unsettled, put_policy_failure(&["MalformedPolicy"])),
        ("a policy that was not waited for", Fault::Unsettled, put_policy_failure(&[])),
        ("retries used up", Fault::Throttled, out_of_budget()),
    ];
    let mut said = String::new();
    for (what, fault, error) in &failures {
        assert_eq!(error.fault, *fault, "{what}: {error}");
        let hint = error.hint.as_deref().unwrap_or_else(|| panic!("{what} has no next step"));
        said.push_str(&format!("{what}\n  {error}\n  next: {hint}\n\n"));
    }
    insta::assert_snapshot!("each_failure_says_what_to_do_next", said);
}

/// What `AssumeRole` is refused for that is not the role's trust.
#[test]
fn each_refusal_of_a_hop_names_the_setting_or_the_action_that_it_comes_from() {
    let denied = |action: &'static str| {
        assume_failure(move || {
            let message = format!(
                "User: arn:aws:sts::111111111111:assumed-role/Jump/baseline is not authorized to perform: {action} on \
                 resource: arn:aws:iam::{ACCOUNT}:role/Baseline"
            );
            Answer::xml(403, "AccessDenied", &message)
        })
    };
    for action in ["sts:SetSourceIdentity", "sts:TagSession"] {
        let error = denied(action);
        let hint = error.hint.unwrap();
        for said in [&format!("allow {action} at both ends"), "identity policy", "trust policy"] {
            assert!(hint.contains(said), "{action}: {hint}");
        }
        assert!(!hint.contains("external_id"), "{hint}");
    }
    let at = |parameter: &str| {
        format!("1 validation error detected: Value 'x' at '{parameter}' failed to satisfy constraint: Member must …")
    };
    for (code, message, setting) in [
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
                .to_owned(),
            "temporary keys",
        ),
        (
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.".to_owned(),
            "max-session-duration",
        ),
        ("ValidationError", at("durationSeconds"), "`duration_seconds`"),
        ("ValidationError", at("externalId"), "`external_id`"),
        ("ValidationError", at("roleSessionName"), "`session_name`"),
        ("ValidationError", at("sourceIdentity"), "`source_identity`"),
        ("ValidationError", at("tokenCode"), "`mfa_serial`"),
        ("ValidationError", at("serialNumber"), "`mfa_serial`"),
        ("ValidationError", "arn:aws:iam::1:rolle/x is invalid".to_owned(), "`role`"),
        ("ValidationError", "Something that nobody has seen".to_owned(), "`external_id`"),
        ("PackedPolicyTooLarge", "Packed size of session tags consumes 120%".to_owned(), "session tags"),
    ] {
        let said = message.clone();
        let error = assume_failure(move || Answer::xml(400, code, &said));
        let hint = error.hint.clone().unwrap_or_else(|| panic!("no next step after {message}"));
        assert!(hint.contains(setting), "{message}: {hint}");
    }
}

#[test]
fn a_control_policy_that_hides_the_regions_is_answered_with_a_list_of_them() {
    for policy in ["service control policy", "resource control policy", "permissions boundary"] {
        let script = Script::new(move |_| {
            let message = format!(
                "You are not authorized to perform this operation. User: x is not authorized to perform: \
                 ec2:DescribeRegions with an explicit deny in a {policy}"
            );
            Answer::Http(
                403,
                &[],
                format!(
                    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>{message}</Message></Error>\
                     </Errors><RequestID>r</RequestID></Response>"
                ),
            )
        });
        let aws = script.aws(8, Rates::Off);
        let session = script.session(&aws, ACCOUNT);
        let region = region();
        let describe = || crate::aws::send!(aws_sdk_ec2, region, session.ec2().describe_regions());
        let error = script.run(session.call(&region, "ec2", "DescribeRegions").run(describe)).0.unwrap_err();
        let hint = error.hint.clone().unwrap();
        assert!(hint.contains("regions = { list = ["), "{error}: {hint}");
    }
}

fn out_of_budget() -> OpError {
    let script = Script::new(|_| Answer::json(400, "ThrottlingException", "Rate exceeded"));
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    script.run(async {
        for _ in 0..20 {
            let _ = describe_rules(&session).await;
        }
    });
    script.run(describe_rules(&session)).0.unwrap_err()
}

#[test]
fn a_name_that_the_resolver_cannot_tell_of_is_a_matter_of_the_network() {
    let script = Script::new(|_| Answer::NoName);
    let aws = script.aws(8, Rates::Off);
    let session = script.session(&aws, ACCOUNT);
    assert_eq!(script.run(describe_rules(&session)).0.unwrap_err().attempts, 2);
    // Before STS has answered, no name may resolve at all.
    let unconfirmed = super::super::clients::Session::new(
        aws.clone(),
        ACCOUNT.parse().unwrap(),
        String::new(),
        super::Access::Read,
        super::super::clients::Way::Ambient,
        false,
    );
    assert_eq!(script.run(describe_rules(&unconfirmed)).0.unwrap_err().fault, Fault::Unreachable);
}
