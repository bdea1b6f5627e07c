//! In which form the policies that every account's logs depend on are written, where somebody should know.

use super::{Declared, Note, kms, s3};
use crate::model::Address;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, KEY_POLICY_MAX_BYTES};

/// One note for each policy that cannot take its tightest form: which it takes instead and what that admits by, or
/// that none fits.
pub fn policy_notes(declared: &Declared<'_>) -> Vec<Note> {
    let (bucket, key) = (s3::address(declared), kms::address(declared));
    let accounts = declared.senders().len();
    let bucket_note = bucket.and_then(|address| {
        note("bucket policy", address, s3::policy_form(declared), BUCKET_POLICY_MAX_BYTES, accounts)
    });
    let key_note =
        key.and_then(|address| note("key policy", address, kms::policy_form(declared), KEY_POLICY_MAX_BYTES, accounts));
    bucket_note.into_iter().chain(key_note).collect()
}

fn note(
    what: &str,
    address: Address,
    form: Option<(usize, usize, &str)>,
    limit: usize,
    accounts: usize,
) -> Option<Note> {
    let text = match form {
        Some((1, ..)) => return None,
        Some((form, forms, admits_by)) => format!(
            "the {what} takes form {form} of {forms}, {admits_by}: for {accounts} accounts, a tighter one is larger \
             than the {limit} bytes that AWS takes, other people's statements included"
        ),
        None => format!(
            "the {what} is refused: for {accounts} accounts, its smallest form is larger than the {limit} bytes that \
             AWS takes, other people's statements included; split the accounts over two profiles files with a \
             security account each, or remove other people's statements"
        ),
    };
    Some(Note { target: address.target, topic: "policy-form".to_owned(), text })
}
