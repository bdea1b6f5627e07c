//! `aws --profile NAME` for every account of the profiles file.

use serde_json::Value;

use super::Estate;
use crate::support::{stderr, stdout};

/// A jump role behind a device, and names that are no names of AWS profiles, or are two accounts'.
const PROFILES: &str = r#"
[jump]
profile = "corp"
role = "arn:aws:iam::111111111111:role/team/Jump"
mfa_serial = "arn:aws:iam::111111111111:mfa/alice"
source_identity = "alice"

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "to=security,+@:/-."
home_region = "eu-west-1"

[log_archive]
account = "555555555555"
role = "BaselineArchive"
name = "corp"

[defaults]
role = "path/BaselineExecution"
external_id = "to-projects"

[[account]]
id = "333333333333"
name = "payments-prod"

[[account]]
id = "444444444444"
name = "data lab"

[[account]]
id = "666666666666"
name = "data-lab"
"#;

/// The account and the role that a profile gets into.
fn entered(estate: &Estate, profile: &str, home: Option<&Estate>) -> (String, String) {
    let mut command = estate.shell(&estate.aws);
    command.args(["--output", "json", "--profile", profile, "sts", "get-caller-identity"]).env("KEYS", "");
    if let Some(home) = home {
        command.env("HOME", home.directory.path());
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "aws --profile {profile}:\n{}", stderr(&output));
    let answer: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let arn = answer["Arn"].as_str().unwrap();
    (answer["Account"].as_str().unwrap().to_owned(), arn.split('/').nth(1).unwrap().to_owned())
}

#[test]
fn every_account_is_entered_by_a_profile_of_its_name() {
    let estate = Estate::of(PROFILES, &[]);
    for (profile, account, role) in [
        ("corp", "111111111111", "sandbox"),
        ("jump", "111111111111", "Jump"),
        ("security", "222222222222", "BaselineSecurity"),
        ("log-archive", "555555555555", "BaselineArchive"),
        ("payments-prod", "333333333333", "BaselineExecution"),
        ("data-lab-444444444444", "444444444444", "BaselineExecution"),
        ("666666666666", "666666666666", "BaselineExecution"),
    ] {
        assert_eq!(entered(&estate, profile, None), (account.to_owned(), role.to_owned()), "{profile}");
    }

    // The CLI keeps sessions in the home directory. Those of an earlier simulation are not taken for this one's.
    let next = Estate::of(PROFILES, &[]);
    assert_eq!(entered(&next, "payments-prod", Some(&estate)).0, "333333333333");
}

#[test]
fn boto3_enters_an_account_by_its_profile_and_stays_in_the_home_region() {
    let estate = Estate::of(PROFILES, &[]);
    let script = "import boto3, sys\n\
                  session = boto3.Session(profile_name='payments-prod')\n\
                  names = [one['RegionName'] for one in session.client('ec2').describe_regions()['Regions']]\n\
                  print(session.region_name, len(names) > 10, session.client('sts').get_caller_identity()['Account'])";
    let python = estate.aws.with_file_name("python");
    let output = estate.shell(&python).args(["-c", script]).env("KEYS", "").output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(stdout(&output).trim(), "eu-west-1 True 333333333333");
}
