//! Functions, objects and buffers: what crosses without being copied.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use twinplug_value::raw::{Arena, Class, ClassTable, RawSink, RawSource};
use twinplug_value::{
    AnyBuffer, Buffer, CallError, ConvertError, Data, Element, Function, Object, Type, Value, data,
    from_source, serde, to_sink,
};

/// Something to hit.
struct Enemy {
    health: AtomicI64,
    dropped: Arc<AtomicUsize>,
}

impl Drop for Enemy {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Class for Enemy {
    fn table() -> &'static ClassTable<Self> {
        static TABLE: OnceLock<ClassTable<Enemy>> = OnceLock::new();
        TABLE.get_or_init(|| {
            ClassTable::new("Enemy")
                .method("hit", &["power"], |enemy: &Enemy, power: i64| match power {
                    0 => Err("no power"),
                    13 => panic!("missed"),
                    power => Ok(enemy.health.fetch_sub(power, Ordering::Relaxed) - power),
                })
                .method("named", &["to", "loud"], |_: &Enemy, to: String, loud: Option<bool>| {
                    format!("{to}{}", if loud == Some(true) { "!" } else { "" })
                })
        })
    }
}

fn enemy(health: i64) -> (Object, Arc<AtomicUsize>) {
    let dropped = Arc::default();
    let health = AtomicI64::new(health);
    (Object::new(Enemy { health, dropped: Arc::clone(&dropped) }), dropped)
}

/// Through raw memory and back.
fn crossed<T: Data>(value: &impl serde::Serialize) -> Result<T, ConvertError> {
    let arena = Arena::default();
    let mut sink = RawSink::new(&arena);
    to_sink(value, &mut sink)?;
    // SAFETY: written to the arena, which outlives the reading.
    from_source(&mut unsafe { RawSource::new(sink.last()) })
}

/// Both ways: through raw memory, and as a tree.
fn check<T: Data + PartialEq + Debug>(value: &T) {
    assert_eq!(crossed::<T>(value).as_ref(), Ok(value));
    let tree = Value::of(value).unwrap();
    assert_eq!(tree.to::<T>().as_ref(), Ok(value));
    assert_eq!(crossed::<Value>(&tree), Ok(tree));
}

#[data]
#[derive(Debug, PartialEq)]
struct Everything {
    function: Function,
    object: Option<Object>,
    buffer: Buffer<f32>,
    any: Vec<Value>,
}

#[data]
#[derive(Debug, PartialEq)]
#[serde(untagged)]
enum Either {
    Number(i64),
    Function(Function),
    Both { function: Function, buffer: AnyBuffer },
}

#[data]
#[derive(Debug, PartialEq)]
#[serde(tag = "kind")]
enum Tagged {
    With { function: Function },
}

#[data]
#[derive(Debug, PartialEq)]
struct Flat {
    id: i64,
    #[serde(flatten)]
    inner: Inner,
}

#[data]
#[derive(Debug, PartialEq)]
struct Inner {
    object: Object,
    objects: Vec<Object>,
}

#[test]
fn they_cross_in_whatever_is_around_them() {
    let function = Function::new(|x: i64| x + 1);
    let (object, _) = enemy(1);
    let buffer = Buffer::from(vec![1.5_f32, 2.5]);
    check(&function);
    check(&Some(object.clone()));
    check(&(function.clone(), buffer.clone(), Value::from(object.clone())));
    check(&Everything {
        function: function.clone(),
        object: None,
        buffer: buffer.clone(),
        any: vec![object.clone().into(), 1.into(), buffer.clone().into()],
    });
    check(&Either::Number(3));
    check(&Either::Function(function.clone()));
    check(&Either::Both { function: function.clone(), buffer: buffer.into_any() });
    check(&Tagged::With { function });
    check(&Flat { id: 1, inner: Inner { objects: vec![object.clone(); 3], object } });
}

#[test]
fn types_are_told() {
    let function = Function::new(|| 1);
    let (object, _) = enemy(1);
    let error = |error: ConvertError| error.to_string();
    assert_eq!(
        Everything::SCHEMA.to_string(),
        "Everything { function: function, object: object?, buffer: buffer<f32>, any: list<any> }"
    );
    let ty: Type = Everything::SCHEMA.to_string().parse().unwrap();
    assert_eq!(ty, *Everything::SCHEMA);
    assert_eq!(crossed::<Function>(&1).map_err(error).unwrap_err(), "expected function, got int");
    assert_eq!(
        crossed::<Function>(&object).map_err(error).unwrap_err(),
        "expected function, got object"
    );
    assert_eq!(
        crossed::<Vec<i64>>(&vec![&function]).map_err(error).unwrap_err(),
        "`[0]`: expected int, got function"
    );
    assert_eq!(
        crossed::<Inner>(&function).map_err(error).unwrap_err(),
        "expected map, got function"
    );
    let buffer = Buffer::<i32>::new(1);
    assert_eq!(
        crossed::<Buffer<f64>>(&buffer).map_err(error).unwrap_err(),
        "expected buffer<f64>, got buffer<i32>"
    );
    assert_eq!(crossed::<AnyBuffer>(&buffer).unwrap().element(), Element::I32);
    let ty: Type = "buffer<f64>".parse().unwrap();
    assert_eq!(
        ty.coerce(buffer.into()).map_err(error).unwrap_err(),
        "expected buffer<f64>, got buffer<i32>"
    );
    let error = "buffer<f65>".parse::<Type>().unwrap_err().to_string();
    assert!(error.contains("expected `f64`, `f32`, `i64`, `i32` or `u8`"), "{error}");
}

#[test]
fn no_map_of_a_value_is_taken_for_one() {
    let map: Value = Value::Map([("$twinplug::reference".into(), 1.into())].into());
    assert_eq!(crossed::<Value>(&map), Ok(map.clone()));
    assert_eq!(crossed::<Function>(&map).unwrap_err().to_string(), "expected function, got map");
    let json = r#"{"$twinplug::reference": 1}"#;
    assert_eq!(serde_json::from_str::<Value>(json).unwrap(), map);
    let error = serde_json::from_str::<Function>(json).unwrap_err().to_string();
    assert!(error.contains("expected function"), "{error}");
}

/// What buffers values shows the map that stands for one, which is nobody's own.
#[test]
fn none_is_taken_for_a_map() {
    #[data]
    #[derive(Debug, PartialEq)]
    #[serde(untagged)]
    enum Loose {
        Numbers(BTreeMap<String, u64>),
        Number(i64),
    }
    let error = crossed::<Loose>(&Function::new(|| 1)).unwrap_err().to_string();
    assert_eq!(error, "data did not match any variant of untagged enum Loose");
}

#[test]
fn others_cannot_write_them_down() {
    let text = |value: &Value| serde_json::to_string(value).unwrap_err().to_string();
    let function = Function::new(|| 1);
    let note = "crosses between a host and its plugins alone, and cannot be written down";
    assert_eq!(text(&vec![Value::from(function)].into()), format!("a function {note}"));
    assert_eq!(text(&enemy(1).0.into()), format!("an object {note}"));
    assert_eq!(text(&Buffer::<u8>::new(1).into()), format!("a buffer {note}"));
}

/// Keeps what serde buffered beyond the conversion that it was made in.
#[derive(Debug)]
struct Kept(Vec<u64>);

impl serde::Serialize for Kept {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

impl<'de> serde::Deserialize<'de> for Kept {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Kept;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Kept, A::Error> {
                let mut kept = Vec::new();
                while map.next_key::<serde::de::IgnoredAny>()?.is_some() {
                    kept.push(map.next_value()?);
                }
                Ok(Kept(kept))
            }
        }
        from.deserialize_any(Visitor)
    }
}

#[test]
fn a_number_means_nothing_once_its_conversion_is_over() {
    let (object, dropped) = enemy(1);
    let first = crossed::<twinplug_value::Serde<Kept>>(&object).unwrap().0.0;
    let second = crossed::<twinplug_value::Serde<Kept>>(&object).unwrap().0.0;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    // Nor does it mean another one on another thread.
    let third = std::thread::spawn({
        let object = object.clone();
        move || crossed::<twinplug_value::Serde<Kept>>(&object).unwrap().0.0
    });
    let third = third.join().unwrap();
    assert!(third > second, "{second:?}, {third:?}");
    drop(object);
    assert_eq!(dropped.load(Ordering::Relaxed), 1, "no table holds it");
}

#[test]
fn functions_are_called() {
    let check = |result: Result<f64, CallError>, expected: &str| {
        assert_eq!(result.unwrap_err().to_string(), expected);
    };
    let divide = Function::new(|x: f64, by: i64| match by {
        0 => Err("nothing to divide by"),
        13 => panic!("bad luck"),
        by => Ok(x / by as f64),
    });
    assert_eq!(divide.call((3, 2)), Ok(1.5));
    check(divide.call((1, 0)), "nothing to divide by");
    check(divide.call((1, 13)), "panicked: bad luck");
    check(divide.call((1,)), "expected 2 arguments, got 1");
    check(divide.call((1, 2.5)), "argument 2: 2.5 is no whole number");
    check(Function::new(|| "x".to_owned()).call(()), "result: expected float, got string");
    let twice = Function::new(|f: Function, x: i64| -> Result<i64, CallError> {
        f.call((f.call::<i64>((x,))?,))
    });
    assert_eq!(twice.call::<i64>((Function::new(|x: i64| x * 3), 2)), Ok(18));
    let maker = Function::new(|by: i64| Function::new(move |x: i64| x + by));
    assert_eq!(maker.call::<Function>((2,)).unwrap().call::<i64>((3,)), Ok(5));
}

#[test]
fn an_object_is_freed_once_nobody_holds_it() {
    let (object, dropped) = enemy(10);
    assert_eq!((object.class(), object.of::<Enemy>().is_some()), ("Enemy", true));
    assert_eq!(
        object.methods(),
        r#"[{"name":"hit","type":"(power: int) -> int"},{"name":"named","type":"(to: string, loud: bool?) -> string"}]"#
    );
    assert_eq!(object.call::<i64>("hit", (3,)), Ok(7));
    assert_eq!(object.call::<String>("named", ("you", true)).unwrap(), "you!");
    assert_eq!(object.call::<String>("named", ("you",)).unwrap(), "you");
    let check = |result: Result<i64, CallError>, expected: &str| {
        assert_eq!(result.unwrap_err().to_string(), expected);
    };
    check(object.call("hit", (0,)), "no power");
    check(object.call("hit", (13,)), "panicked: missed");
    check(object.call("hit", ("x",)), "argument `power`: expected int, got string");
    check(object.call("hit", (1, 2)), "expected 1 argument, got 2");
    check(object.call("hti", ()), "no method `hti`; there are: `hit`, `named`");

    // Left to an arena, it lives as long as that, or until it is rewound.
    let arena = Arena::default();
    to_sink(&1, &mut RawSink::new(&arena)).unwrap();
    let mark = arena.mark();
    to_sink(&vec![&object; 1000], &mut RawSink::new(&arena)).unwrap();
    drop(object);
    assert_eq!(dropped.load(Ordering::Relaxed), 0);
    arena.rewind(mark);
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    for arena in [Arena::default(), Arena::scattered()] {
        let (object, dropped) = enemy(1);
        to_sink(&(&object, "text", &object), &mut RawSink::new(&arena)).unwrap();
        drop(object);
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(arena);
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_buffer_is_shared() {
    fn numbers<T: twinplug_value::Number>(some: &[T]) {
        let buffer = Buffer::from(some.to_vec());
        let same: Buffer<T> = crossed(&buffer).unwrap();
        assert_eq!(same, buffer);
        assert_eq!(same.to_vec(), some);
        assert!(same.set(0, some[1]));
        assert_eq!(buffer.get(0), Some(some[1]));
        let length = some.len();
        assert_eq!((buffer.get(length), buffer.set(length, some[0])), (None, false));
        assert!(!buffer.copy_from(1, some));
        assert!(!buffer.copy_from(usize::MAX, some));
        assert!(buffer.copy_from(1, &some[1..]));
        // SAFETY: nobody writes meanwhile.
        assert_eq!(unsafe { buffer.as_slice() }, [&[some[1]], &some[1..]].concat());
    }
    numbers(&[1.5_f64, -0.0, f64::MAX]);
    numbers(&[1.5_f32, -2.5, 0.0]);
    numbers(&[i64::MIN, i64::MAX, 0]);
    numbers(&[i32::MIN, i32::MAX, 7]);
    numbers(&[1_u8, 255, 3]);
    assert!(Buffer::<f64>::new(0).to_vec().is_empty());
    crossed::<Buffer<f64>>(&Buffer::<f64>::new(0)).unwrap();
    assert!(AnyBuffer::zeroed(Element::F64, usize::MAX / 4).is_none());

    let counter = Buffer::<i64>::new(2);
    std::thread::scope(|scope| {
        for index in 0..2 {
            let counter = counter.clone();
            scope.spawn(move || {
                for _ in 0..1000 {
                    counter.set(index, counter.get(index).unwrap() + 1);
                }
            });
        }
    });
    assert_eq!(counter.to_vec(), [1000, 1000]);
}
