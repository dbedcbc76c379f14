//! Types as text. Reading them is in `parse`.

use std::fmt::{self, Display, Formatter, Write};

use super::{ExportType, Field, Param, Signature, Struct, Type};

impl Display for Type {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Type::Any => f.write_str("any"),
            Type::Null => f.write_str("null"),
            Type::Bool => f.write_str("bool"),
            Type::Int => f.write_str("int"),
            Type::Float => f.write_str("float"),
            Type::Number => f.write_str("number"),
            Type::Str => f.write_str("string"),
            Type::Bytes => f.write_str("bytes"),
            Type::Optional(inner) => write!(f, "{}?", &**inner),
            Type::List(item) => write!(f, "list<{}>", &**item),
            Type::Map(value) => write!(f, "map<{}>", &**value),
            Type::Tuple(items) => {
                f.write_char('(')?;
                joined(f, items, |f, item| Display::fmt(&**item, f))?;
                f.write_char(')')
            }
            Type::Struct(item) => Display::fmt(item, f),
            Type::Named(name) => f.write_str(name),
        }
    }
}

impl Display for Struct {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if !self.name.is_empty() {
            f.write_char(' ')?;
        }
        if self.fields.is_empty() {
            return f.write_str("{}");
        }
        f.write_str("{ ")?;
        joined(f, &self.fields, |f, Field { name, ty, optional }| {
            write!(f, "{}{}: {}", &**name, if *optional { "?" } else { "" }, &**ty)
        })?;
        f.write_str(" }")
    }
}

impl Display for Signature {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('(')?;
        joined(f, &self.params, |f, Param { name, ty }| {
            if !name.is_empty() {
                write!(f, "{}: ", &**name)?;
            }
            Display::fmt(&**ty, f)
        })?;
        if self.variadic {
            f.write_str(if self.params.is_empty() { "..." } else { ", ..." })?;
        }
        f.write_char(')')?;
        match &*self.result {
            Type::Null => Ok(()),
            result => write!(f, " -> {result}"),
        }
    }
}

impl Display for ExportType {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            ExportType::Var(ty) => Display::fmt(ty, f),
            ExportType::Func(signature) => Display::fmt(signature, f),
        }
    }
}

fn joined<T>(
    f: &mut Formatter<'_>,
    items: &[T],
    mut each: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        each(f, item)?;
    }
    Ok(())
}
