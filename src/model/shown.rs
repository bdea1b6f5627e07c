//! Texts that somebody else wrote, made fit to be shown: whoever wrote a text cannot move the cursor with it, hide
//! something in it, or make it read in another order.

use std::borrow::Cow;

/// Whether a character does something to a terminal or to the text around it rather than being seen: control
/// characters, line and paragraph separators, what turns the direction of writing, and what has no width (Unicode
/// Standard, chapter 23, and `Default_Ignorable_Code_Point` of its character database).
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{2800}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

/// The text on one line, with every [hidden](is_hidden) character spelt out: `\n`, `\u{1b}`, `\u{202e}`.
pub fn printable(text: String) -> String {
    if !text.contains(is_hidden) {
        return text;
    }
    let mut spelt = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        spell(c, &mut spelt);
    }
    spelt
}

/// The same for a text that is borrowed.
pub fn shown(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden) { Cow::Owned(printable(text.to_owned())) } else { Cow::Borrowed(text) }
}

fn spell(c: char, into: &mut String) {
    match is_hidden(c) {
        true if matches!(c, '\n' | '\r' | '\t') => into.extend(c.escape_default()),
        true => into.extend(c.escape_unicode()),
        false => into.push(c),
    }
}

/// A text of ours for people, lines and colours included, in which nothing else stands that a terminal obeys: the last
/// wall, for whatever of somebody else's came into it without being spelt out before.
pub fn for_screen(text: &str) -> Cow<'_, str> {
    let harmless = |c: char| c == '\n' || !is_hidden(c);
    if text.chars().all(harmless) {
        return Cow::Borrowed(text);
    }
    let mut tame = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            tame.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        match c {
            '\n' => tame.push(c),
            c => spell(c, &mut tame),
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(tame)
}

/// The length of the colour that a text begins with (ECMA-48, SGR). None of those that hide what follows, which nobody
/// here uses.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    let hides = |part: &str| matches!(part.trim_start_matches('0'), "8" | "28");
    let plain = parameters[end..].starts_with('m') && !parameters[..end].split(';').any(hides);
    plain.then_some("\u{1b}[".len() + end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a hostile answer may hold.
    const HOSTILE: &str = "a\u{1b}[2Jb\rc\nd\u{202e}e\u{200b}f\u{2066}g\u{feff}h\u{7f}i\u{9b}j\u{2028}k\u{e0041}l";

    #[test]
    fn a_text_of_somebody_else_is_spelt_out_on_one_line() {
        assert_eq!(
            printable(HOSTILE.to_owned()),
            "a\\u{1b}[2Jb\\rc\\nd\\u{202e}e\\u{200b}f\\u{2066}g\\u{feff}h\\u{7f}i\\u{9b}j\\u{2028}k\\u{e0041}l"
        );
        for plain in ["", "日本語, ä ö ü → …", "قائمة"] {
            assert_eq!(shown(plain), plain);
        }
    }

    #[test]
    fn a_screen_gets_lines_and_colours_and_nothing_else_that_it_obeys() {
        let ours = "\u{1b}[1m\u{1b}[31mred\u{1b}[0m\n  日本語\u{1b}[38;5;9m\n";
        assert_eq!(for_screen(ours), ours);
        for (hostile, said) in [
            ("\u{1b}[2J", "\\u{1b}[2J"),
            ("\u{1b}[8mhidden", "\\u{1b}[8mhidden"),
            ("\u{1b}[0;08mhidden", "\\u{1b}[0;08mhidden"),
            ("\u{1b}]0;title\u{7}", "\\u{1b}]0;title\\u{7}"),
            ("\u{1b}[31", "\\u{1b}[31"),
            ("over\rwritten", "over\\rwritten"),
            ("\u{202e}txt", "\\u{202e}txt"),
        ] {
            assert_eq!(for_screen(hostile), said);
        }
    }
}
