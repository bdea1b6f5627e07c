//! What each difference of a recorder, a channel, a rule and an aggregator takes.

use super::{Case, OTHER_KEY};
use crate::services::config::{
    Aggregator, Authorization, DeliveryChannel, FrequencyOverride, Recorder, Recording, Rule,
};
use crate::services::{Reference, Spec};

pub(super) fn recorder(recorder: &Recorder) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Recorder)| {
        let mut seen = recorder.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::ConfigRecorder(Box::new(seen))), sends }
    };
    let put: &[&str] = &["PutConfigurationRecorder"];
    vec![
        Case { what: "no recorder", seen: None, sends: put },
        case("another role", put, |r| r.role = Some(Reference::Is(OTHER_KEY.parse().unwrap()))),
        case("global types", put, |r| r.recording_group.include_global_resource_types ^= true),
        case("fewer types", put, |r| r.recording_group.strategy = "INCLUSION_BY_RESOURCE_TYPES".to_owned()),
        case("less often", put, |r| r.recording_mode.frequency = "DAILY".to_owned()),
        case("some types less often", put, |r| {
            let resource_types = vec!["AWS::EC2::Volume".to_owned()];
            let overridden = FrequencyOverride { frequency: "DAILY".to_owned(), resource_types, description: None };
            r.recording_mode.overrides.push(overridden);
        }),
        case("no tags", &["TagResource"], |r| r.tags = Some(Default::default())),
        case("tags that cannot be read", &[], |r| r.tags = None),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn channel(channel: &DeliveryChannel) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut DeliveryChannel)| {
        let mut seen = channel.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::ConfigDeliveryChannel(Box::new(seen))), sends }
    };
    let put: &[&str] = &["PutDeliveryChannel"];
    vec![
        Case { what: "no channel", seen: None, sends: put },
        case("another bucket", put, |c| c.s3_bucket.push('x')),
        case("another prefix", put, |c| c.s3_key_prefix = Some("x".to_owned())),
        case("another key", put, |c| c.kms_key = None),
        case("other snapshots", put, |c| c.snapshot_frequency = Some("One_Hour".to_owned())),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn recording(recording: &Recording) -> Vec<Case> {
    let seen = |recording| Some(Spec::ConfigRecording(Box::new(recording)));
    let stopped = Recording { recording: false, ..recording.clone() };
    let start: &[&str] = &["StartConfigurationRecorder"];
    vec![
        Case { what: "no recorder before", seen: None, sends: start },
        Case { what: "a stopped recorder", seen: seen(stopped), sends: start },
        Case { what: "no difference", seen: seen(recording.clone()), sends: &[] },
    ]
}

pub(super) fn rule(rule: &Rule) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Rule)| {
        let mut seen = rule.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::ConfigRule(Box::new(seen))), sends }
    };
    let put: &[&str] = &["PutConfigRule"];
    vec![
        Case { what: "no rule", seen: None, sends: &["PutConfigRule", "DescribeConfigRules"] },
        case("another rule of that name", put, |r| r.identifier.push('X')),
        case("code of one's own", put, |r| r.owner = "CUSTOM_LAMBDA".to_owned()),
        case("other parameters", put, |r| {
            r.parameters.insert("x".to_owned(), "y".to_owned());
        }),
        case("less often", put, |r| r.frequency = Some("Six_Hours".to_owned())),
        case("a narrower scope", put, |r| r.scope.tag_key = Some("x".to_owned())),
        case("no tags", &["TagResource"], |r| r.tags.clear()),
        case("a narrower scope and no tags", &["PutConfigRule", "TagResource"], |r| {
            r.scope.resource_types.push("AWS::EC2::Volume".to_owned());
            r.tags.clear();
        }),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn authorization(authorization: &Authorization) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Authorization)| {
        let mut seen = authorization.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::ConfigAuthorization(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no leave", seen: None, sends: &["PutAggregationAuthorization"] },
        case("no tags", &["TagResource"], |a| a.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}

pub(super) fn aggregator(aggregator: &Aggregator) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Aggregator)| {
        let mut seen = aggregator.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::ConfigAggregator(Box::new(seen))), sends }
    };
    let put: &[&str] = &["PutConfigurationAggregator"];
    vec![
        Case { what: "no aggregator", seen: None, sends: put },
        case("fewer accounts", put, |a| {
            a.sources[0].accounts.pop();
        }),
        case("fewer Regions", put, |a| {
            a.sources[0].all_regions = false;
            a.sources[0].regions.push("us-east-1".to_owned());
        }),
        case("an organization", put, |a| a.organization = true),
        case("no tags", &["TagResource"], |a| a.tags.clear()),
        case("no difference", &[], |_| ()),
    ]
}
