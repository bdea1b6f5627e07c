//! What `baseline validate` says of estates that outgrow a policy.

use std::fmt::Write as _;
use std::fs;

use crate::support::{baseline, stdout};

fn validated(accounts: usize) -> String {
    let directory = tempfile::tempdir().unwrap();
    let mut profiles = String::from(
        "jump = { account = '111111111111' }\n\
         security = { account = '222222222222', role = 'Security', home_region = 'eu-west-1' }\n\
         defaults = { role = 'Execution' }\n",
    );
    for n in 0..accounts {
        writeln!(profiles, "[[account]]\nid = '{:012}'", 900_000_000_000_u64 + n as u64).unwrap();
    }
    fs::write(directory.path().join("profiles.toml"), profiles).unwrap();
    fs::write(directory.path().join("baseline.toml"), "name = 'x'\n[log_key]\n[log_bucket]\n[cloudtrail]\n").unwrap();
    let output = baseline(directory.path()).args(["validate", "-v"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    stdout(&output).lines().filter(|line| line.trim_start().starts_with("note")).map(|l| format!("{l}\n")).collect()
}

#[test]
fn validate_says_which_form_a_policy_takes_and_when_none_fits() {
    assert_eq!(validated(20), "");
    insta::assert_snapshot!(validated(300), @"  note        the bucket policy takes form 3 of 4, one statement for all accounts and the whole log path: for 302 accounts, a tighter one is larger than the 20480 bytes that AWS takes, other people's statements included");
    insta::assert_snapshot!(validated(2_500), @"
    note        the bucket policy is refused: for 2502 accounts, its smallest form is larger than the 20480 bytes that AWS takes, other people's statements included; split the accounts over two profiles files with a security account each, or remove other people's statements
    note        the key policy is refused: for 2502 accounts, its smallest form is larger than the 32768 bytes that AWS takes, other people's statements included; split the accounts over two profiles files with a security account each, or remove other people's statements
    ");
}
