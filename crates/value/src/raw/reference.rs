//! References as raw values: counted, used through the table of who made them.

use std::ptr::NonNull;

use twinplug_abi::{self as abi, Payload};

use super::{AnyBuffer, Function, Object};
use crate::{ConvertError, Reference};

/// Whose code writes and reads raw values, where that is not the image's own: a host's view of
/// one plugin.
pub trait Foreign {
    /// What stands here for a reference that it has made.
    ///
    /// # Errors
    /// It gives none any more.
    fn adopt(&self, theirs: Reference) -> Result<Reference, ConvertError>;

    /// Its own reference, where this one stands for it.
    fn own(&self, ours: &Reference) -> Option<Reference>;
}

/// The reference that a value is, with a count of ours; `None` where it is none.
///
/// # Safety
/// The value follows the ABI while it is looked at.
///
/// # Errors
/// The pointer is null, or what it leads to cannot be used.
pub(super) unsafe fn retained(value: &abi::Value) -> Result<Option<Reference>, ConvertError> {
    // SAFETY: the payload is what the tag says; it is alive, as the caller says, and
    // `borrowed` counts one more holder.
    unsafe {
        Ok(Some(match value.tag {
            abi::TAG_FUNC => Reference::Func(Function::borrowed(pointer(value.payload.func)?)),
            abi::TAG_OBJECT => Reference::Object(Object::borrowed(pointer(value.payload.object)?)),
            abi::TAG_BUFFER => {
                Reference::Buffer(AnyBuffer::borrowed(pointer(value.payload.buffer)?)?)
            }
            _ => return Ok(None),
        }))
    }
}

/// A pointer that can be followed to the table's.
fn pointer<H>(raw: *mut H) -> Result<NonNull<H>, ConvertError> {
    match NonNull::new(raw) {
        // SAFETY: not null, and by the ABI the head of a reference, which starts with the
        // pointer to its table.
        Some(raw) if raw.is_aligned() && !unsafe { raw.cast::<*const ()>().read() }.is_null() => {
            Ok(raw)
        }
        _ => Err(ConvertError::new("the pointer of a reference leads nowhere")),
    }
}

/// Gives one count back.
///
/// # Safety
/// The value is a reference that is alive, and the caller has a count of it; or it is none.
pub(super) unsafe fn release(value: &abi::Value) {
    // SAFETY: as the caller says; a table is there as long as what it is of.
    unsafe {
        match value.tag {
            abi::TAG_FUNC => {
                let func = value.payload.func;
                ((*(*func).kind).release)(func);
            }
            abi::TAG_OBJECT => {
                let object = value.payload.object;
                ((*(*object).kind).release)(object);
            }
            abi::TAG_BUFFER => {
                let buffer = value.payload.buffer;
                ((*(*buffer).kind).release)(buffer);
            }
            _ => {}
        }
    }
}

impl Reference {
    /// Whether it was made in this image.
    #[must_use]
    pub fn is_of_this_image(&self) -> bool {
        match self {
            Reference::Func(function) => function.here().is_some(),
            Reference::Object(object) => object.here().is_some(),
            Reference::Buffer(buffer) => buffer.is_of_this_image(),
        }
    }

    /// An address that all who stand for the same have, and no other one, as long as it is held.
    #[must_use]
    pub fn identity(&self) -> *const () {
        match self {
            Reference::Func(function) => function.identity().as_ptr().cast(),
            Reference::Object(object) => object.identity().as_ptr().cast(),
            Reference::Buffer(buffer) => buffer.identity().as_ptr().cast(),
        }
    }

    /// An address in the code of who made it.
    #[must_use]
    pub fn maker(&self) -> usize {
        match self {
            Reference::Func(function) => function.maker(),
            Reference::Object(object) => object.maker(),
            Reference::Buffer(buffer) => buffer.maker(),
        }
    }

    /// As a raw value, with the count that this one has.
    #[must_use]
    pub fn into_raw(self) -> abi::Value {
        let (tag, payload) = match self {
            Reference::Func(function) => {
                (abi::TAG_FUNC, Payload { func: function.into_raw().as_ptr() })
            }
            Reference::Object(object) => {
                (abi::TAG_OBJECT, Payload { object: object.into_raw().as_ptr() })
            }
            Reference::Buffer(buffer) => {
                (abi::TAG_BUFFER, Payload { buffer: buffer.into_raw().as_ptr() })
            }
        };
        abi::Value { tag, length: 0, payload }
    }

    /// Takes over one count of a raw value; `None` where it is no reference.
    ///
    /// # Safety
    /// The value follows the ABI, and the caller has a count of it, which is ours from now on.
    /// What made it stays mapped as long as it lives.
    ///
    /// # Errors
    /// The pointer leads nowhere.
    pub unsafe fn from_raw(value: &abi::Value) -> Result<Option<Reference>, ConvertError> {
        // SAFETY: as the caller says; with a count of its own, the caller's is one too many.
        unsafe {
            let reference = retained(value)?;
            if reference.is_some() {
                release(value);
            }
            Ok(reference)
        }
    }
}
