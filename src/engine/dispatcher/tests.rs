use super::*;
use crate::config::Tolerance;
use crate::plan::Action;
use crate::services::cloudtrail::{BasicSelectors, Selectors, Trail};
use crate::services::{Spec, Tags};

/// The account of this number.
pub(super) fn account(number: usize) -> AccountId {
    format!("{number:0>12}").parse().unwrap()
}

/// A change of an account, and what it requires.
pub(super) fn change(address: Address, requires: Vec<Address>) -> Change {
    let desired = Spec::CloudtrailTrail(Box::new(Trail {
        multi_region: false,
        include_global_service_events: false,
        s3_bucket: "logs".to_owned(),
        s3_key_prefix: None,
        kms_key: None,
        log_file_validation: true,
        event_selectors: Selectors::Basic(BasicSelectors::default()),
        rest: Default::default(),
        logging: true,
        tags: Tags::new(),
    }));
    Change {
        address,
        action: Action::Create,
        reason: String::new(),
        fields: Vec::new(),
        requires,
        depth: 0,
        desired,
        seen: None,
    }
}

pub(super) fn address(account: usize, name: &str) -> Address {
    format!("{account:0>12}/us-east-1/cloudtrail.trail/{name}").parse().unwrap()
}

/// A plan of these changes: the account's number, the name, and the names that it requires.
fn plan(changes: &[(usize, &str, &[&str])]) -> Plan {
    let at = |wanted: &str| {
        let (account, name, _) = changes.iter().find(|(_, name, _)| *name == wanted).unwrap();
        address(*account, name)
    };
    let changes = changes.iter().map(|(account, name, requires)| {
        change(address(*account, name), requires.iter().map(|name| at(name)).collect())
    });
    Plan { changes: changes.collect(), ..Plan::default() }
}

pub(super) fn failure() -> OpError {
    OpError {
        account: account(1),
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

/// Account 1 holds what the others need; the others declare the wave of their number.
fn wave(id: AccountId) -> Wave {
    match id.as_str().parse().unwrap() {
        1 => Wave::Holders,
        wave => Wave::Declared(wave),
    }
}

fn together(_: AccountId) -> Wave {
    Wave::Declared(1)
}

fn terms<'a>(rollout: &'a Rollout, wave: &'a dyn Fn(AccountId) -> Wave) -> Terms<'a> {
    Terms { rollout, wave, settled: &[], canary_unread: false, bounds: Bounds::OF_A_RUN }
}

fn started(decisions: &[Decision]) -> Vec<usize> {
    let start = |decision: &Decision| match decision {
        Decision::Start(change) => Some(*change),
        _ => None,
    };
    decisions.iter().filter_map(start).collect()
}

fn ended(decisions: &[Decision]) -> Vec<(usize, &Outcome)> {
    let end = |decision: &'_ Decision| matches!(decision, Decision::End(..));
    let pair = |decision| match decision {
        &Decision::End(change, ref outcome) => (change, outcome),
        _ => unreachable!(),
    };
    decisions.iter().filter(|decision| end(decision)).map(pair).collect()
}

fn well(run: &mut Dispatcher<'_>, change: usize) -> Vec<Decision> {
    run.on(Happened::Ended(change, Ok(None)))
}

fn badly(run: &mut Dispatcher<'_>, change: usize) -> Vec<Decision> {
    run.on(Happened::Ended(change, Err(failure())))
}

fn halt(decisions: &[Decision]) -> Option<&Halt> {
    decisions.iter().find_map(|decision| match decision {
        Decision::Halt(why) => Some(why),
        _ => None,
    })
}

#[test]
fn a_change_starts_when_all_it_requires_has_ended_well() {
    let plan = plan(&[(1, "a", &["b", "c"]), (1, "b", &["c"]), (1, "c", &[]), (1, "d", &[])]);
    let rollout = Rollout::default();
    let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &together));
    assert_eq!(started(&first), [2, 3]);
    assert_eq!(started(&well(&mut run, 2)), [1]);
    assert_eq!(started(&well(&mut run, 1)), [0]);
    well(&mut run, 0);
    assert_eq!(well(&mut run, 3).last(), Some(&Decision::Over));
    assert_eq!(run.halted(), None);
}

#[test]
fn what_requires_a_failure_is_skipped_however_long_the_chain_and_nothing_else_is() {
    let plan = plan(&[(1, "a", &[]), (1, "b", &["a"]), (1, "c", &["b", "d"]), (1, "d", &[])]);
    let rollout = Rollout::default();
    let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &together));
    assert_eq!(started(&first), [0, 3]);
    let decisions = badly(&mut run, 0);
    let ended = ended(&decisions);
    assert_eq!(ended.iter().map(|(change, _)| *change).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(*ended[2].1, Outcome::Skipped { because: plan.changes[1].address.clone() });
    assert_eq!(well(&mut run, 3), [Decision::End(3, Outcome::Applied), Decision::Over]);
}

#[test]
fn what_requires_something_that_ended_badly_before_the_run_is_skipped() {
    let mut plan = plan(&[(2, "a", &[]), (2, "b", &["a"]), (2, "c", &[])]);
    let (gone, same) = (address(1, "gone"), address(1, "same"));
    plan.changes[0].requires.push(gone.clone());
    plan.changes[2].requires.push(same.clone());
    let rollout = Rollout::default();
    let stale = Outcome::Stale { reason: "it is there".to_owned() };
    let settled = [(gone.clone(), stale), (same, Outcome::AlreadySame)];
    let (_, first) = Dispatcher::start(&plan, &Terms { settled: &settled, ..terms(&rollout, &wave) });
    assert_eq!(ended(&first)[0], (0, &Outcome::Skipped { because: gone }));
    assert_eq!(ended(&first)[1].0, 1);
    assert_eq!(started(&first), [2]);
}

#[test]
fn a_wave_starts_when_the_one_before_it_is_over() {
    let plan = plan(&[(3, "a", &[]), (2, "b", &[]), (2, "c", &[]), (1, "d", &[])]);
    let rollout = Rollout::default();
    let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    assert_eq!(first, [Decision::Open { wave: Wave::Holders, accounts: 1, changes: 1 }, Decision::Start(3)]);
    let second = well(&mut run, 3);
    assert!(second.contains(&Decision::Open { wave: Wave::Declared(2), accounts: 1, changes: 2 }), "{second:?}");
    assert_eq!(started(&second), [1, 2]);
    assert_eq!(started(&well(&mut run, 1)), [0; 0], "the third change has not ended");
    assert_eq!(started(&well(&mut run, 2)), [0]);
}

#[test]
fn a_holders_change_that_waits_for_a_later_wave_is_made_in_that_wave() {
    // Nobody of wave 3 is changed before its turn; what waits for the holder goes with it.
    let plan = plan(&[(1, "member", &["detector"]), (3, "detector", &[]), (2, "link", &["member"]), (2, "own", &[])]);
    let rollout = Rollout::default();
    let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    assert_eq!(started(&first), [3]);
    assert_eq!(started(&well(&mut run, 3)), [1]);
    assert_eq!(started(&well(&mut run, 1)), [0]);
    assert_eq!(started(&well(&mut run, 0)), [2]);
    assert_eq!(well(&mut run, 2).last(), Some(&Decision::Over));
}

#[test]
fn what_requires_itself_is_skipped_and_holds_nobody_up() {
    let plan = plan(&[(1, "a", &["b"]), (1, "b", &["a"]), (2, "c", &["a"]), (2, "d", &[])]);
    let rollout = Rollout::default();
    let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    assert_eq!((ended(&first).len(), started(&first)), (3, vec![3]));
    assert_eq!(well(&mut run, 3).last(), Some(&Decision::Over));
}

/// Ten accounts in wave 2, ten in wave 3.
fn twenty() -> (Plan, impl Fn(AccountId) -> Wave) {
    let names: Vec<String> = (10..30).map(|n| format!("t{n}")).collect();
    let changes: Vec<(usize, &str, &[&str])> =
        names.iter().enumerate().map(|(n, name)| (10 + n, name.as_str(), &[][..])).collect();
    let wave = |id: AccountId| Wave::Declared(1 + id.as_str().parse::<u32>().unwrap() / 10);
    (plan(&changes), wave)
}

#[test]
fn as_many_failed_accounts_as_are_tolerated_do_not_stop_the_next_wave_and_one_more_does() {
    for (failing, goes_on) in [(0, true), (1, true), (2, false)] {
        let (plan, wave) = twenty();
        let rollout = Rollout::default();
        let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &wave));
        assert_eq!(started(&first).len(), 10);
        let mut last = Vec::new();
        for change in 0..10 {
            last = if change < failing { badly(&mut run, change) } else { well(&mut run, change) };
        }
        assert_eq!(started(&last).len(), if goes_on { 10 } else { 0 }, "{failing} failed");
        let expected = Halt::TooManyFailures {
            wave: Wave::Declared(2),
            failed: 2,
            accounts: vec![account(10), account(11)],
            tolerated: 1,
            overall: false,
        };
        assert_eq!(halt(&last), (!goes_on).then_some(&expected));
        assert_eq!(last.last() == Some(&Decision::Over), !goes_on);
    }
}

#[test]
fn failures_of_all_waves_are_counted_too() {
    let (plan, wave) = twenty();
    let later = |id: AccountId| match id.as_str().parse::<u32>().unwrap() {
        25.. => Wave::Declared(9),
        _ => wave(id),
    };
    let rollout = Rollout {
        max_failures: Tolerance::Percent(50),
        max_failures_overall: Tolerance::Accounts(3),
        ..Rollout::default()
    };
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &later));
    let mut last = Vec::new();
    for change in 0..15 {
        last = if matches!(change, 0 | 1 | 10 | 11) { badly(&mut run, change) } else { well(&mut run, change) };
    }
    assert!(
        matches!(halt(&last), Some(Halt::TooManyFailures { failed: 4, tolerated: 3, overall: true, .. })),
        "{last:?}"
    );
    let not_started = last.iter().filter(|d| matches!(d, Decision::End(_, Outcome::NotStarted { .. }))).count();
    assert_eq!(not_started, 5);
}

#[test]
fn the_rest_follows_a_canary_that_was_read_again_and_is_as_it_should_be() {
    let plan = plan(&[(1, "a", &[]), (2, "b", &[]), (3, "c", &[])]);
    let canary = account(3);
    let wave = |id| if id == canary { Wave::Canary } else { wave(id) };
    let rollout = Rollout { canary: Some(canary), ..Rollout::default() };
    for found in [None, Some("a trail is stopped".to_owned())] {
        let (mut run, first) = Dispatcher::start(&plan, &terms(&rollout, &wave));
        assert_eq!(started(&first), [0]);
        assert_eq!(started(&well(&mut run, 0)), [2]);
        let reading = well(&mut run, 2);
        assert_eq!(reading.last(), Some(&Decision::ReadCanary(canary)));
        assert_eq!(started(&reading), [0; 0]);
        let after = run.on(Happened::CanaryRead(found.clone()));
        match found {
            None => assert_eq!(started(&after), [1]),
            Some(found) => {
                assert_eq!(halt(&after), Some(&Halt::Canary { account: canary, trouble: Trouble::Found(found) }));
                assert_eq!(after.last(), Some(&Decision::Over));
            }
        }
    }
}

#[test]
fn nobody_follows_a_canary_that_failed_or_could_not_be_read() {
    let plan = plan(&[(2, "b", &[]), (3, "c", &[])]);
    let canary = account(3);
    let wave = |id| if id == canary { Wave::Canary } else { wave(id) };
    // More failures than there are accounts are tolerated, but not in a canary.
    let all = Tolerance::Accounts(9);
    let rollout = Rollout { canary: Some(canary), max_failures: all, max_failures_overall: all };
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    let after = badly(&mut run, 1);
    assert_eq!(halt(&after), Some(&Halt::Canary { account: canary, trouble: Trouble::Change }));

    let without = Plan { changes: plan.changes[..1].to_vec(), ..Plan::default() };
    let (_, first) = Dispatcher::start(&without, &Terms { canary_unread: true, ..terms(&rollout, &wave) });
    assert_eq!(halt(&first), Some(&Halt::Canary { account: canary, trouble: Trouble::Unread }));
    let (_, first) = Dispatcher::start(&without, &terms(&rollout, &wave));
    assert_eq!(started(&first), [0], "with nothing to change in it there is nothing to wait for");
}

#[test]
fn a_first_signal_lets_what_is_under_way_end_and_a_second_one_leaves_it() {
    let plan = plan(&[(1, "a", &[]), (1, "b", &["a"]), (2, "c", &[])]);
    let rollout = Rollout::default();
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    let first = run.on(Happened::AskedToFinish);
    assert_eq!(ended(&first).len(), 2);
    assert!(!first.contains(&Decision::Over));
    assert_eq!(well(&mut run, 0), [Decision::End(0, Outcome::Applied), Decision::Over]);

    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    run.on(Happened::AskedToFinish);
    let second = run.on(Happened::AskedToLeave);
    assert!(matches!(&second[..], [Decision::End(0, Outcome::Failed(error)), Decision::Over]
        if error.fault == Fault::Interrupted));
    assert_eq!(well(&mut run, 0), [], "its outcome was told");
}

#[test]
fn a_lost_lock_lets_what_is_under_way_end_and_starts_nothing_more() {
    let plan = plan(&[(1, "a", &[]), (1, "b", &["a"]), (2, "c", &[])]);
    let rollout = Rollout::default();
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    let lost = run.on(Happened::LockLost);
    assert_eq!(halt(&lost), Some(&Halt::LockLost));
    assert_eq!(ended(&lost).len(), 2, "{lost:?}");
    assert_eq!(well(&mut run, 0), [Decision::End(0, Outcome::Applied), Decision::Over]);
}

#[test]
fn nobody_follows_a_canary_of_which_something_was_skipped_or_stale() {
    let canary = account(3);
    let wave = |id| if id == canary { Wave::Canary } else { wave(id) };
    let all = Tolerance::Accounts(9);
    let rollout = Rollout { canary: Some(canary), max_failures: all, max_failures_overall: all };
    let expected = Halt::Canary { account: canary, trouble: Trouble::Change };
    // It failed nowhere itself: what it requires of a holder did.
    let skipped = plan(&[(1, "a", &[]), (3, "b", &["a"]), (3, "c", &[]), (2, "d", &[])]);
    let (mut run, first) = Dispatcher::start(&skipped, &terms(&rollout, &wave));
    assert_eq!(started(&first), [0]);
    assert_eq!(started(&badly(&mut run, 0)), [2]);
    assert_eq!(halt(&well(&mut run, 2)), Some(&expected));

    let stale = plan(&[(3, "b", &[]), (2, "c", &[])]);
    let settled = [(address(3, "a"), Outcome::Stale { reason: "somebody changed it".to_owned() })];
    let (mut run, first) = Dispatcher::start(&stale, &Terms { settled: &settled, ..terms(&rollout, &wave) });
    assert_eq!(started(&first), [0]);
    assert_eq!(halt(&well(&mut run, 0)), Some(&expected));
}

#[test]
fn what_a_change_requires_is_known_by_what_this_run_made() {
    let plan = plan(&[(1, "a", &[]), (1, "b", &["a"]), (1, "c", &[])]);
    let rollout = Rollout::default();
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &together));
    let made: Arn = "arn:aws:sns:us-east-1:111111111111:a".parse().unwrap();
    run.on(Happened::Ended(0, Ok(Some(made.clone()))));
    assert_eq!(run.known(&plan.changes[1]), BTreeMap::from([(plan.changes[0].address.clone(), made)]));
    assert_eq!(run.known(&plan.changes[2]), BTreeMap::new(), "it requires nothing");
}

/// Such as a bucket whose policy is written and whose lifecycle is refused: the trails do not wait for that one.
#[test]
fn what_failed_in_a_part_that_nobody_waits_for_holds_nobody_up_and_is_a_failure() {
    let plan = plan(&[(1, "a", &[]), (2, "b", &["a"]), (2, "c", &["b"])]);
    let rollout = Rollout::default();
    let (mut run, _) = Dispatcher::start(&plan, &terms(&rollout, &wave));
    let there: Arn = "arn:aws:s3:::logs".parse().unwrap();
    let decisions = run.on(Happened::EndedInPart(0, there.clone(), failure()));
    assert_eq!(ended(&decisions), [(0, &Outcome::Failed(failure()))]);
    assert_eq!((started(&decisions), halt(&decisions)), (vec![1], None), "the next wave starts");
    assert_eq!(run.known(&plan.changes[1]), BTreeMap::from([(plan.changes[0].address.clone(), there)]));
    assert_eq!(started(&well(&mut run, 1)), [2]);
    assert_eq!(well(&mut run, 2).last(), Some(&Decision::Over));
}

#[test]
fn accounts_take_turns_and_none_takes_them_all() {
    let names: Vec<String> = (0..40).map(|n| format!("t{n:02}")).collect();
    // 30 changes of one account come first in the plan, then 10 of ten others.
    let changes: Vec<(usize, &str, &[&str])> =
        names.iter().enumerate().map(|(n, name)| (if n < 30 { 1 } else { n }, name.as_str(), &[][..])).collect();
    let plan = plan(&changes);
    let rollout = Rollout::default();
    let bounds = Bounds { changes: 12, per_account: 4, accounts: 8 };
    let (mut run, first) = Dispatcher::start(&plan, &Terms { bounds, ..terms(&rollout, &together) });
    let started = started(&first);
    assert_eq!(started.iter().filter(|change| **change < 30).count(), 4, "{started:?}");
    assert_eq!(started.iter().filter(|change| **change >= 30).count(), 7, "eight accounts at once: {started:?}");
    let next = well(&mut run, 30);
    assert!(next.contains(&Decision::Start(37)), "the next account's turn: {next:?}");
}
