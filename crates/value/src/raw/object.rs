//! [`Object`]: an opaque, counted thing with methods.

use std::any::Any;
use std::borrow::Cow;
use std::ffi::{CStr, c_char};
use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;

use twinplug_abi::{self as abi, Status};

use super::answer::{answer, ask, ask_here, write_values};
use super::class::Class;
use super::counted::Counted;
use super::{CallError, CallFault, RawArgs, RawSink, RawValues, Returned};
use crate::{Args, ConvertError, Data, Value};

/// A thing with methods, made by the host, a script or a native plugin, and used by any of them,
/// from any thread. It is counted: a clone is the same thing.
///
/// `#[object]` on an `impl` block gives a Rust type methods.
///
/// It belongs to who made it: once that plugin was unloaded, a call is an error that says so.
pub struct Object {
    raw: NonNull<abi::Object>,
}

/// What is behind an object of this image.
pub trait Methods: Any + Send + Sync {
    /// Calls the method of that name; one value is written.
    ///
    /// # Errors
    /// There is none, the arguments are of other types, or it failed.
    fn call(
        &self,
        method: &str,
        args: RawValues<'_>,
        result: &mut RawSink<'_>,
    ) -> Result<(), CallError>;

    /// The object of another image that it stands for: all that stand for one are equal.
    fn stands_for(&self) -> Option<&Object> {
        None
    }
}

/// The table of an object of this image, which says so.
#[repr(C)]
struct Table {
    table: abi::ObjectType,
    image: *const u8,
}

/// Its address is this image's alone.
static IMAGE: u8 = 0;

/// What is behind the head; its table lies here as well.
struct Body {
    table: Table,
    /// What the table's two texts are.
    _texts: [Cow<'static, CStr>; 2],
    methods: Box<dyn Methods>,
}

// SAFETY: the table is never written after it was made; its pointers lead to the texts beside
// it and to what lives as long as the image. The rest is so by itself.
unsafe impl Send for Body {}
// SAFETY: as above.
unsafe impl Sync for Body {}

type Counting = Counted<abi::Object, Body>;

// SAFETY: the ABI says of all that an object's table offers: any thread. `Methods` are `Send`
// and `Sync`.
unsafe impl Send for Object {}
// SAFETY: as above.
unsafe impl Sync for Object {}

impl Object {
    /// An object of a value.
    #[must_use]
    pub fn new<T: Class>(value: T) -> Object {
        let table = T::table();
        Object::with_methods(Cow::Borrowed(table.name()), Cow::Borrowed(table.methods()), value)
    }

    /// An object of what has methods: the name of its type, and the methods as JSON:
    /// `[{"name": "lock", "type": "(by: int) -> int"}]`.
    #[must_use]
    pub fn with_methods(
        name: Cow<'static, CStr>,
        json: Cow<'static, CStr>,
        methods: impl Methods,
    ) -> Object {
        let table = abi::ObjectType {
            size: size_of::<Table>() as u32,
            reserved: 0,
            // Borrowed text is static, and owned text stays where it is.
            name: name.as_ptr(),
            methods: json.as_ptr(),
            retain: Counting::retain,
            release: Counting::release,
            call,
        };
        let table = Table { table, image: &raw const IMAGE };
        let body = Body { table, _texts: [name, json], methods: Box::new(methods) };
        let head = |body: &Body| abi::Object { kind: (&raw const body.table).cast() };
        Object { raw: Counting::with_head(body, head) }
    }

    /// What is behind it, if it is an `M` of this image.
    #[must_use]
    pub fn downcast<M: Methods>(&self) -> Option<&M> {
        (self.here()? as &dyn Any).downcast_ref()
    }

    /// What is behind it, if it is of this image.
    pub(super) fn here(&self) -> Option<&dyn Methods> {
        let kind = self.kind();
        if (kind.size as usize) < size_of::<Table>() {
            return None;
        }
        // SAFETY: a table is as long as it says, and starts with what the ABI has. What follows
        // there may be anything: it is compared with an address that no other image has.
        let image = unsafe { (&raw const (*(&raw const *kind).cast::<Table>()).image).read() };
        // SAFETY: made by `with_methods`, which alone makes such tables; alive as long as `self`.
        std::ptr::eq(image, &raw const IMAGE)
            .then(|| unsafe { &*Counting::body(self.raw.as_ptr()).methods })
    }

    /// An address in the code of who made it.
    pub(super) fn maker(&self) -> usize {
        self.kind().release as usize
    }

    /// What tells it from others.
    pub(super) fn identity(&self) -> NonNull<abi::Object> {
        self.here().and_then(Methods::stands_for).map_or(self.raw, |theirs| theirs.raw)
    }

    /// The value in it, if it is one of a `T` that was made here.
    #[must_use]
    pub fn of<T: Class>(&self) -> Option<&T> {
        self.downcast()
    }

    /// The name of its type.
    #[must_use]
    pub fn class(&self) -> &str {
        // SAFETY: the ABI says that the name is terminated, and stays as long as the object.
        unsafe { text(self.kind().name) }
    }

    /// Its methods as JSON: `[{"name": "lock", "type": "(by: int) -> int"}]`.
    #[must_use]
    pub fn methods(&self) -> &str {
        // SAFETY: as for `class`.
        unsafe { text(self.kind().methods) }
    }

    /// Calls a method: `door.call::<i64>("lock", (2,))`.
    ///
    /// # Errors
    /// There is no such method, the arguments or the result are of other types, the method
    /// failed, its plugin was unloaded, or there is no memory.
    pub fn call<R: Data>(&self, method: &str, args: impl Args) -> Result<R, CallError> {
        self.call_written(method, |sink| args.write(sink))
    }

    /// The same with values.
    ///
    /// # Errors
    /// As [`Object::call`].
    pub fn call_values(&self, method: &str, args: &[Value]) -> Result<Value, CallError> {
        self.call_written(method, |sink| write_values(args, sink))
    }

    fn call_written<R: Data>(
        &self,
        method: &str,
        write: impl FnOnce(&mut RawSink<'_>) -> Result<(), ConvertError>,
    ) -> Result<R, CallError> {
        if let Some(methods) = self.here() {
            return ask_here(write, |args, result| methods.call(method, args, result));
        }
        ask(write, |args, count, arena, result| {
            let name = method.as_ptr().cast();
            // SAFETY: we hold it; name, arguments and arena are ours until it returns.
            unsafe {
                let object = self.raw.as_ptr();
                (self.kind().call)(object, name, method.len(), args, count, arena, result)
            }
        })
    }

    /// Calls a method with raw arguments, and says what it has answered.
    #[must_use]
    pub fn call_raw(&self, method: &str, args: RawArgs<'_>, result: Pin<&mut Returned>) -> Status {
        let values = args.values();
        let Ok(count) = u32::try_from(values.len()) else { return abi::ERROR };
        let (name, length) = (method.as_ptr().cast(), method.len());
        // SAFETY: we hold it; what is behind its table follows the ABI. Name and arguments may
        // be read meanwhile.
        unsafe {
            let (place, arena) = result.place();
            let object = self.raw.as_ptr();
            (self.kind().call)(object, name, length, values.as_ptr(), count, arena, place)
        }
    }

    fn kind(&self) -> &abi::ObjectType {
        // SAFETY: the ABI says that an object's table is there as long as the object, of which
        // we hold a count.
        unsafe { &*self.raw.as_ref().kind }
    }

    /// Takes over one count of an object.
    ///
    /// # Safety
    /// `raw` follows the ABI, and the caller holds a count of it, which is ours from now on. What
    /// made it stays mapped as long as it lives.
    #[must_use]
    pub unsafe fn from_raw(raw: NonNull<abi::Object>) -> Object {
        Object { raw }
    }

    /// Counts one more holder of an object.
    ///
    /// # Safety
    /// `raw` follows the ABI and is alive. What made it stays mapped as long as it lives.
    pub(super) unsafe fn borrowed(raw: NonNull<abi::Object>) -> Object {
        // SAFETY: as the caller says.
        unsafe { ((*raw.as_ref().kind).retain)(raw.as_ptr()) };
        Object { raw }
    }

    /// The object as the ABI has it, borrowed.
    #[must_use]
    pub fn as_raw(&self) -> NonNull<abi::Object> {
        self.raw
    }

    /// Hands the object out, with its count; [`Object::from_raw`] takes it back.
    #[must_use]
    pub fn into_raw(self) -> NonNull<abi::Object> {
        std::mem::ManuallyDrop::new(self).raw
    }
}

/// # Safety
/// `text` is null, or terminated while `'t` lasts.
unsafe fn text<'t>(text: *const c_char) -> &'t str {
    if text.is_null() {
        return "";
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("")
}

impl Clone for Object {
    fn clone(&self) -> Self {
        // SAFETY: we hold it, and what made it stays mapped as long.
        unsafe { Object::borrowed(self.raw) }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: our count, given back once.
        unsafe { (self.kind().release)(self.raw.as_ptr()) }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.class()).finish()
    }
}

/// The same object, not an equal one.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Object {}

unsafe extern "C" fn call(
    object: *mut abi::Object,
    method: *const c_char,
    method_length: usize,
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: one of this table, which the caller holds while the call runs, with a name,
    // arguments, an arena and a place for the result as the ABI says.
    unsafe {
        let body = Counting::body(object);
        answer(args, count, arena, result, |args, sink| {
            let name = match method_length {
                0 => &[],
                _ if method.is_null() => {
                    return Err(CallError::new(CallFault::Failed, "no method's name"));
                }
                length => std::slice::from_raw_parts(method.cast(), length),
            };
            let name = String::from_utf8_lossy(name);
            body.methods.call(&name, args, sink)
        })
    }
}
