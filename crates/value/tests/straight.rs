//! Structs that cross field by field, without serde: what is written, read and said is the same as
//! by serde, whatever comes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::cell::RefCell;
use std::fmt::Debug;
use std::ptr::NonNull;

use twinplug_value::raw::{Allocate, RawSink, RawView};
use twinplug_value::{
    ConvertError, Data, Key, Look, Map, MapKey, Source, Straight, Tree, TreeSource, Value, data,
    from_source, from_view, to_sink, write,
};

#[derive(Default)]
struct Heap(RefCell<Vec<Box<[u128]>>>);

// SAFETY: each request gets memory of its own, of the largest alignment that may be asked for,
// which stays where it is until the heap is dropped.
unsafe impl Allocate for Heap {
    fn allocate(&self, size: usize, _: usize) -> Option<NonNull<u8>> {
        let mut memory = vec![0_u128; size.div_ceil(16).max(1)].into_boxed_slice();
        let place = NonNull::new(memory.as_mut_ptr().cast());
        self.0.borrow_mut().push(memory);
        place
    }
}

/// A tree in which a struct's fields are looked for.
struct Searched<'v>(TreeSource<'v>);

impl Source for Searched<'_> {
    fn look(&self) -> Look<'_> {
        self.0.look()
    }
    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError> {
        self.0.enter_list()
    }
    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError> {
        self.0.enter_map()
    }
    fn next(&mut self) -> Result<bool, ConvertError> {
        self.0.next()
    }
    fn key(&self) -> Key<'_> {
        self.0.key()
    }
    fn leave(&mut self) {
        self.0.leave();
    }
    fn is_searched(&self) -> bool {
        true
    }
    fn find(&mut self, name: &'static str) -> Result<bool, ConvertError> {
        self.0.leave();
        self.0.enter_map()?;
        while self.0.next()? {
            if self.0.key() == Key::Str(name) {
                return Ok(self.0.look() != Look::Null);
            }
        }
        Ok(false)
    }
    fn count(&mut self) -> usize {
        self.0.leave();
        let count = self.0.enter_map().unwrap().unwrap();
        self.0.leave();
        self.0.enter_map().unwrap();
        count
    }
}

#[data]
#[derive(Clone, Debug, PartialEq)]
struct Point {
    x: f64,
    y: f32,
}

#[data]
#[derive(Clone, Debug, PartialEq)]
struct Player {
    name: String,
    r#type: i64,
    lives: u8,
    on: bool,
    title: Option<String>,
    at: Point,
    goal: Option<Point>,
    last: Option<i64>,
}

/// The same for serde alone.
#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct ByHand {
    name: String,
    r#type: i64,
    lives: u8,
    on: bool,
    title: Option<String>,
    at: PointByHand,
    goal: Option<PointByHand>,
    last: Option<i64>,
}

#[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
struct PointByHand {
    x: f64,
    y: f32,
}

impl Data for ByHand {
    const SCHEMA: &'static twinplug_value::Type = Player::SCHEMA;
}

#[data]
struct Renamed {
    #[serde(rename = "n")]
    _name: String,
}

#[data]
struct Listed {
    _names: Vec<String>,
}

#[data]
struct Itself {
    _next: Option<Box<Itself>>,
}

#[data]
struct Pair(i64, i64);

#[data]
#[serde(deny_unknown_fields)]
struct Strict {
    _name: String,
}

#[test]
fn just_what_is_plain_is_straight() {
    assert!(Point::STRAIGHT == Straight::Whole);
    assert!(Player::STRAIGHT == Straight::Whole);
    for other in [Renamed::STRAIGHT, Listed::STRAIGHT, Itself::STRAIGHT, Pair::STRAIGHT] {
        assert!(other == Straight::No);
    }
    assert!(Strict::STRAIGHT == Straight::No);
    assert!(<Option<Player>>::STRAIGHT == Straight::Part);
    assert!(Value::STRAIGHT == Straight::No);
}

fn players() -> Vec<Player> {
    let full = Player {
        name: "Ada".into(),
        r#type: -7,
        lives: 3,
        on: true,
        title: Some("Dr ö".into()),
        at: Point { x: 0.5, y: 1.5 },
        goal: Some(Point { x: -0.0, y: f32::MAX }),
        last: Some(i64::MIN),
    };
    let none = Player { name: String::new(), title: None, goal: None, last: None, ..full.clone() };
    let some = Player { title: None, ..full.clone() };
    vec![full, none, some]
}

#[test]
fn it_is_written_as_serde_writes_it() {
    for player in players() {
        let mut tree = Tree::default();
        write(&player, &mut tree).unwrap();
        assert_eq!(tree.into_value(), Value::of(&player).unwrap());
        assert_eq!(raw::<Value>(|sink| write(&player, sink)), Ok(Value::of(&player).unwrap()));
        assert_eq!(raw::<Player>(|sink| write(&player, sink)), Ok(player));
    }
}

/// What is written as raw values, read again.
fn raw<T: Data>(
    written: impl FnOnce(&mut RawSink<'_, Heap>) -> Result<(), ConvertError>,
) -> Result<T, ConvertError> {
    let heap = Heap::default();
    let mut sink = RawSink::new(&heap);
    written(&mut sink)?;
    let value = sink.last();
    // SAFETY: the sink wrote it, into `heap`, which is still there.
    from_view(unsafe { RawView::new(&value) })
}

/// Whatever is read, all ways give the same.
#[track_caller]
fn same(value: &Value) {
    let expected = from_source::<ByHand>(&mut TreeSource::new(value));
    let told = |read: Result<Player, ConvertError>| {
        read.map(|player| Value::of(&player).unwrap()).map_err(|error| error.to_string())
    };
    let expected =
        expected.map(|player| Value::of(&player).unwrap()).map_err(|error| error.to_string());
    assert_eq!(told(from_source(&mut TreeSource::new(value))), expected, "{value:?}");
    assert_eq!(told(from_source(&mut Searched(TreeSource::new(value)))), expected, "{value:?}");
    assert_eq!(told(raw(|sink| to_sink(value, sink))), expected, "{value:?}");
}

#[test]
fn it_is_read_as_serde_reads_it() {
    for player in players() {
        let value = Value::of(&player).unwrap();
        let Value::Map(whole) = &value else { panic!("a struct is a map") };
        same(&value);
        for key in whole.keys() {
            let others = [
                Value::Int(4),
                Value::Int(400),
                Value::Float(2.0),
                Value::Float(2.5),
                Value::Bool(false),
                Value::Str("text".into()),
                Value::Map(Map::new()),
                Value::List([Value::Int(1)].into_iter().collect()),
                whole[&MapKey::from("at")].clone(),
            ];
            for other in others {
                same(&Value::Map(with(whole, key.clone(), other)));
            }
            let mut without = whole.clone();
            without.remove(key);
            same(&Value::Map(without));
        }
        for more in [MapKey::from("aa"), MapKey::from("zz"), MapKey::Int(3)] {
            same(&Value::Map(with(whole, more, Value::Int(1))));
        }
    }
    same(&Value::Int(1));
    same(&Value::Map(Map::new()));
    same(&Value::List(Vec::new()));
}

fn with(map: &Map, key: MapKey, value: Value) -> Map {
    let mut map = map.clone();
    map.insert(key, value);
    map
}

/// Entries of raw maps come in any order, and may come twice.
#[test]
fn the_order_of_entries_does_not_matter() {
    let names = ["x", "y", "x"];
    for entries in [&names[..2], &names[1..], &names[..], &names[..1], &[]] {
        let entries: Vec<_> = entries.iter().map(|name| (*name, 1.5)).collect();
        let read = raw::<Point>(|sink| to_sink(&Entries(&entries), sink));
        let expected = match entries.len() {
            2 => Ok(Point { x: 1.5, y: 1.5 }),
            3 => Err("duplicate field `x`".to_owned()),
            _ => Err(format!("missing field `{}`", if entries.is_empty() { "x" } else { "y" })),
        };
        assert_eq!(read.map_err(|error| error.to_string()), expected, "{entries:?}");
    }
}

/// A map as it is.
#[derive(Debug)]
struct Entries<'e>(&'e [(&'static str, f64)]);

impl serde::Serialize for Entries<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[test]
fn an_error_names_the_field() {
    #[data]
    struct Deep {
        at: Inner,
    }
    #[data]
    struct Inner {
        size: u64,
    }
    let deep = Deep { at: Inner { size: u64::MAX } };
    let expected = Value::of(&deep).unwrap_err();
    let told = write(&deep, &mut Tree::default()).unwrap_err();
    assert_eq!(told.to_string(), expected.to_string());
    assert!(told.to_string().contains("at.size"), "{told}");
}

/// What stands around a struct, or in it, does not change how it crosses.
mod around {
    #![deny(deprecated)]

    use twinplug_value::{Data, Straight, Value, data};

    /// As methods they would be taken before those of what crosses.
    #[allow(dead_code, reason = "it is there to be taken for another")]
    trait Taken: Sized {
        fn read(self, _: &str) -> Option<u8> {
            panic!("not meant")
        }
        fn are_all(self) -> bool {
            panic!("not meant")
        }
        fn begin_map(self, _: usize) -> Result<(), ()> {
            panic!("not meant")
        }
        fn end_map(self) -> Result<(), ()> {
            panic!("not meant")
        }
        fn then_some(self, _: u8) -> Option<u8> {
            panic!("not meant")
        }
    }
    impl<T> Taken for T {}

    trait Own {
        fn straight_write(&self) -> u8 {
            7
        }
    }
    impl Own for Old {}

    #[data]
    #[derive(Clone, Copy)]
    #[repr(C, packed(2))]
    struct Packed {
        a: u8,
        b: u32,
    }

    #[data]
    #[repr(C)]
    struct Old {
        #[deprecated]
        a: u8,
        b: Option<u8>,
    }

    macro_rules! many {
        ($($field:ident)*) => {
            #[data]
            struct Many {
                $($field: u8,)*
            }
        };
    }
    many!(a b c d e f g h i j k l m n o p q r s t u v w x y);

    #[test]
    fn it_crosses() {
        assert!(Packed::STRAIGHT == Straight::No);
        assert!(Old::STRAIGHT == Straight::Whole);
        assert!(Many::STRAIGHT == Straight::No, "too many");
        let packed: Packed = Value::of(&Packed { a: 1, b: 2 }).unwrap().to().unwrap();
        assert_eq!((packed.a, { packed.b }), (1, 2));
        #[allow(deprecated, reason = "it is there")]
        let old = Old { a: 1, b: None };
        assert_eq!(old.straight_write(), 7);
        let old: Old = Value::of(&old).unwrap().to().unwrap();
        assert_eq!(old.b, None);
    }
}

#[data]
#[derive(Debug, PartialEq)]
struct Mesh {
    points: Vec<f64>,
    counts: Vec<i64>,
    weights: Option<Vec<f64>>,
}

/// A struct with lists of numbers is one of these, and says the same as by serde.
#[test]
fn lists_of_numbers_are_fields_as_others_are() {
    assert!(Mesh::STRAIGHT == Straight::Whole);
    let mesh = Mesh { points: vec![1.0, 2.5], counts: vec![], weights: Some(vec![-1.0]) };
    let mut tree = Tree::default();
    write(&mesh, &mut tree).unwrap();
    let value = tree.into_value();
    assert_eq!(value, Value::of(&mesh).unwrap());
    assert_eq!(from_source::<Mesh>(&mut TreeSource::new(&value)).unwrap(), mesh);
    assert_eq!(from_source::<Mesh>(&mut Searched(TreeSource::new(&value))).unwrap(), mesh);
}
