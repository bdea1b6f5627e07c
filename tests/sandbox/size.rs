//! How much a person has to read where an estate is large.

use std::fmt::Write as _;
use std::fs;

use crate::support::estate::Estate;
use crate::support::file;

/// Lines of one terminal screen.
const SCREEN: usize = 50;

#[test]
fn a_plan_for_forty_accounts_that_lack_the_same_fits_one_screen() {
    let mut profiles = r#"
[jump]
account = "999999999999"
baseline = false

[security]
account = "222222222222"
role = "BaselineSecurity"
home_region = "eu-west-1"

[defaults]
role = "BaselineExecution"
regions = { list = ["ap-northeast-1", "eu-west-1", "us-east-1"] }
"#
    .to_owned();
    for n in 0..40 {
        write!(profiles, "\n[[account]]\nid = \"3333333333{n:02}\"\nname = \"project-{n:02}\"\n").unwrap();
    }
    let standard = fs::read_to_string(file("baselines/standard.toml")).unwrap();
    let estate = Estate::new(&profiles, &standard);
    let plan = estate.plan(&[]).ended(2);
    let lines = plan.out.lines().count();
    assert!(lines <= SCREEN, "{lines} lines:\n{}", plan.out);
    assert!(plan.out.contains("41 accounts, 3 Regions each"), "{}", plan.out);
}
