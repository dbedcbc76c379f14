//! Both sides several times over, since single VMs differ.

use super::by_mlua::ByMlua;
use super::ours::Ours;
use crate::measure::{Effort, median_pair};

const COUNT: usize = 7;

pub(crate) struct Pairs(Vec<(Ours, ByMlua)>);

impl Pairs {
    pub(crate) fn new() -> Self {
        Self::beside(ByMlua::new)
    }

    /// Ours, and what the closure makes.
    pub(crate) fn beside(mut theirs: impl FnMut() -> ByMlua) -> Self {
        // Who comes first takes turns.
        let pair = |number| match number % 2 {
            0 => (Ours::new(), theirs()),
            _ => {
                let theirs = theirs();
                (Ours::new(), theirs)
            }
        };
        Pairs((0..COUNT).map(pair).collect())
    }

    /// What both sides take for their work.
    pub(crate) fn compare<'p, O, T>(
        &'p self,
        effort: Effort,
        ours: impl Fn(&'p Ours) -> O,
        theirs: impl Fn(&'p ByMlua) -> T,
    ) -> (f64, f64)
    where
        O: FnMut(u64) -> u64,
        T: FnMut(u64) -> u64,
    {
        self.each(effort, |effort, side, other| effort.compare(ours(side), theirs(other)))
    }

    /// What the closure measures, of each pair.
    pub(crate) fn each<'p>(
        &'p self,
        effort: Effort,
        measure: impl Fn(Effort, &'p Ours, &'p ByMlua) -> (f64, f64),
    ) -> (f64, f64) {
        let effort = effort.divided(5);
        median_pair(self.0.iter().map(|(ours, theirs)| measure(effort, ours, theirs)))
    }
}
