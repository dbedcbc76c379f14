//! [`Limit`]: what a plugin in Lua was allowed, as errors name it.

use std::fmt;
use std::time::Duration;

/// A limit that a Lua plugin has hit: [`Error::limit`](super::Error::limit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// How long a call runs in Lua.
    Time(Duration),
    /// How much memory a plugin takes, in bytes.
    Memory(usize),
    /// How much memory all Lua plugins of a host take together, in bytes.
    MemoryTotal(usize),
    /// How long a call takes with all of its waits:
    /// [`Func::call_within`](crate::Func::call_within).
    Deadline(Duration),
    /// The future of the call was dropped: [`Func::call_async`](crate::Func::call_async). Who
    /// sees it is what the call has called, and what that has.
    Cancelled,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Time(time) => write!(f, "time limit of {}", Time(*time)),
            Limit::Memory(bytes) => write!(f, "memory limit of {}", Size(*bytes)),
            Limit::MemoryTotal(bytes) => {
                write!(f, "memory limit of {} for all plugins", Size(*bytes))
            }
            Limit::Deadline(time) => write!(f, "deadline of {}", Time(*time)),
            Limit::Cancelled => f.write_str("the call was cancelled"),
        }
    }
}

/// A duration in the largest unit that shows all of it.
struct Time(Duration);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "us"), (1, "ns")];
        let (size, unit) =
            units.into_iter().find(|(size, _)| nanos.is_multiple_of(*size)).unwrap_or((1, "ns"));
        write!(f, "{} {unit}", nanos / size)
    }
}

/// A number of bytes in the largest unit that shows all of it.
struct Size(usize);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"), (1, "bytes")];
        let (size, unit) = units
            .into_iter()
            .find(|(size, _)| self.0.is_multiple_of(*size))
            .unwrap_or((1, "bytes"));
        write!(f, "{} {unit}", self.0 / size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_named_in_their_largest_whole_unit() {
        let cases = [
            (Limit::Time(Duration::from_millis(500)), "time limit of 500 ms"),
            (Limit::Time(Duration::from_secs(5)), "time limit of 5 s"),
            (Limit::Time(Duration::from_micros(1500)), "time limit of 1500 us"),
            (Limit::Deadline(Duration::from_millis(16)), "deadline of 16 ms"),
            (Limit::Cancelled, "the call was cancelled"),
            (Limit::Memory(32 << 20), "memory limit of 32 MiB"),
            (Limit::Memory((1 << 20) + 512), "memory limit of 1049088 bytes"),
            (Limit::Memory(3 << 10), "memory limit of 3 KiB"),
            (Limit::MemoryTotal(1 << 30), "memory limit of 1 GiB for all plugins"),
        ];
        for (limit, text) in cases {
            assert_eq!(limit.to_string(), text);
        }
    }
}
