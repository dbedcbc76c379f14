//! The names of fields as a VM has them, so that they are not made anew for each value.

use std::cell::Cell;
use std::ptr::NonNull;

use crate::lua::raw::Reference;

/// How many are kept: several times as many as a plugin's structs mostly have. Where they lie is
/// another place in each process, so that few may share one.
const NAMES: usize = 128;

/// The names that were written or looked for last, in pairs of places: the one of them that was kept
/// last is first. (With one place for each, now and then two names that are used together would
/// drive out each other all the time.)
pub(super) struct Names([Cell<Option<Name>>; NAMES]);

/// The name of a field, as Lua has it.
#[derive(Clone, Copy)]
struct Name {
    start: NonNull<u8>,
    length: u32,
    reference: Reference,
}

impl Name {
    /// Whether it is the very same text, as to compare it would cost as much as to make it.
    #[inline(always)]
    fn is(self, text: &'static str) -> bool {
        self.start.as_ptr().cast_const() == text.as_ptr() && self.length as usize == text.len()
    }
}

impl Names {
    pub(super) fn new() -> Names {
        Names([const { Cell::new(None) }; NAMES])
    }

    /// The reference to a name, if it is kept.
    #[inline(always)]
    pub(super) fn reference(&self, text: &'static str) -> Option<Reference> {
        let place = place_of(text);
        match self.0[place].get()? {
            name if name.is(text) => Some(name.reference),
            _ => self.second(place, text),
        }
    }

    #[inline(never)]
    fn second(&self, place: usize, text: &'static str) -> Option<Reference> {
        let name = self.0[place + 1].get()?;
        name.is(text).then_some(name.reference)
    }

    /// Keeps a name that is not kept yet; another one, perhaps, is not kept any more.
    pub(super) fn keep(&self, text: &'static str, reference: Reference) -> Option<Reference> {
        let Ok(length) = u32::try_from(text.len()) else { return Some(reference) };
        let name = Name { start: NonNull::from(text).cast(), length, reference };
        let place = place_of(text);
        let before = self.0[place].replace(Some(name));
        match before {
            Some(_) => self.0[place + 1].replace(before).map(|name| name.reference),
            None => None,
        }
    }
}

/// The first of the two places of a name: names that lie side by side are kept apart.
#[inline(always)]
fn place_of(text: &'static str) -> usize {
    const PAIRS: usize = NAMES / 2;
    let mixed = (text.as_ptr().addr() ^ text.len() << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> (usize::BITS - PAIRS.trailing_zeros())) * 2
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names are told apart by where they are, and references are given back once.
    #[test]
    fn the_last_two_of_a_pair_are_kept() {
        let names = Names::new();
        let all: Vec<&'static str> = (0..500).map(|it| leaked(&format!("name {it}"))).collect();
        let mut given_back = Vec::new();
        for (number, text) in all.iter().enumerate() {
            assert!(names.reference(text).is_none());
            given_back.extend(names.keep(text, Reference::numbered(number as i32)));
            assert!(names.reference(text) == Some(Reference::numbered(number as i32)));
        }
        let kept = all.iter().enumerate().filter(|(number, text)| {
            let reference = Reference::numbered(*number as i32);
            let is_kept = names.reference(text) == Some(reference);
            assert_ne!(is_kept, given_back.contains(&reference), "{text}");
            is_kept
        });
        let kept = kept.count();
        assert_eq!(kept + given_back.len(), all.len());
        assert!(kept > NAMES / 2, "{kept} of {NAMES}");
        assert!(names.reference(leaked("name 499")).is_none(), "it is elsewhere");
    }

    /// Two that share their places do not drive out each other.
    #[test]
    fn two_names_of_one_pair_stay() {
        let names = Names::new();
        let first = leaked("first");
        let all = (0..2000).map(|it| leaked(&format!("{it:05}")));
        let second = all.into_iter().find(|it| place_of(it) == place_of(first)).unwrap();
        assert!(names.keep(first, Reference::numbered(1)).is_none());
        assert!(names.keep(second, Reference::numbered(2)).is_none());
        assert!(names.reference(first) == Some(Reference::numbered(1)));
        assert!(names.reference(second) == Some(Reference::numbered(2)));
    }

    fn leaked(text: &str) -> &'static str {
        String::leak(text.to_owned())
    }
}
