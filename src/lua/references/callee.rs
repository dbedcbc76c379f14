//! Functions and tables of a script, as others use them: from any thread, by calls of the plugin.
//!
//! They do not keep the plugin. Once it has gone, a call is an error that says so.

use std::borrow::Cow;
use std::ffi::{CString, c_int, c_void};
use std::sync::{Arc, Weak};

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};
use twinplug_value::raw::{Callee, Methods, RawSink, RawValues, RawView, methods_json};
use twinplug_value::{
    CallError, ConvertError, Object, Reference, Value, from_source, from_view, to_sink,
};

use super::own;
use crate::error::{Error, ErrorKind, Result};
use crate::lua::border::{Border, refer};
use crate::lua::call::{Lease, with};
use crate::lua::limits;
use crate::lua::raw;
use crate::lua::sink::StackSink;
use crate::lua::source::StackSource;
use crate::lua::vm::{Core, Vm, broken};
use crate::plugin::{Gone, answer_call, as_one};

/// A function of a script.
pub(in crate::lua) struct LuaFunction(Kept);

/// A table of a script, with the functions in it as methods.
pub(super) struct LuaObject {
    table: Kept,
    methods: Vec<String>,
}

/// A value that a VM keeps for somebody outside.
struct Kept {
    vm: Weak<Vm>,
    value: raw::Reference,
}

impl Kept {
    fn vm(&self) -> Result<Arc<Vm>> {
        self.vm.upgrade().ok_or_else(|| Gone::Unloaded.error())
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(vm) = self.vm.upgrade() {
            vm.release_later(self.value);
        }
    }
}

impl LuaFunction {
    /// The function at an index.
    ///
    /// # Safety
    /// As [`read`](super::read).
    pub(super) unsafe fn of(
        border: &Border,
        state: *mut lua_State,
        index: c_int,
    ) -> Result<LuaFunction, ConvertError> {
        let vm = border.references.vm.get();
        let vm = vm.ok_or_else(|| ConvertError::new("the plugin is not loaded yet"))?.clone();
        // One call may hand out many.
        if let Some(vm) = vm.upgrade() {
            vm.release_kept(border);
        }
        let kept = std::cell::Cell::new(raw::Reference::NONE);
        // SAFETY: as the caller says; what is lent outlives the step.
        unsafe {
            ffi::lua_pushvalue(state, index);
            let done = border.run_with_top(state, keep, (&raw const kept).cast());
            ffi::lua_pop(state, 1);
            done?;
        }
        Ok(LuaFunction(Kept { vm, value: kept.get() }))
    }

    pub(super) fn is_of(&self, border: &Border) -> bool {
        border.references.vm.get().is_some_and(|vm| vm.ptr_eq(&self.0.vm))
    }

    /// # Safety
    /// The VM is entered, which is that of the function, and there is room.
    pub(super) unsafe fn push(&self, state: *mut lua_State) {
        // SAFETY: as the caller says.
        unsafe { self.0.value.push(state) };
    }

    /// Calls it; all that it returns.
    pub(super) fn call_all(&self, arguments: &[Value]) -> Result<Vec<Value>> {
        let vm = self.0.vm()?;
        let called = with(&vm, |lease| {
            // SAFETY: the VM is entered, and the coroutine has nothing on its stack.
            unsafe { self.0.value.push(lease.coroutine()) };
            call(&vm, lease, arguments, 0)
        });
        called.map_err(|error| error.in_plugin(&vm.shared.name()))
    }
}

/// Takes the value on top of the stack as a reference. May raise.
///
/// # Safety
/// `state` runs a C function that has the value as its last one; `kept` is a cell for it.
unsafe fn keep(state: *mut lua_State, kept: *const c_void) {
    // SAFETY: as the caller says.
    unsafe { (*kept.cast::<std::cell::Cell<raw::Reference>>()).set(raw::Reference::new(state)) };
}

/// Calls what is on the coroutine, with so many arguments above it and these behind them.
fn call(vm: &Vm, lease: &mut Lease<'_>, arguments: &[Value], before: c_int) -> Result<Vec<Value>> {
    let coroutine = lease.coroutine();
    // SAFETY: the VM is entered, and the coroutine does not run; room is made.
    let count = unsafe {
        let border = lease.border();
        border.reserve(coroutine, arguments.len() as c_int + 24)?;
        let mut sink = StackSink::new(border, coroutine);
        for (index, argument) in arguments.iter().enumerate() {
            to_sink(argument, &mut sink)
                .map_err(|error| error.of(format!("argument {}", index + 1)))?;
        }
        sink.finish()?
    };
    let count = lease.call(before + count).map_err(|error| vm.located(error))?;
    // SAFETY: the VM is entered, and the coroutine has finished; its results are its stack.
    let read: Result<Vec<Value>, _> = unsafe {
        lease.border().reserve(coroutine, 24)?;
        from_source(&mut StackSource::list(lease.border(), coroutine, 1, count))
    };
    Ok(read.map_err(|error| error.of("result"))?)
}

impl Callee for LuaFunction {
    fn call(&self, args: RawValues<'_>, result: &mut RawSink<'_>) -> Result<(), CallError> {
        answer_call(|| {
            let results = self.call_all(&values(args)?)?;
            write(results, result)
        })
    }
}

/// The arguments of a call.
fn values(args: RawValues<'_>) -> Result<Vec<Value>> {
    let read = |(index, view): (usize, RawView<'_>)| {
        from_view(view).map_err(|error| Error::from(error.of(format!("argument {}", index + 1))))
    };
    args.each().enumerate().map(read).collect()
}

fn write(results: Vec<Value>, result: &mut RawSink<'_>) -> Result<()> {
    Ok(to_sink(&as_one(results), result).map_err(|error| error.of("result"))?)
}

/// An object of a table, with the functions that are in it, or where its metatable looks for what
/// is not.
pub(in crate::lua) fn new_object(core: &Core, lua: &Lua, table: &Table) -> Result<mlua::Value> {
    let vm = core.border.references.vm.get().cloned();
    let vm = vm.ok_or_else(|| Error::new(ErrorKind::Load, "the plugin is not loaded yet"))?;
    // One call may make many.
    if let Some(vm) = vm.upgrade() {
        vm.release_kept(&core.border);
    }
    let class = table.metatable().and_then(|meta| meta.raw_get::<Table>("__index").ok());
    let methods = method_names(table, class.as_ref())?;
    let name = [Some(table), class.as_ref()]
        .into_iter()
        .flatten()
        .find_map(|table| table.raw_get::<String>("__name").ok());
    let described = methods.iter().map(|name| (name.as_str(), "(...) -> any".to_owned()));
    let json = methods_json(described);
    let text = |text: String| CString::new(text.replace('\0', "")).unwrap_or_default();
    let name = text(name.unwrap_or_else(|| "object".to_owned()));
    let json = text(json);
    let names: usize = methods.iter().map(|name| name.len() + size_of::<String>()).sum();
    let bytes = OBJECT + name.count_bytes() + json.count_bytes() + names;
    own::make_room(core, lua, bytes as f64)?;
    let table = Kept { vm, value: refer(lua, table).map_err(broken)? };
    let object = LuaObject { table, methods };
    let object = Object::with_methods(Cow::Owned(name), Cow::Owned(json), object);
    own::value(core, lua, &Reference::Object(object), bytes)
}

/// What an object of a table takes beside its texts, in bytes: more or less.
const OBJECT: usize = 256;

/// So many entries of a table are read between two looks whether the call is over.
const LOOK_EVERY: usize = 1024;

/// The names of the functions in a table and its class.
fn method_names(table: &Table, class: Option<&Table>) -> Result<Vec<String>> {
    let mut methods = Vec::new();
    for table in std::iter::once(table).chain(class) {
        for (index, pair) in table.pairs::<mlua::Value, mlua::Value>().enumerate() {
            if index % LOOK_EVERY == LOOK_EVERY - 1 && limits::is_due() {
                return Err(Error::new(ErrorKind::Call, "its call is over"));
            }
            if let (mlua::Value::String(name), mlua::Value::Function(_)) = pair.map_err(broken)?
                && let Ok(name) = name.to_str()
                && !name.starts_with('_')
            {
                methods.push(name.to_owned());
            }
        }
    }
    methods.sort();
    methods.dedup();
    Ok(methods)
}

impl LuaObject {
    /// Calls a method; all that it returns.
    pub(super) fn call_all(&self, method: &str, arguments: &[Value]) -> Result<Vec<Value>> {
        let vm = self.table.vm()?;
        if !self.methods.iter().any(|name| name == method) {
            return Err(self.unknown(method));
        }
        let called = with(&vm, |lease| {
            let coroutine = lease.coroutine();
            let name = lease.state().lua.create_string(method).map_err(broken)?;
            let table = self.table.value;
            // SAFETY: the VM is entered, and the coroutine has nothing on its stack. The method
            // is looked up raw, in the table and then where its metatable says.
            let found = unsafe {
                table.push(coroutine);
                let moved = lease.state().lua.exec_raw::<()>(name, |state| {
                    ffi::lua_xmove(state, coroutine, 1);
                });
                moved.map_err(broken)?;
                push_method(coroutine)
            };
            if !found {
                return Err(self.unknown(method));
            }
            call(&vm, lease, arguments, 1)
        });
        called.map_err(|error| error.in_plugin(&vm.shared.name()))
    }

    fn unknown(&self, method: &str) -> Error {
        let known: Vec<_> = self.methods.iter().map(|name| format!("`{name}`")).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Error::new(ErrorKind::NotFound, format!("no method `{method}`; there are: {known}"))
    }
}

/// Of a table and a name on the stack, leaves the function and the table; or says that there is
/// none.
///
/// # Safety
/// The VM is entered, and the coroutine does not run, and has room for four values.
unsafe fn push_method(coroutine: *mut lua_State) -> bool {
    // SAFETY: as the caller says: the table is at 1, the name at 2.
    unsafe {
        ffi::lua_pushvalue(coroutine, 2);
        if ffi::lua_rawget(coroutine, 1) != ffi::LUA_TFUNCTION {
            ffi::lua_settop(coroutine, 2);
            if ffi::lua_getmetatable(coroutine, 1) == 0 {
                return false;
            }
            raw_field(coroutine, 3);
            if ffi::lua_type(coroutine, -1) != ffi::LUA_TTABLE {
                return false;
            }
            ffi::lua_pushvalue(coroutine, 2);
            if ffi::lua_rawget(coroutine, -2) != ffi::LUA_TFUNCTION {
                return false;
            }
        }
        ffi::lua_replace(coroutine, 2);
        ffi::lua_settop(coroutine, 2);
        ffi::lua_insert(coroutine, 1);
        true
    }
}

/// Pushes `__index` of the metatable at an index.
///
/// # Safety
/// As `push_method`.
unsafe fn raw_field(coroutine: *mut lua_State, meta: c_int) {
    // SAFETY: as the caller says. The name is one that each VM has: no memory is taken.
    unsafe {
        ffi::lua_pushstring(coroutine, c"__index".as_ptr());
        ffi::lua_rawget(coroutine, meta);
    }
}

impl Methods for LuaObject {
    fn call(
        &self,
        method: &str,
        args: RawValues<'_>,
        result: &mut RawSink<'_>,
    ) -> Result<(), CallError> {
        answer_call(|| {
            let results = self.call_all(method, &values(args)?)?;
            write(results, result)
        })
    }
}
