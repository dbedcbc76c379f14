//! What a script's comments say of its exports' types: LuaLS annotations, read from
//! the text.
//!
//! It never fails: what cannot be read says nothing, and costs time in proportion to
//! the text. It does not follow what the code does. A function is known by the line
//! that it is defined in, which Lua remembers, and so under whatever name it is
//! exported; a variable by its name in the table that the script returns, or hands to
//! `host.register`, or among its globals.

mod members;
mod notes;
mod own;
mod scan;
mod tokens;
mod types;
mod unreturned;

use std::collections::HashMap;

use twinplug_value::{Param, Shared, Signature, Type};

pub(super) use members::reads_members_alone;
use notes::Notes;
pub(super) use own::own;
use types::{Names, Reader, optional};
pub(super) use unreturned::unreturned;

/// Nothing is read in larger scripts: its tokens take several times a text's memory.
const MAX_TEXT: usize = 16 << 20;

/// What a script's comments say.
#[derive(Debug, Default)]
pub(super) struct Annotations {
    names: Names,
    /// By the line of the definition.
    functions: HashMap<u32, Vec<Function>>,
    /// The notes on each variable.
    variables: HashMap<String, String>,
    /// How many functions are defined in a line, where there are several.
    crowded: HashMap<u32, usize>,
}

/// A function with notes.
#[derive(Debug)]
struct Function {
    /// The last part of the name that it is defined by.
    name: String,
    /// As the code has them; `...` is one.
    params: Vec<String>,
    notes: Notes,
}

impl Annotations {
    /// Reads a script.
    pub(super) fn read(text: &[u8]) -> Annotations {
        if text.len() > MAX_TEXT {
            return Annotations::default();
        }
        let text = String::from_utf8_lossy(text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text));
        // Most scripts have none, and pay for one search.
        match text.contains('@') {
            true => scan::scan(&text),
            false => Annotations::default(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.functions.is_empty() && self.variables.is_empty()
    }

    /// The signature of the function that is defined in that line, and exported by
    /// that name.
    pub(super) fn signature(&self, line: u32, name: &str) -> Option<Signature> {
        let functions = self.functions.get(&line)?;
        let function = match (functions.as_slice(), self.crowded.contains_key(&line)) {
            ([function], false) => function,
            // Of several in a line, the one of that name, if it is the only one.
            (functions, _) => {
                let mut named = functions.iter().filter(|function| function.name == name);
                named.next().filter(|_| named.next().is_none())?
            }
        };
        function.signature(&self.names)
    }

    /// The declared type of the variable that is exported by that name.
    pub(super) fn variable(&self, name: &str) -> Option<Type> {
        let text = self.variables.get(name)?;
        Some(Reader::new(&self.names, text).whole().unwrap_or(Type::Any))
    }
}

impl Function {
    /// `None` where the notes say something that a signature cannot.
    fn signature(&self, names: &Names) -> Option<Signature> {
        if self.notes.overloaded || self.notes.params.is_empty() && self.notes.returns.is_empty() {
            return None;
        }
        let plain = self.params.iter().filter(|name| *name != "...");
        let params: Vec<_> = plain.map(|name| self.param(name, names)).collect();
        Some(Signature {
            variadic: params.len() != self.params.len(),
            params: params.into(),
            result: self.result(names).into(),
        })
    }

    fn param(&self, name: &str, names: &Names) -> Param {
        let note = self.notes.params.iter().find(|note| note.name == name);
        let ty = note.map_or(Type::Any, |note| {
            let ty = Reader::new(names, &note.ty).whole().unwrap_or(Type::Any);
            if note.absent { optional(ty) } else { ty }
        });
        // `_` may stand several times.
        let name = if name == "_" { Shared::Static("") } else { name.into() };
        Param { name, ty: ty.into() }
    }

    fn result(&self, names: &Names) -> Type {
        let mut results = Vec::new();
        for line in &self.notes.returns {
            let mut reader = Reader::new(names, line);
            loop {
                let Ok(ty) = reader.whole() else { return Type::Any };
                results.push(ty);
                // As many more as there are.
                if reader.take("...") {
                    return Type::Any;
                }
                reader.pass_name();
                if !reader.take(",") {
                    break;
                }
            }
        }
        match results.len() {
            0 => Type::Any,
            // As a signature writes it, a tuple is several results, and not one table.
            1 if matches!(results[0], Type::Tuple(_)) => Type::Any,
            1 => results.swap_remove(0),
            _ => Type::Tuple(results.into_iter().map(Into::into).collect::<Vec<_>>().into()),
        }
    }
}

#[cfg(test)]
mod tests;
