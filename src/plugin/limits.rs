//! [`Limits`]: what a plugin in Lua may use of time and memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) time: Option<Duration>,
    /// In bytes.
    pub(crate) memory: Option<usize>,
    pub(crate) signal: LimitSignal,
    /// The memory of all of a host's scripts.
    pub(crate) total: Option<Arc<Total>>,
}

/// What the scripts of a host may take together, and what of it is set aside, in bytes.
#[derive(Debug)]
pub(crate) struct Total {
    pub(crate) limit: usize,
    pub(crate) used: AtomicUsize,
}

impl Total {
    pub(crate) fn new(limit: usize) -> Arc<Total> {
        Arc::new(Total { limit, used: AtomicUsize::new(0) })
    }

    /// Sets aside what `choose` says of what is left.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
    pub(crate) fn set_aside(&self, choose: impl Fn(usize) -> usize) -> usize {
        let mut used = self.used.load(Ordering::Relaxed);
        loop {
            let more = choose(self.limit.saturating_sub(used));
            let next = used + more;
            let (before, after) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.used.compare_exchange_weak(used, next, before, after) {
                Ok(_) => return more,
                Err(now) => used = now,
            }
        }
    }
}

impl Limits {
    /// The lower one of each.
    pub(crate) fn and(&self, time: Option<Duration>, memory: Option<usize>) -> Limits {
        let (time, memory) = (lower(self.time, time), lower(self.memory, memory));
        Limits { time, memory, ..self.clone() }
    }
}

impl Default for Limits {
    /// What holds where the host says nothing.
    fn default() -> Self {
        // A time limit switches LuaJIT's compiler off: who chose it chose the compiler.
        let time = (!cfg!(feature = "luajit")).then_some(Duration::from_secs(5));
        Limits { time, memory: Some(256 << 20), signal: LimitSignal::Automatic, total: None }
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
        let check = |(time, memory), (other, more)| {
            let limits = Limits { time, memory, ..Limits::default() }.and(other, more);
            assert_eq!((limits.time, limits.memory), (ms(500), Some(1 << 20)));
        };
        check((ms(500), None), (ms(700), Some(1 << 20)));
        check((ms(700), Some(1 << 20)), (ms(500), None));
        check((ms(500), Some(1 << 20)), (None, None));
    }
}
