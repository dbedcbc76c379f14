//! Whether the fields of structs can be shown as another one's, as constants ask it.

use super::{Field, Struct, Type};
use crate::raw::Link;

/// Whether types are all structs whose fields can be shown beside others of these keys: no
/// key would stand twice.
#[doc(hidden)]
#[must_use]
pub const fn are_structs(types: &[Link<Type>], keys: &[&str]) -> bool {
    let mut index = 0;
    while index < types.len() {
        let Type::Struct(item) = types[index].get() else { return false };
        let mut key = 0;
        while key < keys.len() {
            if has_key(item, keys[key]) {
                return false;
            }
            key += 1;
        }
        let mut other = 0;
        while other < index {
            if let Type::Struct(other) = types[other].get()
                && shares_key(item, other)
            {
                return false;
            }
            other += 1;
        }
        index += 1;
    }
    true
}

const fn shares_key(item: &Struct, other: &Struct) -> bool {
    let Some(fields) = item.fields.known() else { return true };
    let mut index = 0;
    while index < fields.len() {
        let Field { name, ty, aliases, .. } = &fields[index];
        let (Some(name), Some(ty), Some(aliases)) = (name.known(), ty.known(), aliases.known())
        else {
            return true;
        };
        index += 1;
        let shares = match ty {
            Type::Struct(inner) if name.is_empty() => shares_key(inner, other),
            _ => has_key(other, name),
        };
        if shares {
            return true;
        }
        let mut alias = 0;
        while alias < aliases.len() {
            if let Some(alias) = aliases[alias].known()
                && has_key(other, alias)
            {
                return true;
            }
            alias += 1;
        }
    }
    false
}

const fn has_key(item: &Struct, key: &str) -> bool {
    let Some(fields) = item.fields.known() else { return true };
    let mut index = 0;
    while index < fields.len() {
        let Field { name, ty, aliases, .. } = &fields[index];
        let (Some(name), Some(ty), Some(aliases)) = (name.known(), ty.known(), aliases.known())
        else {
            return true;
        };
        index += 1;
        let has = match ty {
            Type::Struct(inner) if name.is_empty() => has_key(inner, key),
            _ => is_same(name, key),
        };
        if has {
            return true;
        }
        let mut alias = 0;
        while alias < aliases.len() {
            if let Some(alias) = aliases[alias].known()
                && is_same(alias, key)
            {
                return true;
            }
            alias += 1;
        }
    }
    false
}

/// Whether two texts are the same, as constants can ask.
#[doc(hidden)]
#[must_use]
pub const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut index = 0;
    while index < one.len() && index < other.len() && one[index] == other[index] {
        index += 1;
    }
    index == one.len() && index == other.len()
}
