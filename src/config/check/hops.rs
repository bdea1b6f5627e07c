//! Roles and the sessions they are assumed with.

use super::names::{check_external_id, check_session_text, role_name_fault};
use crate::config::at::At;
use crate::config::problem::Findings;
use crate::config::{ExternalId, Hop};
use crate::model::{AccountId, Arn, Partition};

/// The session name of a hop that does not say one.
const SESSION_NAME: &str = "baseline";

/// The keys of one hop, wherever they stand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HopText<'a> {
    pub role: Option<&'a At<String>>,
    pub external_id: Option<&'a At<String>>,
    pub session_name: Option<&'a At<String>>,
    pub source_identity: Option<&'a At<String>>,
}

impl<'a> HopText<'a> {
    /// These keys, and those of `defaults` where there are none.
    pub(super) fn or(self, defaults: HopText<'a>) -> Self {
        HopText {
            role: self.role.or(defaults.role),
            external_id: self.external_id.or(defaults.external_id),
            session_name: self.session_name.or(defaults.session_name),
            source_identity: self.source_identity.or(defaults.source_identity),
        }
    }
}

/// Checks a role given as a name or an ARN for the account it is used in.
pub(super) fn check_role(
    at: &At<String>,
    account: Option<AccountId>,
    partition: Option<Partition>,
    findings: &mut Findings,
) -> Option<Arn> {
    if !at.starts_with("arn:") {
        if let Some(fault) = role_name_fault(at) {
            findings.error(at.span(), format!("`{}` is not a role", at.as_str())).label(fault);
            return None;
        }
        return Some(Arn::role(partition?, account?, at));
    }
    let arn = check_role_arn(at, partition, findings)?;
    match (account, arn.account()) {
        (Some(used_in), Some(own)) if used_in != own => {
            findings
                .error(at.span(), format!("this role is in account {own}, but it is used in account {used_in}"))
                .label(format!("a role of {own}"))
                .help("a role can only be assumed in its own account; a name alone always means the right one");
            None
        }
        _ => Some(arn),
    }
}

/// Checks that a text is a role's ARN in this partition.
pub(super) fn check_role_arn(at: &At<String>, partition: Option<Partition>, findings: &mut Findings) -> Option<Arn> {
    let arn: Arn = match at.parse() {
        Ok(arn) => arn,
        Err(error) => {
            findings
                .error(at.span(), error.to_string())
                .label("not an ARN")
                .help("a role's ARN reads arn:aws:iam::ACCOUNT:role/NAME");
            return None;
        }
    };
    let fault = match arn.resource().strip_prefix("role/") {
        _ if arn.service() == "sts" && arn.resource().starts_with("assumed-role/") => {
            Some("this is the ARN of a session, not of the role it came from")
        }
        Some(name) if arn.service() == "iam" && arn.region().is_none() && arn.account().is_some() => {
            role_name_fault(name)
        }
        _ => Some("this is the ARN of something else"),
    };
    if let Some(fault) = fault {
        findings
            .error(at.span(), format!("`{}` is not a role", at.as_str()))
            .label(fault)
            .help("a role's ARN reads arn:aws:iam::ACCOUNT:role/NAME");
        return None;
    }
    if let Some(partition) = partition.filter(|p| *p != arn.partition()) {
        findings
            .error(
                at.span(),
                format!("this role is in the partition {}, but the file is for {partition}", arn.partition()),
            )
            .label(format!("a role of {}", arn.partition()))
            .help("roles never cross partitions; `partition` at the top of the file says which one this is");
        return None;
    }
    Some(arn)
}

/// Checks everything about a hop but its role, and puts it together.
pub(super) fn check_hop(text: HopText<'_>, role: Option<Arn>, findings: &mut Findings) -> Option<Hop> {
    let external_id = text.external_id.map(|at| check_external_id(at, findings).then(|| ExternalId::new(at.as_str())));
    let name = text.session_name.map(|at| check_session_text(at, "session_name", findings).then(|| at.to_string()));
    let identity =
        text.source_identity.map(|at| check_session_text(at, "source_identity", findings).then(|| at.to_string()));
    Some(Hop {
        role: role?,
        external_id: external_id.map_or(Some(None), |checked| checked.map(Some))?,
        session_name: name.unwrap_or_else(|| Some(SESSION_NAME.to_owned()))?,
        source_identity: identity.map_or(Some(None), |checked| checked.map(Some))?,
    })
}

/// Checks that a source identity does not change on the way: once set it stays for the whole chain (IAM User Guide,
/// "Monitor and control actions taken with assumed roles").
pub(super) fn check_identity_chain<'a>(chain: &[Option<&'a At<String>>], findings: &mut Findings) {
    let mut set: Option<&'a At<String>> = None;
    for next in chain.iter().copied().flatten() {
        match set {
            Some(first) if **first != **next => {
                findings
                    .error(next.span(), "the source identity changes along the chain of roles")
                    .label("AWS refuses another one here")
                    .also(first.span(), "set here, for the rest of the chain")
                    .help("give it once, at the first hop; the later ones inherit it");
            }
            Some(_) => {}
            None => set = Some(next),
        }
    }
}
