//! Layers: scripts that lie over a plugin, function by function.
//!
//! Each has a place (`Rung`) in the stack of the plugin below. What is looked up there is found in
//! the topmost layer that has it, then in the next, then in the plugin; a layer sees what lies below
//! it alone. Handles lead through the layer's own, which follows its reloads by itself: so only where
//! a layer begins or ceases to have a function do the plugin's handles change.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use parking_lot::Mutex;
use twinplug_value::{ExportType, Signature};

use super::feed::{Event, EventKind, Feed};
use super::slot::{Slot, Symbols};
use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{
    Base, Bound, Descriptor, Dynamic, EVENT, Export, Func, Gone, Layered, Over, Plugin, Report,
    Symbol, fit,
};

/// A layer's place over a plugin.
pub(super) struct Rung {
    pub(super) base: Weak<Slot>,
    /// Once it is there.
    layer: OnceLock<Weak<Slot>>,
    /// Whether it serves.
    is_laid: AtomicBool,
    /// Whether the layer has gone: nobody looks below it any more.
    pub(super) is_over: AtomicBool,
    /// What the layer, or a call of it that has failed, finds below it.
    pub(super) links: Mutex<Symbols>,
    /// The load that is about to take over in the layer: what that has not, it does not serve.
    next: Mutex<Option<Arc<dyn Plugin>>>,
    /// Of which of its loads faults were told, and of which functions.
    told: Mutex<(u64, HashSet<String>)>,
    feed: Arc<Feed>,
}

/// What a layer finds below it.
struct Below(Weak<Rung>);

impl Rung {
    pub(super) fn new(base: &PluginRef, feed: &Arc<Feed>) -> Arc<Rung> {
        Arc::new(Rung {
            base: Arc::downgrade(base.slot()),
            layer: OnceLock::new(),
            is_laid: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            links: Mutex::default(),
            next: Mutex::default(),
            told: Mutex::default(),
            feed: Arc::clone(feed),
        })
    }

    /// For the layer that has this place.
    pub(super) fn below(self: &Arc<Self>) -> Arc<dyn Base> {
        Arc::new(Below(Arc::downgrade(self)))
    }

    /// What it lies over.
    pub(super) fn base(&self) -> Result<Arc<Slot>> {
        self.base.upgrade().ok_or_else(|| Gone::Unloaded.error())
    }

    /// The layer, if it serves.
    pub(super) fn serving(&self) -> Option<Arc<Slot>> {
        let is_laid = self.is_laid.load(Ordering::SeqCst);
        self.layer.get().filter(|_| is_laid).and_then(Weak::upgrade)
    }

    /// A layer is there.
    pub(super) fn take(&self, layer: &Arc<Slot>) {
        let _ = self.layer.set(Arc::downgrade(layer));
    }

    /// Whether it serves from here on, once what is below is linked anew.
    pub(super) fn lay(&self, is_laid: bool) {
        self.is_laid.store(is_laid, Ordering::SeqCst);
    }

    /// Whether the layer has a function of that name, which it serves.
    pub(super) fn has(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    pub(super) fn links(&self) -> Vec<(String, Symbol)> {
        let links = self.links.lock();
        links.iter().map(|(name, symbol)| (name.clone(), symbol.clone())).collect()
    }

    /// What the layer does not have any more, once that load has taken over, is not looked for in it
    /// from now on.
    pub(super) fn prepare(&self, next: Option<&Arc<dyn Plugin>>) {
        *self.next.lock() = next.cloned();
    }

    /// The layer's function of that name.
    fn function(&self, name: &str) -> Option<(Arc<Slot>, Func<Dynamic>)> {
        let layer = self.serving()?;
        let stays = |next: &Arc<dyn Plugin>| matches!(next.bind(name), Ok(Bound::Func(_)));
        if !layer.generation.load().plugin.has(name) || !self.next.lock().as_ref().is_none_or(stays)
        {
            return None;
        }
        match layer.find(name) {
            Ok(Symbol::Func(function)) => Some((layer, function)),
            _ => None,
        }
    }

    /// Who is told of faults of a function.
    fn report(self: &Arc<Self>, name: &str) -> Report {
        let (rung, name) = (Arc::downgrade(self), name.to_owned());
        Arc::new(move |error| {
            if let Some(rung) = rung.upgrade() {
                rung.faulted(&name, error);
            }
        })
    }

    /// Tells of a fault: of a function of each load once.
    fn faulted(&self, name: &str, error: &Error) {
        let Some(layer) = self.serving() else { return };
        let number = layer.generation.load().number;
        let is_new = {
            let mut told = self.told.lock();
            if told.0 < number {
                *told = (number, HashSet::new());
            }
            told.0 == number && told.1.insert(name.to_owned())
        };
        if !is_new {
            return;
        }
        let error = error.clone().at_symbol(name).in_plugin(&layer.name);
        let (plugin, function) = (&*layer.name, name);
        tracing::warn!(target: EVENT, plugin, function, %error, "what lies below is called");
        let event =
            Event { error: Some(error), ..Event::of(EventKind::Faulted, &PluginRef::of(layer)) };
        self.feed.tell(&event);
    }
}

impl Base for Below {
    fn lookup(&self, name: &str) -> Result<Symbol> {
        let rung = self.0.upgrade().ok_or_else(|| Gone::Unloaded.error())?;
        rung.base()?.find_below(&rung, name)
    }
}

/// Where a name leads in a plugin that has these layers, the lowest first, and for itself leads
/// there; `below` gives what is called where one of them fails.
pub(super) fn bind(
    own: Result<Bound>,
    layers: &[Arc<Rung>],
    name: &str,
    below: impl Fn(&[Arc<Rung>], &Rung) -> Option<Symbol>,
) -> Result<Bound> {
    for (index, rung) in layers.iter().enumerate().rev() {
        let Some((layer, function)) = rung.function(name) else { continue };
        let signature = match &own {
            Ok(Bound::Func(target)) => target.signature().clone(),
            // It is refused where the layer is laid, and where this is loaded.
            Ok(Bound::Var(_)) => continue,
            Err(_) => function.signature(),
        };
        let falls_back = layer.generation.load().falls_back;
        let below = falls_back.then(|| below(&layers[..index], rung)).flatten();
        let below = below.and_then(|symbol| symbol.into_dynamic().ok());
        let instead = below.as_ref().map(|below| (below, rung.report(name)));
        if let Ok(layered) = Layered::new(&function, &signature, instead) {
            return Ok(Bound::layered(layered, signature));
        }
    }
    own
}

/// What a plugin exports that has these layers.
pub(super) fn exports(plugin: &Descriptor, layers: &[Arc<Rung>]) -> Vec<Export> {
    let mut exports = plugin.exports.clone();
    for layer in layers.iter().filter_map(|rung| rung.serving()) {
        let own = layer.generation.load().plugin.descriptor();
        let functions = own.exports.iter().filter(|export| signature(export).is_some());
        for function in functions {
            if !exports.iter().any(|export| export.name == function.name) {
                exports.push(function.clone());
            }
        }
    }
    exports
}

/// Whether a layer can lie over what exports this.
///
/// # Errors
/// An export of both does not go together.
pub(super) fn check(exports: &[Export], base: &str, layer: &Descriptor) -> Result<()> {
    let refuse =
        |name: &str, message: String| Err(Error::new(ErrorKind::Refused, message).of_symbol(name));
    for own in &layer.exports {
        let Some(other) = exports.iter().find(|export| export.name == own.name) else { continue };
        let (name, layer) = (&own.name, &layer.name);
        match (signature(own), signature(other)) {
            (Some(function), Some(place)) => {
                if let Err(error) = fit(function, place) {
                    return refuse(
                        name,
                        format!(
                            "`{name}` is `{function}` in the layer `{layer}`, and `{place}` in \
                             `{base}`: {error}"
                        ),
                    );
                }
            }
            (Some(_), None) => {
                let what = "a function of the layer";
                return refuse(
                    name,
                    format!("`{name}` is {what} `{layer}`, and a variable of `{base}`"),
                );
            }
            (None, _) => {
                let next = "a layer has functions of its own alone: give it another name";
                return refuse(
                    name,
                    format!(
                        "`{name}` is a variable of the layer `{layer}`, and there is one of that name in \
                         `{base}`: {next}"
                    ),
                );
            }
        }
    }
    Ok(())
}

fn signature(export: &Export) -> Option<&Signature> {
    match &export.ty {
        ExportType::Func(signature) => Some(signature),
        ExportType::Var(_) => None,
    }
}

impl Registry {
    /// A place for a layer over the newest plugin of that name.
    ///
    /// # Errors
    /// None is loaded.
    pub(super) fn rung(&self, over: &Over) -> Result<Arc<Rung>> {
        let base = self.newest(&over.plugin).map_err(|error| {
            let next = "load that first, or both with `Host::load_dir` (`--with` of the command)";
            let message =
                format!("it is a layer over `{}`, and {}: {next}", over.plugin, error.message());
            Error::new(ErrorKind::Refused, message)
        })?;
        let rung = Rung::new(&base, &self.feed);
        base.slot().add(&rung);
        Ok(rung)
    }

    /// A layer that is loaded serves from here on.
    ///
    /// # Errors
    /// What it lies over has gone, or is another one by now: it goes too.
    pub(super) fn lay(&self, layer: &PluginRef) -> Result<()> {
        let Some(rung) = &layer.slot().rung else { return Ok(()) };
        let laid = rung.base().and_then(|base| {
            base.check_layer(rung, &layer.current())?;
            rung.lay(true);
            base.relink();
            match self.has(&PluginRef::of(base)) {
                true => Ok(()),
                false => Err(Gone::Unloaded.error()),
            }
        });
        laid.or_else(|error| {
            self.unload(layer)?;
            Err(crate::loading::cannot_load(&layer.path(), error))
        })
    }
}

impl PluginRef {
    /// Of a layer: what lies below serves again.
    pub(super) fn lift(&self) {
        self.lies(false);
    }

    /// Of a layer: it serves again.
    pub(super) fn lay_again(&self) {
        self.lies(true);
    }

    /// Of a layer that has gone: what it found below is nobody's any more.
    pub(super) fn forget_below(&self) {
        if let Some(rung) = &self.slot().rung
            && let Ok(base) = rung.base()
        {
            base.end_below(rung);
        }
    }

    fn lies(&self, is_laid: bool) {
        if let Some(rung) = &self.slot().rung {
            rung.lay(is_laid);
            if let Ok(base) = rung.base() {
                base.relink();
            }
        }
    }
}
