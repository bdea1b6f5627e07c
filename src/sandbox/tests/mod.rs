//! The simulation over real HTTP, by a client that only puts a credential scope into its `Authorization` header.

mod client;
mod identity;
mod trails;

use crate::config::{Account, Duty, ExternalId, Hop, Jump, Mfa, Profiles, RegionChoice, Via};
use crate::model::{AccountId, Arn, Partition};

pub(super) use client::{Answered, Client};

use super::{Options, Sandbox};

pub(super) const JUMP: &str = "111111111111";
pub(super) const SECURITY: &str = "222222222222";
pub(super) const PROJECT: &str = "333333333333";
pub(super) const OTHER: &str = "444444444444";

fn hop(account: &str, role: &str, external_id: Option<&str>) -> Hop {
    Hop {
        role: Arn::role(Partition::Aws, account.parse().unwrap(), role),
        external_id: external_id.map(ExternalId::new),
        session_name: "baseline".to_owned(),
        source_identity: None,
    }
}

fn account(id: &str, duty: Duty, hop: Hop, via: Via) -> Account {
    Account {
        id: id.parse().unwrap(),
        name: id.to_owned(),
        duty,
        baseline: true,
        hop: Some(hop),
        via,
        groups: [].into(),
        wave: 0,
        regions: RegionChoice { list: None, include: vec!["*".parse().unwrap()], exclude: Vec::new() },
        take_over: [].into(),
    }
}

/// Jump, security and two projects, each with its role; `mfa` puts a device before the first.
pub(super) fn profiles(mfa: bool) -> Profiles {
    let jump_hop = hop(JUMP, "Jump", None);
    Profiles {
        partition: Partition::Aws,
        jump: Jump {
            profile: None,
            account: Some(JUMP.parse().unwrap()),
            hop: Some(jump_hop.clone()),
            mfa: mfa.then(|| Mfa { serial: format!("arn:aws:iam::{JUMP}:mfa/alice"), command: None }),
            duration_seconds: Some(7200),
        },
        security: SECURITY.parse().unwrap(),
        bucket_owner: SECURITY.parse().unwrap(),
        home_region: "ap-northeast-1".parse().unwrap(),
        accounts: vec![
            account(JUMP, Duty::Jump, jump_hop, Via::Jump),
            account(SECURITY, Duty::Security, hop(SECURITY, "Security", Some("sec-id")), Via::Jump),
            account(PROJECT, Duty::Project, hop(PROJECT, "Execution", Some("project-id")), Via::Security),
            account(OTHER, Duty::Project, hop(OTHER, "team/Execution", Some("project-id")), Via::Security),
        ],
    }
}

pub(super) async fn start() -> Sandbox {
    let me: AccountId = PROJECT.parse().unwrap();
    let options = Options { opt_in: vec![(me, "ap-east-1".parse().unwrap())], ..Options::default() };
    Sandbox::start(&profiles(false), options).await.unwrap()
}

/// The clients of a chain walked as `profiles.toml` says it: jump, security, project, the other project.
pub(super) struct Chain {
    pub start: Client,
    pub jump: Client,
    pub security: Client,
    pub project: Client,
    pub other: Client,
}

pub(super) async fn chain(sandbox: &Sandbox) -> Chain {
    let start = Client::new(sandbox);
    let jump = start.assume(JUMP, "Jump", &[]).await;
    let security = jump.assume(SECURITY, "Security", &[("ExternalId", "sec-id")]).await;
    let project = security.assume(PROJECT, "Execution", &[("ExternalId", "project-id")]).await;
    let other = security.assume(OTHER, "team/Execution", &[("ExternalId", "project-id")]).await;
    Chain { start, jump, security, project, other }
}
