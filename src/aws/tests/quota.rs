//! What uses up a quota is named.

use super::script::{Answer, Script};
use super::{Case, Order, all_specs, apply, taken};
use crate::aws::Rates;
use crate::model::Fault;
use crate::services::Kind;
use crate::services::adapter::with_rivals;

#[test]
fn what_uses_up_a_quota_is_named_and_the_rest_is_counted() {
    let trails = r#"{"trailList": [
        {"Name": "own", "HomeRegion": "us-east-1"}, {"Name": "shadow", "HomeRegion": "eu-west-1"},
        {"Name": "org", "HomeRegion": "us-east-1", "IsOrganizationTrail": true},
        {"Name": "four", "HomeRegion": "us-east-1"}, {"Name": "five", "HomeRegion": "us-east-1"}]}"#;
    let rules = r#"{"ConfigRules": [{"Source": {"Owner": "AWS"}, "ConfigRuleName": "a"},
        {"Source": {"Owner": "AWS"}, "ConfigRuleName": "b", "CreatedBy": "securityhub.amazonaws.com"},
        {"Source": {"Owner": "AWS"}, "ConfigRuleName": "c"}, {"Source": {"Owner": "AWS"}, "ConfigRuleName": "d"},
        {"Source": {"Owner": "AWS"}, "ConfigRuleName": "e"}, {"Source": {"Owner": "AWS"}, "ConfigRuleName": "f"},
        {"Source": {"Owner": "AWS"}, "ConfigRuleName": "g"}]}"#;
    let mut said = String::new();
    for (kind, wanted, code, listing, list) in [
        (Kind::CloudtrailTrail, "CreateTrail", "MaximumNumberOfTrailsExceededException", "DescribeTrails", trails),
        (Kind::ConfigRule, "PutConfigRule", "MaxNumberOfConfigRulesExceededException", "DescribeConfigRules", rules),
        (
            Kind::EventbridgeRule,
            "PutRule",
            "LimitExceededException",
            "ListRules",
            r#"{"Rules": [{"Name": "one"}, {"Name": "two"}]}"#,
        ),
    ] {
        for readable in [true, false] {
            let script = Script::new(move |asked| match asked.what.as_str() {
                what if what == wanted => Answer::json(400, code, "too many"),
                what if what == listing && readable => Answer::ok(list),
                what if what == listing => Answer::json(400, "AccessDeniedException", "no"),
                what => {
                    let (status, body) = taken(what);
                    Answer::Http(status, &[], body.to_owned())
                }
            });
            let (address, spec) = all_specs().find(|(address, _)| address.kind == kind).unwrap();
            let aws = script.aws(8, Rates::Off);
            let session = script.session(&aws, "222222222222");
            let case = Case { what: "", seen: None, sends: &[] };
            let (error, _) = script.run(async {
                let error = apply(&session, &address, &spec, &case).await.unwrap_err();
                let order = Order { session: &session, address: &address, arn: None };
                with_rivals(error, &spec, &order).await
            });
            assert_eq!(error.fault, Fault::Quota, "{error}");
            said.push_str(&format!("{error}\nnext: {}\n\n", error.hint.clone().unwrap_or_default()));
        }
    }
    insta::assert_snapshot!("what_uses_up_a_quota_is_named", said);
}
