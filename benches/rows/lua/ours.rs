//! Our side: the script as a plugin, its exports by typed handles.

use twinplug::{Func, Host, PluginRef, Var};

use super::side::{Loop, SCRIPT, Side};
use crate::plugin_data::PluginData;

pub(crate) struct Ours {
    add: Func<(i64, i64), i64>,
    value: Var<i64>,
    pd: Var<PluginData>,
    complex: Func<(), ()>,
    scaled: Func<(u64,), f64>,
    scaled_by_local: Func<(u64,), f64>,
    arithmetic: Func<(u64,), f64>,
    library: Func<(u64,), f64>,
    pub(crate) plugin: PluginRef,
    _host: Host,
}

impl Ours {
    pub(crate) fn new() -> Self {
        let host = Host::builder().function("scale", |x: f64, by: f64| x * by).build().unwrap();
        let plugin = host.load_source("rows", SCRIPT).unwrap();
        Ours {
            add: plugin.func("add").unwrap(),
            value: plugin.var("Value").unwrap(),
            pd: plugin.var("Pd").unwrap(),
            complex: plugin.func("ComplexType").unwrap(),
            scaled: plugin.func("scaled").unwrap(),
            scaled_by_local: plugin.func("scaled_by_local").unwrap(),
            arithmetic: plugin.func("arithmetic").unwrap(),
            library: plugin.func("library").unwrap(),
            plugin,
            _host: host,
        }
    }
}

impl Side for Ours {
    fn add(&self, a: i64, b: i64) -> i64 {
        self.add.call((a, b)).unwrap()
    }

    fn value(&self) -> i64 {
        self.value.get().unwrap()
    }

    fn set_value(&self, value: i64) {
        self.value.set(value).unwrap();
    }

    fn exchange(&self, data: PluginData) -> PluginData {
        self.pd.set(data).unwrap();
        self.complex.call(()).unwrap();
        self.pd.get().unwrap()
    }

    fn run(&self, which: Loop, times: u64) -> f64 {
        let function = match which {
            Loop::Scaled => &self.scaled,
            Loop::ScaledByLocal => &self.scaled_by_local,
            Loop::Arithmetic => &self.arithmetic,
            Loop::Library => &self.library,
        };
        function.call((times,)).unwrap()
    }
}
