//! [`Host`]: what an embedding program creates; owns everything below.

mod definitions;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Serialize;
use twinplug_value::{Callable, Data, Params, Value};

use crate::channel::{AnyChannel, Channel};
use crate::error::{Error, ErrorKind, Result};
use crate::lifecycle::{PluginRef, Registry};
use crate::loading::{self, Allowance, Bundle, Inspection, Loader, Settings};
use crate::plugin::{
    BUILT_INS, HostContext, HostFunction, LimitSignal, Output, Permission, Plugins, Total,
};

/// Loads plugins, and is what they may ask. Two hosts in one process do not meet.
///
/// Dropping it unloads its plugins and closes its channels.
pub struct Host {
    registry: Arc<Registry>,
    context: Arc<HostContext>,
}

/// Says what plugins may ask of a [`Host`], then makes it.
#[derive(Default)]
pub struct HostBuilder {
    functions: BTreeMap<String, Arc<HostFunction>>,
    channels: BTreeMap<String, Arc<dyn AnyChannel>>,
    output: Option<Box<Output>>,
    allowance: Allowance,
    settings: Settings,
    /// The first thing that was wrong; `build` reports it.
    error: Option<Error>,
}

impl Host {
    /// A host that offers nothing yet.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Loads the plugin at `path`: a script, a shared library, or a folder with
    /// an `init.lua`. The same path again gives the same plugin.
    ///
    /// # Errors
    /// There is no such file, it is no plugin, its code failed, or a plugin of that
    /// name and version is loaded already.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<PluginRef> {
        let path = path.as_ref();
        report(path, self.load_located(path, None))
    }

    /// Loads the plugin at `path` under another name: with its own state, also beside the
    /// one that [`load`](Host::load) gives, and under as many names as one likes. The same
    /// name and path again give the same plugin. Of a native plugin each is an image of
    /// its own.
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

    fn load_bundle(&self, bundle: &Bundle) -> Result<PluginRef> {
        self.registry.load_bundle(bundle, Arc::downgrade(&self.context))
    }

    /// Unloads a plugin: what was handed out answers that it is stale. Waits for a
    /// call that runs in a Lua plugin, but not for one that waits itself; for calls that
    /// run in a native plugin with variables, hooks or `unload` it waits a second at
    /// most. They go on, and the host refuses them its services. A call that waits for a
    /// channel fails; what it would have received goes to the next receiver.
    ///
    /// # Errors
    /// It is not loaded in this host; or inside of a host function that a Lua plugin
    /// has called, it is a Lua plugin that another thread is using.
    pub fn unload(&self, plugin: PluginRef) -> Result<()> {
        self.registry.unload(&plugin)?;
        tracing::info!(plugin = plugin.name(), version = %plugin.version(), "unloaded");
        Ok(())
    }

    /// The newest version of the plugin of that name.
    ///
    /// # Errors
    /// None is loaded; the message has the names near to it.
    pub fn plugin(&self, name: &str) -> Result<PluginRef> {
        self.registry.newest(name)
    }

    /// All loaded plugins, in load order.
    #[must_use]
    pub fn plugins(&self) -> Vec<PluginRef> {
        self.registry.all()
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
    /// # Errors
    /// There is no such file, or it is no plugin that could be loaded.
    pub fn inspect(path: impl AsRef<Path>) -> Result<Inspection> {
        loading::inspect(&loading::locate(path.as_ref())?)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for channel in self.context.channels.values() {
            channel.close();
        }
        for plugin in self.registry.all() {
            if let Err(error) = self.registry.unload(&plugin) {
                tracing::warn!(plugin = plugin.name(), %error, "not unloaded");
            }
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("plugins", &self.plugins()).finish_non_exhaustive()
    }
}

impl HostBuilder {
    /// Adds a channel of `T` that holds up to `capacity` messages; with 0 each send
    /// waits for a receive.
    #[must_use]
    pub fn channel<T: Data + Send + 'static>(mut self, name: &str, capacity: usize) -> Self {
        let channel: Channel<T> = Channel::new(name, capacity);
        if self.channels.insert(name.to_owned(), Arc::new(channel)).is_some() {
            self.refuse(format!("channel `{name}` is there twice"));
        }
        self
    }

    /// Adds a function of up to 8 parameters, which plugins call; a name with dots
    /// is in a group: `world.spawn`.
    #[must_use]
    pub fn function<P: Params, F: Callable<P>>(mut self, name: &str, function: F) -> Self {
        self.check_name(name);
        let function = HostFunction::new(name, function);
        if self.functions.insert(name.to_owned(), Arc::new(function)).is_some() {
            self.refuse(format!("function `{name}` is there twice"));
        }
        self
    }

    /// Sets who takes what plugins print: the plugin's name, and the text with its
    /// line ends. Standard output unless set.
    #[must_use]
    pub fn output(mut self, output: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        self.output = Some(Box::new(output));
        self
    }

    /// Sets how many images of native plugins that are gone may stay mapped, as those
    /// of plugins that do not say `unload` do; the next load is refused then. Each host
    /// counts its own, and loads under way with them: one that fails leaves its image.
    /// 1024 unless set.
    #[must_use]
    pub fn kept_images(mut self, most: usize) -> Self {
        self.allowance.kept_images = most;
        self
    }

    /// Lets plugins bring more than one Go runtime into the process, and a plugin in Go
    /// be loaded again. Go does not support it, though it often works: the runtimes take
    /// signal handlers from each other, and each load keeps its threads and memory until
    /// the process ends. Unless set, the second one is refused.
    #[must_use]
    pub fn allow_several_go_runtimes(mut self) -> Self {
        self.allowance.several_go_runtimes = true;
        self
    }

    /// Sets how long a call of a Lua plugin may run: in Lua, and in the calls of other Lua
    /// plugins that it makes. Waits do not count, nor does native code, the host's
    /// functions included. A call that is stopped fails with
    /// [`ErrorKind::Limit`](crate::ErrorKind::Limit), and the plugin can be called again.
    ///
    /// 5 seconds unless set; with LuaJIT none, as a time limit switches its compiler off. A
    /// manifest can lower it.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # use std::time::Duration;
    /// # use twinplug::{Host, Limit};
    /// let limit = Duration::from_millis(50);
    /// let host = Host::builder().time_limit(limit).build()?;
    /// let plugin = host.load_source("spins", "function Spin() while true do end end")?;
    /// let error = plugin.call("Spin", ()).unwrap_err();
    /// assert_eq!(error.limit(), Some(Limit::Time(limit)));
    /// assert_eq!(error.to_string(), "plugin `spins`: `Spin`: spins:1: time limit of 50 ms");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.settings.limits.time = Some(limit);
        self
    }

    /// Lets calls of Lua plugins run for ever, unless a manifest says otherwise.
    #[must_use]
    pub fn no_time_limit(mut self) -> Self {
        self.settings.limits.time = None;
        self
    }

    /// Sets how much memory each Lua plugin may take, in bytes. A call that needs more
    /// fails with [`ErrorKind::Limit`](crate::ErrorKind::Limit).
    ///
    /// 256 MiB unless set. A manifest can lower it.
    #[must_use]
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        if bytes == 0 {
            self.refuse("a memory limit of 0: no plugin runs without memory".to_owned());
        }
        self.settings.limits.memory = Some(bytes);
        self
    }

    /// Lets Lua plugins take what memory there is, unless a manifest says otherwise.
    #[must_use]
    pub fn no_memory_limit(mut self) -> Self {
        self.settings.limits.memory = None;
        self
    }

    /// Sets how much memory all Lua plugins of the host may take together, in bytes. A call
    /// may take up to half of what is left: those that run at the same time share it.
    ///
    /// No limit unless set.
    #[must_use]
    pub fn memory_total(mut self, bytes: usize) -> Self {
        if bytes == 0 {
            self.refuse("a memory limit of 0: no plugin runs without memory".to_owned());
        }
        self.settings.limits.total = Some(Total::new(bytes));
        self
    }

    /// Sets the signal by which the time limits of Lua plugins stop a thread. Luau needs
    /// none.
    #[must_use]
    pub fn limit_signal(mut self, signal: LimitSignal) -> Self {
        self.settings.limits.signal = signal;
        self
    }

    /// Adds a folder in which scripts find modules with `require`, after their own; of
    /// several, in the order in which they were added. A relative one is of the current
    /// folder as it is now.
    ///
    /// What is in it runs with the rights of whichever plugin requires it.
    #[must_use]
    pub fn lua_path(mut self, folder: impl AsRef<Path>) -> Self {
        match std::path::absolute(folder.as_ref()) {
            Ok(folder) => self.settings.lua_path.push(folder),
            Err(error) => self.refuse(format!("a folder of modules: {error}")),
        }
        self
    }

    /// Configures the plugin of that name: a map, or a struct that is one. It goes before
    /// what a manifest's `[config]` says, key by key, also in maps within it; of several
    /// for one plugin the later goes before. The plugin gets it in its `on_load`, a script
    /// in `host.config` too.
    ///
    /// The name is the one that the plugin has before it runs: of a script that
    /// [`load_as`](Host::load_as) gives, or its manifest, or else its path.
    #[must_use]
    pub fn config<C: Serialize>(mut self, plugin: &str, config: C) -> Self {
        match Value::of(&config) {
            Ok(Value::Map(config)) => {
                self.settings.configure(plugin, &config);
            }
            Ok(other) => {
                self.refuse(format!("config of `{plugin}`: expected a map, got {}", other.kind()));
            }
            Err(error) => self.refuse(format!("config of `{plugin}`: {error}")),
        }
        self
    }

    /// Grants a permission to every plugin whose manifest asks for it: `io`, `os`,
    /// `package`, `debug`, and on LuaJIT `ffi` and `jit`. What each of them gives, and what it
    /// means for trust, is in `docs/lua-plugins.md`. Unless granted, a plugin that asks for
    /// one is not loaded.
    ///
    /// ```
    /// # #[cfg(all(feature = "_lua", not(feature = "luau")))] fn main() -> twinplug::Result<()> {
    /// let files = [
    ///     ("plugin.toml", "permissions = ['os']"),
    ///     ("init.lua", "function Home() return os.getenv('HOME') end"),
    /// ];
    /// let host = twinplug::Host::builder().allow("os").build()?;
    /// host.load_files("homes", files)?;
    /// assert!(twinplug::Host::builder().build()?.load_files("homes", files).is_err());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(feature = "_lua", not(feature = "luau"))))] fn main() {}
    /// ```
    #[must_use]
    pub fn allow(mut self, permission: &str) -> Self {
        match Permission::named(permission) {
            Ok(permission) => self.settings.grants.allow(permission),
            Err(unknown) => self.refuse(unknown),
        }
        self
    }

    /// Grants a permission, as [`allow`](HostBuilder::allow) does, to the plugin of that name
    /// alone.
    ///
    /// The name is the one that the plugin has before it runs, as for
    /// [`config`](HostBuilder::config). Unless [`load_as`](Host::load_as) gives it, the plugin
    /// has chosen it: a host that loads what others write grants to names that it gives.
    #[must_use]
    pub fn allow_for(mut self, plugin: &str, permission: &str) -> Self {
        match Permission::named(permission) {
            Ok(permission) => self.settings.grants.allow_for(plugin, permission),
            Err(unknown) => self.refuse(format!("permissions of `{plugin}`: {unknown}")),
        }
        self
    }

    /// Makes the host.
    ///
    /// # Errors
    /// A name that stands twice, or that is not allowed; a permission that there is not.
    pub fn build(self) -> Result<Host> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let HostBuilder { functions, channels, output, allowance, settings, .. } = self;
        let output = output.unwrap_or_else(|| Box::new(to_standard_output));
        let loader = Loader::new(&allowance, settings);
        let registry = Arc::new(Registry::new(loader));
        let plugins: Weak<dyn Plugins> = Arc::downgrade(&(Arc::clone(&registry) as _));
        let plugins = OnceLock::from(plugins);
        let context = Arc::new(HostContext { plugins, functions, channels, output });
        Ok(Host { registry, context })
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

    fn refuse(&mut self, message: String) {
        self.error.get_or_insert_with(|| Error::new(ErrorKind::Refused, message));
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder")
            .field("functions", &self.functions.keys())
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
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
        Err(error) => tracing::warn!(path = %path.display(), %error, "not loaded"),
    }
    loaded
}

fn within(name: &str, group: &str) -> bool {
    name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'))
}

fn to_standard_output(_: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed standard output is the program's to notice, not its plugins'.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
