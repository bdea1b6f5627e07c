use proptest::prelude::*;

use super::*;
use crate::model::Partition;
use crate::services::cloudtrail::config::{ManagementEvents, Mode};

const PROFILES: &str = include_str!("../../profiles.example.toml");
const MINIMAL: &str = include_str!("../../baselines/minimal.toml");

/// The least that is valid.
const LEAST: &str = r#"
jump = { account = "111111111111" }
security = { account = "222222222222", role = "Security", home_region = "eu-west-1" }
defaults = { role = "Execution" }
[[account]]
id = "333333333333"
"#;

fn source(path: &str, text: &str) -> Source {
    Source { path: path.to_owned(), text: text.to_owned() }
}

fn both(profiles: &str, baseline: &str) -> Result<Loaded, Problems> {
    load(&source("profiles.toml", profiles), Some(&source("baseline.toml", baseline)))
}

fn profiles(text: &str) -> Profiles {
    load(&source("profiles.toml", text), None).unwrap_or_else(|e| panic!("{:?}", e.list)).profiles
}

fn baseline(text: &str) -> Baseline {
    both(LEAST, text).unwrap_or_else(|e| panic!("{:?}", e.list)).baseline.unwrap()
}

fn id(text: &str) -> crate::model::AccountId {
    text.parse().unwrap()
}

/// The messages about two texts, warnings included.
fn messages(profiles: &str, baseline: &str) -> Vec<String> {
    let problems = match both(profiles, baseline) {
        Ok(loaded) => loaded.warnings,
        Err(problems) => problems,
    };
    problems.list.into_iter().map(|p| p.message).collect()
}

#[test]
fn the_shipped_files_load() {
    let loaded = both(PROFILES, MINIMAL).unwrap();
    assert_eq!(loaded.warnings.list, []);
    let profiles = loaded.profiles;
    let duties: Vec<Duty> = profiles.accounts.iter().map(|a| a.duty).collect();
    assert_eq!(duties, [Duty::Jump, Duty::Security, Duty::Project, Duty::Project, Duty::Project]);
    let payments = profiles.account(id("333333333333")).unwrap();
    assert_eq!(payments.hop.as_ref().unwrap().role.to_string(), "arn:aws:iam::333333333333:role/BaselineExecution");
    assert_eq!((payments.wave, payments.via), (2, Via::Security));
    let trail = loaded.baseline.unwrap().cloudtrail.unwrap();
    assert_eq!(trail.global_events_region.as_str(), "us-east-1");
}

#[test]
fn what_is_left_out_has_its_default() {
    let profiles = profiles(LEAST);
    assert_eq!(profiles.partition, Partition::Aws);
    assert_eq!(profiles.bucket_owner, profiles.security);
    let [jump, security, project] = profiles.accounts.as_slice() else { panic!("{:?}", profiles.accounts) };
    assert_eq!((jump.name.as_str(), jump.wave, jump.via, jump.hop.is_some()), ("jump", 1, Via::Jump, false));
    assert_eq!((security.name.as_str(), security.wave, security.via), ("security", 0, Via::Jump));
    assert_eq!((project.name.as_str(), project.wave, project.via), ("333333333333", 1, Via::Security));
    assert!(profiles.accounts.iter().all(|a| a.baseline && a.regions.list.is_none()));
    assert_eq!(project.hop.as_ref().unwrap().session_name, "baseline");
    assert_eq!(project.hop.as_ref().unwrap().external_id, None);

    let baseline = baseline("name = 'x'\n[log_bucket]\n[cloudtrail]\n");
    assert_eq!(baseline.log_key.unwrap().alias, "baseline-logs");
    assert!(baseline.log_bucket.unwrap().require_tls);
    let trail = baseline.cloudtrail.unwrap();
    assert_eq!((trail.mode, trail.management_events), (Mode::PerRegion, ManagementEvents::All));
    assert!(trail.include_global_service_events && trail.log_file_validation && !trail.exclude_kms_events);
    assert_eq!(trail.global_events_region.as_str(), "us-east-1");
    assert_eq!(trail.home_region.as_str(), "eu-west-1");
}

#[test]
fn an_account_can_say_everything_that_defaults_say() {
    let profiles = profiles(
        r#"
        jump = { role = "arn:aws:iam::111111111111:role/team/Jump", source_identity = "alice", mfa_serial = "GAHT12345678" }
        security = { account = "222222222222", role = "Security", home_region = "us-east-1" }
        [log_archive]
        account = "444444444444"
        role = "arn:aws:iam::444444444444:role/Archive"
        [defaults]
        role = "team/Execution"
        external_id = "shared"
        session_name = "everyone"
        wave = 3
        regions = { include = ["us-*"], exclude = ["us-west-*"] }
        [[account]]
        id = "333333333333"
        [[account]]
        id = "555555555555"
        role = "arn:aws:iam::555555555555:role/Own"
        external_id = "own"
        session_name = "own-name"
        wave = 9
        baseline = false
        take_over = ["kms", "s3", "cloudtrail"]
        regions = { include = ["eu-*"] }
        "#,
    );
    assert_eq!(profiles.jump.account, Some(id("111111111111")));
    assert_eq!(profiles.jump.hop.as_ref().unwrap().role.role_name(), Some("Jump"));
    assert_eq!(profiles.bucket_owner, id("444444444444"));
    let [jump, security, archive, common, own] = profiles.accounts.as_slice() else {
        panic!("{:?}", profiles.accounts)
    };
    assert_eq!(jump.hop, profiles.jump.hop);
    assert_eq!((archive.duty, archive.via, archive.wave), (Duty::LogArchive, Via::Security, 0));
    // Roles and external ids of [defaults] are for projects; its Regions are for all.
    assert_eq!(security.hop.as_ref().unwrap().external_id, None);
    assert_eq!(security.regions, common.regions);
    let hop = common.hop.as_ref().unwrap();
    assert_eq!(hop.role.to_string(), "arn:aws:iam::333333333333:role/team/Execution");
    assert_eq!(hop.external_id.as_ref().unwrap().reveal(), "shared");
    assert_eq!((hop.session_name.as_str(), common.wave), ("everyone", 3));
    let hop = own.hop.as_ref().unwrap();
    assert_eq!(hop.external_id.as_ref().unwrap().reveal(), "own");
    assert_eq!((hop.session_name.as_str(), own.wave, own.baseline), ("own-name", 9, false));
    assert_eq!(own.take_over.len(), 3);
    // A table of Regions replaces the other one as a whole.
    assert!(own.regions.holds(&"eu-west-1".parse().unwrap()) && own.regions.exclude.is_empty());
    assert_eq!(profiles.baselined().count(), 4);
}

#[test]
fn a_jump_account_that_is_the_security_account_is_listed_once() {
    let profiles = profiles(&LEAST.replace("111111111111", "222222222222"));
    assert_eq!(profiles.jump.account, Some(profiles.security));
    let duties: Vec<Duty> = profiles.accounts.iter().map(|a| a.duty).collect();
    assert_eq!(duties, [Duty::Security, Duty::Project]);
    assert!(profiles.accounts[0].hop.is_some());
}

#[test]
fn a_jump_account_without_the_baseline_need_not_say_which_it_is() {
    let profiles = profiles(&LEAST.replace("account = \"111111111111\"", "baseline = false"));
    assert_eq!(profiles.jump.account, None);
    assert_eq!(profiles.accounts.len(), 2);
    // And one that does is listed, but left alone.
    let profiles = super::tests::profiles(&LEAST.replace("\"111111111111\"", "\"111111111111\", baseline = false"));
    assert_eq!(profiles.accounts.len(), 3);
    assert_eq!(profiles.baselined().count(), 2);
}

#[test]
fn a_region_newer_than_this_release_is_accepted_with_a_warning() {
    let loaded = load(&source("p", &LEAST.replace("eu-west-1", "ap-southeast-9")), None).unwrap();
    assert_eq!(loaded.profiles.home_region.as_str(), "ap-southeast-9");
    let messages: Vec<&str> = loaded.warnings.list.iter().map(|p| p.message.as_str()).collect();
    assert_eq!(messages, ["`ap-southeast-9` is not a Region that this release knows"]);
}

#[test]
fn a_glob_that_matches_nothing_draws_a_warning() {
    let regions =
        |text: &str| LEAST.replace("id = \"333333333333\"", &format!("id = \"333333333333\"\nregions = {text}"));
    let baseline = "name = 'x'\n[log_bucket]\n";
    assert_eq!(
        messages(&regions("{ include = [\"mars-*\", \"eu-*\"] }"), baseline),
        ["`mars-*` matches no Region of the partition aws that this release knows"]
    );
    assert_eq!(
        messages(&regions("{ exclude = [\"mars-*\"] }"), baseline),
        ["`mars-*` matches no Region that this release knows"]
    );
    // It is left out of the other partition's accounts, where one list serves both.
    assert_eq!(messages(&regions("{ exclude = [\"cn-*\"] }"), baseline), Vec::<String>::new());
    assert_eq!(messages(&regions("{ exclude = [\"eu-*\"] }"), baseline), Vec::<String>::new());
    assert_eq!(
        messages(&regions("{ exclude = [\"eu-wset-1\"] }"), baseline),
        ["`eu-wset-1` matches no Region that this release knows"]
    );
}

#[test]
fn the_region_of_global_events_has_to_count_where_the_baseline_goes() {
    let trails = "name = 'x'\n[log_bucket]\n[cloudtrail]\n";
    let excluded = LEAST.replace("id = \"333333333333\"", "id = \"333333333333\"\nregions = { include = [\"eu-*\"] }");
    assert_eq!(messages(&excluded, trails), ["us-east-1 is left out by the `regions` of 333333333333 (333333333333)"]);
    for fine in [
        "name = 'x'\n[log_bucket]\n",
        "name = 'x'\n[log_bucket]\n[cloudtrail]\ninclude_global_service_events = false\n",
        "name = 'x'\n[log_bucket]\n[cloudtrail]\nmode = 'multi-region'\n",
    ] {
        assert_eq!(messages(&excluded, fine), Vec::<String>::new(), "{fine}");
    }
    assert_eq!(messages(&format!("{excluded}baseline = false\n"), trails), Vec::<String>::new());
    let static_list =
        LEAST.replace("id = \"333333333333\"", "id = \"333333333333\"\nregions = { list = [\"eu-west-1\"] }");
    assert_eq!(messages(&static_list, trails).len(), 1);
}

#[test]
fn a_long_list_of_accounts_is_counted() {
    let mut text = LEAST.replace("role = \"Execution\"", "role = \"Execution\", regions = { exclude = [\"us-*\"] }");
    for number in 0..20 {
        text.push_str(&format!("[[account]]\nid = \"4444444444{number:02}\"\n"));
    }
    let messages = messages(&text, "name = 'x'\n[log_bucket]\n[cloudtrail]\n");
    assert!(messages[0].ends_with("444444444401 (444444444401), 18 more"), "{messages:?}");
}

#[test]
fn an_alias_is_taken_with_and_without_its_prefix() {
    for text in ["logs/main", "alias/logs/main"] {
        let baseline = baseline(&format!("name = 'x'\n[log_key]\nalias = '{text}'\n"));
        assert_eq!(baseline.log_key.unwrap().alias, "logs/main");
        assert_eq!(baseline.log_bucket, None);
    }
}

#[test]
fn data_events_are_taken_as_cloudtrail_takes_them() {
    let baseline = baseline(
        r#"
        name = "x"
        [log_bucket]
        [[cloudtrail.data_events]]
        resource_type = "AWS::S3::Object"
        values = ["arn:aws:s3", "arn:aws:s3:::", "arn:aws:s3:::example/", "arn:aws:s3:::example/prefix"]
        [[cloudtrail.data_events]]
        resource_type = "AWS::Lambda::Function"
        values = ["arn:aws:lambda", "arn:aws:lambda:us-east-1:333333333333:function:chat"]
        [[cloudtrail.data_events]]
        resource_type = "AWS::DynamoDB::Table"
        values = ["arn:aws:dynamodb", "arn:aws:dynamodb:us-east-1:333333333333:table/orders"]
        "#,
    );
    assert_eq!(baseline.cloudtrail.unwrap().data_events.len(), 3);
}

#[test]
fn one_mistake_is_reported_once_however_many_accounts_it_reaches() {
    let mut text =
        LEAST.replace("role = \"Execution\"", "role = \"no role\", external_id = \"?\", session_name = \"!\"");
    for number in 0..20 {
        text.push_str(&format!("[[account]]\nid = \"4444444444{number:02}\"\n"));
    }
    assert_eq!(messages(&text, "name = 'x'\n[log_bucket]\n").len(), 3);
}

#[test]
fn a_wrong_file_keeps_no_other_from_being_checked() {
    let messages = messages("jump = [", "name = 'x'\nlog_bucket = { prefix = '/x' }\ntrail = 1\n");
    assert_eq!(messages.len(), 3, "{messages:?}");
}

#[test]
fn a_mistake_in_one_account_does_not_hide_what_others_lack() {
    let text = LEAST.replace("id = \"333333333333\"", "id = \"333333333333\"\nregions = { include = [\"eu-*\"] }");
    let text = format!("{text}[[account]]\nid = \"4\"\n");
    assert_eq!(
        messages(&text, "name = 'x'\n[log_bucket]\n[cloudtrail]\n"),
        ["`4` is not an account id", "us-east-1 is left out by the `regions` of 333333333333 (333333333333)"]
    );
}

#[test]
fn a_jump_account_that_is_the_log_archive_is_listed_once() {
    let text =
        LEAST.replace("defaults =", "log_archive = { account = \"111111111111\", role = \"Archive\" }\ndefaults =");
    let profiles = profiles(&text);
    let duties: Vec<Duty> = profiles.accounts.iter().map(|a| a.duty).collect();
    assert_eq!(duties, [Duty::Security, Duty::LogArchive, Duty::Project]);
    assert_eq!(profiles.jump.account, Some(profiles.bucket_owner));
}

#[test]
fn a_source_identity_that_stays_the_same_is_no_change() {
    let text = LEAST
        .replace(
            "{ account = \"111111111111\" }",
            "{ account = \"111111111111\", role = \"Jump\", source_identity = \"alice\" }",
        )
        .replace("role = \"Execution\"", "role = \"Execution\", source_identity = \"alice\"");
    assert_eq!(profiles(&text).accounts.len(), 3);
    let changed =
        text.replace("\"Execution\", source_identity = \"alice\"", "\"Execution\", source_identity = \"bob\"");
    assert_eq!(
        messages(&changed, "name = 'x'\n[log_bucket]\n"),
        ["the source identity changes along the chain of roles"]
    );
}

#[test]
fn an_array_does_not_pass_for_a_table() {
    let text = LEAST.replace("jump = { account = \"111111111111\" }", "jump = [\"corp\", \"111111111111\"]");
    assert_eq!(messages(&text, "name = 'x'\n[log_bucket]\n"), ["`jump` takes a table, not an array"]);
}

#[test]
fn a_thousand_wrong_accounts_are_reported_without_delay() {
    let mut text = LEAST.to_owned();
    for number in 0..2000 {
        text.push_str(&format!("[[account]]\nid = \"44444444{number:04}\"\nnmae = \"x{number}\"\n"));
    }
    assert_eq!(messages(&text, "name = 'x'\n[log_bucket]\n").len(), 2000);
}

#[test]
fn secrets_are_in_no_message_and_no_source() {
    let text = LEAST.replace("role = \"Execution\"", "role = \"Execution\"\nexternal_id = \"hunter2\"");
    let problems = both(&text, "name = 'x'\n[log_bucket]\n").unwrap_err();
    assert!(!format!("{problems:?}").contains("hunter2"), "{problems:?}");
}

/// A shipped file with parts of it deleted, doubled, moved or replaced.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let junk = prop::sample::select(vec![
        "",
        "\"",
        "'",
        "[",
        "]",
        "]]",
        "{",
        "}",
        "=",
        "\n",
        ".",
        ",",
        "#",
        "\"\"\"",
        "0",
        "-1",
        "true",
        "1979-05-27",
        "9999999999999999999999",
        "日本語",
        "\u{feff}",
        "\r\n",
        "[[account]]\n",
        "external_id = ",
        "a.b.c = 1\n",
        "\\u0000",
    ]);
    let cut = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), junk, 0..3_u8);
    prop::collection::vec(cut, 1..5).prop_map(move |cuts| {
        let mut text: Vec<char> = text.chars().collect();
        for (from, length, junk, how) in cuts {
            let from = from.index(text.len() + 1);
            let to = from + length.index((text.len() - from).min(60) + 1);
            let part: Vec<char> = match how {
                0 => junk.chars().collect(),
                1 => [&text[from..to], &text[from..to]].concat(),
                _ => text[from..to].iter().rev().copied().collect(),
            };
            text.splice(from..to, part);
        }
        text.into_iter().collect()
    })
}

proptest! {
    #[test]
    fn loading_never_panics_and_every_place_is_in_the_text(who in mutated(PROFILES), what in mutated(MINIMAL)) {
        let problems = match both(&who, &what) {
            Ok(loaded) => loaded.warnings,
            Err(problems) => {
                prop_assert!(problems.list.iter().any(|p| p.severity == Severity::Error));
                problems
            }
        };
        for problem in &problems.list {
            let source = problems.source(problem);
            for label in &problem.labels {
                prop_assert!(source.text.get(label.span.clone()).is_some(), "{label:?}");
            }
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = both(&text, &text);
    }
}

#[test]
fn what_a_message_quotes_cannot_drive_the_terminal() {
    let text = format!("\"a\\u001b[2Jb\" = 1\npartition = \"aws\\u0007\\n\"\n{LEAST}");
    let problems = load(&source("profiles.toml", &text), None).unwrap_err();
    let said = format!("{:?}", problems.list);
    assert!(said.contains(r"`a\\u{1b}[2Jb` is not a key"), "{said}");
    for problem in &problems.list {
        let labels = problem.labels.iter().map(|label| &label.text);
        for text in labels.chain([&problem.message]).chain(&problem.help) {
            assert!(!text.contains(char::is_control), "{text:?}");
        }
    }
}

#[test]
fn globs_beside_a_list_draw_a_warning() {
    let regions =
        |text: &str| LEAST.replace("id = \"333333333333\"", &format!("id = \"333333333333\"\nregions = {text}"));
    let baseline = "name = 'x'\n[log_bucket]\n";
    assert_eq!(
        messages(&regions("{ list = [\"eu-west-1\"], include = [\"eu-*\"] }"), baseline),
        ["`include` has no effect beside `list`"]
    );
    assert_eq!(
        messages(&regions("{ list = [\"eu-west-1\", \"us-east-1\"], exclude = [\"us-*\"] }"), baseline),
        ["`exclude` beside `list` takes Regions away from it: us-east-1 is left out"]
    );
}

#[test]
fn one_fact_is_one_error() {
    let accounts = |header: &str, more: &str| {
        let one = |n: usize| format!("{header}\nid = \"33333333333{n}\"\nname = \"a{n}\"\n{more}\n");
        (0..8).map(one).collect::<String>()
    };
    let head = LEAST.split("[[account]]").next().unwrap().to_owned();
    let baseline = "name = 'x'\n[log_bucket]\n";
    assert_eq!(
        messages(&format!("{head}{}", accounts("[account]", "groups = []")), baseline),
        ["the table [account] stands here 8 times"]
    );
    let no_role = head.replace("{ role = \"Execution\" }", "{ wave = 1 }");
    assert_ne!(no_role, head);
    assert_eq!(
        messages(&format!("{no_role}{}", accounts("[[account]]", "")), baseline),
        ["there is no role to enter this account and 7 others with"]
    );
    // What two accounts have in common is said once, too.
    let named = accounts("[[account]]", "").replace("name = \"a", "name = \"x\" # ");
    assert_eq!(messages(&format!("{head}{named}"), baseline), ["8 accounts have the name `x`"]);
}

#[test]
fn a_table_that_several_may_have_is_not_taken_for_one_that_stands_there_twice() {
    let two = "[[override]]\naccounts = [\"3*\"]\n[override.cloudtrail]\nregions = { include = [\"us-*\"] }\n";
    let baseline = format!("name = 'x'\n[log_bucket]\n[cloudtrail]\n{two}{two}x = 1\nx = 2\n");
    assert_eq!(messages(LEAST, &baseline), ["not valid TOML: `x` is given twice"]);
}
