//! [`Host`]: what an embedding program creates; owns everything below.

mod builder;
mod definitions;
mod description;
mod directories;
mod mocks;
mod names;
mod reloading;
mod versions;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use twinplug_value::{Args, Data, Value};

pub use builder::HostBuilder;
pub use description::{ChannelDescription, ConstantDescription, Description, FunctionDescription};

use crate::channel::{Channel, DynamicChannel};
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::{self, Group, PluginRef, Registry, Stats};
use crate::loading::{self, Bundle, Inspection, Trust};
use crate::plugin::{HostContext, RETURNED};

/// Loads plugins, and is what they may ask. Two hosts in one process do not meet.
///
/// It may be used from any thread; who shares it puts it into an `Arc`, as it is no clone of itself.
/// What it gives is cheap to clone: a [`PluginRef`], a [`Func`](crate::Func), a [`Channel`].
///
/// Dropping it unloads its plugins, the last that was loaded first, and closes its channels.
pub struct Host {
    registry: Arc<Registry>,
    context: Arc<HostContext>,
    #[cfg(feature = "watch")]
    reload: lifecycle::Reload,
}

impl Host {
    /// A builder of a host, which offers nothing yet.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Loads the plugin at `path`: a script, a shared library, or a folder with an `init.lua` or a
    /// `plugin.toml`; without an ending the one of these that is there. The same path again gives
    /// the same plugin.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let folder = folder.path();
    /// std::fs::write(folder.join("clock.lua"), "Zone = 'CET' function Now() return 7 end").unwrap();
    /// let host = twinplug::Host::builder().build()?;
    /// let clock = host.load(folder.join("clock"))?;          // `clock.lua`, or else `libclock.so`
    /// assert_eq!(clock.func::<(), i64>("Now")?.call(())?, 7);
    /// clock.var("Zone")?.set("UTC".to_owned())?;
    /// assert_eq!(host.plugin("clock")?.var::<String>("Zone")?.get()?, "UTC");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// What the plugin requires must be loaded: [`load_dir`](Host::load_dir) finds the order.
    ///
    /// # Errors
    /// There is no such file, it is no plugin, its code failed, a plugin that it requires
    /// is not loaded in a version that will do, or a plugin of that name and version is loaded
    /// already.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<PluginRef> {
        let path = path.as_ref();
        let loaded = self.load_located(path, None);
        self.note_failure(path, &loaded);
        report(path, loaded)
    }

    /// Loads the plugin at `path` under another name: with its own state, also beside the
    /// one that [`load`](Host::load) gives, and under as many names as one likes. The same
    /// name and path again give the same plugin. Of a native plugin each is an image of
    /// its own.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("counter.lua");
    /// std::fs::write(&path, "Count = 0 function Add() Count = Count + 1 return Count end").unwrap();
    /// let host = twinplug::Host::builder().build()?;
    /// let (left, right) = (host.load_as("left", &path)?, host.load_as("right", &path)?);
    /// assert_eq!((left.call("Add", ())?, left.call("Add", ())?), (1.into(), 2.into()));
    /// assert_eq!(right.call("Add", ())?, 1.into());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// As [`load`](Host::load); or the name is none.
    pub fn load_as(&self, name: &str, path: impl AsRef<Path>) -> Result<PluginRef> {
        let path = path.as_ref();
        report(path, self.load_located(path, Some(name)))
    }

    /// Loads a script from its text, under that name; its messages have the name where
    /// a file's would stand. It may `require` what is in the folders of
    /// [`lua_path`](HostBuilder::lua_path).
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// let plugin = host.load_source("sums", "function Add(a, b) return a + b end")?;
    /// assert_eq!(plugin.func::<(i64, i64), i64>("Add")?.call((2, 3))?, 5);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// The script failed, or a plugin of that name and version is loaded already.
    pub fn load_source(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PluginRef> {
        let bundle = Bundle::source(name, text.as_ref());
        report(Path::new(name), bundle.and_then(|bundle| self.load_bundle(&bundle)))
    }

    /// Loads a plugin's folder from memory, under that name: the files' paths in it, with
    /// `/`, and what is in them. It starts in `init.lua`, and may `require` the others.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let files = [
    ///     ("init.lua", "local part = require 'part' function Size() return part.size end"),
    ///     ("part.lua", "return { size = 7 }"),
    /// ];
    /// let plugin = twinplug::Host::builder().build()?.load_files("parts", files)?;
    /// assert_eq!(plugin.name(), "parts");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// There is no `init.lua`, the script failed, or a plugin of that name and version is
    /// loaded already.
    pub fn load_files<P: Into<String>, T: Into<Vec<u8>>>(
        &self,
        name: &str,
        files: impl IntoIterator<Item = (P, T)>,
    ) -> Result<PluginRef> {
        let files = files.into_iter().map(|(path, text)| (path.into(), text.into()));
        let bundle = Bundle::files(name, files.collect());
        report(Path::new(name), bundle.and_then(|bundle| self.load_bundle(&bundle)))
    }

    fn load_located(&self, path: &Path, given: Option<&str>) -> Result<PluginRef> {
        let located = loading::locate(path)?;
        self.registry.load(&located, given, Arc::downgrade(&self.context))
    }

    /// What is where is watched is loaded once it can be.
    fn note_failure(&self, path: &Path, loaded: &Result<PluginRef>) {
        #[cfg(feature = "watch")]
        if let (Err(error), Some(watching)) = (loaded, self.registry.watching()) {
            watching.failed(path, error);
        }
        #[cfg(not(feature = "watch"))]
        let _ = (path, loaded);
    }

    fn load_bundle(&self, bundle: &Bundle) -> Result<PluginRef> {
        self.registry.load_bundle(bundle, Arc::downgrade(&self.context))
    }

    /// Unloads a plugin: what was handed out answers that it is stale. Waits for a
    /// call that runs in a Lua plugin, but not for one that waits itself; for calls that
    /// run in a native plugin with variables, hooks or `unload` it waits a second at
    /// most. They go on, and the host refuses them its services. A call that waits for a
    /// channel fails; what it would have received goes to the next receiver.
    ///
    /// Plugins that [require](Host::dependents) it stay: what they use of it answers that it
    /// is not loaded, until a version of it is loaded again that they may use. The log has
    /// their names.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// let clock = host.load_source("clock", "function Now() return 7 end")?;
    /// let now = clock.func::<(), i64>("Now")?;
    /// host.unload(clock)?;
    /// let error = now.call(()).unwrap_err();
    /// assert_eq!(error.kind(), twinplug::ErrorKind::Stale);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// It is not loaded in this host; or inside of a host function that a Lua plugin
    /// has called, it is a Lua plugin that another thread is using.
    pub fn unload(&self, plugin: PluginRef) -> Result<()> {
        let dependents = self.registry.dependents(&plugin);
        self.registry.unload(&plugin)?;
        for dependent in dependents {
            let (plugin, required) = (dependent.name(), plugin.name());
            tracing::warn!(plugin, required, "a plugin that it requires was unloaded");
        }
        tracing::info!(plugin = plugin.name(), version = %plugin.version(), "unloaded");
        Ok(())
    }

    /// The newest version of the plugin of that name, of those that it is [pinned](Host::pin) to.
    ///
    /// # Errors
    /// None is loaded; the message has the names near to it.
    pub fn plugin(&self, name: &str) -> Result<PluginRef> {
        self.registry.newest(name)
    }

    /// All loaded plugins, in load order. Layers are not among them: each plugin knows
    /// [its own](PluginRef::layers).
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginRef> {
        self.registry.all()
    }

    /// What each plugin has done and holds, layers too, in load order.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().measure_calls().build()?;
    /// let clock = host.load_source("clock", "function Now(n) assert(n > 0) return n end")?;
    /// let now = clock.func::<(i64,), i64>("Now")?;
    /// assert!(now.call((1,)).is_ok() && now.call((0,)).is_err());
    ///
    /// let [stats] = &host.stats()[..] else { panic!("one plugin") };
    /// let calls = stats.calls.unwrap();
    /// assert_eq!((calls.count, calls.errors), (2, 1));
    /// assert!(stats.memory > Some(10_000));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        self.registry.stats()
    }

    /// The function of that name of every plugin that exports one, in load order; of several
    /// versions of a plugin each. The group follows: a plugin that is loaded later belongs to
    /// it, and one that registers the function later.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// let update = host.group::<(f64,), f64>("Update");
    /// host.load_source("clock", "Time = 0 function Update(by) Time = Time + by return Time end")?;
    /// host.load_source("bad", "function Update(by) error('no clock') end")?;
    /// host.load_source("other", "function Draw() end")?;
    ///
    /// let results = update.call((0.5,));                   // each of them, whatever fails
    /// let [(clock, Ok(time)), (_, Err(error))] = &results[..] else { panic!("{results:?}") };
    /// assert_eq!((clock.name(), *time), ("clock", 0.5));
    /// assert_eq!(error.to_string(), "plugin `bad`: `Update`: bad:1: no clock");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn group<A: Args + Clone, R: Data>(&self, name: &str) -> Group<A, R> {
        Group::new(Arc::clone(&self.registry), name)
    }

    /// Tells plugins of an event: calls each handler that has subscribed to the name, scripts by
    /// `host.on(event, f)`, in load order and, of one plugin, in the order in which they did. It
    /// goes on after one that fails. What handlers give is in the same order, several results as
    /// a list.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// host.load_source("door", "host.on('knock', function(name) return 'come in, ' .. name end)")?;
    /// host.load_source("dog", "host.on('knock', function(name) error('woof') end)")?;
    ///
    /// let answers = host.emit("knock", ("Ann",));
    /// let [(door, Ok(answer)), (_, Err(error))] = &answers[..] else { panic!("{answers:?}") };
    /// assert_eq!((door.name(), answer), ("door", &"come in, Ann".into()));
    /// assert_eq!(error.to_string(), "plugin `dog`: event `knock`: dog:1: woof");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// A subscription ends with its plugin, or when the plugin ends it. One that is made by a
    /// handler is told from the next event on; one that ends before its turn is told no more. A
    /// handler may lead to another event, which is told to its end in between.
    #[must_use = "a handler that failed is told here alone"]
    pub fn emit(&self, event: &str, args: impl Args) -> Vec<(PluginRef, Result<Value>)> {
        lifecycle::emit(&self.registry, event, args)
    }

    /// Lends a value to the calls that `run` makes on this thread: functions that were added with
    /// [`function_with`](HostBuilder::function_with) for its type work on it.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder()
    ///     .function_with("add", |total: &mut f64, by: f64| *total += by)
    ///     .build()?;
    /// let adds = host.load_source("adds", "function Update(dt) host.add(dt) end")?;
    /// let update = adds.func::<(f64,), ()>("Update")?;
    ///
    /// let mut total = 1.0;
    /// host.lend(&mut total, || update.call((0.5,)))?;
    /// assert_eq!(total, 1.5);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// Values of several types may be lent at once, one within the other's `run`; of one type the
    /// innermost is what functions get. Other threads, and other hosts, see nothing of it. A call
    /// of a script that waits in between does so on this thread, and finds the value when it goes
    /// on.
    pub fn lend<T: 'static, R>(&self, value: &mut T, run: impl FnOnce() -> R) -> R {
        self.context.lender.lend(value, run)
    }

    /// The plugins that require this one and use it now: those in whose range it is the
    /// newest that is loaded. Whoever unloads it may want to unload them first.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder().build()?;
    /// let clock = host.load_source("clock", "---@plugin clock 1.4.0\nfunction Now() return 7 end")?;
    /// let alarm = "---@requires clock ^1.0\nfunction At() return (host.plugin('clock').Now()) end";
    /// let alarm = host.load_source("alarm", alarm)?;
    /// assert_eq!(host.dependents(&clock)[0].name(), "alarm");
    ///
    /// host.load_source("clock", "---@plugin clock 2.0.0\nfunction Now() return 8 end")?;
    /// assert_eq!(alarm.call("At", ())?, 7.into());        // 2.0.0 is newer, and out of its range
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn dependents(&self, plugin: &PluginRef) -> Vec<PluginRef> {
        self.registry.dependents(plugin)
    }

    /// The channel of that name.
    ///
    /// # Errors
    /// There is none, or it carries another type.
    pub fn channel<T: Data + Send + 'static>(&self, name: &str) -> Result<Channel<T>> {
        let channel = self.context.channel(name)?;
        channel.as_any().downcast_ref::<Channel<T>>().cloned().ok_or_else(|| {
            let message = format!(
                "channel `{name}` carries `{}`, asked for as `{}`",
                channel.schema(),
                T::SCHEMA
            );
            Error::new(ErrorKind::Type, message)
        })
    }

    /// The channel of that name, whatever it carries.
    ///
    /// # Errors
    /// There is none.
    pub fn dynamic_channel(&self, name: &str) -> Result<DynamicChannel> {
        self.context.channel(name).map(DynamicChannel::new)
    }

    /// The images of native plugins that this host has mapped: those that serve, and
    /// those that are kept, with the reason. The system is asked each time whether it
    /// still has them.
    #[cfg(feature = "native")]
    #[must_use]
    pub fn images(&self) -> Vec<crate::loading::ImageReport> {
        self.registry.loader.images.reports()
    }

    /// Writes out what native plugins have printed with C's `printf` instead of
    /// through the host, so that it does not come after what the program prints
    /// next.
    pub fn flush_output(&self) {
        #[cfg(feature = "native")]
        crate::native::flush();
    }

    /// What the file at `path` says of itself, checked without running any of its
    /// code. Needs no host.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("alarm.lua");
    /// std::fs::write(&path, "---@plugin alarm 1.2.0\n---@requires clock ^1.0\n").unwrap();
    /// let found = twinplug::Host::inspect(&path)?;
    /// assert_eq!((found.name.as_str(), found.version.unwrap().minor), ("alarm", 2));
    /// assert_eq!(found.requires[0].name, "clock");
    /// assert!(found.exports.is_none(), "they are known once a script has run");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// # Errors
    /// There is no such file, it is no plugin that could be loaded, or others could change it
    /// ([`Trust::Directory`]; [`HostBuilder::inspect`] goes by the builder's trust).
    pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
        Trust::Directory.inspect(path.as_ref())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Nothing is loaded any more.
        #[cfg(feature = "watch")]
        {
            let watching = self.registry.watching.lock().take();
            watching.inspect(|watching| watching.end());
        }
        self.context.close_channels();
        // Who requires others goes before them, as those were there first.
        for plugin in self.registry.with_layers().into_iter().rev() {
            if let Err(error) = self.registry.unload(&plugin) {
                tracing::warn!(plugin = plugin.name(), %error, "not unloaded");
            }
        }
        self.registry.feed.end();
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}

/// Tells whoever listens how a load has ended.
fn report(path: &Path, loaded: Result<PluginRef>) -> Result<PluginRef> {
    match &loaded {
        Ok(plugin) => tracing::info!(
            plugin = plugin.name(),
            version = %plugin.version(),
            kind = %plugin.kind(),
            path = %plugin.path().display(),
            "loaded"
        ),
        Err(error) => {
            tracing::warn!(target: RETURNED, path = %path.display(), %error, "not loaded");
        }
    }
    loaded
}
