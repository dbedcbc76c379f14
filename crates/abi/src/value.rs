//! Values: 16 bytes, tag, length, payload.

use crate::{Buffer, Func, Object};

/// Nothing.
pub const TAG_NULL: u32 = 0;
/// `payload.boolean`.
pub const TAG_BOOL: u32 = 1;
/// `payload.integer`.
pub const TAG_INT: u32 = 2;
/// `payload.number`.
pub const TAG_FLOAT: u32 = 3;
/// `payload.bytes`, `length` bytes.
pub const TAG_BYTES: u32 = 4;
/// `payload.text`, `length` bytes of UTF-8.
pub const TAG_STR: u32 = 5;
/// `payload.list`, `length` values.
pub const TAG_LIST: u32 = 6;
/// `payload.map`, `length` pairs.
pub const TAG_MAP: u32 = 7;
/// `payload.func` (since 1.1).
pub const TAG_FUNC: u32 = 8;
/// `payload.object` (since 1.1).
pub const TAG_OBJECT: u32 = 9;
/// `payload.buffer` (since 1.1).
pub const TAG_BUFFER: u32 = 10;

/// Any value that crosses the border. All bits zero is null.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Value {
    /// One of the `TAG_` constants.
    pub tag: u32,
    /// Of bytes and text in bytes, of a list in values, of a map in pairs.
    pub length: u32,
    /// What the tag says.
    pub payload: Payload,
}

/// The payload of a [`Value`].
#[repr(C)]
#[derive(Clone, Copy)]
pub union Payload {
    /// 0 or 1.
    pub boolean: u8,
    /// A whole number.
    pub integer: i64,
    /// A number.
    pub number: f64,
    /// Bytes.
    pub bytes: *const u8,
    /// UTF-8, not terminated.
    pub text: *const u8,
    /// Values.
    pub list: *const Value,
    /// Pairs.
    pub map: *const Pair,
    /// A function.
    pub func: *mut Func,
    /// An object.
    pub object: *mut Object,
    /// A buffer.
    pub buffer: *mut Buffer,
}

/// One entry of a map; the key is text or an integer.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Pair {
    /// The key.
    pub key: Value,
    /// The value.
    pub value: Value,
}

impl Value {
    /// Null.
    pub const NULL: Value = Value { tag: TAG_NULL, length: 0, payload: Payload { integer: 0 } };
}
