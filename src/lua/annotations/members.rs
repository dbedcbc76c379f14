//! Whether a text does no more with a global table than to read what is in it: `host.name`.
//!
//! What it cannot be sure of counts as more. It is sure of what it reads alone: a text that
//! may get at the globals as a whole, or run another text, may do anything. It knows the syntax
//! of Lua 5.4 and 5.5. LuaJIT gets new syntax every now and then: there it knows what 5.1 has, and
//! of a text with anything else nothing.

use super::tokens::{Kind, Token, tokens};

/// What leads to the globals, or to text that is not there to be read.
const WAYS: [&str; 11] = [
    "_ENV",
    "_G",
    "debug",
    "dofile",
    "getfenv",
    "jit",
    "load",
    "loadfile",
    "loadstring",
    "package",
    "setfenv",
];

/// Larger texts are not read: their tokens take several times their memory.
const MOST: usize = 256 << 10;

/// Symbols behind which an expression stands; some that may end a statement are not among them:
/// `local x <const>`, `global *`.
const OPERATORS: [&str; 15] =
    ["(", "{", "[", "=", "==", "~=", "<=", ">=", "..", "+", "-", "/", "//", "%", "^"];

/// Symbols that may follow what is read; and those that may where no other syntax makes them a
/// part of an assignment.
const AROUND: [&str; 9] = ["(", ")", "{", "}", "[", "]", ".", ":", ";"];
const BETWEEN: [&str; 17] =
    ["..", "+", "-", "*", "/", "//", "%", "^", "==", "~=", "<=", ">=", "<", ">", "&", "|", "~"];

/// The symbols of Lua 5.1, and of labels; those of them that stand between two expressions; and what
/// may follow these.
const PLAIN: [&str; 25] = [
    "...", "..", "==", "~=", "<=", ">=", "::", "+", "-", "*", "/", "%", "^", "#", "<", ">", "=",
    "(", ")", "{", "}", "[", "]", ";", ":",
];
const PLAIN_BETWEEN: [&str; 14] =
    ["..", "==", "~=", "<=", ">=", "+", "-", "*", "/", "%", "^", "<", ">", "="];
const PLAIN_FIRST: [&str; 5] = ["...", "-", "#", "(", "{"];

/// Words behind which an expression stands.
const BEFORE: [&str; 5] = ["and", "in", "not", "or", "return"];

/// Whether all that a text does with the global of that name is to read members of it.
pub(in crate::lua) fn reads_members_alone(text: &[u8], global: &str) -> bool {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    if text.len() > MOST {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else { return false };
    // Lua ends a line with one alone, and the tokens do not.
    if text.split('\r').skip(1).any(|rest| !rest.starts_with('\n')) {
        return false;
    }
    let mut tokens = tokens(text);
    tokens.retain(|token| !matches!(token.kind, Kind::Comment(_)));
    let code = Code(&tokens);
    if cfg!(feature = "luajit") && !code.is_plain() {
        return false;
    }
    (0..tokens.len()).all(|at| match tokens[at].kind {
        // Luau's may have code in it.
        Kind::Literal(text) => !text.starts_with('`'),
        // A field of something else.
        Kind::Word(_) if code.symbol(at.wrapping_sub(1)) == Some(".") => true,
        Kind::Word(word) if word == global => code.is_read(at),
        Kind::Word("require") => code.requires_by_name(at + 1),
        Kind::Word(word) => !WAYS.contains(&word),
        _ => true,
    })
}

struct Code<'c>(&'c [Token<'c>]);

impl<'c> Code<'c> {
    fn symbol(&self, at: usize) -> Option<&'c str> {
        match self.0.get(at)?.kind {
            Kind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    fn word(&self, at: usize) -> Option<&'c str> {
        match self.0.get(at)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is_any(&self, at: usize, symbols: &[&str]) -> bool {
        self.symbol(at).is_some_and(|symbol| symbols.contains(&symbol))
    }

    /// Whether a member is read of the name at `at`, and not written.
    fn is_read(&self, at: usize) -> bool {
        let before = at.wrapping_sub(1);
        if self.symbol(at + 1) != Some(".") || self.word(at + 2).is_none() {
            return false;
        }
        let behind = at + 3;
        let may_follow = match self.0.get(behind).map(|token| token.kind) {
            // One of several that are written, unless it cannot be the first of them.
            Some(Kind::Symbol(",")) => {
                self.is_any(before, &OPERATORS)
                    || self.word(before).is_some_and(|word| BEFORE.contains(&word))
            }
            Some(Kind::Symbol(symbol)) if BETWEEN.contains(&symbol) => {
                !self.symbol(behind + 1).is_some_and(|symbol| symbol.ends_with('='))
            }
            Some(Kind::Symbol(symbol)) => AROUND.contains(&symbol),
            _ => true,
        };
        may_follow && self.word(before) != Some("function")
    }

    /// Whether it is made of what Lua 5.1 has.
    fn is_plain(&self) -> bool {
        (0..self.0.len()).all(|at| match self.0[at].kind {
            Kind::Symbol("." | ",") => true,
            Kind::Symbol(symbol) if PLAIN_BETWEEN.contains(&symbol) => {
                self.symbol(at + 1).is_none_or(|next| PLAIN_FIRST.contains(&next))
            }
            Kind::Symbol(symbol) => PLAIN.contains(&symbol),
            Kind::Word(word) => word.is_ascii(),
            Kind::Literal(text) => !text.starts_with('`'),
            Kind::Comment(_) => true,
        })
    }

    /// Whether the argument is a plain name of a module.
    fn requires_by_name(&self, at: usize) -> bool {
        let in_brackets = self.symbol(at) == Some("(");
        let at = at + usize::from(in_brackets);
        let Some(Kind::Literal(literal)) = self.0.get(at).map(|token| token.kind) else {
            return false;
        };
        let name = literal.trim_matches(['"', '\'']);
        let is_whole = !in_brackets || self.symbol(at + 1) == Some(")");
        is_whole && !name.contains(['\\', '[']) && !WAYS.contains(&name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_may_do_more_is_told() {
        let reads = |text: &str| reads_members_alone(text.as_bytes(), "host");
        for text in [
            "",
            "local x = 1",
            "return host.scale(1, 2)",
            "host.log.info('a')",
            "host.register { f = function() return host.MAX end }",
            "host.channel('data'):send(M.Pd)",
            "local a, b = host.a, 1",
            "f(host.a, 1)",
            "f{ host.a, b = host.b, }",
            "return host.a, host.b(1)",
            "if host.a == 1 and host.b ~= 2 then host.c() end",
            "x = host.a\nhost.b()",
            "host.a.b = 1",
            "host.a().b = 1",
            "host.a[1] = 2",
            "t[host.a] = 1",
            "return host.a <= 1 and host.b .. host.c or -host.d",
            "-- host = 1\nlocal s = 'host = 1'",
            "cfg.host = 'localhost'",
            "local m = require 'm'",
            "local m = require(\"a.b-c/d\")",
            "host . \n -- a\n a()",
            "M.load = function() end",
            "host.x ()",
        ] {
            assert!(reads(text), "{text}");
        }
        for text in [
            "local h = host",
            "host = 1",
            "host.a = 1",
            "host.a, x = 1, 2",
            "x, host.a = 1, 2",
            "x, host.a, y = 1, 2, 3",
            "do host.a, x = 1, 2 end",
            "f() host.a, x = 1, 2",
            "local y <const> host.a, x = 1, 2",
            "global * host.a, x = 1, 2",
            "local s = 'a\\\r\n' host = 1 --'",
            "local s = 'a\\z\x0b\n ' host = 1 --'",
            "-- a\rhost = 1",
            "host['a'] = 1",
            "host[x]()",
            "host:a()",
            "cfg:host(1)",
            "f(host)",
            "return host",
            "return { host }",
            "return host .. ''",
            "function host.a() end",
            "function host:a() end",
            "local function f(host) host.a() end",
            "for host in f() do end",
            "{ host = 1 }",
            "for k in pairs(host) do end",
            "goto host",
            "::host::",
            "_G.host.a = 1",
            "local g = _ENV",
            "load('host.a = 1')",
            "local l = load",
            "pcall(require, 'm')",
            "local r = require",
            "require('_' .. 'G').host.a = 1",
            "require('_G')",
            "require '\\95G'",
            "require(name)",
            "require [[m]]",
            "package.loaded._G.x = 1",
            "x = `{host}`",
            "host.",
            "host",
            // No syntax of these Luas.
            "local h = false ? 1 : host",
            "host.a += 1",
            "host.a ..= 1",
            "host.a //= 1",
            "host.a <<= 1",
            "host.a ? 1",
        ] {
            assert!(!reads(text), "{text}");
        }
        assert!(!reads_members_alone(b"local s = '\xff'", "host"));
    }

    #[test]
    fn a_text_of_more_than_lua_5_1_is_told() {
        let is_plain = |text: &str| {
            let mut tokens = tokens(text);
            tokens.retain(|token| !matches!(token.kind, Kind::Comment(_)));
            Code(&tokens).is_plain()
        };
        for text in [
            "",
            "local a, b = -x.y[1], #t .. 'é' -- é ? `",
            "for i = 1, #t do t[i] = -i ^ -2 % 3 * (4 / 5) end",
            "if a <= b and c >= d or e ~= f or not (g == {}) then goto done end ::done::",
            "return function(...) return select('#', ...), 0x1p4, [[?]] end;",
            "f{ a = ..., ['b'] = -1, }:c'd'",
            "x = y < -z",
        ] {
            assert!(is_plain(text), "{text}");
        }
        for text in [
            "x = a ? b : c",
            "x = a?.b",
            "x = a ?? b",
            "x += 1",
            "x ..= 'a'",
            "x++",
            "x = a << 1",
            "x = a >> 1",
            "x = a >>> 1",
            "f = x -> x",
            "x = a & b",
            "x = a | b",
            "x = ~a",
            "x = !a",
            "x = a != b",
            "x = a // b",
            "x = `a`",
            "x = @a",
            "x = $a",
            "x = a \\ b",
            "local x <= >",
            "é = 1",
            "\u{feff}x = 1",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }

    #[test]
    fn a_text_begins_as_files_do() {
        assert!(reads_members_alone(b"\xef\xbb\xbf#!/bin/lua\nhost.a()", "host"));
    }
}
