use super::VERSION_2008;

/// One character of a pattern, after policy variables have been filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Glyph {
    Literal(char),
    AnyOne,
    AnyRun,
}

/// A text of a policy, ready to be held against a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Glyph>);

impl Pattern {
    /// Fills in policy variables and, with `wildcards`, reads `*` and `?`. `None` when a variable has no single value.
    ///
    /// Sources: IAM User Guide, "IAM policy elements: Variables and tags", also for `${*}`, `${?}`, `${$}` and default
    /// values; in version 2008-10-17 `${…}` is plain text.
    pub(super) fn new<'c>(
        text: &str,
        version: &str,
        wildcards: bool,
        value_of: impl Fn(&str) -> Option<&'c str>,
    ) -> Option<Self> {
        let mut glyphs = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if version != VERSION_2008
                && let Some((name, tail)) = rest.strip_prefix("${").and_then(|inside| inside.split_once('}'))
            {
                rest = tail;
                match name {
                    "*" | "?" | "$" => glyphs.extend(name.chars().map(Glyph::Literal)),
                    _ => {
                        let (key, default) = match name.split_once(',') {
                            Some((key, default)) => (key.trim(), quoted(default.trim())),
                            None => (name.trim(), None),
                        };
                        glyphs.extend(value_of(key).or(default)?.chars().map(Glyph::Literal));
                    }
                }
                continue;
            }
            rest = &rest[next.len_utf8()..];
            glyphs.push(match next {
                '*' if wildcards => Glyph::AnyRun,
                '?' if wildcards => Glyph::AnyOne,
                literal => Glyph::Literal(literal),
            });
        }
        Some(Pattern(glyphs))
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        run(&self.0, &text.chars().collect::<Vec<_>>(), false)
    }

    /// Whether the whole text matches, whatever the case of ASCII letters.
    pub(super) fn matches_ignoring_case(&self, text: &str) -> bool {
        run(&self.0, &text.chars().collect::<Vec<_>>(), true)
    }

    /// Whether an ARN matches part by part: a wildcard stays inside its part, except in the last.
    ///
    /// `None` when the pattern is not made of six parts (IAM User Guide, "ARN condition operators").
    pub(super) fn matches_arn(&self, arn: &str) -> Option<bool> {
        let parts: Vec<&[Glyph]> = self.0.splitn(6, |glyph| *glyph == Glyph::Literal(':')).collect();
        if parts.len() < 6 {
            return None;
        }
        let wanted: Vec<&str> = arn.splitn(6, ':').collect();
        Some(
            wanted.len() == 6
                && parts.iter().zip(wanted).all(|(part, text)| run(part, &text.chars().collect::<Vec<_>>(), false)),
        )
    }

    /// Whether it is a lone `*`.
    pub(super) fn is_anything(&self) -> bool {
        self.0 == [Glyph::AnyRun]
    }
}

fn quoted(text: &str) -> Option<&str> {
    text.strip_prefix('\'')?.strip_suffix('\'')
}

/// Greedy with one point of return, so that no pattern takes more than length times length steps.
fn run(pattern: &[Glyph], text: &[char], ignore_case: bool) -> bool {
    let same = |a: char, b: char| if ignore_case { a.eq_ignore_ascii_case(&b) } else { a == b };
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Glyph::AnyRun) => {
                back = Some((p, t));
                p += 1;
            }
            Some(Glyph::AnyOne) => {
                p += 1;
                t += 1;
            }
            Some(Glyph::Literal(c)) if same(*c, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((star, taken)) = back else { return false };
                back = Some((star, taken + 1));
                p = star + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|glyph| *glyph == Glyph::AnyRun)
}

#[cfg(test)]
mod tests {
    use super::super::VERSION_2012;
    use super::*;

    fn glob(text: &str) -> Pattern {
        Pattern::new(text, VERSION_2012, true, |_| None).unwrap()
    }

    #[test]
    fn wildcards_match_the_whole_text() {
        for (pattern, text) in [("*", ""), ("a*c", "abbc"), ("a?c", "abc"), ("*a*b", "xxaybzb"), ("é?", "éü")] {
            assert!(glob(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in [("a", "ab"), ("a?c", "ac"), ("*b", "abc"), ("", "a"), ("A", "a")] {
            assert!(!glob(pattern).matches(text), "{pattern} {text}");
        }
        assert!(glob("s3:get*").matches_ignoring_case("S3:GetObject"));
    }

    #[test]
    fn a_wildcard_stays_inside_its_part_of_an_arn() {
        let pattern = glob("arn:aws:cloudtrail:*:111111111111:trail/*");
        assert_eq!(pattern.matches_arn("arn:aws:cloudtrail:us-east-1:111111111111:trail/a:b"), Some(true));
        assert_eq!(pattern.matches_arn("arn:aws:cloudtrail:x:222222222222:y:111111111111:trail/a"), Some(false));
        assert_eq!(glob("arn:aws:*").matches_arn("arn:aws:iam::111111111111:root"), None);
    }

    #[test]
    fn variables_are_filled_in_with_their_value_as_plain_text() {
        let value = |key: &str| (key == "aws:username").then_some("a*");
        let pattern = |text, version| Pattern::new(text, version, true, value);
        assert!(pattern("home/${aws:username}/*", VERSION_2012).unwrap().matches("home/a*/x"));
        assert!(!pattern("home/${aws:username}/*", VERSION_2012).unwrap().matches("home/ab/x"));
        assert!(pattern("${*}", VERSION_2012).unwrap().matches("*"));
        assert!(!pattern("${*}", VERSION_2012).unwrap().matches("x"));
        assert!(pattern("${aws:x, 'none'}", VERSION_2012).unwrap().matches("none"));
        assert_eq!(pattern("${aws:x}", VERSION_2012), None);
        assert!(pattern("${aws:x}", VERSION_2008).unwrap().matches("${aws:x}"));
    }
}
