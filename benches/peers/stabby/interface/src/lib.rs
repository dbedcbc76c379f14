//! What host and plugin agree on, as stabby's users write it: a type with a report of
//! its layout, which is compared when a function is looked up.

use stabby::string::String;

/// The tutorial's message.
#[stabby::stabby]
#[derive(Clone, Debug)]
pub struct PluginData {
    /// A name.
    pub name: String,
    /// An age.
    pub age: i64,
    /// A telephone number.
    pub tel: String,
}

/// The type of `add`.
pub type Add = extern "C" fn(i64, i64) -> i64;

/// The type of `older` and `older_as_string`.
pub type Older = extern "C" fn(PluginData) -> PluginData;
