//! `Host::emit`, and who has subscribed.

#[cfg(feature = "native")]
mod native;
#[cfg(feature = "_lua")]
mod scripts;

use twinplug::{PluginRef, Value};

type Told = Vec<(PluginRef, twinplug::Result<Value>)>;

/// What was told, in its order: the plugins' names, and what their handlers gave or failed with.
#[track_caller]
fn check(told: Told, expected: &[(&str, Result<Value, &str>)]) {
    let told: Vec<_> = told
        .into_iter()
        .map(|(plugin, result)| {
            (plugin.name().to_owned(), result.map_err(|error| error.to_string()))
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(name, result)| {
            ((*name).to_owned(), result.clone().map_err(|error| error.to_owned()))
        })
        .collect();
    assert_eq!(told, expected);
}
