//! In which form the policies that every account's logs depend on are written, where somebody should know.

use super::{Declared, Note, kms, s3};
use crate::model::Address;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, KEY_POLICY_MAX_BYTES};

/// A policy: what it is, where, its form (number, of how many, what it admits by), and AWS's limit in bytes.
type Shaped = (&'static str, Option<Address>, Option<(usize, usize, &'static str)>, usize);

/// One note for each policy that cannot take its tightest form: which it takes instead and what that admits by, or
/// that none fits.
pub fn policy_notes(declared: &Declared<'_>) -> Vec<Note> {
    let policies = [
        ("bucket policy", s3::address(declared), s3::policy_form(declared), BUCKET_POLICY_MAX_BYTES),
        ("key policy", kms::address(declared), kms::policy_form(declared), KEY_POLICY_MAX_BYTES),
    ];
    let accounts = declared.senders().len();
    let note = |(what, address, form, limit): Shaped| {
        let text = match form {
            Some((1, ..)) => return None,
            Some((form, forms, admits_by)) => format!(
                "the {what} takes form {form} of {forms}, {admits_by}: for {accounts} accounts, a tighter one is \
                 larger than the {limit} bytes that AWS takes, other people's statements included"
            ),
            None => format!(
                "the {what} is refused: for {accounts} accounts, its smallest form is larger than the {limit} bytes \
                 that AWS takes, other people's statements included; split the accounts over two profiles files with \
                 a security account each, or remove other people's statements"
            ),
        };
        Some(Note { target: address?.target, topic: "policy-form".to_owned(), text })
    };
    policies.into_iter().filter_map(note).collect()
}
