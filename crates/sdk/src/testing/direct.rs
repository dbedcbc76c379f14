//! A direct entry called, and where it leaves the text of its error.

use std::ffi::c_char;
use std::mem::transmute;

use twinplug_abi::{self as abi, Direct, Fault, Status};
use twinplug_value::{Args, Data, Type};

use crate::export::{Scalar, ScalarResult};
use crate::{Error, Result};

/// The arguments of a direct entry: a tuple of up to 6 of `i64`, `f64` and `bool`.
pub trait ScalarArgs: Args + Copy {
    /// Their types.
    const SCALARS: &'static [&'static Type];

    /// Calls an entry.
    ///
    /// # Safety
    /// `entry` is the direct entry of a function of these parameters and this result.
    #[doc(hidden)]
    unsafe fn invoke<R: ScalarResult>(
        self,
        entry: Direct,
        fault: *mut Fault,
        result: &mut R::Raw,
    ) -> Status;
}

macro_rules! arguments {
    ($($($item:ident $arg:ident)*;)*) => {$(
        impl<$($item: Scalar),*> ScalarArgs for ($($item,)*) {
            const SCALARS: &'static [&'static Type] = &[$(<$item as Data>::SCHEMA),*];

            unsafe fn invoke<Returned: ScalarResult>(
                self,
                entry: Direct,
                fault: *mut Fault,
                result: &mut Returned::Raw,
            ) -> Status {
                type With<Returned, $($item),*> = unsafe extern "C" fn(
                    *mut Fault, $(<$item as ScalarResult>::Raw,)* *mut <Returned as ScalarResult>::Raw,
                ) -> Status;
                type Without<$($item),*> =
                    unsafe extern "C" fn(*mut Fault, $(<$item as ScalarResult>::Raw,)*) -> Status;
                let ($($arg,)*) = self;
                // SAFETY: by the caller's promise of the types, the header says that the
                // entry is of this one; fault and result live until it returns.
                unsafe {
                    if Returned::IS_WRITTEN {
                        let entry = transmute::<Direct, With<Returned, $($item),*>>(entry);
                        entry(fault, $($arg.into_raw(),)* result)
                    } else {
                        let entry = transmute::<Direct, Without<$($item),*>>(entry);
                        entry(fault, $($arg.into_raw(),)*)
                    }
                }
            }
        }
    )*};
}
arguments! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
}

/// Calls a direct entry, and reads its result or its error.
///
/// # Safety
/// As [`ScalarArgs::invoke`].
pub(super) unsafe fn call<R: ScalarResult>(entry: Direct, args: impl ScalarArgs) -> Result<R> {
    let mut text = String::new();
    let mut fault = Fault { text: std::ptr::null(), length: 0, keep, kept: (&raw mut text).cast() };
    let mut result = R::Raw::default();
    // SAFETY: the caller's promise.
    let status = unsafe { args.invoke::<R>(entry, &raw mut fault, &mut result) };
    if status == abi::OK {
        return Ok(R::from_raw(result));
    }
    // SAFETY: static text, or the copy that `keep` has made.
    let text = unsafe { super::services::text(fault.text, fault.length)? };
    Err(Error { status, text: text.to_owned() })
}

unsafe extern "C" fn keep(fault: *mut Fault, text: *const c_char, length: usize) {
    // SAFETY: the fault of `call`, which waits for the entry; the text is borrowed.
    unsafe {
        let text = super::services::text(text, length).unwrap_or("text that is not UTF-8");
        let kept = &mut *(*fault).kept.cast::<String>();
        text.clone_into(kept);
        (*fault).text = kept.as_ptr().cast();
        (*fault).length = kept.len();
    }
}
