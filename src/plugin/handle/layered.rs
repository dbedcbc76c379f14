//! A function of a layer, in the place of what it lies over.

use std::sync::Arc;

use twinplug_value::{ConvertError, Data, Fit, Signature, Value};

use super::link::{FuncLink, Values, WriteArgs};
use super::rebind::Casual;
use super::{Dynamic, Func};
use crate::error::{Error, ErrorKind, Limit, Result, WaitFault};
use crate::plugin::overdue;
use crate::plugin::target::{FuncTarget, General};

/// Is told of a call of a layer that has failed, and for which what lies below was called.
pub(crate) type Report = Arc<dyn Fn(&Error) + Send + Sync>;

/// Where the calls of a function go that a layer has.
pub(crate) struct Layered {
    function: Casual<Dynamic, Value>,
    fit: Fit,
    /// What is called in its place where it fails, if anything is.
    below: Option<(Casual<Dynamic, Value>, Report)>,
}

impl Layered {
    /// # Errors
    /// The function does not fit the signature of what it lies over.
    pub(crate) fn new(
        function: &Func<Dynamic>,
        signature: &Signature,
        below: Option<(&Func<Dynamic>, Report)>,
    ) -> Result<Layered, ConvertError> {
        let fit = fit(&function.signature(), signature)?;
        let below = below.map(|(below, report)| (Casual::new(below.clone()), report));
        Ok(Layered { function: Casual::new(function.clone()), fit, below })
    }

    pub(super) fn call<R: Data>(&self, args: &impl WriteArgs) -> Result<R> {
        match self.function.reach(self.fit, args) {
            Err(error) => match self.instead_of(&error) {
                Some(below) => not_again(below.reach(Fit::Exact, args), error),
                None => Err(error),
            },
            done => done,
        }
    }

    /// As `call`, with all results of functions that declare none.
    pub(super) fn call_all(&self, args: &[Value]) -> Result<Vec<Value>> {
        match self.function.reach_all(args) {
            Err(error) => match self.instead_of(&error) {
                Some(below) => not_again(below.reach_all(args), error),
                None => Err(error),
            },
            done => done,
        }
    }

    /// What is called in place of what has failed so; it is told. Not of a call that was not to go
    /// on anyway, and not where it has not begun.
    fn instead_of(&self, error: &Error) -> Option<&Func<Dynamic>> {
        let (below, report) = self.below.as_ref()?;
        // Nor where it has ended as the layer went, or could not wait for it.
        let is_over = matches!(error.limit(), Some(Limit::Deadline(_) | Limit::Cancelled))
            || matches!(error.kind(), ErrorKind::Retired | ErrorKind::Stale)
            || error.wait() == Some(WaitFault::CannotWait);
        if error.has_not_begun() || is_over || overdue().is_some() {
            return None;
        }
        report(error);
        Some(below)
    }

    /// Whether it is the same as that one.
    fn is(&self, other: &Layered) -> bool {
        let link = |function: &Casual<Dynamic, Value>| Arc::as_ptr(&function.link);
        let below = |layered: &Layered| layered.below.as_ref().map(|(below, _)| link(below));
        link(&self.function) == link(&other.function)
            && self.fit == other.fit
            && below(self) == below(other)
    }
}

/// The layer's function has begun: where what lies below has not, the call is not made anew.
fn not_again<R>(below: Result<R>, error: Error) -> Result<R> {
    match below {
        Err(fault) if fault.has_not_begun() => Err(error.begun()),
        done => done,
    }
}

/// Whether a function can stand in the place of one of that signature, and how.
///
/// # Errors
/// It cannot.
pub(crate) fn fit(function: &Signature, place: &Signature) -> Result<Fit, ConvertError> {
    let params: Vec<_> = place.params.iter().map(|param| &*param.ty).collect();
    let fit = function.accepts_args(&params)?;
    place.result.accepts(&function.result).map_err(|error| error.of("result"))?;
    Ok(fit)
}

impl Func<Dynamic> {
    /// Calls it, wherever it leads by then; the error does not say what was called.
    fn reach<R: Data>(&self, fit: Fit, args: &impl WriteArgs) -> Result<R> {
        let link: &FuncLink = &self.link;
        let target = link.target.enter();
        match fit {
            Fit::Exact => link.reach(&target, args),
            Fit::Convert => {
                let args = target.signature.coerce_args(args.to_values()?)?;
                link.reach(&target, &Values(&args))
            }
        }
    }

    /// Whether a layer's function is what it leads to.
    pub(in crate::plugin) fn is_layered(&self) -> bool {
        self.link.target.enter().is_layered()
    }

    /// Whether it leads nowhere, as there is nothing any more.
    pub(in crate::plugin) fn has_ended(&self) -> bool {
        matches!(self.link.target.enter().general, General::Ended(_))
    }

    /// Whether it leads there already.
    pub(in crate::plugin) fn leads_to(&self, target: &FuncTarget) -> bool {
        let own = self.link.target.enter();
        match (own.general.of_itself(), target.general.of_itself()) {
            (General::Layered(own_layered), General::Layered(layered)) => {
                own_layered.is(layered) && own.signature == target.signature
            }
            _ => false,
        }
    }
}
