//! External ids, and whatever stands under keys that nobody knows, taken out of a text before anybody sees it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::{baseline_schema, profiles_schema};
use super::suggest::closest;

/// Every key that the two files know.
static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let mut known = BTreeSet::new();
    for schema in [profiles_schema(), baseline_schema()] {
        keys(&serde_json::from_str(&schema).unwrap_or_default(), &mut known);
    }
    known
});

/// Tables whose keys are their writer's.
const FREE: [&str; 4] = ["tags", "features", "paths", "parameters"];

fn keys(schema: &Value, into: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                into.extend(properties.keys().cloned());
            }
            members.values().for_each(|child| keys(child, into));
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, into)),
        _ => {}
    }
}

/// Whether nobody can tell what stands under a key: it is neither known nor a misspelling of one that is.
fn is_unknown(key: &str) -> bool {
    !KNOWN.contains(key) && closest(key, KNOWN.iter().map(String::as_str)).is_none()
}

/// Whether a key is `external_id`, a misspelling of it, or something else that nobody should see.
fn is_secret_key(key: &str) -> bool {
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).flat_map(char::to_lowercase).collect();
    let like = |word: &str| plain.contains(word);
    strsim::damerau_levenshtein(&plain, "externalid") <= 3
        || (plain.starts_with("ext") && plain.ends_with("id"))
        || like("secret")
        || like("password")
        || like("token")
}

/// The text with every external id's characters replaced, so that every other byte stays where it was.
pub(super) fn mask(text: &str) -> String {
    let mut places = Vec::new();
    // Both ways: the parser knows arrays and texts over several lines, the scan knows comments and broken files.
    let (table, _) = DeTable::parse_recoverable(text);
    collect(table.get_ref(), false, &mut places);
    scan(text, &mut places);
    urls(text, &mut places);

    let mut bytes = text.as_bytes().to_vec();
    for place in places {
        for byte in bytes.get_mut(place).into_iter().flatten() {
            if !matches!(byte, b'"' | b'\'' | b'\n' | b'\r') {
                *byte = b'*';
            }
        }
    }
    // A place that cut a character in two leaves bytes that are no text: better unreadable than shown.
    String::from_utf8(bytes).unwrap_or_else(|_| text.chars().map(|c| if c == '\n' { c } else { '*' }).collect())
}

fn collect(table: &DeTable<'_>, free: bool, places: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        // What a table holds that nobody knows is told by its own keys.
        let unknown = !free && is_unknown(key.get_ref()) && !holds_tables(value);
        if unknown || is_secret_key(key.get_ref()) {
            leaves(value, places);
        }
        below(value, FREE.contains(&&**key.get_ref()), places);
    }
}

fn holds_tables(value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Table(_) => true,
        DeValue::Array(array) => array.iter().any(holds_tables),
        _ => false,
    }
}

fn below(value: &Spanned<DeValue<'_>>, free: bool, places: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => collect(table, free, places),
        DeValue::Array(array) => array.iter().for_each(|child| below(child, free, places)),
        _ => {}
    }
}

fn leaves(value: &Spanned<DeValue<'_>>, places: &mut Vec<Range<usize>>) {
    match value.get_ref() {
        DeValue::Table(table) => table.iter().for_each(|(_, child)| leaves(child, places)),
        DeValue::Array(array) => array.iter().for_each(|child| leaves(child, places)),
        _ => places.push(value.span()),
    }
}

/// Finds `external_id = …` wherever it stands.
fn scan(text: &str, places: &mut Vec<Range<usize>>) {
    let mut from = 0;
    while let Some(offset) = text[from..].find('=') {
        let equals = from + offset;
        from = equals + 1;
        let before = text[..equals].trim_end_matches([' ', '\t']).trim_end_matches(['"', '\'']);
        let start = before
            .rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-')
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let blanks = text[from..].len() - text[from..].trim_start_matches([' ', '\t']).len();
        let value = &text[from + blanks..];
        if strsim::damerau_levenshtein(&before[start..], "endpoint") <= 2 {
            places.extend(path(value).map(|path| from + blanks + path.start..from + blanks + path.end));
        }
        let key = &before[start..];
        let hidden = is_secret_key(key) || begins_line(text, start) && is_unknown(key);
        if !hidden {
            continue;
        }
        let fence = ["\"\"\"", "'''"].into_iter().find(|fence| value.starts_with(fence));
        let length = match (fence, value.chars().next()) {
            (Some(fence), _) => value[3..].find(fence).map_or(value.len(), |end| end + 6),
            // Between the values there may be comments, such as the value before.
            (None, Some('[' | '{')) => bracketed(value),
            // To the end of the line, whatever an escaped quotation mark or a missing one says about its end: other
            // keys can only follow in an inline table, and hiding them costs nothing.
            _ => value.find('\n').unwrap_or(value.len()),
        };
        places.push(from + blanks..from + blanks + length);
    }
}

/// Whether a key begins its line, in a table whose keys are not its writer's: what stands in comments and in texts of
/// several lines is no key.
fn begins_line(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let quoted = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    if !text[line..at].chars().all(quoted) {
        return false;
    }
    let header = text[..line].lines().rev().find(|line| line.trim_start().starts_with('['));
    let name = header.and_then(|header| header.split(']').next()?.rsplit(['[', '.']).next());
    !name.is_some_and(|name| FREE.contains(&name.trim_matches([' ', '"', '\''])))
}

/// How far a list or a table goes that begins here: to the end of the line in which its brackets close, or of the text.
fn bracketed(text: &str) -> usize {
    let (mut depth, mut quote, mut comment, mut escaped) = (0_usize, None, false, false);
    for (at, c) in text.char_indices() {
        match c {
            '\n' => {
                (quote, comment, escaped) = (None, false, false);
                if depth == 0 {
                    return at;
                }
            }
            _ if comment || std::mem::take(&mut escaped) => {}
            '\\' if quote == Some('"') => escaped = true,
            _ if quote == Some(c) => quote = None,
            _ if quote.is_some() => {}
            '"' | '\'' => quote = Some(c),
            '#' => comment = true,
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    text.len()
}

/// What follows the host of an endpoint whose scheme was forgotten.
fn path(value: &str) -> Option<Range<usize>> {
    let line = value.lines().next().unwrap_or_default();
    let whole = line.contains("://") || line.trim_start_matches(['"', '\'']).starts_with("arn:");
    let start = line.find(['/', '?']).filter(|_| !whole)?;
    Some(start + 1..line.len())
}

/// Finds what may be a secret in a URL, wherever it stands: a name and a password before the host, and all that comes
/// after the host, since many services put a token there.
fn urls(text: &str, places: &mut Vec<Range<usize>>) {
    for (at, scheme) in text.match_indices("://") {
        let start = at + scheme.len();
        let rest = &text[start..];
        let before = text[..at].trim_end_matches(|c: char| c.is_ascii_alphanumeric());
        // Between quotation marks a blank is part of it, if a wrong one.
        let quote = before.chars().last().filter(|c| matches!(c, '"' | '\''));
        let ends = |c: char| match quote {
            Some(quote) => c == quote || c == '\n',
            None => c.is_whitespace() || c == '"' || c == '\'',
        };
        let url = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let authority = url.find(['/', '?', '#', ' ']).unwrap_or(url.len());
        if let Some(host) = url[..authority].rfind('@') {
            places.push(start..start + host);
        }
        if authority + 1 < url.len() {
            places.push(start + authority + 1..start + url.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_external_ids_wherever_they_stand() {
        for text in [
            "external_id = \"hunter2\"\n",
            "# external_id = \"hunter2\"\n",
            "externalid = 'hunter2'\n",
            "external_id = \"hunter2",
            "external_id = [\n  \"x\", # hunter2\n]\n",
            "external_id = [\n  \"]\", # hunter2 ]\n \"hunter2\" ]\n",
            "broken = \nexternal_id = [\n  \"x\", # hunter2\n \"hunter2\" ]\n",
            "broken = \nexternal_id = [ # ]\n  \"\\\"]\", 'hunter2'\n",
            "external_id = [\n \"x\",\n \"hunter2\" ]\n",
            "external_id = '''\nhunter2\n'''\n",
            "d = { external_id = \"hunter2\", role = \"x\" }\n",
            "d.external_id = \"a\\\"hunter2\"\n",
            "\"external_id\" = \"日本hunter2\"\n",
            "external_id.x = \"hunter2\"\n",
            "external_id = hunter2\n",
        ] {
            let masked = mask(text);
            assert!(!masked.contains("hunter2"), "{masked}");
            assert_eq!(masked.len(), text.len());
        }
    }

    #[test]
    fn hides_what_stands_under_a_key_that_nobody_knows() {
        for text in [
            "api_key = \"hunter2\"\n",
            "[jump]\npassphrase = 'hunter2'\n",
            "[jump]\nmfa_pin = [ \"hunter2\", 'hunter2' ]\n",
            "[[account]]\nid = \"1\"\nwebhook = { of = \"hunter2\" }\n",
            "[jump]\n\"aws key\" = \"hunter2\"\n",
            "broken = \napi_key = \"hunter2\n",
        ] {
            let masked = mask(text);
            assert!(!masked.contains("hunter2"), "{masked}");
            assert_eq!(masked.len(), text.len());
        }
        for plain in [
            "[jump]\nprofil = \"corp\"\n",
            "[defaults]\nrgeions = { include = ['us-east-1'] }\n",
            "[tags]\ncost-center = \"security\"\n",
            "tags = { whoever = \"x\" }\n",
            "[[config.rule]]\nparameters = { maxAccessKeyAge = \"90\" }\n",
            "# see = \"x\"\n",
        ] {
            assert_eq!(mask(plain), plain);
        }
    }

    #[test]
    fn shows_no_more_of_a_url_than_its_host() {
        for (text, shown) in [
            ("endpoint = \"https://hooks.example.com/T0/hunter2?x\"\n", "https://hooks.example.com/"),
            ("endpoint = 'https://ops:hunter2@example.com'\n", "@example.com"),
            ("# https://example.com#hunter2\n", "https://example.com#"),
            ("endpoint = \"http://example.com/x hunter2\"\n", "http://example.com/"),
            ("endpoint = \"http://example.com hunter2\"\n", "http://example.com "),
            ("endpoint = \"example.com/hunter2\"\n", "example.com/"),
            ("endpiont = 'example.com?hunter2'\n", "example.com?"),
        ] {
            let masked = mask(text);
            assert!(!masked.contains("hunter2") && masked.contains(shown), "{masked}");
            assert_eq!(masked.len(), text.len());
        }
        for plain in ["name = \"https://example.com/\"\n", "endpoint = \"arn:aws:lambda:eu-west-1:1:function/x\"\n"] {
            assert_eq!(mask(plain), plain);
        }
    }

    #[test]
    fn leaves_everything_else_as_it_is() {
        let text = "# 日本語\nname = \"x\"\n[defaults]\nexternal_id = \"a-b\"\nrole = \"R\"\n";
        assert_eq!(mask(text), text.replace("a-b", "***"));
    }
}
