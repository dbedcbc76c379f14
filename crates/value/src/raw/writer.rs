//! Raw values of what has its shape at compile time: without a sink, which has to find out what
//! belongs together, and without serde.

use std::marker::PhantomData;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

use twinplug_abi::{self as abi, Pair, Payload};

use super::{Allocate, RawSink, scalar_to_value};
use crate::convert::by_serde;
use crate::{ConvertError, Data};

/// Writes raw values; what they point to lies in the arena, is static, or is the text of what is
/// written.
///
/// For types alone that cross without serde, as a whole or as a part.
pub struct RawWriter<'a, M: Allocate + ?Sized> {
    arena: &'a M,
    texts: Texts,
}

/// A raw value that such a writer has written; for `'a` what it points to is there.
pub struct Raw<'a> {
    value: abi::Value,
    lent: PhantomData<&'a ()>,
}

/// What becomes of text.
#[derive(Clone, Copy)]
enum Texts {
    /// It is pointed to.
    Lent,
    Copied,
}

/// The fields of a struct that is written.
pub struct RawFields<'a> {
    pairs: NonNull<Pair>,
    room: usize,
    count: usize,
    /// They lie in its arena.
    arena: PhantomData<&'a ()>,
}

impl<'a, M: Allocate + ?Sized> RawWriter<'a, M> {
    /// Whose values live no longer than what is written.
    #[inline(always)]
    pub(super) fn lending(arena: &'a M) -> Self {
        RawWriter { arena, texts: Texts::Lent }
    }

    /// Whose values live as long as the arena's content.
    #[inline(always)]
    #[must_use]
    pub fn copying(arena: &'a M) -> Self {
        RawWriter { arena, texts: Texts::Copied }
    }

    /// Writes a value.
    ///
    /// # Errors
    /// As [`to_sink`](crate::to_sink).
    #[inline(always)]
    pub fn value<T: Data>(&self, value: &'a T) -> Result<Raw<'a>, ConvertError> {
        match scalar_to_value(value) {
            Some(scalar) => Ok(Raw::new(scalar)),
            None => T::straight_raw(value, self),
        }
    }

    /// Writes a number of direct entries' types, which points to nothing; null where it is none.
    #[inline(always)]
    pub(crate) fn number<T: Data>(&self, number: T) -> Raw<'a> {
        Raw::new(scalar_to_value(&number).unwrap_or(abi::Value::NULL))
    }

    /// Writes null.
    #[inline(always)]
    pub(crate) fn null(&self) -> Raw<'a> {
        Raw::new(abi::Value::NULL)
    }

    /// Writes text.
    ///
    /// # Errors
    /// It is too long, or there is no memory.
    #[inline]
    pub fn text(&self, text: &'a str) -> Result<Raw<'a>, ConvertError> {
        let length = length(text.len())?;
        let payload = match self.texts {
            _ if text.is_empty() => Payload { text: ptr::null() },
            Texts::Lent => Payload { text: text.as_ptr() },
            Texts::Copied => Payload { text: self.copied(text)?.as_ptr() },
        };
        Ok(Raw::new(abi::Value { tag: abi::TAG_STR, length, payload }))
    }

    #[inline]
    fn copied(&self, text: &str) -> Result<NonNull<u8>, ConvertError> {
        let place = self.arena.allocate(text.len(), 1).ok_or_else(no_memory)?;
        // SAFETY: `Allocate` guarantees as many writable bytes, which nobody else uses.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), place.as_ptr(), text.len()) };
        Ok(place)
    }

    /// Writes what has no way of its own, as serde has it.
    ///
    /// # Errors
    /// As [`to_sink`](crate::to_sink).
    #[inline(never)]
    pub(crate) fn at_length<T: Data>(&self, value: &T) -> Result<Raw<'a>, ConvertError> {
        let mut sink = RawSink::new(self.arena);
        by_serde(value, &mut sink)?;
        Ok(Raw::new(sink.last()))
    }

    /// Begins a struct of at most so many fields.
    ///
    /// # Errors
    /// There is no memory.
    #[inline(always)]
    pub fn fields(&self, most: usize) -> Result<RawFields<'a>, ConvertError> {
        let size = most.checked_mul(size_of::<Pair>()).ok_or_else(no_memory)?;
        let place = self.arena.allocate(size, align_of::<Pair>()).ok_or_else(no_memory)?;
        Ok(RawFields { pairs: place.cast(), room: most, count: 0, arena: PhantomData })
    }
}

impl Raw<'_> {
    /// The value. It is no promise any more.
    #[inline(always)]
    #[must_use]
    pub fn into_value(self) -> abi::Value {
        self.value
    }

    #[inline(always)]
    fn new(value: abi::Value) -> Self {
        Raw { value, lent: PhantomData }
    }
}

impl<'a> RawFields<'a> {
    /// Writes the next field. Its name is static in the image that writes it; the other side
    /// reads it while that image is mapped.
    ///
    /// # Errors
    /// As [`RawWriter::value`]; the message names the field.
    #[inline(always)]
    pub fn write<T: Data, M: Allocate + ?Sized>(
        &mut self,
        name: &'static str,
        value: &'a T,
        writer: &RawWriter<'a, M>,
    ) -> Result<(), ConvertError> {
        if self.count == self.room {
            return Err(ConvertError::new("more fields than were announced"));
        }
        let value = writer.value(value).map_err(|error| error.at_field(name))?.value;
        let payload = Payload { text: name.as_ptr() };
        let key = abi::Value { tag: abi::TAG_STR, length: length(name.len())?, payload };
        // SAFETY: `fields` has a place for `room` pairs in an arena that is borrowed, of which
        // `count` are written.
        unsafe { self.pairs.add(self.count).write(Pair { key, value }) };
        self.count += 1;
        Ok(())
    }

    /// The struct.
    #[inline(always)]
    #[must_use]
    pub fn end(self) -> Raw<'a> {
        // As many fields as a struct may have are far from this.
        let length = self.count as u32;
        let payload = Payload { map: self.pairs.as_ptr() };
        Raw::new(abi::Value { tag: abi::TAG_MAP, length, payload })
    }
}

#[inline(always)]
fn length(length: usize) -> Result<u32, ConvertError> {
    u32::try_from(length).map_err(|_| ConvertError::new(format!("longer than {}", u32::MAX)))
}

#[cold]
fn no_memory() -> ConvertError {
    ConvertError::new("out of memory")
}
