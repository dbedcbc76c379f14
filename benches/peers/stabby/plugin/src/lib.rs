//! The functions of `benches/plugins/adder` behind stabby.

use bench_stabby::PluginData;

/// Adds up.
#[stabby::export]
pub extern "C" fn add(a: i64, b: i64) -> i64 {
    a.wrapping_add(b)
}

/// Makes one older, in the types that cross.
#[stabby::export]
pub extern "C" fn older(data: PluginData) -> PluginData {
    let age = data.age.wrapping_mul(4).wrapping_add(1);
    PluginData { age, ..data }
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

/// Makes one older, in Rust's own types.
#[stabby::export]
pub extern "C" fn older_as_string(data: PluginData) -> PluginData {
    let own = Own { name: data.name.into(), age: data.age, tel: data.tel.into() };
    let Own { name, age, tel } = own.older();
    PluginData { name: name.into(), age, tel: tel.into() }
}
