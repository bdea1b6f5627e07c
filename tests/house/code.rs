//! Rust source, as far as the rules look at it: the paths in it and its attributes.

/// What is left of a file without comments and literals.
pub struct Code {
    /// Every path with its line, those of `use` in full. A macro's last segment ends with `!`.
    pub paths: Vec<(usize, Vec<String>)>,
    /// The lines of attributes that switch a lint off.
    pub allows: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    /// `::`
    Colons,
    Sign(char),
}

impl Code {
    pub fn read(text: &str) -> Code {
        let tokens = tokens(&blank(text));
        let mut paths = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at].1 {
                Token::Word(word) if word == "use" => tree(&tokens, at + 1, &[], &mut paths),
                Token::Word(_) => path(&tokens, at, &mut paths),
                _ => at + 1,
            };
        }
        Code { paths, allows: allows(&tokens) }
    }
}

/// The text with comments and literals blanked out, line for line.
fn blank(text: &str) -> String {
    let all: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < all.len() {
        let end = literal_or_comment(&all, at);
        if end == at {
            out.push(all[at]);
            at += 1;
        } else {
            out.extend(all[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// Where the literal or comment that starts here ends; here, if none does.
fn literal_or_comment(all: &[char], at: usize) -> usize {
    let next = |offset: usize| all.get(at + offset).copied().unwrap_or(' ');
    let in_word = at > 0 && (all[at - 1].is_alphanumeric() || all[at - 1] == '_');
    match all[at] {
        '/' if next(1) == '/' => (at..all.len()).find(|i| all[*i] == '\n').unwrap_or(all.len()),
        '/' if next(1) == '*' => block_comment(all, at),
        '"' => string(all, at),
        'b' | 'c' if !in_word && next(1) == '"' => string(all, at + 1),
        'r' if !in_word => raw_string(all, at),
        'b' | 'c' if !in_word && next(1) == 'r' => match raw_string(all, at + 1) {
            end if end == at + 1 => at,
            end => end,
        },
        // A lifetime has no second quotation mark right behind it.
        '\'' if next(1) == '\\' => (at + 3..all.len()).find(|i| all[*i] == '\'').map_or(all.len(), |i| i + 1),
        '\'' if next(2) == '\'' => at + 3,
        _ => at,
    }
}

fn block_comment(all: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at + 1 < all.len() {
        match (all[at], all[at + 1]) {
            ('/', '*') => (at, depth) = (at + 2, depth + 1),
            ('*', '/') => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    all.len()
}

fn string(all: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < all.len() {
        match all[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    all.len()
}

fn raw_string(all: &[char], r: usize) -> usize {
    let hashes = all[r + 1..].iter().take_while(|c| **c == '#').count();
    let open = r + 1 + hashes;
    if all.get(open) != Some(&'"') {
        return r;
    }
    let closes = |i: &usize| all[*i] == '"' && all[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (open + 1..all.len()).find(closes).map_or(all.len(), |i| i + 1 + hashes)
}

fn tokens(text: &str) -> Vec<(usize, Token)> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (token, length) = match first {
                _ if word > 0 => (Some(Token::Word(rest[..word].to_owned())), word),
                ':' if rest.starts_with("::") => (Some(Token::Colons), 2),
                _ if first.is_whitespace() => (None, first.len_utf8()),
                _ => (Some(Token::Sign(first)), first.len_utf8()),
            };
            tokens.extend(token.map(|token| (index + 1, token)));
            rest = &rest[length..];
        }
    }
    tokens
}

type Paths = Vec<(usize, Vec<String>)>;

/// Reads one tree of a `use`, and answers where it ends.
fn tree(tokens: &[(usize, Token)], mut at: usize, before: &[String], paths: &mut Paths) -> usize {
    let mut path = before.to_vec();
    let line = tokens.get(at).map_or(0, |(line, _)| *line);
    loop {
        match tokens.get(at).map(|(_, token)| token) {
            Some(Token::Word(word)) if word == "as" => at += 2,
            Some(Token::Word(word)) => {
                path.push(word.clone());
                at += 1;
            }
            Some(Token::Colons) => at += 1,
            Some(Token::Sign('{')) => {
                at += 1;
                while !matches!(tokens.get(at), None | Some((_, Token::Sign('}')))) {
                    at = match &tokens[at].1 {
                        Token::Sign(',') => at + 1,
                        _ => tree(tokens, at, &path, paths).max(at + 1),
                    };
                }
                return at + 1;
            }
            Some(Token::Sign('*')) => at += 1,
            _ => {
                paths.push((line, path));
                return at;
            }
        }
    }
}

/// Reads the path that starts here, and answers where it ends.
fn path(tokens: &[(usize, Token)], mut at: usize, paths: &mut Paths) -> usize {
    let line = tokens[at].0;
    let mut path = Vec::new();
    while let Some((_, Token::Word(word))) = tokens.get(at) {
        path.push(word.clone());
        at += 1;
        let is_macro = matches!(tokens.get(at), Some((_, Token::Sign('!'))))
            && matches!(tokens.get(at + 1), Some((_, Token::Sign('(' | '[' | '{'))));
        if let (true, Some(last)) = (is_macro, path.last_mut()) {
            last.push('!');
        }
        match tokens.get(at) {
            Some((_, Token::Colons)) => at += 1,
            _ => break,
        }
    }
    paths.push((line, path));
    at
}

fn allows(tokens: &[(usize, Token)]) -> Vec<usize> {
    let is = |at: usize, token: &Token| tokens.get(at).is_some_and(|(_, found)| found == token);
    let word = |at: usize, text: &str| is(at, &Token::Word(text.to_owned()));
    let mut lines = Vec::new();
    for at in (0..tokens.len()).filter(|at| is(*at, &Token::Sign('#'))) {
        let open = if is(at + 1, &Token::Sign('!')) { at + 2 } else { at + 1 };
        if !is(open, &Token::Sign('[')) {
            continue;
        }
        let close = (open..tokens.len()).find(|i| is(*i, &Token::Sign(']'))).unwrap_or(tokens.len());
        let candidates = if word(open + 1, "cfg_attr") { open + 1..close } else { open + 1..open + 2 };
        let found = candidates.into_iter().find(|i| word(*i, "allow") && is(i + 1, &Token::Sign('(')));
        lines.extend(found.map(|i| tokens[i].0));
    }
    lines
}
