//! Values written as raw ABI values.

use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};

use smallvec::SmallVec;
use twinplug_abi::{self as abi, Pair, Payload};

use super::reference::{Foreign, release};
use super::writer::RawWriter;
use crate::{ConvertError, Data, Key, Reference, Sink, Straight, write};

/// Where a [`RawSink`] gets its memory.
///
/// # Safety
/// What `allocate` returns is writable for `size` bytes, aligned to `align`, and
/// used by nobody else while the allocator is borrowed, until it is reset.
pub unsafe trait Allocate {
    /// `size` bytes, aligned to `align` (a power of two, at most 16).
    fn allocate(&self, size: usize, align: usize) -> Option<NonNull<u8>>;

    /// Takes over a count of a function, an object or a buffer, until the allocator is reset
    /// or dropped; false where it cannot: then it is still the caller's.
    fn hold(&self, _reference: abi::Value) -> bool {
        false
    }
}

/// A sink that writes raw values: each value that is complete is pushed to
/// [`RawSink::values`], and all that they point to lies in the arena, is static, or was lent for as
/// long as the sink is used.
pub struct RawSink<'a, M: Allocate + ?Sized = dyn Allocate + 'a> {
    arena: &'a M,
    /// Values that are done, and the children of containers that are open.
    values: SmallVec<[abi::Value; 16]>,
    /// For each open container, where its children start.
    open: SmallVec<[usize; 4]>,
    /// Whose code reads it, where that is not ours.
    reader: Option<&'a dyn Foreign>,
}

impl<'a, M: Allocate + ?Sized> RawSink<'a, M> {
    /// An empty sink; what it writes lives as long as the arena's content, and what it was lent.
    #[must_use]
    #[inline]
    pub fn new(arena: &'a M) -> Self {
        RawSink { arena, values: SmallVec::new(), open: SmallVec::new(), reader: None }
    }

    /// From now on it writes for a reader to whom some references are its own. In place: a sink is
    /// large, and a copy of it costs a call more than all of this.
    #[inline]
    pub fn set_reader(&mut self, reader: &'a dyn Foreign) {
        self.reader = Some(reader);
    }

    /// The values that were written.
    #[must_use]
    #[inline]
    pub fn values(&self) -> &[abi::Value] {
        &self.values
    }

    /// The last value that was written; null if there is none.
    #[must_use]
    #[inline]
    pub fn last(&self) -> abi::Value {
        self.values.last().copied().unwrap_or(abi::Value::NULL)
    }

    /// Writes a value. Its text may be where it is: it is borrowed as long as the sink is used.
    ///
    /// # Errors
    /// As [`to_sink`](crate::to_sink).
    #[inline]
    pub fn lend<T: Data>(&mut self, value: &'a T) -> Result<(), ConvertError> {
        if T::STRAIGHT == Straight::No {
            return write(value, self);
        }
        self.values.push(RawWriter::lending(self.arena).value(value)?.into_value());
        Ok(())
    }

    /// Writes text, which stays where it is.
    ///
    /// # Errors
    /// It is too long.
    #[inline]
    pub fn lend_text(&mut self, text: &'a str) -> Result<(), ConvertError> {
        self.values.push(RawWriter::lending(self.arena).text(text)?.into_value());
        Ok(())
    }

    #[inline]
    fn push(&mut self, tag: u32, length: usize, payload: Payload) -> Result<(), ConvertError> {
        let length = u32::try_from(length)
            .map_err(|_| ConvertError::new(format!("longer than {}", u32::MAX)))?;
        self.values.push(abi::Value { tag, length, payload });
        Ok(())
    }

    /// Copies items into the arena; null where there are none.
    #[inline]
    fn copy<T: Copy>(&self, items: &[T]) -> Result<*const T, ConvertError> {
        if items.is_empty() {
            return Ok(ptr::null());
        }
        let place = self
            .arena
            .allocate(size_of_val(items), align_of::<T>())
            .ok_or_else(|| ConvertError::new("out of memory"))?
            .cast::<T>();
        // SAFETY: `Allocate` guarantees `size_of_val(items)` writable bytes, aligned
        // for `T`, which nobody else uses, so they do not overlap `items`.
        unsafe { ptr::copy_nonoverlapping(items.as_ptr(), place.as_ptr(), items.len()) };
        Ok(place.as_ptr())
    }

    fn close(&mut self) -> Result<usize, ConvertError> {
        self.open.pop().ok_or_else(|| ConvertError::new("an end without a begin"))
    }
}

// An open map's children are keys and values in turn, which is what pairs are.
const _: () = assert!(
    size_of::<Pair>() == 2 * size_of::<abi::Value>()
        && align_of::<Pair>() == align_of::<abi::Value>()
);

impl<M: Allocate + ?Sized> Sink for RawSink<'_, M> {
    #[inline]
    fn null(&mut self) -> Result<(), ConvertError> {
        self.push(abi::TAG_NULL, 0, Payload { integer: 0 })
    }

    #[inline]
    fn bool(&mut self, value: bool) -> Result<(), ConvertError> {
        // The whole payload is written, so that no byte of it is indeterminate.
        let mut payload = Payload { integer: 0 };
        payload.boolean = value.into();
        self.push(abi::TAG_BOOL, 0, payload)
    }

    #[inline]
    fn int(&mut self, value: i64) -> Result<(), ConvertError> {
        self.push(abi::TAG_INT, 0, Payload { integer: value })
    }

    #[inline]
    fn float(&mut self, value: f64) -> Result<(), ConvertError> {
        self.push(abi::TAG_FLOAT, 0, Payload { number: value })
    }

    #[inline]
    fn str(&mut self, value: &str) -> Result<(), ConvertError> {
        let text = self.copy(value.as_bytes())?;
        self.push(abi::TAG_STR, value.len(), Payload { text })
    }

    #[inline]
    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        let bytes = self.copy(value)?;
        self.push(abi::TAG_BYTES, value.len(), Payload { bytes })
    }

    #[cold]
    fn reference(&mut self, reference: &Reference) -> Result<(), ConvertError> {
        let own = self.reader.and_then(|reader| reader.own(reference));
        let value = own.unwrap_or_else(|| reference.clone()).into_raw();
        if !self.arena.hold(value) {
            // SAFETY: the count that `into_raw` has given.
            unsafe { release(&value) };
            return Err(ConvertError::new(format!("no memory to hold a {}", reference.kind())));
        }
        self.push(value.tag, 0, value.payload)
    }

    #[inline]
    fn begin_list(&mut self, _length: usize) -> Result<(), ConvertError> {
        self.open.push(self.values.len());
        Ok(())
    }

    #[inline]
    fn end_list(&mut self) -> Result<(), ConvertError> {
        let start = self.close()?;
        let items = &self.values[start..];
        let (list, length) = (self.copy(items)?, items.len());
        self.values.truncate(start);
        self.push(abi::TAG_LIST, length, Payload { list })
    }

    #[inline]
    fn begin_map(&mut self, length: usize) -> Result<(), ConvertError> {
        self.begin_list(length)
    }

    #[inline]
    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError> {
        match key {
            Key::Int(int) => self.int(int),
            Key::Str(text) => self.str(text),
        }
    }

    // The name is static in the image that writes it; the other side reads it while
    // that image is mapped.
    #[inline]
    fn field(&mut self, name: &'static str) -> Result<(), ConvertError> {
        self.push(abi::TAG_STR, name.len(), Payload { text: name.as_ptr().cast() })
    }

    #[inline]
    fn end_map(&mut self) -> Result<(), ConvertError> {
        let start = self.close()?;
        let items = &self.values[start..];
        if !items.len().is_multiple_of(2) {
            return Err(ConvertError::new("a key without a value"));
        }
        let (map, length) = (self.copy(items)?.cast::<Pair>(), items.len() / 2);
        self.values.truncate(start);
        self.push(abi::TAG_MAP, length, Payload { map })
    }
}
