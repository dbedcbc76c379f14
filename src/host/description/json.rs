//! Values as JSON can hold them. What it has no word for is an object whose one key says what it is:
//! `{"$float": "inf"}`, `{"$bytes": [0, 255]}`, and `{"$map": [[1, "a"]]}` of a map with integer keys.
//!
//! What refers to something, as a function does, is none of them, and is left as it is.

use twinplug_value::{Map, MapKey, Value};

const FLOAT: &str = "$float";
const BYTES: &str = "$bytes";
const MAP: &str = "$map";

const FLOATS: [(&str, f64); 3] =
    [("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("nan", f64::NAN)];

/// The value, with what JSON has no word for in words of ours.
pub(super) fn written(value: &Value) -> Value {
    match value {
        Value::Float(float) if !float.is_finite() => {
            let known = FLOATS.iter().find(|(_, other)| other == float);
            marked(FLOAT, known.map_or("nan", |(name, _)| name).into())
        }
        Value::Bytes(bytes) => marked(
            BYTES,
            Value::List(bytes.iter().map(|byte| Value::Int((*byte).into())).collect()),
        ),
        Value::List(items) => Value::List(items.iter().map(written).collect()),
        // A key that looks like ours is the program's.
        Value::Map(map)
            if map.keys().all(|key| matches!(key, MapKey::Str(key) if !key.starts_with('$'))) =>
        {
            Value::Map(map.iter().map(|(key, value)| (key.clone(), written(value))).collect())
        }
        Value::Map(map) => {
            let pair =
                |(key, value): (&MapKey, &Value)| Value::List(vec![of_key(key), written(value)]);
            marked(MAP, Value::List(map.iter().map(pair).collect()))
        }
        other => other.clone(),
    }
}

/// What `written` was given.
///
/// # Errors
/// One of our words is followed by something else, in words.
pub(super) fn read(value: Value) -> Result<Value, String> {
    match value {
        Value::List(items) => {
            Ok(Value::List(items.into_iter().map(read).collect::<Result<_, _>>()?))
        }
        Value::Map(map) => match one(&map) {
            Some((FLOAT, Value::Str(name))) => {
                let known = FLOATS.iter().find(|(other, _)| other == name);
                let known = known.map(|(_, float)| Value::Float(*float));
                known.ok_or_else(|| format!("`{FLOAT}` is `inf`, `-inf` or `nan`, got `{name}`"))
            }
            Some((BYTES, Value::List(bytes))) => {
                let byte = |value: &Value| match value {
                    Value::Int(byte) => u8::try_from(*byte).ok(),
                    _ => None,
                };
                let bytes = bytes.iter().map(byte).collect::<Option<_>>();
                bytes.map(Value::Bytes).ok_or_else(|| format!("`{BYTES}` is a list of 0 to 255"))
            }
            Some((MAP, Value::List(pairs))) => {
                let pairs = pairs.iter().map(entry).collect::<Result<Map, _>>();
                Ok(Value::Map(pairs?))
            }
            Some((word, _)) if word.starts_with('$') => Err(format!(
                "`{word}` is none of `{FLOAT}`, `{BYTES}`, `{MAP}`, or not what follows it"
            )),
            _ => {
                let entries = map.into_iter().map(|(key, value)| Ok((key, read(value)?)));
                Ok(Value::Map(entries.collect::<Result<_, String>>()?))
            }
        },
        other => Ok(other),
    }
}

fn marked(word: &str, value: Value) -> Value {
    Value::Map(Map::from([(word.into(), value)]))
}

/// The only entry of a map.
fn one(map: &Map) -> Option<(&str, &Value)> {
    match map.iter().next() {
        Some((MapKey::Str(key), value)) if map.len() == 1 => Some((key, value)),
        _ => None,
    }
}

fn of_key(key: &MapKey) -> Value {
    match key {
        MapKey::Int(key) => Value::Int(*key),
        MapKey::Str(key) => Value::Str(key.clone()),
    }
}

fn entry(pair: &Value) -> Result<(MapKey, Value), String> {
    let wrong = || format!("`{MAP}` is a list of pairs: a text or an integer, and a value");
    let Value::List(pair) = pair else { return Err(wrong()) };
    let [key, value] = &pair[..] else { return Err(wrong()) };
    let key = match key {
        Value::Int(key) => MapKey::Int(*key),
        Value::Str(key) => MapKey::Str(key.clone()),
        _ => return Err(wrong()),
    };
    Ok((key, read(value.clone())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back_as_it_went() {
        let map = |entries: &[(MapKey, Value)]| Value::Map(entries.iter().cloned().collect());
        let values = [
            Value::Float(f64::INFINITY),
            Value::Float(f64::NEG_INFINITY),
            Value::Float(1.0),
            Value::Int(i64::MIN),
            Value::Bytes(vec![0, 255]),
            Value::Str("inf".into()),
            map(&[(MapKey::Int(-1), Value::Null), ("a".into(), Value::Float(f64::INFINITY))]),
            map(&[("$float".into(), "inf".into())]),
            map(&[("plain".into(), map(&[("$map".into(), Value::List(Vec::new()))]))]),
            Value::List(vec![Value::Bytes(Vec::new()), map(&[])]),
        ];
        for value in values {
            let json = serde_json::to_string(&written(&value)).unwrap();
            let back = read(serde_json::from_str(&json).unwrap());
            assert_eq!(back, Ok(value), "{json}");
        }
        let nan = read(written(&Value::Float(f64::NAN)));
        assert!(matches!(nan, Ok(Value::Float(float)) if float.is_nan()), "{nan:?}");
    }

    #[test]
    fn what_is_none_of_our_words_is_told() {
        let fails = |json: &str, expected: &str| {
            assert_eq!(read(serde_json::from_str(json).unwrap()).unwrap_err(), expected);
        };
        fails(r#"{"$float": "large"}"#, "`$float` is `inf`, `-inf` or `nan`, got `large`");
        fails(r#"[{"$bytes": [256]}]"#, "`$bytes` is a list of 0 to 255");
        fails(
            r#"{"$map": [[true, 1]]}"#,
            "`$map` is a list of pairs: a text or an integer, and a value",
        );
        fails(
            r#"{"a": {"$date": 1}}"#,
            "`$date` is none of `$float`, `$bytes`, `$map`, or not what follows it",
        );
    }
}
