//! Types of all makes, from a crate that host and plugins share: what they write, read and
//! refuse, for both kinds of plugin alike.

use std::fmt::Debug;

use shared::{Look, Table};
use twinplug::{Data, PluginRef, Type, Value};

use crate::twins::{Stage, message};

/// Where values go through.
struct Through {
    plugin: PluginRef,
    /// Whether the functions have types.
    is_typed: bool,
}

impl Look for Through {
    fn at<T: Data + Clone + PartialEq + Debug>(&mut self, table: &Table<T>) {
        let Table { name, schema, .. } = table;
        assert_eq!(T::SCHEMA.to_string(), *schema, "{name}");
        if self.is_typed {
            let exports = &self.plugin.descriptor().exports;
            let export = exports.iter().find(|export| export.name == *name).unwrap();
            let signature = format!("(value: {schema}) -> {schema}");
            let signature = if *schema == "null" { "(value: null)".to_owned() } else { signature };
            assert_eq!(export.ty.to_string(), signature);
        }
        let typed = self.plugin.func::<(T,), T>(name).unwrap();
        let back = self.plugin.func::<(T,), Value>(name).unwrap();
        let into = self.plugin.func::<(Value,), T>(name).unwrap();
        for (value, written, read) in &table.written {
            assert_eq!(Value::of(value).unwrap(), *written, "{name}");
            assert_eq!(typed.call((value.clone(),)).unwrap(), *read, "{name}");
            let through = back.call((value.clone(),)).unwrap();
            // What is not written again is what was not read.
            let expected = if self.is_typed { Value::of(read).unwrap() } else { written.clone() };
            assert_eq!(through, expected, "{name}");
        }
        for (value, read) in &table.read {
            assert_eq!(into.call((value.clone(),)).unwrap(), *read, "{name}");
        }
        for (value, by_schema, by_serde) in &table.refused {
            let expected = match self.is_typed {
                true => format!("plugin `shared`: `{name}`: argument `value`: {by_schema}"),
                false => format!("plugin `shared`: `{name}`: result: {by_serde}"),
            };
            assert_eq!(message(into.call((value.clone(),))), expected, "{name}");
        }
        schema_is_right::<T>(table);
    }
}

/// A schema that was read from its text says the same as the one that the compiler made, takes
/// what the type writes, and refuses what it refuses.
fn schema_is_right<T: Data>(table: &Table<T>) {
    let read: Type = table.schema.parse().unwrap();
    assert_eq!(read.to_string(), table.schema);
    for schema in [T::SCHEMA, &read] {
        assert!(schema.accepts(T::SCHEMA).is_ok(), "{}", table.name);
        assert!(T::SCHEMA.accepts(schema).is_ok(), "{}", table.name);
        for (_, written, _) in &table.written {
            assert_eq!(schema.coerce(written.clone()).as_ref(), Ok(written), "{}", table.name);
        }
    }
}

#[cfg(feature = "native")]
#[test]
fn a_native_plugin_shares_all_types() {
    let stage = Stage::new();
    let path = crate::twins::build("tests/fixtures/shared-plugin");
    let plugin = stage.host.load(path).unwrap();
    shared::look(&mut Through { plugin, is_typed: true });
}

/// The names in the table.
#[cfg(feature = "_lua")]
struct Names(String);

#[cfg(feature = "_lua")]
impl Look for Names {
    fn at<T: Data + Clone + PartialEq + Debug>(&mut self, table: &Table<T>) {
        self.0 += &format!("function M.{}(value) return value end\n", table.name);
    }
}

#[cfg(feature = "_lua")]
#[test]
fn a_script_takes_all_types() {
    let mut names = Names(String::new());
    shared::look(&mut names);
    let stage = Stage::new();
    let text = format!("local M = {{}}\n{}return M", names.0);
    let plugin = stage.host.load_source("shared", text).unwrap();
    shared::look(&mut Through { plugin, is_typed: false });
}
