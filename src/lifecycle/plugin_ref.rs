//! [`PluginRef`]: one plugin, as its host's users hold it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use semver::Version;
use twinplug_value::{Args, Data, Value};

use super::slot::Slot;
use crate::channel::Life;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Calls, Casual, Descriptor, Func, Plugin, PluginKind, Requirement, Symbol, Var, sealed,
};

/// A loaded plugin, followed through its reloads. Cheap to clone; after
/// [`Host::unload`](crate::Host::unload) everything that came from it answers that it is stale.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// use twinplug::Symbol;
///
/// let host = twinplug::Host::builder().build()?;
/// let text = "local M = { Count = 1 }
/// ---@param by integer
/// ---@return integer
/// function M.Add(by) M.Count = M.Count + by return M.Count end
/// return M";
/// let counter = host.load_source("counter", text)?;
///
/// // Where the types are known, they are checked here, once;
/// let add = counter.func::<(i64,), i64>("Add")?;
/// assert_eq!((add.call((2,))?, counter.var::<i64>("Count")?.get()?), (3, 3));
/// let error = counter.func::<(String,), i64>("Add").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "plugin `counter`: `Add` is `(by: int) -> int`: argument `by`: expected int, got string"
/// );
///
/// // where they are not, what is there says them.
/// let exports = counter.descriptor();
/// let listed: Vec<_> = exports.exports.iter().map(|it| format!("{}: {}", it.name, it.ty)).collect();
/// assert_eq!(listed, ["Add: (by: int) -> int", "Count: number"]);
/// match counter.lookup("Add")? {
///     Symbol::Func(add) => assert_eq!(add.call(&[4.into()])?, 7.into()),
///     Symbol::Var(count) => panic!("`Add` is a variable, {:?}", count.get()),
/// }
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct PluginRef {
    slot: Arc<Slot>,
}

impl PluginRef {
    pub(super) fn of(slot: Arc<Slot>) -> Self {
        PluginRef { slot }
    }

    /// The plugin's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.slot.name
    }

    /// Its version; that of the load that serves now.
    #[must_use]
    pub fn version(&self) -> Version {
        self.slot.generation.load().version.clone()
    }

    /// Its kind, as it is loaded now. Nothing else depends on it.
    #[must_use]
    pub fn kind(&self) -> PluginKind {
        self.slot.generation.load().kind
    }

    /// The file that the load which serves now is from; of one from memory, the name that it was
    /// given, as if that were a script's or a folder's.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.slot.path()
    }

    /// The plugin as it is loaded now, without layers, and no later load of it: once another one has
    /// taken over, calls by its handles answer [`ErrorKind::Retired`].
    #[must_use]
    pub fn current(&self) -> Arc<dyn Plugin> {
        Arc::clone(&self.slot.generation.load().plugin)
    }

    /// The plugin through all of its loads.
    pub(super) fn following(&self) -> Arc<dyn Plugin> {
        Arc::clone(&self.slot) as _
    }

    pub(super) fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// The layers that lie over the plugin, the lowest first: scripts that say `---@over` it.
    #[must_use]
    pub fn layers(&self) -> Vec<PluginRef> {
        let layers = self.slot.layers();
        layers.iter().filter_map(|rung| rung.serving()).map(PluginRef::of).collect()
    }

    /// The plugin that this is a layer over, while that is loaded.
    #[must_use]
    pub fn over(&self) -> Option<PluginRef> {
        self.slot.rung.as_ref()?.base().ok().map(PluginRef::of)
    }

    /// Who serves an export: the topmost layer that has it, or the plugin itself.
    ///
    /// # Errors
    /// Nobody does; the message has the names near to it.
    pub fn server(&self, export: &str) -> Result<PluginRef> {
        let layers = self.slot.layers();
        let layer = layers.iter().rev().find(|rung| rung.has(export)).and_then(|it| it.serving());
        match layer {
            Some(layer) => Ok(PluginRef::of(layer)),
            None => self.lookup(export).map(|_| self.clone()),
        }
    }

    /// Whether it, or a layer over it, exports that name.
    pub(super) fn has(&self, name: &str) -> bool {
        sealed::Implemented::has(&*self.slot, name)
    }

    /// Which loads serve now: its own, and those of the layers over it.
    pub(super) fn loads(&self) -> Vec<(PluginRef, u64)> {
        let plugins = std::iter::once(self.clone()).chain(self.layers());
        let number = |plugin: &PluginRef| plugin.slot.generation.load().number;
        plugins.map(|plugin| (plugin.clone(), number(&plugin))).collect()
    }

    /// Whether that version takes over from it where it appears: it is newer; or what this one is
    /// from is not there any more, and it is another one.
    pub(super) fn is_older_than(&self, version: &Version) -> bool {
        let own = self.version();
        version.cmp_precedence(&own).is_gt() || (self.slot.is_gone() && *version != own)
    }

    /// Whether it lies over another plugin, and is none of its own.
    pub(super) fn is_layer(&self) -> bool {
        self.slot.rung.is_some()
    }

    /// What the plugin says of itself.
    #[must_use]
    pub fn descriptor(&self) -> Arc<Descriptor> {
        self.slot.descriptor()
    }

    /// The symbol of that name.
    ///
    /// # Errors
    /// There is none; the message has the names near to it.
    pub fn lookup(&self, name: &str) -> Result<Symbol> {
        self.slot.find(name)
    }

    /// The function of that name, for arguments `A` and a result `R`.
    ///
    /// # Errors
    /// There is none, it is a variable, or its signature is another one.
    pub fn func<A: Args, R: Data>(&self, name: &str) -> Result<Func<A, R>> {
        self.lookup(name)?.into_func()
    }

    /// The variable of that name, as a `T`.
    ///
    /// # Errors
    /// There is none, it is a function, or its type is another one.
    pub fn var<T: Data>(&self, name: &str) -> Result<Var<T>> {
        self.lookup(name)?.into_var()
    }

    /// Looks a function up and calls it: `plugin.call("add", (1, 2))`. For many
    /// calls, keep what [`PluginRef::func`] gives.
    ///
    /// # Errors
    /// As lookup and call.
    pub fn call(&self, name: &str, args: impl Args) -> Result<Value> {
        let args = args
            .to_values()
            .map_err(|error| Error::from(error).at_symbol(name).in_plugin(self.name()))?;
        self.call_dynamic(name, &args)
    }

    /// As [`call`](PluginRef::call), with arguments whose number is known when the program runs. No
    /// handle is held meanwhile that would keep an edit from taking the function away.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// use twinplug::Value;
    ///
    /// let host = twinplug::Host::builder().build()?;
    /// let sum = host.load_source("sum", "function Of(...) return select('#', ...) end")?;
    /// let args = vec![Value::from("a"); 3];
    /// assert_eq!(sum.call_dynamic("Of", &args)?, sum.call("Of", (1, 2, 3))?);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// As lookup and call.
    pub fn call_dynamic(&self, name: &str, args: &[Value]) -> Result<Value> {
        Casual::new(self.lookup(name)?.into_dynamic()?).call(args)
    }

    /// How it fares: which of its loads serves, and what has become of the last reload.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            generation: self.slot.generation.load().number,
            rejected: self.slot.rejected.lock().clone(),
            is_source_gone: self.slot.is_gone(),
        }
    }

    /// What it has done.
    pub(super) fn stats(&self) -> Stats {
        Stats {
            plugin: self.clone(),
            calls: self.slot.counters.as_ref().map(|counters| counters.calls()),
            memory: sealed::Implemented::memory(&*self.slot),
        }
    }

    /// The plugins that it needs.
    pub(super) fn requires(&self) -> Vec<Requirement> {
        self.slot.generation.load().requires.clone()
    }

    /// Whether it is what a plugin needs that requires this.
    pub(super) fn meets(&self, requirement: &Requirement) -> bool {
        self.name() == requirement.name && requirement.admits(&self.version())
    }

    pub(super) fn retire(&self) -> Result<()> {
        self.slot.retire()
    }

    /// What ends once it is unloaded.
    pub(super) fn life(&self) -> &Arc<Life> {
        &self.slot.life
    }

    pub(super) fn is(&self, other: &PluginRef) -> bool {
        Arc::ptr_eq(&self.slot, &other.slot)
    }

    pub(super) fn unknown(&self) -> Error {
        Error::new(ErrorKind::Stale, "the plugin is not loaded in this host").in_plugin(self.name())
    }
}

/// What a plugin has done, and what it holds: [`Host::stats`](crate::Host::stats).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The plugin, or the layer.
    pub plugin: PluginRef,
    /// The calls of its functions by handles, of the host and of other plugins, through all of its
    /// loads; `None` of a host that does not
    /// [measure](crate::HostBuilder::measure_calls) them.
    pub calls: Option<Calls>,
    /// How many bytes of memory the VM of a script holds; while the script is busy, as it was the
    /// last time. `None` of a native plugin: its memory is the process's.
    pub memory: Option<usize>,
}

/// Both are the same plugin, whichever of its loads serves.
impl PartialEq for PluginRef {
    fn eq(&self, other: &Self) -> bool {
        self.is(other)
    }
}

impl Eq for PluginRef {}

/// How a plugin fares: [`PluginRef::status`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// The load that serves, of those that have; the first is 1.
    pub generation: u64,
    /// Why the last reload was rejected; `None` if it was not.
    pub rejected: Option<Error>,
    /// Whether its file is gone, of one that is watched. It serves on.
    pub is_source_gone: bool,
}

impl fmt::Debug for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PluginRef({} {}, {})", self.name(), self.version(), self.kind())
    }
}
