//! The demonstration: five steps on a simulated estate, with what each must show.

use crate::support::{baseline, stderr, stdout};

#[test]
fn the_demonstration_shows_drift_repair_and_a_clean_plan() {
    let folder = tempfile::tempdir().unwrap();
    let output = baseline(folder.path()).env("TMPDIR", folder.path()).arg("demo").output().unwrap();
    let screen = stdout(&output);
    assert!(output.status.success(), "{screen}{}", stderr(&output));
    let mut rest = screen.as_str();
    for line in [
        "── 1. ",
        "Plan: 72 to create, 0 in sync (5 accounts, up to 17 Regions each).\nexit code 2",
        "── 2. ",
        "Apply: 72 applied.\nexit code 0",
        " changing calls. Once more, and it takes none:",
        "── 3. ",
        "── 4. ",
        "~ update s3.bucket baseline-logs-222222222222-ap-northeast-1",
        "policy.Statement.BaselineCloudTrailCheck.Principal: * → ",
        "~ update cloudtrail.trail baseline",
        "    payments-prod (333333333333), eu-west-1\n    ~ logging: false → true",
        "Plan: 2 to update, 70 in sync (5 accounts, up to 17 Regions each).\nexit code 2",
        "── 5. ",
        "Apply: 2 applied.\nexit code 0",
        "note recording-gap",
        "Plan: nothing to change, 72 in sync (5 accounts, up to 17 Regions each).\nexit code 0",
    ] {
        let Some((_, after)) = rest.split_once(line) else { panic!("no `{line}` in what is left:\n{rest}") };
        rest = after;
    }
    // Nothing stays behind: neither the demonstration's folder nor the simulation's.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
