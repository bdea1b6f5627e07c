//! `baseline sandbox`: serves the simulated estate until it is stopped.

use std::io::Write;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use super::CommonArgs;
use super::error::CliError;
use super::exit::Exit;
use super::files::{Needs, load_files};
use super::runtime::block_on;
use super::screen::Screen;
use crate::config::Profiles;
use crate::model::{AccountId, Region};
use crate::sandbox::{LIMITS, Options, Sandbox};

const ABOUT: &str = "\
Serves a simulated AWS on loopback, with the accounts and roles of the profiles file.

It speaks the real wire protocols of STS, EC2 (DescribeRegions only), IAM, CloudTrail, AWS Config, GuardDuty, \
EventBridge, SNS, SQS, Lambda, KMS and S3, so that this tool, the AWS CLI and any SDK can be tried against it. It \
prints `export NAME=value` lines on standard output, nothing else, and serves until it is interrupted:

    baseline sandbox > sandbox.env &
    . ./sandbox.env

Every account has an AWS profile by its name and by its id, besides `jump`, `security` and `log-archive`, and each gets \
in by the roles and external ids of the profiles file: `aws --profile payments-prod sts get-caller-identity`. A name is \
written as one word (`data lab` is data-lab), and one that two accounts have takes the account's id behind it. Say \
--profile, not AWS_PROFILE: the keys that are exported go before the latter.

Version 1 of the AWS CLI looks for SQS at AWS itself, whatever AWS_ENDPOINT_URL says: give it --endpoint-url \
\"$AWS_ENDPOINT_URL\". IAM is in the partition's global Region: give it --region us-east-1 or its like.

POST /_sandbox/tamper changes the estate behind its owner's back, POST /_sandbox/raise lets an AWS service put an \
event on an account's bus; GET /_sandbox/state and GET /_sandbox/calls show what there is and what was called. \
docs/sandbox.md has every verb of the two with its arguments and an example, and GET /_sandbox/tamper answers its JSON \
Schema.

Tampering makes chosen calls slow, throttled, refused or lost too. This loses the answer to the third change of \
CloudTrail from now on, after it was carried out:

    curl \"$AWS_ENDPOINT_URL/_sandbox/tamper\" -d '{\"do\": \"fault\", \"effect\": \"lose\",
      \"operation\": \"cloudtrail:*\", \"mutating\": true, \"nth\": 3}'

Other effects are \"drop\" (closed before it is carried out), \"hang\" (carried out, never answered), {\"latency\": \
{\"millis\": 300}}, {\"throttle\": {\"fraction\": 0.2}} and {\"fail\": {\"code\": \"InternalFailure\", \"status\": 500}}; \
\"account\", \"region\", \"service\" and \"times\" narrow them further. GET /_sandbox/faults tells what they hit, and \
{\"do\": \"clear-faults\"} ends them.";

/// Serves a simulated AWS on loopback, with the accounts and roles of the profiles file.
#[derive(Debug, Args)]
#[command(long_about = ABOUT, after_long_help = LIMITS)]
pub(super) struct SandboxArgs {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    port: u16,

    /// Ends every session after this many seconds, however long was asked for.
    #[arg(long, value_name = "N")]
    session_seconds: Option<u32>,

    /// Throttles calls at the rates that AWS documents, per account and Region.
    #[arg(long)]
    aws_rates: bool,

    /// Enables an opt-in Region for an account; repeatable.
    #[arg(long, value_name = "ACCOUNT=REGION", value_parser = opt_in)]
    opt_in: Vec<(AccountId, Region)>,
}

fn opt_in(text: &str) -> Result<(AccountId, Region), String> {
    let (account, region) = text.split_once('=').ok_or("ACCOUNT=REGION is expected")?;
    let account = account.parse().map_err(|error: crate::model::AccountIdError| error.to_string())?;
    let region: Region = region.parse().map_err(|error: crate::model::RegionError| error.to_string())?;
    if region.is_global() {
        return Err("`global` is not a Region that can be enabled".to_owned());
    }
    Ok((account, region))
}

pub(super) fn run(args: SandboxArgs, common: &CommonArgs, screen: &Screen) -> Result<Exit, CliError> {
    let loaded = load_files(Needs::Profiles, common, screen)?;
    block_on(async { serve(args, &loaded.profiles).await.map_err(CliError::Sandbox) })?;
    Ok(Exit::Success)
}

/// Serves until SIGINT or SIGTERM.
async fn serve(args: SandboxArgs, profiles: &Profiles) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let options = Options {
        port: args.port,
        session_seconds: args.session_seconds,
        opt_in: args.opt_in,
        aws_rates: args.aws_rates,
        ..Options::default()
    };
    let sandbox = Sandbox::start(profiles, options).await?;
    announce(&sandbox, profiles)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    sandbox.stop().await;
    Ok(())
}

fn announce(sandbox: &Sandbox, profiles: &Profiles) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, value) in sandbox.environment() {
        writeln!(out, "export {name}={}", quoted(&value))?;
    }
    out.flush()?;
    // In one piece: who reads the first line only may be gone before a second one.
    let said = format!(
        "baseline sandbox: a simulation of AWS, not AWS, at {} with {} accounts; interrupt to stop it\n{}\n",
        sandbox.endpoint(),
        profiles.accounts.len(),
        ways_in(sandbox.aws_profiles())
    );
    std::io::stderr().write_all(said.as_bytes())
}

/// How many AWS profiles are named; the file has all of them.
const SHOWN: usize = 8;

/// A line about the AWS profiles of the accounts: by name where there is one.
fn ways_in(profiles: &[(String, AccountId)]) -> String {
    let named = profiles.iter().filter(|(name, account)| name != account.as_str() || !has_name(profiles, *account));
    let names: Vec<&str> = named.map(|(name, _)| name.as_str()).collect();
    let mut line = format!("aws --profile NAME gets into an account: {}", names[..names.len().min(SHOWN)].join(", "));
    if names.len() > SHOWN {
        line.push_str(&format!(", and {} more (aws configure list-profiles)", names.len() - SHOWN));
    }
    line
}

fn has_name(profiles: &[(String, AccountId)], account: AccountId) -> bool {
    profiles.iter().any(|(name, of)| *of == account && name != account.as_str())
}

/// A text as a POSIX shell reads it back.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=+@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_shell() {
        assert_eq!(quoted("http://127.0.0.1:1"), "http://127.0.0.1:1");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("/tmp/it's"), r"'/tmp/it'\''s'");
    }

    #[test]
    fn profiles_are_shown_by_name_and_the_rest_is_counted() {
        let profiles = |count: usize| -> Vec<(String, AccountId)> {
            let id = |n: usize| format!("{n:012}");
            (0..count)
                .flat_map(|n| [(format!("a{n}"), id(n)), (id(n), id(n))])
                .chain([(id(999), id(999))])
                .map(|(name, id)| (name, id.parse().unwrap()))
                .collect()
        };
        assert_eq!(ways_in(&profiles(2)), "aws --profile NAME gets into an account: a0, a1, 000000000999");
        assert!(ways_in(&profiles(20)).ends_with("a6, a7, and 13 more (aws configure list-profiles)"));
    }

    #[test]
    fn an_opt_in_names_an_account_and_a_region() {
        assert!(opt_in("333333333333=ap-east-1").is_ok());
        for bad in ["333333333333", "3=ap-east-1", "333333333333=east", "333333333333=global"] {
            assert!(opt_in(bad).is_err(), "{bad}");
        }
    }
}
