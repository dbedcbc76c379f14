//! The table that a script makes for its exports and does not return, as far as its text shows: a
//! guess, for a warning. It runs nothing, and says nothing where something else may be exported.

use std::collections::HashSet;

use super::tokens::{Kind, Token, tokens};

/// Nothing is guessed of larger scripts.
const MAX_TEXT: usize = 1 << 20;

/// What of `host` makes something of a script that exports nothing.
const USES: [&str; 4] = ["emit", "mock", "on", "register"];

/// By these a script may define globals that are not seen here.
const ENVIRONMENTS: [&str; 4] = ["_ENV", "_G", "getfenv", "setfenv"];

/// The name of the last table with functions, where a text neither returns anything nor defines
/// anything else that could be exported.
pub(in crate::lua) fn unreturned(text: &[u8]) -> Option<String> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
    let mut code = tokens(&text);
    code.retain(|token| !matches!(token.kind, Kind::Comment(_)));
    let mut scan = Scan { code, open: Vec::new(), locals: HashSet::new(), tables: Vec::new() };
    (0..scan.code.len()).try_for_each(|at| scan.take(at).then_some(()))?;
    let mut named = scan.tables.into_iter().rev();
    named.find(|table| table.has_functions).map(|table| table.name.to_owned())
}

/// A table that is a local of the script's outermost block.
struct Table<'t> {
    name: &'t str,
    has_functions: bool,
}

/// What a place is in.
#[derive(Clone, Copy, PartialEq)]
enum Open<'t> {
    Block,
    Bracket,
    /// The table that is made for a local, if it is.
    Table(Option<&'t str>),
}

struct Scan<'t> {
    code: Vec<Token<'t>>,
    open: Vec<Open<'t>>,
    /// All names that are a local's somewhere.
    locals: HashSet<&'t str>,
    tables: Vec<Table<'t>>,
}

impl<'t> Scan<'t> {
    fn kind(&self, at: usize) -> Option<Kind<'t>> {
        self.code.get(at).map(|token| token.kind)
    }

    fn before(&self, at: usize) -> Option<Kind<'t>> {
        self.kind(at.checked_sub(1)?)
    }

    fn word(&self, at: usize) -> Option<&'t str> {
        match self.kind(at)? {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn is(&self, at: usize, symbol: &str) -> bool {
        self.kind(at) == Some(Kind::Symbol(symbol))
    }

    /// Takes a token; whether there is still nothing that exports.
    fn take(&mut self, at: usize) -> bool {
        match self.code[at].kind {
            Kind::Word(word) => return self.take_word(at, word),
            Kind::Symbol("(" | "[") => self.open.push(Open::Bracket),
            Kind::Symbol("{") => {
                let name = self.made_for(at);
                self.open.push(Open::Table(name));
            }
            Kind::Symbol(")" | "]" | "}") => {
                self.open.pop();
            }
            _ => {}
        }
        true
    }

    fn take_word(&mut self, at: usize, word: &'t str) -> bool {
        match word {
            "return" => return !self.open.is_empty() && !self.is_last(at),
            "local" => self.add_locals(at + 1),
            "for" => self.add_names(at + 1),
            "function" => return self.take_function(at),
            "do" | "repeat" => self.open.push(Open::Block),
            "if" if !self.is_inside_expression(at) => self.open.push(Open::Block),
            "end" | "until" => {
                self.open.pop();
            }
            "host" if self.is(at + 1, ".") => {
                return self.word(at + 2).is_none_or(|name| !USES.contains(&name));
            }
            _ if ENVIRONMENTS.contains(&word) => return false,
            _ => return self.take_name(at, word),
        }
        true
    }

    /// A name may be what is set: a field of a table, a global.
    fn take_name(&mut self, at: usize, name: &'t str) -> bool {
        if matches!(self.before(at), Some(Kind::Symbol("." | ":") | Kind::Word("type"))) {
            return true;
        }
        let is_method = self.is(at + 1, ".") && self.is(at + 3, "=");
        if is_method && self.word(at + 4) == Some("function") {
            self.has_function(name);
        }
        let is_entry = matches!(self.open.last(), Some(Open::Table(_)));
        let is_set = self.is(at + 1, "=") && !is_entry;
        !is_set || self.locals.contains(name)
    }

    fn take_function(&mut self, at: usize) -> bool {
        if let Some(Open::Table(Some(name))) = self.open.last().copied() {
            self.has_function(name);
        }
        let is_local = self.before(at) == Some(Kind::Word("local"));
        let mut parameters = at + 1;
        let mut is_global = false;
        if let Some(name) = self.word(at + 1) {
            match self.is(at + 2, ".") || self.is(at + 2, ":") {
                true => self.has_function(name),
                false => is_global = !is_local && !self.locals.contains(name),
            }
            while !self.is(parameters, "(") && parameters < self.code.len() {
                parameters += 1;
            }
        }
        self.add_names(parameters + 1);
        self.open.push(Open::Block);
        !is_global
    }

    fn has_function(&mut self, name: &str) {
        if let Some(table) = self.tables.iter_mut().rfind(|table| table.name == name) {
            table.has_functions = true;
        }
    }

    /// What a `local` declares.
    fn add_locals(&mut self, at: usize) {
        match self.word(at) {
            Some("function") => self.locals.extend(self.word(at + 1)),
            _ => self.add_names(at),
        }
    }

    /// Names with commas between, each of which may have an attribute or a type.
    fn add_names(&mut self, mut at: usize) {
        while let Some(name) = self.word(at) {
            self.locals.insert(name);
            at += 1;
            while self.is(at, "<") || self.is(at, ">") || self.is(at, ":") || self.is(at, "?") {
                at += if self.is(at, ">") || self.is(at, "?") { 1 } else { 2 };
            }
            if !self.is(at, ",") {
                return;
            }
            at += 1;
        }
    }

    /// The local of the outermost block that the table at `at` is made for.
    fn made_for(&mut self, at: usize) -> Option<&'t str> {
        if !self.open.is_empty() || !self.is(at.checked_sub(1)?, "=") {
            return None;
        }
        // `local M <const> = {`
        let name = if self.is(at.checked_sub(2)?, ">") { at.checked_sub(5)? } else { at - 2 };
        let is_local = self.before(name) == Some(Kind::Word("local"));
        let name = self.word(name).filter(|_| is_local)?;
        self.tables.push(Table { name, has_functions: false });
        Some(name)
    }

    /// Luau's `x = if a then b else c`, which has no `end`.
    fn is_inside_expression(&self, at: usize) -> bool {
        match self.before(at) {
            Some(Kind::Symbol(symbol)) => !matches!(symbol, ")" | "]" | "}" | ";" | "::" | "..."),
            Some(Kind::Word(word)) => matches!(word, "and" | "or" | "not" | "return"),
            _ => false,
        }
    }

    /// Whether the text ends with this `return` of a name, in whatever it seems to be.
    fn is_last(&self, at: usize) -> bool {
        let end = if self.is(self.code.len() - 1, ";") { at + 3 } else { at + 2 };
        end == self.code.len() && self.word(at + 1).is_some_and(|word| word != "end")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_is_not_returned_is_named() {
        let check = |text: &str, name: Option<&str>| {
            assert_eq!(unreturned(text.as_bytes()).as_deref(), name, "{text}");
        };
        check("local M = {}\nfunction M.f() end", Some("M"));
        check("local M = { f = function(x) return x end }", Some("M"));
        check("local M <const> = {}\nM.f = function() for i = 1, 2 do i = 3 end end", Some("M"));
        check("local T = {}\nfunction T:m() end\nlocal M = {}\nfunction M.f() end", Some("M"));
        check("local a, b = 1, 2\na = b\nlocal M = {}\nfunction M.f(x) x = a end", Some("M"));
        check(
            "local x = 1\nlocal M = { a = 1 }\nfunction M.f() if x then return 1 end end",
            Some("M"),
        );
        check("local M = {}\nfunction M.f() host.log('x') end", Some("M"));
        check("local function g() end\nlocal M = {}\nfunction M.f() return g() end", Some("M"));

        check("", None);
        check("print('x')", None);
        check("local M = { 1, 2 }", None);
        check("local function f() end f()", None);
        check("local M = {}\nfunction M.f() end\nreturn M", None);
        check("local M = {}\nfunction M.f() end\nreturn M;", None);
        check("local M = {}\nfunction M.f() end\nreturn { f = M.f }", None);
        check("local M = {}\nfunction M.f() end\nfunction g() end", None);
        check("local M = {}\nfunction M.f() end\nCount = 0", None);
        check("local M = {}\nfunction M.f() Count = 0 end", None);
        check("local M = {}\nfunction M.f() end\nhost.register(M)", None);
        check("local M = {}\nfunction M.f() end\nhost.on('tick', M.f)", None);
        check("local M = {}\nfunction M.f() end\nfor k, v in pairs(M) do _G[k] = v end", None);
        check("local function g() local t = {} function t.f() end return t end g()", None);
        check("-- local M = {}\n-- function M.f() end", None);
    }

    #[test]
    fn what_luau_alone_has_is_read() {
        let check = |text: &str, name: Option<&str>| {
            assert_eq!(unreturned(text.as_bytes()).as_deref(), name, "{text}");
        };
        check(
            "type Id = number\nlocal M = {}\nfunction M.f(a: Id, b: string?) b = a end",
            Some("M"),
        );
        check("local M = {}\nfunction M.f(x) local y = if x then 1 else 2 end", Some("M"));
        check("local M = {}\nlocal y = if M then 1 else 2\nfunction M.f() end\nreturn M", None);
    }

    #[test]
    fn whatever_the_text_is_it_is_read() {
        for text in
            ["function", "local", "function M", "}", "end", "for", "return", "M. =", "{", "host."]
        {
            unreturned(text.as_bytes());
            unreturned(format!("local M = {{}} {text}").as_bytes());
        }
    }
}
