//! Lines that are longer than a terminal is wide, broken between words and indented below where they began.

use std::iter;

/// How far a continued line is moved to the right of the line that it continues.
const STEP: usize = 4;
/// The narrowest that anything is wrapped to: below, a terminal does it as well.
const NARROWEST: usize = 40;

/// The text with every line broken so that it fits into so many columns.
///
/// A line stays whole where breaking it would do harm: a command that somebody copies, and a word that is longer than the
/// line. Colours take no room.
pub fn wrapped(text: &str, columns: usize) -> String {
    let columns = columns.max(NARROWEST);
    text.split_inclusive('\n').map(|line| wrapped_line(line, columns)).collect()
}

fn wrapped_line(line: &str, columns: usize) -> String {
    let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
    if width(body) <= columns || is_command(body) {
        return line.to_owned();
    }
    let plain = strip(body);
    let indent = indent(&plain, columns);
    let mut out = String::new();
    let mut at = 0;
    for (index, word) in words(body).enumerate() {
        let (blanks, word) = word;
        let wide = width(word);
        if index > 0 && at + blanks + wide > columns && at > indent {
            out.push('\n');
            out.extend(iter::repeat_n(' ', indent));
            at = indent;
        } else {
            out.extend(iter::repeat_n(' ', blanks));
            at += blanks;
        }
        out.push_str(word);
        at += wide;
    }
    out.push_str(end);
    out
}

/// The words of a line, each with the number of blanks before it.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = line;
    iter::from_fn(move || {
        let word = rest.trim_start_matches(' ');
        if word.is_empty() {
            return None;
        }
        let blanks = rest.len() - word.len();
        let end = word.find(' ').unwrap_or(word.len());
        rest = &word[end..];
        Some((blanks, &word[..end]))
    })
}

/// Where a continued line begins: below the text behind a label (`    answer  …`), else a step to the right.
fn indent(plain: &str, columns: usize) -> usize {
    let start = plain.len() - plain.trim_start_matches(' ').len();
    let behind_label = ["call    ", "as      ", "answer  ", "request ", "tried   ", "next    ", "next: "]
        .iter()
        .find(|label| plain[start..].starts_with(**label))
        .map(|label| start + label.len());
    let indent = behind_label.unwrap_or(if start == 0 { STEP } else { start + STEP });
    indent.min(columns / 2)
}

/// Whether a line is a command that somebody copies.
fn is_command(line: &str) -> bool {
    let plain = strip(line);
    let plain = plain.trim_start();
    ["aws ", "baseline ", "curl "].iter().any(|program| plain.starts_with(program))
}

/// The columns that a text takes on a terminal.
fn width(text: &str) -> usize {
    strip(text).chars().count()
}

/// A text without its colours (`ESC [ … m`).
pub(super) fn strip(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push_str(part.split_once('m').map_or(part, |(_, rest)| rest));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_broken_between_words_and_indented() {
        let text =
            "! blocked 3 resources\n    answer  AccessDenied: User is not authorized to perform sts:AssumeRole\n";
        let shown = wrapped(text, 48);
        assert_eq!(
            shown,
            "! blocked 3 resources\n    answer  AccessDenied: User is not authorized\n            to perform \
             sts:AssumeRole\n"
        );
        assert!(shown.lines().all(|line| line.chars().count() <= 48));
    }

    #[test]
    fn nothing_is_lost_and_what_fits_stays() {
        for columns in [0, 40, 57, 80, 200] {
            let text =
                "    + policy.Statement.A: allow s3:PutObject on arn:aws:s3:::a-rather-long-name-of-a-bucket/*\n\nx";
            let shown = wrapped(text, columns);
            let all = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            assert_eq!(all(&shown), all(text), "{columns}");
            assert_eq!(wrapped("short\n", columns), "short\n");
        }
    }

    #[test]
    fn commands_and_long_words_stay_whole_and_colours_take_no_room() {
        let command =
            "         aws sns subscribe --region eu-west-1 --topic-arn arn:aws:sns:eu-west-1:111111111111:x\n";
        assert_eq!(wrapped(command, 40), command);
        let word = format!("{}\n", "x".repeat(120));
        assert_eq!(wrapped(&word, 40), word);
        let coloured = "\u{1b}[31m! could not read\u{1b}[39m security, 222\n";
        assert_eq!(wrapped(coloured, 40), coloured);
    }
}
