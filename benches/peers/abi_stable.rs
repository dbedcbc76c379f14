//! The plugin behind abi_stable: a root module, loaded and checked as a whole.

use ::abi_stable::library::RootModule;
use bench_abi_stable::{AdderRef, PluginData as TheirData};

use crate::Rows;
use crate::plugin_data::PluginData;

pub(crate) fn measure(rows: &mut Rows) {
    let library = crate::build("benches/peers/abi_stable/plugin");
    let adder = AdderRef::load_from_file(&library).unwrap();
    rows.calls("abi_stable", |a, b| adder.add()(a, b));
    rows.structs("abi_stable", |data: TheirData| adder.older()(data));
    rows.structs("abi_stable, String", |data: PluginData| {
        adder.older_as_string()(data.into()).into()
    });
}

impl From<PluginData> for TheirData {
    fn from(data: PluginData) -> Self {
        TheirData { name: data.name.into(), age: data.age, tel: data.tel.into() }
    }
}

impl From<TheirData> for PluginData {
    fn from(data: TheirData) -> Self {
        PluginData { name: data.name.into(), age: data.age, tel: data.tel.into() }
    }
}
