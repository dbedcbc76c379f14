//! Functions and variables of a script, as handles use them.

use std::ffi::c_int;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Plain, Type, TypeRef};

use super::border::Border;
use super::call::{Lease, with};
use super::places;
use super::quick::{Quick, Unfinished};
use super::raw::{self, Reference};
use super::sink::{StackSink, Written};
use super::typed::{Scalars, Stack};
use super::vm::Vm;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Got, RawFunc, RawVar, Results, Write};

/// A function of a script.
pub(super) struct LuaFunc {
    vm: Arc<Vm>,
    /// It; of a VM that has gone it is not looked at.
    function: Reference,
    /// What the annotations say, else any; and the scalars that are of that type.
    result: TypeRef,
    scalars: Scalars,
}

/// A variable of a script.
pub(super) struct LuaVar {
    vm: Arc<Vm>,
    /// The table that holds it, and its name there.
    table: Reference,
    key: Reference,
    name: String,
    /// What the annotations say, else any: of a variable without them, each reader
    /// checks what it gets. And the scalars that are of that type.
    declared: Type,
    scalars: Scalars,
}

impl RawFunc for LuaFunc {
    fn call(&self, args: Write<'_>, results: Results, got: &mut Got<'_>) -> Result<()> {
        self.call_written(results, got, |border, coroutine| {
            // SAFETY: the VM is entered, and the coroutine does not run.
            let mut sink = unsafe { StackSink::new(border, coroutine) };
            args(&mut sink)?;
            Ok(sink.written())
        })
    }

    fn call_scalars(&self, args: &[Plain], results: Results, got: &mut Got<'_>) -> Result<()> {
        match self.call_quickly(args, results, got) {
            Some(called) => called,
            // SAFETY: the VM is entered, the coroutine does not run, and has room for the 8
            // values of a tuple.
            None => self.call_written(results, got, |_, coroutine| unsafe {
                push_scalars(coroutine, args)
            }),
        }
    }
}

impl LuaFunc {
    /// A function that declares its result as `result`.
    pub(super) fn new(vm: Arc<Vm>, function: Reference, result: TypeRef) -> LuaFunc {
        let scalars = Scalars::of(&result);
        LuaFunc { vm, function, result, scalars }
    }

    /// Calls it in the quickest way there is, unless something stands against it: `None`.
    #[inline(always)]
    fn call_quickly(
        &self,
        scalars: &[Plain],
        results: Results,
        got: &mut Got<'_>,
    ) -> Option<Result<()>> {
        let quick = Quick::begin(&self.vm)?;
        let Some(begun) = quick.start() else {
            quick.clear();
            return None;
        };
        quick.push(self.function);
        // SAFETY: the VM is entered, the coroutine does not run, and has room for the 8 values
        // of a tuple.
        let count = match unsafe { push_scalars(quick.coroutine(), scalars) } {
            Ok(count) => count,
            Err(error) => {
                begun.end();
                quick.clear();
                return Some(Err(error));
            }
        };
        let count = match quick.call(begun, count) {
            Ok(count) => count,
            Err(unfinished) => return Some(self.go_on(quick, unfinished, results, got)),
        };
        // SAFETY: the VM is entered, and the coroutine has finished.
        let stack = unsafe { Stack::new(quick.border(), quick.coroutine()) };
        if count == 1 && results == Results::One && stack.read_scalar(TOP, self.scalars, got) {
            quick.end();
            return Some(Ok(()));
        }
        Some(self.read_quickly(quick, stack, count, results, got))
    }

    /// Reads results that are not one scalar.
    #[inline(never)]
    fn read_quickly(
        &self,
        quick: Quick<'_>,
        stack: Stack<'_>,
        count: c_int,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        if count == 0 && results == Results::One && self.scalars.has(Plain::Null) {
            got.scalar = Some(Plain::Null);
            quick.cut();
            return Ok(());
        }
        let stack = stack.above(quick.below());
        let guarded = quick.guard();
        guarded.end(stack.read_results(count, &self.result, results, got))
    }

    /// Calls it with what is pushed onto the coroutine.
    #[inline(always)]
    fn call_written(
        &self,
        results: Results,
        got: &mut Got<'_>,
        push: impl FnOnce(&Border, *mut lua_State) -> Result<c_int>,
    ) -> Result<()> {
        with(&self.vm, |lease| {
            let coroutine = lease.coroutine();
            // SAFETY: the VM is entered, and the coroutine has nothing on its stack.
            unsafe { self.function.push(coroutine) };
            let count = push(lease.border(), coroutine)?;
            let count = match lease.call(count) {
                Ok(count) => count,
                Err(error) => return Err(self.vm.located(error)),
            };
            // SAFETY: the VM is entered, and the coroutine has finished; its results are all
            // that is on its stack, where they stay until the lease is given back.
            let stack = unsafe { Stack::new(lease.border(), coroutine) };
            stack.read_results(count, &self.result, results, got)
        })
    }

    #[cold]
    fn go_on(
        &self,
        quick: Quick<'_>,
        unfinished: Unfinished,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        let finished = quick.go_on(unfinished);
        let (lease, count) = finished.map_err(|error| self.vm.located(error))?;
        self.read(lease, count, results, got)
    }

    /// Reads the results of a call that has ended.
    #[inline(never)]
    fn read(
        &self,
        lease: Lease<'_>,
        count: c_int,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        // SAFETY: the VM is entered, and the coroutine has finished; its results are all
        // that is on its stack, where they stay until the lease is given back.
        let stack = unsafe { Stack::new(lease.border(), lease.coroutine()) };
        let read = stack.read_results(count, &self.result, results, got);
        read.map_err(|error| lease.blamed(error))
    }
}

impl RawVar for LuaVar {
    fn get(&self, got: &mut Got<'_>) -> Result<()> {
        if let Some(read) = self.get_quickly(got) {
            return read;
        }
        with(&self.vm, |lease| {
            let coroutine = lease.coroutine();
            // SAFETY: the VM is entered, the coroutine does not run, and has nothing on its
            // stack until the lease is given back.
            let stack = unsafe {
                self.push(coroutine);
                Stack::new(lease.border(), coroutine)
            };
            match stack.read_scalar(VALUE, self.scalars, got) {
                true => Ok(()),
                false => stack.read_variable(VALUE, &self.declared, &self.name, got),
            }
        })
    }

    fn set(&self, value: Write<'_>) -> Result<()> {
        if let Some(quick) = Quick::begin(&self.vm) {
            quick.empty();
            let (border, coroutine) = (quick.border(), quick.coroutine());
            let guarded = quick.guard();
            // SAFETY: the VM is entered, the coroutine does not run, and has nothing on its
            // stack.
            return guarded.end(unsafe { self.write(border, coroutine, value) });
        }
        // SAFETY: as above; what was put there goes with the lease.
        with(&self.vm, |lease| unsafe { self.write(lease.border(), lease.coroutine(), value) })
    }

    fn set_scalar(&self, value: Plain) -> Result<()> {
        if let Some(quick) = Quick::begin(&self.vm) {
            // SAFETY: the VM is entered, the coroutine does not run, and has room above what
            // it keeps.
            let set = unsafe { self.set_on(quick.border(), quick.coroutine(), value) };
            match set {
                Ok(()) => {
                    quick.pop(1);
                    return Ok(());
                }
                // It has changed nothing: the other way says why.
                Err(_) => quick.clear(),
            }
        }
        // SAFETY: as above.
        with(&self.vm, |lease| unsafe { self.set_on(lease.border(), lease.coroutine(), value) })
    }
}

impl LuaVar {
    /// A variable that is declared as `declared`.
    pub(super) fn new(
        vm: Arc<Vm>,
        (table, key): (Reference, Reference),
        name: &str,
        declared: Type,
    ) -> LuaVar {
        let scalars = Scalars::of(&declared);
        LuaVar { vm, table, key, name: name.to_owned(), declared, scalars }
    }

    /// Pushes the table that holds it, and its value.
    ///
    /// # Safety
    /// The VM is entered, and the coroutine does not run and has room.
    #[inline(always)]
    unsafe fn push(&self, coroutine: *mut lua_State) {
        // SAFETY: as the caller says; the table is one.
        unsafe {
            self.table.push(coroutine);
            self.key.push(coroutine);
            ffi::lua_rawget(coroutine, -2);
        }
    }

    /// Reads it in the quickest way there is; `None` where something stands against it.
    #[inline(always)]
    fn get_quickly(&self, got: &mut Got<'_>) -> Option<Result<()>> {
        let quick = Quick::begin(&self.vm)?;
        let coroutine = quick.coroutine();
        // SAFETY: the VM is entered, the coroutine does not run, and has room above what it
        // keeps.
        let stack = unsafe {
            self.push(coroutine);
            Stack::new(quick.border(), coroutine)
        };
        if stack.read_scalar(TOP, self.scalars, got) {
            quick.pop(2);
            return Some(Ok(()));
        }
        Some(self.read_quickly(quick, stack, got))
    }

    /// Reads a value that is no scalar, and on top of the stack.
    #[inline(never)]
    fn read_quickly(&self, quick: Quick<'_>, stack: Stack<'_>, got: &mut Got<'_>) -> Result<()> {
        let index = quick.below() + 2;
        let guarded = quick.guard();
        let read = stack
            .reserve(MORE)
            .and_then(|()| stack.read_variable(index, &self.declared, &self.name, got));
        guarded.end(read)
    }

    /// Sets it to what is written.
    ///
    /// # Safety
    /// As `push`; the coroutine's stack is empty.
    #[inline]
    unsafe fn write(
        &self,
        border: &Border,
        coroutine: *mut lua_State,
        value: Write<'_>,
    ) -> Result<()> {
        // SAFETY: as the caller says.
        unsafe {
            self.table.push(coroutine);
            self.key.push(coroutine);
            ffi::lua_pushvalue(coroutine, -1);
            ffi::lua_rawget(coroutine, TABLE);
            write_variable(border, coroutine, value)
        }
    }

    /// Sets it to a scalar. It leaves the table on the stack, and where it fails more.
    ///
    /// # Safety
    /// As `push`.
    #[inline(always)]
    unsafe fn set_on(
        &self,
        border: &Border,
        coroutine: *mut lua_State,
        value: Plain,
    ) -> Result<()> {
        // SAFETY: as the caller says; the name is a key.
        unsafe {
            self.table.push(coroutine);
            may_write(coroutine, -1)?;
            self.key.push(coroutine);
            push_scalars(coroutine, &[value])?;
            Ok(border.set_in_any(coroutine)?)
        }
    }
}

/// Where a result or a value is that is read quickly.
const TOP: c_int = -1;

/// Room on the stack for reading what is no scalar, above what is there.
const MORE: c_int = 24;

/// Where things of a variable are on a coroutine's stack: the table that holds it, its name,
/// or its value where that is all there is, and what it was before it is set.
const TABLE: c_int = 1;
const NAME: c_int = 2;
const VALUE: c_int = 2;
const OLD: c_int = 3;

/// Pushes scalars.
///
/// # Safety
/// The VM is entered, the coroutine does not run, and has room for them.
#[inline(always)]
unsafe fn push_scalars(coroutine: *mut lua_State, scalars: &[Plain]) -> Result<c_int> {
    for (index, scalar) in scalars.iter().enumerate() {
        // SAFETY: as the caller says.
        if let Err(error) = unsafe { raw::push_scalar(coroutine, *scalar) } {
            return Err(refused(error, index));
        }
    }
    Ok(scalars.len() as c_int)
}

#[cold]
fn refused(error: ConvertError, index: usize) -> Error {
    error.of(format!("argument {}", index + 1)).into()
}

/// Writes a variable, whose table, name and old value are on the stack. A table goes into the
/// one that is there, so that a local which holds it sees the change; keys that the new one
/// has not are removed.
///
/// # Safety
/// As `push_scalars`.
unsafe fn write_variable(
    border: &Border,
    coroutine: *mut lua_State,
    write: Write<'_>,
) -> Result<()> {
    // SAFETY: as the caller says. Everything is written before anything is changed, so that
    // what cannot be written changes nothing.
    unsafe {
        let uses = border.uses();
        if ffi::lua_type(coroutine, OLD) != ffi::LUA_TTABLE {
            let mut sink = StackSink::new(border, coroutine);
            write(&mut sink)?;
            ffi::lua_remove(coroutine, OLD);
            return set(border, coroutine, TABLE);
        }
        let mut sink = StackSink::spreading(border, coroutine);
        write(&mut sink)?;
        if border.uses() != uses && !is_still(coroutine, OLD) {
            return Err(Error::new(ErrorKind::Call, "it was replaced while its value was written"));
        }
        match sink.outermost() {
            Written::Entries(entries) => put_entries(border, coroutine, entries),
            Written::Value if ffi::lua_type(coroutine, OLD + 1) == ffi::LUA_TTABLE => {
                put_table(border, coroutine)
            }
            Written::Value => {
                ffi::lua_remove(coroutine, OLD);
                set(border, coroutine, TABLE)
            }
        }
    }
}

/// Whether the variable still has the value at an index.
///
/// # Safety
/// As `push_scalars`.
#[cold]
unsafe fn is_still(coroutine: *mut lua_State, value: c_int) -> bool {
    // SAFETY: as the caller says; what it pushes goes.
    unsafe {
        ffi::lua_pushvalue(coroutine, NAME);
        ffi::lua_rawget(coroutine, TABLE);
        let is_still = ffi::lua_rawequal(coroutine, -1, value) != 0;
        ffi::lua_settop(coroutine, -2);
        is_still
    }
}

/// Sets the field of the table at `table` whose name and value are on top of the stack.
///
/// # Safety
/// As `push_scalars`; the name is a key.
unsafe fn set(border: &Border, coroutine: *mut lua_State, table: c_int) -> Result<()> {
    // SAFETY: as the caller says.
    unsafe {
        may_write(coroutine, table)?;
        ffi::lua_pushvalue(coroutine, table);
        ffi::lua_insert(coroutine, -3);
        Ok(border.set_in_any(coroutine)?)
    }
}

/// Makes the old table one of just the entries on top of the stack.
///
/// # Safety
/// As `push_scalars`: so many keys and values are there, above the old table.
unsafe fn put_entries(border: &Border, coroutine: *mut lua_State, entries: c_int) -> Result<()> {
    let (first, last) = (OLD + 1, OLD + 2 * entries);
    // SAFETY: as the caller says. Where there is not plenty of memory each key has its place
    // before the first value changes.
    unsafe {
        may_write(coroutine, OLD)?;
        ffi::lua_pushvalue(coroutine, OLD);
        if !border.has_plenty() {
            let keys = || (first..last).step_by(2);
            let placed = keys().try_for_each(|key| places::add(border, coroutine, OLD, key));
            placed.inspect_err(|_| keys().for_each(|key| places::remove(coroutine, OLD, key)))?;
        }
        for key in (first..last).step_by(2) {
            ffi::lua_pushvalue(coroutine, key);
            ffi::lua_pushvalue(coroutine, key + 1);
            ffi::lua_rawset(coroutine, -3);
        }
        remove_others(coroutine, entries, |key| {
            (first..last).step_by(2).any(|kept| ffi::lua_rawequal(coroutine, key, kept) != 0)
        });
    }
    Ok(())
}

/// Makes the old table one of just what is in the new one, on top of the stack.
///
/// # Safety
/// As `push_scalars`.
unsafe fn put_table(border: &Border, coroutine: *mut lua_State) -> Result<()> {
    let new = OLD + 1;
    // SAFETY: as the caller says, and as in `put_entries`. The keys that `lua_next` is given
    // are the new table's, which nobody else knows.
    unsafe {
        may_write(coroutine, OLD)?;
        let mut entries = 0;
        ffi::lua_pushvalue(coroutine, OLD);
        if !border.has_plenty() {
            places::add_all(border, coroutine, OLD, new)?;
        }
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, new) != 0 {
            // Above the old table: key, key, value.
            ffi::lua_pushvalue(coroutine, -2);
            ffi::lua_insert(coroutine, -2);
            ffi::lua_rawset(coroutine, new + 1);
            entries += 1;
        }
        remove_others(coroutine, entries, |key| {
            ffi::lua_pushvalue(coroutine, key);
            ffi::lua_rawget(coroutine, new);
            let is_kept = ffi::lua_type(coroutine, -1) != ffi::LUA_TNIL;
            ffi::lua_settop(coroutine, -2);
            is_kept
        });
    }
    Ok(())
}

/// Removes from the old table all but the entries that are kept, of which it has so many. It
/// is on top of the stack.
///
/// # Safety
/// As `push_scalars`, with room for five values.
unsafe fn remove_others(coroutine: *mut lua_State, kept: c_int, is_kept: impl Fn(c_int) -> bool) {
    // SAFETY: as the caller says. The keys are the table's own, and giving an entry nil while
    // it is gone through is allowed; it takes no memory.
    unsafe {
        let mut there = 0;
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, OLD) != 0 {
            there += 1;
            ffi::lua_settop(coroutine, -2);
        }
        if there == kept {
            return;
        }
        ffi::lua_pushnil(coroutine);
        while ffi::lua_next(coroutine, OLD) != 0 {
            ffi::lua_settop(coroutine, -2);
            let key = ffi::lua_gettop(coroutine);
            if !is_kept(key) {
                ffi::lua_pushvalue(coroutine, key);
                ffi::lua_pushnil(coroutine);
                ffi::lua_rawset(coroutine, OLD);
            }
        }
    }
}

/// Luau's tables may be frozen.
///
/// # Safety
/// There is a table at the index.
#[cfg(feature = "luau")]
unsafe fn may_write(coroutine: *mut lua_State, index: c_int) -> Result<()> {
    // SAFETY: as the caller says.
    match unsafe { ffi::lua_getreadonly(coroutine, index) } {
        0 => Ok(()),
        _ => Err(Error::new(ErrorKind::Call, "attempt to modify a readonly table")),
    }
}

/// # Safety
/// None: nothing is frozen in this flavour.
#[cfg(not(feature = "luau"))]
#[allow(clippy::unnecessary_wraps, reason = "Luau refuses")]
unsafe fn may_write(_: *mut lua_State, _: c_int) -> Result<()> {
    Ok(())
}
