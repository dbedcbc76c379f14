//! Leaf functions of native plugins, for compiled scripts: called by their C type, at the price
//! of a function pointer.
//!
//! A compiled call must not come back into the VM: the process would end. A leaf function
//! promises to call nothing of the host; one that breaks this finds the VM closed (`Core::leaf`).
//! The address of the function is read anew for each call, so that one whose plugin was unloaded
//! answers a status; why one has failed is asked by calling it again in the general way.

use mlua::{Function, Lua, Table, Value, ffi};
use twinplug_value::{Signature, Type};

use super::plugins::Link;
use super::vm::{Core, broken};
use crate::error::Result;

const MAKE: &str = include_str!("prelude/leaf.lua");

/// What the prelude makes a compiled call of: a function that makes it, with its arguments;
/// nothing where the function is no leaf, or scripts are not compiled.
pub(super) fn described(core: &Core, lua: &Lua, link: &Link) -> Result<Vec<Value>> {
    let current = link.current();
    let Some(leaf) = current.function.leaf().filter(|_| core.is_compiled) else {
        return Ok(Vec::new());
    };
    let Some(types) = types(current.function.signature()) else { return Ok(Vec::new()) };
    let make = core.leaf_maker(lua).map_err(broken)?;
    let leaf = lua.create_sequence_from([
        leaf.target as f64,
        leaf.function as f64,
        core.leaf.fault.address() as f64,
        core.leaf.runs.as_ptr().addr() as f64,
    ]);
    Ok(vec![
        Value::Function(make),
        Value::Table(leaf.map_err(broken)?),
        Value::Table(lua.create_sequence_from(types).map_err(broken)?),
    ])
}

/// The types of the result and the parameters, as C calls them; `None` where one is no scalar.
fn types(signature: &Signature) -> Option<Vec<&'static str>> {
    let c_type = |ty: &Type| match ty {
        Type::Int => Some("int64_t"),
        Type::Float => Some("double"),
        Type::Bool => Some("bool"),
        _ => None,
    };
    let result = match &*signature.result {
        Type::Null => "void",
        other => c_type(other)?,
    };
    let params = signature.params.iter().map(|param| c_type(&param.ty));
    std::iter::once(Some(result)).chain(params).collect()
}

impl Core {
    /// The function that makes compiled calls; made with the first of them.
    fn leaf_maker(&self, lua: &Lua) -> mlua::Result<Function> {
        const NAME: &str = "twinplug leaf";
        if let Some(make) = lua.named_registry_value::<Option<Function>>(NAME)? {
            return Ok(make);
        }
        let ffi = open_ffi(lua)?;
        let chunk = lua.load(MAKE).set_name(format!("={}", super::stack::PRELUDE));
        let make: Function = chunk.call(ffi)?;
        lua.set_named_registry_value(NAME, &make)?;
        Ok(make)
    }
}

/// Opens the library, and takes it away from wherever a script could find it, unless it is
/// there already.
fn open_ffi(lua: &Lua) -> mlua::Result<Table> {
    let loaded: Table = lua.named_registry_value("_LOADED")?;
    if let Some(ffi) = loaded.raw_get::<Option<Table>>("ffi")? {
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
    loaded.raw_set("ffi", Value::Nil)?;
    lua.globals().raw_set("ffi", Value::Nil)?;
    Ok(library)
}
