//! What goes wrong where Rust and Lua run inside of one another: errors and panics in the
//! host's functions, memory that runs out in the middle of a conversion, code of the embedding
//! that calls back while its values cross, plugins that go while they run.
//!
//! Each of them ends in an answer, and the plugin goes on; none ends the process or hangs.

mod acting;
mod contexts;
mod conversions;
mod drops;
mod limits;
mod memory;
mod order;
mod recursion;
mod results;
mod room;
mod storm;
mod threads;
mod unloading;

use std::sync::{Arc, OnceLock, Weak};

use twinplug::{Host, HostBuilder, MapKey, PluginRef, Value};

/// Leads to a host from inside of its own functions.
#[derive(Clone, Default)]
struct Reach(Arc<OnceLock<Weak<Host>>>);

impl Reach {
    fn host(&self) -> Arc<Host> {
        self.0.get().and_then(Weak::upgrade).expect("a host, while it lives")
    }

    fn plugin(&self, name: &str) -> PluginRef {
        self.host().plugin(name).unwrap()
    }
}

/// A host that its own functions can reach.
fn reachable(offer: impl FnOnce(HostBuilder, Reach) -> HostBuilder) -> Arc<Host> {
    let reach = Reach::default();
    let host = Arc::new(offer(Host::builder(), reach.clone()).build().unwrap());
    reach.0.set(Arc::downgrade(&host)).unwrap();
    host
}

/// Loads a script under its own limit of memory.
fn load_limited(
    host: &Host,
    name: &str,
    bytes: usize,
    script: &str,
) -> twinplug::Result<PluginRef> {
    let manifest = format!("[limits]\nmemory = '{bytes}B'");
    host.load_files(name, [("plugin.toml", manifest.as_str()), ("init.lua", script)])
}

/// A map of texts as keys.
fn map_of<K: Into<String>>(entries: impl IntoIterator<Item = (K, Value)>) -> Value {
    let entries = entries.into_iter();
    Value::Map(entries.map(|(key, value)| (MapKey::Str(key.into()), value)).collect())
}

/// Calls it until calls go the quick way, which is that of a thread that comes back again and again.
fn warm(plugin: &PluginRef) {
    for _ in 0..20 {
        // There may be no memory for it.
        let _ = plugin.call("Fine", ());
    }
}

/// The plugin goes on: its `Fine` answers.
#[track_caller]
fn check_fine(plugin: &PluginRef) {
    assert_eq!(plugin.call("Fine", ()).unwrap(), Value::Int(42));
}
