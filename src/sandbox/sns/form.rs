//! Lists and maps as the query protocol flattens them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::dispatch::Call;

/// `Name.entry.1.key` and `Name.entry.1.value`.
pub(super) fn map(call: &Call<'_>, name: &str) -> BTreeMap<String, String> {
    pairs(call, &format!("{name}.entry"), "key", "value").into_iter().collect()
}

/// `Tags.member.1.Key` and `Tags.member.1.Value`.
pub(super) fn tags(call: &Call<'_>) -> Vec<(String, String)> {
    pairs(call, "Tags.member", "Key", "Value")
}

fn pairs(call: &Call<'_>, prefix: &str, key: &str, value: &str) -> Vec<(String, String)> {
    let text = |n: usize, member: &str| call.text(&format!("{prefix}.{n}.{member}")).map(str::to_owned);
    (1..).map_while(|n| Some((text(n, key)?, text(n, value).unwrap_or_default()))).collect()
}

/// `Name.member.1`.
pub(super) fn list<'a>(call: &'a Call<'_>, name: &str) -> Vec<&'a str> {
    (1..).map_while(|n| call.text(&format!("{name}.member.{n}"))).collect()
}

/// Whether any member of that name was sent.
pub(super) fn has(call: &Call<'_>, name: &str) -> bool {
    let prefix = format!("{name}.");
    let members = call.input.as_object().into_iter().flatten();
    members.map(|(key, _): (&String, &Value)| key).any(|key| key == name || key.starts_with(&prefix))
}
