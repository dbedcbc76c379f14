//! Raw ABI values read. What a tag promises is checked as far as it can be:
//! unknown tags, null pointers and text that is no UTF-8 are errors.

use std::marker::PhantomData;

use smallvec::SmallVec;
use twinplug_abi as abi;

use super::reference::Foreign;
use super::view::{NO_BYTES, UNKNOWN, look_at_text, no_content, reference};
use crate::{ConvertError, Key, Look, Reference, Source};

/// A source over a raw value.
pub struct RawSource<'a> {
    current: abi::Value,
    entered: SmallVec<[Entered<'a>; 2]>,
    /// Whose code has written it, where that is not ours.
    writer: Option<&'a dyn Foreign>,
    /// What the values point to is borrowed.
    borrowed: PhantomData<&'a abi::Value>,
}

struct Entered<'a> {
    container: abi::Value,
    children: Children,
    next: usize,
    key: Key<'a>,
}

#[derive(Clone, Copy)]
enum Children {
    List(*const abi::Value, usize),
    Map(*const abi::Pair, usize),
}

impl<'a> RawSource<'a> {
    /// A cursor on `value`.
    ///
    /// # Safety
    /// For `'a`, the value and all that it points to follow the ABI: pointers
    /// lead to as many readable items as the lengths say, and nobody writes them.
    #[must_use]
    pub unsafe fn new(value: abi::Value) -> Self {
        let entered = SmallVec::new();
        RawSource { current: value, entered, writer: None, borrowed: PhantomData }
    }

    /// The same of a writer whose references are not used as they are.
    #[must_use]
    pub fn written_by(self, writer: &'a dyn Foreign) -> Self {
        RawSource { writer: Some(writer), ..self }
    }

    /// A cursor on a list of `values`.
    ///
    /// # Safety
    /// As [`RawSource::new`], for each of the values.
    ///
    /// # Errors
    /// More than `u32::MAX` values.
    pub unsafe fn list(values: &'a [abi::Value]) -> Result<Self, ConvertError> {
        let length = u32::try_from(values.len())
            .map_err(|_| ConvertError::new(format!("longer than {}", u32::MAX)))?;
        let payload = abi::Payload { list: values.as_ptr() };
        // SAFETY: the slice holds as many values as it says, for `'a`; what they
        // point to is the caller's promise.
        Ok(unsafe { Self::new(abi::Value { tag: abi::TAG_LIST, length, payload }) })
    }

    /// The bytes of a value of tag BYTES or STR; `None` for a null pointer.
    fn slice(&self, value: &abi::Value) -> Option<&'a [u8]> {
        let length = value.length as usize;
        if length == 0 || !matches!(value.tag, abi::TAG_BYTES | abi::TAG_STR) {
            return Some(&[]);
        }
        // SAFETY: of BYTES and STR the payload is a pointer to bytes.
        let bytes = unsafe { value.payload.bytes };
        // SAFETY: not null, and by the promise to `new` readable for `length` bytes
        // for `'a`.
        (!bytes.is_null()).then(|| unsafe { std::slice::from_raw_parts(bytes, length) })
    }

    fn text(&self, value: &abi::Value) -> Option<&'a str> {
        std::str::from_utf8(self.slice(value)?).ok()
    }

    fn key_of(&self, pair: &abi::Pair) -> Option<Key<'a>> {
        match pair.key.tag {
            // SAFETY: of an INT, the payload is an integer.
            abi::TAG_INT => Some(Key::Int(unsafe { pair.key.payload.integer })),
            abi::TAG_STR => self.text(&pair.key).map(Key::Str),
            _ => None,
        }
    }

    fn enter(&mut self, children: Children) -> Result<Option<usize>, ConvertError> {
        let (null, aligned, length) = match children {
            Children::List(items, length) => (items.is_null(), items.is_aligned(), length),
            Children::Map(pairs, length) => (pairs.is_null(), pairs.is_aligned(), length),
        };
        if length > 0 && (null || !aligned) {
            return Err(no_content(null));
        }
        self.entered.push(Entered { container: self.current, children, next: 0, key: Key::Int(0) });
        Ok(Some(length))
    }
}

impl Source for RawSource<'_> {
    fn look(&self) -> Look<'_> {
        let payload = self.current.payload;
        // SAFETY: of a BOOL, an INT and a FLOAT the payload is one, as far as any 8 bytes are.
        unsafe {
            match self.current.tag {
                abi::TAG_NULL => Look::Null,
                abi::TAG_BOOL => Look::Bool(payload.boolean != 0),
                abi::TAG_INT => Look::Int(payload.integer),
                abi::TAG_FLOAT => Look::Float(payload.number),
                abi::TAG_STR => self.slice(&self.current).map_or(NO_BYTES, look_at_text),
                abi::TAG_BYTES => self.slice(&self.current).map_or(NO_BYTES, Look::Bytes),
                abi::TAG_LIST => Look::List,
                abi::TAG_MAP => Look::Map,
                abi::TAG_FUNC => Look::Func,
                abi::TAG_OBJECT => Look::Object,
                abi::TAG_BUFFER => Look::Buffer,
                _ => UNKNOWN,
            }
        }
    }

    fn reference(&self) -> Result<Reference, ConvertError> {
        // SAFETY: it may be read, as `new` was promised.
        unsafe { reference(&self.current, self.writer) }
    }

    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError> {
        let abi::Value { tag, length, payload } = self.current;
        match tag {
            // SAFETY: of a LIST, the payload is a pointer to values.
            abi::TAG_LIST => self.enter(Children::List(unsafe { payload.list }, length as usize)),
            abi::TAG_MAP if length == 0 => self.enter(Children::List(std::ptr::null(), 0)),
            _ => Ok(None),
        }
    }

    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError> {
        let abi::Value { tag, length, payload } = self.current;
        match tag {
            // SAFETY: of a MAP, the payload is a pointer to pairs.
            abi::TAG_MAP => self.enter(Children::Map(unsafe { payload.map }, length as usize)),
            abi::TAG_LIST if length == 0 => self.enter(Children::Map(std::ptr::null(), 0)),
            _ => Ok(None),
        }
    }

    fn next(&mut self) -> Result<bool, ConvertError> {
        let Some(entered) = self.entered.last() else {
            return Ok(false);
        };
        let index = entered.next;
        let (child, key) = match entered.children {
            Children::List(items, length) if index < length => {
                // SAFETY: `index` is below the length, and by the promise to `new` as
                // many values are readable.
                (unsafe { *items.add(index) }, Key::Int(0))
            }
            Children::Map(pairs, length) if index < length => {
                // SAFETY: as above, for pairs.
                let pair = unsafe { *pairs.add(index) };
                let key = self
                    .key_of(&pair)
                    .ok_or_else(|| ConvertError::new("a map's key must be text or an integer"))?;
                (pair.value, key)
            }
            _ => return Ok(false),
        };
        self.current = child;
        if let Some(entered) = self.entered.last_mut() {
            entered.next += 1;
            entered.key = key;
        }
        Ok(true)
    }

    fn key(&self) -> Key<'_> {
        self.entered.last().map_or(Key::Int(0), |entered| entered.key)
    }

    fn leave(&mut self) {
        if let Some(entered) = self.entered.pop() {
            self.current = entered.container;
        }
    }
}
