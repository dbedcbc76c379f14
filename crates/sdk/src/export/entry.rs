//! The functions that the host calls: arguments read, panics caught, results
//! written. Generic over what is behind them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_abi::{self as abi, Call, Status};
use twinplug_value::raw::{RawSink, RawValues};
use twinplug_value::{Callable, Data, Outcome, Params, panic_text, to_sink};

use super::Func;
use crate::arena::CallArena;
use crate::{Error, HostRef, Result, Var};

/// The entry of a function.
pub(super) unsafe extern "C" fn func<F: Func>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |host, call| {
            let params = params::<F::Params>(call)?;
            F::call(&host, params).outcome().map_err(Error::new)
        })
    }
}

/// The entry of a closure; `data` is the closure.
pub(super) unsafe extern "C" fn closure<P: Params, F: Callable<P>>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |_, call| {
            // SAFETY: `data` is what the export says: the leaked `F`, shared, and
            // `F` is `Sync`.
            let function = &*call.data.cast::<F>();
            function.invoke(params(call)?).outcome().map_err(Error::new)
        })
    }
}

/// The entry of init. It also remembers the host, for printing.
pub(super) unsafe extern "C" fn init<F: Func<Params = ()>>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |host, _| {
            host.set_current();
            F::call(&host, ()).outcome().map_err(Error::new)
        })
    }
}

/// The entry that reads a variable; `data` is the variable.
pub(super) unsafe extern "C" fn get<T: Data + Clone + Send>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |_, call| {
            // SAFETY: `data` is what the export says: a static `Var<T>`.
            Ok((*call.data.cast::<Var<T>>()).get())
        })
    }
}

/// The entry that sets a variable; `data` is the variable.
pub(super) unsafe extern "C" fn set<T: Data + Clone + Send>(call: *mut Call) -> Status {
    // SAFETY: the host's call, valid until we return.
    unsafe {
        answer(call, |_, call| {
            let (value,) = params::<(T,)>(call)?;
            // SAFETY: `data` is what the export says: a static `Var<T>`.
            (*call.data.cast::<Var<T>>()).set(value);
            Ok(())
        })
    }
}

/// Runs one call and writes its result, or the text of what went wrong.
///
/// # Safety
/// `call` is what the host passed to an entry, and the entry has not returned.
unsafe fn answer<R: Data>(
    call: *mut Call,
    run: impl FnOnce(HostRef, &Call) -> Result<R>,
) -> Status {
    // SAFETY: the caller's promise.
    let Some(call) = (unsafe { call.as_ref() }) else { return abi::ERROR };
    let Some(host) = HostRef::of(call) else { return abi::ERROR };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let value = run(host, call)?;
        write(call, &value)
    }));
    let error = match ran {
        Ok(Ok(())) => return abi::OK,
        Ok(Err(error)) => error,
        Err(panic) => Error { status: abi::PANIC, text: panic_text(panic) },
    };
    match write(call, &error.text) {
        Ok(()) => error.status,
        Err(_) => abi::NO_MEMORY,
    }
}

fn params<P: Params>(call: &Call) -> Result<P> {
    let values = match call.count {
        0 => &[],
        // SAFETY: the ABI says that a call's `args` are `count` values, borrowed
        // until the entry returns; `call` lives no longer.
        count => unsafe { std::slice::from_raw_parts(call.args, count as usize) },
    };
    // SAFETY: as above, for what the values point to.
    Ok(P::read(unsafe { RawValues::new(values) })?)
}

fn write<R: Data>(call: &Call, value: &R) -> Result<()> {
    let arena = CallArena { call };
    let mut sink = RawSink::new(&arena);
    to_sink(value, &mut sink).map_err(|error| error.of("result"))?;
    // SAFETY: the ABI says that `result` is a place for one value, ours until the
    // entry returns; what it points to lies in the call's arena.
    unsafe { call.result.write(sink.last()) };
    Ok(())
}
