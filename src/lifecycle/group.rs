//! [`Group`]: one function of every plugin that has it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};
use twinplug_value::{Args, Data, Value};

use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Casual, Symbol};

/// A function of every plugin that exports one of that name, in load order;
/// [`Host::group`](crate::Host::group) gives it. It follows: who is loaded later belongs to it,
/// and who is unloaded does no more. Cheap to clone, callable from any thread.
pub struct Group<A, R = Value> {
    shared: Arc<Shared<A, R>>,
}

/// What the clones of a group share.
struct Shared<A, R> {
    registry: Arc<Registry>,
    name: String,
    /// After how many failures in a row a plugin is skipped.
    patience: Option<u32>,
    members: RwLock<Arc<Members<A, R>>>,
}

/// Who belongs to a group, as of one change of the registry.
struct Members<A, R> {
    changes: u64,
    list: Vec<Member<A, R>>,
    /// Those in which it is no function.
    others: Vec<(PluginRef, Error)>,
}

struct Member<A, R> {
    plugin: PluginRef,
    /// The loads that the function may be of: the plugin's, and those of its layers.
    loads: Vec<(PluginRef, u64)>,
    /// Or why it cannot be called so.
    function: Result<Casual<A, R>>,
    health: Arc<Health>,
}

/// How the calls of one load of a plugin have ended.
#[derive(Default)]
struct Health {
    failures_in_a_row: AtomicU32,
    last: Mutex<Option<Error>>,
}

impl<A: Args + Clone, R: Data> Group<A, R> {
    pub(crate) fn new(registry: Arc<Registry>, name: &str) -> Self {
        Self::with(registry, name.to_owned(), None)
    }

    fn with(registry: Arc<Registry>, name: String, patience: Option<u32>) -> Self {
        let members = Members::find(&registry, &name, &[]);
        let members = RwLock::new(Arc::new(members));
        Group { shared: Arc::new(Shared { registry, name, patience, members }) }
    }

    /// This group, which skips a plugin that has failed so many times in a row (1 at least),
    /// until it is loaded again. It counts on its own from here on, for all of its clones.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// host.load_source("bad", "function Update() error('no') end")?;
    /// let update = host.group::<(), ()>("Update").disable_after(2);
    /// let called = [update.call(()), update.call(()), update.call(())].map(|results| results.len());
    /// assert_eq!(called, [1, 1, 0]);
    /// assert_eq!(
    ///     update.skipped()[0].1.to_string(),
    ///     "plugin `bad`: `Update` is skipped until the plugin is loaded again, after 2 failures \
    ///      in a row: plugin `bad`: `Update`: bad:1: no"
    /// );
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn disable_after(self, failures: u32) -> Self {
        let Shared { registry, name, .. } = &*self.shared;
        Self::with(Arc::clone(registry), name.clone(), Some(failures.max(1)))
    }

    /// Calls the function of each plugin, one after the other, and goes on after one that
    /// fails. What it gives is in the same order. A plugin whose function does not take these
    /// arguments, or gives another result, is among the failures, each time.
    ///
    /// A plugin that is loaded by one of these calls is not called before the next time; one
    /// that is unloaded by them before its turn is not called any more.
    pub fn call(&self, args: A) -> Vec<(PluginRef, Result<R>)> {
        let members = self.members();
        let mut results = Vec::with_capacity(members.list.len());
        for member in members.list.iter().filter(|member| !self.skips(member)) {
            let result = match &member.function {
                Ok(function) => function.call(args.clone()),
                Err(error) => Err(error.clone()),
            };
            let is_stale = result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Stale);
            if is_stale && !self.shared.registry.has(&member.plugin) {
                continue;
            }
            // A reload has taken it away just now.
            let is_retired = result.as_ref().is_err_and(|it| it.kind() == ErrorKind::Retired);
            if is_retired && !member.plugin.has(&self.shared.name) {
                continue;
            }
            self.note(member, &result);
            results.push((member.plugin.clone(), result));
        }
        results
    }

    /// The plugins that a call would call now, in load order.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginRef> {
        let members = self.members();
        let called = members.list.iter().filter(|member| !self.skips(member));
        called.map(|member| member.plugin.clone()).collect()
    }

    /// The plugins that have the name and are not called, and why: it is a variable there, or
    /// [it has failed too often](Group::disable_after).
    #[must_use]
    pub fn skipped(&self) -> Vec<(PluginRef, Error)> {
        let members = self.members();
        let disabled = members.list.iter().filter(|member| self.skips(member));
        let disabled = disabled.map(|member| (member.plugin.clone(), self.disabled(member)));
        members.others.iter().cloned().chain(disabled).collect()
    }

    /// Who belongs to it now.
    fn members(&self) -> Arc<Members<A, R>> {
        let Shared { registry, name, members, .. } = &*self.shared;
        let known = Arc::clone(&members.read());
        if known.changes == registry.changes() {
            return known;
        }
        // No lock is held meanwhile: of several threads that do it the latest is kept.
        let found = Arc::new(Members::find(registry, name, &known.list));
        let mut members = members.write();
        if members.changes < found.changes {
            *members = Arc::clone(&found);
        }
        found
    }

    fn skips(&self, member: &Member<A, R>) -> bool {
        let failures = &member.health.failures_in_a_row;
        self.shared.patience.is_some_and(|most| failures.load(Ordering::Relaxed) >= most)
    }

    /// Counts how a call has ended.
    fn note(&self, member: &Member<A, R>, result: &Result<R>) {
        let Some(most) = self.shared.patience else { return };
        let Health { failures_in_a_row, last } = &*member.health;
        let Err(error) = result else {
            // Where another thread has counted to the end meanwhile, that stands.
            let before = failures_in_a_row.load(Ordering::Relaxed);
            if (1..most).contains(&before) {
                let (set, failed) = (Ordering::Relaxed, Ordering::Relaxed);
                let _ = failures_in_a_row.compare_exchange(before, 0, set, failed);
            }
            return;
        };
        *last.lock() = Some(error.clone());
        if failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 == most {
            let (plugin, function) = (member.plugin.name(), &self.shared.name);
            tracing::warn!(plugin, function, failures = most, %error, "skipped from now on");
        }
    }

    fn disabled(&self, member: &Member<A, R>) -> Error {
        let Shared { name, patience, .. } = &*self.shared;
        let failures = patience.unwrap_or_default();
        let last = member.health.last.lock().clone();
        let last = last.unwrap_or_else(|| Error::new(ErrorKind::Call, "unknown"));
        let times = if failures == 1 { "a failure" } else { "failures in a row" };
        let count = if failures == 1 { String::new() } else { format!("{failures} ") };
        let message = format!(
            "`{name}` is skipped until the plugin is loaded again, after {count}{times}: {last}"
        );
        let error = Error::new(last.kind(), message).of_symbol(name).with_source(last);
        error.in_plugin(member.plugin.name())
    }
}

impl<A: Args, R: Data> Members<A, R> {
    /// Looks at all plugins; of those that were members before, what is known is kept.
    fn find(registry: &Registry, name: &str, known: &[Member<A, R>]) -> Self {
        // Asked before: what comes meanwhile is found the next time.
        let changes = registry.changes();
        let (mut list, mut others) = (Vec::new(), Vec::new());
        for plugin in registry.all() {
            if !plugin.has(name) {
                continue;
            }
            let loads = plugin.loads();
            let before = known.iter().find(|member| member.is(&plugin, &loads));
            match plugin.lookup(name) {
                Ok(Symbol::Func(function)) => list.push(Member {
                    plugin,
                    loads,
                    function: function.typed().map(Casual::new),
                    health: before.map(|member| Arc::clone(&member.health)).unwrap_or_default(),
                }),
                Ok(Symbol::Var(var)) => others.push((plugin, var.no_func())),
                // It went just now.
                Err(_) => {}
            }
        }
        Members { changes, list, others }
    }
}

impl<A, R> Member<A, R> {
    /// Whether it is of these loads of that plugin.
    fn is(&self, plugin: &PluginRef, loads: &[(PluginRef, u64)]) -> bool {
        let is_same = |(one, other): (&(PluginRef, u64), &(PluginRef, u64))| {
            one.0.is(&other.0) && one.1 == other.1
        };
        self.plugin.is(plugin)
            && self.loads.len() == loads.len()
            && self.loads.iter().zip(loads).all(is_same)
    }
}

impl<A, R> Clone for Group<A, R> {
    fn clone(&self) -> Self {
        Group { shared: Arc::clone(&self.shared) }
    }
}

impl<A, R> fmt::Debug for Group<A, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { name, patience, members, .. } = &*self.shared;
        let members = Arc::clone(&members.read());
        let plugins: Vec<_> = members.list.iter().map(|member| &member.plugin).collect();
        f.debug_struct("Group")
            .field("name", name)
            .field("plugins", &plugins)
            .field("disable_after", patience)
            .finish()
    }
}
