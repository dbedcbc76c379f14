//! [`HostBuilder`]: what a host offers and allows, said before it is made.

mod channels;
mod functions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde::Serialize;
use twinplug_value::raw::use_faults;
use twinplug_value::{Function, Kind, Value};

use super::{Host, mocks};
use crate::channel::AnyChannel;
use crate::error::{Error, ErrorKind, Result};
#[cfg(feature = "watch")]
use crate::lifecycle::Reload;
use crate::lifecycle::{Manner, Registry};
use crate::loading::{Allowance, Inspection, Loader, Settings, Trust};
use crate::plugin::{
    Constant, FAKE_CAPACITY, FakeChannels, HostContext, HostFunction, Lender, LimitSignal, Mocks,
    Output, Permission, Plugins, Total, returned_fault,
};

/// Says what plugins may ask of a [`Host`], then makes it.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// use std::time::Duration;
///
/// let host = twinplug::Host::builder()
///     .function("world.scale", |x: f64, by: f64| x * by)
///     .constant("world.WIDTH", 640)
///     .channel::<String>("log", 16)
///     .time_limit(Duration::from_millis(500))
///     .memory_limit(64 << 20)
///     .build()?;
/// let script = "function Twice(x) host.channel('log'):send('twice') return host.world.scale(x, 2) end";
/// let twice = host.load_source("sums", script)?.func::<(f64,), f64>("Twice")?;
/// assert_eq!(twice.call((1.5,))?, 3.0);
/// assert_eq!(host.channel::<String>("log")?.recv()?, "twice");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
///
/// A clone makes another host that offers the same: its functions are the same closures, its
/// channels are its own.
#[derive(Clone, Default)]
pub struct HostBuilder {
    functions: BTreeMap<String, HostFunction>,
    constants: BTreeMap<String, Constant>,
    /// Names of functions, and what is said of them.
    deprecated: BTreeMap<String, String>,
    channels: BTreeMap<String, Arc<MakeChannel>>,
    output: Option<Arc<Output>>,
    lender: Lender,
    consoles: BTreeSet<String>,
    allowance: Allowance,
    settings: Settings,
    #[cfg(feature = "watch")]
    reload: Reload,
    manner: Manner,
    /// Of a host that is for tests: the stand-ins that it has from the beginning.
    pub(super) mocks: Option<Vec<(String, Function)>>,
    has_fake_channels: bool,
    /// In bytes, of all scripts.
    memory_total: Option<usize>,
    /// The first thing that was wrong; `build` reports it.
    error: Option<Error>,
}

/// Makes a channel of that name, which holds as many messages at least.
type MakeChannel = dyn Fn(&str, usize) -> Arc<dyn AnyChannel> + Send + Sync;

impl HostBuilder {
    /// Sets who takes what plugins print: the plugin's name, and the text with its
    /// line ends. Standard output unless set.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # use std::sync::mpsc;
    /// let (said, heard) = mpsc::channel();
    /// let host = twinplug::Host::builder()
    ///     .output(move |plugin, text| said.send(format!("[{plugin}] {text}")).unwrap())
    ///     .build()?;
    /// host.load_source("hello", "print('hello', 1)")?;
    /// assert_eq!(heard.recv().unwrap(), "[hello] hello\t1\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn output(mut self, output: impl Fn(&str, &str) + Send + Sync + 'static) -> Self {
        self.output = Some(Arc::new(output));
        self
    }

    /// Sets when plugins are reloaded whose files have changed, of a host that
    /// [watches](Host::watch) them: in the background unless set. A game wants it between frames.
    #[cfg(feature = "watch")]
    #[must_use]
    pub fn reload(mut self, when: Reload) -> Self {
        self.reload = when;
        self
    }

    /// Has a newer version that appears in a folder which the host [watches](Host::watch) be loaded
    /// beside the older one, with a state of its own. Unless set it takes over from that one, as by
    /// [`Host::replace`], but not where a handle is held that it has nothing for; and it is loaded
    /// beside the older one all the same where a plugin requires that.
    #[cfg(feature = "watch")]
    #[must_use]
    pub fn side_by_side(mut self) -> Self {
        self.manner.is_side_by_side = true;
        self
    }

    /// Has the calls of plugins' functions counted and timed, for [`Host::stats`]. Each looks at the
    /// clock twice then, and goes the general way: a native function is not called directly, nor
    /// from compiled code.
    #[must_use]
    pub fn measure_calls(mut self) -> Self {
        self.manner.measures_calls = true;
        self
    }

    /// Sets which files are loaded: [`Trust::Directory`] unless set.
    #[must_use]
    pub fn trust(mut self, trust: Trust) -> Self {
        self.settings.trust = trust;
        self
    }

    /// What the file at `path` says of itself, as [`Host::inspect`] tells it, of one that this host
    /// would trust. Of a script all that is pinned and that it could require is compared as well.
    ///
    /// # Errors
    /// There is no such file, it is no plugin that could be loaded, or it is not trusted.
    pub fn inspect(&self, path: impl AsRef<Path>) -> Result<Inspection> {
        self.settings.trust.inspect(path.as_ref())
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
        self.memory_total = Some(bytes);
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
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # use std::collections::BTreeMap;
    /// let config = BTreeMap::from([("port", 8080)]);
    /// let host = twinplug::Host::builder().config("server", config).build()?;
    /// let server = host.load_source("server", "function Port() return host.config.port end")?;
    /// assert_eq!(server.func::<(), i64>("Port")?.call(())?, 8080);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// The name is the one that the plugin has before it runs: of a script that
    /// [`load_as`](Host::load_as) gives, or its manifest, or else its path.
    #[must_use]
    pub fn config<C: Serialize>(mut self, plugin: &str, config: C) -> Self {
        match Value::of(&config) {
            Ok(Value::Map(config)) => match config.values().find_map(reference) {
                // It is read before there is anything that could use one.
                Some(kind) => self.refuse(format!("config of `{plugin}`: it has a {kind} in it")),
                None => self.settings.configure(plugin, &config),
            },
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

    /// Says that the script of that name is a console, in which people try what other plugins do.
    /// What it has called of them may go and change with an edit, as if nobody held a handle on it:
    /// its next call of that is an error. It looks functions up anew each time, which costs some. It has
    /// `load(text, name)` in Luau as well, since what people type has to be compiled.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("clock.lua");
    /// let host = twinplug::Host::builder().console("prompt").build()?;
    /// std::fs::write(&path, "function Tick() return 'tick' end").unwrap();
    /// let clock = host.load(&path)?;
    /// let text = "function Try(name) return host.plugin('clock')[name]() end";
    /// let prompt = host.load_source("prompt", text)?;
    /// assert_eq!(prompt.call("Try", ("Tick",))?, "tick".into());
    ///
    /// std::fs::write(&path, "function Tock() return 'tock' end").unwrap();
    /// host.reload(&clock)?;                                // `Tick` is gone, and that is fine
    /// assert_eq!(prompt.call("Try", ("Tock",))?, "tock".into());
    /// assert!(prompt.call("Try", ("Tick",)).is_err());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn console(mut self, plugin: &str) -> Self {
        self.consoles.insert(plugin.to_owned());
        self
    }

    /// Makes the host.
    ///
    /// # Errors
    /// A name that stands twice, or that is not allowed; a permission that there is not; a
    /// function that is deprecated, and not there.
    pub fn build(mut self) -> Result<Host> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let given = self.mocks.take();
        let mocks = given.as_ref().map(|_| Mocks::default());
        let functions = self.finished_functions(mocks.as_ref())?;
        #[cfg(feature = "watch")]
        let reload = self.reload;
        self.settings.limits.total = self.memory_total.map(Total::new);
        let HostBuilder { constants, output, lender, consoles, .. } = self;
        let channels = self.channels.into_iter();
        let least = if self.has_fake_channels { FAKE_CAPACITY } else { 0 };
        let channels = channels.map(|(name, make)| (name.clone(), make(&name, least))).collect();
        let fake_channels = self.has_fake_channels.then(FakeChannels::default);
        let output = output.unwrap_or_else(|| Arc::new(to_standard_output));
        let loader = Loader::new(&self.allowance, self.settings);
        let registry = Arc::new(Registry::new(loader, self.manner));
        let plugins: Weak<dyn Plugins> = Arc::downgrade(&(Arc::clone(&registry) as _));
        let plugins = OnceLock::from(plugins);
        let context = |host: &Weak<HostContext>| {
            let mock =
                mocks.is_some().then(|| ("mock".to_owned(), Arc::new(mocks::function(host))));
            let functions = functions.into_iter().chain(mock).collect();
            HostContext {
                plugins,
                functions,
                constants,
                channels,
                output,
                lender,
                consoles,
                mocks,
                fake_channels,
            }
        };
        use_faults(returned_fault);
        let context = Arc::new_cyclic(context);
        for (name, stand_in) in given.into_iter().flatten() {
            context.mock(&name, stand_in)?;
        }
        Ok(Host {
            registry,
            context,
            #[cfg(feature = "watch")]
            reload,
        })
    }

    pub(super) fn refuse(&mut self, message: String) {
        self.error.get_or_insert_with(|| Error::new(ErrorKind::Refused, message));
    }
}

impl fmt::Debug for HostBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostBuilder")
            .field("functions", &self.functions.keys())
            .field("constants", &self.constants.keys())
            .field("channels", &self.channels.keys())
            .finish_non_exhaustive()
    }
}

fn to_standard_output(_: &str, text: &str) {
    let mut out = std::io::stdout().lock();
    // A closed standard output is the program's to notice, not its plugins'.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What of a value crosses without being copied.
pub(super) fn reference(value: &Value) -> Option<Kind> {
    match value {
        Value::Func(_) | Value::Object(_) | Value::Buffer(_) => Some(value.kind()),
        Value::List(items) => items.iter().find_map(reference),
        Value::Map(entries) => entries.values().find_map(reference),
        _ => None,
    }
}
