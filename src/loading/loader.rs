//! Reads a located file, checks it, and hands it to its kind.

#[cfg(feature = "native")]
use std::collections::HashSet;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

#[cfg(feature = "native")]
use parking_lot::Mutex;
use twinplug_value::{Map, Value};

use super::grants::Grants;
use super::manifest::Manifest;
use super::search::cannot_load;
use super::{Bundle, Inspection, Located, Trust, Trusted};
use crate::error::{Error, ErrorKind, Result};
use crate::file::Reads;
use crate::plugin::{
    Base, Gone, HostContext, Limits, Origin, Over, Permission, Plugin, PluginKind, Track,
    check_name,
};

/// How scripts call functions of the host.
#[cfg(feature = "_lua")]
pub(crate) type Scripts = crate::lua::Entries;
#[cfg(not(feature = "_lua"))]
pub(crate) type Scripts = ();

/// What a host allows native plugins that others may not.
#[derive(Clone)]
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

/// What the host says of the plugins that it loads.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    /// Where scripts find modules that are not beside them.
    pub(crate) lua_path: Vec<PathBuf>,
    /// Configuration by the plugin's name; it goes before a manifest's.
    pub(crate) config: BTreeMap<String, Map>,
    /// What scripts may use; a manifest can lower it.
    pub(crate) limits: Limits,
    /// What scripts get beyond the sandbox, if they ask for it.
    pub(crate) grants: Grants,
    /// Which files may be loaded.
    pub(crate) trust: Trust,
}

impl Settings {
    /// Adds to the configuration of a plugin.
    pub(crate) fn configure(&mut self, plugin: &str, config: &Map) {
        lay_over(self.config.entry(plugin.to_owned()).or_default(), config);
    }
}

/// Where a plugin comes into: what the loader has from the host that it loads for.
pub(crate) struct Into<'h> {
    pub(crate) host: Weak<HostContext>,
    /// What counts the uses of the plugin that it is to take over from.
    pub(crate) track: Option<&'h Arc<Track>>,
    /// Finds what a layer lies over.
    pub(crate) base: &'h dyn Fn(&Over) -> Result<Arc<dyn Base>>,
}

/// Loads files, and remembers what of them is mapped.
pub(crate) struct Loader {
    settings: Settings,
    /// What was told of: that a group can change it.
    #[cfg(feature = "native")]
    shared: Mutex<HashSet<PathBuf>>,
    #[cfg(feature = "native")]
    pub(crate) images: crate::native::Images,
}

impl Loader {
    #[cfg(feature = "native")]
    pub(crate) fn new(allowance: &Allowance, settings: Settings) -> Self {
        use crate::native::{GoRuntimes, Images};
        let go_runtimes = match allowance.several_go_runtimes {
            true => GoRuntimes::Several,
            false => GoRuntimes::One,
        };
        let images = Images::new(allowance.kept_images, go_runtimes);
        Loader { settings, shared: Mutex::default(), images }
    }

    #[cfg(not(feature = "native"))]
    pub(crate) fn new(_: &Allowance, settings: Settings) -> Self {
        Loader { settings }
    }

    /// Reads a located file, if it is trusted.
    ///
    /// # Errors
    /// It cannot be read, or is not.
    pub(crate) fn read(&self, located: &Located) -> Result<Trusted> {
        self.settings.trust.read(located)
    }

    /// Builds what a located file is, which holds that, under the name that the host gives it, if
    /// it gives one: [`start`] follows.
    pub(crate) fn build(
        &self,
        located: &Located,
        given: Option<&str>,
        (file, reads): (Trusted, &Arc<Reads>),
        into: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        let origin = located.origin(given);
        let built = match located.kind {
            PluginKind::Lua => self.build_lua(located, origin, (&file.bytes, reads), into),
            PluginKind::Native => self.build_native(located, origin, file, into),
        };
        built.map_err(|error| cannot_load(&located.path, error))
    }

    /// Builds a script from memory.
    pub(crate) fn build_bundle(&self, bundle: &Bundle, into: Into<'_>) -> Result<Arc<dyn Plugin>> {
        let path = bundle.path.clone();
        self.run_bundle(bundle, into).map_err(|error| cannot_load(&path, error))
    }

    #[cfg(feature = "_lua")]
    fn build_lua(
        &self,
        located: &Located,
        origin: Origin,
        (text, reads): (&[u8], &Arc<Reads>),
        into: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        use crate::lua::{Place, Script};
        let places = self.places(Place::Folder(located.modules()));
        let limits = self.limits(&located.manifest);
        let reads = Arc::clone(reads);
        let vet = self.settings.trust.vet();
        let script = Script { chunk: file_name(&located.path), text, places, vet, limits, reads };
        self.run(origin, script, into)
    }

    #[cfg(feature = "_lua")]
    fn run_bundle(&self, bundle: &Bundle, into: Into<'_>) -> Result<Arc<dyn Plugin>> {
        use crate::lua::{Place, Script};
        let places = self.places(Place::Memory(bundle.folder(), bundle.files.clone()));
        let limits = self.limits(&bundle.manifest);
        let (chunk, reads) = (bundle.chunk.clone(), Arc::default());
        let vet = self.settings.trust.vet();
        let script = Script { chunk, text: &bundle.text, places, vet, limits, reads };
        self.run(bundle.origin(), script, into)
    }

    #[cfg(feature = "_lua")]
    fn run(
        &self,
        mut origin: Origin,
        script: crate::lua::Script<'_>,
        Into { host, base, .. }: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        let head = script.head(&origin.path)?;
        head.tell(&mut origin)?;
        let name = origin.name().to_owned();
        self.configure(&mut origin, &name);
        self.settings.grants.check(&name, &origin.permissions)?;
        check_requirements(&origin, &host)?;
        if origin.over.is_none() && origin.on_fault.is_some() {
            return Err(lies_over_nothing());
        }
        let base =
            origin.over.as_ref().map(base).transpose().map_err(|error| match &head.over {
                Some(over) => error.with_location(&origin.path, over.line),
                None => error,
            })?;
        let plugin: Arc<dyn Plugin> = Arc::new(crate::lua::load(&origin, script, host, base)?);
        let own = &plugin.descriptor().name;
        if *own != name && self.settings.config.contains_key(own) {
            plugin.retire(Gone::Unloaded)?;
            let message = format!(
                "the host configures `{own}`, and only its body says that it is that: put \
                 `name = \"{own}\"` into its manifest"
            );
            return Err(Error::new(ErrorKind::Refused, message));
        }
        Ok(plugin)
    }

    /// The host's limits and a manifest's: the lower ones.
    #[cfg(feature = "_lua")]
    fn limits(&self, manifest: &Manifest) -> Limits {
        self.settings.limits.and(manifest.limits.time, manifest.limits.memory)
    }

    /// Where modules are: the plugin's own first.
    #[cfg(feature = "_lua")]
    fn places(&self, own: crate::lua::Place) -> Vec<crate::lua::Place> {
        let shelves = self.settings.lua_path.iter().cloned().map(crate::lua::Place::Shelf);
        std::iter::once(own).chain(shelves).collect()
    }

    #[cfg(not(feature = "_lua"))]
    fn run_bundle(&self, _: &Bundle, _: Into<'_>) -> Result<Arc<dyn Plugin>> {
        Err(without("Lua plugins", "lua54"))
    }

    #[cfg(not(feature = "_lua"))]
    fn build_lua(
        &self,
        _: &Located,
        _: Origin,
        _: (&[u8], &Arc<Reads>),
        _: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        Err(without("Lua plugins", "lua54"))
    }

    /// Lays the host's configuration of that plugin over the manifest's.
    fn configure(&self, origin: &mut Origin, name: &str) {
        if let Some(config) = self.settings.config.get(name) {
            lay_over(&mut origin.config, config);
        }
    }

    #[cfg(feature = "native")]
    fn build_native(
        &self,
        located: &Located,
        mut origin: Origin,
        Trusted { bytes, shared }: Trusted,
        Into { host, track, .. }: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        refuse_layer(&origin)?;
        let mut checked = crate::native::check(bytes, folder(located))?;
        self.tell_shared(&located.path, shared.iter().chain(&checked.shared));
        checked.unload = located.manifest.unload.unwrap_or(checked.unload);
        let name = origin.settle_name(Some(checked.name.clone()))?;
        // Native code may do all that its host may. But whoever puts it in a script's place
        // changes nothing else, and whoever was asked is asked of both.
        self.settings.grants.check(&name, &origin.permissions)?;
        check_requirements(&origin, &host)?;
        self.configure(&mut origin, &name);
        let track = track.cloned();
        Ok(Arc::new(crate::native::load(&origin, &checked, host, &self.images, track)?))
    }

    /// Tells once of each file and folder that a group can change.
    #[cfg(feature = "native")]
    fn tell_shared<'s>(&self, plugin: &Path, shared: impl Iterator<Item = &'s PathBuf>) {
        for path in shared {
            if self.shared.lock().insert(path.clone()) {
                tracing::warn!(
                    "`{}` is writable by its group, who decide what is loaded as `{}`: `chmod g-w` \
                     it, unless all of them may",
                    path.display(),
                    plugin.display()
                );
            }
        }
    }

    #[cfg(not(feature = "native"))]
    fn build_native(
        &self,
        _: &Located,
        _: Origin,
        _: Trusted,
        _: Into<'_>,
    ) -> Result<Arc<dyn Plugin>> {
        Err(without("native plugins", "native"))
    }
}

/// Has a plugin that was built begin to serve.
pub(crate) fn start(path: &Path, plugin: Arc<dyn Plugin>) -> Result<Arc<dyn Plugin>> {
    if let Err(error) = plugin.start() {
        // What it has handed out answers that it is gone.
        plugin.retire(Gone::Unloaded)?;
        return Err(cannot_load(path, error));
    }
    Ok(plugin)
}

/// Whether what a plugin needs is loaded: its code may use it from the first line on.
fn check_requirements(origin: &Origin, host: &Weak<HostContext>) -> Result<()> {
    let [first, ..] = &origin.requires[..] else { return Ok(()) };
    let gone = || Error::new(ErrorKind::Stale, format!("no host to look for `{}`", first.name));
    let plugins = host.upgrade().ok_or_else(gone)?.plugins()?;
    origin.requires.iter().try_for_each(|requirement| {
        plugins.required(requirement).map(drop).map_err(|missing| {
            let next = "load it first, or both with `Host::load_dir` (`--with` of the command)";
            Error::new(ErrorKind::Refused, format!("{}: {next}", missing.message()))
        })
    })
}

/// A layer is laid over others, and is a script: it is what is edited.
#[cfg(feature = "native")]
fn refuse_layer(origin: &Origin) -> Result<()> {
    let Some(over) = &origin.over else { return Ok(()) };
    let message = format!(
        "its manifest says that it is over `{}`, and a layer is a script: leave that out, or put a \
         script in its place",
        over.plugin
    );
    Err(Error::new(ErrorKind::Refused, message))
}

#[cfg(feature = "_lua")]
fn lies_over_nothing() -> Error {
    let message =
        "its manifest says `on_fault`, and it is a layer over nothing: say `over` as well";
    Error::new(ErrorKind::Refused, message)
}

/// Checks a located file, which holds that, without running any of its code.
pub(super) fn inspect(located: &Located, Trusted { bytes, .. }: Trusted) -> Result<Inspection> {
    let inspected = match located.kind {
        PluginKind::Lua => inspect_lua(located, bytes),
        PluginKind::Native => inspect_native(located, bytes),
    };
    inspected.map_err(|error| cannot_load(&located.path, error))
}

#[cfg(feature = "_lua")]
fn inspect_lua(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    let Located { path, kind, .. } = located;
    let mut origin = located.origin(None);
    let head = crate::lua::check(path, &file_name(path), &bytes)?;
    head.tell(&mut origin)?;
    check_name(origin.name()).map_err(|fault| Error::new(ErrorKind::Load, fault))?;
    Ok(Inspection {
        path: path.clone(),
        kind: *kind,
        name: origin.name().to_owned(),
        version: origin.version().cloned(),
        abi: None,
        exports: None,
        requires: origin.requires,
        permissions: names(&origin.permissions),
        over: origin.over.map(|over| over.plugin),
        hazards: Vec::new(),
        unmet: Vec::new(),
        doubts: crate::lua::doubt(&bytes).into_iter().collect(),
        bytes,
    })
}

#[cfg(feature = "native")]
fn inspect_native(located: &Located, bytes: Vec<u8>) -> Result<Inspection> {
    refuse_layer(&located.origin(None))?;
    let checked = crate::native::check(bytes, folder(located))?;
    let mut hazards: Vec<String> = checked.hazards.iter().map(|&hazard| hazard.into()).collect();
    let of_libraries = checked.dependencies.hazards(folder(located));
    hazards.extend(of_libraries.all);
    let own = located.origin(None);
    Ok(Inspection {
        path: located.path.clone(),
        kind: located.kind,
        name: own.settle_name(Some(checked.name))?,
        version: Some(own.settle_version(Some(checked.version))?),
        abi: Some(checked.abi),
        exports: checked.exports.or(checked.told).map(|exports| {
            let public = exports.into_iter().filter(|declared| !declared.private);
            public.map(|declared| declared.export).collect()
        }),
        requires: own.requires.clone(),
        permissions: names(&own.permissions),
        over: None,
        hazards,
        unmet: of_libraries.unmet,
        doubts: Vec::new(),
        bytes: checked.bytes,
    })
}

/// What `$ORIGIN` stands for. As the system sees it, a link's folder is the one that the
/// link is in.
#[cfg(feature = "native")]
pub(super) fn folder(located: &Located) -> &Path {
    located.path.parent().unwrap_or(Path::new(""))
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

fn names(permissions: &BTreeSet<Permission>) -> Vec<String> {
    permissions.iter().map(Permission::to_string).collect()
}

/// Key by key, also in the maps that both have.
fn lay_over(config: &mut Map, over: &Map) {
    for (key, value) in over {
        match (config.get_mut(key), value) {
            (Some(Value::Map(config)), Value::Map(over)) => lay_over(config, over),
            _ => drop(config.insert(key.clone(), value.clone())),
        }
    }
}

/// What Lua's messages call a script.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
