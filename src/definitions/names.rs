//! Names as annotations can have them: what is a name in Lua, what stands in quotes, and
//! names that stand once.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Lua's own words, of all flavours.
const KEYWORDS: [&str; 23] = [
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "global", "goto",
    "if", "in", "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// What in front of a field's name says who may see it.
const VISIBILITIES: [&str; 5] = ["package", "private", "protected", "public", "readonly"];

/// Whether Lua takes it as a name, in each flavour.
pub(super) fn is_identifier(name: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(starts)
        && name.chars().all(|c| starts(c) || c.is_ascii_digit())
        && !KEYWORDS.contains(&name)
}

/// A field's name in a class or in a table's type: as it is, or `["in quotes"]`.
pub(super) fn key(name: &str) -> String {
    match is_identifier(name) && !VISIBILITIES.contains(&name) {
        true => name.to_owned(),
        false => format!("[{}]", quoted(name)),
    }
}

/// A text as a literal. Escapes are numbers, which all that reads annotations knows.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(quoted, "\\{:03}", u32::from(c)),
            c if c.is_ascii_control() => write!(quoted, "\\{:03}", u32::from(c)),
            c => write!(quoted, "{c}"),
        }
        .expect("a string takes what is written");
    }
    quoted + "\""
}

/// Names that were given away, each once.
#[derive(Default)]
pub(super) struct Unique {
    taken: BTreeSet<String>,
}

impl Unique {
    /// With names that nobody gets.
    pub(super) fn without(names: &[&str]) -> Self {
        Unique { taken: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    /// A name for a class or a file that is as near to this one as can be.
    pub(super) fn take(&mut self, wanted: &str) -> String {
        let plain = plain(wanted);
        let mut name = plain.clone();
        let mut count = 1;
        while !self.taken.insert(name.clone()) {
            count += 1;
            name = format!("{plain}_{count}");
        }
        name
    }
}

/// With `_` for what a part of a class's name cannot have.
fn plain(name: &str) -> String {
    let allowed = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    // A digit would start a number, a dash end the name before it.
    let starts = plain.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if starts { plain } else { format!("_{plain}") }
}
