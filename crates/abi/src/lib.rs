//! The C ABI between a Twinplug host and a native plugin, as `include/twinplug.h`
//! fixes it: the same types, topic by topic, in the same order. No behaviour.
//!
//! The header is the contract and holds the rules of threads, state and
//! ownership; a test compares sizes, offsets and constants of the two.

mod call;
mod host;
mod plugin;
mod reference;
mod service;
mod status;
mod value;

pub use call::{Arena, Call, Context, Direct, Fault, Function, Mark};
pub use host::{Channel, Host};
pub use plugin::{
    CHECKS, Export, LEAF, MAGIC, Plugin, SYMBOL_FUNC, SYMBOL_STATE, SYMBOL_VAR, SectionHead,
};
pub use reference::{
    Buffer, BufferType, ELEMENT_F32, ELEMENT_F64, ELEMENT_I32, ELEMENT_I64, ELEMENT_U8, Func,
    FuncType, Object, ObjectType,
};
pub use service::{
    Channels, Constants, Events, LOG_DEBUG, LOG_ERROR, LOG_INFO, LOG_TRACE, LOG_WARN, Log, Plugins,
    Release, SERVICE_CHANNELS, SERVICE_CONSTANTS, SERVICE_EVENTS, SERVICE_LOG, SERVICE_PLUGINS,
};
pub use status::{
    CANNOT_WAIT, CLOSED, ERROR, NO_MEMORY, NOT_FOUND, OK, PANIC, RETIRED, Status, TYPE, WOULD_WAIT,
    WRONG_STATE,
};
pub use value::{
    Pair, Payload, TAG_BOOL, TAG_BUFFER, TAG_BYTES, TAG_FLOAT, TAG_FUNC, TAG_INT, TAG_LIST,
    TAG_MAP, TAG_NULL, TAG_OBJECT, TAG_STR, Value,
};

/// The ABI's major version: a host loads plugins of its own alone.
pub const ABI_MAJOR: u16 = 1;
/// The ABI's minor version: a host loads plugins whose minor is not newer.
pub const ABI_MINOR: u16 = 1;

/// The header itself, for whoever compiles a native plugin.
pub const HEADER: &str = include_str!("../../../include/twinplug.h");

/// The same contract for plugins in Zig.
pub const ZIG: &str = include_str!("../../../include/twinplug.zig");
