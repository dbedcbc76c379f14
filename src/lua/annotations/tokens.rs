//! A script's text as tokens: as much of Lua as is needed not to take a string or a
//! long comment for something else. It takes any text, and looks at each byte once.

/// A piece of Lua, with the line that it starts in, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) line: u32,
    pub(super) kind: Kind<'t>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    /// A name or a keyword.
    Word(&'t str),
    /// Anything that is no word, string, number or comment. Of those with several
    /// characters, just the ones that would be misread by their parts.
    Symbol(&'t str),
    /// A string or a number, as it is written.
    Literal(&'t str),
    /// A comment to the end of the line, without its `--`.
    Comment(&'t str),
}

/// The tokens of a text. A string or a comment that does not end goes to the end.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { text, at: 0, line: 1 };
    let mut tokens = Vec::new();
    if text.starts_with('#') {
        scanner.at = end_of_line(text, 0);
    }
    while let Some(token) = scanner.next() {
        tokens.push(token);
    }
    tokens
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl<'t> Scanner<'t> {
    fn next(&mut self) -> Option<Token<'t>> {
        loop {
            self.space();
            let (line, start) = (self.line, self.at);
            let first = *self.text.as_bytes().get(start)?;
            let rest = &self.text.as_bytes()[start..];
            let kind = match first {
                b'-' if rest.starts_with(b"--") => match self.comment() {
                    Some(text) => Kind::Comment(text),
                    // A long comment separates, and says nothing.
                    None => continue,
                },
                b'[' if self.long(start).is_some() => {
                    self.to(self.long(start).unwrap_or(self.text.len()));
                    Kind::Literal(&self.text[start..self.at])
                }
                b'"' | b'\'' | b'`' => {
                    self.to(short_string(self.text, start, first));
                    Kind::Literal(&self.text[start..self.at])
                }
                b'0'..=b'9' => {
                    self.at = start + length(rest, |b| b.is_ascii_alphanumeric() || b == b'.');
                    Kind::Literal(&self.text[start..self.at])
                }
                _ if is_word(first) => {
                    self.at = start + length(rest, |b| is_word(b) || b.is_ascii_digit());
                    Kind::Word(&self.text[start..self.at])
                }
                _ => {
                    let several: [&[u8]; 8] =
                        [b"...", b"..", b"==", b"~=", b"<=", b">=", b"::", b"//"];
                    let known = several.iter().find(|symbol| rest.starts_with(symbol));
                    self.at = start + known.map_or(1, |symbol| symbol.len());
                    Kind::Symbol(&self.text[start..self.at])
                }
            };
            return Some(Token { line, kind });
        }
    }

    fn space(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.to(self.at + length(rest, is_space));
    }

    /// A comment's text; `None` for a long one.
    fn comment(&mut self) -> Option<&'t str> {
        let start = self.at + 2;
        if let Some(end) = self.long(start) {
            self.to(end);
            return None;
        }
        self.at = end_of_line(self.text, start);
        Some(&self.text[start..self.at])
    }

    /// Where the long bracket that starts there ends.
    fn long(&self, start: usize) -> Option<usize> {
        let rest = self.text.as_bytes()[start..].strip_prefix(b"[")?;
        let level = length(rest, |byte| byte == b'=');
        if rest.get(level) != Some(&b'[') {
            return None;
        }
        let end = format!("]{}]", "=".repeat(level));
        let inside = start + level + 2;
        Some(self.text[inside..].find(&end).map_or(self.text.len(), |at| inside + at + end.len()))
    }

    /// Goes on at `end`, and counts the lines on the way.
    fn to(&mut self, end: usize) {
        let passed = &self.text.as_bytes()[self.at..end];
        self.line += passed.iter().filter(|&&byte| byte == b'\n').count() as u32;
        self.at = end;
    }
}

/// Where a string that starts with `quote` ends: at the same, or at the line's end.
fn short_string(text: &str, start: usize, quote: u8) -> usize {
    let mut bytes = text.as_bytes()[start + 1..].iter().enumerate();
    while let Some((index, &byte)) = bytes.next() {
        let at = start + 1 + index;
        match byte {
            b'\\' => {
                // `\z` skips what follows, line ends included.
                let escaped = bytes.next();
                let rest = text.as_bytes().get(at + 2..).unwrap_or_default();
                let skipped = match escaped {
                    Some((_, b'z')) => length(rest, is_space),
                    // One line end.
                    Some((_, b'\r')) if rest.starts_with(b"\n") => 1,
                    _ => 0,
                };
                bytes.by_ref().take(skipped).for_each(drop);
            }
            b'\n' if quote != b'`' => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn end_of_line(text: &str, start: usize) -> usize {
    text[start..].find('\n').map_or(text.len(), |at| start + at)
}

fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// Bytes over 127 are parts of names, so that no character is cut in two.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}

fn length(bytes: &[u8], is: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !is(byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_comments_are_told_from_code() {
        let check = |text: &str, expected: &[&str]| {
            let shown = |token: Token<'_>| match token.kind {
                Kind::Word(text) => format!("{} {text}", token.line),
                Kind::Symbol(text) => format!("{} {text}", token.line),
                Kind::Literal(_) => format!("{} literal", token.line),
                Kind::Comment(text) => format!("{} --{text}", token.line),
            };
            let found: Vec<_> = tokens(text).into_iter().map(shown).collect();
            assert_eq!(found, expected, "{text}");
        };
        check("a.b = 1 -- c\nd", &["1 a", "1 .", "1 b", "1 =", "1 literal", "1 -- c", "2 d"]);
        check("x = [[\n---@type a\n]] y", &["1 x", "1 =", "1 literal", "3 y"]);
        check("--[==[\n]] a\n]==] b", &["3 b"]);
        check("--[[ never\nclosed", &[]);
        check("'a\\'--' \"\\\\\" b", &["1 literal", "1 literal", "1 b"]);
        check("'a\\z\n  b' c", &["1 literal", "2 c"]);
        check("'a\\\nb' c", &["1 literal", "2 c"]);
        check("'a\\\r\nb' c", &["1 literal", "2 c"]);
        check("'a\\z\x0b\nb' c", &["1 literal", "2 c"]);
        check("'a\\", &["1 literal"]);
        check("'open\nb", &["1 literal", "2 b"]);
        check("a==b=c", &["1 a", "1 ==", "1 b", "1 =", "1 c"]);
        check("f(...)1..2", &["1 f", "1 (", "1 ...", "1 )", "1 literal"]);
        check("#!/bin/lua '\nä[1]", &["2 ä", "2 [", "2 literal", "2 ]"]);
        check("a[ [=[x]=] ]\\", &["1 a", "1 [", "1 literal", "1 ]", "1 \\"]);
        check("--[=x\ny", &["1 --[=x", "2 y"]);
    }
}
