//! What the deserializer reads: a value as its memory shows it.
//!
//! A [`Source`] is one, as a cursor behind a `dyn`; who knows its memory at compile time
//! makes one that is no more than a pointer.

use super::{ConvertError, Key, Kind, Look, Source};
use crate::Reference;

/// A value that can be looked at.
pub trait View: Sized {
    /// Its children, if it is a list or a map.
    type Children: Children;
    /// The same value, to be looked at before this is.
    type Again<'v>: View
    where
        Self: 'v;

    /// The same value: what is not found by a look at that may be by another one.
    fn again(&mut self) -> Self::Again<'_>;
    /// What may still be read, where that is limited.
    #[inline]
    fn left(&self) -> usize {
        0
    }
    /// What was read since so much was left is read anew.
    #[inline]
    fn read_anew(&mut self, _left: usize) {}

    /// What it is, and it itself where it is no container. Of a container that may cost a look
    /// at all of it.
    fn look(&self) -> Look<'_>;
    /// It itself, if it is text.
    #[inline]
    fn text(&self) -> Option<&str> {
        match self.look() {
            Look::Str(text) => Some(text),
            _ => None,
        }
    }
    /// Whether it is [`Kind::Null`].
    #[inline]
    fn is_null(&self) -> bool {
        self.look() == Look::Null
    }
    /// Whether it is a list or a map.
    #[inline]
    fn is_container(&self) -> bool {
        matches!(self.look(), Look::List | Look::Map)
    }
    /// It itself, where it is a function, an object or a buffer.
    ///
    /// # Errors
    /// It cannot be referred to, or it is none.
    fn reference(&self) -> Result<Reference, ConvertError> {
        Err(ConvertError::new("no reference"))
    }
    /// It itself, where it is a list of numbers that is better read in one go.
    #[inline]
    fn floats(self) -> Option<Vec<f64>> {
        None
    }
    /// The same of whole numbers.
    #[inline]
    fn ints(self) -> Option<Vec<i64>> {
        None
    }
    /// Its children, if it can be read as a list; else what it is.
    ///
    /// # Errors
    /// It is broken.
    fn list(self) -> Result<Result<Self::Children, Kind>, ConvertError>;
    /// Its children, if it can be read as a map; else what it is.
    ///
    /// # Errors
    /// It is broken.
    fn map(self) -> Result<Result<Self::Children, Kind>, ConvertError>;
}

/// The children of a list or a map, one after the other.
pub trait Children {
    /// One of them.
    type Child<'c>: View
    where
        Self: 'c;

    /// How many there are in a list; of a map 0 where that is not known.
    fn length(&self) -> usize;
    /// Goes to the next; false after the last.
    ///
    /// # Errors
    /// Its key is broken.
    fn advance(&mut self) -> Result<bool, ConvertError>;
    /// Whether `advance_to` knows the next one.
    const ADVANCES_TO: bool = false;
    /// Goes to the next child of a map if it has that name; false where another one is next, or
    /// none.
    ///
    /// # Errors
    /// As `advance`.
    fn advance_to(&mut self, _name: &str) -> Result<bool, ConvertError> {
        Ok(false)
    }
    /// The key of the current child of a map.
    fn key(&self) -> Key<'_>;
    /// The current child.
    fn child(&mut self) -> Self::Child<'_>;
    /// Whether a map's children are better looked for than gone through, where one knows what
    /// to look for.
    #[inline]
    fn is_searched(&self) -> bool {
        false
    }
    /// Of a map that is searched, goes to the child of that name; false if there is none.
    ///
    /// # Errors
    /// It is broken.
    fn find(&mut self, _name: &'static str) -> Result<bool, ConvertError> {
        Ok(false)
    }
    /// Of a map that is searched, how many children there are. Then `advance` goes through all
    /// of them.
    fn count(&mut self) -> usize {
        0
    }
}

impl<'s, S: Source + ?Sized> View for &'s mut S {
    type Children = Entered<'s, S>;
    type Again<'v>
        = &'v mut S
    where
        Self: 'v;

    fn again(&mut self) -> &mut S {
        self
    }

    fn left(&self) -> usize {
        Source::left(*self)
    }

    fn read_anew(&mut self, left: usize) {
        Source::read_anew(*self, left);
    }

    fn look(&self) -> Look<'_> {
        Source::look(*self)
    }

    fn is_null(&self) -> bool {
        Source::is_null(*self)
    }

    fn is_container(&self) -> bool {
        Source::is_container(*self)
    }

    fn reference(&self) -> Result<Reference, ConvertError> {
        Source::reference(*self)
    }

    fn floats(self) -> Option<Vec<f64>> {
        Source::floats(self)
    }

    fn ints(self) -> Option<Vec<i64>> {
        Source::ints(self)
    }

    fn list(self) -> Result<Result<Entered<'s, S>, Kind>, ConvertError> {
        Ok(match self.enter_list()? {
            Some(length) => Ok(Entered { source: self, length }),
            None => Err(Source::kind(self)),
        })
    }

    fn map(self) -> Result<Result<Entered<'s, S>, Kind>, ConvertError> {
        Ok(match self.enter_map()? {
            Some(length) => Ok(Entered { source: self, length }),
            None => Err(Source::kind(self)),
        })
    }
}

/// A container that a cursor is in; dropped, the cursor is on the container again.
pub struct Entered<'s, S: Source + ?Sized> {
    source: &'s mut S,
    length: usize,
}

impl<S: Source + ?Sized> Children for Entered<'_, S> {
    type Child<'c>
        = &'c mut S
    where
        Self: 'c;

    fn length(&self) -> usize {
        self.length
    }

    fn advance(&mut self) -> Result<bool, ConvertError> {
        self.source.next()
    }

    fn key(&self) -> Key<'_> {
        self.source.key()
    }

    fn child(&mut self) -> &mut S {
        self.source
    }

    fn is_searched(&self) -> bool {
        self.source.is_searched()
    }

    fn find(&mut self, name: &'static str) -> Result<bool, ConvertError> {
        self.source.find(name)
    }

    fn count(&mut self) -> usize {
        self.source.count()
    }
}

impl<S: Source + ?Sized> Drop for Entered<'_, S> {
    fn drop(&mut self) {
        self.source.leave();
    }
}
