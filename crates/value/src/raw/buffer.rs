//! [`Buffer`] and [`AnyBuffer`]: numbers in memory that all sides share.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::ptr::NonNull;

use twinplug_abi as abi;

use super::counted::Counted;
use super::element::{Element, Number};
use crate::ConvertError;

/// A buffer of whatever numbers it is of. A clone is the same buffer.
pub struct AnyBuffer {
    raw: NonNull<abi::Buffer>,
    /// Of the buffer: what a maker writes there afterwards is not believed.
    data: NonNull<u8>,
    length: usize,
    element: Element,
}

/// Numbers in memory that host, scripts and native plugins share: nothing is copied as it
/// crosses, and a clone is the same buffer. The length never changes.
///
/// Each access is bounds-checked, and whole: threads that read and write an element at once see
/// one of the values written. In which order is theirs to say.
///
/// ```
/// # use twinplug_value::Buffer;
/// let heights = Buffer::<f32>::new(3);
/// let same = heights.clone();
/// assert!(same.set(2, 1.5));
/// assert_eq!(heights.to_vec(), [0.0, 0.0, 1.5]);
/// assert_eq!(heights.get(3), None);
/// ```
///
/// The memory is there as long as somebody holds the buffer, also after its plugin is gone.
pub struct Buffer<T> {
    any: AnyBuffer,
    elements: PhantomData<T>,
}

/// Memory of whole words, so that it is aligned for every element.
type Body = Counted<abi::Buffer, Words>;
struct Words(Box<[std::cell::UnsafeCell<u64>]>);

// SAFETY: the words are reached through the buffer alone, whose accesses are atomic, or as the
// users of its pointer order them.
unsafe impl Sync for Words {}

static TYPE: abi::BufferType = abi::BufferType {
    size: size_of::<abi::BufferType>() as u32,
    reserved: 0,
    retain: Body::retain,
    release: Body::release,
};

/// Memory of another image's buffer, and what keeps that image. In the order in which they go.
struct Lent {
    theirs: AnyBuffer,
    keeper: Box<dyn Any + Send + Sync>,
}

type LentBody = Counted<abi::Buffer, Lent>;

static LENT: abi::BufferType = abi::BufferType {
    size: size_of::<abi::BufferType>() as u32,
    reserved: 0,
    retain: LentBody::retain,
    release: LentBody::release,
};

// SAFETY: the ABI says of retain and release: any thread. The elements are accessed atomically.
unsafe impl Send for AnyBuffer {}
// SAFETY: as above.
unsafe impl Sync for AnyBuffer {}

impl AnyBuffer {
    /// So many zeros; `None` if there is no memory for them.
    #[must_use]
    pub fn zeroed(element: Element, length: usize) -> Option<AnyBuffer> {
        let count = length.checked_mul(element.size())?.div_ceil(8);
        let mut words = Vec::new();
        words.try_reserve_exact(count).ok()?;
        words.resize_with(count, || std::cell::UnsafeCell::new(0));
        let raw = Body::with_head(Words(words.into_boxed_slice()), |words| abi::Buffer {
            kind: &raw const TYPE,
            data: words.0.as_ptr().cast_mut().cast(),
            length: length as u64,
            element: element.raw(),
            reserved: 0,
        });
        // SAFETY: made just now, with a count that becomes this one's.
        unsafe { AnyBuffer::of(raw) }.ok()
    }

    /// A buffer of this image over the memory of another's; both are there as long as this one,
    /// and the keeper as long as they are used.
    #[must_use]
    pub fn over(theirs: AnyBuffer, keeper: impl Any + Send + Sync) -> AnyBuffer {
        let AnyBuffer { data, length, element, .. } = theirs;
        let head = abi::Buffer {
            kind: &raw const LENT,
            data: data.as_ptr().cast(),
            length: length as u64,
            element: element.raw(),
            reserved: 0,
        };
        let raw = LentBody::leaked(head, Lent { theirs, keeper: Box::new(keeper) });
        AnyBuffer { raw, data, length, element }
    }

    /// The buffer that it was made over, if a `K` keeps that.
    #[must_use]
    pub fn theirs<K: Any>(&self) -> Option<(&AnyBuffer, &K)> {
        let lent = self.lent()?;
        Some((&lent.theirs, (*lent.keeper).downcast_ref()?))
    }

    fn lent(&self) -> Option<&Lent> {
        // SAFETY: alive as long as `self`; what has this table was made by `over`.
        unsafe {
            let is_lent = std::ptr::eq(self.raw.as_ref().kind, &raw const LENT);
            is_lent.then(|| LentBody::body(self.raw.as_ptr()))
        }
    }

    pub(super) fn is_of_this_image(&self) -> bool {
        // SAFETY: alive as long as `self`.
        let kind = unsafe { self.raw.as_ref().kind };
        [&raw const TYPE, &raw const LENT].contains(&kind)
    }

    /// An address in the code of who made it.
    pub(super) fn maker(&self) -> usize {
        // SAFETY: alive as long as `self`, with its table.
        unsafe { (*self.raw.as_ref().kind).release as usize }
    }

    /// What tells it from others.
    pub(super) fn identity(&self) -> NonNull<abi::Buffer> {
        self.lent().map_or(self.raw, |lent| lent.theirs.raw)
    }

    /// Counts one more holder of a buffer.
    ///
    /// # Safety
    /// `raw` follows the ABI and is alive. What made it stays mapped as long as it lives.
    ///
    /// # Errors
    /// It is of elements that are not known, or of more than there can be, or its data leads
    /// nowhere.
    pub(super) unsafe fn borrowed(raw: NonNull<abi::Buffer>) -> Result<AnyBuffer, ConvertError> {
        // SAFETY: as the caller says.
        unsafe {
            let buffer = AnyBuffer::of(raw).map_err(ConvertError::new)?;
            ((*raw.as_ref().kind).retain)(raw.as_ptr());
            Ok(buffer)
        }
    }

    /// # Safety
    /// As `borrowed`. Without an error, a count of it is this one's.
    unsafe fn of(raw: NonNull<abi::Buffer>) -> Result<AnyBuffer, &'static str> {
        // SAFETY: as the caller says; the fields never change.
        let abi::Buffer { data, length, element, .. } = unsafe { raw.as_ref() };
        let element = Element::of(*element).ok_or("a buffer of elements that are not known")?;
        let length = usize::try_from(*length).ok();
        let length = length.filter(|length| {
            length.checked_mul(element.size()).is_some_and(|size| isize::try_from(size).is_ok())
        });
        let length = length.ok_or("a buffer that is longer than memory")?;
        let data = match NonNull::new(data.cast::<u8>()) {
            Some(data) if data.addr().get().is_multiple_of(element.size()) => data,
            None if length == 0 => NonNull::<u64>::dangling().cast(),
            _ => return Err("the data of a buffer leads nowhere"),
        };
        Ok(AnyBuffer { raw, data, length, element })
    }

    /// What its elements are.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Where the elements are. They are there as long as the buffer; who reads or writes them
    /// beside others says how that is ordered.
    #[must_use]
    pub fn as_ptr(&self) -> *mut u8 {
        self.data.as_ptr()
    }

    /// The element at that index, from 0.
    ///
    /// # Panics
    /// It is of others, or there is none.
    #[must_use]
    #[inline]
    pub fn load<T: Number>(&self, index: usize) -> T {
        // SAFETY: within the buffer, of that element; all that this crate does with it is atomic.
        unsafe { T::load(self.place(index)) }
    }

    /// Sets the element at that index, from 0; true.
    ///
    /// # Panics
    /// As [`load`](Self::load).
    #[inline]
    pub fn store<T: Number>(&self, index: usize, value: T) -> bool {
        // SAFETY: as above.
        unsafe { T::store(self.place(index), value) };
        true
    }

    #[inline]
    fn place<T: Number>(&self, index: usize) -> *mut T {
        assert!(self.element == T::ELEMENT && index < self.length, "an element of the buffer");
        self.data.as_ptr().cast::<T>().wrapping_add(index)
    }

    /// The buffer as one of `T`s, or `None` if it is of others.
    #[must_use]
    pub fn typed<T: Number>(self) -> Option<Buffer<T>> {
        (self.element == T::ELEMENT).then_some(Buffer { any: self, elements: PhantomData })
    }

    /// The buffer as the ABI has it, borrowed.
    #[must_use]
    pub fn as_raw(&self) -> NonNull<abi::Buffer> {
        self.raw
    }

    /// Hands it out, with its count.
    pub(super) fn into_raw(self) -> NonNull<abi::Buffer> {
        std::mem::ManuallyDrop::new(self).raw
    }
}

impl Clone for AnyBuffer {
    fn clone(&self) -> Self {
        // SAFETY: we hold it, and what made it stays mapped as long.
        unsafe { ((*self.raw.as_ref().kind).retain)(self.raw.as_ptr()) };
        AnyBuffer { ..*self }
    }
}

impl Drop for AnyBuffer {
    fn drop(&mut self) {
        // SAFETY: our count, given back once.
        unsafe { ((*self.raw.as_ref().kind).release)(self.raw.as_ptr()) }
    }
}

/// The same buffer, not an equal one.
impl PartialEq for AnyBuffer {
    fn eq(&self, other: &Self) -> bool {
        self.identity() == other.identity()
    }
}

impl Eq for AnyBuffer {}

impl fmt::Debug for AnyBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer<{}>[{}]", self.element, self.length)
    }
}

impl<T: Number> Buffer<T> {
    /// So many zeros.
    ///
    /// # Panics
    /// There is no memory for them.
    #[must_use]
    pub fn new(length: usize) -> Buffer<T> {
        let any = AnyBuffer::zeroed(T::ELEMENT, length);
        let any = any.expect("there is memory for a buffer of this length");
        Buffer { any, elements: PhantomData }
    }

    /// How many elements there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.any.length
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.any.length == 0
    }

    /// The element at that index, from 0; `None` behind the last.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<T> {
        // SAFETY: within the buffer, whose memory is there as long as `self`; all that this
        // crate does with it is atomic.
        (index < self.any.length).then(|| unsafe { T::load(self.place(index)) })
    }

    /// Sets the element at that index, from 0; false behind the last.
    #[inline]
    pub fn set(&self, index: usize, value: T) -> bool {
        let is_there = index < self.any.length;
        if is_there {
            // SAFETY: as in `get`.
            unsafe { T::store(self.place(index), value) };
        }
        is_there
    }

    /// All elements, copied.
    #[must_use]
    pub fn to_vec(&self) -> Vec<T> {
        // SAFETY: as in `get`.
        (0..self.any.length).map(|index| unsafe { T::load(self.place(index)) }).collect()
    }

    /// Copies elements into the buffer, from that index on; false, and nothing is copied, where
    /// they are more than there are.
    pub fn copy_from(&self, index: usize, elements: &[T]) -> bool {
        let fits = index.checked_add(elements.len()).is_some_and(|end| end <= self.any.length);
        if fits {
            for (offset, element) in elements.iter().enumerate() {
                // SAFETY: as in `get`.
                unsafe { T::store(self.place(index + offset), *element) };
            }
        }
        fits
    }

    /// The elements, without a look at bounds and without atomics.
    ///
    /// # Safety
    /// Nobody writes an element while the slice lasts: no other thread, and no plugin either.
    #[must_use]
    pub unsafe fn as_slice(&self) -> &[T] {
        // SAFETY: as many elements are there, aligned, as long as `self`; all bits are a number.
        unsafe { std::slice::from_raw_parts(self.place(0), self.any.length) }
    }

    /// The elements, to be written as well.
    ///
    /// # Safety
    /// Nobody else reads or writes an element while the slice lasts, through whatever clone.
    #[must_use]
    #[allow(clippy::mut_from_ref, reason = "the caller promises that nobody else looks")]
    pub unsafe fn as_mut_slice(&self) -> &mut [T] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.place(0), self.any.length) }
    }

    /// The buffer, whatever it is of.
    #[must_use]
    pub fn into_any(self) -> AnyBuffer {
        self.any
    }

    #[inline]
    fn place(&self, index: usize) -> *mut T {
        self.any.data.as_ptr().cast::<T>().wrapping_add(index)
    }
}

impl<T: Number> From<Vec<T>> for Buffer<T> {
    fn from(elements: Vec<T>) -> Self {
        let buffer = Buffer::new(elements.len());
        buffer.copy_from(0, &elements);
        buffer
    }
}

impl<T> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        Buffer { any: self.any.clone(), elements: PhantomData }
    }
}

/// The same buffer, not an equal one.
impl<T> PartialEq for Buffer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.any == other.any
    }
}

impl<T> Eq for Buffer<T> {}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.any.fmt(f)
    }
}
