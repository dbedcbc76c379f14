//! The functions that the host calls: arguments read, panics caught, results
//! written. Generic over what is behind them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_abi::{self as abi, Call, Status};
use twinplug_value::{Callable, Data, Outcome, Params, panic_text};

use super::{AnyVar, Arguments, Caller, Func, Parameters, written};
use crate::arena::Arena;
use crate::{Error, HostRef, Result};

/// The entry of a function.
pub(super) unsafe extern "C" fn func<F: Func>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |call, args| {
            let values = F::Params::read(args)?;
            F::call(&Caller::general(call), values).outcome().map_err(Error::new)
        })
    }
}

/// The entry of a closure; `data` is the closure.
pub(super) unsafe extern "C" fn closure<P: Params, F: Callable<P>>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |call, args| {
            // SAFETY: `data` is what the export says: the leaked `F`, shared, and
            // `F` is `Sync`.
            let function = &*call.data.cast::<F>();
            function.invoke(args.all()?).outcome().map_err(Error::new)
        })
    }
}

/// The entry of init. It also remembers the host, for what no call tells.
pub(super) unsafe extern "C" fn init<F: Func>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |call, args| {
            if let Some(host) = HostRef::of(call) {
                host.set_current();
            }
            let values = F::Params::read(args)?;
            F::call(&Caller::general(call), values).outcome().map(|_| ()).map_err(Error::new)
        })
    }
}

/// The entry that reads a variable; `data` is the variable.
pub(super) unsafe extern "C" fn get<V: AnyVar>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |call, _| {
            // SAFETY: `data` is what the export says: a static `V`.
            Ok((*call.data.cast::<V>()).var().get())
        })
    }
}

/// The entry that sets a variable; `data` is the variable.
pub(super) unsafe extern "C" fn set<V: AnyVar>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |call, args| {
            let value = args.value::<V::Value>()?;
            // SAFETY: `data` is what the export says: a static `V`.
            (*call.data.cast::<V>()).var().set(value);
            Ok(())
        })
    }
}

/// Runs one call and writes its result, or the text of what went wrong.
///
/// # Safety
/// `call` is what the host passed to an entry, and the entry has not returned.
#[inline]
unsafe fn answer<R: Data>(
    call: *mut Call,
    run: impl FnOnce(&Call, &Arguments<'_>) -> Result<R>,
) -> Status {
    // SAFETY: the caller's promise.
    let Some(call) = (unsafe { call.as_ref() }) else { return abi::ERROR };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the caller's promise.
        let args = unsafe { Arguments::of(call) };
        let value = run(call, &args)?;
        let arena = Arena::of(call);
        Ok(written(&value, &arena).map_err(|error| error.of("result"))?)
    }));
    match ran {
        Ok(Ok(value)) => {
            // SAFETY: the ABI says that `result` is a place for one value, ours until
            // the entry returns; what it points to lies in the call's arena.
            unsafe { call.result.write(value) };
            abi::OK
        }
        // SAFETY: the caller's promise.
        Ok(Err(error)) => unsafe { failed(call, error) },
        // SAFETY: as above.
        Err(panic) => unsafe { panicked(call, panic) },
    }
}

/// # Safety
/// As [`answer`].
#[cold]
#[inline(never)]
unsafe fn failed(call: &Call, error: Error) -> Status {
    match written(&error.text, &Arena::of(call)) {
        Ok(text) => {
            // SAFETY: as for a result.
            unsafe { call.result.write(text) };
            error.status
        }
        Err(_) => abi::NO_MEMORY,
    }
}

/// # Safety
/// As [`answer`].
#[cold]
#[inline(never)]
unsafe fn panicked(call: &Call, panic: Box<dyn Any + Send>) -> Status {
    // SAFETY: the caller's promise.
    unsafe { failed(call, Error { status: abi::PANIC, text: panic_text(panic) }) }
}
