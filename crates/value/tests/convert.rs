//! The conversion, through both memories that this crate knows: value trees and
//! raw ABI values. What one does, the other does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::alloc::Layout;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::ptr::NonNull;

use twinplug_value::raw::{Allocate, RawSink, RawSource, RawView};
use twinplug_value::{
    Args, Bytes, ConvertError, Data, Map, Params, Tree, TreeSource, Value, data, from_source,
    from_view, to_sink,
};

/// An arena that gives each request memory of its own, so that a sanitizer sees
/// every step outside of it.
#[derive(Default)]
struct Heap(RefCell<Vec<(NonNull<u8>, Layout)>>);

// SAFETY: each request gets memory of its own from the global allocator, freed when
// the heap is dropped.
unsafe impl Allocate for Heap {
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>> {
        let layout = Layout::from_size_align(size.max(1), align).ok()?;
        // SAFETY: the layout is not empty.
        let place = NonNull::new(unsafe { std::alloc::alloc(layout) })?;
        self.0.borrow_mut().push((place, layout));
        Some(place)
    }
}

impl Drop for Heap {
    fn drop(&mut self) {
        for (place, layout) in self.0.take() {
            // SAFETY: from `alloc` with that layout, freed once.
            unsafe { std::alloc::dealloc(place.as_ptr(), layout) };
        }
    }
}

/// Through a tree.
fn tree<A: serde::Serialize, B: Data>(value: &A) -> Result<B, ConvertError> {
    let mut sink = Tree::default();
    to_sink(value, &mut sink)?;
    from_source(&mut TreeSource::new(&sink.into_value()))
}

/// Through raw values.
fn raw<A: serde::Serialize, B: Data>(value: &A) -> Result<B, ConvertError> {
    let heap = Heap::default();
    let mut sink = RawSink::new(&heap);
    to_sink(value, &mut sink)?;
    // SAFETY: the sink wrote it, into `heap`, which is still there.
    from_source(&mut unsafe { RawSource::new(sink.last()) })
}

#[track_caller]
fn same<T: Data + PartialEq + Debug>(value: T) {
    assert_eq!(tree(&value).as_ref(), Ok(&value));
    assert_eq!(raw(&value).as_ref(), Ok(&value));
}

#[track_caller]
fn becomes<A: serde::Serialize, B: Data + PartialEq + Debug>(from: A, to: B) {
    assert_eq!(tree(&from).as_ref(), Ok(&to));
    assert_eq!(raw(&from).as_ref(), Ok(&to));
}

#[track_caller]
fn refused<A: serde::Serialize, B: Data + Debug>(from: A, expected: &str) {
    assert_eq!(tree::<A, B>(&from).unwrap_err().to_string(), expected);
    assert_eq!(raw::<A, B>(&from).unwrap_err().to_string(), expected);
}

#[data]
#[derive(Clone, Debug, Default, PartialEq)]
struct Everything {
    unit: (),
    flag: bool,
    small: i8,
    big: u64,
    letter: char,
    ratio: f32,
    text: String,
    bytes: Bytes,
    maybe: Option<Box<Everything>>,
    list: Vec<(i64, String)>,
    array: [u8; 3],
    by_name: BTreeMap<String, f64>,
    by_number: HashMap<i64, bool>,
    any: Value,
}

#[data]
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    Nothing,
    Round(f64),
    Corners(i64, i64),
    Named { name: String, sides: Option<i64> },
}

#[data]
#[derive(Debug, PartialEq)]
struct Meters(f64);

#[data]
#[derive(Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    first_name: String,
    #[serde(rename = "AGE", default)]
    age: i64,
    #[serde(skip)]
    hidden: i64,
}

#[data]
#[derive(Debug, PartialEq)]
struct Wrapper<T> {
    inner: T,
}

fn everything() -> Everything {
    Everything {
        flag: true,
        small: -8,
        big: i64::MAX as u64,
        letter: 'é',
        ratio: 0.1,
        text: "\0x".into(),
        bytes: Bytes(vec![0, 255]),
        maybe: Some(Box::default()),
        list: vec![(1, "a".into()), (-1, String::new())],
        array: [1, 2, 3],
        by_name: [("a".into(), f64::INFINITY)].into(),
        by_number: [(i64::MIN, true)].into(),
        any: Value::List(vec![Value::Null, 1.into(), 1.0.into(), Value::Bytes(vec![])]),
        ..Everything::default()
    }
}

#[test]
fn values_come_back_as_they_went() {
    same(everything());
    same(Everything::default());
    for shape in [
        Shape::Nothing,
        Shape::Round(-0.0),
        Shape::Corners(1, 2),
        Shape::Named { name: "n".into(), sides: None },
        Shape::Named { name: "n".into(), sides: Some(3) },
    ] {
        same(shape);
    }
    same(Meters(1.5));
    same(Wrapper { inner: vec![Wrapper { inner: 1 }] });
    same(Renamed { first_name: "a".into(), age: 3, hidden: 0 });
    same(vec![i64::MIN, i64::MAX, 0]);
    same((0..100_000).collect::<Vec<i64>>());
    assert!(tree::<_, f64>(&f64::NAN).unwrap().is_nan());
    assert!(raw::<_, f64>(&f64::NAN).unwrap().is_nan());
}

#[test]
fn the_target_decides() {
    becomes(3i64, 3.0f64);
    becomes(3.0f64, 3u8);
    becomes("text", Bytes(b"text".to_vec()));
    becomes(Map::new(), Vec::<i64>::new());
    becomes(Vec::<i64>::new(), BTreeMap::<String, i64>::new());
    becomes((1, 2), [1i64, 2]);
    becomes(
        [("first_name", "x")].into_iter().collect::<HashMap<_, _>>(),
        Value::Map([("first_name".into(), "x".into())].into()),
    );
    becomes(
        HashMap::from([("firstName", Value::from("x")), ("other", 1.into())]),
        Renamed { first_name: "x".into(), age: 0, hidden: 0 },
    );
    // Integer keys are no indices of a struct's fields.
    becomes(
        Value::Map([(0.into(), 9.into()), ("inner".into(), 1.into())].into()),
        Wrapper { inner: 1i64 },
    );
    becomes(Value::Null, None::<i64>);
    becomes(0.1f64, 0.1f32);
}

#[test]
fn what_does_not_fit_names_the_place() {
    refused::<_, i64>("x", "expected int, got string");
    refused::<_, u8>(300, "expected u8, got integer `300`");
    refused::<_, i64>(1e19, "10000000000000000000 is out of range for int");
    refused::<_, f64>((1i64 << 53) + 1, "9007199254740993 is not a float exactly");
    refused::<_, i64>(u64::MAX, "18446744073709551615 is out of range for int");
    refused::<_, [i64; 2]>(vec![1, 2, 3], "expected 2 items, got 3");
    refused::<_, Vec<Wrapper<i64>>>(
        vec![Wrapper { inner: Value::Int(1) }, Wrapper { inner: "x".into() }],
        "`[1].inner`: expected int, got string",
    );
    refused::<_, BTreeMap<String, Vec<bool>>>(
        HashMap::from([("a b", vec![Value::Bool(true), Value::Null])]),
        "`[\"a b\"][1]`: expected bool, got null",
    );
    refused::<_, Wrapper<i64>>(Map::new(), "missing field `inner`");
    refused::<_, Wrapper<Wrapper<i64>>>(
        Wrapper { inner: Map::new() },
        "`inner`: missing field `inner`",
    );
    refused::<_, Shape>(
        "Square",
        "unknown variant `Square`, expected one of `Nothing`, `Round`, `Corners`, `Named`",
    );
    refused::<_, Shape>(
        HashMap::from([("Corners", (1, "two"))]),
        "`Corners[1]`: expected int, got string",
    );
    refused::<_, Shape>(Map::new(), "expected a variant, got a map of 0 entries");
    refused::<_, Value>(HashMap::from([((1, 2), 3)]), "a map's key must be text or an integer");
    refused::<_, Value>(
        Wrapper { inner: vec![u64::MAX] },
        "`inner[0]`: 18446744073709551615 is out of range for int",
    );
}

#[test]
fn depth_is_bounded_on_both_ways() {
    fn nested(depth: usize) -> Value {
        (0..depth).fold(Value::Null, |value, _| Value::List(vec![value]))
    }
    same(nested(128));
    let error = tree::<_, Value>(&nested(129)).unwrap_err().to_string();
    assert!(error.ends_with("deeper than 128 levels"), "{error}");
    // A source may be deeper than any sink of ours has written.
    let deep = nested(129);
    let error = from_source::<Value>(&mut TreeSource::new(&deep)).unwrap_err().to_string();
    assert!(error.ends_with("deeper than 128 levels"), "{error}");
}

#[test]
fn raw_values_that_break_their_promise_are_refused_where_that_can_be_seen() {
    use twinplug_abi::{self as abi, Payload};
    let check = |tag, length, payload, expected: &str| {
        let value = abi::Value { tag, length, payload };
        // SAFETY: null pointers are refused before anything is read.
        let read = from_source::<Value>(&mut unsafe { RawSource::new(value) });
        assert_eq!(read.unwrap_err().to_string(), expected);
        // SAFETY: as above.
        let viewed = from_view::<Value>(unsafe { RawView::new(&value) });
        assert_eq!(viewed.unwrap_err().to_string(), expected);
    };
    let null = Payload { text: std::ptr::null() };
    check(99, 0, null, "a value of an unknown tag cannot cross");
    check(abi::TAG_STR, 3, null, "a null pointer cannot cross");
    check(abi::TAG_BYTES, 3, null, "a null pointer cannot cross");
    check(abi::TAG_LIST, 3, null, "the pointer of a list or map is null");
    let odd = Payload { list: std::ptr::without_provenance(3) };
    check(abi::TAG_LIST, 1, odd, "the pointer of a list or map is not aligned");
    check(
        abi::TAG_STR,
        1,
        Payload { text: [0xff].as_ptr() },
        "a string that is not UTF-8 cannot cross",
    );
    let key = abi::Value { tag: abi::TAG_FLOAT, length: 0, payload: Payload { number: 1.0 } };
    let pair = abi::Pair { key, value: abi::Value::NULL };
    check(abi::TAG_MAP, 1, Payload { map: &pair }, "a map's key must be text or an integer");
}

#[test]
fn arguments_are_numbered() {
    let values = (1, "x", None::<i64>).to_values().unwrap();
    assert_eq!(values, [1.into(), "x".into(), Value::Null]);
    let list = Value::List(values);
    type Three = (i64, String, Option<i64>);
    assert_eq!(Three::read(&mut TreeSource::new(&list)), Ok((1, "x".into(), None)));
    type Four = (i64, String, Option<i64>, Option<bool>);
    assert!(Four::read(&mut TreeSource::new(&list)).is_ok(), "what is not there is null");
    type Wrong = (i64, i64);
    assert_eq!(
        Wrong::read(&mut TreeSource::new(&list)).unwrap_err().to_string(),
        "argument 2: expected int, got string"
    );
    assert_eq!(
        (1, u64::MAX).to_values().unwrap_err().to_string(),
        "argument 2: 18446744073709551615 is out of range for int"
    );
}

#[data]
#[serde(transparent)]
struct Transparent {
    inner: i64,
}

#[data]
#[allow(dead_code, reason = "its schema is what is looked at")]
struct Pair(i64, #[serde(skip)] i64);

#[data]
#[serde(transparent)]
#[allow(dead_code, reason = "its schema is what is looked at")]
struct Padded {
    #[serde(skip)]
    pad: bool,
    inner: i64,
}

#[data]
struct Odd {
    #[serde(rename = "$ref")]
    reference: String,
}

#[data]
struct Skipping {
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    list: Vec<i64>,
    #[serde(with = "twice")]
    odd: i64,
}

/// Writes a number as text.
mod twice {
    pub(super) fn serialize<S: serde::Serializer>(
        n: &i64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(n)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(d: D) -> Result<i64, D::Error> {
        let text: String = serde::Deserialize::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[test]
fn schemas_show_what_serde_writes() {
    let check = |schema: &twinplug_value::Type, expected: &str| {
        assert_eq!(schema.to_string(), expected);
    };
    check(Renamed::SCHEMA, "Renamed { firstName: string, AGE?: int }");
    check(Meters::SCHEMA, "float");
    check(Wrapper::<Option<Vec<bool>>>::SCHEMA, "Wrapper { inner: list<bool>? }");
    check(
        Shape::SCHEMA,
        "Shape('Nothing' | { Round: float } | { Corners: (int, int) } | { Named: { name: string, \
         sides: int? } })",
    );
    check(Transparent::SCHEMA, "int");
    check(Padded::SCHEMA, "int");
    check(Pair::SCHEMA, "(int)");
    check(Odd::SCHEMA, "Odd { '$ref': string }");
    check(Skipping::SCHEMA, "Skipping { list?: list<int>, odd: any }");
    check(<HashMap<i64, [f32; 2]>>::SCHEMA, "map<list<float>>");
    check(<(i64, (String,))>::SCHEMA, "(int, (string))");
    check(
        Everything::SCHEMA,
        "Everything { unit: null, flag: bool, small: int, big: int, letter: string, ratio: float, \
         text: string, bytes: bytes, maybe: Everything?, list: list<(int, string)>, array: list<int>, \
         by_name: map<float>, by_number: map<bool>, any: any }",
    );
}

#[test]
fn json_is_one_more_format() {
    let value: Value = serde_json::from_str(r#"{"a":[1,1.0,null,"x",true],"b":{}}"#).unwrap();
    let list = vec![1.into(), 1.0.into(), Value::Null, "x".into(), true.into()];
    let expected = Map::from([("a".into(), Value::List(list)), ("b".into(), Map::new().into())]);
    assert_eq!(value, expected.into());
    assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":[1,1.0,null,"x",true],"b":{}}"#);
    for exact in ["9223372036854775807", "-9223372036854775808", "0.1", "-0.0", "1e300"] {
        let value: Value = serde_json::from_str(exact).unwrap();
        let again: Value = serde_json::from_str(&serde_json::to_string(&value).unwrap()).unwrap();
        assert_eq!(format!("{again:?}"), format!("{value:?}"));
    }
    let error = serde_json::from_str::<Value>("18446744073709551615").unwrap_err().to_string();
    assert!(error.starts_with("18446744073709551615 is out of range for int"), "{error}");
    // What it does not know: docs/limits.md says so.
    let json = |value: Value| serde_json::to_string(&value).unwrap();
    assert_eq!(json(Value::Map([(7.into(), Value::Null)].into())), r#"{"7":null}"#);
    assert_eq!(json(Value::Bytes(vec![0, 255])), "[0,255]");
    assert_eq!(json(f64::NAN.into()), "null");
}
