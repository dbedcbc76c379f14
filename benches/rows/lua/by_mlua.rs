//! Their side: the same script in a VM of mlua's, as an ordinary program writes it: the
//! safe interface, handles kept.

use mlua::{Function, Lua, LuaSerdeExt, Table, Value};

use super::side::{Loop, SCRIPT, Side};
use crate::plugin_data::PluginData;

pub(crate) struct ByMlua {
    add: Function,
    complex: Function,
    scaled: Function,
    scaled_by_local: Function,
    arithmetic: Function,
    library: Function,
    pub(crate) module: Table,
    pub(crate) lua: Lua,
}

impl ByMlua {
    pub(crate) fn new() -> Self {
        Self::with_scale(|lua| lua.create_function(|_, (x, by): (f64, f64)| Ok(x * by)).unwrap())
    }

    /// The function `host.scale` is what the closure makes.
    pub(crate) fn with_scale(scale: impl FnOnce(&Lua) -> Function) -> Self {
        let lua = Lua::new();
        let host = lua.create_table().unwrap();
        host.set("scale", scale(&lua)).unwrap();
        lua.globals().set("host", host).unwrap();
        let module: Table = lua.load(SCRIPT).eval().unwrap();
        let function = |name: &str| module.get(name).unwrap();
        ByMlua {
            add: function("add"),
            complex: function("ComplexType"),
            scaled: function("scaled"),
            scaled_by_local: function("scaled_by_local"),
            arithmetic: function("arithmetic"),
            library: function("library"),
            module,
            lua,
        }
    }

    /// The function behind [`Side::add`].
    pub(crate) fn adder(&self) -> &Function {
        &self.add
    }

    /// As [`Side::exchange`], without serde.
    pub(crate) fn exchange_by_hand(&self, data: &PluginData) -> mlua::Result<PluginData> {
        let table = self.lua.create_table()?;
        table.set("name", data.name.as_str())?;
        table.set("age", data.age)?;
        table.set("tel", data.tel.as_str())?;
        self.module.set("Pd", table)?;
        self.complex.call::<()>(())?;
        let table: Table = self.module.get("Pd")?;
        Ok(PluginData { name: table.get("name")?, age: table.get("age")?, tel: table.get("tel")? })
    }

    fn exchange_by_serde(&self, data: &PluginData) -> mlua::Result<PluginData> {
        self.module.set("Pd", self.lua.to_value(data)?)?;
        self.complex.call::<()>(())?;
        self.lua.from_value(self.module.get::<Value>("Pd")?)
    }
}

impl Side for ByMlua {
    fn add(&self, a: i64, b: i64) -> i64 {
        self.add.call((a, b)).unwrap()
    }

    fn value(&self) -> i64 {
        self.module.get("Value").unwrap()
    }

    fn set_value(&self, value: i64) {
        self.module.set("Value", value).unwrap();
    }

    fn exchange(&self, data: PluginData) -> PluginData {
        self.exchange_by_serde(&data).unwrap()
    }

    fn run(&self, which: Loop, times: u64) -> f64 {
        let function = match which {
            Loop::Scaled => &self.scaled,
            Loop::ScaledByLocal => &self.scaled_by_local,
            Loop::Arithmetic => &self.arithmetic,
            Loop::Library => &self.library,
        };
        function.call(times).unwrap()
    }
}
