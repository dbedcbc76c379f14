//! Leaf functions of native plugins and of the host, for compiled scripts: called by their C
//! type, at the price of a function pointer.
//!
//! A compiled call must not come back into the VM: the process would end. A leaf function
//! promises to call nothing of the host; one that breaks this finds the VM closed (`Core::leaf`).
//!
//! Of a native plugin the address of the function is read anew for each call. It is lost whenever
//! plugins come or go; what is there then answers a status, and the call is made in the general
//! way, which looks the function up. Of the host it is that of a closure's entry (`LeafEntry`),
//! which the VM keeps.

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Table, Value};
use twinplug_value::raw::{Entry, LeafFailed, LeafPlace};
use twinplug_value::{Plain, Signature, Type};

use super::border::refer;
use super::host_functions::{self, Answer, Offered};
use super::plugins::{Link, failed};
use super::raw::{Reference, push_scalar};
use super::vm::{Core, broken};
use crate::error::Result;
use crate::plugin::{Dynamic, Followed, Func, Plugins};

/// What compiled calls of leaf functions use, besides `Core::leaf`.
#[derive(Default)]
pub(super) struct Compiled {
    fault: twinplug_value::raw::OwnFault,
    /// Where a result goes: a place for any scalar.
    result: Cell<i64>,
    /// Once there is the FFI.
    used: Cell<Option<Use>>,
}

/// A function that may be called by compiled code, by its address, for as long as the VM lives.
pub(super) struct Callee {
    function: Func<Dynamic>,
    /// What compiled code calls it as.
    signature: Signature,
    followed: Option<Arc<Followed>>,
}

impl Callee {
    /// Of a function that was looked up at that change.
    pub(super) fn new(function: &Func<Dynamic>, plugins: &dyn Plugins, changes: u64) -> Callee {
        let followed = function.has_c_type().then(|| Arc::new(Followed::new()));
        if let Some(followed) = &followed {
            plugins.follow(Arc::downgrade(followed));
        }
        let (function_held, signature) = (function.clone(), function.signature());
        let callee = Callee { function: function_held, signature, followed };
        callee.follow(function, plugins, changes);
        callee
    }

    /// Follows a function that was looked up at that change, if it is still this one.
    pub(super) fn follow(&self, function: &Func<Dynamic>, plugins: &dyn Plugins, changes: u64) {
        let Some(followed) = self.followed.as_ref().filter(|_| function.is(&self.function)) else {
            return;
        };
        function.lead(followed, &self.signature);
        if plugins.changes() != changes {
            followed.lose();
        }
    }
}

/// What an entry answers that has not failed.
const OK: c_int = 0;

const MAKE: &str = include_str!("prelude/leaf.lua");

/// Where a VM keeps `bit.tobit`, whatever scripts do to that library.
pub(super) const TOBIT: &std::ffi::CStr = c"twinplug tobit";

/// What the prelude makes a compiled call of: a function that makes it, with its arguments;
/// nothing where the function is no leaf, or scripts are not compiled.
pub(super) fn described(core: &Core, lua: &Lua, link: &Link) -> Result<Vec<Value>> {
    let Some(Callee { signature, followed, .. }) = &link.compiled else { return Ok(Vec::new()) };
    let Some(followed) = followed.as_ref().filter(|_| core.is_compiled) else {
        return Ok(Vec::new());
    };
    let params = signature.params.iter().map(|param| &*param.ty);
    let Some(types) = types(&signature.result, params) else { return Ok(Vec::new()) };
    let make = core.leaf_maker(lua).map_err(broken)?;
    let leaf = lua.create_table_from([
        ("out", core.compiled.result.as_ptr().expose_provenance() as f64),
        ("target", followed.address() as f64),
        ("offset", Func::<Dynamic>::FUNCTION as f64),
        ("fault", core.compiled.fault.address() as f64),
        ("runs", core.leaf.state().expose_provenance() as f64),
        ("gone", Entry::GONE.into()),
    ]);
    Ok(vec![
        Value::Function(make),
        Value::Function(link.closure(lua, settle).map_err(broken)?),
        Value::Table(leaf.map_err(broken)?),
        Value::Table(lua.create_sequence_from(types).map_err(broken)?),
    ])
}

/// Whether scripts call a function of the host by its C type.
pub(super) fn is_compiled(core: &Core, offered: &Offered) -> bool {
    core.is_compiled && LeafPlace::IS_COMPILED && offered.function.leaf.is_some()
}

/// The function of the host that has this number in the list, as scripts call it that are
/// compiled; `general` calls it otherwise.
pub(super) fn of_host(
    core: &Core,
    lua: &Lua,
    (number, general): (usize, Function),
) -> mlua::Result<Option<Function>> {
    let Some(offered) = core.functions.all.get(number) else { return Ok(None) };
    let Some(leaf) = &offered.function.leaf else { return Ok(None) };
    let Some(types) = types(leaf.result, leaf.params.iter().copied()) else { return Ok(None) };
    // What compiles calls of it does so as it is asked for.
    core.warn(offered);
    let settle = host_functions::closure(core, offered, settle_host)?;
    // All of these are there as long as the VM: core, function and closure go after it.
    let addresses = lua.create_table_from([
        ("entry", leaf.entry as f64),
        ("closure", leaf.closure as f64),
        ("place", std::ptr::from_ref(&core.leaf).expose_provenance() as f64),
        ("state", core.leaf.state().expose_provenance() as f64),
    ])?;
    let types = lua.create_sequence_from(types)?;
    core.leaf_maker(lua)?.call((general, settle, addresses, types)).map(Some)
}

/// The types of the result and the parameters, as C calls them; `None` where one is no scalar.
fn types<'t>(result: &Type, params: impl Iterator<Item = &'t Type>) -> Option<Vec<&'static str>> {
    let c_type = |ty: &Type| match ty {
        Type::Int => Some("int64_t"),
        Type::Float => Some("double"),
        Type::Bool => Some("bool"),
        _ => None,
    };
    let result = match result {
        Type::Null => "void",
        other => c_type(other)?,
    };
    std::iter::once(Some(result)).chain(params.map(c_type)).collect()
}

impl Core {
    /// The function that makes compiled calls; made with the first of them.
    fn leaf_maker(&self, lua: &Lua) -> mlua::Result<Function> {
        const NAME: &str = "twinplug leaf";
        if let Some(make) = lua.named_registry_value::<Option<Function>>(NAME)? {
            return Ok(make);
        }
        let ffi = self.open_ffi(lua)?;
        let chunk = lua.load(MAKE).set_name(format!("={}", super::stack::PRELUDE));
        let tobit: Function = lua.named_registry_value(&TOBIT.to_string_lossy())?;
        let make: Function = chunk.call((ffi, tobit))?;
        lua.set_named_registry_value(NAME, &make)?;
        Ok(make)
    }

    /// The library, for the prelude.
    pub(super) fn open_ffi(&self, lua: &Lua) -> mlua::Result<Table> {
        let ffi = open_ffi(lua)?;
        if self.compiled.used.get().is_none() {
            self.compiled.used.set(Some(Use::new(lua, &ffi)?));
        }
        Ok(ffi)
    }
}

impl Link {
    /// What a compiled call comes to that has answered this status: its error; or, if it has
    /// not failed, its number, where compiled code cannot take that: an integer that is too
    /// large, or what is no number, of which each bit matters to LuaJIT.
    ///
    /// # Safety
    /// As for `Link::call`.
    unsafe fn settle(&self, core: &Core, state: *mut lua_State, status: c_int) -> Answer {
        // What is not kept is not compiled either.
        let Some(Callee { function, .. }) = &self.compiled else { return Answer::Results(0) };
        if status != OK {
            let error = function.failed(core.compiled.fault.take(status));
            return failed(core, state, error);
        }
        let bits = core.compiled.result.get();
        let result = match &*function.signature().result {
            Type::Float => Plain::Float(f64::from_bits(bits.cast_unsigned())),
            _ => Plain::Int(bits),
        };
        // SAFETY: as the caller says; there is room for 20 values.
        match unsafe { push_scalar(state, result) } {
            Ok(()) => Answer::Results(1),
            Err(error) => failed(core, state, self.named(error.of("result").into())),
        }
    }
}

impl Offered {
    /// What a compiled call comes to that has not answered its result: its error; or an integer
    /// that may be too large for a number.
    ///
    /// # Safety
    /// As for `host_functions::answered`.
    unsafe fn settle(&self, core: &Core, state: *mut lua_State) -> Answer {
        let error = match core.leaf.take() {
            Some(LeafFailed::Wide(int)) => {
                // SAFETY: as the caller says; there is room for 20 values.
                match unsafe { push_scalar(state, Plain::Int(int)) } {
                    Ok(()) => return Answer::Results(1),
                    Err(error) => self.function.at(error.of("result").into()),
                }
            }
            other => self.function.failed(other),
        };
        core.raised(state, &error)
    }
}

/// Settles a compiled call, of which the prelude passes the status.
unsafe extern "C-unwind" fn settle(state: *mut lua_State) -> c_int {
    // SAFETY: `Link::closure` has made it of this; nothing is left to drop.
    unsafe {
        Link::answered(state, |link, core| {
            let status = ffi::lua_tointeger(state, 1) as c_int;
            link.settle(core, state, status)
        })
    }
}

/// Settles one of a function of the host.
pub(super) unsafe extern "C-unwind" fn settle_host(state: *mut lua_State) -> c_int {
    // SAFETY: `host_functions::closure` has made it of this; nothing is left to drop.
    unsafe { host_functions::answered(state, |core, offered| offered.settle(core, state)) }
}

/// Values by which the FFI is used without memory being taken.
#[derive(Clone, Copy)]
struct Use {
    sizeof: Reference,
    int: Reference,
}

impl Use {
    fn new(lua: &Lua, ffi: &Table) -> mlua::Result<Use> {
        let int: Value = ffi.raw_get::<Function>("typeof")?.call("int")?;
        let sizeof = ffi.raw_get::<Function>("sizeof")?;
        Ok(Use { sizeof: refer(lua, sizeof)?, int: refer(lua, int)? })
    }
}

impl Core {
    /// Has the FFI forget the coroutine that has used it last: it would keep all that was on
    /// the stack of that one.
    pub(super) fn forget_coroutine(&self) -> mlua::Result<()> {
        let Some(Use { sizeof, int }) = self.compiled.used.get() else { return Ok(()) };
        // SAFETY: mlua runs it protected, with room for the two values. A C function does not
        // run the script, nor what may be due to stop that.
        unsafe {
            self.border.lua().exec_raw((), |state| {
                sizeof.push(state);
                if ffi::lua_iscfunction(state, -1) != 0 {
                    int.push(state);
                    ffi::lua_call(state, 1, 0);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }
}

/// Whether it is what settles a compiled call that stands at the index.
///
/// # Safety
/// `state` is of a VM that is entered.
pub(super) unsafe fn is_settle(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe { ffi::lua_tocfunction(state, index) }
        .is_some_and(|function| function as usize == settle as *const () as usize)
}

/// The library, which is taken away from wherever a script could find it, unless it was there. A VM
/// has it once: opened again, LuaJIT would forget the types of all that was made by then.
fn open_ffi(lua: &Lua) -> mlua::Result<Table> {
    const NAME: &str = "twinplug ffi";
    let loaded: Table = lua.named_registry_value("_LOADED")?;
    let granted = loaded.raw_get::<Option<Table>>("ffi")?;
    if let Some(ffi) = granted.or(lua.named_registry_value(NAME)?) {
        return Ok(ffi);
    }
    // SAFETY: mlua runs it protected, with room for 20 values; the library's function leaves
    // the library.
    let library: Table = unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_pushcfunction(state, ffi::luaopen_ffi);
            ffi::lua_call(state, 0, 1);
        })?
    };
    lua.set_named_registry_value(NAME, &library)?;
    loaded.raw_set("ffi", Value::Nil)?;
    lua.globals().raw_set("ffi", Value::Nil)?;
    Ok(library)
}
