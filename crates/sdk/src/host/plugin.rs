//! [`PluginRef`]: another plugin of the host.

use twinplug_abi as abi;
use twinplug_value::raw::RawSink;
use twinplug_value::{Args, Argument, Data};

use super::HostRef;
use crate::arena::Scratch;
use crate::{Error, Result};

/// Another plugin, of either kind: the newest of its name, or the newest in the range in which
/// this plugin's manifest requires it. It is looked up at each use, and so follows loads and
/// unloads.
///
/// ```
/// use twinplug_sdk::prelude::*;
///
/// fn tomorrow(host: &HostRef) -> Result<i64> {
///     let clock = host.plugin("clock");
///     clock.set("Zone", "UTC")?;
///     Ok(clock.call::<i64>("now", ())? + 86_400)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct PluginRef {
    host: HostRef,
    name: String,
}

impl HostRef {
    /// Another plugin of that name, which need not be there yet.
    #[must_use]
    pub fn plugin(&self, name: &str) -> PluginRef {
        PluginRef { host: *self, name: name.to_owned() }
    }
}

impl PluginRef {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is loaded.
    ///
    /// # Errors
    /// This plugin was unloaded, or the host is too old to tell.
    pub fn is_loaded(&self) -> Result<bool> {
        let (table, name) = (self.table()?, self.name.as_str());
        self.host.ask(|context, arena, result| {
            // SAFETY: the name is borrowed until the service returns.
            unsafe { (table.has)(context, name.as_ptr().cast(), name.len(), arena, result) }
        })
    }

    /// Calls a function: `clock.call::<i64>("now", ())`. Several results are a tuple.
    ///
    /// # Errors
    /// It is not loaded or has no such function, arguments or result are of other types, the
    /// function failed, or it would have to wait where that cannot be.
    pub fn call<R: Data>(&self, function: &str, args: impl Args) -> Result<R> {
        let table = self.table()?;
        let memory = Scratch::new(self.host)?;
        let mut sink = RawSink::new(&memory);
        args.write(&mut sink)?;
        let values = sink.values();
        let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
        self.host.ask(|context, arena, result| {
            let (plugin, function) = (self.name.as_bytes(), function.as_bytes());
            // SAFETY: names and arguments are borrowed until the service returns.
            unsafe {
                (table.call)(
                    context,
                    plugin.as_ptr().cast(),
                    plugin.len(),
                    function.as_ptr().cast(),
                    function.len(),
                    values.as_ptr(),
                    count,
                    arena,
                    result,
                )
            }
        })
    }

    /// Reads a variable.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub fn get<T: Data>(&self, variable: &str) -> Result<T> {
        let table = self.table()?;
        self.host.ask(|context, arena, result| {
            let (plugin, variable) = (self.name.as_bytes(), variable.as_bytes());
            // SAFETY: the names are borrowed until the service returns.
            unsafe {
                (table.get)(
                    context,
                    plugin.as_ptr().cast(),
                    plugin.len(),
                    variable.as_ptr().cast(),
                    variable.len(),
                    arena,
                    result,
                )
            }
        })
    }

    /// Sets a variable.
    ///
    /// # Errors
    /// As for [`call`](Self::call).
    pub fn set(&self, variable: &str, value: impl Argument) -> Result<()> {
        let table = self.table()?;
        let memory = Scratch::new(self.host)?;
        let mut sink = RawSink::new(&memory);
        twinplug_value::to_sink(&value, &mut sink)?;
        let value = sink.last();
        self.host.ask(|context, arena, result| {
            let (plugin, variable) = (self.name.as_bytes(), variable.as_bytes());
            // SAFETY: names and value are borrowed until the service returns.
            unsafe {
                (table.set)(
                    context,
                    plugin.as_ptr().cast(),
                    plugin.len(),
                    variable.as_ptr().cast(),
                    variable.len(),
                    &raw const value,
                    arena,
                    result,
                )
            }
        })
    }

    fn table(&self) -> Result<&abi::Plugins> {
        let table = self.host.service(abi::SERVICE_PLUGINS).cast::<abi::Plugins>();
        // SAFETY: null, or the table of that id, which lives as long as this image.
        let table = unsafe { table.as_ref() };
        table.ok_or_else(|| Error::new("the host shows no other plugins"))
    }
}
