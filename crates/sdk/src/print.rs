//! `print!` and `println!` that go to the host's output. `#[plugin]` imports them
//! into the plugin's module in place of std's.

use std::fmt;

use crate::host;

/// Prints through the host, as `std::print!` formats.
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => {
        $crate::__private::print(::core::format_args!($($arg)*))
    };
}

/// Prints a line through the host, as `std::println!` formats.
#[macro_export]
macro_rules! println {
    () => {
        $crate::print!("\n")
    };
    ($($arg:tt)*) => {
        $crate::__private::print(::core::format_args!("{}\n", ::core::format_args!($($arg)*)))
    };
}

/// What the macros call.
pub fn print(text: fmt::Arguments<'_>) {
    match host::current() {
        Some(host) => host.print(&text.to_string()),
        // Before the host has called anything: a test of the author's own.
        None => {
            use std::io::Write;
            // Nobody is left to tell if standard output is gone.
            let _ = std::io::stdout().write_fmt(text);
        }
    }
}
