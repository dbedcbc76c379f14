//! Who is told of the host's events.

use twinplug_value::Value;

use crate::error::{Error, Result};

/// One subscription of a plugin to an event. It belongs to that load of the plugin.
pub struct Subscriber(Box<Handle>);

type Handle = dyn Fn(&[Value]) -> Result<Option<Value>>;

impl Subscriber {
    /// What it runs gives no value where the subscription has ended meanwhile.
    pub(crate) fn new(
        plugin: &str,
        event: &str,
        handle: impl Fn(&[Value]) -> Result<Option<Value>> + 'static,
    ) -> Subscriber {
        let (plugin, event) = (plugin.to_owned(), event.to_owned());
        let named = move |error: Error| {
            error.context(format_args!("event `{event}`")).of_symbol(&event).in_plugin(&plugin)
        };
        Subscriber(Box::new(move |args| handle(args).map_err(&named)))
    }

    /// Tells it, and gives what its handler has returned; `None` where it has ended.
    pub(crate) fn tell(&self, args: &[Value]) -> Result<Option<Value>> {
        (self.0)(args)
    }
}
