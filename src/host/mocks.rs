//! `Host::mock`: stand-ins for functions of a host that is for tests.

use std::sync::Weak;

use twinplug_value::Function;

use super::names::check_name;
use super::{Host, HostBuilder};
use crate::error::{Error, ErrorKind, Result};
use crate::loading::Scripts;
use crate::plugin::{BUILT_INS, HostContext, HostFunction, Mocks};

impl Host {
    /// Has another function called in place of the host's own of that name, from the next call on.
    /// It is called with what the own one would be, and its result is brought to the same type. One
    /// that the host does not have takes any values: plugins that are loaded afterwards see it, and
    /// native ones at once.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// use twinplug::{Function, Host};
    ///
    /// let host = Host::builder().function("roll", || 4).mockable().build()?;
    /// host.mock("roll", Function::new(|| 6))?;
    /// let plugin = host.load_source("game", "function Play() return host.roll() end")?;
    /// assert_eq!(plugin.func::<(), i64>("Play")?.call(())?, 6);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// The host is not [`mockable`](crate::HostBuilder::mockable), or the name is none.
    pub fn mock(&self, name: &str, stand_in: Function) -> Result<()> {
        self.context.mock(name, stand_in)
    }

    /// The stand-ins that it was given, by the names of the functions.
    #[must_use]
    pub fn mocks(&self) -> Vec<(String, Function)> {
        self.context.mocks.as_ref().map(Mocks::stand_ins).unwrap_or_default()
    }
}

impl HostBuilder {
    /// Makes a host for tests of plugins, in which any function can be given a stand-in:
    /// [`Host::mock`], and `host.mock(name, f)` in scripts. A leaf function is called as others are
    /// then.
    #[must_use]
    pub fn mockable(mut self) -> Self {
        self.mocks.get_or_insert_default();
        self
    }

    /// Gives a function a stand-in from the beginning, as [`Host::mock`] does later, of a host that
    /// is [`mockable`](HostBuilder::mockable) by that.
    #[must_use]
    pub fn mock(mut self, name: &str, stand_in: Function) -> Self {
        self.mocks.get_or_insert_default().push((name.to_owned(), stand_in));
        self
    }
}

impl HostContext {
    /// As [`Host::mock`].
    pub(super) fn mock(&self, name: &str, stand_in: Function) -> Result<()> {
        let Some(mocks) = &self.mocks else {
            let message = "this host is not for tests: make it with `HostBuilder::mockable`";
            return Err(Error::new(ErrorKind::Refused, message));
        };
        if self.functions.contains_key(name) && !BUILT_INS.contains(&name) {
            mocks.set(name, stand_in);
            return Ok(());
        }
        let added = mocks.added();
        let functions = self.functions.keys().chain(added.iter().map(|(name, _)| name));
        let constants = self.constants.keys().map(String::as_str);
        check_name("function", name, functions.map(String::as_str), constants)
            .map_err(|message| Error::new(ErrorKind::Refused, message))?;
        mocks.add(name, stand_in);
        Ok(())
    }
}

/// `host.mock(name, f)`, which plugins of such a host have.
pub(super) fn function(host: &Weak<HostContext>) -> HostFunction {
    let host = Weak::clone(host);
    HostFunction::new::<Scripts, _, _>("mock", move |name: String, stand_in: Function| {
        let host = host.upgrade();
        let host = host.ok_or_else(|| Error::new(ErrorKind::Stale, "the host is gone"))?;
        host.mock(&name, stand_in)
    })
}
