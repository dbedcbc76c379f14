//! The code that is made for each function of scalars: it reads just its parameters where they
//! stand, calls it, and puts its result beside them. What is not just as the function takes it goes
//! the way of all others, and so does an error.

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use twinplug_value::{Data, Params, Plain};

use super::{Answer, Core, Offered};
use crate::error::Result;
use crate::lua::limits::{Section, Thread};
use crate::lua::raw;
use crate::plugin::{self, Invoke, ScalarEntry, contained};

/// What calls a function with the arguments that are the stack.
///
/// # Safety
/// The state is that of a C function of just what is offered, the core that of its VM, which
/// this thread is in.
pub(super) type Entry = unsafe fn(*mut lua_State, Thread, &Core, &Offered) -> Answer;

/// Makes them.
pub(crate) struct Entries;

impl plugin::Entries for Entries {
    fn entry<P: Params, F: Invoke<P>>() -> Option<usize> {
        let entry: Entry = call::<P, F>;
        Some((entry as *const ()).expose_provenance())
    }
}

/// A function's own entry, and what that gets.
pub(super) fn entry(scalars: &ScalarEntry) -> (Entry, *const ()) {
    let address = ptr::with_exposed_provenance::<()>(scalars.address());
    // SAFETY: it is what `Entries` has given, which is one.
    let entry = unsafe { std::mem::transmute::<*const (), Entry>(address) };
    (entry, scalars.function())
}

/// Calls an `F`.
///
/// # Safety
/// As [`Entry`]; what is offered is a function whose entry this is.
unsafe fn call<P: Params, F: Invoke<P>>(
    state: *mut lua_State,
    thread: Thread,
    core: &Core,
    offered: &Offered,
) -> Answer {
    let outer = core.current.replace(state);
    if outer.is_null() {
        core.current.set(outer);
        return Answer::Gone;
    }
    // SAFETY: as the caller says.
    let Some(params) = (unsafe { params(state) }) else {
        return core.end_call(state, offered, outer, None);
    };
    // SAFETY: `entry` has put it there: it is that of the function that this entry was made for, which
    // `offered` keeps.
    let function = unsafe { &*offered.callee.cast::<F>() };
    let turn = Section::of_host_on(thread);
    let called = contained(|| function.invoke(params));
    drop(turn);
    // SAFETY: as the caller says: there is room for one value.
    match called.and_then(|value| unsafe { push(state, &value) }) {
        Ok(()) => {
            core.current.set(outer);
            Answer::Results(1)
        }
        Err(error) => core.end_call(state, offered, outer, Some(error)),
    }
}

/// The arguments that are the stack, if they are just what the parameters are.
///
/// # Safety
/// As [`Entry`].
#[inline(always)]
unsafe fn params<P: Params>(state: *mut lua_State) -> Option<P> {
    // SAFETY: as the caller says. An argument's number is no more than a tuple has.
    unsafe {
        if ffi::lua_gettop(state) as usize != P::TYPES.len() {
            return None;
        }
        P::from_bits(|index, kind| raw::bits(state, index as c_int + 1, kind))
    }
}

/// Pushes a result, which is a scalar.
///
/// # Safety
/// As [`Entry`].
#[inline(always)]
unsafe fn push<R: Data>(state: *mut lua_State, result: &R) -> Result<()> {
    let result = Plain::of(result).unwrap_or(Plain::Null);
    // SAFETY: as the caller says; a C function has room for 20 values beside its arguments.
    let pushed = unsafe { raw::push_scalar(state, result) };
    pushed.map_err(|error| error.of("result").into())
}
