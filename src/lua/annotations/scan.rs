//! Finds what each block of notes stands above.

use std::collections::HashMap;

use super::notes::Notes;
use super::tokens::{Kind, Token, tokens};
use super::types::Names;
use super::{Annotations, Function};

/// Reads a script's text.
pub(super) fn scan(text: &str) -> Annotations {
    let (mut code, mut comments) = (Vec::new(), Vec::new());
    for token in tokens(text) {
        match token.kind {
            Kind::Comment(text) => comments.push((code.len(), token.line, text)),
            _ => code.push(token),
        }
    }
    let mut scan = Scan { code, ..Scan::default() };
    let mut comments = comments.into_iter().peekable();
    for at in 0..scan.code.len() {
        while let Some((_, line, text)) = comments.next_if(|(before, ..)| *before == at) {
            scan.comment(at, line, text);
        }
        scan.end_block(Some(at));
        scan.nest(at);
    }
    for (at, line, text) in comments {
        scan.comment(at, line, text);
    }
    scan.end_block(None);
    scan.annotations()
}

#[derive(Default)]
struct Scan<'t> {
    /// All tokens but comments.
    code: Vec<Token<'t>>,
    /// The notes of the block that is being read, and the line of its last comment.
    block: Vec<&'t str>,
    block_end: u32,
    /// What the place is in.
    open: Vec<Open<'t>>,
    /// Where the script's own `return` is.
    returned: Option<usize>,
    names: Names,
    functions: HashMap<u32, Vec<Function>>,
    variables: Vec<(Place<'t>, &'t str, String)>,
    definitions: HashMap<u32, usize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Open<'t> {
    /// What `end` or `until` ends.
    Block,
    /// A parenthesis or an index.
    Bracket,
    Table(Place<'t>),
}

/// A table whose fields may be exports.
#[derive(Clone, Copy, PartialEq)]
enum Place<'t> {
    /// The table of that name.
    Of(&'t str),
    Globals,
    /// The one that the script returns.
    Returned,
    /// The one that `host.register` gets.
    Registered,
    /// Any other.
    Other,
}

impl<'t> Scan<'t> {
    fn kind(&self, at: usize) -> Option<Kind<'t>> {
        self.code.get(at).map(|token| token.kind)
    }

    fn word(&self, at: usize) -> Option<&'t str> {
        match self.kind(at) {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is(&self, at: usize, text: &str) -> bool {
        matches!(self.kind(at), Some(Kind::Word(found) | Kind::Symbol(found)) if found == text)
    }

    /// Whether these stand right before `at`.
    fn follows(&self, at: usize, texts: &[&str]) -> bool {
        let start = at.checked_sub(texts.len());
        start.is_some_and(|start| (start..at).zip(texts).all(|(at, text)| self.is(at, text)))
    }

    /// A comment before the code at `at`. One behind other code is about that.
    fn comment(&mut self, at: usize, line: u32, text: &'t str) {
        let behind = at > 0 && self.code[at - 1].line == line;
        if behind || self.block_end + 1 != line {
            self.end_block(None);
        }
        if behind {
            return;
        }
        self.block_end = line;
        let note = text.strip_prefix('-').map(str::trim);
        self.block.extend(note.filter(|note| note.starts_with(['@', '|'])));
    }

    /// Takes the block apart; it is about the code at `at` if that is in the next line.
    fn end_block(&mut self, at: Option<usize>) {
        if self.block.is_empty() {
            return;
        }
        let notes = Notes::of(&self.block, &mut self.names);
        self.block.clear();
        if let Some(at) = at.filter(|&at| self.code[at].line == self.block_end + 1) {
            self.bind(at, notes);
        }
    }

    /// Binds notes to the definition that starts at `at`.
    fn bind(&mut self, at: usize, notes: Notes) {
        let at = at + usize::from(self.is(at, "return"));
        let local = self.is(at, "local");
        let at = at + usize::from(local);
        if self.is(at, "function") {
            let (path, end) = self.path(at + 1);
            let name = path.last().copied().unwrap_or_default();
            let method = path.len() > 1 && self.is(end.saturating_sub(2), ":");
            // Lua counts the line of a statement from its first word, else from `(`.
            let line = if local || path.is_empty() { end } else { at };
            return self.add_function(line, end, name, method, notes);
        }
        let (path, mut end) = self.path(at);
        if self.is(end, "<") {
            end += 3;
        }
        if !self.is(end, "=") {
            return;
        }
        if self.is(end + 1, "function") {
            let name = path.last().copied().unwrap_or_default();
            return self.add_function(end + 2, end + 2, name, false, notes);
        }
        let Some(ty) = notes.ty else { return };
        let found = match (path.as_slice(), self.open.last()) {
            _ if local => return,
            ([table, name], _) => (Place::Of(table), *name),
            ([name], None) => (Place::Globals, *name),
            ([name], Some(Open::Table(place))) => (*place, *name),
            _ => return,
        };
        self.variables.push((found.0, found.1, ty));
    }

    /// `a.b:c`, and where it ends.
    fn path(&self, mut at: usize) -> (Vec<&'t str>, usize) {
        let mut path = Vec::new();
        while let Some(word) = self.word(at) {
            path.push(word);
            at += 1;
            if !(self.is(at, ".") || self.is(at, ":")) {
                break;
            }
            at += 1;
        }
        (path, at)
    }

    /// A function whose parameters start at `params`.
    fn add_function(&mut self, at: usize, params: usize, name: &str, method: bool, notes: Notes) {
        if !self.is(params, "(") {
            return;
        }
        let mut names = Vec::new();
        names.extend(method.then(|| "self".to_owned()));
        for token in &self.code[params + 1..] {
            match token.kind {
                Kind::Word(name) | Kind::Symbol(name @ "...") => names.push(name.to_owned()),
                Kind::Symbol(",") => {}
                _ => break,
            }
        }
        let function = Function { name: name.to_owned(), params: names, notes };
        self.functions.entry(self.code[at].line).or_default().push(function);
    }

    /// Keeps count of what the place is in.
    fn nest(&mut self, at: usize) {
        match self.kind(at) {
            Some(Kind::Word("function")) => {
                *self.definitions.entry(self.code[at].line).or_default() += 1;
                self.open.push(Open::Block);
            }
            // A `while` and a `for` have their `do`.
            Some(Kind::Word("do" | "if" | "repeat")) => self.open.push(Open::Block),
            Some(Kind::Word("end" | "until")) => self.close(|open| open == Open::Block),
            Some(Kind::Word("return")) if self.open.is_empty() => self.returned = Some(at),
            Some(Kind::Symbol("(" | "[")) => self.open.push(Open::Bracket),
            Some(Kind::Symbol("{")) => self.open.push(Open::Table(self.table(at))),
            Some(Kind::Symbol(")" | "]" | "}")) => self.close(|open| open != Open::Block),
            _ => {}
        }
    }

    /// In a script that compiles it is always the last one.
    fn close(&mut self, fits: impl Fn(Open<'t>) -> bool) {
        if self.open.last().is_some_and(|&open| fits(open)) {
            self.open.pop();
        }
    }

    /// Which table the `{` at `at` makes.
    fn table(&self, at: usize) -> Place<'t> {
        if self.follows(at, &["host", ".", "register"])
            || self.follows(at, &["host", ".", "register", "("])
        {
            return Place::Registered;
        }
        if !self.open.is_empty() {
            return Place::Other;
        }
        if self.follows(at, &["return"]) {
            return Place::Returned;
        }
        if !self.follows(at, &["="]) {
            return Place::Other;
        }
        // `local M <const> = {`
        let name =
            if self.follows(at, &[">", "="]) { at.checked_sub(5) } else { at.checked_sub(2) };
        match name.and_then(|name| Some((name, self.word(name)?))) {
            Some((at, name)) if !self.follows(at, &["."]) => Place::Of(name),
            _ => Place::Other,
        }
    }

    /// Whose fields are exports: what the script returns.
    fn module(&self) -> Place<'t> {
        let ends = |at: usize| self.kind(at).is_none() || self.is(at, ";");
        let Some(at) = self.returned else { return Place::Globals };
        match self.word(at + 1) {
            _ if ends(at + 1) => Place::Globals,
            Some(name) if ends(at + 2) => Place::Of(name),
            None if self.is(at + 1, "{") => Place::Returned,
            _ => Place::Other,
        }
    }

    fn annotations(self) -> Annotations {
        let module = self.module();
        let mut variables: HashMap<String, String> = HashMap::new();
        for (place, name, ty) in self.variables {
            if place == Place::Registered || place == module && place != Place::Other {
                let known = variables.entry(name.to_owned()).or_insert_with(|| ty.clone());
                // Where there are two types, neither is right.
                if *known != ty {
                    *known = "any".to_owned();
                }
            }
        }
        let crowded = self.definitions.into_iter().filter(|&(_, count)| count > 1);
        Annotations {
            names: self.names,
            functions: self.functions,
            variables,
            crowded: crowded.collect(),
        }
    }
}
