//! [`Function`]: a function as a value.

use std::any::Any;
use std::fmt;
use std::pin::Pin;
use std::ptr::NonNull;

use twinplug_abi::{self as abi, Status};

use super::answer::{answer, ask, ask_here, write_values};
use super::counted::Counted;
use super::{CallError, RawArgs, RawSink, RawValues, Returned};
use crate::convert::to_sink;
use crate::{Args, Callable, ConvertError, Data, Outcome, Params, Signature, Value};

/// A function as a value: made by the host, a script or a native plugin, and called by any of
/// them, from any thread. A clone is the same function.
///
/// ```
/// # use twinplug_value::Function;
/// let scale = Function::new(|x: f64, by: f64| x * by);
/// assert_eq!(scale.call::<f64>((2.0, 3.0))?, 6.0);
/// let error = scale.call::<f64>((2.0, "x")).unwrap_err();
/// assert_eq!(error.to_string(), "argument 2: expected float, got string");
/// # Ok::<(), twinplug_value::CallError>(())
/// ```
///
/// It belongs to who made it: once that plugin was unloaded, a call is an error that says so.
pub struct Function {
    raw: NonNull<abi::Func>,
}

/// What is behind a function of this image.
pub trait Callee: Any + Send + Sync {
    /// Calls it; one value is written.
    ///
    /// # Errors
    /// The arguments are of other types, or it failed.
    fn call(&self, args: RawValues<'_>, result: &mut RawSink<'_>) -> Result<(), CallError>;

    /// The function of another image that it stands for: all that stand for one are equal.
    fn stands_for(&self) -> Option<&Function> {
        None
    }
}

type Body = Counted<abi::Func, Box<dyn Callee>>;

/// The table of all functions of this image: its address tells them.
static TYPE: abi::FuncType = abi::FuncType {
    size: size_of::<abi::FuncType>() as u32,
    reserved: 0,
    retain: Body::retain,
    release: Body::release,
    call,
};

// SAFETY: the ABI says of all that a function's table offers: any thread. A `Callee` is `Send`
// and `Sync`.
unsafe impl Send for Function {}
// SAFETY: as above.
unsafe impl Sync for Function {}

impl Function {
    /// A function of a closure of up to 8 parameters.
    #[must_use]
    pub fn new<P: Params + 'static, F: Callable<P>>(function: F) -> Function {
        let params = std::marker::PhantomData;
        Function::of(Closure { function, signature: F::signature(), params })
    }

    /// A function of what can be called.
    #[must_use]
    pub fn of(callee: impl Callee) -> Function {
        let head = abi::Func { kind: &raw const TYPE };
        Function { raw: Body::leaked(head, Box::new(callee)) }
    }

    /// What is behind it, if it is a `C` of this image.
    #[must_use]
    pub fn callee<C: Callee>(&self) -> Option<&C> {
        (self.here()? as &dyn Any).downcast_ref()
    }

    /// What is behind it, if it is of this image.
    pub(super) fn here(&self) -> Option<&dyn Callee> {
        // SAFETY: alive as long as `self`; what has this table was made by `of`.
        unsafe {
            let ours = std::ptr::eq(self.raw.as_ref().kind, &raw const TYPE);
            ours.then(|| &**Body::body(self.raw.as_ptr()))
        }
    }

    /// An address in the code of who made it.
    pub(super) fn maker(&self) -> usize {
        // SAFETY: alive as long as `self`, with its table.
        unsafe { (*self.raw.as_ref().kind).release as usize }
    }

    /// What tells it from others.
    pub(super) fn identity(&self) -> NonNull<abi::Func> {
        self.here().and_then(Callee::stands_for).map_or(self.raw, |theirs| theirs.raw)
    }

    /// Calls it: `scale.call::<f64>((2.0, 3.0))`.
    ///
    /// # Errors
    /// The arguments or the result are of other types, the function failed, its plugin was
    /// unloaded, or there is no memory.
    pub fn call<R: Data>(&self, args: impl Args) -> Result<R, CallError> {
        self.call_written(|sink| args.write(sink))
    }

    /// The same with values.
    ///
    /// # Errors
    /// As [`Function::call`].
    pub fn call_values(&self, args: &[Value]) -> Result<Value, CallError> {
        self.call_written(|sink| write_values(args, sink))
    }

    fn call_written<R: Data>(
        &self,
        write: impl FnOnce(&mut RawSink<'_>) -> Result<(), ConvertError>,
    ) -> Result<R, CallError> {
        if let Some(callee) = self.here() {
            return ask_here(write, |args, result| callee.call(args, result));
        }
        ask(write, |args, count, arena, result| {
            // SAFETY: we hold it; arguments and arena are ours until it returns.
            unsafe {
                ((*self.raw.as_ref().kind).call)(self.raw.as_ptr(), args, count, arena, result)
            }
        })
    }

    /// Calls it with raw arguments, and says what it has answered.
    #[must_use]
    pub fn call_raw(&self, args: RawArgs<'_>, result: Pin<&mut Returned>) -> Status {
        let values = args.values();
        let Ok(count) = u32::try_from(values.len()) else { return abi::ERROR };
        // SAFETY: we hold it; what is behind its table follows the ABI. The arguments may be
        // read meanwhile.
        unsafe {
            let (place, arena) = result.place();
            let func = self.raw.as_ptr();
            ((*self.raw.as_ref().kind).call)(func, values.as_ptr(), count, arena, place)
        }
    }

    /// Counts one more holder of a function.
    ///
    /// # Safety
    /// `raw` follows the ABI and is alive. What made it stays mapped as long as it lives.
    pub(super) unsafe fn borrowed(raw: NonNull<abi::Func>) -> Function {
        // SAFETY: as the caller says.
        unsafe { ((*raw.as_ref().kind).retain)(raw.as_ptr()) };
        Function { raw }
    }

    /// The function as the ABI has it, borrowed.
    #[must_use]
    pub fn as_raw(&self) -> NonNull<abi::Func> {
        self.raw
    }

    /// Hands it out, with its count.
    pub(super) fn into_raw(self) -> NonNull<abi::Func> {
        std::mem::ManuallyDrop::new(self).raw
    }
}

impl Clone for Function {
    fn clone(&self) -> Self {
        // SAFETY: we hold it, and what made it stays mapped as long.
        unsafe { Function::borrowed(self.raw) }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // SAFETY: our count, given back once.
        unsafe { ((*self.raw.as_ref().kind).release)(self.raw.as_ptr()) }
    }
}

/// The same function, not an equal one.
impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for Function {}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({:p})", self.raw)
    }
}

struct Closure<F, P> {
    function: F,
    signature: Signature,
    params: std::marker::PhantomData<fn(P)>,
}

impl<P: Params + 'static, F: Callable<P>> Callee for Closure<F, P> {
    fn call(&self, args: RawValues<'_>, result: &mut RawSink<'_>) -> Result<(), CallError> {
        self.signature.check_count(args.count())?;
        let outcome = self.function.invoke(P::read(args)?).outcome().map_err(CallError::failed)?;
        to_sink(&outcome, result).map_err(|error| error.of("result"))?;
        Ok(())
    }
}

unsafe extern "C" fn call(
    func: *mut abi::Func,
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: one of this table, which the caller holds while the call runs, with arguments, an
    // arena and a place for the result as the ABI says.
    unsafe {
        let callee = Body::body(func);
        answer(args, count, arena, result, |args, sink| callee.call(args, sink))
    }
}
