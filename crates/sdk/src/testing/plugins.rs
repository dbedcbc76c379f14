//! The other plugins of the test host: `TP_SERVICE_PLUGINS`.

use std::collections::HashMap;
use std::ffi::c_char;
use std::sync::Mutex;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::RawSource;
use twinplug_value::{Value, from_source};

use super::services::{Function, answer, call_function, context_of, lock, text};
use crate::{Error, Result};

pub(super) static PLUGINS: abi::Plugins =
    abi::Plugins { size: size_of::<abi::Plugins>() as u32, reserved: 0, has, call, get, set };

/// What a test says that another plugin exports.
#[derive(Default)]
pub(super) struct Other {
    pub(super) functions: HashMap<String, Function>,
    pub(super) variables: Mutex<HashMap<String, Value>>,
}

fn missing(text: String) -> Error {
    Error { status: abi::NOT_FOUND, text }
}

/// # Safety
/// As the header says: context and texts are the plugin's, borrowed until the service returns.
unsafe fn other<'c>(
    context: *mut abi::Context,
    name: *const c_char,
    length: usize,
) -> Result<&'c Other> {
    // SAFETY: as the caller says.
    let (context, name) = unsafe { (context_of(context, "plugin")?, text(name, length)?) };
    let other = context.plugins.get(name);
    other.ok_or_else(|| missing(format!("no plugin `{name}` is loaded")))
}

unsafe extern "C" fn has(
    context: *mut abi::Context,
    plugin: *const c_char,
    plugin_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        answer(arena, result, || Ok(Value::Bool(other(context, plugin, plugin_length).is_ok())))
    }
}

unsafe extern "C" fn call(
    context: *mut abi::Context,
    plugin: *const c_char,
    plugin_length: usize,
    function: *const c_char,
    function_length: usize,
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        call_function(context, (args, count), (arena, result), || {
            let other = other(context, plugin, plugin_length)?;
            let name = text(function, function_length)?;
            let function = other.functions.get(name);
            function.ok_or_else(|| missing(format!("no export `{name}`")))
        })
    }
}

unsafe extern "C" fn get(
    context: *mut abi::Context,
    plugin: *const c_char,
    plugin_length: usize,
    variable: *const c_char,
    variable_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return.
    unsafe {
        answer(arena, result, || {
            let other = other(context, plugin, plugin_length)?;
            let name = text(variable, variable_length)?;
            let value = lock(&other.variables).get(name).cloned();
            value.ok_or_else(|| missing(format!("no export `{name}`")))
        })
    }
}

unsafe extern "C" fn set(
    context: *mut abi::Context,
    plugin: *const c_char,
    plugin_length: usize,
    variable: *const c_char,
    variable_length: usize,
    value: *const abi::Value,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: the plugin's, borrowed until we return; the value follows the ABI.
    unsafe {
        answer(arena, result, || {
            let other = other(context, plugin, plugin_length)?;
            let name = text(variable, variable_length)?;
            let value = from_source(&mut RawSource::new(*value))?;
            match lock(&other.variables).get_mut(name) {
                Some(place) => *place = value,
                None => return Err(missing(format!("no export `{name}`"))),
            }
            Ok(Value::Null)
        })
    }
}
