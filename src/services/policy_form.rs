//! In which form the policies that every account's logs and events depend on are written, where somebody should know.

use super::{Declared, Note, eventbridge, kms, s3};
use crate::model::Address;
use crate::policy::{BUCKET_POLICY_MAX_BYTES, BUS_POLICY_MAX_BYTES, KEY_POLICY_MAX_BYTES};

/// A policy.
struct Shaped {
    what: &'static str,
    address: Option<Address>,
    /// Its form: number, of how many, what it admits by.
    form: Option<(usize, usize, &'static str)>,
    /// AWS's limit in bytes.
    limit: usize,
    /// How many accounts it admits.
    accounts: usize,
}

/// One note for each policy that cannot take its tightest form: which it takes instead and what that admits by, or
/// that none fits; and for each rule that cannot name the accounts it is about.
pub fn policy_notes(declared: &Declared<'_>) -> Vec<Note> {
    let accounts = declared.senders().len();
    let mut policies = vec![
        Shaped {
            what: "bucket policy",
            address: s3::address(declared),
            form: s3::policy_form(declared),
            limit: BUCKET_POLICY_MAX_BYTES,
            accounts,
        },
        Shaped {
            what: "key policy",
            address: kms::address(declared),
            form: kms::policy_form(declared),
            limit: KEY_POLICY_MAX_BYTES,
            accounts,
        },
    ];
    policies.extend(eventbridge::bus_addresses(declared).into_iter().map(|bus| Shaped {
        what: "bus policy",
        form: eventbridge::policy_form(declared, &bus),
        address: Some(bus),
        limit: BUS_POLICY_MAX_BYTES,
        accounts: eventbridge::senders(declared).len(),
    }));
    let note = |Shaped { what, address, form, limit, accounts }: Shaped| {
        // That none fits is for somebody to act on; another form is only worth knowing.
        let topic = if form.is_some() { "policy-form" } else { "policy-size" };
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
        Some(Note { target: address?.target, topic: topic.to_owned(), text })
    };
    policies.into_iter().filter_map(note).chain(eventbridge::pattern_notes(declared)).collect()
}
