//! A block of comments that start with `---`, taken apart into notes.

use super::types::{Class, Names};

/// What a block says of what stands below it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) params: Vec<ParamNote>,
    /// What stands behind each `---@return`.
    pub(super) returns: Vec<String>,
    /// `---@type`
    pub(super) ty: Option<String>,
    /// Whether there are other signatures too: then no single one is right.
    pub(super) overloaded: bool,
}

/// `---@param name? type text`
#[derive(Debug)]
pub(super) struct ParamNote {
    pub(super) name: String,
    /// Whether it may be left out.
    pub(super) absent: bool,
    /// The type, and what follows it.
    pub(super) ty: String,
}

impl Notes {
    /// Takes a block's lines apart; its classes and aliases go to `names`.
    pub(super) fn of(lines: &[&str], names: &mut Names) -> Notes {
        let mut notes = Notes::default();
        let mut class: Option<&str> = None;
        let mut alias: Option<&str> = None;
        for line in lines {
            // `---| "r"` goes on with an alias.
            if let Some(member) = line.strip_prefix('|') {
                if let Some(text) = alias.and_then(|name| names.aliases.get_mut(name)) {
                    let bar = if text.is_empty() { "" } else { "|" };
                    text.push_str(bar);
                    text.push_str(without_remark(member.trim_start_matches(['+', '>'])));
                }
                continue;
            }
            let Some(line) = line.strip_prefix('@') else { continue };
            let (tag, rest) = split_word(line);
            alias = None;
            match tag {
                "param" => notes.params.extend(param(rest)),
                "return" => notes.returns.push(rest.to_owned()),
                "type" => notes.ty = Some(rest.to_owned()),
                "overload" => notes.overloaded = true,
                "class" => class = add_class(rest, names),
                "field" => {
                    if let Some(class) = class.and_then(|name| names.classes.get_mut(name)) {
                        add_field(rest, class);
                    }
                }
                "alias" => {
                    let (name, text) = split_word(rest);
                    names.aliases.insert(name.to_owned(), without_remark(text).to_owned());
                    alias = Some(name);
                }
                _ => {}
            }
        }
        notes
    }
}

fn param(rest: &str) -> Option<ParamNote> {
    let (name, ty) = split_word(rest);
    let (name, absent) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    (!name.is_empty()).then(|| ParamNote { name: name.to_owned(), absent, ty: ty.to_owned() })
}

/// `(exact) Name: Parent, Parent`; the name. One that is there already gets more.
fn add_class<'t>(rest: &'t str, names: &mut Names) -> Option<&'t str> {
    let rest = match rest.strip_prefix('(') {
        Some(attributes) => attributes.split_once(')')?.1.trim_start(),
        None => rest,
    };
    let end = rest.find([':', '<']).unwrap_or(rest.len());
    let (name, _) = split_word(&rest[..end]);
    if name.is_empty() {
        return None;
    }
    let class = names.classes.entry(name.to_owned()).or_default();
    if let Some(parents) = rest[end..].strip_prefix(':') {
        let parents = parents.split(',').map(|parent| split_word(parent.trim()).0.to_owned());
        class.parents.extend(parents.filter(|parent| !parent.is_empty()));
    }
    Some(name)
}

fn add_field(rest: &str, class: &mut Class) {
    let (first, after) = split_word(rest);
    let rest = match first {
        "public" | "private" | "protected" | "package" => after,
        _ => rest,
    };
    if rest.starts_with('[') {
        class.open = true;
        return;
    }
    let (name, ty) = split_word(rest);
    let (name, absent) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    if !name.is_empty() {
        class.fields.push((name.to_owned(), absent, ty.to_owned()));
    }
}

/// The text before a `#`, which starts a remark.
fn without_remark(text: &str) -> &str {
    text.split(" #").next().unwrap_or(text).trim()
}

fn split_word(text: &str) -> (&str, &str) {
    let text = text.trim_start();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}
