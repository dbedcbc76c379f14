//! The plugin behind stabby: functions looked up one by one, each checked by the report
//! of its type.

use ::stabby::libloading::StabbyLibrary;
use bench_stabby::{Add, Older, PluginData as TheirData};
use libloading::Library;

use crate::Rows;
use crate::plugin_data::PluginData;

pub(crate) fn measure(rows: &mut Rows) {
    let path = crate::build("benches/peers/stabby/plugin");
    // SAFETY: our own library, and nothing runs when it is loaded.
    let library = unsafe { Library::new(path) }.unwrap();
    // SAFETY: our own functions, whose types stabby compares. They borrow from the
    // library; structs that they made are dropped in the rows below.
    let (add, older, older_as_string) = unsafe {
        (
            library.get_stabbied::<Add>(b"add").unwrap(),
            library.get_stabbied::<Older>(b"older").unwrap(),
            library.get_stabbied::<Older>(b"older_as_string").unwrap(),
        )
    };
    rows.calls("stabby", |a, b| add(a, b));
    rows.structs("stabby", |data: TheirData| older(data));
    rows.structs("stabby, String", |data: PluginData| older_as_string(data.into()).into());
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
