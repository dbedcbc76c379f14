//! The functions that a host offers its plugins.

use std::sync::Arc;

use twinplug_value::{Callable, LeafFunction, Params};

use super::HostBuilder;
use crate::plugin::{BUILT_INS, HostFunction};

impl HostBuilder {
    /// Adds a function of up to 8 parameters, which plugins call; a name with dots
    /// is in a group: `world.spawn`.
    #[must_use]
    pub fn function<P: Params, F: Callable<P>>(self, name: &str, function: F) -> Self {
        self.with(name, HostFunction::new(name, function))
    }

    /// Adds a *leaf* function: one of `i64`, `f64` and `bool`, with such a result or none, which
    /// calls nothing of this host and waits for nothing. Plugins call it as any other
    /// [`function`](HostBuilder::function), and get the same errors; of LuaJIT's compiled code
    /// the call costs what a function pointer does. (Code that LuaJIT runs without compiling it
    /// pays more than for others: it is for what loops call.)
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let gravity = 9.81;
    /// let host = twinplug::Host::builder()
    ///     .leaf("world.fall", move |speed: f64, time: f64| speed + gravity * time)
    ///     .build()?;
    /// let script = "function After(time) return host.world.fall(0, time) end";
    /// let plugin = host.load_source("falls", script)?;
    /// assert_eq!(plugin.func::<(f64,), f64>("After")?.call((2.0,))?, 19.62);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// It may return a `Result`, and a panic is its caller's error. It is held to its promise:
    /// what it asks of the script that has called it is refused.
    #[must_use]
    pub fn leaf<P: Params, F: LeafFunction<P>>(self, name: &str, function: F) -> Self {
        self.with(name, HostFunction::leaf(name, function))
    }

    fn with(mut self, name: &str, function: HostFunction) -> Self {
        self.check_name(name);
        if self.functions.insert(name.to_owned(), Arc::new(function)).is_some() {
            self.refuse(format!("function `{name}` is there twice"));
        }
        self
    }

    /// A function's name is a path of plain names, no part of which is a function
    /// itself, and whose first is not built in.
    fn check_name(&mut self, name: &str) {
        let plain = |part: &str| {
            part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !part.starts_with(|c: char| c.is_ascii_digit())
                && !part.is_empty()
        };
        let first = name.split('.').next().unwrap_or_default();
        if !name.split('.').all(plain) {
            self.refuse(format!(
                "function `{name}`: a name is letters, digits, `_`, and dots between"
            ));
        } else if BUILT_INS.contains(&first) {
            self.refuse(format!("function `{name}`: `host.{first}` is built in"));
        } else if let Some(other) =
            self.functions.keys().find(|other| within(name, other) || within(other, name))
        {
            let other = other.clone();
            self.refuse(format!("function `{name}`: `{other}` makes one of them a group as well"));
        }
    }
}

fn within(name: &str, group: &str) -> bool {
    name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'))
}
