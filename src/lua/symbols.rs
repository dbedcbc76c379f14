//! Functions and variables of a script, as handles use them.

mod writing;

use std::ffi::c_int;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Plain, Simple, Type, TypeRef};

use super::border::Border;
use super::call::{Lease, with};
use super::places;
use super::quick::{Paused, Quick, Unfinished};
use super::raw::{self, Reference};
use super::sink::{StackSink, Written};
use super::source::bytes;
use super::typed::{Scalars, Stack};
use super::vm::Vm;
use crate::error::{Error, Result};
use crate::plugin::{Got, RawFunc, RawVar, Results, Write, too_deep};
use writing::{Place, may_write};

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
        if let Some(called) = self.write_and_call_quickly(args, results, got) {
            return called;
        }
        self.call_written(results, got, |border, coroutine| {
            // SAFETY: the VM is entered, and the coroutine does not run.
            let mut sink = unsafe { StackSink::new(border, coroutine) };
            args(&mut sink)?;
            Ok(sink.finish()?)
        })
    }

    fn call_scalars(&self, args: &[Plain], results: Results, got: &mut Got<'_>) -> Result<()> {
        // SAFETY: the VM is entered, the coroutine does not run, and has room for the 8 values
        // of a tuple.
        let push = |_: &Border, coroutine| unsafe { push_scalars(coroutine, args) };
        match self.call_quickly(push, results, got) {
            Some(called) => called,
            None => self.call_apart(push, results, got),
        }
    }

    fn call_simple(&self, args: &[Simple<'_>], results: Results, got: &mut Got<'_>) -> Result<()> {
        let push = |border: &Border, coroutine| {
            // SAFETY: as above, and for a protected call.
            let pushed = unsafe { push_simple(border, coroutine, args) };
            border.forget_room();
            pushed
        };
        match self.call_quickly(push, results, got) {
            Some(called) => called,
            None => self.call_apart(push, results, got),
        }
    }
}

impl LuaFunc {
    /// A function that declares its result as `result`.
    pub(super) fn new(vm: Arc<Vm>, function: Reference, result: TypeRef) -> LuaFunc {
        let scalars = Scalars::of(&result);
        LuaFunc { vm, function, result, scalars }
    }

    /// Calls it in the quickest way there is, unless something stands against it: `None`. What pushes
    /// the arguments onto the coroutine, which has room for 20 values, is no code of the embedding's,
    /// and does not panic: the VM would stay entered.
    #[inline(always)]
    fn call_quickly(
        &self,
        push: impl FnOnce(&Border, *mut lua_State) -> Result<c_int>,
        results: Results,
        got: &mut Got<'_>,
    ) -> Option<Result<()>> {
        let quick = Quick::begin(&self.vm)?;
        let Some(begun) = quick.start() else {
            quick.leave();
            return None;
        };
        quick.push(self.function);
        let count = match push(quick.border(), quick.coroutine()) {
            Ok(count) => count,
            Err(error) => {
                begun.end();
                return Some(quick.pause().fail(error));
            }
        };
        let called = quick.call(begun, count);
        // Lua has run.
        quick.border().forget_room();
        Some(self.end_quickly(quick, called, results, got))
    }

    /// Reads what has come of a quick call.
    #[inline(always)]
    fn end_quickly(
        &self,
        quick: Quick<'_>,
        called: Result<c_int, Unfinished>,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        let count = match called {
            Ok(count) => count,
            Err(unfinished) => return self.go_on(quick.pause(), unfinished, results, got),
        };
        // SAFETY: the VM is entered, and the coroutine has finished.
        let stack = unsafe { Stack::new(quick.border(), quick.coroutine()) };
        if count == 1 && results == Results::One {
            if stack.read_scalar(TOP, self.scalars, got) {
                quick.end();
                return Ok(());
            }
            if stack.read_text(TOP, &self.result, got) {
                quick.cut();
                return Ok(());
            }
        }
        self.read_quickly(quick.pause(), count, results, got)
    }

    /// As `call_quickly`, with what is written by code of the embedding. None of that has run where
    /// the answer is `None`.
    #[inline]
    fn write_and_call_quickly(
        &self,
        args: Write<'_>,
        results: Results,
        got: &mut Got<'_>,
    ) -> Option<Result<()>> {
        let quick = Quick::begin(&self.vm)?;
        let (border, coroutine) = (quick.border(), quick.coroutine());
        quick.push(self.function);
        let guarded = quick.guard();
        // SAFETY: the VM is entered, the coroutine does not run, and has room above what it keeps.
        let mut sink = unsafe { StackSink::new(border, coroutine) };
        let count = match args(&mut sink).and_then(|()| sink.finish()) {
            Ok(count) => count,
            Err(error) => return Some(guarded.end(Err(error.into()))),
        };
        let Some(begun) = quick.start() else { return Some(guarded.end(Err(too_deep()))) };
        let quick = guarded.release();
        border.forget_room();
        let called = quick.call(begun, count);
        // Lua has run.
        border.forget_room();
        Some(self.end_quickly(quick, called, results, got))
    }

    /// As `call_written`, not as a part of the quickest way.
    #[inline(never)]
    fn call_apart(
        &self,
        push: impl FnOnce(&Border, *mut lua_State) -> Result<c_int>,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        self.call_written(results, got, push)
    }

    /// Reads results that are not one scalar.
    #[inline(never)]
    fn read_quickly(
        &self,
        quick: Paused<'_>,
        count: c_int,
        results: Results,
        got: &mut Got<'_>,
    ) -> Result<()> {
        let quick = quick.resume();
        if count == 0 && results == Results::One && self.scalars.has(Plain::Null) {
            got.scalar = Some(Plain::Null);
            quick.cut();
            return Ok(());
        }
        // SAFETY: the VM is entered, and the coroutine has finished.
        let stack = unsafe { Stack::new(quick.border(), quick.coroutine()) };
        let stack = stack.above(quick.below());
        let guarded = quick.guard();
        guarded.end(stack.read_others(count, &self.result, results, got))
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
        quick: Paused<'_>,
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
        with(&self.vm, |lease| self.get_in(lease, got))
    }

    fn set(&self, value: Write<'_>) -> Result<()> {
        if let Some(quick) = Quick::begin(&self.vm) {
            let (border, coroutine) = (quick.border(), quick.coroutine());
            let table = quick.push_name(self.place());
            let old = quick.below() + 1;
            let guarded = quick.guard();
            // SAFETY: the VM is entered, the coroutine does not run, and has the table and the
            // name on its stack, which is on top, and room above it.
            return guarded.end(unsafe { self.write(border, coroutine, (table, old), value) });
        }
        with(&self.vm, |lease| {
            let coroutine = lease.coroutine();
            // SAFETY: as above; what was put there goes with the lease.
            unsafe {
                self.push_place(coroutine);
                self.write(lease.border(), coroutine, (TABLE, VALUE), value)
            }
        })
    }

    fn set_scalar(&self, value: Plain) -> Result<()> {
        if let Some(quick) = Quick::begin_scalar(&self.vm) {
            let table = quick.push_name(self.place());
            // SAFETY: the VM is entered, the coroutine does not run, has the table and the name
            // on its stack, which is on top, and room above it.
            let set = unsafe { self.set_on(quick.border(), quick.coroutine(), table, value) };
            match set {
                Ok(()) => {
                    quick.leave();
                    return Ok(());
                }
                // It has changed nothing: the other way says why.
                Err(_) => quick.pause().clear(),
            }
        }
        with(&self.vm, |lease| {
            let coroutine = lease.coroutine();
            // SAFETY: as above; what was put there goes with the lease.
            unsafe {
                self.push_place(coroutine);
                self.set_on(lease.border(), coroutine, TABLE, value)
            }
        })
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

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads it, with its VM entered and nothing on the coroutine's stack, as there is afterwards.
    pub(super) fn get_in(&self, lease: &Lease<'_>, got: &mut Got<'_>) -> Result<()> {
        let coroutine = lease.coroutine();
        // SAFETY: the VM is entered, the coroutine does not run, and has nothing on its stack.
        let stack = unsafe {
            self.push_place(coroutine);
            ffi::lua_rawget(coroutine, TABLE);
            Stack::new(lease.border(), coroutine)
        };
        let read = match stack.read_scalar(VALUE, self.scalars, got) {
            true => Ok(()),
            false => stack.read_variable(VALUE, &self.declared, &self.name, got),
        };
        // SAFETY: as above; what was read is no longer on it.
        unsafe { ffi::lua_settop(coroutine, 0) };
        read
    }

    /// The table that holds it, and its name there.
    #[inline(always)]
    fn place(&self) -> (Reference, Reference) {
        (self.table, self.key)
    }

    /// Pushes these two.
    ///
    /// # Safety
    /// The VM is entered, and the coroutine does not run and has room.
    unsafe fn push_place(&self, coroutine: *mut lua_State) {
        // SAFETY: as the caller says.
        unsafe {
            self.table.push(coroutine);
            self.key.push(coroutine);
        }
    }

    /// Reads it in the quickest way there is; `None` where something stands against it.
    #[inline(always)]
    fn get_quickly(&self, got: &mut Got<'_>) -> Option<Result<()>> {
        let quick = Quick::begin_scalar(&self.vm)?;
        let coroutine = quick.coroutine();
        // SAFETY: the VM is entered, the coroutine does not run, and has room above what it
        // keeps.
        let (stack, ty) = unsafe {
            let table = quick.push_name(self.place());
            let ty = ffi::lua_rawget(coroutine, table);
            (Stack::new(quick.border(), coroutine), ty)
        };
        if stack.read_scalar_of(TOP, ty, self.scalars, got) {
            quick.end();
            return Some(Ok(()));
        }
        Some(self.read_quickly(quick.pause(), got))
    }

    /// Reads a value that is no scalar, and on top of the stack.
    #[inline(never)]
    fn read_quickly(&self, quick: Paused<'_>, got: &mut Got<'_>) -> Result<()> {
        let quick = quick.resume();
        // What is read may take memory.
        quick.border().forget_room();
        // SAFETY: the VM is entered, and the coroutine does not run.
        let stack = unsafe { Stack::new(quick.border(), quick.coroutine()) };
        let value = quick.below() + 1;
        let guarded = quick.guard();
        guarded.end(stack.read_variable(value, &self.declared, &self.name, got))
    }

    /// Sets it to what is written. What it leaves on the stack is where the name was, and above.
    ///
    /// # Safety
    /// The VM is entered, and the coroutine does not run. On its stack are the table that holds
    /// the variable, and on top, where the value is to stand, its name. There is room for a C
    /// function's 20 values, of which these may be two.
    #[inline]
    unsafe fn write(
        &self,
        border: &Border,
        coroutine: *mut lua_State,
        (table, old): (c_int, c_int),
        value: Write<'_>,
    ) -> Result<()> {
        let place = Place { border, coroutine, table, name: self.key, old };
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_rawget(coroutine, table);
            place.write(value)
        }
    }

    /// Sets it to a scalar, and takes the name off the stack. Where it fails more is there.
    ///
    /// # Safety
    /// As `write`.
    #[inline(always)]
    unsafe fn set_on(
        &self,
        border: &Border,
        coroutine: *mut lua_State,
        table: c_int,
        value: Plain,
    ) -> Result<()> {
        // SAFETY: as the caller says; the name is a key.
        unsafe {
            may_write(coroutine, table)?;
            push_scalars(coroutine, &[value])?;
            Ok(border.set_scalar_in_any(coroutine, table)?)
        }
    }
}

/// Where a result or a value is that is read quickly.
const TOP: c_int = -1;

/// Where the table is that holds a variable, and above it the value, on a stack that was empty.
const TABLE: c_int = 1;
const VALUE: c_int = 2;

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

/// Pushes scalars and text.
///
/// # Safety
/// As `push_scalars`, with room for five values more.
#[inline]
unsafe fn push_simple(
    border: &Border,
    coroutine: *mut lua_State,
    args: &[Simple<'_>],
) -> Result<c_int> {
    for (index, arg) in args.iter().enumerate() {
        // SAFETY: as the caller says.
        let pushed = unsafe {
            match arg {
                Simple::Plain(scalar) => raw::push_scalar(coroutine, *scalar),
                Simple::Text(text) => border.push_text(coroutine, text.as_bytes()),
            }
        };
        if let Err(error) = pushed {
            return Err(refused(error, index));
        }
    }
    Ok(args.len() as c_int)
}

#[cold]
fn refused(error: ConvertError, index: usize) -> Error {
    error.of(format!("argument {}", index + 1)).into()
}
