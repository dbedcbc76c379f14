//! The parts of a call that are not the script's: their time does not count.

use std::marker::PhantomData;

use super::record::{Record, Thread, record};
use crate::plugin::Turn;

/// A part of a call that does not run Lua.
pub(in crate::lua) struct Section {
    record: &'static Record,
    before: bool,
    _thread: PhantomData<*const ()>,
}

impl Section {
    /// Code of the host, whose time is not the plugin's.
    pub(in crate::lua) fn of_host() -> Section {
        Section::of_host_on(Thread::this())
    }

    /// The same, on this thread.
    #[inline(always)]
    pub(in crate::lua) fn of_host_on(thread: Thread) -> Section {
        let record = thread.record();
        let before = record.is_in_lua();
        record.show(false);
        Section { record, before, _thread: PhantomData }
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        if self.before {
            self.record.show_again();
        }
    }
}

/// The host's code runs within a call, and its time is not the plugin's.
pub(in crate::lua) const HOSTS_TURN: Turn = Turn {
    begin: || {
        let record = record();
        let before = record.is_in_lua();
        record.show(false);
        before
    },
    end: |before| drop(Section { record: record(), before, _thread: PhantomData }),
};
