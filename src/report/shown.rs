//! JSON on its way to a reader whose terminal obeys nothing that somebody else wrote into it.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::model::is_hidden;

/// A JSON text as [`JsonForScreen`] passes it on.
pub fn json_for_screen(json: &str) -> Cow<'_, str> {
    let mut written = Vec::new();
    let mut out = JsonForScreen::new(&mut written);
    match json.contains(|c| c != '\n' && is_hidden(c)) {
        true => match out.text(json) {
            Ok(()) => Cow::Owned(String::from_utf8_lossy(&written).into_owned()),
            // What goes into memory does not fail.
            Err(_) => Cow::Borrowed(json),
        },
        false => Cow::Borrowed(json),
    }
}

/// Passes JSON on with every [hidden](is_hidden) character in it as `\u202e`, which means the same to whoever reads the
/// JSON and nothing to a terminal. Line feeds between the values stay: in a text JSON has none.
#[derive(Debug)]
pub struct JsonForScreen<W> {
    into: W,
    /// The beginning of a character whose end has not come yet.
    begun: Vec<u8>,
}

impl<W: Write> JsonForScreen<W> {
    /// Writes into this.
    pub fn new(into: W) -> Self {
        JsonForScreen { into, begun: Vec::new() }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(|c| c != '\n' && is_hidden(c)) {
            self.into.write_all(&rest.as_bytes()[..at])?;
            let Some(c) = rest[at..].chars().next() else { break };
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(self.into, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        self.into.write_all(rest.as_bytes())
    }
}

impl<W: Write> Write for JsonForScreen<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let all = match self.begun.is_empty() {
            true => Cow::Borrowed(bytes),
            false => Cow::Owned([&std::mem::take(&mut self.begun), bytes].concat()),
        };
        match std::str::from_utf8(&all) {
            Ok(text) => self.text(text)?,
            Err(error) => {
                let (whole, rest) = all.split_at(error.valid_up_to());
                // What is no text at all is passed on as it is: it can only be told apart from the beginning of a
                // character by what follows.
                self.text(&String::from_utf8_lossy(whole))?;
                match error.error_len() {
                    None => self.begun = rest.to_vec(),
                    Some(_) => self.text(&String::from_utf8_lossy(rest))?,
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.into.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile answer may hold.
    const HOSTILE: &str = "a\u{1b}[2Jb\rc\nd\u{202e}e\u{200b}f\u{2066}g\u{feff}h\u{7f}i\u{9b}j\u{2028}k\u{e0041}l";

    #[test]
    fn json_means_the_same_and_shows_nothing_hidden() {
        let value = serde_json::json!({ "text": HOSTILE, "\u{202e}key": ["日本語", 1] });
        for size in [1, 2, 3, 5, 1000] {
            let mut written = Vec::new();
            let mut out = JsonForScreen::new(&mut written);
            for piece in format!("{value:#}\n").as_bytes().chunks(size) {
                out.write_all(piece).unwrap();
            }
            let text = String::from_utf8(written).unwrap();
            assert!(!text.contains(|c| c != '\n' && is_hidden(c)), "{text:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        }
    }
}
