//! Measures two sides in turn, in one run, and takes medians.

use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// How often each side has its turn.
    turns: usize,
    /// How long a turn takes about.
    turn: Duration,
}

impl Effort {
    /// Turns of a whole measurement.
    const WHOLE: usize = 61;

    /// What the environment asks for: `TWINPLUG_BENCH_QUICK` for a look.
    pub(crate) fn asked() -> Self {
        match std::env::var_os("TWINPLUG_BENCH_QUICK") {
            Some(_) => Effort { turns: 15, turn: Duration::from_millis(4) },
            None => Effort { turns: Self::WHOLE, turn: Duration::from_millis(10) },
        }
    }

    /// Whether it is more than a look: what takes long may be measured too.
    pub(crate) fn is_full(self) -> bool {
        self.turns == Self::WHOLE
    }

    /// How often something long is done.
    pub(crate) fn turns(self) -> usize {
        self.turns
    }

    /// A part of it, for one of several that make a row.
    pub(crate) fn divided(self, by: usize) -> Self {
        Effort { turns: self.turns.div_ceil(by), ..self }
    }

    /// With turns so many times as long, for what takes a while to begin.
    pub(crate) fn longer(self, times: u32) -> Self {
        Effort { turn: self.turn * times, ..self }
    }

    /// Nanoseconds of one repetition, of each side. A side does its work so many
    /// times, and answers a sum over the results, which must be the same on both.
    pub(crate) fn compare(
        self,
        mut ours: impl FnMut(u64) -> u64,
        mut theirs: impl FnMut(u64) -> u64,
    ) -> (f64, f64) {
        let repetitions = self.repetitions(&mut ours).max(self.repetitions(&mut theirs));
        self.compare_at(repetitions, ours, theirs)
    }

    /// As [`compare`](Self::compare), with so many repetitions a turn.
    pub(crate) fn compare_at(
        self,
        repetitions: u64,
        mut ours: impl FnMut(u64) -> u64,
        mut theirs: impl FnMut(u64) -> u64,
    ) -> (f64, f64) {
        let mut times = (Vec::new(), Vec::new());
        for turn in 0..self.turns {
            // Who begins takes turns too.
            let (first, second) = if turn % 2 == 0 {
                let first = timed(&mut ours, repetitions);
                (first, timed(&mut theirs, repetitions))
            } else {
                let second = timed(&mut theirs, repetitions);
                (timed(&mut ours, repetitions), second)
            };
            assert_eq!(first.1, second.1, "the sides compute different results");
            times.0.push(first.0);
            times.1.push(second.0);
        }
        (median(times.0), median(times.1))
    }

    /// Nanoseconds of one repetition of what has nobody to compare with; `expected` is
    /// the sum that so many of them make.
    pub(crate) fn alone(
        self,
        mut work: impl FnMut(u64) -> u64,
        expected: impl FnOnce(u64) -> u64,
    ) -> f64 {
        let repetitions = self.repetitions(&mut work);
        let expected = expected(repetitions);
        let turn = |_| {
            let (time, sum) = timed(&mut work, repetitions);
            assert_eq!(sum, expected, "the work computes something else");
            time
        };
        median((0..self.turns).map(turn).collect())
    }

    /// How many repetitions fill a turn.
    pub(crate) fn repetitions(self, work: &mut impl FnMut(u64) -> u64) -> u64 {
        let mut repetitions = 1;
        loop {
            let start = Instant::now();
            work(repetitions);
            let taken = start.elapsed();
            if taken >= self.turn / 4 {
                let whole = repetitions as f64 * self.turn.as_secs_f64() / taken.as_secs_f64();
                return (whole as u64).max(1);
            }
            repetitions *= 2;
        }
    }
}

fn timed(work: &mut impl FnMut(u64) -> u64, repetitions: u64) -> (f64, u64) {
    let start = Instant::now();
    let sum = work(repetitions);
    (start.elapsed().as_nanos() as f64 / repetitions as f64, sum)
}

/// The pair whose ratio is the median, where there are several of each side: where in memory
/// a VM comes to lie, and how its hashes fall, makes it a little quicker or slower.
pub(crate) fn median_pair(pairs: impl Iterator<Item = (f64, f64)>) -> (f64, f64) {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    pairs[pairs.len() / 2]
}

pub(crate) fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
