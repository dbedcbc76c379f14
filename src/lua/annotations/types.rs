//! Types as LuaLS writes them, read into ours. What cannot be read, or cannot cross,
//! is `any`; nothing is an error.

use std::collections::HashMap;

use twinplug_value::{Field, Struct, Type, TypeRef};

/// Deeper types are `any`, so that reading one cannot exhaust the stack.
const MAX_DEPTH: usize = 16;

/// A type with more parts is `any`: classes that hold one another many times would
/// grow without bound.
const MAX_PARTS: usize = 512;

/// The classes and aliases of a script, by name.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) classes: HashMap<String, Class>,
    pub(super) aliases: HashMap<String, String>,
}

/// A class, its fields' types still text.
#[derive(Debug, Default)]
pub(super) struct Class {
    pub(super) parents: Vec<String>,
    /// Name, whether it may be absent, type.
    pub(super) fields: Vec<(String, bool, String)>,
    /// Whether it has entries that are no fields: `---@field [string] integer`.
    pub(super) open: bool,
}

/// Reads types from one line, one after the other.
pub(super) struct Reader<'n, 't> {
    names: &'n Names,
    rest: &'t str,
    /// The classes and aliases that the place is in.
    inside: Vec<&'n str>,
    depth: usize,
    parts: usize,
}

/// What could not be read.
pub(super) struct Unread;

impl<'n, 't> Reader<'n, 't> {
    pub(super) fn new(names: &'n Names, text: &'t str) -> Self {
        Reader { names, rest: text, inside: Vec::new(), depth: 0, parts: 0 }
    }

    /// The type at the start of the text, which may go on after it.
    pub(super) fn whole(&mut self) -> Result<Type, Unread> {
        self.ty()
    }

    /// Goes on behind a name that is no type: `---@return integer count, string name`.
    pub(super) fn pass_name(&mut self) {
        self.word();
        self.take("?");
    }

    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let rest = self.rest.trim_start();
        match rest.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Unread> {
        if self.take(symbol) { Ok(()) } else { Err(Unread) }
    }

    fn peek(&self) -> Option<char> {
        self.rest.trim_start().chars().next()
    }

    /// A name, which may have dots in it.
    fn word(&mut self) -> Option<&'t str> {
        let rest = self.rest.trim_start();
        let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '-';
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let word = &rest[..length];
        if word.is_empty() || word.starts_with(['.', '-']) {
            return None;
        }
        self.rest = &rest[length..];
        Some(word)
    }

    /// `A | B?`
    fn ty(&mut self) -> Result<Type, Unread> {
        self.parts += 1;
        if self.depth == MAX_DEPTH || self.parts > MAX_PARTS {
            return Err(Unread);
        }
        self.depth += 1;
        let mut members = vec![self.postfix()?];
        while self.take("|") {
            members.push(self.postfix()?);
        }
        self.depth -= 1;
        Ok(union(members))
    }

    /// `T[]`, `T?`
    fn postfix(&mut self) -> Result<Type, Unread> {
        let mut ty = self.primary()?;
        // Each suffix nests the type once more.
        let mut suffixes = 0;
        loop {
            suffixes += 1;
            if suffixes > MAX_DEPTH {
                return Err(Unread);
            }
            if self.rest.starts_with("[]") {
                self.rest = &self.rest[2..];
                ty = Type::List(ty.into());
            } else if self.rest.starts_with('?') {
                self.rest = &self.rest[1..];
                ty = optional(ty);
            } else {
                return Ok(ty);
            }
        }
    }

    fn primary(&mut self) -> Result<Type, Unread> {
        match self.peek().ok_or(Unread)? {
            '(' => {
                self.take("(");
                let ty = self.ty()?;
                self.expect(")")?;
                Ok(ty)
            }
            '{' => self.table(),
            '[' => self.tuple(),
            quote @ ('"' | '\'') => self.quoted(quote).map(|_| Type::Str),
            '`' => self.quoted('`').map(|_| Type::Any),
            first if first.is_ascii_digit() || first == '-' => self.number(),
            _ => self.named(),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<&'t str, Unread> {
        let rest = &self.rest.trim_start()[1..];
        let end = rest.find(quote).ok_or(Unread)?;
        self.rest = &rest[end + 1..];
        Ok(&rest[..end])
    }

    /// A number stands for itself.
    fn number(&mut self) -> Result<Type, Unread> {
        let rest = self.rest.trim_start();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '-'));
        let (text, rest) = rest.split_at(length.unwrap_or(rest.len()));
        self.rest = rest;
        match text.parse::<f64>() {
            Ok(_) if text.contains('.') => Ok(Type::Number),
            Ok(_) => Ok(Type::Int),
            Err(_) => Err(Unread),
        }
    }

    /// `{ name: string, age?: integer }`, `{ [string]: T }`
    fn table(&mut self) -> Result<Type, Unread> {
        self.take("{");
        let mut fields: Vec<Field> = Vec::new();
        let mut entries: Option<Type> = None;
        let mut odd = false;
        while !self.take("}") {
            if self.peek() == Some('[') {
                self.take("[");
                let key = self.ty()?;
                self.expect("]")?;
                self.expect(":")?;
                let value = self.ty()?;
                odd |= key != Type::Str || entries.is_some();
                entries = Some(value);
            } else {
                let name = self.word().ok_or(Unread)?;
                let absent = self.take("?");
                self.expect(":")?;
                let ty = self.ty()?;
                odd |= fields.iter().any(|field| *field.name == *name);
                fields.push(field(name, absent, ty));
            }
            if !self.take(",") && !self.take(";") {
                self.expect("}")?;
                break;
            }
        }
        Ok(match entries {
            _ if odd => Type::Any,
            Some(value) if fields.is_empty() => Type::Map(value.into()),
            None if !fields.is_empty() => Type::Struct(Struct::new("", fields)),
            _ => Type::Any,
        })
    }

    /// `[integer, string]`
    fn tuple(&mut self) -> Result<Type, Unread> {
        self.take("[");
        let mut items: Vec<TypeRef> = vec![self.ty()?.into()];
        while self.take(",") {
            items.push(self.ty()?.into());
        }
        self.expect("]")?;
        Ok(Type::Tuple(items.into()))
    }

    fn named(&mut self) -> Result<Type, Unread> {
        let word = self.word().ok_or(Unread)?;
        let parameters = match self.rest.starts_with('<') {
            true => self.parameters()?,
            false => Vec::new(),
        };
        Ok(match (word, parameters.as_slice()) {
            ("nil", _) => Type::Null,
            ("boolean" | "true" | "false", _) => Type::Bool,
            ("integer", _) => Type::Int,
            ("number", _) => Type::Number,
            ("string", _) => Type::Str,
            ("bytes", _) => Type::Bytes,
            ("table", [Type::Str, value]) => Type::Map(value.clone().into()),
            ("any" | "unknown" | "table" | "function" | "userdata" | "thread", _) => Type::Any,
            ("fun", _) => self.function()?,
            (_, [_, ..]) => Type::Any,
            (name, []) => self.resolve(name)?,
        })
    }

    /// `<K, V>`
    fn parameters(&mut self) -> Result<Vec<Type>, Unread> {
        self.take("<");
        let mut types = vec![self.ty()?];
        while self.take(",") {
            types.push(self.ty()?);
        }
        self.expect(">")?;
        Ok(types)
    }

    /// `fun(a: integer, ...): string, boolean`: no value of it can cross.
    fn function(&mut self) -> Result<Type, Unread> {
        if self.take("(") {
            while !self.take(")") {
                if !self.take("...") {
                    self.word().ok_or(Unread)?;
                    self.take("?");
                }
                if self.take(":") {
                    self.ty()?;
                }
                if !self.take(",") {
                    self.expect(")")?;
                    break;
                }
            }
            if self.take(":") {
                self.ty()?;
                while self.take(",") {
                    self.ty()?;
                }
            }
        }
        Ok(Type::Any)
    }

    /// A class or an alias.
    fn resolve(&mut self, name: &str) -> Result<Type, Unread> {
        let names = self.names;
        if let Some((name, class)) = names.classes.get_key_value(name) {
            return match self.inside.contains(&name.as_str()) {
                true => Ok(Type::Named(name.as_str().into())),
                false => self.within(name, |reader| reader.class(name, class)),
            };
        }
        match names.aliases.get_key_value(name) {
            // An alias has no name that could stand for it inside of itself.
            Some((name, _)) if self.inside.contains(&name.as_str()) => Ok(Type::Any),
            Some((name, text)) => self.within(name, |reader| reader.of(text)),
            None => Ok(Type::Any),
        }
    }

    fn within(
        &mut self,
        name: &'n str,
        read: impl FnOnce(&mut Self) -> Result<Type, Unread>,
    ) -> Result<Type, Unread> {
        self.inside.push(name);
        let ty = read(self);
        self.inside.pop();
        ty
    }

    /// The type that another text says, in the place where this one is.
    fn of(&mut self, text: &str) -> Result<Type, Unread> {
        let mut reader = Reader {
            names: self.names,
            rest: text,
            inside: std::mem::take(&mut self.inside),
            depth: self.depth,
            parts: self.parts,
        };
        let ty = reader.ty();
        (self.inside, self.parts) = (reader.inside, reader.parts);
        ty
    }

    fn class(&mut self, name: &str, class: &'n Class) -> Result<Type, Unread> {
        let mut fields = Vec::new();
        let mut seen = Vec::new();
        match self.fields(class, &mut fields, &mut seen)? {
            true if !fields.is_empty() => Ok(Type::Struct(Struct::new(name, fields))),
            _ => Ok(Type::Any),
        }
    }

    /// Adds a class's fields and its parents'; false where they are not all known.
    fn fields(
        &mut self,
        class: &'n Class,
        fields: &mut Vec<Field>,
        seen: &mut Vec<&'n str>,
    ) -> Result<bool, Unread> {
        if class.open || class.fields.len() > MAX_PARTS {
            return Ok(false);
        }
        for (name, absent, text) in &class.fields {
            if fields.iter().all(|field| *field.name != **name) {
                // A field that cannot be read does not spoil the others.
                let depth = self.depth;
                let ty = self.of(text).unwrap_or(Type::Any);
                self.depth = depth;
                fields.push(field(name, *absent, ty));
            }
        }
        for parent in &class.parents {
            let Some((parent, class)) = self.names.classes.get_key_value(parent.as_str()) else {
                return Ok(false);
            };
            // A class that is its own parent adds nothing.
            if !seen.contains(&parent.as_str()) {
                seen.push(parent);
                if seen.len() > MAX_DEPTH || !self.fields(class, fields, seen)? {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }
}

fn field(name: &str, absent: bool, ty: Type) -> Field {
    let ty = if absent { optional(ty) } else { ty };
    Field::new(name, ty)
}

/// `T?`; where nil is one of the type's values already, the type itself.
pub(super) fn optional(ty: Type) -> Type {
    match ty.is_optional() {
        true => ty,
        false => Type::Optional(ty.into()),
    }
}

/// Members that cross alike are one type, nil makes it optional; all else is `any`.
fn union(members: Vec<Type>) -> Type {
    let is_number = |ty: &Type| matches!(ty, Type::Int | Type::Number);
    let mut nil = false;
    let mut whole: Option<Type> = None;
    for member in members {
        let member = match member {
            Type::Null => {
                nil = true;
                continue;
            }
            Type::Optional(inner) => {
                nil = true;
                (*inner).clone()
            }
            other => other,
        };
        whole = Some(match whole {
            None => member,
            Some(whole) if whole == member => whole,
            Some(whole) if is_number(&whole) && is_number(&member) => Type::Number,
            Some(_) => return Type::Any,
        });
    }
    match whole {
        None => Type::Null,
        Some(whole) if nil => optional(whole),
        Some(whole) => whole,
    }
}

#[cfg(test)]
mod tests;
