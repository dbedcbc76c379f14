//! `Host::definitions`: what editors have to know of a host.

use std::collections::BTreeMap;

use super::Host;
use crate::definitions::Definitions;

impl Host {
    /// What an editor has to know to complete and check the scripts of this host: its
    /// functions and channels, and the plugins that are loaded now, of either kind; of
    /// several versions of one name the newest, as `host.plugin(name)` gives it.
    ///
    /// ```
    /// let host = twinplug::Host::builder()
    ///     .function("world.scale", |x: f64, by: Option<i64>| x * by.unwrap_or(2) as f64)
    ///     .build()?;
    /// let definitions = host.definitions();
    /// let expected = "
    /// do
    ///   ---@class host.world
    ///   local group = {}
    ///
    ///   ---@param arg1 number
    ///   ---@param arg2? integer
    ///   ---@return number
    ///   function group.scale(arg1, arg2) end
    /// end
    /// ";
    /// assert!(definitions.file("host.lua").unwrap().contains(expected));
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let types = folder.path().join("types");
    ///
    /// definitions.write_to(&types)?;      // where `workspace.library` of `.luarc.json` points
    /// assert!(types.join("host.lua").is_file());
    /// # Ok::<(), twinplug::Error>(())
    /// ```
    #[must_use]
    pub fn definitions(&self) -> Definitions {
        let mut newest = BTreeMap::new();
        for plugin in self.plugins() {
            // It may be gone again.
            if let Ok(plugin) = self.plugin(plugin.name()) {
                newest.insert(plugin.name().to_owned(), plugin.descriptor());
            }
        }
        Definitions::new(&self.context, &newest)
    }
}
