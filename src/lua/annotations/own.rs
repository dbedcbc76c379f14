//! The name and the version that a script's body will say, where its text has them:
//! `_NAME = "clock"`. A guess, for what must be known before any code runs: what is right is known
//! once the body has run.

use super::MAX_TEXT;
use super::tokens::{Kind, Token, tokens};

/// What a text sets `_NAME` and `_VERSION` to, if it is one text each.
pub(in crate::lua) fn own(text: &[u8]) -> [Option<String>; 2] {
    const KEYS: [&str; 2] = ["_NAME", "_VERSION"];
    if text.len() > MAX_TEXT {
        return [None, None];
    }
    let text = String::from_utf8_lossy(text);
    // Most scripts have none, and pay for one search each.
    if !KEYS.iter().any(|key| text.contains(key)) {
        return [None, None];
    }
    let mut tokens = tokens(&text);
    tokens.retain(|token| !matches!(token.kind, Kind::Comment(_)));
    KEYS.map(|key| set_to(&tokens, key))
}

fn set_to(tokens: &[Token<'_>], key: &str) -> Option<String> {
    let is_key = |index: &usize| tokens[*index].kind == Kind::Word(key);
    let mut found = (0..tokens.len()).filter(is_key).filter_map(|index| {
        let kind = |ahead: usize| tokens.get(index + ahead).map(|token| token.kind);
        let is_whole = match kind(3) {
            None | Some(Kind::Symbol("," | ";" | "}")) => true,
            Some(Kind::Word(word)) => !matches!(word, "and" | "or"),
            Some(_) => false,
        };
        match (kind(1), kind(2)) {
            (Some(Kind::Symbol("=")), Some(Kind::Literal(text))) if is_whole => Some(plain(text)),
            // It is read, or compared.
            (Some(Kind::Symbol("=")), _) => Some(None),
            _ => None,
        }
    });
    let first = found.next()??;
    found.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// A string without escapes.
fn plain(literal: &str) -> Option<String> {
    let inside = ['"', '\'']
        .into_iter()
        .find_map(|quote| literal.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)))?;
    (!inside.contains('\\')).then(|| inside.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_out_is_known() {
        let check = |text: &str, name: Option<&str>, version: Option<&str>| {
            let expected = [name, version].map(|it| it.map(str::to_owned));
            assert_eq!(own(text.as_bytes()), expected, "{text}");
        };
        check("return { _NAME = \"clock\", _VERSION = '1.4.0' }", Some("clock"), Some("1.4.0"));
        check("local M = {}\nM._NAME = 'clock'\nreturn M", Some("clock"), None);
        check("_NAME = 'clock' -- a\nfunction F() return _NAME == 'x' end", Some("clock"), None);
        check("_NAME = 'a'\n_NAME = 'a'", Some("a"), None);
        check("_NAME = 'a'\n_NAME = 'b'", None, None);
        check("_NAME = 'a' .. 1", None, None);
        check("_NAME = 'a' or b", None, None);
        check("_NAME = f()", None, None);
        check("_NAME = 'a\\z'", None, None);
        check("_NAME = [[a]]", None, None);
        check("-- _NAME = 'a'\nx = '_NAME = 1'", None, None);
        check("print(_NAME)", None, None);
    }
}
