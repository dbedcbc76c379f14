//! Errors that native code passes on. It gets their text alone, and returns one; the error
//! that is made of that has the traceback, and what was thrown, of the one it passes on.
//!
//! What the host answers a native call is kept while that call runs, and found again by its
//! text. What cannot be told from an error raised anew is not found: no traceback at all is
//! better than a wrong one.

use std::cell::Cell;
use std::fmt;

use twinplug_value::raw::{Failed, Note};

use crate::error::{Error, ErrorKind};

/// So many errors are kept of a call, the latest.
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
const KEPT: usize = 8;

thread_local! {
    /// What the native call that runs was answered, the latest last. It is that call's where
    /// there is a note, and else what is left of another.
    static ANSWERED: Cell<Vec<Answered>> = const { Cell::new(Vec::new()) };
}

/// An error of which native code has the text.
struct Answered {
    text: String,
    error: Error,
}

/// A service that native code has called. What runs within it may call native code as well,
/// so what the outer call was answered is set aside.
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
pub(crate) struct Service {
    answered: Option<Vec<Answered>>,
}

#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
impl Service {
    pub(crate) fn begin() -> Self {
        Service { answered: Note::is_left().then(taken) }
    }

    /// It has done what it was asked for.
    pub(crate) fn done(self) {
        forget_inner();
        if let Some(answered) = self.answered {
            keep(answered);
        }
    }

    /// It has failed, and given the text of its error.
    #[cold]
    pub(crate) fn failed(self, text: String, error: Error) {
        forget_inner();
        let mut answered = self.answered.unwrap_or_default();
        if answered.len() == KEPT {
            answered.remove(0);
        }
        answered.push(Answered { text, error });
        keep(answered);
    }
}

/// Takes away the note of a call that was within a service.
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
fn forget_inner() {
    if Note::is_left() {
        Note::erase();
    }
}

/// Of a thread that ends nothing is kept: its place is gone.
#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
fn keep(answered: Vec<Answered>) {
    if ANSWERED.try_with(|kept| kept.replace(answered)).is_ok() {
        Note::leave();
    }
}

fn taken() -> Vec<Answered> {
    ANSWERED.try_with(Cell::take).unwrap_or_default()
}

/// The native code of a call, as a traceback shows it.
pub(crate) struct NativeFrame<'n> {
    what: &'static str,
    plugin: &'n str,
    /// Empty of what has none.
    name: &'n str,
}

impl<'n> NativeFrame<'n> {
    pub(crate) fn function(plugin: &'n str, name: &'n str) -> Self {
        NativeFrame { what: "function", plugin, name }
    }

    #[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
    pub(crate) fn variable(plugin: &'n str, name: &'n str) -> Self {
        NativeFrame { what: "variable", plugin, name }
    }
}

#[cfg_attr(not(feature = "native"), allow(dead_code, reason = "of native code alone"))]
impl<'n> NativeFrame<'n> {
    /// A method, as `Type.method`.
    pub(crate) fn method(plugin: &'n str, name: &'n str) -> Self {
        NativeFrame { what: "method", plugin, name }
    }

    /// A function that is a value, and has no name.
    pub(crate) fn value(plugin: &'n str) -> Self {
        NativeFrame { what: "a function of", plugin, name: "" }
    }
}

impl fmt::Display for NativeFrame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NativeFrame { what, plugin, name } = self;
        if name.is_empty() {
            return write!(f, "[native]: in {what} '{plugin}'");
        }
        write!(f, "[native]: in {what} '{plugin}.{name}'")
    }
}

/// The error of native code that has failed, as the last thing of its call.
#[cold]
pub(crate) fn raised(failed: &Failed, frame: &NativeFrame<'_>) -> Error {
    let error = Error::new(ErrorKind::Call, failed.to_string());
    let error = match passed_on(failed.text.as_deref()) {
        Some(inner) => error.with_inside_of(&inner),
        None => error,
    };
    error.through_native(frame)
}

/// The error that a text passes on. Of several it is the one with the most text, since that
/// of another may be its end; of like ones the latest.
fn passed_on(text: Option<&str>) -> Option<Error> {
    if !Note::is_left() {
        return None;
    }
    Note::erase();
    let (text, answered) = (text?, taken());
    let passed_on = answered.into_iter().filter(|answered| passes_on(text, &answered.text));
    Some(passed_on.max_by_key(|answered| answered.text.len())?.error)
}

/// Whether an error's text is that of another one, with something before it at most.
pub(crate) fn passes_on(text: &str, inner: &str) -> bool {
    let before = text.strip_suffix(inner);
    before.is_some_and(|before| before.is_empty() || before.ends_with(": "))
}

#[cfg(all(test, feature = "native"))]
mod tests {
    use std::thread;

    use super::*;

    const FRAME: NativeFrame<'_> =
        NativeFrame { what: "function", plugin: "plugin", name: "function" };

    /// A service answers an error of that text, which came from `place`.
    fn answers(text: &str, place: &str) {
        let error = Error::new(ErrorKind::Call, text).with_traceback(place);
        Service::begin().failed(text.to_owned(), error);
    }

    /// What is known of an error that native code fails with.
    fn fails(text: &str) -> Option<String> {
        let failed = Failed { status: 1, text: Some(text.to_owned()) };
        raised(&failed, &FRAME).traceback().map(str::to_owned)
    }

    fn through(place: &str) -> Option<String> {
        Some(format!("{place}\n[native]: in function 'plugin.function'"))
    }

    #[test]
    fn the_latest_of_a_call_are_kept() {
        Note::erase();
        let answer = |texts: std::ops::RangeInclusive<usize>| {
            texts.for_each(|text| answers(&format!("error {text}"), &format!("place {text}")));
        };
        answer(0..=KEPT);
        assert_eq!(fails("error 0"), None);
        answer(0..=KEPT);
        assert_eq!(fails("again: error 1"), through("place 1"));
        assert_eq!(fails("error 2"), None, "the call has failed before");
    }

    #[test]
    fn of_like_ones_the_latest_is_it() {
        Note::erase();
        answers("no door", "here");
        answers("no door", "there");
        assert_eq!(fails("no door"), through("there"));
    }

    #[test]
    fn what_a_call_within_a_service_was_told_goes_with_it() {
        Note::erase();
        answers("outer", "here");
        let service = Service::begin();
        Note::erase();
        answers("inner", "there");
        service.done();
        assert_eq!(fails("inner"), None);
        answers("outer", "here");
        let service = Service::begin();
        Note::erase();
        answers("inner", "there");
        service.failed("second".into(), Error::new(ErrorKind::Call, "second"));
        assert_eq!(fails("outer"), through("here"));
        let service = Service::begin();
        Note::erase();
        answers("inner", "there");
        service.done();
        assert_eq!(fails("inner"), None, "the outer call was told nothing");
    }

    /// Asks for services when its thread ends.
    struct Late;

    impl Drop for Late {
        fn drop(&mut self) {
            answers("late", "here");
            fails("late");
            answers("later", "here");
            Service::begin().done();
        }
    }

    thread_local! {
        static LATE: Late = const { Late };
    }

    #[test]
    fn a_thread_may_ask_for_services_while_it_ends() {
        for answers_first in [true, false] {
            let thread = thread::spawn(move || {
                if answers_first {
                    answers("early", "here");
                }
                LATE.with(|_| ());
                answers("early", "here");
            });
            thread.join().unwrap();
        }
    }
}
