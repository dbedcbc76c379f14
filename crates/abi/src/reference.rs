//! What crosses by reference: functions, objects, buffers (since 1.1). Each is
//! counted, and used through its `type` alone.

use std::ffi::{c_char, c_void};

use crate::{Arena, Status, Value};

/// A function as a value.
#[repr(C)]
pub struct Func {
    /// What can be done with it.
    pub kind: *const FuncType,
}

/// What can be done with a [`Func`].
#[repr(C)]
pub struct FuncType {
    /// `size_of::<FuncType>()` of its maker.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Counts one more holder.
    pub retain: unsafe extern "C" fn(func: *mut Func),
    /// Counts one less; the last one frees it.
    pub release: unsafe extern "C" fn(func: *mut Func),
    /// Calls it.
    pub call: unsafe extern "C" fn(
        func: *mut Func,
        args: *const Value,
        count: u32,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}

/// An opaque thing with methods.
#[repr(C)]
pub struct Object {
    /// What can be done with it.
    pub kind: *const ObjectType,
}

/// What can be done with an [`Object`].
#[repr(C)]
pub struct ObjectType {
    /// `size_of::<ObjectType>()` of its maker.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// The type's name, terminated.
    pub name: *const c_char,
    /// Its methods as JSON, terminated.
    pub methods: *const c_char,
    /// Counts one more holder.
    pub retain: unsafe extern "C" fn(object: *mut Object),
    /// Counts one less; the last one frees it.
    pub release: unsafe extern "C" fn(object: *mut Object),
    /// Calls a method.
    pub call: unsafe extern "C" fn(
        object: *mut Object,
        method: *const c_char,
        method_length: usize,
        args: *const Value,
        count: u32,
        arena: *mut Arena,
        result: *mut Value,
    ) -> Status,
}

/// [`Buffer::element`]: `f64`.
pub const ELEMENT_F64: u32 = 1;
/// [`Buffer::element`]: `f32`.
pub const ELEMENT_F32: u32 = 2;
/// [`Buffer::element`]: `i64`.
pub const ELEMENT_I64: u32 = 3;
/// [`Buffer::element`]: `i32`.
pub const ELEMENT_I32: u32 = 4;
/// [`Buffer::element`]: `u8`.
pub const ELEMENT_U8: u32 = 5;

/// Numbers in memory that all sides share.
#[repr(C)]
pub struct Buffer {
    /// What can be done with it.
    pub kind: *const BufferType,
    /// The elements; never changes.
    pub data: *mut c_void,
    /// How many; never changes.
    pub length: u64,
    /// One of the `ELEMENT_` constants.
    pub element: u32,
    /// 0.
    pub reserved: u32,
}

/// What can be done with a [`Buffer`].
#[repr(C)]
pub struct BufferType {
    /// `size_of::<BufferType>()` of its maker.
    pub size: u32,
    /// 0.
    pub reserved: u32,
    /// Counts one more holder.
    pub retain: unsafe extern "C" fn(buffer: *mut Buffer),
    /// Counts one less; the last one frees it, and the elements.
    pub release: unsafe extern "C" fn(buffer: *mut Buffer),
}
