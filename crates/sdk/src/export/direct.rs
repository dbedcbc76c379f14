//! Direct entries: an exported function itself, for a signature of scalars alone.
//!
//! Not for `f32`, `i32` and other types that are narrower than what crosses: there
//! the general entry checks the range.

use std::any::Any;
use std::marker::PhantomData;
use std::mem::transmute;
use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_abi::{self as abi, Direct, Fault, Status};
use twinplug_value::{Data, Outcome, Type, panic_text};

use super::{Caller, Func, Parameters, Values};

mod sealed {
    /// Only this crate says what a scalar is in C.
    pub trait Sealed {}
}
use sealed::Sealed;

/// What a direct entry may return: a scalar, or nothing.
pub trait ScalarResult: Data + Sealed {
    /// As C has it; of nothing, nothing.
    type Raw: Copy + Default;
    /// Whether there is a place to write it to.
    const IS_WRITTEN: bool;
    /// From C.
    fn from_raw(raw: Self::Raw) -> Self;
    /// To C.
    fn into_raw(self) -> Self::Raw;
}

/// A type that is itself in a direct entry: `i64`, `f64`, `bool`.
pub trait Scalar: ScalarResult + Copy {}

macro_rules! scalars {
    ($($type:ty, $raw:ty, $value:ident => $from:expr;)*) => {$(
        impl Sealed for $type {}
        impl Scalar for $type {}
        impl ScalarResult for $type {
            type Raw = $raw;
            const IS_WRITTEN: bool = true;
            #[inline(always)]
            fn from_raw($value: $raw) -> Self {
                $from
            }
            #[inline(always)]
            fn into_raw(self) -> $raw {
                self
            }
        }
    )*};
}
scalars! {
    i64, i64, value => value;
    f64, f64, value => value;
    bool, bool, value => value;
}

impl Sealed for () {}
impl ScalarResult for () {
    type Raw = ();
    const IS_WRITTEN: bool = false;
    fn from_raw((): ()) {}
    fn into_raw(self) {}
}

/// The direct entry of `F`: `DirectOf::<F>::ENTRY`, which is `Some` where its parameters
/// and its result are scalars. Where they are not, the constant is [`NoDirect`]'s,
/// which has to be in scope.
pub struct DirectOf<F>(PhantomData<F>);

/// The direct entry of a function that has none.
pub trait NoDirect {
    /// What stands for the function.
    type Func;
    /// None.
    const ENTRY: Option<DirectEntry<Self::Func>> = None;
}

impl<F> NoDirect for DirectOf<F> {
    type Func = F;
}

/// A direct entry of the function that `F` stands for. Only [`DirectOf`] has one.
pub struct DirectEntry<F> {
    pub(super) function: Direct,
    /// The same for a leaf function.
    pub(super) leaf: Direct,
    /// The types that the entry takes and returns: what a host may call it by.
    pub(super) params: &'static [&'static Type],
    pub(super) result: &'static Type,
    /// Invariant, as of a subtype it would be another function's.
    func: PhantomData<fn(F) -> F>,
}

impl<F: Func> DirectOf<F>
where
    Values<F>: Scalars<F>,
    <F::Outcome as Outcome>::Value: ScalarResult,
{
    /// The entry.
    pub const ENTRY: Option<DirectEntry<F>> = Some(<Values<F> as Scalars<F>>::ENTRY);
}

/// Up to 6 scalars, as the parameters of `F`.
pub trait Scalars<F> {
    /// The entry of `F`. Nobody else can make one.
    const ENTRY: DirectEntry<F>;
}

/// As C has the result of `F`.
type RawResult<F> = <<<F as Func>::Outcome as Outcome>::Value as ScalarResult>::Raw;

macro_rules! entries {
    ($($($item:ident $arg:ident)*;)*) => {$(
        impl<F, $($item: Scalar),*> Scalars<F> for ($($item,)*)
        where
            F: Func<Params: Parameters<F, Values = ($($item,)*)>>,
            <F::Outcome as Outcome>::Value: ScalarResult,
        {
            const ENTRY: DirectEntry<F> = {
                unsafe extern "C" fn with_result<F, $($item: Scalar,)* const IS_LEAF: bool>(
                    fault: *mut Fault,
                    $($arg: $item::Raw,)*
                    result: *mut RawResult<F>,
                ) -> Status
                where
                    F: Func<Params: Parameters<F, Values = ($($item,)*)>>,
                    <F::Outcome as Outcome>::Value: ScalarResult,
                {
                    if IS_LEAF {
                        twinplug_value::end_of_stack!();
                    }
                    let values = ($($item::from_raw($arg),)*);
                    // SAFETY: the host's fault and result, valid until we return.
                    unsafe { answer::<F>(fault, values, |value| result.write(value)) }
                }

                unsafe extern "C" fn without_result<F, $($item: Scalar,)* const IS_LEAF: bool>(
                    fault: *mut Fault,
                    $($arg: $item::Raw,)*
                ) -> Status
                where
                    F: Func<Params: Parameters<F, Values = ($($item,)*)>>,
                    <F::Outcome as Outcome>::Value: ScalarResult,
                {
                    if IS_LEAF {
                        twinplug_value::end_of_stack!();
                    }
                    let values = ($($item::from_raw($arg),)*);
                    // SAFETY: the host's fault, valid until we return.
                    unsafe { answer::<F>(fault, values, |_| ()) }
                }

                type With<F, $($item),*> = unsafe extern "C" fn(
                    *mut Fault, $(<$item as ScalarResult>::Raw,)* *mut RawResult<F>,
                ) -> Status;
                type Without<$($item),*> =
                    unsafe extern "C" fn(*mut Fault, $(<$item as ScalarResult>::Raw,)*) -> Status;

                let entries: [Direct; 2] = if <F::Outcome as Outcome>::Value::IS_WRITTEN {
                    let entries: [With<F, $($item),*>; 2] =
                        [with_result::<F, $($item,)* false>, with_result::<F, $($item,)* true>];
                    // SAFETY: function pointers are of one size; the host casts back to
                    // the type that follows from the signature, which is this one.
                    unsafe { transmute::<[With<F, $($item),*>; 2], [Direct; 2]>(entries) }
                } else {
                    let entries: [Without<$($item),*>; 2] =
                        [without_result::<F, $($item,)* false>, without_result::<F, $($item,)* true>];
                    // SAFETY: as above.
                    unsafe { transmute::<[Without<$($item),*>; 2], [Direct; 2]>(entries) }
                };
                DirectEntry {
                    function: entries[0],
                    leaf: entries[1],
                    params: &[$(<$item as Data>::SCHEMA),*],
                    result: <<F::Outcome as Outcome>::Value as Data>::SCHEMA,
                    func: PhantomData,
                }
            };
        }
    )*};
}
entries! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e G g;
}

/// Calls the function, and puts its result where it goes.
///
/// # Safety
/// `fault` is null or what the host passed to an entry that has not returned.
#[inline(always)]
unsafe fn answer<F: Func>(
    fault: *mut Fault,
    values: Values<F>,
    put: impl FnOnce(RawResult<F>),
) -> Status
where
    <F::Outcome as Outcome>::Value: ScalarResult,
{
    let called = catch_unwind(AssertUnwindSafe(|| {
        let outcome = F::call(&Caller::direct(), values).outcome();
        outcome.map(ScalarResult::into_raw).map_err(|fault| fault.into_text())
    }));
    match called {
        Ok(Ok(result)) => {
            put(result);
            abi::OK
        }
        // SAFETY: the caller's promise.
        Ok(Err(text)) => unsafe { failed(fault, text) },
        // SAFETY: as above.
        Err(panic) => unsafe { panicked(fault, panic) },
    }
}

/// # Safety
/// As [`answer`].
#[cold]
#[inline(never)]
unsafe fn failed(fault: *mut Fault, text: String) -> Status {
    // SAFETY: the caller's promise.
    unsafe { keep(fault, &text) };
    abi::ERROR
}

/// # Safety
/// As [`answer`].
#[cold]
#[inline(never)]
unsafe fn panicked(fault: *mut Fault, panic: Box<dyn Any + Send>) -> Status {
    // SAFETY: the caller's promise.
    unsafe { keep(fault, &panic_text(panic)) };
    abi::PANIC
}

/// # Safety
/// As [`answer`].
unsafe fn keep(fault: *mut Fault, text: &str) {
    // SAFETY: the caller's promise; a host that wants no text passes null.
    if let Some(keep) = unsafe { fault.as_ref() }.map(|fault| fault.keep) {
        // SAFETY: the host's, which copies the text while it is borrowed.
        unsafe { keep(fault, text.as_ptr().cast(), text.len()) };
    }
}
