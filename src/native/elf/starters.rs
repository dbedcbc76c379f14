//! Where a file calls what begins a thread: the words that the loader writes the address of such
//! a function to.

use super::relocations::Word;
use super::{Segments, Symbols, Writes};

/// A function that begins a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::native) enum Begins {
    /// `pthread_create`.
    Posix,
    /// What `std::thread` of GNU's C++ library calls.
    Standard,
}

const NAMES: [(&[u8], Begins); 2] = [
    (b"pthread_create", Begins::Posix),
    (
        b"_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE",
        Begins::Standard,
    ),
];

/// A word that holds such a function's address once the file is mapped.
#[derive(Clone, Copy, Debug)]
pub(in crate::native) struct Starter {
    pub(in crate::native) begins: Begins,
    /// Where, from the image's base.
    pub(in crate::native) place: u64,
    /// What the loader makes read-only afterwards, but for a page that is cut off by its end.
    pub(in crate::native) protected: (u64, u64),
}

/// Those of a file whose own tables are sound.
pub(super) fn find(
    segments: &Segments<'_>,
    symbols: &Symbols<'_>,
    strings: &[u8],
    writes: &Writes,
) -> Vec<Starter> {
    let named = |index: u64| {
        let name = strings.get(usize::try_from(symbols.import_name(index)?).ok()?..)?;
        let is = |(known, _): &&(&[u8], Begins)| {
            name.strip_prefix(*known).is_some_and(|rest| rest.first() == Some(&0))
        };
        NAMES.iter().find(is).map(|(_, begins)| *begins)
    };
    let starter = |(place, word)| match word {
        Word::Symbol(index, 0) => {
            let begins = named(index)?;
            Some(Starter { begins, place, protected: segments.protected() })
        }
        _ => None,
    };
    writes.words().filter_map(starter).collect()
}
