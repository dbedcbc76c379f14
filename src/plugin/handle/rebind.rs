//! Handles over a reload: whether they can go on with another load, and their way to it.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use twinplug_value::{ConvertError, Fit, Signature, Type};

use super::{Dynamic, Func, Var};
use crate::plugin::gate::{Gate, Paused};
use crate::plugin::live::Track;
use crate::plugin::target::{FuncTarget, General, VarTarget};

/// The types that handles on an export were asked for with, as long as any is held. The first is
/// found without a lock, as most have no other.
pub(super) struct Uses<T> {
    first: OnceLock<T>,
    others: Mutex<Vec<T>>,
}

impl<T> Default for Uses<T> {
    fn default() -> Self {
        Uses { first: OnceLock::new(), others: Mutex::default() }
    }
}

impl<T: Copy> Uses<T> {
    /// Takes one down; `is_it` tells whether it is another.
    pub(super) fn add(&self, one: T, is_it: impl Fn(T) -> bool) {
        if is_it(*self.first.get_or_init(|| one)) {
            return;
        }
        let mut others = self.others.lock();
        if !others.iter().any(|other| is_it(*other)) {
            others.push(one);
        }
    }

    fn all(&self) -> Vec<T> {
        self.first.get().into_iter().copied().chain(self.others.lock().iter().copied()).collect()
    }
}

/// How many handles do without what they lead to, should a reload take it away, and how often that
/// has changed: so who counts handles knows whether one has come or gone meanwhile.
#[derive(Default)]
pub(super) struct Casuals(AtomicU64);

/// One change, above the number.
const CHANGE: u64 = 1 << 32;

impl Casuals {
    fn change(&self, by: u64) {
        self.0.fetch_add(CHANGE.wrapping_add(by), Ordering::AcqRel);
    }

    /// How many others there are of so many handles; `None` where some have come or gone.
    fn others(&self, handles: impl FnOnce() -> usize) -> Option<usize> {
        let before = self.0.load(Ordering::Acquire);
        let handles = handles();
        fence(Ordering::Acquire);
        let is_same = self.0.load(Ordering::Relaxed) == before;
        is_same.then(|| handles.saturating_sub((before % CHANGE) as usize))
    }
}

/// A handle that is no hindrance to a reload which takes the function away: it leads nowhere then.
pub(crate) struct Casual<A, R>(Func<A, R>);

impl<A, R> Casual<A, R> {
    pub(crate) fn new(function: Func<A, R>) -> Self {
        function.link.casuals.change(1);
        Casual(function)
    }
}

impl<A, R> Deref for Casual<A, R> {
    type Target = Func<A, R>;

    fn deref(&self) -> &Func<A, R> {
        &self.0
    }
}

impl<A, R> Drop for Casual<A, R> {
    fn drop(&mut self) {
        self.0.link.casuals.change(1_u64.wrapping_neg());
    }
}

/// How often it is looked, and how long between, whether somebody holds a handle.
const LOOKS: usize = 20;
const PAUSE: Duration = Duration::from_micros(100);

impl Func<Dynamic> {
    /// Whether anybody holds a handle on it, besides this one and those that are casual.
    pub(in crate::plugin) fn is_held(&self) -> bool {
        // One that is casual is a handle for a moment before and after.
        (0..LOOKS).all(|look| {
            if look > 0 {
                thread::sleep(PAUSE);
            }
            self.link.casuals.others(|| Arc::strong_count(&self.link)).is_none_or(|it| it > 1)
        })
    }

    #[cfg(feature = "native")]
    pub(in crate::plugin) fn name(&self) -> &str {
        &self.link.place.symbol
    }

    /// Whether all handles can go on with a function of that signature, and how.
    pub(in crate::plugin) fn goes_on(&self, signature: &Signature) -> Result<Fit, ConvertError> {
        let mut worst = Fit::Exact;
        for (params, result) in self.link.uses.all() {
            if signature.accepts_args(params)? == Fit::Convert {
                worst = Fit::Convert;
            }
            result.accepts(&signature.result).map_err(|error| error.of("result"))?;
        }
        Ok(worst)
    }

    /// All handles lead there from now on.
    pub(in crate::plugin) fn lead_to(&self, target: FuncTarget, track: Option<&Arc<Track>>) {
        let target = match self.goes_on(&target.signature) {
            Ok(Fit::Exact) => target,
            _ => target.converted(),
        };
        let track = track.filter(|_| target.general.is_of_plugin());
        self.link.target.lead_to(target, track);
    }
}

impl Func<Dynamic> {
    pub(in crate::plugin) fn pause(&self, gate: &Arc<Gate>, track: &Arc<Track>) {
        let target = self.link.target.enter();
        // Of the other kind its own lock keeps calls out.
        if let General::Values(function) = target.general.of_itself() {
            let through = Arc::clone(function);
            let paused = Paused::new(gate, &self.link.place.plugin, through, track);
            let signature = target.signature.clone();
            drop(target);
            self.link.target.replace(FuncTarget::nowhere(signature, General::Paused(paused)));
        }
    }
}

impl Var<twinplug_value::Value> {
    pub(in crate::plugin) fn pause(&self, gate: &Arc<Gate>, track: &Arc<Track>) {
        let target = self.link.target.enter();
        if let General::Values(var) = target.general.of_itself() {
            let through = Arc::clone(var);
            let paused = Paused::new(gate, &self.link.place.plugin, through, track);
            let ty = target.ty.clone();
            drop(target);
            self.link.target.replace(VarTarget::new(ty, General::Paused(paused)));
        }
    }

    pub(in crate::plugin) fn is_held(&self) -> bool {
        Arc::strong_count(&self.link) > 1
    }

    #[cfg(feature = "native")]
    pub(in crate::plugin) fn name(&self) -> &str {
        &self.link.place.symbol
    }

    /// Whether all handles can go on with a variable of that type, and how.
    pub(in crate::plugin) fn goes_on(&self, ty: &Type) -> Result<Fit, ConvertError> {
        let mut worst = Fit::Exact;
        for asked in self.link.uses.all() {
            if asked.accepts(ty).and(ty.accepts(asked))? == Fit::Convert {
                worst = Fit::Convert;
            }
        }
        Ok(worst)
    }

    pub(in crate::plugin) fn lead_to(&self, target: VarTarget, track: Option<&Arc<Track>>) {
        let target = match self.goes_on(&target.ty) {
            Ok(Fit::Exact) => target,
            _ => target.converted(),
        };
        let track = track.filter(|_| target.general.is_of_plugin());
        self.link.target.lead_to(target, track);
    }
}
