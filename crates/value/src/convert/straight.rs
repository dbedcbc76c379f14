//! Structs whose fields cross as they are, one by one, without serde between.
//!
//! What is written and read is what serde's way gives (but for how deep structs may be within each
//! other, which is for what has no end: these have), and where anything is not as it mostly is
//! (a field is missing, of another type, in another place) that way is gone instead: it knows all
//! the rules, and has all the messages.

use serde::Serialize;

use super::view::{Children, View};
use super::{ConvertError, Sink, serializer};
use crate::Data;

/// How far a type crosses without serde.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Straight {
    /// Not at all.
    No,
    /// As a field of a struct that does.
    Part,
    /// It is such a struct, or a list of numbers.
    Whole,
}

impl Straight {
    /// Of what is made of one that crosses so.
    #[must_use]
    pub const fn part(self) -> Straight {
        match self {
            Straight::No => Straight::No,
            Straight::Part | Straight::Whole => Straight::Part,
        }
    }

    /// Of a struct of such fields.
    #[must_use]
    pub const fn whole(fields: &[Straight]) -> Straight {
        let mut left = fields;
        while let [field, others @ ..] = left {
            if matches!(field, Straight::No) {
                return Straight::No;
            }
            left = others;
        }
        Straight::Whole
    }
}

/// Writes a value in the shortest way there is.
///
/// # Errors
/// As [`to_sink`](super::to_sink).
#[inline]
pub fn write<T: Data>(value: &T, sink: &mut (impl Sink + ?Sized)) -> Result<(), ConvertError> {
    match T::STRAIGHT {
        Straight::Whole => T::straight_write(value, sink),
        Straight::No | Straight::Part => by_serde(value, sink),
    }
}

#[inline]
pub(crate) fn by_serde<T: Serialize + ?Sized>(
    value: &T,
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), ConvertError> {
    value.serialize(serializer::Serializer::new(sink))
}

/// Writes the field of a struct.
#[inline(always)]
pub(crate) fn write_field<T: Data>(
    name: &'static str,
    value: &T,
    sink: &mut (impl Sink + ?Sized),
) -> Result<(), ConvertError> {
    sink.field(name)
        .and_then(|()| T::straight_write(value, sink))
        .map_err(|error| error.at_field(name))
}

/// The fields of a struct that is read.
pub struct StraightFields<C> {
    children: C,
    is_searched: bool,
}

impl<C: Children> StraightFields<C> {
    /// Those of a value; `None` where it has none.
    #[inline(always)]
    #[must_use]
    pub fn of<V: View<Children = C>>(view: V) -> Option<Self> {
        let children = view.map().ok()?.ok()?;
        let is_searched = children.is_searched();
        (is_searched || C::ADVANCES_TO).then_some(StraightFields { children, is_searched })
    }

    /// Reads the next one. `None` where it is not there, or something else is.
    #[inline(always)]
    pub fn read<T: Data>(&mut self, name: &'static str) -> Option<T> {
        let is_there = match self.is_searched {
            true => self.children.find(name).ok()?,
            false => self.children.advance_to(name).ok()?,
        };
        match is_there {
            true => T::straight_read(self.children.child()),
            false => T::straight_absent(),
        }
    }

    /// Whether these are all that there are, or that are asked for.
    #[inline(always)]
    #[must_use]
    pub fn are_all(mut self) -> bool {
        self.is_searched || matches!(self.children.advance(), Ok(false))
    }
}
