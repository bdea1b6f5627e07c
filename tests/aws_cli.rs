//! The AWS CLI, which other people wrote, against our sandbox.

#[cfg(feature = "aws")]
mod delivery;
mod profiles;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::python::Venv;
use super::support::{baseline_path, stderr};

const PROFILES: &str = r#"
[jump]
account = "111111111111"

[security]
account = "222222222222"
role = "BaselineSecurity"
external_id = "to-security"
home_region = "eu-west-1"

[defaults]
role = "BaselineExecution"
external_id = "to-projects"

[[account]]
id = "333333333333"

[[account]]
id = "444444444444"
"#;

const SECURITY_ROLE: &str = "arn:aws:iam::222222222222:role/BaselineSecurity";
const PROJECT_ROLE: &str = "arn:aws:iam::333333333333:role/BaselineExecution";

/// `baseline sandbox` as a process, and the AWS CLI in a shell that has read what it printed.
struct Estate {
    process: Child,
    directory: TempDir,
    aws: PathBuf,
    /// What the sandbox said when it was ready.
    #[cfg(feature = "aws")]
    announcement: String,
}

impl Drop for Estate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The keys of a session.
struct Keys([(&'static str, String); 3]);

impl Estate {
    fn start() -> Estate {
        Estate::of(PROFILES, &[])
    }

    /// An estate with the accounts of this profiles file, and more arguments for the sandbox.
    fn of(profiles: &str, arguments: &[&str]) -> Estate {
        let aws = Venv::get().program("aws");
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("profiles.toml"), profiles).unwrap();
        let mut process = Command::new(baseline_path())
            .args(["sandbox", "--profiles", "profiles.toml"])
            .args(arguments)
            .current_dir(directory.path())
            .env_clear()
            // Its settings file goes with the directory, also when it is killed.
            .env("TMPDIR", directory.path())
            .stdout(File::create(directory.path().join("sandbox.env")).unwrap())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut announcement = String::new();
        BufReader::new(process.stderr.take().unwrap()).read_line(&mut announcement).unwrap();
        assert!(announcement.contains("a simulation of AWS, not AWS"), "{announcement}");
        Estate {
            process,
            directory,
            aws,
            #[cfg(feature = "aws")]
            announcement,
        }
    }

    /// A shell that has read what the sandbox printed and runs a program.
    fn shell(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#". ./sandbox.env; eval "$KEYS"; exec "$@""#, "sh"])
            .arg(program)
            .current_dir(self.directory.path())
            .env_clear()
            .env("HOME", self.directory.path())
            .env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, keys: Option<&Keys>, arguments: &[&str]) -> std::process::Output {
        let exports = keys.iter().flat_map(|keys| &keys.0).map(|(name, value)| format!("export {name}='{value}';"));
        self.shell(&self.aws)
            .args(["--output", "json"])
            .args(arguments)
            .env("KEYS", exports.collect::<String>())
            .output()
            .unwrap()
    }

    /// A call that succeeds, and its answer.
    fn answer(&self, keys: Option<&Keys>, arguments: &[&str]) -> Value {
        let output = self.run(keys, arguments);
        assert!(output.status.success(), "aws {}:\n{}", arguments.join(" "), stderr(&output));
        match output.stdout.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&output.stdout).unwrap(),
        }
    }

    /// A call that is refused with this code, and what the CLI says of it.
    fn refusal(&self, keys: Option<&Keys>, arguments: &[&str], code: &str) -> String {
        let output = self.run(keys, arguments);
        let said = stderr(&output);
        assert!(!output.status.success(), "aws {} succeeds", arguments.join(" "));
        assert!(said.contains(&format!("An error occurred ({code})")), "aws {}:\n{said}", arguments.join(" "));
        said
    }

    fn assume(&self, keys: Option<&Keys>, role: &str, external_id: &str) -> Keys {
        let answer = self.answer(keys, &assume(role, external_id));
        let key = |name: &str| answer["Credentials"][name].as_str().unwrap().to_owned();
        Keys([
            ("AWS_ACCESS_KEY_ID", key("AccessKeyId")),
            ("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey")),
            ("AWS_SESSION_TOKEN", key("SessionToken")),
        ])
    }

    fn security(&self) -> Keys {
        self.assume(None, SECURITY_ROLE, "to-security")
    }

    fn project(&self) -> Keys {
        self.assume(Some(&self.security()), PROJECT_ROLE, "to-projects")
    }
}

fn assume<'a>(role: &'a str, external_id: &'a str) -> Vec<&'a str> {
    vec!["sts", "assume-role", "--role-arn", role, "--role-session-name", "other-people", "--external-id", external_id]
}

#[test]
fn the_chain_of_roles_is_walked_hop_by_hop_and_no_hop_can_be_skipped() {
    let estate = Estate::start();
    let identity = ["sts", "get-caller-identity"];
    assert_eq!(estate.answer(None, &identity)["Account"], "111111111111");

    estate.refusal(None, &assume(SECURITY_ROLE, "something-else"), "AccessDenied");
    let without = ["sts", "assume-role", "--role-arn", SECURITY_ROLE, "--role-session-name", "other-people"];
    estate.refusal(None, &without, "AccessDenied");
    estate.refusal(None, &assume(PROJECT_ROLE, "to-projects"), "AccessDenied");

    let security = estate.security();
    assert_eq!(estate.answer(Some(&security), &identity)["Account"], "222222222222");
    let long = [assume(PROJECT_ROLE, "to-projects"), vec!["--duration-seconds", "3601"]].concat();
    let said = estate.refusal(Some(&security), &long, "ValidationError");
    assert!(said.contains("1 hour session limit for roles assumed by role chaining"), "{said}");

    let project = estate.assume(Some(&security), PROJECT_ROLE, "to-projects");
    let answer = estate.answer(Some(&project), &identity);
    assert_eq!(answer["Account"], "333333333333");
    assert_eq!(answer["Arn"], "arn:aws:sts::333333333333:assumed-role/BaselineExecution/other-people");
}

#[test]
fn regions_that_an_account_has_not_enabled_are_refused_with_each_services_own_code() {
    let estate = Estate::start();
    let project = estate.project();
    let regions = |all: bool| {
        let flag = if all { "--all-regions" } else { "--no-all-regions" };
        let answer = estate.answer(Some(&project), &["ec2", "describe-regions", flag]);
        answer["Regions"].as_array().unwrap().clone()
    };
    let status = |regions: &[Value], name: &str| {
        regions.iter().find(|region| region["RegionName"] == name).map(|region| region["OptInStatus"].clone())
    };
    let enabled = regions(false);
    assert_eq!(status(&enabled, "us-east-1"), Some(json!("opt-in-not-required")));
    assert_eq!(status(&enabled, "ap-east-1"), None);
    assert_eq!(status(&regions(true), "ap-east-1"), Some(json!("not-opted-in")));

    // AWS.md's sources say which service answers what where an account has not enabled a Region.
    let refused: [(&[&str], &str); 4] = [
        (&["ec2", "describe-regions"], "AuthFailure"),
        (&["sts", "get-caller-identity"], "InvalidClientTokenId"),
        (&["cloudtrail", "describe-trails"], "UnrecognizedClientException"),
        (&["kms", "list-keys"], "UnrecognizedClientException"),
    ];
    for (call, code) in refused {
        estate.refusal(Some(&project), &[call, &["--region", "ap-east-1"]].concat(), code);
    }
}

#[test]
fn a_trail_delivers_to_another_accounts_bucket_once_its_policies_admit_it() {
    let estate = Estate::start();
    let security = estate.security();
    let project = estate.assume(Some(&security), PROJECT_ROLE, "to-projects");
    let keeper = |arguments: &[&str]| estate.answer(Some(&security), arguments);

    let key = keeper(&["kms", "create-key", "--description", "logs", "--tags", "TagKey=team,TagValue=security"]);
    let key = key["KeyMetadata"]["Arn"].as_str().unwrap().to_owned();
    keeper(&["kms", "create-alias", "--alias-name", "alias/logs", "--target-key-id", &key]);
    assert_eq!(keeper(&["kms", "describe-key", "--key-id", "alias/logs"])["KeyMetadata"]["Arn"], *key);
    keeper(&["kms", "enable-key-rotation", "--key-id", &key]);
    assert_eq!(keeper(&["kms", "get-key-rotation-status", "--key-id", &key])["KeyRotationEnabled"], true);
    let tags = keeper(&["kms", "list-resource-tags", "--key-id", &key]);
    assert_eq!(tags["Tags"], json!([{"TagKey": "team", "TagValue": "security"}]));

    let bucket = ["--bucket", "logs-of-222222222222"];
    let on = |operation: &str, more: &[&str]| keeper(&[&["s3api", operation][..], &bucket, more].concat());
    on("create-bucket", &["--create-bucket-configuration", "LocationConstraint=eu-west-1"]);
    assert_eq!(on("get-bucket-location", &[])["LocationConstraint"], "eu-west-1");
    on("put-bucket-versioning", &["--versioning-configuration", "Status=Enabled"]);
    assert_eq!(on("get-bucket-versioning", &[])["Status"], "Enabled");
    let nothing_public = "BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true";
    on("put-public-access-block", &["--public-access-block-configuration", nothing_public]);
    let block = on("get-public-access-block", &[]);
    assert_eq!(block["PublicAccessBlockConfiguration"]["RestrictPublicBuckets"], true);
    estate.refusal(Some(&security), &[&["s3api", "get-bucket-policy"][..], &bucket].concat(), "NoSuchBucketPolicy");
    // Another account's bucket, though it may know its name.
    estate.refusal(Some(&project), &[&["s3api", "get-bucket-policy"][..], &bucket].concat(), "AccessDenied");

    let trail = "arn:aws:cloudtrail:eu-west-1:333333333333:trail/theirs";
    let create = [
        "cloudtrail",
        "create-trail",
        "--name",
        "theirs",
        "--s3-bucket-name",
        bucket[1],
        "--kms-key-id",
        &key,
        "--is-multi-region-trail",
        "--enable-log-file-validation",
        "--tags-list",
        "Key=team,Value=payments",
        "--region",
        "eu-west-1",
    ];
    estate.refusal(Some(&project), &create, "InsufficientS3BucketPolicyException");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Sid": "Check", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": "s3:GetBucketAcl", "Resource": "arn:aws:s3:::logs-of-222222222222",
         "Condition": {"StringEquals": {"aws:SourceArn": trail}}},
        {"Sid": "Write", "Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": "s3:PutObject", "Resource": "arn:aws:s3:::logs-of-222222222222/AWSLogs/333333333333/*",
         "Condition": {"StringEquals": {"aws:SourceArn": trail, "s3:x-amz-acl": "bucket-owner-full-control"}}},
    ]});
    on("put-bucket-policy", &["--policy", &policy.to_string()]);
    estate.refusal(Some(&project), &create, "InsufficientEncryptionPolicyException");
    let policy = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::222222222222:root"}, "Action": "kms:*",
         "Resource": "*"},
        {"Effect": "Allow", "Principal": {"Service": "cloudtrail.amazonaws.com"},
         "Action": ["kms:GenerateDataKey*", "kms:DescribeKey", "kms:Decrypt"], "Resource": "*",
         "Condition": {"StringEquals": {"aws:SourceArn": trail}}},
    ]});
    keeper(&["kms", "put-key-policy", "--key-id", &key, "--policy-name", "default", "--policy", &policy.to_string()]);

    let theirs = |arguments: &[&str]| estate.answer(Some(&project), &[&["cloudtrail"], arguments].concat());
    let created = estate.answer(Some(&project), &create);
    assert_eq!(created["TrailARN"], trail);
    let status = ["get-trail-status", "--name", trail, "--region", "eu-west-1"];
    assert_eq!(
        theirs(&status)["IsLogging"],
        false,
        "a new trail does not log (CloudTrail API Reference, StartLogging)"
    );
    theirs(&["start-logging", "--name", trail, "--region", "eu-west-1"]);
    assert_eq!(theirs(&status)["IsLogging"], true);
    let tags = theirs(&["list-tags", "--resource-id-list", trail, "--region", "eu-west-1"]);
    assert_eq!(tags["ResourceTagList"][0]["TagsList"], json!([{"Key": "team", "Value": "payments"}]));

    // The shadow in another Region: seen there, changed only at home.
    let there = ["--region", "us-east-1"];
    let shown = theirs(&[&["describe-trails"][..], &there].concat());
    assert_eq!(shown["trailList"][0]["TrailARN"], trail);
    assert_eq!(shown["trailList"][0]["HomeRegion"], "eu-west-1");
    assert_eq!(shown["trailList"][0]["LogFileValidationEnabled"], true);
    let at_home = theirs(&[&["describe-trails", "--no-include-shadow-trails"][..], &there].concat());
    assert_eq!(at_home["trailList"], json!([]));
    let stop = [&["cloudtrail", "stop-logging", "--name", trail][..], &there].concat();
    estate.refusal(Some(&project), &stop, "InvalidHomeRegionException");
    theirs(&["delete-trail", "--name", trail, "--region", "eu-west-1"]);
    estate.refusal(Some(&project), &[&["cloudtrail"][..], &status].concat(), "TrailNotFoundException");
}
