//! Any value, through a plugin's `Echo(any) -> any` and back: it comes back as it went, up to
//! what a language cannot tell apart, or is refused with its place.

use std::collections::BTreeMap;

use twinplug::{Buffer, Function, MapKey, Object, PluginKind, Value, object};

use crate::twins::{HAS_INTEGERS, Stage, Twin, message, on_every_twin};

on_every_twin! {
    values_that_are_easily_lost_come_back
    any_value_comes_back
    a_million_items_come_back
    what_is_too_deep_is_refused_with_its_place
    references_come_back_as_themselves
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::List(items.into_iter().collect())
}

fn map<K: Into<MapKey>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// The whole numbers that floats have one by one.
const EXACT: i64 = 1 << 53;

fn values_that_are_easily_lost_come_back(twin: &Twin) {
    let echo = Echo::new(twin);
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.1,
        1e300,
        -1e-300,
        5e-324,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        9_007_199_254_740_992.0,
        9_007_199_254_740_994.0,
        9_223_372_036_854_775_808.0,
    ];
    let ints = [0, 1, -1, EXACT - 1, EXACT, EXACT + 1, -EXACT, -EXACT - 1, i64::MAX, i64::MIN];
    let texts = ["", "a", "\0", "é", "a\0b", "null", "1", "\u{10ffff}"];
    let bytes: [&[u8]; 4] = [b"", b"a", &[0xff], &[0xc3, 0x28, 0]];
    let plain = floats.map(Value::Float).into_iter();
    let plain = plain.chain(ints.map(Value::Int)).chain(texts.map(Value::from));
    let plain = plain.chain(bytes.map(|bytes| Value::Bytes(bytes.to_vec())));
    let plain: Vec<_> = plain.chain([Value::Null, true.into(), false.into()]).collect();
    for value in &plain {
        echo.check(value);
        echo.check(&list([value.clone()]));
        echo.check(&map([("key", value.clone())]));
        // Null at the end, in the middle and at the start: none makes a hole.
        echo.check(&list([Value::Null, value.clone(), Value::Null]));
    }
    echo.check(&list([]));
    echo.check(&map::<&str>([]));
    echo.check(&list([list([]), map::<&str>([]), list([list([])])]));
    for keys in [vec![1], vec![1, 2, 3], vec![0, 1], vec![2, 3], vec![1, 3], vec![-1], vec![EXACT]]
    {
        echo.check(&map(keys.into_iter().map(|key| (key, Value::from("x")))));
    }
    let mixed = [(MapKey::from(1), Value::Int(1)), (MapKey::from("1"), Value::Float(1.5))];
    echo.check(&Value::Map(mixed.into()));
    let names = ["", "end", "__index", "__gc", "\0", "a.b", "é", "length"];
    echo.check(&map(names.map(|name| (name, Value::from(name)))));
}

fn any_value_comes_back(twin: &Twin) {
    let echo = Echo::new(twin);
    for seed in 0..400 {
        let mut random = Random(seed);
        let value = random.value(5);
        echo.check(&value);
    }
}

fn a_million_items_come_back(twin: &Twin) {
    let echo = Echo::new(twin);
    echo.check(&list((0..1_000_000).map(Value::Int)));
}

fn what_is_too_deep_is_refused_with_its_place(twin: &Twin) {
    let echo = Echo::new(twin);
    let nested = |depth: usize| {
        (0..depth).fold(Value::from("end"), |inner, level| match level % 2 {
            0 => list([inner]),
            _ => map([("next", inner)]),
        })
    };
    echo.check(&nested(128));
    let refused = message(echo.stage.host.plugin("probe").unwrap().call("Echo", (nested(129),)));
    let path = "`[0].next[0].next[0].next[0].next[0]` and on";
    let expected = format!("plugin `probe`: `Echo`: argument 1: {path}: deeper than 128 levels");
    assert_eq!(refused, expected);
}

fn references_come_back_as_themselves(twin: &Twin) {
    let echo = Echo::new(twin);
    let function = Function::new(|x: i64| x + 1);
    let buffer = Value::of(&Buffer::<f32>::new(3)).unwrap();
    let values = [Value::Func(function), Value::Object(Object::new(Thing)), buffer];
    for value in &values {
        echo.check(value);
        echo.check(&list([Value::Null, value.clone()]));
    }
    let nested = map([("all", list(values)), ("text", "x".into())]);
    for _ in 0..100 {
        echo.check(&nested);
    }
}

struct Thing;

#[object]
impl Thing {}

/// The function of one twin.
struct Echo<'t> {
    twin: &'t Twin,
    stage: Stage,
    echo: twinplug::Func<(Value,), Value>,
}

impl<'t> Echo<'t> {
    fn new(twin: &'t Twin) -> Self {
        let stage = Stage::new();
        let echo = stage.host.load(&twin.probe).unwrap().func::<(Value,), Value>("Echo").unwrap();
        Echo { twin, stage, echo }
    }

    fn check(&self, value: &Value) {
        let result = self.echo.call((value.clone(),));
        let floats_alone = self.twin.kind == PluginKind::Lua && !HAS_INTEGERS;
        if let Some((path, int)) = inexact(value).filter(|_| floats_alone) {
            let place = if path.is_empty() { String::new() } else { format!("`{path}`: ") };
            let expected = format!(
                "plugin `probe`: `Echo`: argument 1: {place}{int} is out of range: this Lua keeps \
                 whole numbers up to 2^53 exactly"
            );
            assert_eq!(message(result), expected, "{value:?}");
            return;
        }
        let back = result.unwrap_or_else(|error| panic!("{error} for {value:?}"));
        let expected = match self.twin.kind {
            PluginKind::Lua => as_lua_reads(value),
            PluginKind::Native => value.clone(),
        };
        assert!(is_same(&back, &expected), "{back:?} came back for {value:?}");
    }
}

/// Whether two values are the same to the last bit.
fn is_same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Float(one), Value::Float(two)) => {
            one.to_bits() == two.to_bits() || one.is_nan() && two.is_nan()
        }
        (Value::List(one), Value::List(two)) => {
            one.len() == two.len() && one.iter().zip(two).all(|(one, two)| is_same(one, two))
        }
        (Value::Map(one), Value::Map(two)) => {
            one.len() == two.len()
                && one.iter().zip(two).all(|(one, two)| one.0 == two.0 && is_same(one.1, two.1))
        }
        (one, two) => one == two,
    }
}

/// What Lua cannot tell apart: `docs/limits.md` has the list.
fn as_lua_reads(value: &Value) -> Value {
    match value {
        Value::Float(float)
            if !HAS_INTEGERS
                && float.fract() == 0.0
                && float.abs() <= EXACT as f64
                && (*float != 0.0 || float.is_sign_positive()) =>
        {
            Value::Int(*float as i64)
        }
        Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => value.clone(),
        },
        Value::List(items) => list(items.iter().map(as_lua_reads)),
        Value::Map(entries) => {
            map(entries.iter().map(|(key, value)| (key.clone(), as_lua_reads(value))))
        }
        value => value.clone(),
    }
}

/// The first whole number that is no float exactly, or beyond those that all are, and where.
fn inexact(value: &Value) -> Option<(String, i64)> {
    let is_beyond = |int: i64| int.unsigned_abs() > EXACT.unsigned_abs();
    match value {
        Value::Int(int) if is_beyond(*int) => Some((String::new(), *int)),
        Value::List(items) => items.iter().enumerate().find_map(|(index, item)| {
            inexact(item).map(|(path, int)| (joined(format!("[{index}]"), &path), int))
        }),
        Value::Map(entries) => entries.iter().find_map(|(key, value)| match key {
            MapKey::Int(int) if is_beyond(*int) => Some((String::new(), *int)),
            key => inexact(value).map(|(path, int)| (joined(place(key), &path), int)),
        }),
        _ => None,
    }
}

fn place(key: &MapKey) -> String {
    match key {
        MapKey::Int(int) => format!("[{int}]"),
        MapKey::Str(text) if !text.is_empty() && text.chars().all(|c| c.is_alphanumeric()) => {
            text.clone()
        }
        MapKey::Str(text) => format!("[{text:?}]"),
    }
}

fn joined(head: String, path: &str) -> String {
    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    format!("{head}{dot}{path}")
}

/// Numbers that are the same for a seed: splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn value(&mut self, depth: u64) -> Value {
        match self.below(if depth == 0 { 8 } else { 12 }) {
            0 => Value::Null,
            1 => (self.below(2) == 0).into(),
            2 => Value::Int(self.below(200) as i64 - 100),
            3 => Value::Int((self.next() >> self.below(64)).cast_signed()),
            4 => Value::Float(f64::from_bits(self.next())),
            5 => Value::Float(self.below(1000) as f64 / 8.0 - 60.0),
            6 => Value::Str(self.text()),
            7 => Value::Bytes((0..self.below(6)).map(|_| self.next() as u8).collect()),
            8 | 9 => list((0..self.below(6)).map(|_| self.value(depth - 1)).collect::<Vec<_>>()),
            10 => self.map(depth, |random| MapKey::Str(random.text())),
            _ => self.map(depth, |random| match random.below(3) {
                0 => MapKey::Str(random.text()),
                1 => MapKey::Int(random.below(5) as i64),
                _ => MapKey::Int((random.next() >> random.below(64)).cast_signed()),
            }),
        }
    }

    fn map(&mut self, depth: u64, mut key: impl FnMut(&mut Self) -> MapKey) -> Value {
        let count = self.below(5);
        let entries: BTreeMap<_, _> =
            (0..count).map(|_| (key(self), self.value(depth - 1))).collect();
        Value::Map(entries)
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 8] = ['a', 'b', '1', '\0', 'é', '.', '"', '\u{1f600}'];
        (0..self.below(5)).map(|_| LETTERS[self.below(8) as usize]).collect()
    }
}
