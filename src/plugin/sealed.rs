//! What the host does with one load of a plugin, and nobody else.

use std::sync::Arc;

use twinplug_value::{Map, MapKey, Value};

use super::{Bound, Gate, Gone, Hook, Subscriber, Track};
use crate::error::Result;

/// A load is built, started, perhaps paused and resumed, and retired.
pub trait Implemented {
    /// Where an export is, for handles that follow the plugin through its loads.
    fn bind(&self, name: &str) -> Result<Bound>;

    /// Whether it exports that name. Quicker to deny than a lookup.
    fn has(&self, name: &str) -> bool;

    /// What counts the uses of its exports, if it matters whether one runs.
    fn track(&self) -> Option<Arc<Track>>;

    /// Those who have subscribed to an event of the host, in the order in which they did.
    fn subscribers(&self, event: &str) -> Vec<Subscriber>;

    /// Runs what the plugin does once it serves.
    fn start(&self) -> Result<()>;

    /// From here on no call of it runs, and none begins but by this thread, until it is retired
    /// or resumed. A call that waits does so, and does not come back before that.
    ///
    /// # Errors
    /// Calls have not ended in the time that this thread has; then all goes on. Whoever waits does
    /// so at the gate, which the caller opens in any case.
    fn pause(&self, gate: &Arc<Gate>) -> Result<()>;

    /// Calls go on.
    fn resume(&self);

    /// Calls a hook; what it gives, if the plugin has it.
    fn hook(&self, hook: Hook, args: &[Value]) -> Result<Option<Value>>;

    /// The values of its variables.
    fn variables(&self) -> Result<Vec<(String, Result<Value>)>>;

    /// Its private state, in one or more tables, by field.
    fn state(&self) -> Result<Vec<Map>>;

    /// Sets a field of that table of its private state; null takes it out.
    ///
    /// # Errors
    /// It takes no such value, or has no such field.
    fn set_state(&self, table: usize, field: &MapKey, value: &Value) -> Result<()>;

    /// Whether a call of it on this thread is inside of another plugin, where it keeps nobody out.
    fn is_out_here(&self) -> bool;

    /// How many bytes of memory it holds, where that is known: those of a script, which is asked
    /// unless it is busy.
    fn memory(&self) -> Option<usize>;

    /// What of it goes on though it was retired, in words, where there is such a thing.
    fn remains(&self) -> Option<String>;

    /// Ends this load, once its calls have ended: what was handed out answers that, and why.
    fn retire(&self, why: Gone) -> Result<()>;
}
