use globset::{GlobBuilder, GlobMatcher};

/// A glob that could not be compiled, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{glob}` is not a glob: {reason}")]
pub struct GlobError {
    /// The text as it was written.
    pub glob: String,
    /// What the matcher says is wrong with it.
    pub reason: String,
}

/// The longest glob, in bytes.
const LONGEST: usize = 1000;

/// The most opening braces in a glob, which may all stand in one another.
const MOST_BRACES: usize = 50;

/// Compiles a glob; with `segments`, `*` and `?` do not match `/`.
///
/// What globset takes for a glob it may still refuse to compile, and then it panics: where the automaton grows beyond
/// 10 MB, or where braces stand in one another deeper than the regex crate allows (250 levels, of which a pair of braces
/// takes up to three). Both are out of reach within these limits.
pub(crate) fn matcher(text: &str, segments: bool) -> Result<GlobMatcher, GlobError> {
    let wrong = |reason: String| GlobError { glob: text.to_owned(), reason };
    if text.len() > LONGEST {
        return Err(wrong(format!("it is longer than {LONGEST} bytes")));
    }
    if text.matches('{').count() > MOST_BRACES {
        return Err(wrong(format!("it has more than {MOST_BRACES} pairs of braces")));
    }
    let glob = GlobBuilder::new(text).literal_separator(segments).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| wrong(error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_globs_can_be_compiled_and_larger_ones_are_refused() {
        let nested = |depth: usize| format!("{}a{}", "{b,".repeat(depth), "}".repeat(depth));
        let of = |piece: &str| piece.repeat(LONGEST / piece.len());
        for largest in [
            nested(MOST_BRACES),
            of("?"),
            of("*"),
            of("[!a]"),
            of("[a-z]"),
            of("[!日]"),
            of("日"),
            of("**/"),
            of("{,}"),
        ] {
            let allowed = largest.matches('{').count() <= MOST_BRACES;
            assert_eq!(matcher(&largest, true).is_ok(), allowed, "{largest}");
            assert_eq!(matcher(&largest, false).is_ok(), allowed, "{largest}");
        }
        for larger in [nested(MOST_BRACES + 1), nested(100_000), "?".repeat(LONGEST + 1), "?".repeat(1_000_000)] {
            let error = matcher(&larger, true).unwrap_err();
            assert!(error.reason.starts_with("it "), "{}", error.reason);
        }
    }
}
