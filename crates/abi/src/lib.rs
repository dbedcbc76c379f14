//! The C ABI between a Twinplug host and a native plugin, as `include/twinplug.h`
//! fixes it: the same types, topic by topic, in the same order. No behaviour.
//!
//! The header is the contract and holds the rules of threads, state and
//! ownership; a test compares sizes, offsets and constants of the two.

mod call;
mod host;
mod plugin;
mod status;
mod value;

pub use call::{Arena, Call, Context, Function};
pub use host::{Channel, Host};
pub use plugin::{Export, FUNC, MAGIC, Plugin, SectionHead, VAR};
pub use status::{
    CLOSED, ERROR, NO_MEMORY, NOT_FOUND, OK, PANIC, RETIRED, Status, TYPE, WRONG_STATE,
};
pub use value::{
    Pair, Payload, TAG_BOOL, TAG_BYTES, TAG_FLOAT, TAG_INT, TAG_LIST, TAG_MAP, TAG_NULL, TAG_STR,
    Value,
};

/// The ABI's major version: a host loads plugins of its own alone.
pub const ABI_MAJOR: u16 = 1;
/// The ABI's minor version: a host loads plugins whose minor is not newer.
pub const ABI_MINOR: u16 = 0;

/// The header itself, for whoever compiles a native plugin.
pub const HEADER: &str = include_str!("../../../include/twinplug.h");
