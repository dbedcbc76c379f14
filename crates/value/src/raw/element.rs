//! [`Element`] and [`Number`]: what buffers are of.

use std::fmt;
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use twinplug_abi as abi;

/// What the elements of a buffer are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// `f64`.
    F64,
    /// `f32`.
    F32,
    /// `i64`.
    I64,
    /// `i32`.
    I32,
    /// `u8`.
    U8,
}

impl Element {
    /// All there are.
    pub const ALL: [Element; 5] =
        [Element::F64, Element::F32, Element::I64, Element::I32, Element::U8];

    /// Its name, as types have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Element::F64 => "f64",
            Element::F32 => "f32",
            Element::I64 => "i64",
            Element::I32 => "i32",
            Element::U8 => "u8",
        }
    }

    /// How many bytes one takes; it is aligned to as many.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Element::F64 | Element::I64 => 8,
            Element::F32 | Element::I32 => 4,
            Element::U8 => 1,
        }
    }

    pub(super) const fn raw(self) -> u32 {
        match self {
            Element::F64 => abi::ELEMENT_F64,
            Element::F32 => abi::ELEMENT_F32,
            Element::I64 => abi::ELEMENT_I64,
            Element::I32 => abi::ELEMENT_I32,
            Element::U8 => abi::ELEMENT_U8,
        }
    }

    pub(super) fn of(raw: u32) -> Option<Element> {
        Element::ALL.into_iter().find(|element| element.raw() == raw)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number that a [`Buffer`](super::Buffer) holds: `f64`, `f32`, `i64`, `i32`, `u8`.
pub trait Number: Copy + Default + PartialEq + Send + Sync + fmt::Debug + sealed::Shared {
    /// What it is.
    const ELEMENT: Element;
}

mod sealed {
    pub trait Shared: Sized {
        /// # Safety
        /// Aligned, readable, and written by such a store alone while it is read.
        unsafe fn load(place: *mut Self) -> Self;
        /// # Safety
        /// Aligned, writable, and read by such a load alone while it is written.
        unsafe fn store(place: *mut Self, value: Self);
    }
}

macro_rules! numbers {
    ($($number:ty, $element:ident, $atomic:ident, $bits:ty, $from:expr, $to:expr;)*) => {$(
        impl Number for $number {
            const ELEMENT: Element = Element::$element;
        }

        impl sealed::Shared for $number {
            #[inline]
            unsafe fn load(place: *mut Self) -> Self {
                // SAFETY: as the caller says; the atomic is of the same size and alignment.
                let bits = unsafe { $atomic::from_ptr(place.cast::<$bits>()) };
                $from(bits.load(Ordering::Relaxed))
            }
            #[inline]
            unsafe fn store(place: *mut Self, value: Self) {
                // SAFETY: as above.
                let bits = unsafe { $atomic::from_ptr(place.cast::<$bits>()) };
                bits.store($to(value), Ordering::Relaxed);
            }
        }
    )*};
}
numbers! {
    f64, F64, AtomicU64, u64, f64::from_bits, f64::to_bits;
    f32, F32, AtomicU32, u32, f32::from_bits, f32::to_bits;
    i64, I64, AtomicI64, i64, std::convert::identity, std::convert::identity;
    i32, I32, AtomicI32, i32, std::convert::identity, std::convert::identity;
    u8, U8, AtomicU8, u8, std::convert::identity, std::convert::identity;
}
