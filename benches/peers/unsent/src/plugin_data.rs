//! The struct that rows send through scripts, for serde alone.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub(crate) struct PluginData {
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) tel: String,
}
