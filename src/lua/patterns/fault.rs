//! Why a pattern cannot be matched, in the words of the Lua that is built in.

use std::ffi::CStr;

use crate::lua::library::CalledOff;

/// An error of the pattern, found where matching comes to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::lua) enum Fault {
    /// The call is over; nobody reads it.
    CalledOff,
    CaptureIndex(usize),
    EndsWithEscape,
    NoCapture,
    NoSetAfterFrontier,
    NoSetEnd,
    TooComplex,
    TooManyCaptures,
    Unbalanced,
    /// A capture has no end.
    Unfinished,
}

impl From<CalledOff> for Fault {
    fn from(_: CalledOff) -> Fault {
        Fault::CalledOff
    }
}

impl Fault {
    pub(in crate::lua) fn text(self) -> &'static CStr {
        match self {
            Fault::CalledOff => c"the call is over",
            Fault::CaptureIndex(_) if cfg!(feature = "luajit") => c"invalid capture index",
            Fault::CaptureIndex(index) => {
                INDEXES.get(index).copied().unwrap_or(c"invalid capture index")
            }
            Fault::EndsWithEscape => c"malformed pattern (ends with '%')",
            Fault::NoCapture => c"invalid pattern capture",
            Fault::NoSetAfterFrontier => c"missing '[' after '%f' in pattern",
            Fault::NoSetEnd => c"malformed pattern (missing ']')",
            Fault::TooComplex => c"pattern too complex",
            Fault::TooManyCaptures => c"too many captures",
            Fault::Unbalanced if cfg!(feature = "luajit") => c"unbalanced pattern",
            Fault::Unbalanced => c"malformed pattern (missing arguments to '%b')",
            Fault::Unfinished => c"unfinished capture",
        }
    }
}

/// The error's text is a constant, as an error of Lua's leaves no time to free one.
const INDEXES: [&CStr; 10] = [
    c"invalid capture index %0",
    c"invalid capture index %1",
    c"invalid capture index %2",
    c"invalid capture index %3",
    c"invalid capture index %4",
    c"invalid capture index %5",
    c"invalid capture index %6",
    c"invalid capture index %7",
    c"invalid capture index %8",
    c"invalid capture index %9",
];
