//! What this run knows and nobody may read, taken out of every text that comes from outside.
//!
//! AWS, proxies, credential helpers and configuration files repeat what they do not like: a signature that does not
//! match comes back with the whole request, session token included. So each text from outside goes through
//! [`Secrets::clean`] before anybody is told of it: before a report, the record, a saved plan or a message is made.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::AccountId;
use super::shown::printable;

/// Shorter ones are removed as words of their own only: what remains of a text could not be read otherwise.
const SHORT: usize = 8;
/// One that is so long is nothing else by chance.
const UNMISTAKABLE: usize = 16;
/// Of one that is so long, the beginning is enough to know it by: some services cut what they repeat.
const LONG: usize = 32;
/// How much of a long one is its beginning. Session tokens begin alike for 16 characters or so, and that is no secret.
const BEGINNING: usize = 24;
/// Characters of a text from outside that are shown: no explanation of AWS's is as long.
const LONGEST: usize = 4096;

/// What is left as it is in a URL (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stands where AWS repeats the request of a signature that it does not take ("The Canonical String for this
/// request should have been …": Signature Version 4 troubleshooting, IAM User Guide).
const REQUEST: [&str; 7] = [
    "canonical string",
    "canonical request",
    "string-to-sign",
    "string to sign",
    "aws4-hmac-sha256",
    "aws4-ecdsa",
    "x-amz-security-token",
];

/// What one run knows to be secret; cheap to clone, and all clones know the same.
#[derive(Clone, Default)]
pub struct Secrets(Arc<RwLock<Known>>);

#[derive(Default)]
struct Known {
    /// The longest first, so that none is hidden in part by one that it contains.
    forms: Vec<Form>,
    texts: BTreeSet<String>,
}

/// One way to spell a secret.
struct Form {
    text: String,
    shown: &'static str,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

impl Secrets {
    /// Remembers a secret, in every spelling in which it travels; `shown` stands in its place from now on.
    ///
    /// An account id is none, although some use theirs as the external id: every ARN has it.
    pub fn know(&self, secret: &str, shown: &'static str) {
        let secret = secret.trim();
        if secret.len() < 2 || secret.parse::<AccountId>().is_ok() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if known.texts.contains(secret) {
            return;
        }
        let escaped = utf8_percent_encode(secret, RESERVED).to_string();
        let json = serde_json::to_string(secret).unwrap_or_default();
        let forms = [
            escaped.replace("%20", "+"),
            lower_escapes(&escaped),
            escaped,
            json.trim_matches('"').to_owned(),
            secret.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"),
            secret.to_owned(),
        ];
        for text in forms {
            if !text.is_empty() && known.texts.insert(text.clone()) {
                let at = known.forms.partition_point(|form| form.text.len() >= text.len());
                known.forms.insert(at, Form { text, shown });
            }
        }
    }

    /// Remembers the name and the password in a URL, which need not be a whole one; where it has no host, all of it.
    pub fn know_url(&self, url: &str, shown: &'static str) {
        let url = url.trim();
        let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        // A password with a slash in it ends where the last `@` is.
        let Some((user, _)) = authority.rsplit_once('@').or_else(|| rest.rsplit_once('@')) else { return };
        self.know(user, shown);
        let password = user.split_once(':').map(|(_, password)| password);
        // A name without a password is a token more often than a name.
        let alone = password.is_none().then_some(user);
        for part in [password, alone].into_iter().flatten() {
            self.know(part, shown);
            self.know(&percent_decode_str(part).decode_utf8_lossy(), shown);
        }
    }

    /// A text from outside as it may be shown: without any secret that this run knows and without the request that a
    /// signature was made for, on one line, with what a terminal would obey spelt out, and not without end.
    pub fn clean(&self, text: &str) -> String {
        let text = without_request(text);
        // Looked for in what is left: something absurdly long is not searched to its end.
        let text = self.removed(&without_users(cut(&text, LONGEST * 2).0), 0);
        let (kept, more) = cut(&text, LONGEST);
        let mut clean = printable(kept.to_owned());
        if more > 0 {
            clean.push_str(&format!("… ({more} more bytes)"));
        }
        clean
    }

    /// A text of this tool's own, without the secrets that no other word can be: what comes from outside has none by then,
    /// and somebody's external id may be the name of the company.
    pub fn without(&self, text: &str) -> String {
        self.removed(text, UNMISTAKABLE)
    }

    /// The text without the secrets that have so many bytes.
    fn removed(&self, text: &str, bytes: usize) -> String {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for form in known.forms.iter().take_while(|form| form.text.len() >= bytes) {
            if text.contains(form.beginning()) {
                text = form.replaced(&text);
            }
        }
        text
    }
}

impl Form {
    /// What it is known by.
    fn beginning(&self) -> &str {
        let is_long = self.text.len() >= LONG;
        self.text.get(..BEGINNING).filter(|_| is_long).unwrap_or(&self.text)
    }

    fn replaced(&self, text: &str) -> String {
        let mut kept = String::with_capacity(text.len());
        let mut rest = text;
        let beginning = self.beginning();
        let mut before = None;
        while let Some(at) = rest.find(beginning) {
            let (head, tail) = rest.split_at(at);
            let length = match tail.starts_with(&self.text) {
                true => self.text.len(),
                false => tail.find(|c: char| !is_of_a_token(c)).unwrap_or(tail.len()).max(beginning.len()),
            };
            let left = head.chars().next_back().or(before);
            let right = tail[length..].chars().next();
            kept.push_str(head);
            let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
            if self.text.len() < SHORT && (is_word(left) || is_word(right)) {
                kept.push_str(&tail[..length]);
            } else {
                kept.push_str(self.shown);
            }
            before = tail[..length].chars().next_back();
            rest = &tail[length..];
        }
        kept.push_str(rest);
        kept
    }
}

fn is_of_a_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=%-_".contains(c)
}

/// `%2F` as `%2f`, which means the same.
fn lower_escapes(escaped: &str) -> String {
    let mut lower = String::with_capacity(escaped.len());
    for (index, part) in escaped.split('%').enumerate() {
        match part.get(..2) {
            Some(digits) if index > 0 => {
                lower.push('%');
                lower.push_str(&digits.to_ascii_lowercase());
                lower.push_str(&part[2..]);
            }
            _ => lower.push_str(part),
        }
    }
    lower
}

/// The text up to where it begins to repeat the request.
fn without_request(text: &str) -> std::borrow::Cow<'_, str> {
    let lower = text.to_ascii_lowercase();
    let Some(at) = REQUEST.iter().filter_map(|mark| lower.find(mark)).min() else { return text.into() };
    let said = text[..at].trim_end();
    let said = said.strip_suffix("The").or_else(|| said.strip_suffix("the")).unwrap_or(said).trim_end();
    format!("{said} (the rest repeats the request, and is left out)").trim_start().to_owned().into()
}

/// The text without a name and a password before a URL's host, whoever they are of.
fn without_users(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        kept.push_str(head);
        let end = tail.find(|c: char| c.is_whitespace() || "/?#\"'<>`".contains(c)).unwrap_or(tail.len());
        rest = match tail[..end].rfind('@') {
            Some(host) => {
                kept.push_str("(hidden)");
                &tail[host..]
            }
            None => tail,
        };
    }
    kept.push_str(rest);
    kept
}

/// At most so many bytes of a text, and how many more there are.
fn cut(text: &str, bytes: usize) -> (&str, usize) {
    let end = text.floor_char_boundary(bytes.min(text.len()));
    (&text[..end], text.len() - end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "IQoJb3JpZ2luX2VjEPlanted//+Token==0123456789abcdefghijklmnopqrstuvwxyz";

    fn known() -> Secrets {
        let secrets = Secrets::default();
        secrets.know(TOKEN, "(a session token)");
        secrets.know("planted ext/é\"&", "(an external id)");
        secrets.know("123456", "(a code)");
        secrets
    }

    #[test]
    fn a_secret_goes_in_every_spelling_in_which_it_travels() {
        let secrets = known();
        let escaped = utf8_percent_encode(TOKEN, RESERVED).to_string();
        for text in [
            format!("bad token '{TOKEN}'."),
            format!("SecurityToken={escaped}&Version"),
            format!("SecurityToken={}&Version", lower_escapes(&escaped)),
            format!("bad token '{}…'", &TOKEN[..30]),
            format!("{TOKEN}{TOKEN}"),
        ] {
            let clean = secrets.clean(&text);
            assert!(clean.contains("(a session token)") && !clean.contains("Planted"), "{clean}");
        }
        for text in [
            "ExternalId=planted+ext%2F%C3%A9%22%26&x",
            "ExternalId=planted%20ext%2f%c3%a9%22%26",
            r#"{"id": "planted ext/é\"&"}"#,
            "<id>planted ext/é&quot;&amp;</id>",
        ] {
            let clean = secrets.clean(text);
            assert!(clean.contains("(an external id)") && !clean.contains("planted"), "{clean}");
        }
    }

    #[test]
    fn a_short_secret_goes_where_it_is_a_word_and_an_account_id_is_none() {
        let secrets = known();
        secrets.know("111111111111", "(an external id)");
        assert_eq!(secrets.clean("Value '123456' at 'tokenCode'"), "Value '(a code)' at 'tokenCode'");
        assert_eq!(secrets.clean("123456, 123456"), "(a code), (a code)");
        assert_eq!(secrets.clean("request 9123456 of a123456b"), "request 9123456 of a123456b");
        assert_eq!(secrets.clean("123456123456 1123456123456"), "123456123456 1123456123456");
        assert_eq!(secrets.clean("arn:aws:iam::111111111111:role/r"), "arn:aws:iam::111111111111:role/r");
    }

    #[test]
    fn the_request_that_a_signature_was_made_for_is_left_out() {
        // aws/aws-sdk-cpp#17 shows such an answer.
        let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                    Access Key and signing method.\n\nThe Canonical String for this request should have been\n'POST\n/\n\n\
                    host:sts.amazonaws.com\nx-amz-security-token:planted-and-unknown\n'\n\nThe String-to-Sign should have \
                    been\n'AWS4-HMAC-SHA256\n20260101T000000Z'";
        let clean = Secrets::default().clean(text);
        assert!(clean.starts_with("The request signature we calculated") && !clean.contains("planted"), "{clean}");
        assert!(clean.ends_with("signing method. (the rest repeats the request, and is left out)"), "{clean}");
    }

    #[test]
    fn a_url_tells_no_name_and_no_password() {
        let secrets = Secrets::default();
        for url in ["https://ops:pl%40nted@host/x", "http//ops:pl%40nted@host", "ops:pl%40nted@host:1", "x://tok/ted@h"]
        {
            secrets.know_url(url, "(hidden)");
            let clean = secrets.clean(&format!("invalid endpoint {url}: pl@nted"));
            assert!(!clean.contains("nted") && !clean.contains("tok/ted"), "{clean}");
        }
        // Of somebody who is not known, too.
        let clean = Secrets::default().clean("error with https://ops:planted@host:443/path, try http://host/a@b");
        assert_eq!(clean, "error with https://(hidden)@host:443/path, try http://host/a@b");
    }

    #[test]
    fn a_text_without_end_is_cut() {
        let clean = Secrets::default().clean(&"ä".repeat(1_000_000));
        assert!(clean.len() < 5000 && clean.ends_with("more bytes)"), "{}", clean.len());
    }
}
