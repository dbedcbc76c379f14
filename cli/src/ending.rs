//! How what serves ends at Ctrl-C: plugins are unloaded, the last first. What that waits for is told,
//! and so is what a second Ctrl-C, which does not wait, leaves out.

use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak, mpsc};
use std::thread;
use std::time::Duration;

use twinplug::{Host, PluginRef};

use crate::building;
use crate::failure::Failure;
use crate::output;
use crate::running;

/// How long it takes until somebody wonders why nothing ends.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is done just now, and is still to be done, as those who do it and those who take Ctrl-C
/// know it.
#[derive(Clone, Default)]
pub(crate) struct Ending {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    host: Weak<Host>,
    /// The plugin that is being unloaded, which its host has forgotten.
    going: Option<PluginRef>,
    /// What runs, and has to end first.
    runs: Option<String>,
    /// How often that was another one.
    count: u64,
}

impl Ending {
    /// Whose plugins are there.
    pub(crate) fn set_host(&self, host: &Arc<Host>) {
        self.lock().host = Arc::downgrade(host);
    }

    /// Does what has to end before anything else can, with what it is for: `waiting for ..`.
    pub(crate) fn during<R>(&self, what: String, work: impl FnOnce() -> R) -> R {
        let before = self.set(Some(what));
        let done = work();
        self.set(before);
        done
    }

    fn set(&self, runs: Option<String>) -> Option<String> {
        let mut state = self.lock();
        state.count += 1;
        self.shared.changed.notify_all();
        mem::replace(&mut state.runs, runs)
    }

    /// Unloads all plugins. `call` is what runs of one and has to end first, if that is known.
    pub(crate) fn leave(
        &self,
        host: &Host,
        call: impl Fn(&PluginRef) -> Option<String>,
    ) -> Result<(), Failure> {
        for plugin in host.plugins().into_iter().rev() {
            let what = call(&plugin).unwrap_or_else(|| format!("plugin `{}` to go", plugin.name()));
            self.lock().going = Some(plugin.clone());
            let goes = format!("plugin `{}`, as it was unloaded", plugin.name());
            self.during(what, || running::during(goes, || host.unload(plugin)))?;
            self.lock().going = None;
        }
        host.flush_output();
        Ok(())
    }

    /// Ctrl-C: from here on what holds it up is told, once it has for a while.
    pub(crate) fn is_asked_for(&self) {
        let ending = self.clone();
        thread::spawn(move || ending.tell());
    }

    fn tell(&self) {
        let mut told = Vec::new();
        let mut state = self.lock();
        loop {
            let count = state.count;
            let same = |state: &mut State| state.count == count;
            let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, same);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            let runs = next.runs.clone().filter(|_| timeout.timed_out());
            // Whoever reads what is written may take their time.
            drop(next);
            if let Some(runs) = runs.filter(|runs| !told.contains(runs)) {
                output::note(&format!("waiting for {runs}: Ctrl-C once more ends at once"));
                told.push(runs);
            }
            state = self.lock();
        }
    }

    /// A second Ctrl-C: tells what is left out by that.
    pub(crate) fn is_cut_short(&self) {
        building::kill();
        let ending = self.clone();
        let (sender, told) = mpsc::channel();
        thread::spawn(move || {
            running::is_over();
            ending.tell_left();
            let _ = sender.send(());
        });
        // Whatever holds up that is no reason to stay.
        let _ = told.recv_timeout(PATIENCE);
    }

    fn tell_left(&self) {
        let (host, going) = {
            let state = self.lock();
            (state.host.upgrade(), state.going.clone())
        };
        let loaded = host.iter().flat_map(|host| host.plugins());
        let loaded = loaded.flat_map(|it| [vec![it.clone()], it.layers()].concat());
        let left =
            loaded.chain(going).filter(|plugin| plugin.descriptor().hooks.contains(&"on_unload"));
        let left: Vec<_> = left.map(|plugin| format!("`{}`", plugin.name())).collect();
        if !left.is_empty() {
            let left = left.join(", ");
            output::note(&format!("ended at once: `on_unload` of {left} has not run to its end"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
