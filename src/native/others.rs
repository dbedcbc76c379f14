//! Other plugins, as native ones use them: the table of `TP_SERVICE_PLUGINS`.

use std::ffi::c_char;
use std::sync::Arc;

use twinplug_abi::{self as abi, Status};
use twinplug_value::raw::{RawValues, RawView};
use twinplug_value::{Value, from_view, to_sink};

use super::context::Context;
use super::services::{Failure, answer, context_of, null, text, values};
use crate::error::{Error, Result};
use crate::plugin::{Plugin, Symbol, as_one};

/// The service of that name.
pub(super) static PLUGINS: abi::Plugins =
    abi::Plugins { size: size_of::<abi::Plugins>() as u32, reserved: 0, has, call, get, set };

/// The newest plugin of that name: of one that this plugin requires, in its range.
fn found(context: &Context, name: &str) -> Result<Arc<dyn Plugin>> {
    let plugins = context.host()?.plugins()?;
    match context.requires.iter().find(|requirement| requirement.name == name) {
        Some(requirement) => plugins.required(requirement),
        None => plugins.newest(name),
    }
}

/// What a symbol of it is.
///
/// # Safety
/// The texts are as the header says.
unsafe fn symbol<'t>(
    context: &Context,
    (plugin, plugin_length): (*const c_char, usize),
    (symbol, symbol_length): (*const c_char, usize),
) -> Result<(Symbol, &'t str, &'t str), Failure> {
    // SAFETY: as the caller says.
    let (plugin, symbol) = unsafe { (text(plugin, plugin_length)?, text(symbol, symbol_length)?) };
    Ok((found(context, plugin)?.lookup(symbol)?, plugin, symbol))
}

unsafe extern "C" fn has(
    context: *mut abi::Context,
    plugin: *const c_char,
    plugin_length: usize,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
) -> Status {
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |sink| {
            let context = context_of(context)?;
            context.host()?;
            let has = found(context, text(plugin, plugin_length)?).is_ok();
            Ok(to_sink(&has, sink).map_err(Error::from)?)
        })
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
    // SAFETY: all pointers are as the header says, until we return; the arguments follow the
    // ABI by the plugin's promise.
    unsafe {
        answer(arena, result, |sink| {
            let context = context_of(context)?;
            let names = ((plugin, plugin_length), (function, function_length));
            let (symbol, plugin, name) = symbol(context, names.0, names.1)?;
            let args = RawValues::new(values(args, count)?).written_by(context);
            let read = |(index, view): (usize, RawView<'_>)| {
                from_view(view).map_err(|error| {
                    let error = Error::from(error.of(format!("argument {}", index + 1)));
                    error.at_symbol(name).in_plugin(plugin)
                })
            };
            let args = args.each().enumerate().map(read).collect::<Result<Vec<Value>>>()?;
            let returned = as_one(symbol.into_dynamic()?.call_all(&args)?);
            sink.set_reader(context);
            Ok(to_sink(&returned, sink).map_err(|error| Error::from(error.of("result")))?)
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
    // SAFETY: all pointers are as the header says, until we return.
    unsafe {
        answer(arena, result, |sink| {
            let context = context_of(context)?;
            let names = ((plugin, plugin_length), (variable, variable_length));
            let (symbol, ..) = symbol(context, names.0, names.1)?;
            let value = symbol.into_var::<Value>()?.get()?;
            sink.set_reader(context);
            Ok(to_sink(&value, sink).map_err(Error::from)?)
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
    // SAFETY: all pointers are as the header says, until we return; the value follows the ABI
    // by the plugin's promise.
    unsafe {
        answer(arena, result, |_| {
            let context = context_of(context)?;
            let value = value.as_ref().ok_or_else(|| null("value"))?;
            let names = ((plugin, plugin_length), (variable, variable_length));
            let (symbol, plugin, name) = symbol(context, names.0, names.1)?;
            let value: Value = from_view(RawView::new(value).written_by(context))
                .map_err(|error| Error::from(error).at_symbol(name).in_plugin(plugin))?;
            Ok(symbol.into_var::<Value>()?.set(value)?)
        })
    }
}
