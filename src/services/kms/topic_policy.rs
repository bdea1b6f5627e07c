//! The policy of the keys that encrypt the topics.

use crate::policy::Statement;
use crate::services::Declared;

/// Our statements: the owner's, and EventBridge's.
pub(super) fn statements(declared: &Declared<'_>) -> Vec<Statement> {
    let profiles = declared.profiles;
    vec![
        Statement::allow("BaselineKeyOwner", ["kms:*"])
            .for_account_roots(profiles.partition, [profiles.security])
            .on(["*"]),
        // No condition on the source, on purpose: EventBridge names none when it publishes to an encrypted topic, and
        // what it could not encrypt is dropped without a word (SNS Developer Guide, "Key management": the event sources
        // that an encrypted topic admits by service principal alone).
        Statement::allow("BaselineEventsEncrypt", ["kms:GenerateDataKey*", "kms:Decrypt"])
            .for_services(["events.amazonaws.com"])
            .on(["*"]),
    ]
}
