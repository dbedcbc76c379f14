//! [`Grants`]: which permissions a host grants to which plugins.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Permission, permission_list};

/// What the host grants. Nothing, unless it says so.
#[derive(Clone, Default)]
pub(crate) struct Grants {
    all: BTreeSet<Permission>,
    by_plugin: BTreeMap<String, BTreeSet<Permission>>,
}

impl Grants {
    /// Grants it to every plugin that asks for it.
    pub(crate) fn allow(&mut self, permission: Permission) {
        self.all.insert(permission);
    }

    /// Grants it to the plugin of that name, if it asks for it.
    pub(crate) fn allow_for(&mut self, plugin: &str, permission: Permission) {
        self.by_plugin.entry(plugin.to_owned()).or_default().insert(permission);
    }

    /// Whether a plugin gets all that it asks for.
    ///
    /// # Errors
    /// It does not; the message names what is missing.
    pub(super) fn check(&self, plugin: &str, asked: &BTreeSet<Permission>) -> Result<()> {
        let own = self.by_plugin.get(plugin);
        let is_granted = |permission: &Permission| {
            self.all.contains(permission) || own.is_some_and(|own| own.contains(permission))
        };
        let missing: Vec<_> = asked.iter().copied().filter(|asked| !is_granted(asked)).collect();
        let [first, others @ ..] = &missing[..] else { return Ok(()) };
        let (what, which) = match others {
            [] => ("permission", "it"),
            _ => ("permissions", "them"),
        };
        let message = format!(
            "plugin `{plugin}` asks for the {what} {}, and the host does not grant {which}: if you \
             trust the plugin, grant {which} with `HostBuilder::allow(\"{first}\")`, or \
             `--allow {first}` of the command",
            permission_list(&missing)
        );
        Err(Error::new(ErrorKind::Refused, message))
    }
}
