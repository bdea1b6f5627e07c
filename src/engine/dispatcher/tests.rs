use super::*;
use crate::model::Fault;
use crate::plan::Action;
use crate::services::cloudtrail::{BasicSelectors, Selectors, Trail};
use crate::services::{Spec, Tags};

/// A plan of these changes, each named by its account's last digit and requiring the others that are named.
fn plan(changes: &[(&str, &[&str])]) -> Plan {
    let address = |name: &str| -> Address { format!("{name:0>12}/us-east-1/cloudtrail.trail/{name}").parse().unwrap() };
    let spec = Spec::CloudtrailTrail(Box::new(Trail {
        multi_region: false,
        include_global_service_events: false,
        s3_bucket: "logs".to_owned(),
        s3_key_prefix: None,
        kms_key: None,
        log_file_validation: true,
        event_selectors: Selectors::Basic(BasicSelectors::default()),
        logging: true,
        tags: Tags::new(),
    }));
    let changes = changes.iter().map(|(name, requires)| Change {
        address: address(name),
        action: Action::Create,
        reason: String::new(),
        fields: Vec::new(),
        requires: requires.iter().map(|name| address(name)).collect(),
        depth: 0,
        desired: spec.clone(),
        seen: None,
    });
    Plan { changes: changes.collect(), ..Plan::default() }
}

fn failure() -> OpError {
    OpError {
        account: "000000000001".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        role: None,
        service: "cloudtrail".to_owned(),
        operation: "CreateTrail".to_owned(),
        fault: Fault::Denied,
        code: None,
        message: "no".to_owned(),
        request_id: None,
        attempts: 1,
        hint: None,
    }
}

/// Starts whatever may start.
fn start(run: &mut Run<'_>, under_way: usize) -> Vec<usize> {
    let mut started = Vec::new();
    while let Some(index) = run.next(under_way + started.len() == 0) {
        started.push(index);
    }
    started
}

#[test]
fn a_change_starts_when_all_it_requires_has_ended_well() {
    let plan = plan(&[("1", &["2", "3"]), ("2", &["3"]), ("3", &[]), ("4", &[])]);
    let mut run = Run::new(&plan, |_| 0);
    assert_eq!(start(&mut run, 0), [2, 3]);
    run.ended(2, Ok(None));
    assert_eq!(start(&mut run, 1), [1]);
    run.ended(1, Ok(None));
    assert_eq!(start(&mut run, 1), [0]);
    run.ended(0, Ok(None));
    run.ended(3, Ok(None));
    assert!(run.finish().iter().all(|(_, outcome)| *outcome == Outcome::Applied));
}

#[test]
fn what_requires_a_failure_is_skipped_however_long_the_chain_and_nothing_else_is() {
    let plan = plan(&[("1", &[]), ("2", &["1"]), ("3", &["2", "4"]), ("4", &[])]);
    let mut run = Run::new(&plan, |_| 0);
    assert_eq!(start(&mut run, 0), [0, 3]);
    let ended = run.ended(0, Err(failure()));
    assert_eq!(ended.iter().map(|(index, _)| *index).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(ended[2].1, Outcome::Skipped { because: plan.changes[1].address.clone() });
    run.ended(3, Ok(None));
    assert_eq!(start(&mut run, 0), [0; 0]);
    assert_eq!(run.finish()[3].1, Outcome::Applied);
}

#[test]
fn a_wave_starts_when_the_one_before_it_is_over_whatever_became_of_it() {
    let plan = plan(&[("1", &[]), ("2", &[]), ("3", &[]), ("4", &["2"])]);
    let waves = [2, 1, 1, 2];
    let wave = |change: &Change| waves[change.address.name.parse::<usize>().unwrap() - 1];
    let mut run = Run::new(&plan, wave);
    assert_eq!(start(&mut run, 0), [1, 2]);
    run.ended(1, Err(failure()));
    assert_eq!(start(&mut run, 1), [0; 0], "the third change has not ended");
    run.ended(2, Ok(None));
    assert_eq!(start(&mut run, 0), [0]);
    run.ended(0, Ok(None));
    assert_eq!(start(&mut run, 0), [0; 0]);
}

#[test]
fn a_requirement_in_a_later_wave_goes_first() {
    let plan = plan(&[("1", &["2"]), ("2", &[]), ("3", &[])]);
    let waves = [0, 5, 5];
    let mut run = Run::new(&plan, |change| waves[change.address.name.parse::<usize>().unwrap() - 1]);
    assert_eq!(run.next(true), Some(1));
    assert_eq!(run.next(false), None);
    run.ended(1, Ok(None));
    assert_eq!(start(&mut run, 0), [0]);
}
