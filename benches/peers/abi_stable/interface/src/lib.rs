//! What host and plugin agree on, as abi_stable's users write it: a root module, whose
//! layout is compared when it is loaded.

use abi_stable::StableAbi;
use abi_stable::library::RootModule;
use abi_stable::package_version_strings;
use abi_stable::sabi_types::VersionStrings;
use abi_stable::std_types::RString;

/// The tutorial's message.
#[repr(C)]
#[derive(Clone, Debug, StableAbi)]
pub struct PluginData {
    /// A name.
    pub name: RString,
    /// An age.
    pub age: i64,
    /// A telephone number.
    pub tel: RString,
}

/// The plugin's functions.
#[repr(C)]
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = AdderRef)))]
pub struct Adder {
    /// Adds up.
    pub add: extern "C" fn(i64, i64) -> i64,
    /// Makes one older, in the types that cross.
    pub older: extern "C" fn(PluginData) -> PluginData,
    /// Makes one older, in Rust's own types.
    #[sabi(last_prefix_field)]
    pub older_as_string: extern "C" fn(PluginData) -> PluginData,
}

impl RootModule for AdderRef {
    abi_stable::declare_root_module_statics! {AdderRef}

    const BASE_NAME: &'static str = "bench_abi_stable_adder";
    const NAME: &'static str = "adder";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
