//! [`HostContext`]: what a plugin may ask of its host. Plugins hold it weakly, so
//! that the host owns its plugins and not the other way round.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use twinplug_value::Value;

#[cfg(feature = "luajit")]
use super::Followed;
use super::{Constant, HostFunction, Lender, Mocks, Plugin, Requirement};
use crate::channel::{AnyChannel, Channel};
use crate::error::{Error, ErrorKind, Result, near_or};

/// Names in a script's `host` table that no host function may have.
pub(crate) const BUILT_INS: [&str; 16] = [
    "any",
    "base",
    "buffer",
    "channel",
    "config",
    "has",
    "has_plugin",
    "list",
    "log",
    "mock",
    "null",
    "object",
    "on",
    "plugin",
    "register",
    "state",
];

/// Takes what plugins print: the plugin's name, the text.
pub(crate) type Output = dyn Fn(&str, &str) + Send + Sync;

/// The plugins that are loaded, as others see them.
pub(crate) trait Plugins: Send + Sync {
    /// The newest of that name.
    fn newest(&self, name: &str) -> Result<Arc<dyn Plugin>>;
    /// The newest that a plugin may use which requires this.
    fn required(&self, requirement: &Requirement) -> Result<Arc<dyn Plugin>>;
    /// Changes whenever another plugin may be the newest of its name, or one has more exports.
    fn changes(&self) -> u64;
    /// A plugin has more exports.
    fn changed(&self);
    /// Has it lose what it leads to after each change.
    #[cfg(feature = "luajit")]
    fn follow(&self, followed: Weak<Followed>);
}

/// What plugins may ask of their host.
pub(crate) struct HostContext {
    /// Set as soon as there are any.
    pub(crate) plugins: OnceLock<Weak<dyn Plugins>>,
    pub(crate) functions: BTreeMap<String, Arc<HostFunction>>,
    pub(crate) constants: BTreeMap<String, Constant>,
    pub(crate) channels: BTreeMap<String, Arc<dyn AnyChannel>>,
    pub(crate) output: Arc<Output>,
    pub(crate) lender: Lender,
    /// The plugins that hold nothing of others between two calls.
    pub(crate) consoles: BTreeSet<String>,
    /// Of a host that is for tests.
    pub(crate) mocks: Option<Mocks>,
    /// Likewise: those that were asked for, and that the host itself does not have.
    pub(crate) fake_channels: Option<FakeChannels>,
}

/// What to do about a function that a host does not have.
pub(crate) const MISSING_FUNCTION: &str = "add it with `HostBuilder::function`, or mock it (`--mock FILE` of the command, `host.mock` in a test)";

pub(crate) type FakeChannels = Mutex<BTreeMap<String, Arc<dyn AnyChannel>>>;

/// So many messages a channel of a host that is for tests holds at least.
pub(crate) const FAKE_CAPACITY: usize = 1024;

/// A function that was found.
pub(crate) enum Found<'h> {
    Offered(&'h Arc<HostFunction>),
    /// That a test has added.
    Added(Arc<HostFunction>),
}

impl Deref for Found<'_> {
    type Target = Arc<HostFunction>;

    fn deref(&self) -> &Arc<HostFunction> {
        match self {
            Found::Offered(function) => function,
            Found::Added(function) => function,
        }
    }
}

impl HostContext {
    /// The other plugins.
    pub(crate) fn plugins(&self) -> Result<Arc<dyn Plugins>> {
        let plugins = self.plugins.get().and_then(Weak::upgrade);
        plugins.ok_or_else(|| Error::new(ErrorKind::Stale, "the host is gone"))
    }

    pub(crate) fn function(&self, name: &str) -> Result<Found<'_>> {
        if let Some(function) = self.functions.get(name) {
            return Ok(Found::Offered(function));
        }
        let added = self.mocks.as_ref().and_then(|mocks| mocks.find(name));
        added.map(Found::Added).ok_or_else(|| {
            let known = self.functions.keys().map(String::as_str);
            let next = near_or(name, known, MISSING_FUNCTION);
            Error::new(ErrorKind::NotFound, format!("the host has no function `{name}`{next}"))
        })
    }

    /// Its functions, also those that tests have added so far.
    pub(crate) fn all_functions(&self) -> Vec<(String, Arc<HostFunction>)> {
        let own = self.functions.iter();
        let own = own.map(|(name, function)| (name.clone(), Arc::clone(function)));
        own.chain(self.mocks.iter().flat_map(Mocks::added)).collect()
    }

    pub(crate) fn constant(&self, name: &str) -> Result<&Constant> {
        self.constants.get(name).ok_or_else(|| {
            let known = self.constants.keys().map(String::as_str);
            let next = near_or(name, known, "add it with `HostBuilder::constant`");
            Error::new(ErrorKind::NotFound, format!("the host has no constant `{name}`{next}"))
        })
    }

    pub(crate) fn channel(&self, name: &str) -> Result<Arc<dyn AnyChannel>> {
        if let Some(channel) = self.channels.get(name) {
            return Ok(Arc::clone(channel));
        }
        if let Some(fakes) = &self.fake_channels {
            let make = || Arc::new(Channel::<Value>::new(name, FAKE_CAPACITY)) as _;
            return Ok(Arc::clone(fakes.lock().entry(name.to_owned()).or_insert_with(make)));
        }
        let known = self.channels.keys().map(String::as_str);
        let next = "add it with `HostBuilder::channel` (`--channel` of the command)";
        let next = near_or(name, known, next);
        Err(Error::new(ErrorKind::NotFound, format!("the host has no channel `{name}`{next}")))
    }

    /// Closes all channels.
    pub(crate) fn close_channels(&self) {
        let fakes = self.fake_channels.as_ref().map(|fakes| std::mem::take(&mut *fakes.lock()));
        let fakes = fakes.unwrap_or_default();
        self.channels.values().chain(fakes.values()).for_each(|channel| channel.close());
    }
}
