//! What `#[object]` is written over: a counted object of a Rust type, and its table.

use std::any::{Any, TypeId};
use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use twinplug_abi::{self as abi, Status};
use twinplug_value::{Outcome, panic_text};

use super::{Arguments, Caller, Parameters, written};
use crate::arena::Arena;
use crate::{Error, Result, host};

/// A type whose values are objects; `#[object]` implements it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no type of objects",
    label = "has no methods for the other side",
    note = "put `#[object]` on its `impl` block"
)]
pub trait Class: Send + Sync + Sized + 'static {
    /// The methods.
    const METHODS: &'static [MethodEntry<Self>];
    /// The table that all objects of the type point to: one `static`, as its address
    /// is what tells them.
    fn object_type() -> &'static ObjectType<Self>;
}

/// A method; implemented by a type that stands for it.
pub trait Method: Sized {
    /// Whose method it is.
    type Object;
    /// How many parameters it has, without the object: [`super::Arity`].
    type Params: Parameters<Self>;
    /// What it returns.
    type Outcome: Outcome;
    /// Calls the method.
    fn call(
        object: &Self::Object,
        caller: &Caller<'_>,
        values: <Self::Params as Parameters<Self>>::Values,
    ) -> Self::Outcome;
}

/// A method's name and entry.
pub struct MethodEntry<T> {
    name: &'static str,
    invoke: fn(&T, &Arguments<'_>, &Arena<'_>) -> Result<abi::Value>,
}

impl<T> MethodEntry<T> {
    /// The method that `M` stands for.
    #[must_use]
    pub const fn new<M: Method<Object = T>>(name: &'static str) -> Self {
        MethodEntry { name, invoke: invoke::<M> }
    }
}

fn invoke<M: Method>(
    object: &M::Object,
    args: &Arguments<'_>,
    arena: &Arena<'_>,
) -> Result<abi::Value> {
    let values = M::Params::read(args)?;
    let outcome = M::call(object, &Caller::direct(), values).outcome().map_err(Error::new)?;
    Ok(written(&outcome, arena).map_err(|error| error.of("result"))?)
}

/// The table of a type of objects.
#[repr(transparent)]
pub struct ObjectType<T> {
    raw: abi::ObjectType,
    /// Invariant: the table of a type is not that of its subtypes, whose objects its
    /// functions would read as its own.
    class: PhantomData<fn(T) -> T>,
}

// SAFETY: never written after it was made; its pointers lead to static text, and its
// functions may be called from any thread.
unsafe impl<T> Sync for ObjectType<T> {}

impl<T: Class> ObjectType<T> {
    /// The table; both texts are terminated.
    #[must_use]
    pub const fn new(name: &'static str, methods: &'static [u8]) -> Self {
        assert!(CStr::from_bytes_with_nul(name.as_bytes()).is_ok());
        assert!(CStr::from_bytes_with_nul(methods).is_ok());
        ObjectType {
            raw: abi::ObjectType {
                size: size_of::<abi::ObjectType>() as u32,
                reserved: 0,
                name: name.as_ptr().cast(),
                methods: methods.as_ptr().cast(),
                retain: retain::<T>,
                release: release::<T>,
                call: call::<T>,
            },
            class: PhantomData,
        }
    }
}

/// What an object of ours is. The pointer to it is made of the whole, so that it may be
/// cast back.
#[repr(C)]
struct Counted<T> {
    object: abi::Object,
    count: AtomicUsize,
    /// Of `T`. It stands before the value, so that its place is the same for all `T`.
    class: TypeId,
    value: T,
}

/// An object of a value, with a count of 1.
pub(crate) fn make<T: Class>(value: T) -> NonNull<abi::Object> {
    let object = abi::Object { kind: &raw const T::object_type().raw };
    let counted =
        Box::new(Counted { object, count: AtomicUsize::new(1), class: TypeId::of::<T>(), value });
    NonNull::from(Box::leak(counted)).cast()
}

/// The value, if the object was made of a `T` by this image.
///
/// # Safety
/// The object is alive while `'o` lasts.
pub(crate) unsafe fn downcast<'o, T: Class>(object: NonNull<abi::Object>) -> Option<&'o T> {
    // SAFETY: the caller's promise; the field never changes.
    let kind = unsafe { object.as_ref().kind };
    if !std::ptr::eq(kind, &raw const T::object_type().raw) {
        return None;
    }
    // SAFETY: only `make` makes objects with a table of this kind, and what stands before
    // the value is of one layout for all types. It never changes.
    let class = unsafe { (&raw const (*object.cast::<Counted<()>>().as_ptr()).class).read() };
    // The address alone would believe `Class`, which safe code implements.
    // SAFETY: made of a `T`, as the object itself says; alive while `'o` lasts.
    (class == TypeId::of::<T>()).then(|| unsafe { &object.cast::<Counted<T>>().as_ref().value })
}

unsafe extern "C" fn retain<T: Class>(object: *mut abi::Object) {
    // SAFETY: an object of this table, which the caller holds.
    let counted = unsafe { &*object.cast::<Counted<T>>() };
    // Relaxed: who retains holds one already. `Arc` has the same bound: a count that
    // wraps around would free what is in use.
    if counted.count.fetch_add(1, Ordering::Relaxed) > isize::MAX as usize {
        std::process::abort();
    }
}

unsafe extern "C" fn release<T: Class>(object: *mut abi::Object) {
    let counted = object.cast::<Counted<T>>();
    // SAFETY: an object of this table, which the caller holds, for the last time.
    if unsafe { (*counted).count.fetch_sub(1, Ordering::Release) } != 1 {
        return;
    }
    // What others did before they released is seen by the drop.
    fence(Ordering::Acquire);
    // SAFETY: made by `make`, and nobody holds it any more.
    let counted = unsafe { Box::from_raw(counted) };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(counted))) {
        // There is nobody to tell.
        drop(panic_text(panic));
    }
}

unsafe extern "C" fn call<T: Class>(
    object: *mut abi::Object,
    method: *const c_char,
    method_length: usize,
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    let host = host::current();
    // SAFETY: the caller's arena, for the call.
    let arena = unsafe { Arena::new(host.as_ref(), arena) };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: an object of this table, which the caller holds while the call runs.
        let value = unsafe { &(*object.cast::<Counted<T>>()).value };
        // SAFETY: name and arguments are borrowed until we return.
        let (name, args) = unsafe { (name(method, method_length), Arguments::new(args, count)) };
        let entry = T::METHODS.iter().find(|entry| entry.name.as_bytes() == name);
        let entry = entry.ok_or_else(|| unknown::<T>(name))?;
        (entry.invoke)(value, &args, &arena)
    }));
    match ran {
        // SAFETY: `result` is the caller's place for one value.
        Ok(Ok(value)) => unsafe {
            result.write(value);
            abi::OK
        },
        // SAFETY: as above.
        Ok(Err(error)) => unsafe { failed(&arena, result, error) },
        // SAFETY: as above.
        Err(panic) => unsafe { panicked(&arena, result, panic) },
    }
}

/// # Safety
/// `text` is readable for `length` bytes while `'t` lasts.
unsafe fn name<'t>(text: *const c_char, length: usize) -> &'t [u8] {
    match length {
        0 => &[],
        // SAFETY: the caller's promise.
        length => unsafe { std::slice::from_raw_parts(text.cast(), length) },
    }
}

fn unknown<T: Class>(name: &[u8]) -> Error {
    let known: Vec<String> = T::METHODS.iter().map(|entry| format!("`{}`", entry.name)).collect();
    let text = format!(
        "no method `{}`; there are: {}",
        String::from_utf8_lossy(name),
        if known.is_empty() { "none".to_owned() } else { known.join(", ") }
    );
    Error { status: abi::NOT_FOUND, text }
}

/// # Safety
/// `result` is a place for one value.
#[cold]
unsafe fn failed(arena: &Arena<'_>, result: *mut abi::Value, error: Error) -> Status {
    match written(&error.text, arena) {
        Ok(text) => {
            // SAFETY: the caller's promise.
            unsafe { result.write(text) };
            error.status
        }
        // Without text: there is no memory, or no host yet to ask for any.
        Err(_) => error.status,
    }
}

/// # Safety
/// As [`failed`].
#[cold]
unsafe fn panicked(
    arena: &Arena<'_>,
    result: *mut abi::Value,
    panic: Box<dyn Any + Send>,
) -> Status {
    // SAFETY: the caller's promise.
    unsafe { failed(arena, result, Error { status: abi::PANIC, text: panic_text(panic) }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Honest;
    struct Liar(u64);

    static TABLE: ObjectType<Honest> = ObjectType::new("Honest\0", b"[]\0");

    impl Class for Honest {
        const METHODS: &'static [MethodEntry<Self>] = &[];
        fn object_type() -> &'static ObjectType<Self> {
            &TABLE
        }
    }

    impl Class for Liar {
        const METHODS: &'static [MethodEntry<Self>] = &[];
        fn object_type() -> &'static ObjectType<Self> {
            // SAFETY: of the same layout; what is called of it drops nothing but numbers.
            unsafe { &*(&raw const TABLE).cast() }
        }
    }

    #[test]
    fn a_shared_table_does_not_make_one_type_of_two() {
        let object = crate::Object::new(Honest);
        assert!(object.of::<Honest>().is_some());
        assert!(object.of::<Liar>().is_none());
        let liar = make(Liar(7));
        // SAFETY: alive until it is freed below.
        let (own, other) = unsafe { (downcast::<Liar>(liar), downcast::<Honest>(liar)) };
        assert_eq!(own.map(|liar| liar.0), Some(7));
        assert!(other.is_none());
        // SAFETY: as `make` made it; nobody else has it.
        drop(unsafe { Box::from_raw(liar.cast::<Counted<Liar>>().as_ptr()) });
    }
}
