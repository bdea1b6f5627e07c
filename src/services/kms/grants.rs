//! Grants on a key: a second way in beside the key policy, which its document does not show.

use std::collections::BTreeMap;

use serde_json::json;

use crate::config::Profiles;
use crate::model::{AccountId, Address};
use crate::services::{Exposed, Note};

/// A grant, as far as it says who may do what (KMS API Reference, `GrantListEntry`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// What somebody calls it.
    pub name: Option<String>,
    /// Who got it: an ARN, an account, a service, or the id of somebody who is gone.
    pub grantee: String,
    /// What it lets them do, in order.
    pub operations: Vec<String>,
    /// What an encryption context has to hold.
    pub constraints: BTreeMap<String, String>,
}

/// The operations that only read: what an account that is trusted to read may be granted.
const READS: [&str; 2] = ["Decrypt", "DescribeKey"];

/// Grants to somebody whom profiles.toml does not name. AWS's services get theirs for what an account of the estate has
/// them do, and whoever is gone cannot use one.
pub(super) fn strangers(address: &Address, grants: &[Grant], profiles: &Profiles) -> Vec<Exposed> {
    let stranger = |grant: &&Grant| match account(&grant.grantee) {
        Some(id) => {
            let reads = grant.operations.iter().all(|operation| READS.contains(&operation.as_str()));
            profiles.account(id).is_none() && !(reads && profiles.trusted.iter().any(|trusted| trusted.id == id))
        }
        None => false,
    };
    grants
        .iter()
        .filter(stranger)
        .map(|grant| {
            let named = grant.name.as_ref().map_or("a grant".to_owned(), |name| format!("grant `{name}`"));
            let reason = format!(
                "{named} on the key lets {} use it ({}), and profiles.toml names no such account",
                grant.grantee,
                grant.operations.join(", ")
            );
            let hint = "revoke the grant (kms:RevokeGrant), declare the account as a [[trusted_account]] where it only \
                        decrypts, or accept the grant with an [[exception]]";
            let content = json!({
                "grant": {
                    "grantee": grant.grantee, "operations": grant.operations, "constraints": grant.constraints,
                },
            });
            Exposed::new(address.clone(), reason, hint.to_owned(), &content)
        })
        .collect()
}

/// That nobody looked.
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only what reads AWS asks for it"))]
pub(super) fn unread(address: &Address) -> Note {
    Note {
        target: address.target.clone(),
        topic: "grants-unread".to_owned(),
        text: format!("the grants on key `{}` were not looked at: the role lacks kms:ListGrants", address.name),
    }
}

/// The account of a grantee; none of a service's or of the id of somebody who is gone.
fn account(grantee: &str) -> Option<AccountId> {
    let id = if grantee.starts_with("arn:") { grantee.split(':').nth(4)? } else { grantee };
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::Service;
    use crate::services::estate::{BASELINE, Estate, PROFILES};

    #[test]
    fn a_grant_to_a_stranger_is_exposed_and_one_to_the_estate_or_a_service_is_not() {
        let trusted = "[[trusted_account]]\nid = '888888888888'\nreason = 'SIEM'\naccess = 'read'\n";
        let estate = Estate::new(&format!("{PROFILES}{trusted}"), BASELINE);
        let address = estate.one(Service::Kms).address;
        let of = |grantee: &str, operations: &[&str]| {
            let operations = operations.iter().map(|one| (*one).to_owned()).collect();
            let grant = Grant { name: None, grantee: grantee.to_owned(), operations, constraints: BTreeMap::new() };
            strangers(&address, &[grant], &estate.profiles)
        };
        for known in [
            "arn:aws:iam::333333333333:role/app",
            "arn:aws:sts::222222222222:assumed-role/app/x",
            "111111111111",
            "autoscaling.amazonaws.com",
            "AROAEXAMPLEEXAMPLE",
        ] {
            assert_eq!(of(known, &["Decrypt"]), [], "{known}");
        }
        for stranger in ["arn:aws:iam::999999999999:root", "arn:aws:iam::999999999999:user/x", "999999999999"] {
            let found = of(stranger, &["Decrypt", "GenerateDataKey"]);
            assert!(found.len() == 1 && found[0].reason.contains(stranger), "{found:?}");
            assert_ne!(found[0].digest, of(stranger, &["CreateGrant", "Decrypt"])[0].digest, "wider");
        }
        assert_eq!(of("arn:aws:iam::888888888888:role/siem", &["Decrypt"]), []);
        assert_eq!(of("arn:aws:iam::888888888888:role/siem", &["CreateGrant"]).len(), 1);
    }
}
