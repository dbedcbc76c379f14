//! Plain structs and text as raw values, without a sink between: what is written is what serde writes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fmt::Debug;

use twinplug_abi as abi;
use twinplug_value::raw::{Raw, RawSink, RawView, RawWriter, Room};
use twinplug_value::{Args, ConvertError, Data, Straight, Tree, Value, data, from_view};

/// What is written as a raw value, with its text copied or lent, is as serde writes it.
#[track_caller]
fn as_raw_as_by_serde<T: Data + Debug>(value: &T) {
    let text = |read: Result<Value, ConvertError>| read.map_err(|error| error.to_string());
    let expected = text(Value::of(value));
    let room = Room::new();
    let mut sink = RawSink::new(&room);
    let written = sink.lend(value).map(|()| sink.last());
    // SAFETY: it was written into `room`, which is still there, and so is the value.
    let read = written.and_then(|value| from_view(unsafe { RawView::new(&value) }));
    assert_eq!(text(read), expected, "{value:?}");
    let written = RawWriter::copying(&room).value(value).map(Raw::into_value);
    // SAFETY: as above.
    let read = written.and_then(|value| from_view(unsafe { RawView::new(&value) }));
    assert_eq!(text(read), expected, "{value:?}");
}

/// What is copied does not need what was written any more, and what is lent is not copied.
#[test]
fn text_is_copied_or_lent() {
    #[data]
    struct Names {
        first: String,
        more: Option<More>,
    }
    #[data]
    struct More {
        name: Option<String>,
    }
    let room = Room::new();
    let more = || Some(More { name: Some("second".to_owned()) });
    let mut names = Names { first: "first".to_owned(), more: more() };
    let copied = RawWriter::copying(&room).value(&names).unwrap().into_value();
    // Whoever still looks there sees something else.
    names.first.replace_range(.., "gone!");
    names.more.as_mut().unwrap().name.as_mut().unwrap().replace_range(.., "gone!!");
    // SAFETY: it was written into `room`, which is still there.
    let read: Names = from_view(unsafe { RawView::new(&copied) }).unwrap();
    assert_eq!(read.first, "first");
    assert_eq!(read.more.unwrap().name.as_deref(), Some("second"));

    let names = Names { first: "first".to_owned(), more: more() };
    let inner = names.more.as_ref().unwrap().name.as_ref().unwrap();
    let mut sink = RawSink::new(&room);
    sink.lend(&names).unwrap();
    sink.lend(&names.first).unwrap();
    sink.lend_text(inner).unwrap();
    let pairs = |map: &abi::Value| {
        // SAFETY: of a map, and written by the sink.
        unsafe { std::slice::from_raw_parts(map.payload.map, map.length as usize) }
    };
    let [whole, first, second] = sink.values() else { panic!("three values") };
    // SAFETY: of text.
    let places = unsafe { [first.payload.text, second.payload.text] };
    assert_eq!(places, [names.first.as_ptr(), inner.as_ptr()]);
    let within = &pairs(&pairs(whole)[1].value)[0].value;
    // SAFETY: as above.
    let places = unsafe { [pairs(whole)[0].value.payload.text, within.payload.text] };
    assert_eq!(places, [names.first.as_ptr(), inner.as_ptr()]);
}

/// Whatever a field may be.
#[test]
fn all_that_is_plain_is_written_so() {
    use std::num::{NonZeroI64, NonZeroU8, NonZeroU64};
    use std::sync::Arc;

    use twinplug_value::Bytes;

    // By these names they are not taken for what may lead back to the struct.
    type Boxed = Box<str>;
    type Shared = Arc<str>;

    #[data]
    #[derive(Debug)]
    struct All {
        nothing: (),
        signed: Signed,
        unsigned: Unsigned,
        single: f32,
        not_zero: NonZeroU8,
        large: NonZeroU64,
        small: NonZeroI64,
        letter: char,
        bytes: Bytes,
        boxed: Boxed,
        shared: Shared,
        maybe: Option<Signed>,
        perhaps: Option<Option<i64>>,
    }

    #[data]
    #[derive(Debug)]
    struct Signed {
        a: i8,
        b: i16,
        c: i32,
        d: isize,
        e: i128,
    }

    #[data]
    #[derive(Debug)]
    struct Unsigned {
        a: u8,
        b: u16,
        c: u32,
        d: usize,
        e: u64,
        f: u128,
    }

    #[data]
    #[derive(Debug)]
    struct Nothing {
        first: Option<i64>,
        second: Option<String>,
    }

    let all = |e: i128, f: u64, d: usize| All {
        nothing: (),
        signed: Signed { a: i8::MIN, b: i16::MIN, c: i32::MIN, d: isize::MIN, e },
        unsigned: Unsigned { a: u8::MAX, b: u16::MAX, c: u32::MAX, d, e: f, f: f.into() },
        single: f32::MIN_POSITIVE,
        not_zero: NonZeroU8::MAX,
        large: NonZeroU64::new(f | 1).unwrap(),
        small: NonZeroI64::MIN,
        letter: 'ö',
        bytes: Bytes(vec![0, 255]),
        boxed: "boxed".into(),
        shared: "".into(),
        maybe: Some(Signed { a: 1, b: 2, c: 3, d: 4, e: 5 }),
        perhaps: Some(Some(6)),
    };
    assert!(All::STRAIGHT == Straight::Whole);
    let most = i64::MAX as u64;
    as_raw_as_by_serde(&all(i64::MIN.into(), most, i64::MAX as usize));
    as_raw_as_by_serde(&all(0, most + 1, 0));
    as_raw_as_by_serde(&all(0, 0, usize::MAX));
    as_raw_as_by_serde(&all(i128::MAX, 0, 0));
    for value in [0, 1, most, most + 1, u64::MAX] {
        as_raw_as_by_serde(&value);
        as_raw_as_by_serde(&Some(value));
    }
    as_raw_as_by_serde(&true);
    as_raw_as_by_serde(&None::<All>);
    as_raw_as_by_serde(&Some(all(0, 0, 0)));
    as_raw_as_by_serde(&Nothing { first: None, second: None });
    as_raw_as_by_serde(&Nothing { first: None, second: Some(String::new()) });
    as_raw_as_by_serde(&f32::INFINITY);
    as_raw_as_by_serde(&"text".to_owned());
    as_raw_as_by_serde(&vec!["text".to_owned()]);
}

#[test]
fn an_error_names_the_argument_and_the_field() {
    #[data]
    struct Deep {
        at: Inner,
    }
    #[data]
    struct Inner {
        size: u64,
    }
    let arguments = (1, Deep { at: Inner { size: u64::MAX } });
    let room = Room::new();
    let mut sink = RawSink::new(&room);
    let lent = arguments.lend(&mut sink).unwrap_err().to_string();
    let written = arguments.write(&mut Tree::default()).unwrap_err().to_string();
    assert_eq!(lent, written);
    assert!(lent.contains("argument 2") && lent.contains("at.size"), "{lent}");
}
