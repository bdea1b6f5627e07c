//! Saved plans: shown as they were, made as far as they still hold, and never anything else.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

use baseline::plan::Action;
use baseline::plan::file::SavedPlan;
use baseline::report::saved;
use serde_json::{Value, json};

use crate::support::estate::{
    BASELINE, BUCKET, Estate, HOME, LEDGER, PAYMENTS, PROFILES, Ran, SECRETS, SECURITY, id, standard,
};

const FILE: &str = "plan.json";

fn path(estate: &Estate) -> PathBuf {
    estate.directory.path().join(FILE)
}

/// Plans into the file; answers what was said.
#[track_caller]
fn save(estate: &Estate, arguments: &[&str], code: i32) -> Ran {
    let ran = estate.plan(&[&["--out", FILE], arguments].concat()).ended(code);
    let text = fs::read_to_string(path(estate)).unwrap();
    for secret in SECRETS {
        assert!(!text.contains(secret), "a secret was saved");
    }
    ran
}

/// Applies the file; answers how many changes ended how, and why.
#[track_caller]
fn apply(estate: &Estate, arguments: &[&str], code: i32) -> (Value, Vec<String>) {
    estate.sandbox.reset_calls();
    let document = estate.apply(&[&[FILE, "--format", "json"], arguments].concat()).ended(code).json();
    let mut result = document["result"].clone();
    result.as_object_mut().unwrap().retain(|_, count| *count != json!(0));
    let outcomes = document["outcomes"].as_array().unwrap();
    let why = outcomes.iter().filter(|outcome| outcome.get("because").is_some()).map(|outcome| {
        let text = |key: &str| outcome[key].as_str().unwrap();
        format!("{} {}: {}", text("address"), text("outcome"), text("because"))
    });
    (result, why.collect())
}

/// Does something to a saved plan and puts a right digest to it, as somebody who means it would.
fn forge(estate: &Estate, forge: impl FnOnce(&mut SavedPlan)) {
    let mut plan = SavedPlan::read(&fs::read(path(estate)).unwrap()).unwrap();
    forge(&mut plan);
    let mut bytes = Vec::new();
    saved::write(&plan.origin, &plan.plan, &mut bytes).unwrap();
    fs::write(path(estate), bytes).unwrap();
}

fn stop(estate: &Estate, account: &str, region: &str) {
    estate.tamper(json!({ "do": "stop-logging", "account": account, "region": region }));
}

fn logs(estate: &Estate, account: &str, region: &str) -> bool {
    let arn = format!("arn:aws:cloudtrail:{region}:{account}:trail/baseline");
    Estate::arn_in(&estate.state()["trails"], &arn)["logging"] == true
}

#[test]
fn show_says_what_plan_said_without_files_or_network() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    estate.tamper(json!({ "do": "delete-role", "account": PAYMENTS, "role": "BaselineExecution" }));
    let cases: [&[&str]; 3] = [&[], &["-v"], &["--format", "json"]];
    for arguments in cases {
        let planned = save(&estate, arguments, 3);
        let calls = estate.sandbox.calls();
        fs::rename(estate.directory.path().join("profiles.toml"), estate.directory.path().join("away")).unwrap();
        let shown = estate.run_with(&[&["show", FILE], arguments].concat(), &[("AWS_ENDPOINT_URL", "http://[::1]:1")]);
        fs::rename(estate.directory.path().join("away"), estate.directory.path().join("profiles.toml")).unwrap();
        assert_eq!(shown.ended(0).out, planned.out, "{arguments:?}");
        assert_eq!(estate.sandbox.calls(), calls);
    }
}

#[test]
fn a_saved_plan_is_made_once_and_found_made_the_second_time() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    save(&estate, &[], 2);
    let plan = SavedPlan::read(&fs::read(path(&estate)).unwrap()).unwrap().plan;
    let changes = plan.changes.len();
    assert!(changes > 60, "{changes}");
    assert_eq!(apply(&estate, &[], 0), (json!({ "applied": changes }), vec![]));
    estate.assert_clean();
    assert_eq!(apply(&estate, &[], 0), (json!({ "already_same": changes }), vec![]));
    assert_eq!(estate.writes(), [""; 0]);
}

#[test]
fn what_changed_since_is_left_alone_and_told() {
    let estate = Estate::converged(PROFILES, BASELINE);
    for (account, region) in [(PAYMENTS, HOME), (PAYMENTS, "us-east-1"), (LEDGER, HOME), (LEDGER, "us-east-1")] {
        stop(&estate, account, region);
    }
    estate.tamper(json!({ "do": "suspend-versioning", "bucket": BUCKET }));
    save(&estate, &[], 2);
    // Somebody repairs one, changes another further, removes a third; and writes into the bucket's policy.
    estate.admin(PAYMENTS).cloudtrail(HOME, "StartLogging", json!({ "Name": "baseline" }));
    let update = json!({ "Name": "baseline", "IncludeGlobalServiceEvents": true });
    estate.admin(LEDGER).cloudtrail(HOME, "UpdateTrail", update);
    estate.tamper(json!({ "do": "delete-trail", "account": LEDGER, "region": "us-east-1", "name": "baseline" }));
    let mut policy = estate.bucket(BUCKET)["policy"].clone();
    policy["Statement"].as_array_mut().unwrap().push(json!({ "Sid": "Theirs", "Effect": "Allow",
        "Principal": { "AWS": "arn:aws:iam::888888888888:root" }, "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{BUCKET}/*") }));
    estate.tamper(json!({ "do": "put-bucket-policy", "bucket": BUCKET, "policy": policy }));

    // The bucket is another, so that nothing that needs it is touched.
    let (result, why) = apply(&estate, &[], 3);
    assert_eq!(estate.writes(), [""; 0]);
    assert_eq!(result, json!({ "already_same": 1, "skipped": 1, "stale": 3 }));
    crate::assert_screen!("saved_stale", why.join("\n"));

    // Without it among the changes, what is as it was is repaired, and nothing else.
    let (result, why) = apply(&estate, &["-a", "payments", "-a", "ledger"], 3);
    assert_eq!(result, json!({ "already_same": 1, "applied": 1, "stale": 2 }), "{why:#?}");
    assert_eq!(estate.writes(), ["cloudtrail:StartLogging 333333333333 us-east-1"]);
}

#[test]
fn every_kind_of_a_saved_plan_is_looked_at_again() {
    let estate = Estate::new(PROFILES, &standard());
    estate.make_queue(HOME);
    save(&estate, &[], 2);
    estate.apply(&[]).ended(0);
    // All of it was made meanwhile, and then one of it was changed.
    stop(&estate, PAYMENTS, HOME);
    let (result, why) = apply(&estate, &[], 3);
    assert_eq!(estate.writes(), [""; 0]);
    assert_eq!((&result["stale"], why.len()), (&json!(1), 1), "{result} {why:#?}");
    assert!(why[0].contains("cloudtrail.trail") && why[0].contains("not as it should be"), "{why:#?}");
}

#[test]
fn a_plan_for_less_makes_less() {
    let estate = Estate::new(PROFILES, BASELINE);
    save(&estate, &[], 2);
    // The bucket is not made by this part of the plan.
    let (result, why) = apply(&estate, &["-a", "payments"], 3);
    assert_eq!((result, estate.writes()), (json!({ "stale": 2 }), vec![]));
    assert!(why[0].contains("which does not exist and is not selected"), "{why:#?}");
    assert_eq!(apply(&estate, &["-a", "security", "-r", HOME], 0).0, json!({ "applied": 3 }));
    assert_eq!(apply(&estate, &["-a", "payments"], 0).0, json!({ "applied": 2 }));
    assert_eq!(apply(&estate, &[], 0).0, json!({ "already_same": 5, "applied": 3 }));
    estate.assert_clean();
    // What selects nothing of the plan is a mistake, and nothing is called.
    estate.sandbox.reset_calls();
    for (arguments, option) in [
        (&["-s", "guardduty"][..], "--service guardduty"),
        (&["-r", HOME, "-r", "eu-north-1"], "--region eu-north-1"),
        (&["-t", "**/basleine"], "--target **/basleine"),
        (&["-a", "payments", "-s", "kms"], "the options that select, together"),
    ] {
        let ran = estate.apply(&[&[FILE], arguments].concat()).ended(64);
        let said = format!("{option}: the saved plan has nothing that this selects");
        assert!(ran.err.contains(&said), "{ran:?}");
    }
    assert_eq!(estate.sandbox.calls(), []);
    for arguments in [&["--prune"][..], &["--allow-data-loss"], &["--allow-remove-accounts"]] {
        estate.apply(&[&[FILE], arguments].concat()).ended(64);
    }
}

#[test]
fn a_role_that_leads_elsewhere_by_now_is_an_error() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop(&estate, PAYMENTS, HOME);
    stop(&estate, LEDGER, HOME);
    save(&estate, &[], 2);
    let nobody = json!({ "Version": "2012-10-17", "Statement": [] });
    estate.tamper(json!({ "do": "create-role", "account": "666666666666", "role": "Other", "policy": nobody }));
    estate.tamper(
        json!({ "do": "alias-role-to", "account": PAYMENTS, "role": "BaselineExecution", "to": "666666666666" }),
    );
    // The same as a plan that finds it: an error, and the others go on.
    let (result, why) = apply(&estate, &[], 1);
    assert_eq!(result, json!({ "applied": 1, "failed": 1 }), "{why:#?}");
    assert!(logs(&estate, LEDGER, HOME) && !logs(&estate, PAYMENTS, HOME));
}

#[test]
fn a_plan_of_a_part_holds_for_that_part() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop(&estate, PAYMENTS, HOME);
    stop(&estate, LEDGER, HOME);
    save(&estate, &["-g", "prod"], 2);
    assert_eq!(apply(&estate, &[], 0).0, json!({ "applied": 1 }));
    assert!(logs(&estate, PAYMENTS, HOME) && !logs(&estate, LEDGER, HOME));
}

#[test]
fn an_empty_plan_is_saved_and_applied_without_a_call() {
    let estate = Estate::converged(PROFILES, BASELINE);
    save(&estate, &[], 0);
    assert_eq!(apply(&estate, &[], 0), (json!({}), vec![]));
    assert_eq!(estate.sandbox.calls(), []);
}

#[test]
fn a_plan_of_an_incomplete_reading_is_made_and_stays_incomplete() {
    let estate = Estate::new(PROFILES, BASELINE);
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    save(&estate, &[], 3);
    assert_eq!(apply(&estate, &[], 3).0, json!({ "applied": 6 }));
}

#[test]
fn an_account_that_cannot_be_entered_any_more_holds_up_no_other() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop(&estate, PAYMENTS, HOME);
    stop(&estate, LEDGER, HOME);
    save(&estate, &[], 2);
    estate.tamper(json!({ "do": "delete-role", "account": LEDGER, "role": "BaselineExecution" }));
    let (result, why) = apply(&estate, &[], 3);
    assert_eq!(result, json!({ "applied": 1, "stale": 1 }));
    assert!(why[0].contains("it could not be read again: sts:AssumeRole"), "{why:#?}");
}

/// The trail that replaces those of each Region.
const NEW: &str = "baseline-multi-region";

#[test]
fn what_is_to_be_removed_goes_by_the_saved_plan_too() {
    let estate = Estate::converged(PROFILES, BASELINE);
    estate.write_baseline(&BASELINE.replace("[cloudtrail]", "[cloudtrail]\nmode = \"multi-region\""));
    estate.apply(&[]).ended(0);
    save(&estate, &["--prune", "-a", "payments"], 2);
    // Not where what replaces one is not as it should be by now.
    estate.tamper(json!({ "do": "stop-logging", "account": PAYMENTS, "region": HOME, "name": NEW }));
    let (result, why) = apply(&estate, &[], 3);
    assert_eq!((result, estate.writes()), (json!({ "stale": 2 }), vec![]), "{why:#?}");
    estate.admin(PAYMENTS).cloudtrail(HOME, "StartLogging", json!({ "Name": NEW }));
    assert_eq!(apply(&estate, &[], 0).0, json!({ "applied": 2 }));
    assert_eq!(apply(&estate, &[], 0), (json!({ "already_same": 2 }), vec![]));
}

#[test]
fn a_forged_plan_makes_nothing_that_is_not_planned_afresh() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop(&estate, PAYMENTS, HOME);
    stop(&estate, LEDGER, HOME);
    type Forgery = fn(&mut SavedPlan);
    let forgeries: [(&str, Forgery); 6] = [
        ("another wish", |saved| saved.plan.changes[0].desired = saved.plan.changes[0].seen.clone().unwrap().spec),
        ("another action", |saved| saved.plan.changes[0].action = Action::Delete),
        ("nothing seen", |saved| saved.plan.changes[0].seen = None),
        ("as seen elsewhere", |saved| {
            let other = saved.plan.changes[1].seen.clone().unwrap();
            saved.plan.changes[0].seen.as_mut().unwrap().arn = other.arn;
        }),
        ("of another account", |saved| saved.plan.changes[0].address.target.account = id("222222222222")),
        ("of none of ours", |saved| saved.plan.changes[0].address.target.account = id("999999999999")),
    ];
    for (name, change) in forgeries {
        save(&estate, &[], 2);
        forge(&estate, change);
        estate.sandbox.reset_calls();
        estate.apply(&[FILE]);
        let writes = estate.writes();
        assert_eq!(writes, ["cloudtrail:StartLogging 444444444444 eu-west-1"], "{name}");
        stop(&estate, LEDGER, HOME);
    }
    // Regions that nobody chose are not believed.
    save(&estate, &[], 2);
    forge(&estate, |saved| {
        saved.plan.known.regions.values_mut().for_each(|regions| regions.push("ap-south-1".parse().unwrap()));
    });
    apply(&estate, &[], 0);
    assert!(estate.sandbox.calls().iter().all(|call| call.region != "ap-south-1"));
}

#[test]
fn only_what_is_needed_is_read_again() {
    let mut profiles = PROFILES.to_owned();
    for n in 0..37 {
        write!(profiles, "\n[[account]]\nid = \"6666666666{n:02}\"\nname = \"project-{n:02}\"\n").unwrap();
    }
    let estate = Estate::converged(&profiles, BASELINE);
    stop(&estate, "666666666620", HOME);
    save(&estate, &[], 2);
    assert_eq!(apply(&estate, &[], 0).0, json!({ "applied": 1 }));
    let calls = estate.sandbox.calls();
    let inside = calls.iter().filter(|call| call.service != "sts").filter_map(|call| call.account);
    let read: BTreeSet<String> = inside.map(|account| account.to_string()).collect();
    assert_eq!(read.into_iter().collect::<Vec<_>>(), [SECURITY, "666666666620"]);
    let trails = calls.iter().filter(|call| call.operation == "DescribeTrails");
    let places: Vec<&str> = trails.map(|call| call.region.as_str()).collect();
    assert_eq!(places, [HOME]);
}

#[test]
fn a_file_that_is_no_plan_or_another_one_is_refused_before_anything_is_called() {
    let estate = Estate::converged(PROFILES, BASELINE);
    stop(&estate, PAYMENTS, HOME);
    save(&estate, &[], 2);
    let good = fs::read_to_string(path(&estate)).unwrap();
    let printed = estate.plan(&["--format", "json"]).out;
    let cases = [
        ("edited", good.replacen("payments", "ledger", 1)),
        ("truncated", good[..good.len() / 2].to_owned()),
        ("printed", printed),
        ("newer", good.replacen("\"format\":1", "\"format\":2", 1)),
        ("a baseline", BASELINE.to_owned()),
        ("empty", String::new()),
    ];
    estate.sandbox.reset_calls();
    let mut said = String::new();
    for (name, text) in cases {
        fs::write(path(&estate), text).unwrap();
        let shown = estate.run(&["show", FILE]).ended(65);
        let applied = estate.apply(&[FILE]).ended(65);
        assert!(shown.out.is_empty() && applied.out.is_empty() && shown.err == applied.err, "{shown:?} {applied:?}");
        write!(said, "{name}:\n{}", applied.err).unwrap();
    }
    fs::remove_file(path(&estate)).unwrap();
    write!(said, "gone:\n{}", estate.apply(&[FILE]).ended(65).err).unwrap();
    fs::write(path(&estate), good).unwrap();
    estate.write_baseline(&format!("{BASELINE}# more\n"));
    write!(said, "another baseline:\n{}", estate.apply(&[FILE]).ended(65).err).unwrap();
    estate.write_profiles(&format!("{PROFILES}# more\n"));
    write!(said, "both:\n{}", estate.apply(&[FILE]).ended(65).err).unwrap();
    estate.write_baseline(BASELINE);
    write!(said, "other profiles:\n{}", estate.apply(&[FILE]).ended(65).err).unwrap();
    assert_eq!(estate.sandbox.calls(), []);
    crate::assert_screen!("saved_refused", said);
}

#[test]
fn a_plan_is_private_whole_and_replaces_only_a_plan() {
    let estate = Estate::converged(PROFILES, BASELINE);
    let folder = estate.directory.path();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|one| one.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    save(&estate, &[], 0);
    assert_eq!(fs::metadata(path(&estate)).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(names().len(), before.len() + 1, "nothing else is left: {:?}", names());
    let first = fs::read(path(&estate)).unwrap();
    fs::set_permissions(path(&estate), fs::Permissions::from_mode(0o644)).unwrap();
    save(&estate, &[], 0);
    assert_ne!(fs::read(path(&estate)).unwrap(), first, "another run, another name");
    assert_eq!(fs::metadata(path(&estate)).unwrap().permissions().mode() & 0o777, 0o600);
    fs::write(path(&estate), "").unwrap();
    save(&estate, &[], 0);

    estate.sandbox.reset_calls();
    let plan = fs::read(path(&estate)).unwrap();
    symlink(path(&estate), folder.join("link")).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    let mut said = String::new();
    for name in ["link", "folder", "profiles.toml", "nowhere/plan.json"] {
        let ran = estate.plan(&["--out", name]).ended(1);
        assert!(ran.out.is_empty(), "{ran:?}");
        write!(said, "{}", ran.err).unwrap();
    }
    assert_eq!(estate.sandbox.calls(), [], "an estate is not read for nothing");
    assert_eq!(fs::read(path(&estate)).unwrap(), plan);
    crate::assert_screen!("saved_occupied", said);
}
