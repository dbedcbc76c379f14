//! What a conversion asks of Lua near the memory limit, and what may raise anyway: each step in a
//! protected call of its own.

use std::ffi::{c_int, c_void};
use std::ptr;

use mlua::ffi::{self, lua_State};
use twinplug_value::ConvertError;

use super::step::Step;
use super::{Border, run_out};
use crate::lua::{library, limits};

impl Border {
    /// Takes a step in a protected call. What it needs of the stack is passed as copies. A
    /// coroutine that waits cannot call; then nothing runs, and the main one does it.
    ///
    /// # Safety
    /// As `push_text`.
    #[cold]
    pub(super) unsafe fn protected(
        &self,
        state: *mut lua_State,
        step: &Step<'_>,
        arguments: c_int,
        results: c_int,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says. `perform` borrows the step until `lua_pcall` returns,
        // and leaves nothing to drop behind when it raises.
        let (status, text) = unsafe {
            let waits = ffi::lua_status(state) == ffi::LUA_YIELD;
            let on = if waits { self.main } else { state };
            if waits {
                self.reserve(on, 2 * arguments + 8)?;
            }
            let first = ffi::lua_gettop(state) - arguments + 1;
            self.perform.push(state);
            ffi::lua_pushlightuserdata(state, ptr::from_ref(step).cast_mut().cast());
            for index in first..first + arguments {
                ffi::lua_pushvalue(state, index);
            }
            if waits {
                ffi::lua_xmove(state, on, arguments + 2);
            }
            let status = ffi::lua_pcall(on, arguments + 1, results, 0);
            if waits {
                ffi::lua_xmove(on, state, if status == ffi::LUA_OK { results } else { 1 });
            }
            let mut text = None;
            if status == ffi::LUA_OK && arguments > 0 {
                ffi::lua_settop(state, first);
            } else if status != ffi::LUA_OK {
                text =
                    library::text(state, -1).map(|text| String::from_utf8_lossy(text).into_owned());
                ffi::lua_settop(state, -2);
            }
            (status, text)
        };
        // What it has taken is not counted.
        self.forget_room();
        match (status, step) {
            (ffi::LUA_OK, _) => Ok(()),
            (ffi::LUA_ERRMEM, _) => Err(run_out()),
            (_, Step::Run(..)) => Err(ConvertError::new(match text {
                Some(text) if !limits::is_due() => text,
                _ => "its call is over".to_owned(),
            })),
            _ => Err(run_out()),
        }
    }

    /// Has what may raise, and so has nothing to drop, push so many values.
    ///
    /// # Safety
    /// As `push_text`; `run` may be called with what is given, in a C function.
    #[cold]
    pub(in crate::lua) unsafe fn run(
        &self,
        state: *mut lua_State,
        run: unsafe fn(*mut lua_State, *const c_void),
        given: *const c_void,
        results: c_int,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe { self.protected(state, &Step::Run(run, given, results), 0, results) }
    }

    /// The same, with a copy of the value on top of the stack, which stays; nothing is pushed.
    ///
    /// # Safety
    /// As `run`.
    #[cold]
    pub(in crate::lua) unsafe fn run_with_top(
        &self,
        state: *mut lua_State,
        run: unsafe fn(*mut lua_State, *const c_void),
        given: *const c_void,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe { self.protected(state, &Step::Run(run, given, 0), 1, 0) }
    }

    /// `set_in_any`, where there may be no memory.
    ///
    /// # Safety
    /// As there.
    #[cold]
    pub(super) unsafe fn set_in_any_protected(
        &self,
        state: *mut lua_State,
        table: c_int,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushvalue(state, table);
            ffi::lua_insert(state, -3);
            self.protected(state, &Step::Set, 3, 0)?;
            ffi::lua_settop(state, -2);
        }
        Ok(())
    }
}
