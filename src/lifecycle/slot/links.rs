//! Where the handles on a plugin lead: through its loads, and through the layers over it.
//!
//! Each place in the stack has links of its own: the plugin's users see all layers, a layer what lies
//! below it. Locks are taken in this order: the stack's, the links', those of lower places, and those
//! of the layers.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};

use super::generation::{Built, Generation, Handles, KEEP_OR_DROP, Moves};
use super::{Rung, Slot, own, stack};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Bound, Descriptor, Gate, Gone, Plugin, PluginKind, Symbol, Track};

/// Where links lead in the next load: those of the plugin's users, and of each place from the top.
type AllMoves = (Moves, Vec<(Arc<Rung>, Moves)>);

impl Slot {
    /// What follows that export through the loads of the plugin.
    pub(in crate::lifecycle) fn find(&self, name: &str) -> Result<Symbol> {
        if let Some(symbol) = self.ready.find(name) {
            return Ok(symbol);
        }
        let stack = self.stack.lock();
        let generation = self.generation.load_full();
        if let Some(symbol) = generation.links.ready.get(name) {
            return Ok(symbol.clone());
        }
        let mut others = generation.links.others.lock();
        if let Some(symbol) = others.get(name) {
            // What only a layer had is there as long as somebody has a handle on it.
            return match symbol.has_ended() {
                false => Ok(symbol.clone()),
                true => self.bound(&*generation.plugin, &all(&stack), name).map(|_| symbol.clone()),
            };
        }
        let symbol = self.link(&*generation.plugin, &all(&stack), name)?;
        others.insert(name.to_owned(), symbol.clone());
        Ok(symbol)
    }

    /// What a layer finds below it.
    pub(in crate::lifecycle) fn find_below(&self, rung: &Arc<Rung>, name: &str) -> Result<Symbol> {
        let stack = self.stack.lock();
        let layers = all(&stack);
        let at = layers.iter().position(|other| Arc::ptr_eq(other, rung)).unwrap_or(layers.len());
        self.find_under(&layers[..at], rung, name)
    }

    /// The same, with the stack held; these are the layers below that one.
    pub(in crate::lifecycle) fn find_under(
        &self,
        layers: &[Arc<Rung>],
        rung: &Rung,
        name: &str,
    ) -> Result<Symbol> {
        let mut links = rung.links.lock();
        if rung.is_over.load(Ordering::SeqCst) || self.is_over.load(Ordering::SeqCst) {
            return Err(Gone::Unloaded.error());
        }
        if let Some(symbol) = links.get(name).filter(|symbol| !symbol.has_ended()) {
            return Ok(symbol.clone());
        }
        let symbol = self.link(&*self.generation.load_full().plugin, layers, name)?;
        links.insert(name.to_owned(), symbol.clone());
        Ok(symbol)
    }

    fn link(&self, plugin: &dyn Plugin, layers: &[Arc<Rung>], name: &str) -> Result<Symbol> {
        let bound = self.bound(plugin, layers, name)?;
        Ok(Symbol::new(&self.name, name, bound, plugin.track()))
    }

    /// Where a name leads now; to the gate, if the plugin is paused.
    fn bound(&self, plugin: &dyn Plugin, layers: &[Arc<Rung>], name: &str) -> Result<Bound> {
        let below = |layers: &[Arc<Rung>], rung: &Rung| self.find_under(layers, rung, name).ok();
        let bound = stack::bind(own(&self.counters, plugin, name), layers, name, below)?;
        let gate = self.gate.lock().clone();
        Ok(match (gate, plugin.track()) {
            (Some(gate), Some(track)) => bound.paused(&gate, &self.name, &track),
            _ => bound,
        })
    }

    /// Where a name leads in a load that may not serve yet: no link is made for it.
    fn bind_as_is(&self, plugin: &dyn Plugin, layers: &[Arc<Rung>], name: &str) -> Result<Bound> {
        let own = own(&self.counters, plugin, name);
        stack::bind(own, layers, name, |_, rung| rung.links.lock().get(name).cloned())
    }

    /// Whether all handles that somebody holds would go on in another load, where they must, and
    /// whether it goes together with the layers over it, or with what it is a layer over.
    ///
    /// # Errors
    /// One of them would not.
    pub(in crate::lifecycle) fn check(
        &self,
        next: &Arc<dyn Plugin>,
        handles: Handles,
    ) -> Result<()> {
        {
            let stack = self.stack.lock();
            let layers = all(&stack);
            self.moves(&layers, &self.generation.load_full(), &**next, handles)?;
            let own = next.descriptor();
            for (index, rung) in layers.iter().enumerate() {
                self.check_over(&own, &layers[..index], rung)?;
            }
        }
        match &self.rung {
            Some(rung) => rung.base()?.check_layer(rung, next),
            None => Ok(()),
        }
    }

    /// Whether a layer lies well over a load that has these below it.
    fn check_over(&self, own: &Descriptor, below: &[Arc<Rung>], rung: &Rung) -> Result<()> {
        let Some(layer) = rung.serving() else { return Ok(()) };
        let layer = layer.generation.load().plugin.descriptor();
        stack::check(&stack::exports(own, below), &self.name, &layer)
    }

    /// Whether a load can lie there over this plugin.
    ///
    /// # Errors
    /// An export of both does not go together, or somebody holds a handle on what it has not.
    pub(in crate::lifecycle) fn check_layer(
        &self,
        rung: &Arc<Rung>,
        layer: &Arc<dyn Plugin>,
    ) -> Result<()> {
        let stack = self.stack.lock();
        let layers = all(&stack);
        let at = layers.iter().position(|other| Arc::ptr_eq(other, rung)).unwrap_or(layers.len());
        let generation = self.generation.load_full();
        let exports = stack::exports(&generation.plugin.descriptor(), &layers[..at]);
        stack::check(&exports, &self.name, &layer.descriptor())?;
        // What lies over it lies over this as well.
        let mut seen = exports;
        seen.extend(layer.descriptor().exports.iter().cloned());
        for above in layers.iter().skip(at + 1).filter_map(|rung| rung.serving()) {
            let above = above.generation.load().plugin.descriptor();
            stack::check(&seen, &self.name, &above)?;
        }
        rung.prepare(Some(layer));
        let held = self.held_by_layer(&generation, &layers, &**layer);
        rung.prepare(None);
        match held {
            None => Ok(()),
            Some((name, why)) => {
                let message = format!(
                    "`{name}` {why}, and a handle on it is held, of `{}`: {KEEP_OR_DROP}",
                    self.name
                );
                Err(Error::new(ErrorKind::Reload, message).of_symbol(&name))
            }
        }
    }

    /// What only layers have, somebody holds, and that load of one has not, or otherwise.
    fn held_by_layer(
        &self,
        generation: &Generation,
        layers: &[Arc<Rung>],
        layer: &dyn Plugin,
    ) -> Option<(String, String)> {
        let others = generation.links.others.lock();
        let mut links = generation.links.ready.iter().chain(others.iter());
        links.find_map(|(name, symbol)| {
            if !symbol.is_layered() || !symbol.is_held() || generation.plugin.has(name) {
                return None;
            }
            if self.bind_as_is(&*generation.plugin, layers, name).is_err() {
                return Some((name.clone(), "is gone".to_owned()));
            }
            let why = symbol.goes_on(&layer.bind(name).ok()?).err()?;
            Some((name.clone(), why))
        })
    }

    fn moves(
        &self,
        layers: &[Arc<Rung>],
        generation: &Generation,
        next: &dyn Plugin,
        handles: Handles,
    ) -> Result<AllMoves> {
        let version = &next.descriptor().version;
        let own = {
            let others = generation.links.others.lock();
            let links = generation.links.ready.iter().chain(others.iter());
            let bind = |name: &str| self.bind_as_is(next, layers, name);
            Moves::find(links, bind, handles, version)?
        };
        let mut below = Vec::new();
        for (index, rung) in layers.iter().enumerate().rev() {
            let links = rung.links.lock();
            let bind = |name: &str| self.bind_as_is(next, &layers[..index], name);
            let moves = Moves::find(links.iter(), bind, handles, version)?;
            below.push((Arc::clone(rung), moves));
        }
        Ok((own, below))
    }

    /// The load takes over: handles that somebody holds lead to it from here on.
    ///
    /// # Errors
    /// One of them cannot, and must; nothing has changed.
    pub(in crate::lifecycle) fn take_over(&self, next: Built, handles: Handles) -> Result<()> {
        let Some(rung) = &self.rung else { return self.take_over_here(next, handles) };
        let base = rung.base()?;
        // What it has no more leads elsewhere before it goes, and what it has more after it is there.
        rung.prepare(Some(&next.plugin));
        base.relink();
        let done = self.take_over_here(next, handles);
        rung.prepare(None);
        base.relink();
        done
    }

    fn take_over_here(&self, next: Built, handles: Handles) -> Result<()> {
        let stack = self.stack.lock();
        let layers = all(&stack);
        let generation = self.generation.load_full();
        let plugin = Arc::clone(&next.plugin);
        // Asked once more, as layers come and go meanwhile.
        let descriptor = plugin.descriptor();
        for (index, rung) in layers.iter().enumerate() {
            self.check_over(&descriptor, &layers[..index], rung)?;
        }
        let (own, below) = self.moves(&layers, &generation, &*plugin, handles)?;
        let track = self.counted(&*plugin);
        let links = own.make(track);
        for (rung, moves) in below {
            *rung.links.lock() = moves.make(track);
        }
        *self.gate.lock() = None;
        let next = Generation::new(generation.number + 1, next, links, |plugin, name| {
            let bound = self.bind_as_is(plugin, &layers, name)?;
            Ok(Symbol::new(&self.name, name, bound, plugin.track()))
        });
        self.supersede(&generation, &next);
        let next = Arc::new(next);
        self.generation.store(Arc::clone(&next));
        self.ready.put(&next);
        // What lies below a layer may be more than it was.
        self.relink_all(&layers);
        Ok(())
    }

    /// What counts the uses of handles on a load that has taken over.
    fn counted(&self, plugin: &dyn Plugin) -> Option<&Arc<Track>> {
        let is_script = plugin.descriptor().kind == PluginKind::Lua;
        (is_script || plugin.track().is_some()).then_some(&self.track)
    }

    /// A layer begins, or ceases, to have functions: handles lead there from here on.
    pub(in crate::lifecycle) fn relink(&self) {
        let stack = self.stack.lock();
        self.relink_all(&all(&stack));
    }

    fn relink_all(&self, layers: &[Arc<Rung>]) {
        if self.is_over.load(Ordering::SeqCst) {
            return;
        }
        let generation = self.generation.load_full();
        let plugin = &*generation.plugin;
        let relink = |links: Vec<(String, Symbol)>, layers: &[Arc<Rung>]| {
            for (name, symbol) in links {
                match self.bound(plugin, layers, &name) {
                    Ok(bound) if symbol.leads_to(&bound) => {}
                    Ok(bound) if symbol.is_layered() || bound.is_layered() => {
                        symbol.lead_to(bound, self.counted(plugin));
                    }
                    Err(_) if symbol.is_layered() => symbol.end("the layer that had it is gone"),
                    _ => {}
                }
            }
        };
        relink(generation.links.all(), layers);
        for (index, rung) in layers.iter().enumerate().rev() {
            relink(rung.links(), &layers[..index]);
        }
    }

    /// All links lead nowhere from here on.
    pub(super) fn end_links(&self) {
        let stack = self.stack.lock();
        self.is_over.store(true, Ordering::SeqCst);
        self.each_link_of(&all(&stack), |symbol| symbol.retire(Gone::Unloaded));
    }

    /// A layer has gone: what it, or calls of it, found below leads nowhere from here on.
    pub(in crate::lifecycle) fn end_below(&self, rung: &Rung) {
        let _stack = self.stack.lock();
        rung.is_over.store(true, Ordering::SeqCst);
        for (_, symbol) in rung.links() {
            symbol.retire(Gone::Unloaded);
            symbol.free_retired();
        }
    }

    /// Adds a place on top; it is there as long as somebody holds it.
    pub(in crate::lifecycle) fn add(&self, rung: &Arc<Rung>) {
        let mut stack = self.stack.lock();
        stack.retain(|other| other.strong_count() > 0);
        stack.push(Arc::downgrade(rung));
    }

    /// The layers that lie over it, the lowest first.
    pub(in crate::lifecycle) fn layers(&self) -> Vec<Arc<Rung>> {
        let mut layers = all(&self.stack.lock());
        layers.retain(|rung| rung.serving().is_some());
        layers
    }

    /// Calls by handles wait at the gate, of a plugin whose own lock does not keep them out.
    pub(in crate::lifecycle) fn pause(&self, gate: &Arc<Gate>) {
        let Some(track) = self.generation.load_full().plugin.track() else { return };
        let stack = self.stack.lock();
        *self.gate.lock() = Some(Arc::clone(gate));
        self.each_link_of(&all(&stack), |symbol| symbol.pause(gate, &track));
    }

    /// They lead where they led before.
    pub(in crate::lifecycle) fn resume(&self) {
        if self.generation.load_full().plugin.track().is_some() {
            self.lead_back();
        }
    }

    pub(super) fn lead_back(&self) {
        let stack = self.stack.lock();
        let layers = all(&stack);
        self.is_over.store(false, Ordering::SeqCst);
        *self.gate.lock() = None;
        let generation = self.generation.load_full();
        let plugin = &*generation.plugin;
        let lead = |links: Vec<(String, Symbol)>, layers: &[Arc<Rung>]| {
            for (name, symbol) in links {
                if let Ok(bound) = self.bound(plugin, layers, &name)
                    && !symbol.leads_to(&bound)
                {
                    symbol.lead_to(bound, plugin.track().as_ref());
                }
            }
        };
        lead(generation.links.all(), &layers);
        for (index, rung) in layers.iter().enumerate().rev() {
            lead(rung.links(), &layers[..index]);
        }
    }

    /// Lets go of where they led before, if no call is there any more.
    pub(in crate::lifecycle) fn let_go(&self) {
        self.ready.settle();
        self.each_link(Symbol::free_retired);
    }

    pub(super) fn each_link(&self, does: impl Fn(&Symbol)) {
        let layers = all(&self.stack.lock());
        self.each_link_of(&layers, does);
    }

    fn each_link_of(&self, layers: &[Arc<Rung>], does: impl Fn(&Symbol)) {
        self.generation.load_full().links.all().iter().for_each(|(_, symbol)| does(symbol));
        for rung in layers {
            rung.links().iter().for_each(|(_, symbol)| does(symbol));
        }
    }
}

/// The places in a stack that somebody holds.
fn all(stack: &[Weak<Rung>]) -> Vec<Arc<Rung>> {
    stack.iter().filter_map(Weak::upgrade).collect()
}
