//! Reads a located file, checks it, and hands it to its kind.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Weak};

use super::{Inspection, Located};
use crate::error::{Error, ErrorKind, Result};
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
        let checked = crate::native::check(bytes)?;
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

#[cfg(feature = "lua54")]
fn load_lua(located: &Located, text: &[u8], host: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
    let Located { path, name, version, .. } = located;
    let origin =
        crate::lua::Origin { path: path.clone(), name: name.clone(), version: version.clone() };
    Ok(Arc::new(crate::lua::load(origin, text, host)?))
}

#[cfg(feature = "lua54")]
fn inspect_lua(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    let Located { path, name, version, kind, .. } = located;
    let head = crate::lua::check(path, &bytes)?;
    let (name, version) = match head.plugin {
        Some(said) => (said.name, Some(said.version)),
        None => (name.clone(), version.clone()),
    };
    Ok(Inspection {
        path: path.clone(),
        kind: *kind,
        name,
        version,
        abi: None,
        exports: None,
        requires: head.requires,
        refusal: head.over.as_ref().map(|over| over.refusal()),
        over: head.over.map(|over| over.name),
        hazards: Vec::new(),
        bytes,
    })
}

#[cfg(feature = "native")]
fn inspect_native(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    let checked = crate::native::check(bytes)?;
    let mut hazards: Vec<String> = checked.hazards.iter().map(|&hazard| hazard.into()).collect();
    // As the system sees it, a link's folder is the one that the link is in.
    let origin = located.path.parent().unwrap_or(Path::new(""));
    hazards.extend(checked.dependencies.hazards(origin));
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
        requires: Vec::new(),
        over: None,
        refusal: None,
        hazards,
        bytes: checked.bytes,
    })
}

#[cfg(not(feature = "lua54"))]
fn load_lua(_: &Located, _: &[u8], _: Weak<HostContext>) -> Result<Arc<dyn Plugin>> {
    Err(without("Lua plugins", "lua54"))
}

#[cfg(not(feature = "lua54"))]
fn inspect_lua(_: &Located, _: Vec<u8>) -> Result<Inspection> {
    Err(without("Lua plugins", "lua54"))
}

#[cfg(not(feature = "native"))]
fn inspect_native(_: &Located, _: Vec<u8>) -> Result<Inspection> {
    Err(without("native plugins", "native"))
}

#[cfg(not(all(feature = "lua54", feature = "native")))]
fn without(what: &str, feature: &str) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!("this host was built without {what}: switch on the Cargo feature `{feature}`"),
    )
}

/// Larger files are refused unread.
const MAX_SIZE: u64 = 1 << 30;

fn read(path: &Path) -> Result<Vec<u8>> {
    let read = fs::File::open(path).and_then(|file| {
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        // Where there is no room for so much, reading fails for what it finds.
        let _ = bytes.try_reserve_exact(size.min(MAX_SIZE) as usize + 1);
        // A file that grows meanwhile is cut off there, and refused as that.
        file.take(size.min(MAX_SIZE + 1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    });
    let bytes = read.map_err(|error| Error::io("read", path, error))?;
    match bytes.len() as u64 > MAX_SIZE {
        true => Err(cannot_load(path, Error::new(ErrorKind::Refused, "it is larger than 1 GiB"))),
        false => Ok(bytes),
    }
}

fn cannot_load(path: &Path, error: Error) -> Error {
    error.context(format_args!("cannot load `{}`", path.display()))
}
