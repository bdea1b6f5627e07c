//! Edits to any text: characters put in, taken out and copied.

use bolero::TypeGenerator;

use crate::corpus::{index, pick};

/// One edit. The numbers are taken modulo what there is to choose from.
#[derive(Debug, Clone, TypeGenerator)]
pub enum Edit {
    /// Puts a character in.
    Put(u16, u16),
    /// Takes a few characters out.
    Cut(u16, u8),
    /// Leaves everything after a place away.
    Truncate(u16),
    /// Copies a few characters to another place.
    Copy(u16, u8, u16),
    /// Puts a character in many times.
    Repeat(u16, u16, u8),
}

/// Characters with which parsers have trouble: everybody's delimiters, and the edges of Unicode.
const CHARACTERS: &[char] = &[
    '"',
    '\'',
    '\\',
    '/',
    ':',
    '-',
    '.',
    ',',
    ';',
    '=',
    '#',
    '*',
    '?',
    '[',
    ']',
    '{',
    '}',
    '(',
    ')',
    '!',
    '$',
    '%',
    '&',
    '@',
    '+',
    '_',
    '~',
    '`',
    '<',
    '>',
    '|',
    '^',
    ' ',
    '\t',
    '\n',
    '\r',
    '0',
    '1',
    '9',
    'a',
    'e',
    'z',
    'A',
    'Z',
    '\u{0}',
    '\u{1b}',
    '\u{7f}',
    '\u{80}',
    '\u{a0}',
    'é',
    'ß',
    'İ',
    'ı',
    '０',
    '日',
    '\u{301}',
    '\u{200d}',
    '\u{202e}',
    '\u{2028}',
    '\u{feff}',
    '\u{fffd}',
    '\u{ffff}',
    '😀',
    '\u{10ffff}',
];

impl Edit {
    /// The text with this edit made.
    pub fn apply(&self, text: &mut String) {
        let place = |text: &str, number: u16| {
            // The end is a place, too.
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            index(places.len(), number).map_or(0, |which| places[which])
        };
        let end = |text: &str, from: usize, length: u8| {
            text[from..].char_indices().nth(usize::from(length)).map_or(text.len(), |(at, _)| from + at)
        };
        match *self {
            Edit::Put(at, which) => {
                let at = place(text, at);
                text.insert(at, pick(CHARACTERS, which).copied().unwrap_or(' '));
            }
            Edit::Cut(at, length) => {
                let at = place(text, at);
                let end = end(text, at, length % 16);
                text.replace_range(at..end, "");
            }
            Edit::Truncate(at) => {
                let at = place(text, at);
                text.truncate(at);
            }
            Edit::Copy(from, length, to) => {
                let from = place(text, from);
                let piece = text[from..end(text, from, length)].to_owned();
                let to = place(text, to);
                text.insert_str(to, &piece);
            }
            Edit::Repeat(at, which, times) => {
                let at = place(text, at);
                let character = pick(CHARACTERS, which).copied().unwrap_or(' ');
                text.insert_str(at, &character.to_string().repeat(usize::from(times)));
            }
        }
    }
}
