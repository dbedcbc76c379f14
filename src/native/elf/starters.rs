//! Where a file calls what begins a thread: the words that the loader writes the address of such
//! a function to.

use super::relocations::Word;
use super::{Segments, Symbols, Writes};

/// A function that begins a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::native) enum Begins {
    /// `pthread_create`.
    Posix,
    /// `thrd_create`.
    C11,
    /// What `std::thread` of GNU's C++ library calls.
    Standard,
}

const NAMES: [(&[u8], Begins); 3] = [
    (b"pthread_create", Begins::Posix),
    (b"thrd_create", Begins::C11),
    (
        b"_ZNSt6thread15_M_start_threadESt10unique_ptrINS_6_StateESt14default_deleteIS1_EEPFvvE",
        Begins::Standard,
    ),
];

/// The words of a file that hold such a function's address once it is mapped.
#[derive(Debug, Default)]
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "they are led elsewhere on Linux"))]
pub(in crate::native) struct Starters {
    /// Where, from the image's base.
    pub(in crate::native) words: Vec<(u64, Begins)>,
    /// What the loader makes read-only afterwards, but for a page that is cut off by its end.
    pub(in crate::native) protected: (u64, u64),
}

/// Those of a file whose own tables are sound.
pub(super) fn find(
    segments: &Segments<'_>,
    symbols: &Symbols<'_>,
    strings: &[u8],
    writes: &Writes,
) -> Starters {
    let named = |index: u64| {
        let name = strings.get(usize::try_from(symbols.import_name(index)?).ok()?..)?;
        let is = |(known, _): &&(&[u8], Begins)| {
            name.strip_prefix(*known).is_some_and(|rest| rest.first() == Some(&0))
        };
        NAMES.iter().find(is).map(|(_, begins)| *begins)
    };
    let words = writes.words().filter_map(|(place, word)| match word {
        Word::Symbol(index, 0) => Some((place, named(index)?)),
        _ => None,
    });
    Starters { words: words.collect(), protected: segments.protected() }
}
