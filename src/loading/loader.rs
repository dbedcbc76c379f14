//! Reads a located file, checks it, and hands it to its kind.

use std::path::Path;
use std::sync::{Arc, Weak};

use super::{Inspection, Located};
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Unread};
use crate::plugin::{HostContext, Plugin, PluginKind};

/// What a host allows native plugins that others may not.
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "it is about native plugins"))]
pub(crate) struct Allowance {
    /// How many images of plugins that are gone may stay mapped.
    pub(crate) kept_images: usize,
    /// Whether the process may hold more than one Go runtime.
    pub(crate) several_go_runtimes: bool,
}

impl Default for Allowance {
    /// More kept images than a day of edits needs, and an end to a loop.
    fn default() -> Self {
        Allowance { kept_images: 1024, several_go_runtimes: false }
    }
}

/// Loads files, and remembers what of them is mapped.
pub(crate) struct Loader {
    #[cfg(feature = "native")]
    pub(crate) images: crate::native::Images,
}

impl Loader {
    #[cfg(feature = "native")]
    pub(crate) fn new(allowance: &Allowance) -> Self {
        use crate::native::{GoRuntimes, Images};
        let go_runtimes = match allowance.several_go_runtimes {
            true => GoRuntimes::Several,
            false => GoRuntimes::One,
        };
        Loader { images: Images::new(allowance.kept_images, go_runtimes) }
    }

    #[cfg(not(feature = "native"))]
    pub(crate) fn new(_: &Allowance) -> Self {
        Loader {}
    }

    /// Loads a located file.
    pub(crate) fn load(
        &self,
        located: &Located,
        host: Weak<HostContext>,
    ) -> Result<Arc<dyn Plugin>> {
        let bytes = read(&located.path)?;
        let loaded: Result<Arc<dyn Plugin>> = match located.kind {
            PluginKind::Lua => load_lua(located, &bytes, host),
            PluginKind::Native => self.load_native(located, bytes, host),
        };
        loaded.map_err(|error| cannot_load(&located.path, error))
    }

    #[cfg(feature = "native")]
    fn load_native(
        &self,
        located: &Located,
        bytes: Vec<u8>,
        host: Weak<HostContext>,
    ) -> Result<Arc<dyn Plugin>> {
        let checked = crate::native::check(bytes, origin(located))?;
        Ok(Arc::new(crate::native::load(&located.path, &checked, host, &self.images)?))
    }

    #[cfg(not(feature = "native"))]
    fn load_native(
        &self,
        _: &Located,
        _: Vec<u8>,
        _: Weak<HostContext>,
    ) -> Result<Arc<dyn Plugin>> {
        Err(without("native plugins", "native"))
    }
}

/// Checks a located file without running any of its code.
pub(crate) fn inspect(located: &Located) -> Result<Inspection> {
    let bytes = read(&located.path)?;
    let inspected = match located.kind {
        PluginKind::Lua => inspect_lua(located, bytes),
        PluginKind::Native => inspect_native(located, bytes),
    };
    inspected.map_err(|error| cannot_load(&located.path, error))
}

#[cfg(feature = "_lua")]
fn load_lua(located: &Located, text: &[u8], host: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
    let Located { path, name, version, .. } = located;
    let origin =
        crate::lua::Origin { path: path.clone(), name: name.clone(), version: version.clone() };
    Ok(Arc::new(crate::lua::load(origin, text, host)?))
}

#[cfg(feature = "_lua")]
fn inspect_lua(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    let Located { path, name, version, kind, .. } = located;
    crate::lua::check(path, &bytes)?;
    Ok(Inspection {
        path: path.clone(),
        kind: *kind,
        name: name.clone(),
        version: version.clone(),
        abi: None,
        exports: None,
        hazards: Vec::new(),
        bytes,
    })
}

#[cfg(feature = "native")]
fn inspect_native(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    let checked = crate::native::check(bytes, origin(located))?;
    let mut hazards: Vec<String> = checked.hazards.iter().map(|&hazard| hazard.into()).collect();
    hazards.extend(checked.dependencies.hazards(origin(located)));
    Ok(Inspection {
        path: located.path.clone(),
        kind: located.kind,
        name: checked.name,
        version: Some(checked.version),
        abi: Some(checked.abi),
        exports: checked.exports.map(|exports| {
            let public = exports.into_iter().filter(|declared| !declared.private);
            public.map(|declared| declared.export).collect()
        }),
        hazards,
        bytes: checked.bytes,
    })
}

/// What `$ORIGIN` stands for. As the system sees it, a link's folder is the one that the
/// link is in.
#[cfg(feature = "native")]
fn origin(located: &Located) -> &Path {
    located.path.parent().unwrap_or(Path::new(""))
}

#[cfg(not(feature = "_lua"))]
fn load_lua(_: &Located, _: &[u8], _: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
    Err(without("Lua plugins", "lua54"))
}

#[cfg(not(feature = "_lua"))]
fn inspect_lua(_: &Located, _: Vec<u8>) -> Result<Inspection> {
    Err(without("Lua plugins", "lua54"))
}

#[cfg(not(feature = "native"))]
fn inspect_native(_: &Located, _: Vec<u8>) -> Result<Inspection> {
    Err(without("native plugins", "native"))
}

#[cfg(not(all(feature = "_lua", feature = "native")))]
fn without(what: &str, feature: &str) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("this host was built without {what}: switch on the Cargo feature `{feature}`"),
    )
}

fn read(path: &Path) -> Result<Vec<u8>> {
    file::read(path).map_err(|unread| match unread {
        Unread::Io(error) => Error::io("read", path, error),
        Unread::Unfit(what) => {
            cannot_load(path, Error::new(ErrorKind::Refused, format!("it is {what}")))
        }
    })
}

fn cannot_load(path: &Path, error: Error) -> Error {
    error.context(format_args!("cannot load `{}`", path.display()))
}
