//! The plugin {{name}}: what the module `plugin` marks is what it exports.

use twinplug_sdk::prelude::*;

#[plugin]
mod plugin {
    /// Greets.
    #[func]
    fn hello(name: &str) -> String {
        format!("Hello, {name}!")
    }
}

#[cfg(test)]
mod tests {
    use twinplug_sdk::testing::Host;

    use super::*;

    #[test]
    fn greets() -> Result<()> {
        let plugin = Host::new().load(&plugin::twinplug_plugin)?;
        assert_eq!(plugin.call::<String>("hello", ("world",))?, "Hello, world!");
        Ok(())
    }
}
