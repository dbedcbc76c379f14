//! The tutorial's plugin, in Rust. Its twins: `lua-plugins/testplugin.lua`,
//! and the other folders beside this one.

use twinplug_sdk::prelude::*;

/// What travels between the host and its plugins.
#[data]
#[derive(Clone, Debug, Default)]
pub struct PluginData {
    name: String,
    age: i64,
    tel: String,
}

#[plugin]
mod testplugin {
    use super::*;

    #[var(name = "Value")]
    static VALUE: Var<i64> = Var::new(0);
    #[var(name = "Pd")]
    static PD: Var<PluginData> = Var::default();

    #[init]
    fn init(host: &HostRef) -> Result<()> {
        println!("plugin load...");
        host.register("Hello", || format!("Hello, number {}", VALUE.get()))
    }

    #[func(name = "Plugin_fun")]
    fn plugin_fun() {
        println!("Value in plugin: {}", VALUE.get());
    }

    #[func(name = "ComplexType")]
    fn complex_type(host: &HostRef) -> Result<()> {
        let pd = PD.get();
        println!("{} {} {}", pd.name, pd.age, pd.tel);
        let pd = PD.update(|pd| pd.age *= 4);
        host.channel::<PluginData>("data")?.send(&pd)
    }
}
