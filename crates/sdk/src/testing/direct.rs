//! A direct entry called, and where it leaves the text of its error.

use std::ffi::c_char;
use std::mem::{MaybeUninit, transmute};

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
    /// `entry` is the direct entry of a function of these parameters and this result, and
    /// `fault` and `result` are places for it.
    #[doc(hidden)]
    unsafe fn invoke<R: ScalarResult>(
        self,
        entry: Direct,
        fault: *mut Fault,
        result: *mut R::Raw,
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
                result: *mut Returned::Raw,
            ) -> Status {
                type With<Returned, $($item),*> = unsafe extern "C" fn(
                    *mut Fault, $(<$item as ScalarResult>::Raw,)* *mut <Returned as ScalarResult>::Raw,
                ) -> Status;
                type Without<$($item),*> =
                    unsafe extern "C" fn(*mut Fault, $(<$item as ScalarResult>::Raw,)*) -> Status;
                let ($($arg,)*) = self;
                // SAFETY: by the caller's promise of the types, the header says that the
                // entry is of this one; fault and result are its places.
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
/// `entry` is the direct entry of a function of these parameters and this result.
pub(super) unsafe fn call<R: ScalarResult>(entry: Direct, args: impl ScalarArgs) -> Result<R> {
    let mut text = String::new();
    let mut fault = Fault { text: std::ptr::null(), length: 0, keep, kept: (&raw mut text).cast() };
    // Zero where the entry writes nothing, and no `bool` before its byte was looked at.
    let mut result = MaybeUninit::<R::Raw>::zeroed();
    // SAFETY: the caller's promise; both places live until the entry has returned.
    let status = unsafe { args.invoke::<R>(entry, &raw mut fault, result.as_mut_ptr()) };
    if status == abi::OK {
        // SAFETY: zero, or what the entry has written, of the type that it has.
        return unsafe { read(&result) };
    }
    // SAFETY: static text, or the copy that `keep` has made.
    let text = unsafe { super::services::text(fault.text, fault.length)? };
    Err(Error { status, text: text.to_owned() })
}

/// # Safety
/// Each byte of the place is initialised; a number or nothing is in it, or a byte for a
/// `bool`.
unsafe fn read<R: ScalarResult>(place: &MaybeUninit<R::Raw>) -> Result<R> {
    if matches!(R::SCHEMA, Type::Bool) {
        // SAFETY: a `bool` is one byte.
        let byte = unsafe { place.as_ptr().cast::<u8>().read() };
        if byte > 1 {
            let text = format!("result: expected bool, got the byte {byte}");
            return Err(Error { status: abi::TYPE, text });
        }
    }
    // SAFETY: any number is one, nothing is nothing, and the byte of a `bool` is 0 or 1.
    Ok(R::from_raw(unsafe { place.assume_init() }))
}

unsafe extern "C" fn keep(fault: *mut Fault, text: *const c_char, length: usize) {
    // SAFETY: the text is borrowed. It is copied before anything is written: it may be
    // the one that was kept before.
    let text = match unsafe { super::services::text(text, length) } {
        Ok(text) => text.to_owned(),
        Err(error) => error.text,
    };
    // SAFETY: the fault of `call`, which waits for the entry, and its `String`, to which
    // nothing else leads but `fault.text`, written here as well.
    unsafe {
        let kept = &mut *(*fault).kept.cast::<String>();
        *kept = text;
        (*fault).text = kept.as_ptr().cast();
        (*fault).length = kept.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves a text twice, the second time a part of the first as it was kept.
    unsafe extern "C" fn twice(fault: *mut Fault) -> Status {
        let text = String::from("first and last");
        // SAFETY: the fault of this call; its text is what `keep` has just kept.
        unsafe {
            ((*fault).keep)(fault, text.as_ptr().cast(), text.len());
            drop(text);
            ((*fault).keep)(fault, (*fault).text.add("first and ".len()), "last".len());
        }
        abi::ERROR
    }

    unsafe extern "C" fn endless(fault: *mut Fault) -> Status {
        // SAFETY: the fault of this call; the host must refuse the length.
        unsafe { ((*fault).keep)(fault, c"x".as_ptr(), usize::MAX) };
        abi::ERROR
    }

    unsafe extern "C" fn two(_: *mut Fault, result: *mut u8) -> Status {
        // SAFETY: the place of this call.
        unsafe { result.write(2) };
        abi::OK
    }

    #[test]
    fn what_was_kept_may_be_kept_again() {
        // SAFETY: takes and returns nothing.
        let answer = unsafe { call::<()>(transmute::<*const (), Direct>(twice as *const ()), ()) };
        assert_eq!(answer.unwrap_err().to_string(), "last");
    }

    #[test]
    fn a_text_longer_than_memory_is_refused() {
        // SAFETY: takes and returns nothing.
        let answer =
            unsafe { call::<()>(transmute::<*const (), Direct>(endless as *const ()), ()) };
        let expected = format!("a text of {} bytes is longer than any memory", usize::MAX);
        assert_eq!(answer.unwrap_err().to_string(), expected);
    }

    #[test]
    fn a_byte_that_is_no_bool_is_refused() {
        // SAFETY: takes nothing, and returns a byte where a `bool` has its own.
        let answer = unsafe { call::<bool>(transmute::<*const (), Direct>(two as *const ()), ()) };
        assert_eq!(answer.unwrap_err().to_string(), "result: expected bool, got the byte 2");
    }
}
