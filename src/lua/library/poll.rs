//! How our own loops learn that the call which runs them is over.

/// So many steps are made between two looks; some ten microseconds.
const STEPS: u32 = 4096;

/// Whether the call that this thread runs is over, and what it still does is for nothing.
pub(super) fn called_off() -> bool {
    crate::lua::limits::is_due()
}

/// The call is over: the loop ends at once, and nobody will see its result.
pub(in crate::lua) struct CalledOff;

/// Counts the steps of a loop.
pub(in crate::lua) struct Poll {
    left: u32,
}

impl Poll {
    pub(in crate::lua) fn new() -> Poll {
        Poll { left: STEPS }
    }

    /// Counts so many steps.
    #[inline]
    pub(in crate::lua) fn step(&mut self, steps: usize) -> Result<(), CalledOff> {
        match u32::try_from(steps).ok().and_then(|steps| self.left.checked_sub(steps)) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => self.look(),
        }
    }

    /// Looks now: for steps that may themselves take long.
    #[cold]
    pub(in crate::lua) fn look(&mut self) -> Result<(), CalledOff> {
        self.left = STEPS;
        if called_off() { Err(CalledOff) } else { Ok(()) }
    }
}
