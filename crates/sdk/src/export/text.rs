//! Types and descriptors as text, written by the compiler: the section must be
//! in the file, so that it can be read without running anything.
//!
//! Every function writes from `at` on what fits and returns where it ends, so
//! that one pass over an empty buffer measures.

use twinplug_value::{Field, Shared, Struct, Type};

use super::describe::{Described, Identity, Symbol};

pub(super) const fn put(out: &mut [u8], at: usize, text: &str) -> usize {
    put_bytes(out, at, text.as_bytes())
}

const fn put_bytes(out: &mut [u8], mut at: usize, bytes: &[u8]) -> usize {
    let mut index = 0;
    while index < bytes.len() {
        if at < out.len() {
            out[at] = bytes[index];
        }
        at += 1;
        index += 1;
    }
    at
}

/// The type of an export, as the host's `Type` and `Signature` print it.
pub(super) const fn put_export(out: &mut [u8], mut at: usize, described: &Described) -> usize {
    if !matches!(described.symbol, Symbol::Func) {
        return put_type(out, at, described.ty);
    }
    let (names, types) = (described.param_names, described.params);
    assert!(names.len() == types.len());
    at = put(out, at, "(");
    let mut index = 0;
    while index < types.len() {
        if index > 0 {
            at = put(out, at, ", ");
        }
        assert!(is_word(names[index]), "a parameter's name is a word");
        at = put(out, at, names[index]);
        at = put(out, at, ": ");
        at = put_type(out, at, types[index]);
        index += 1;
    }
    at = put(out, at, ")");
    if !matches!(described.ty, Type::Null) {
        at = put(out, at, " -> ");
        at = put_type(out, at, described.ty);
    }
    at
}

/// Whether a text holds nothing that means something in a signature: `a: int, b` would
/// be two parameters.
const fn is_word(text: &str) -> bool {
    let mut index = 0;
    while index < text.len() {
        let byte = text.as_bytes()[index];
        if !byte.is_ascii_alphanumeric() && byte != b'_' && byte.is_ascii() {
            return false;
        }
        index += 1;
    }
    !text.is_empty()
}

const fn put_type(out: &mut [u8], at: usize, ty: &Type) -> usize {
    match ty {
        Type::Any => put(out, at, "any"),
        Type::Null => put(out, at, "null"),
        Type::Bool => put(out, at, "bool"),
        Type::Int => put(out, at, "int"),
        Type::Float => put(out, at, "float"),
        Type::Number => put(out, at, "number"),
        Type::Str => put(out, at, "string"),
        Type::Bytes => put(out, at, "bytes"),
        Type::Optional(inner) => {
            let at = put_type(out, at, known(inner));
            put(out, at, "?")
        }
        Type::List(item) => put_inner(out, at, "list<", known(item)),
        Type::Map(value) => put_inner(out, at, "map<", known(value)),
        Type::Tuple(items) => {
            let items = known(items);
            let mut at = put(out, at, "(");
            let mut index = 0;
            while index < items.len() {
                if index > 0 {
                    at = put(out, at, ", ");
                }
                at = put_type(out, at, known(&items[index]));
                index += 1;
            }
            put(out, at, ")")
        }
        Type::Struct(item) => put_struct(out, at, item),
        Type::Named(name) => put(out, at, known(name)),
        _ => panic!("a type that the SDK cannot write"),
    }
}

const fn put_inner(out: &mut [u8], at: usize, head: &str, inner: &Type) -> usize {
    let at = put(out, at, head);
    let at = put_type(out, at, inner);
    put(out, at, ">")
}

const fn put_struct(out: &mut [u8], at: usize, item: &Struct) -> usize {
    let name = known(&item.name);
    let mut at = put(out, at, name);
    if !name.is_empty() {
        at = put(out, at, " ");
    }
    let fields = known(&item.fields);
    if fields.is_empty() {
        return put(out, at, "{}");
    }
    at = put(out, at, "{ ");
    let mut index = 0;
    while index < fields.len() {
        if index > 0 {
            at = put(out, at, ", ");
        }
        let Field { name, ty, optional } = &fields[index];
        at = put(out, at, known(name));
        at = put(out, at, if *optional { "?: " } else { ": " });
        at = put_type(out, at, known(ty));
        index += 1;
    }
    put(out, at, " }")
}

/// Types of Rust are static; `Deref` is not const.
const fn known<T: ?Sized>(shared: &Shared<T>) -> &T {
    match shared {
        Shared::Static(shared) => shared,
        Shared::Counted(_) => panic!("a schema is static"),
    }
}

/// The descriptor as JSON.
pub(super) const fn put_section(
    out: &mut [u8],
    identity: Identity,
    exports: &[Described],
) -> usize {
    let mut at = put(out, 0, "{\"name\":");
    at = put_json(out, at, identity.name.to_bytes());
    at = put(out, at, ",\"version\":");
    at = put_json(out, at, identity.version.to_bytes());
    at = put(out, at, ",\"exports\":[");
    let mut index = 0;
    while index < exports.len() {
        if index > 0 {
            at = put(out, at, ",");
        }
        let described = &exports[index];
        at = put(out, at, "{\"name\":");
        at = put_json(out, at, described.name.as_bytes());
        at = put(out, at, ",\"symbol\":\"");
        at = put(
            out,
            at,
            match described.symbol {
                Symbol::Func => "func",
                Symbol::Var => "var",
                Symbol::State => "state",
            },
        );
        at = put(out, at, "\",\"type\":\"");
        at = put_export(out, at, described);
        at = put(out, at, "\"}");
        index += 1;
    }
    put(out, at, if identity.unload { "],\"unload\":true}" } else { "]}" })
}

/// The methods of an object's type as JSON.
pub(super) const fn put_methods(out: &mut [u8], methods: &[Described]) -> usize {
    let mut at = put(out, 0, "[");
    let mut index = 0;
    while index < methods.len() {
        if index > 0 {
            at = put(out, at, ",");
        }
        at = put(out, at, "{\"name\":");
        at = put_json(out, at, methods[index].name.as_bytes());
        at = put(out, at, ",\"type\":\"");
        at = put_export(out, at, &methods[index]);
        at = put(out, at, "\"}");
        index += 1;
    }
    put(out, at, "]")
}

const fn put_json(out: &mut [u8], mut at: usize, text: &[u8]) -> usize {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    at = put(out, at, "\"");
    let mut index = 0;
    while index < text.len() {
        let byte = text[index];
        at = match byte {
            b'"' => put(out, at, "\\\""),
            b'\\' => put(out, at, "\\\\"),
            0..0x20 => {
                let at = put(out, at, "\\u00");
                put_bytes(out, at, &[HEX[(byte >> 4) as usize], HEX[(byte & 15) as usize]])
            }
            _ => put_bytes(out, at, &[byte]),
        };
        index += 1;
    }
    put(out, at, "\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Data, data};

    #[data]
    struct Inner {
        on: bool,
        notes: Vec<Option<String>>,
    }

    #[data]
    struct Outer {
        inner: Inner,
        #[serde(default)]
        by: std::collections::HashMap<String, (i64, f64)>,
    }

    #[test]
    fn the_compiler_writes_types_as_they_print() {
        const LENGTH: usize = put_type(&mut [], 0, Outer::SCHEMA);
        let mut text = [0; LENGTH];
        put_type(&mut text, 0, Outer::SCHEMA);
        let text = std::str::from_utf8(&text).unwrap();
        assert_eq!(text, Outer::SCHEMA.to_string());
        assert_eq!(
            text,
            "Outer { inner: Inner { on: bool, notes: list<string?> }, by?: map<(int, float)> }"
        );
    }
}
