//! An event of the host, for all plugins that have subscribed to it.

use twinplug_value::{Args, Value};

use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};

/// Tells each subscriber, one after the other, in load order and, of one plugin, in the order in
/// which it has subscribed.
pub(crate) fn emit(
    registry: &Registry,
    event: &str,
    args: impl Args,
) -> Vec<(PluginRef, Result<Value>)> {
    let args = args.to_values().map_err(Error::from);
    let args = args.map_err(|error| error.context(format_args!("event `{event}`")));
    let mut results = Vec::new();
    for plugin in registry.with_layers() {
        // Asked when it is its turn: an earlier one may have unloaded it.
        for subscriber in plugin.current().subscribers(event) {
            let told = match &args {
                Ok(args) => subscriber.tell(args),
                Err(error) => Err(error.clone().in_plugin(plugin.name())),
            };
            let is_stale = told.as_ref().is_err_and(|error| error.kind() == ErrorKind::Stale);
            if is_stale && !registry.has(&plugin) {
                break;
            }
            if let Some(result) = told.transpose() {
                results.push((plugin.clone(), result));
            }
        }
    }
    results
}
