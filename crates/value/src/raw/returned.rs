//! The place of a result, and the memory that it lies in.

use std::marker::PhantomPinned;
use std::pin::Pin;
use std::ptr::NonNull;

use twinplug_abi as abi;

use super::arena::Front;
use super::{Arena, RawView};
use crate::{Type, Value};

/// What an entry has answered, with the arena that it has written to.
pub struct Returned {
    value: abi::Value,
    memory: Arena,
    /// What the arena begins in: it knows where that is.
    front: Front,
    _pinned: PhantomPinned,
}

impl Default for Returned {
    fn default() -> Self {
        Returned::new()
    }
}

impl Returned {
    /// Nothing yet: null.
    #[inline]
    #[must_use]
    pub const fn new() -> Self {
        Returned {
            value: abi::Value::NULL,
            memory: Arena::new(),
            front: Front::new(),
            _pinned: PhantomPinned,
        }
    }

    /// Where an entry writes its result, and the arena that goes with it.
    ///
    /// # Safety
    /// Who writes there follows the ABI: what the value points to is static, or lies in
    /// the arena.
    #[inline]
    pub unsafe fn place(self: Pin<&mut Self>) -> (*mut abi::Value, *mut abi::Arena) {
        // SAFETY: nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: it is pinned, and with it both: the front is there until after the arena is
        // dropped, which stands before it. Nobody else uses it.
        unsafe { this.memory.begin_in(NonNull::from(&this.front)) };
        (&raw mut this.value, this.memory.as_raw())
    }

    /// The value, if it is a number or a boolean of just that type.
    #[inline(always)]
    #[must_use]
    pub fn scalar(&self, ty: &Type) -> Option<Value> {
        // SAFETY: of an INT the payload is an integer, of a FLOAT a number; a BOOL's is
        // looked at as the byte that it is.
        unsafe {
            match (self.value.tag, ty) {
                (abi::TAG_INT, Type::Int | Type::Number | Type::Any) => {
                    Some(Value::Int(self.value.payload.integer))
                }
                (abi::TAG_FLOAT, Type::Float | Type::Number | Type::Any) => {
                    Some(Value::Float(self.value.payload.number))
                }
                (abi::TAG_BOOL, Type::Bool | Type::Any) => {
                    Some(Value::Bool(self.value.payload.boolean != 0))
                }
                _ => None,
            }
        }
    }

    /// The value.
    #[inline]
    #[must_use]
    pub fn view(&self) -> RawView<'_> {
        // SAFETY: null, or what was written as `place` demands: it is static or lies in
        // `memory`, which is borrowed, and nobody writes either meanwhile.
        unsafe { RawView::new(&self.value) }
    }
}
