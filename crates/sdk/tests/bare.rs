//! A plugin that has nothing, and macros before a host is there.

use twinplug_sdk::prelude::*;
use twinplug_sdk::{log, testing};

#[plugin]
mod bare {}

#[test]
fn a_plugin_may_be_empty() {
    // Before: to standard output, and standard error.
    twinplug_sdk::println!("no host yet");
    log::error!("no host {}", "yet");

    let plugin = testing::Host::new().load(&bare::twinplug_plugin).unwrap();
    assert!(plugin.exports().is_empty());
    let error = plugin.on_pause().unwrap_err();
    assert_eq!(error.to_string(), "the plugin has no `on_pause`");
    twinplug_sdk::println!("{}", 1);
    log::trace!("{:?}", Some(2));
    assert_eq!(plugin.output(), "1\n");
    assert_eq!(plugin.log(), [(log::Level::Trace, "Some(2)".to_owned())]);
}
