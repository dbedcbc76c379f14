//! [`Subscription`]: a handler of an event of the host.

use std::ffi::c_void;

use twinplug_abi::{self as abi};
use twinplug_value::{Callable, Params};

use crate::{Error, HostRef, Result, export};

/// A handler that [`HostRef::on`] has subscribed. It stays when this is dropped, and ends with the
/// plugin, or by [`off`](Subscription::off).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subscription {
    host: HostRef,
    number: i64,
}

impl HostRef {
    /// Has a function called at each event of that name, on whichever thread the host tells it.
    /// It takes the event's arguments: those that the host does not give are null, and what it
    /// gives beyond them is passed over. What it returns goes to the host; an error or a panic
    /// is told there as well.
    ///
    /// ```
    /// # use twinplug_sdk::prelude::*;
    /// # mod doors {
    /// # use twinplug_sdk::prelude::*;
    /// fn listen(host: &HostRef) -> Result<()> {
    ///     let knocks = host.on("knock", |name: String| format!("come in, {name}"))?;
    ///     // Until the door is locked.
    ///     host.on("lock", move || knocks.off())?;
    ///     Ok(())
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// The plugin was unloaded, or the host knows no events.
    pub fn on<P: Params, F: Callable<P>>(&self, event: &str, handler: F) -> Result<Subscription> {
        let events = self.events()?;
        let export = export::closure(handler);
        let answer = self.ask::<i64>(|context, arena, result| {
            // SAFETY: the event's name is borrowed until the service returns; handler and data are
            // those of a closure that was leaked, and `release` is for it.
            unsafe {
                (events.on)(
                    context,
                    event.as_ptr().cast(),
                    event.len(),
                    export.call,
                    export.data,
                    Some(release::<F>),
                    arena,
                    result,
                )
            }
        });
        match answer {
            Ok(number) => Ok(Subscription { host: *self, number }),
            Err(error) => {
                // SAFETY: the box that `closure` has leaked; the host has not kept it.
                drop(unsafe { Box::from_raw(export.data.cast::<F>()) });
                Err(error)
            }
        }
    }

    fn events(self) -> Result<&'static abi::Events> {
        let table = self.service(abi::SERVICE_EVENTS).cast::<abi::Events>();
        // SAFETY: null, or the table of that id, which lives as long as this image.
        unsafe { table.as_ref() }.ok_or_else(|| Error::new("the host has no events"))
    }
}

impl Subscription {
    /// Ends it. A call of the handler that runs goes on.
    ///
    /// # Errors
    /// The plugin was unloaded, with which it has ended.
    pub fn off(&self) -> Result<()> {
        let events = self.host.events()?;
        self.host.ask(|context, arena, result| {
            // SAFETY: the number is one of the context's.
            unsafe { (events.off)(context, self.number, arena, result) }
        })
    }
}

/// Drops a handler that nobody calls any more.
unsafe extern "C" fn release<F>(data: *mut c_void) {
    // SAFETY: the box of `on`, which the host gives up once.
    let handler = unsafe { Box::from_raw(data.cast::<F>()) };
    // What it says has nobody to go to.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(handler)));
}
