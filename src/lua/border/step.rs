//! What a conversion asks of Lua that may raise, one step each.

use std::ffi::{c_int, c_void};

use mlua::ffi::{self, lua_State};

use super::ENTRY;

/// What may raise where there is no memory.
pub(super) enum Step<'t> {
    Text(&'t [u8]),
    Table {
        items: c_int,
        entries: c_int,
    },
    /// `table[key] = value`, of the three values on top of the stack; takes the last two.
    Set,
    /// `table[index] = value`, of the two values on top; takes the value.
    SetItem(i64),
    /// Whatever it does, with what it is given: it leaves so many values.
    Run(unsafe fn(*mut lua_State, *const c_void), *const c_void, c_int),
}

impl Step<'_> {
    /// What it takes at the most, in bytes.
    pub(super) fn size(&self) -> usize {
        match self {
            Step::Text(text) => text.len() + 64,
            Step::Table { items, entries } => 128 + 32 * *items as usize + 96 * *entries as usize,
            Step::Set | Step::SetItem(_) => ENTRY,
            Step::Run(..) => usize::MAX,
        }
    }

    /// Takes it. May raise.
    ///
    /// # Safety
    /// `state` has the values that it needs, and room for one more.
    #[inline(always)]
    pub(super) unsafe fn take(&self, state: *mut lua_State) {
        // SAFETY: as the caller says; a text is copied.
        unsafe {
            match *self {
                Step::Text(text) => {
                    ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len());
                }
                Step::Table { items, entries } => ffi::lua_createtable(state, items, entries),
                Step::Set => ffi::lua_rawset(state, -3),
                Step::SetItem(index) => ffi::lua_rawseti(state, -2, index as _),
                Step::Run(run, given, _) => run(state, given),
            }
        }
    }
}

/// Takes a step, which is its first argument; the values that the step needs follow.
pub(super) unsafe extern "C-unwind" fn perform(state: *mut lua_State) -> c_int {
    // SAFETY: called by `protected` alone, which has put there what is taken; there are no
    // values to drop.
    unsafe {
        let step: *mut c_void = ffi::lua_touserdata(state, 1);
        let step = step.cast::<Step<'_>>();
        (*step).take(state);
        match *step {
            Step::Text(_) | Step::Table { .. } => 1,
            Step::Set | Step::SetItem(_) => 0,
            Step::Run(_, _, results) => results,
        }
    }
}
