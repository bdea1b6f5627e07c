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
