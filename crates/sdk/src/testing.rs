//! A plugin in the process of its author's tests, without a library and without a host.
//!
//! [`Host`] stands in for the real one: it has functions and channels, and loads the
//! table that `#[plugin]` writes. What is called goes through the entries of the ABI,
//! with the arguments checked as a host checks them.
//!
//! ```
//! use twinplug_sdk::prelude::*;
//! use twinplug_sdk::testing;
//!
//! #[plugin(name = "counter", version = "1.0.0")]
//! mod counter {
//!     use super::*;
//!
//!     #[var(name = "Count")]
//!     static COUNT: Var<i64> = Var::new(0);
//!
//!     #[func]
//!     fn add(by: i64) -> i64 {
//!         println!("adding {by}");
//!         COUNT.update(|count| *count += by)
//!     }
//!
//!     #[func]
//!     fn tell(host: &HostRef) -> Result<f64> {
//!         host.channel("counts")?.send(&COUNT.get())?;
//!         host.call("scale", (COUNT.get(), 0.5))
//!     }
//! }
//!
//! // In the plugin's crate, this is a `#[test]`.
//! fn it_counts() -> Result<()> {
//!     let plugin = testing::Host::new()
//!         .function("scale", |x: f64, by: f64| x * by)
//!         .channel::<i64>("counts")
//!         .load(&counter::twinplug_plugin)?;
//!     plugin.set("Count", 2)?;
//!     assert_eq!(plugin.call::<i64>("add", (3,))?, 5);
//!     assert_eq!(plugin.output(), "adding 3\n");
//!     assert_eq!(plugin.call::<f64>("tell", ())?, 2.5);
//!     assert_eq!(plugin.sent::<i64>("counts")?, [5]);
//!     // The same by the other entry, which has no values in between.
//!     assert_eq!(plugin.call_direct::<i64>("add", (1i64,))?, 6);
//!     Ok(())
//! }
//! # fn main() -> Result<()> {
//! #     it_counts()
//! # }
//! ```
//!
//! **One test at a time.** A plugin's variables are `static`s, which the tests of a
//! process share. So a loaded plugin holds up every other [`Host::load`] of the process
//! until it is dropped, and each load begins with the variables (and state) at the values
//! that they had at the first. What is no `Var` is the author's to set back. Threads
//! that the plugin starts should end with the test.
//!
//! What is not here: watching, reloading, other plugins, limits.

mod channel;
mod channel_services;
mod direct;
mod events;
mod plugin;
mod plugins;
mod services;

pub use direct::ScalarArgs;
pub use plugin::Plugin;

use std::ptr::NonNull;

use twinplug_abi as abi;
use twinplug_value::{Argument, Callable, Data, Params, Type, Value};

use crate::Result;
use crate::export;
use services::{Context, Function, lock};

/// Whether these are the services of a test host.
pub(crate) fn is_ours(services: NonNull<abi::Host>) -> bool {
    std::ptr::eq(services.as_ptr(), &raw const services::SERVICES)
}

/// The services of a test host, for what needs no more of it.
#[cfg(test)]
pub(crate) fn services() -> *const abi::Host {
    &raw const services::SERVICES
}

/// A host for tests.
#[derive(Default)]
#[must_use]
pub struct Host {
    context: Context,
}

impl Host {
    /// A host that has nothing.
    pub fn new() -> Self {
        Host::default()
    }

    /// A function that the plugin may call: `.function("scale", |x: f64, by: f64| x * by)`.
    pub fn function<P: Params, F: Callable<P>>(mut self, name: &str, function: F) -> Self {
        let function = Function::new(F::signature(), export::closure(function));
        self.context.functions.insert(name.to_owned(), function);
        self
    }

    /// A constant that the plugin may read: `.constant("LIMIT", 10)`.
    ///
    /// # Panics
    /// The value cannot cross.
    pub fn constant<T: Argument>(mut self, name: &str, value: T) -> Self {
        let value = Value::of(&value);
        let value = value.unwrap_or_else(|error| panic!("constant `{name}`: {error}"));
        self.context.constants.insert(name.to_owned(), value);
        self
    }

    /// A function of another plugin, which this one may call: `.plugin_function("clock", "now", || 12)`.
    pub fn plugin_function<P: Params, F: Callable<P>>(
        mut self,
        plugin: &str,
        name: &str,
        function: F,
    ) -> Self {
        let function = Function::new(F::signature(), export::closure(function));
        let other = self.context.plugins.entry(plugin.to_owned()).or_default();
        other.functions.insert(name.to_owned(), function);
        self
    }

    /// A variable of another plugin, with its value: `.plugin_variable("clock", "Zone", "UTC")`.
    ///
    /// # Panics
    /// The value cannot cross.
    pub fn plugin_variable<T: Argument>(mut self, plugin: &str, name: &str, value: T) -> Self {
        let value = Value::of(&value);
        let value = value.unwrap_or_else(|error| panic!("variable `{name}`: {error}"));
        let other = self.context.plugins.entry(plugin.to_owned()).or_default();
        lock(&other.variables).insert(name.to_owned(), value);
        self
    }

    /// A channel that the plugin may open. It takes any number of messages; to receive,
    /// the plugin finds what [`Plugin::send`] put there.
    pub fn channel<T: Data>(self, name: &str) -> Self {
        self.channel_of(name, T::SCHEMA)
    }

    fn channel_of(self, name: &str, ty: &'static Type) -> Self {
        self.context.channels.add(name, ty);
        self
    }

    /// Loads a plugin: `my_plugin::twinplug_plugin`. Waits until no other test of this
    /// process has one.
    ///
    /// # Errors
    /// This thread has one loaded, the table breaks the ABI, or its init failed.
    pub fn load(self, table: &'static export::Plugin) -> Result<Plugin> {
        Plugin::load(self.context, table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prelude::plugin;

    #[plugin(name = "empty", version = "1.0.0")]
    mod empty {}

    #[test]
    fn a_plugin_may_be_empty() {
        let plugin = Host::new().load(&empty::twinplug_plugin).unwrap();
        assert!(plugin.exports().is_empty());
        let error = plugin.call::<i64>("x", ()).unwrap_err();
        assert_eq!(error.to_string(), "no export `x`; there are: none");
    }
}
