//! What a script gives, compared with what its annotations declare, and brought to it.

use mlua::Value;
use twinplug_value::{ConvertError, TreeSource, Type, from_source};

use super::source::LuaSource;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Read, Results};

/// Reads the results of a function that declares `ty` as its result.
pub(super) fn read_results(
    mut values: Vec<Value>,
    ty: &Type,
    results: Results,
    read: Read<'_>,
) -> Result<()> {
    let expected = match (ty, results) {
        (Type::Any, Results::All) => return Ok(read(&mut LuaSource::list(values))?),
        (Type::Tuple(items), _) => items.len(),
        _ => 1,
    };
    if values.len() > expected {
        let results = if expected == 1 { "result" } else { "results" };
        let message = format!("expected {expected} {results}, got {}", values.len());
        return Err(Error::new(ErrorKind::Type, message));
    }
    let of_result = |error: ConvertError| error.of("result");
    match ty {
        Type::Tuple(_) => {
            // What a script leaves out at the end is nil.
            values.resize(expected, Value::Nil);
            checked(|| LuaSource::list(values.clone()), ty, read, of_result)
        }
        _ => {
            let value = values.pop().unwrap_or(Value::Nil);
            checked(|| LuaSource::new(value.clone()), ty, read, of_result)
        }
    }
}

/// Reads a variable that is declared as `ty`.
pub(super) fn read_variable(value: &Value, ty: &Type, name: &str, read: Read<'_>) -> Result<()> {
    checked(|| LuaSource::new(value.clone()), ty, read, |error| error.at_field(name))
}

/// Reads a value that is of the type, or can be brought to it.
fn checked(
    source: impl Fn() -> LuaSource,
    ty: &Type,
    read: Read<'_>,
    place: impl Fn(ConvertError) -> ConvertError,
) -> Result<()> {
    // As it is, where conversion would change nothing; of a struct it drops other keys.
    if *ty == Type::Any || !has_struct(ty) && ty.holds(&mut source()).is_ok() {
        return Ok(read(&mut source())?);
    }
    let value = from_source(&mut source()).map_err(&place)?;
    let value = ty.coerce(value).map_err(place)?;
    Ok(read(&mut TreeSource::new(&value))?)
}

fn has_struct(ty: &Type) -> bool {
    match ty {
        Type::Struct(_) => true,
        Type::Optional(inner) | Type::List(inner) | Type::Map(inner) => has_struct(inner),
        Type::Tuple(items) => items.iter().any(|item| has_struct(item)),
        _ => false,
    }
}
