//! From one trail per Region to one for all, and back: at no moment unrecorded.

use serde_json::{Value, json};

use crate::support::estate::{BASELINE, Estate, HOME, PAYMENTS, PROFILES, SECURITY};

fn multi_region() -> String {
    BASELINE.replace("[cloudtrail]", "[cloudtrail]\nmode = \"multi-region\"")
}

/// One project, so that there is little to wait for.
fn profiles() -> &'static str {
    PROFILES.rsplit_once("[[account]]").unwrap().0
}

/// The trails of an account, with what they do.
fn trails(estate: &Estate, account: &str) -> Vec<String> {
    let state = estate.state();
    let own = |trail: &&Value| trail["arn"].as_str().unwrap().contains(account);
    let mut trails: Vec<String> = state["trails"]
        .as_array()
        .unwrap()
        .iter()
        .filter(own)
        .map(|trail| {
            let arn: Vec<&str> = trail["arn"].as_str().unwrap().split(':').collect();
            let logging = if trail["logging"] == true { "" } else { " stopped" };
            format!("{} {}{logging}", arn[3], arn[5])
        })
        .collect();
    trails.sort();
    trails
}

fn orphans(document: &Value) -> Vec<String> {
    let text = |orphan: &Value, key: &str| orphan[key].as_str().unwrap().to_owned();
    let list = document["orphans"].as_array().unwrap().iter();
    list.map(|orphan| format!("{}: {}", text(orphan, "address"), text(orphan, "fate"))).collect()
}

const OLD: [&str; 2] = ["eu-west-1 trail/baseline", "us-east-1 trail/baseline"];
const NEW: &str = "eu-west-1 trail/baseline-multi-region";

#[test]
fn the_old_trails_go_only_after_the_new_one_was_seen_to_be_right() {
    let estate = Estate::converged(profiles(), BASELINE);
    estate.write_baseline(&multi_region());
    let both = [OLD[0], NEW, OLD[1]];

    // The new one first; without --prune nothing goes, ever.
    assert_eq!(estate.drift(&[]).iter().filter(|change| change.ends_with("create")).count(), 2);
    crate::assert_screen!("mode_changed", estate.plan(&["--prune"]).ended(2).out);
    estate.apply(&[]).ended(0);
    assert_eq!(trails(&estate, PAYMENTS), both);
    let (code, document) = estate.plan_json(&[]);
    assert_eq!(code, Some(0));
    assert_eq!(orphans(&document).len(), 4);
    assert!(orphans(&document).iter().all(|orphan| orphan.ends_with("kept; --prune removes it")), "{document:#}");

    // Not while the new one is out of order.
    estate
        .tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME, "name": "baseline-multi-region" }));
    let (_, document) = estate.plan_json(&["--prune"]);
    assert!(!document["changes"].to_string().contains("\"delete\",\"address\":\"333333333333"), "{document:#}");
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(trails(&estate, PAYMENTS), both, "kept by the run that repaired the new one");
    assert_eq!(trails(&estate, SECURITY), [NEW], "where it was right, the old ones went");

    let pruned = estate.apply(&["--prune"]).ended(0).out;
    // When it was stopped and started hangs on the clock.
    let (before, gap) = pruned.split_once("recorded nothing from ").unwrap();
    let rest = gap.split_once('\n').unwrap().1;
    crate::assert_screen!("orphans_pruned", format!("{before}recorded nothing for a while\n{rest}"));
    assert_eq!(trails(&estate, PAYMENTS), [NEW]);
    estate.assert_clean();

    // And back.
    estate.write_baseline(BASELINE);
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(trails(&estate, PAYMENTS), both);
    estate.apply(&["--prune"]).ended(0);
    assert_eq!(trails(&estate, PAYMENTS), OLD);
    estate.assert_clean();
}

/// The new trail is in a Region that this run does not look at: nothing is known of it.
#[test]
fn an_old_trail_stays_where_the_run_does_not_look_at_the_new_one() {
    let estate = Estate::converged(profiles(), BASELINE);
    estate.write_baseline(&multi_region());
    estate.apply(&["--prune", "-r", "us-east-1"]);
    assert_eq!(trails(&estate, PAYMENTS), OLD);
    estate.apply(&["--prune", "-t", "*/us-east-1/**"]);
    assert_eq!(trails(&estate, PAYMENTS), OLD);
    // A target that is the old trails alone leaves the new one out too.
    estate.apply(&["--prune", "-t", "*/*/cloudtrail.trail/baseline"]);
    assert_eq!(trails(&estate, PAYMENTS), OLD);

    // Two Regions, and a trail of the other mode in one of them: that the other is right is not known.
    estate.apply(&[]).ended(0);
    estate.write_baseline(BASELINE);
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": "us-east-1" }));
    estate.apply(&["--prune", "-r", HOME]);
    assert_eq!(trails(&estate, PAYMENTS), [OLD[0], NEW, "us-east-1 trail/baseline stopped"]);
}
