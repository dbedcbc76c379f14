//! The functions of `benches/plugins/adder` behind abi_stable.

use abi_stable::prefix_type::PrefixTypeTrait;
use abi_stable::{export_root_module, sabi_extern_fn};
use bench_abi_stable::{Adder, AdderRef, PluginData};

#[export_root_module]
fn root() -> AdderRef {
    Adder { add, older, older_as_string }.leak_into_prefix()
}

#[sabi_extern_fn]
fn add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

#[sabi_extern_fn]
fn older(mut data: PluginData) -> PluginData {
    data.age = data.age.wrapping_mul(4).wrapping_add(1);
    data
}

/// The message where its code is written over Rust's own text.
struct Own {
    name: String,
    age: i64,
    tel: String,
}

impl Own {
    fn older(mut self) -> Self {
        self.age = self.age.wrapping_mul(4).wrapping_add(1);
        self
    }
}

#[sabi_extern_fn]
fn older_as_string(data: PluginData) -> PluginData {
    let own = Own { name: data.name.into(), age: data.age, tel: data.tel.into() };
    let Own { name, age, tel } = own.older();
    PluginData { name: name.into(), age, tel: tel.into() }
}
