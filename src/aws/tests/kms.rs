//! What each difference of a key takes.

use super::{Case, other_policy};
use crate::services::Spec;
use crate::services::kms::{Key, KeyState};

pub(super) fn cases(key: &Key) -> Vec<Case> {
    let case = |what, sends, alter: fn(&mut Key)| {
        let mut seen = key.clone();
        alter(&mut seen);
        Case { what, seen: Some(Spec::KmsKey(Box::new(seen))), sends }
    };
    vec![
        Case { what: "no key", seen: None, sends: &["CreateKey", "EnableKeyRotation", "CreateAlias"] },
        case("a disabled key", &["EnableKey"], |key| key.state = KeyState::Disabled),
        case("a key that is to be deleted", &["CancelKeyDeletion", "EnableKey"], |key| {
            key.state = KeyState::PendingDeletion;
        }),
        case("another policy", &["GetKeyPolicy", "PutKeyPolicy"], |key| key.policy = other_policy()),
        case("no rotation", &["EnableKeyRotation"], |key| key.rotation = false),
        case("another description", &["UpdateKeyDescription"], |key| key.description.clear()),
        case("no tags", &["TagResource"], |key| key.tags.clear()),
        case("no alias", &["CreateAlias"], |key| key.alias = None),
        case("no difference", &[], |_| ()),
    ]
}
