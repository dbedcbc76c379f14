//! Objects: the raw table that `#[object]` makes, and foreign ones used through theirs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::ffi::CStr;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use twinplug_abi as abi;
use twinplug_sdk::CallError;
use twinplug_sdk::prelude::*;
use twinplug_sdk::testing::{Host, Plugin};

static DROPPED: AtomicUsize = AtomicUsize::new(0);

/// Something to hit.
pub struct Enemy {
    health: AtomicI64,
    drops: &'static AtomicUsize,
}

impl Drop for Enemy {
    fn drop(&mut self) {
        self.drops.fetch_add(1, Ordering::Relaxed);
        if self.health.load(Ordering::Relaxed) == 666 {
            panic!("a drop that panics");
        }
    }
}

#[object(name = "Foe")]
impl Enemy {
    /// Not a method: it takes no `&self`.
    fn of(health: i64) -> Object {
        static UNCOUNTED: AtomicUsize = AtomicUsize::new(0);
        Object::new(Enemy { health: AtomicI64::new(health), drops: &UNCOUNTED })
    }

    fn hit(&self, power: i64) -> Result<i64> {
        match power {
            13 => panic!("missed"),
            ..0 => Err(Error::new("no power")),
            power => Ok(self.health.fetch_sub(power, Ordering::Relaxed) - power),
        }
    }

    #[method(name = "sayName")]
    fn say_name(&self, to: &str, loud: Option<bool>) -> String {
        format!("{to}{}", if loud == Some(true) { "!" } else { "" })
    }

    fn scaled(&self, host: &HostRef) -> Result<f64> {
        host.call("scale", (self.health.load(Ordering::Relaxed), 2.0))
    }
}

struct Empty;

#[object]
impl Empty {}

#[plugin]
mod objects {
    use twinplug_sdk::prelude::*;

    #[func]
    fn fight(power: i64) -> Result<i64> {
        Ok(super::Enemy::of(10).call("hit", (power,))?)
    }
}

fn load() -> Plugin {
    Host::new().function("scale", |x: f64, by: f64| x * by).load(&objects::twinplug_plugin).unwrap()
}

#[test]
fn an_object_has_a_name_and_methods() {
    let enemy = Enemy::of(3);
    assert_eq!(enemy.class(), "Foe");
    assert_eq!(
        enemy.methods(),
        r#"[{"name":"hit","type":"(power: int) -> int"},{"name":"sayName","type":"(to: string, loud: bool?) -> string"},{"name":"scaled","type":"() -> float"}]"#
    );
    assert_eq!(format!("{enemy:?}"), r#"Object("Foe")"#);
    assert_eq!(enemy.of::<Enemy>().unwrap().hit(1).unwrap(), 2);
    assert!(enemy.of::<Empty>().is_none());
    let empty = Object::new(Empty);
    assert_eq!((empty.class(), empty.methods()), ("Empty", "[]"));
    assert!(empty.of::<Enemy>().is_none());
    assert!(empty != enemy);
    assert!(enemy == enemy.clone());
}

#[test]
fn methods_are_called_through_the_table() {
    let plugin = load();
    let enemy = Enemy::of(10);
    let check = |result: Result<i64, CallError>, expected: &str| {
        assert_eq!(result.unwrap_err().to_string(), expected);
    };
    assert_eq!(enemy.call::<i64>("hit", (3,)).unwrap(), 7);
    check(enemy.call("hit", (-1,)), "no power");
    check(enemy.call("hit", (13,)), "panicked: missed");
    check(enemy.call("hit", ("x",)), "argument `power`: expected int, got string");
    check(enemy.call("hti", ()), "no method `hti`; there are: `hit`, `sayName`, `scaled`");
    check(Object::new(Empty).call("x", ()), "no method `x`; there are: none");
    assert_eq!(enemy.call::<String>("sayName", ("you", true)).unwrap(), "you!");
    assert_eq!(enemy.call::<String>("sayName", ("you",)).unwrap(), "you");
    assert_eq!(enemy.call::<f64>("scaled", ()).unwrap(), 14.0);
    assert_eq!(plugin.call::<i64>("fight", (4,)).unwrap(), 6);

    drop(plugin);
    assert_eq!(enemy.call::<i64>("hit", (1,)).unwrap(), 6, "it needs no host");
}

#[test]
fn the_raw_table_follows_the_header() {
    let object = Enemy::of(10);
    let raw = object.as_raw().as_ptr();
    // SAFETY: the object is alive, and its table static.
    let kind = unsafe { &*(*raw).kind };
    assert!(kind.size as usize >= size_of::<abi::ObjectType>());
    assert_eq!(kind.reserved, 0);
    // SAFETY: terminated and static.
    assert_eq!(unsafe { CStr::from_ptr(kind.name) }.to_str(), Ok("Foe"));
    let int = |value| abi::Value {
        tag: abi::TAG_INT,
        length: 0,
        payload: abi::Payload { integer: value },
    };
    let mut result = abi::Value::NULL;
    let mut call = |name: &str, args: &[abi::Value]| {
        // SAFETY: all is borrowed for the call; scalars need no arena.
        let status = unsafe {
            (kind.call)(
                raw,
                name.as_ptr().cast(),
                name.len(),
                args.as_ptr(),
                args.len() as u32,
                std::ptr::null_mut(),
                &raw mut result,
            )
        };
        // SAFETY: of a null and of an int, all eight bytes are written.
        (status, result.tag, unsafe { result.payload.integer })
    };
    assert_eq!(call("hit", &[int(4)]), (abi::OK, abi::TAG_INT, 6));
    // Without an arena the text has no place; the status is still told.
    assert_eq!(call("hit", &[int(13)]).0, abi::PANIC);
    assert_eq!(call("", &[]).0, abi::NOT_FOUND);
}

#[test]
fn the_last_holder_frees_it_on_whatever_thread() {
    let object = Object::new(Enemy { health: AtomicI64::new(0), drops: &DROPPED });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let object = object.clone();
            scope.spawn(move || {
                for _ in 0..1000 {
                    let held = object.clone();
                    held.of::<Enemy>().unwrap().health.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(DROPPED.load(Ordering::Relaxed), 0);
    let raw = object.into_raw();
    // SAFETY: the count that `into_raw` gave out.
    let object = unsafe { Object::from_raw(raw) };
    assert_eq!(object.of::<Enemy>().unwrap().health.load(Ordering::Relaxed), 4000);
    drop(object);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
}

#[test]
fn a_drop_that_panics_is_contained() {
    drop(Enemy::of(666));
}

/// An object of another maker's, as in C.
#[repr(C)]
struct Foreign {
    object: abi::Object,
    count: AtomicUsize,
}

#[repr(transparent)]
struct Table(abi::ObjectType);
// SAFETY: its pointers lead to static text.
unsafe impl Sync for Table {}

static FOREIGN: Table = Table(abi::ObjectType {
    size: size_of::<abi::ObjectType>() as u32,
    reserved: 0,
    name: c"Foreign".as_ptr(),
    methods: c"[]".as_ptr(),
    retain: foreign_retain,
    release: foreign_release,
    call: foreign_call,
});

unsafe extern "C" fn foreign_retain(object: *mut abi::Object) {
    // SAFETY: a `Foreign`, which the caller holds.
    unsafe { (*object.cast::<Foreign>()).count.fetch_add(1, Ordering::Relaxed) };
}

unsafe extern "C" fn foreign_release(object: *mut abi::Object) {
    // SAFETY: as above; the test's stack has it, nothing is freed.
    unsafe { (*object.cast::<Foreign>()).count.fetch_sub(1, Ordering::Relaxed) };
}

unsafe extern "C" fn foreign_call(
    _: *mut abi::Object,
    _: *const std::ffi::c_char,
    length: usize,
    args: *const abi::Value,
    count: u32,
    _: *mut abi::Arena,
    result: *mut abi::Value,
) -> abi::Status {
    // SAFETY: the caller passes `count` values, and a place for the result.
    unsafe {
        if count == 0 {
            let text = "nothing given";
            result.write(abi::Value {
                tag: abi::TAG_STR,
                length: text.len() as u32,
                payload: abi::Payload { text: text.as_ptr() },
            });
            return abi::ERROR;
        }
        let mut first = *args;
        first.payload.integer += length as i64;
        result.write(first);
    }
    abi::OK
}

#[test]
fn an_object_of_another_maker_is_used_through_its_table() {
    let _plugin = load();
    let foreign =
        Foreign { object: abi::Object { kind: &raw const FOREIGN.0 }, count: AtomicUsize::new(1) };
    let raw = NonNull::from(&foreign).cast::<abi::Object>();
    // SAFETY: the count that it began with is ours; it outlives the handle.
    let object = unsafe { Object::from_raw(raw) };
    let clone = object.clone();
    assert_eq!(foreign.count.load(Ordering::Relaxed), 2);
    assert_eq!(clone.class(), "Foreign");
    assert!(clone.of::<Enemy>().is_none());
    assert_eq!(clone.call::<i64>("four", (38,)).unwrap(), 42);
    let error = clone.call::<i64>("four", ()).unwrap_err();
    assert_eq!(error.to_string(), "nothing given");
    drop((object, clone));
    assert_eq!(foreign.count.load(Ordering::Relaxed), 0);
}
