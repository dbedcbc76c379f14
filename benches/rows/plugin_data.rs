//! The struct that rows send through plugins.

use twinplug::data;

#[data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PluginData {
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) tel: String,
}
