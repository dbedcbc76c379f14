//! Raw ABI values looked at where they lie: no more than a pointer to one.

use std::marker::PhantomData;

use twinplug_abi::{self as abi, Pair};

use super::RawArgs;
use super::reference::{Foreign, retained};
use crate::{Children, ConvertError, Key, Kind, Look, Reference, View};

/// A raw value, and that what it points to may be read.
#[derive(Clone, Copy)]
pub struct RawView<'a> {
    value: &'a abi::Value,
    /// Whose code has written it, where that is not ours.
    writer: Option<&'a dyn Foreign>,
}

impl<'a> RawView<'a> {
    /// A view of `value`.
    ///
    /// # Safety
    /// For `'a`, the value and all that it points to follow the ABI: pointers lead to as
    /// many readable items as the lengths say, and nobody writes them.
    #[inline]
    #[must_use]
    pub unsafe fn new(value: &'a abi::Value) -> Self {
        RawView { value, writer: None }
    }

    /// The same of a writer whose references are not used as they are.
    #[inline]
    #[must_use]
    pub fn written_by(self, writer: &'a dyn Foreign) -> Self {
        RawView { writer: Some(writer), ..self }
    }

    /// The bytes of a value of tag BYTES or STR; `None` for a null pointer.
    #[inline]
    fn slice(&self) -> Option<&'a [u8]> {
        // SAFETY: it may be read, as `new` was promised.
        unsafe { slice(self.value) }
    }
}

/// The bytes of a value of tag BYTES or STR; `None` for a null pointer.
///
/// # Safety
/// As [`RawView::new`].
#[inline]
unsafe fn slice(value: &abi::Value) -> Option<&[u8]> {
    if value.length == 0 || !matches!(value.tag, abi::TAG_BYTES | abi::TAG_STR) {
        return Some(&[]);
    }
    // SAFETY: of BYTES and STR the payload is a pointer to bytes.
    let bytes = unsafe { value.payload.bytes };
    // SAFETY: not null, and by the caller's promise readable for `length` bytes.
    (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, value.length as usize) })
}

/// Text, if it is UTF-8. Most is short and ASCII, which is seen at once.
#[doc(hidden)]
#[inline]
#[must_use]
pub fn text(bytes: &[u8]) -> Option<&str> {
    if is_short_ascii(bytes) {
        // SAFETY: ASCII is UTF-8.
        return Some(unsafe { std::str::from_utf8_unchecked(bytes) });
    }
    std::str::from_utf8(bytes).ok()
}

/// Whether it is ASCII of at most 16 bytes: looked at in two pieces, which overlap.
#[inline]
fn is_short_ascii(bytes: &[u8]) -> bool {
    fn ends<const N: usize>(bytes: &[u8]) -> Option<([u8; N], [u8; N])> {
        Some((*bytes.first_chunk()?, *bytes.last_chunk()?))
    }
    let all = match bytes.len() {
        8..=16 => ends(bytes).map(|(a, b)| u64::from_ne_bytes(a) | u64::from_ne_bytes(b)),
        4..8 => ends(bytes).map(|(a, b)| (u32::from_ne_bytes(a) | u32::from_ne_bytes(b)).into()),
        0..4 => Some(bytes.iter().fold(0, |all, byte| all | u64::from(*byte))),
        _ => None,
    };
    all.is_some_and(|all| all & 0x8080_8080_8080_8080 == 0)
}

/// The value of a STR, which may be none.
#[inline]
pub(super) fn look_at_text(bytes: &[u8]) -> Look<'_> {
    text(bytes).map_or(Look::Other("string that is not UTF-8"), Look::Str)
}

/// The value of a STR or BYTES that leads nowhere.
pub(super) const NO_BYTES: Look<'static> = Look::Other("null pointer");

impl<'a> View for RawView<'a> {
    type Children = RawChildren<'a>;
    type Again<'v>
        = Self
    where
        Self: 'v;

    #[inline]
    fn again(&mut self) -> Self {
        *self
    }

    #[inline]
    fn look(&self) -> Look<'_> {
        let payload = self.value.payload;
        // SAFETY: of a BOOL, an INT and a FLOAT the payload is one, as far as any 8 bytes are.
        unsafe {
            match self.value.tag {
                abi::TAG_NULL => Look::Null,
                abi::TAG_BOOL => Look::Bool(payload.boolean != 0),
                abi::TAG_INT => Look::Int(payload.integer),
                abi::TAG_FLOAT => Look::Float(payload.number),
                abi::TAG_STR => self.slice().map_or(NO_BYTES, look_at_text),
                abi::TAG_BYTES => self.slice().map_or(NO_BYTES, Look::Bytes),
                abi::TAG_LIST => Look::List,
                abi::TAG_MAP => Look::Map,
                abi::TAG_FUNC => Look::Func,
                abi::TAG_OBJECT => Look::Object,
                abi::TAG_BUFFER => Look::Buffer,
                _ => UNKNOWN,
            }
        }
    }

    #[inline(always)]
    fn text(&self) -> Option<&str> {
        match self.value.tag {
            abi::TAG_STR => text(self.slice()?),
            _ => None,
        }
    }

    fn reference(&self) -> Result<Reference, ConvertError> {
        // SAFETY: it may be read, as `new` was promised.
        unsafe { reference(self.value, self.writer) }
    }

    #[inline]
    fn list(self) -> Result<Result<RawChildren<'a>, Kind>, ConvertError> {
        let abi::Value { tag, length, payload } = *self.value;
        let writer = self.writer;
        let children = match tag {
            // SAFETY: of a LIST, the payload is a pointer to values.
            abi::TAG_LIST => RawChildren::new(Items::List(unsafe { payload.list }), length, writer),
            abi::TAG_MAP if length == 0 => {
                RawChildren::new(Items::List(std::ptr::null()), 0, writer)
            }
            _ => return Ok(Err(self.look().kind())),
        };
        children.map(Ok)
    }

    #[inline]
    fn map(self) -> Result<Result<RawChildren<'a>, Kind>, ConvertError> {
        let abi::Value { tag, length, payload } = *self.value;
        let writer = self.writer;
        let children = match tag {
            // SAFETY: of a MAP, the payload is a pointer to pairs.
            abi::TAG_MAP => RawChildren::new(Items::Map(unsafe { payload.map }), length, writer),
            abi::TAG_LIST if length == 0 => {
                RawChildren::new(Items::Map(std::ptr::null()), 0, writer)
            }
            _ => return Ok(Err(self.look().kind())),
        };
        children.map(Ok)
    }
}

/// What a value is called whose tag is unknown.
pub(super) const UNKNOWN: Look<'static> = Look::Other("value of an unknown tag");

/// The reference that a value is, as its writer has it adopted.
///
/// # Safety
/// As [`RawView::new`].
///
/// # Errors
/// It is none, or leads nowhere, or the writer is gone.
#[cold]
pub(super) unsafe fn reference(
    value: &abi::Value,
    writer: Option<&dyn Foreign>,
) -> Result<Reference, ConvertError> {
    // SAFETY: as the caller says.
    match (unsafe { retained(value)? }, writer) {
        (Some(reference), Some(writer)) => writer.adopt(reference),
        (Some(reference), None) => Ok(reference),
        (None, _) => Err(ConvertError::new("no reference")),
    }
}

/// The error of a list or a map whose pointer leads nowhere.
#[cold]
pub(super) fn no_content(null: bool) -> ConvertError {
    let what = if null { "null" } else { "not aligned" };
    ConvertError::new(format!("the pointer of a list or map is {what}"))
}

/// The children of a raw list or map.
pub struct RawChildren<'a> {
    items: Items,
    length: usize,
    /// One more than the current child's index.
    next: usize,
    key: Key<'a>,
    writer: Option<&'a dyn Foreign>,
    /// What the pointers lead to may be read for `'a`.
    borrowed: PhantomData<&'a abi::Value>,
}

#[derive(Clone, Copy)]
enum Items {
    List(*const abi::Value),
    Map(*const Pair),
}

impl<'a> RawChildren<'a> {
    #[inline]
    fn new(
        items: Items,
        length: u32,
        writer: Option<&'a dyn Foreign>,
    ) -> Result<Self, ConvertError> {
        let (null, aligned) = match items {
            Items::List(values) => (values.is_null(), values.is_aligned()),
            Items::Map(pairs) => (pairs.is_null(), pairs.is_aligned()),
        };
        if length > 0 && (null || !aligned) {
            return Err(no_content(null));
        }
        let (length, key) = (length as usize, Key::Int(0));
        Ok(RawChildren { items, length, next: 0, key, writer, borrowed: PhantomData })
    }

    /// The arguments of a call: a list that stands for itself.
    #[inline]
    fn values(values: &'a [abi::Value], writer: Option<&'a dyn Foreign>) -> Self {
        RawChildren {
            items: Items::List(values.as_ptr()),
            length: values.len(),
            next: 0,
            key: Key::Int(0),
            writer,
            borrowed: PhantomData,
        }
    }
}

impl<'a> Children for RawChildren<'a> {
    type Child<'c>
        = RawView<'a>
    where
        Self: 'c;

    #[inline]
    fn length(&self) -> usize {
        self.length
    }

    #[inline]
    fn advance(&mut self) -> Result<bool, ConvertError> {
        if self.next == self.length {
            return Ok(false);
        }
        if let Items::Map(pairs) = self.items {
            // SAFETY: the index is below the length, and by the promise to
            // `RawView::new` as many pairs are readable for `'a`.
            let key: &'a abi::Value = unsafe { &(*pairs.add(self.next)).key };
            self.key = key_of(key)?;
        }
        self.next += 1;
        Ok(true)
    }

    const ADVANCES_TO: bool = true;

    #[inline(always)]
    fn advance_to(&mut self, name: &str) -> Result<bool, ConvertError> {
        let Items::Map(pairs) = self.items else { return Ok(false) };
        if self.next == self.length {
            return Ok(false);
        }
        // SAFETY: as in `advance`.
        let key: &'a abi::Value = unsafe { &(*pairs.add(self.next)).key };
        // SAFETY: the key of a map that may be read.
        let is_it = key.tag == abi::TAG_STR && unsafe { slice(key) } == Some(name.as_bytes());
        self.next += usize::from(is_it);
        Ok(is_it)
    }

    #[inline]
    fn key(&self) -> Key<'_> {
        self.key
    }

    #[inline]
    fn child(&mut self) -> RawView<'a> {
        assert!(self.next > 0, "there is a child after an `advance`");
        let index = self.next - 1;
        // SAFETY: `next` is at most the length, so that the index is below it; by the
        // promise to `RawView::new` as many items are readable for `'a`.
        let value = unsafe {
            match self.items {
                Items::List(values) => &*values.add(index),
                Items::Map(pairs) => &(*pairs.add(index)).value,
            }
        };
        RawView { value, writer: self.writer }
    }
}

#[inline]
fn key_of(key: &abi::Value) -> Result<Key<'_>, ConvertError> {
    let key = match key.tag {
        // SAFETY: of an INT, the payload is an integer.
        abi::TAG_INT => Some(Key::Int(unsafe { key.payload.integer })),
        // SAFETY: the key of a map that may be read.
        abi::TAG_STR => unsafe { slice(key) }.and_then(text).map(Key::Str),
        _ => None,
    };
    key.ok_or_else(|| ConvertError::new("a map's key must be text or an integer"))
}

/// The values of a call, one after the other.
#[derive(Clone, Copy)]
pub struct RawValues<'a> {
    values: &'a [abi::Value],
    writer: Option<&'a dyn Foreign>,
}

impl<'a> RawValues<'a> {
    /// A view of these values as a list.
    ///
    /// # Safety
    /// As [`RawView::new`], for each of the values.
    #[inline]
    #[must_use]
    pub unsafe fn new(values: &'a [abi::Value]) -> Self {
        RawValues { values, writer: None }
    }

    /// The same of a writer whose references are not used as they are.
    #[must_use]
    pub fn written_by(self, writer: &'a dyn Foreign) -> Self {
        RawValues { writer: Some(writer), ..self }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// They as they are, if none holds others and all can be read: whoever has written them,
    /// anybody may read them.
    #[must_use]
    pub fn plain(self) -> Option<RawArgs<'a>> {
        let is_plain = |view: RawView<'_>| {
            let look = view.look();
            matches!(look, Look::Null | Look::Bool(_) | Look::Int(_) | Look::Float(_))
                || matches!(look, Look::Str(_) | Look::Bytes(_))
        };
        // SAFETY: they follow the ABI for `'a`, as `new` was promised.
        self.each().all(is_plain).then(|| unsafe { RawArgs::new(self.values) })
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = RawView<'a>> {
        self.values.iter().map(move |value| RawView { value, writer: self.writer })
    }
}

impl<'a> View for RawValues<'a> {
    type Children = RawChildren<'a>;
    type Again<'v>
        = Self
    where
        Self: 'v;

    fn again(&mut self) -> Self {
        *self
    }

    fn look(&self) -> Look<'_> {
        Look::List
    }

    #[inline]
    fn list(self) -> Result<Result<RawChildren<'a>, Kind>, ConvertError> {
        Ok(Ok(RawChildren::values(self.values, self.writer)))
    }

    fn map(self) -> Result<Result<RawChildren<'a>, Kind>, ConvertError> {
        Ok(Err(Kind::List))
    }
}
