//! [`Limits`]: what a plugin in Lua may use of time and memory.

use std::time::Duration;

/// How a thread is told in the middle of a script that the script's time is over
/// ([`HostBuilder::limit_signal`](crate::HostBuilder::limit_signal)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LimitSignal {
    /// By a real-time signal that nothing in the process handles. Where there is none, as
    /// with `Off`.
    #[default]
    Automatic,
    /// By the signal of that number: a real-time one, or `SIGUSR1`, `SIGUSR2`, `SIGURG`,
    /// `SIGIO`. What arrives under that number otherwise goes on to the handler that the
    /// program has for it.
    Number(i32),
    /// Not at all: scripts look at their time now and then, and take about twice as long.
    Off,
}

/// The limits of one plugin; `None` is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) time: Option<Duration>,
    /// In bytes.
    pub(crate) memory: Option<usize>,
    pub(crate) signal: LimitSignal,
}

impl Limits {
    /// The lower one of each.
    pub(crate) fn and(self, time: Option<Duration>, memory: Option<usize>) -> Limits {
        Limits { time: lower(self.time, time), memory: lower(self.memory, memory), ..self }
    }
}

impl Default for Limits {
    /// What holds where the host says nothing.
    fn default() -> Self {
        // A time limit switches LuaJIT's compiler off: who chose it chose the compiler.
        let time = (!cfg!(feature = "luajit")).then_some(Duration::from_secs(5));
        Limits { time, memory: Some(256 << 20), signal: LimitSignal::Automatic }
    }
}

fn lower<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_limit_holds() {
        let ms = |ms| Some(Duration::from_millis(ms));
        let limits = |time, memory| Limits { time, memory, signal: LimitSignal::Off };
        let both = limits(ms(500), Some(1 << 20));
        assert_eq!(limits(ms(500), None).and(ms(700), Some(1 << 20)), both);
        assert_eq!(limits(ms(700), Some(1 << 20)).and(ms(500), None), both);
        assert_eq!(both.and(None, None), both);
    }
}
