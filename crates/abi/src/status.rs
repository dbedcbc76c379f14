//! What a function answers.

/// A function's answer; with anything but [`OK`] the result is the error's text.
pub type Status = i32;

/// Done.
pub const OK: Status = 0;
/// Failed; the text says why.
pub const ERROR: Status = 1;
/// A panic or an exception was caught at the border.
pub const PANIC: Status = 2;
/// No function or channel of that name.
pub const NOT_FOUND: Status = 3;
/// A value or a declaration of another type.
pub const TYPE: Status = 4;
/// The channel was closed.
pub const CLOSED: Status = 5;
/// The plugin was retired, or its host is gone.
pub const RETIRED: Status = 6;
/// Not allowed now.
pub const WRONG_STATE: Status = 7;
/// The arena could not grow.
pub const NO_MEMORY: Status = 8;
/// It would have to wait, where that is not possible (since 1.1).
pub const CANNOT_WAIT: Status = 9;
/// It would have had to wait, or to wait longer (since 1.1).
pub const WOULD_WAIT: Status = 10;
