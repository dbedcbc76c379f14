//! Where direct entries leave the text of their errors, and a note that lies in the same
//! place: a thread has one of each, and a native call that begins finds neither.

use std::cell::UnsafeCell;
use std::ffi::c_char;
use std::fmt;
use std::ptr;

use twinplug_abi::{self as abi, Status};

/// Why a direct entry did not answer a result.
#[derive(Debug)]
pub struct Failed {
    /// What it answered; never `OK`.
    pub status: Status,
    /// The error's text, where it left one.
    pub text: Option<String>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == abi::PANIC {
            f.write_str("panicked: ")?;
        }
        match &self.text {
            Some(text) => f.write_str(text),
            None => write!(f, "failed with status {}", self.status),
        }
    }
}

/// A note to the native call that runs on this thread. It is gone once another one begins,
/// so that who finds it as a call ends knows that it was left within that call.
///
/// It lies where direct entries leave the text of their errors, since that place is emptied
/// before each of them in any case: a note costs a call nothing. An entry that fails finds
/// the note again only if it has its text kept.
#[derive(Debug)]
pub enum Note {}

/// What the text points to where a note lies.
static NOTE: c_char = 0;

impl Note {
    /// Leaves a note, unless an entry's text is there already.
    pub fn leave() {
        let place = FAULT.with(|fault| fault.0.get());
        // SAFETY: the thread's own, which nothing borrows; what the text points to is not
        // looked at.
        unsafe {
            if (*place).text.is_null() {
                ((*place).text, (*place).length) = (&raw const NOTE, 0);
            }
        }
    }

    /// Whether there is a note.
    #[inline]
    #[must_use]
    pub fn is_left() -> bool {
        let place = FAULT.with(|fault| fault.0.get());
        // SAFETY: as above.
        Note::is(unsafe { (*place).text })
    }

    /// Takes the note away. What is about to call a general entry does so; before a direct
    /// entry it happens by itself.
    #[inline]
    pub fn erase() {
        Fault::point_to(ptr::null());
    }

    fn is(text: *const c_char) -> bool {
        ptr::eq(text, &raw const NOTE)
    }
}

thread_local! {
    /// Where entries leave their errors: one a thread, so that a call has nothing to
    /// prepare but to empty it.
    static FAULT: Fault = const {
        Fault(UnsafeCell::new(abi::Fault { text: ptr::null(), length: 0, keep, kept: ptr::null_mut() }))
    };
}

/// What it keeps is behind `kept`. It has no destructor: an entry that keeps a text and does
/// not fail leaves it until the next one of its thread fails.
pub(super) struct Fault(UnsafeCell<abi::Fault>);

/// A text that `keep` has copied.
struct Kept {
    bytes: Vec<u8>,
    /// Whether there was a note when it was kept, where the text is now.
    is_noted: bool,
}

impl Fault {
    /// Where the entry of a call of this thread may write to.
    #[inline]
    pub(super) fn place() -> *mut abi::Fault {
        // A text that an entry has left and not failed may be gone with its image.
        Fault::point_to(ptr::null())
    }

    #[inline]
    fn point_to(text: *const c_char) -> *mut abi::Fault {
        let place = FAULT.with(|fault| fault.0.get());
        // SAFETY: the thread's own, which nothing borrows.
        unsafe { (*place).text = text };
        place
    }

    /// What the entry has left; the fault is empty again, but for a note.
    #[cold]
    #[inline(never)]
    pub(super) fn take(status: Status) -> Failed {
        // SAFETY: the thread's own; the entry has returned.
        unsafe { take(FAULT.with(|fault| fault.0.get()), status) }
    }
}

/// What an entry has left in a fault, which is empty again, but for a note.
///
/// # Safety
/// The entry has returned, and only an entry that runs writes there.
#[cold]
unsafe fn take(place: *mut abi::Fault, status: Status) -> Failed {
    // SAFETY: as the caller says. It is read and written here without a reference to it.
    let abi::Fault { text, length, kept, .. } = unsafe {
        let empty = abi::Fault { text: ptr::null(), length: 0, keep, kept: ptr::null_mut() };
        place.replace(empty)
    };
    let is_told = !text.is_null() && !Note::is(text) && isize::try_from(length).is_ok();
    let told = is_told.then(|| {
        // SAFETY: the entry has left static text of that length, or `keep` its copy.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
        String::from_utf8_lossy(bytes).into_owned()
    });
    if !kept.is_null() {
        // SAFETY: made by `keep`, and taken once.
        let kept = unsafe { Box::from_raw(kept.cast::<Kept>()) };
        if kept.is_noted_at(text) {
            Note::leave();
        }
    }
    Failed { status, text: told }
}

/// A fault that is no thread's: for code that calls direct entries by their C type.
pub struct OwnFault(Box<UnsafeCell<abi::Fault>>);

impl Default for OwnFault {
    fn default() -> Self {
        let fault = abi::Fault { text: ptr::null(), length: 0, keep, kept: ptr::null_mut() };
        OwnFault(Box::new(UnsafeCell::new(fault)))
    }
}

impl OwnFault {
    /// Its address, which entries get; as long as this lives, and for one thread at a time.
    #[must_use]
    pub fn address(&self) -> usize {
        self.0.get().addr()
    }

    /// What the entry has left that was called with it and answered the status; it is empty
    /// again. Whoever called it has emptied the text before.
    #[must_use]
    pub fn take(&self, status: Status) -> Failed {
        // SAFETY: as its address is for one thread at a time, the entry has returned.
        unsafe { take(self.0.get(), status) }
    }
}

impl fmt::Debug for OwnFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnFault")
    }
}

impl Drop for OwnFault {
    fn drop(&mut self) {
        let kept = self.0.get_mut().kept.cast::<Kept>();
        if !kept.is_null() {
            // SAFETY: made by `keep` for this fault, which takes it nowhere else.
            drop(unsafe { Box::from_raw(kept) });
        }
    }
}

impl Kept {
    /// Whether it is this text, and was kept where there was a note.
    fn is_noted_at(&self, text: *const c_char) -> bool {
        self.is_noted && ptr::eq(text.cast(), self.bytes.as_ptr())
    }
}

/// `tp_fault.keep`.
unsafe extern "C" fn keep(fault: *mut abi::Fault, text: *const c_char, length: usize) {
    // SAFETY: the entry passes the fault that it got from us, and has not returned.
    let Some(fault) = (unsafe { fault.as_mut() }) else { return };
    let bytes = match length {
        0 => &[],
        _ if text.is_null() || isize::try_from(length).is_err() => return,
        // SAFETY: not null, and readable for `length` bytes by the plugin's promise.
        length => unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) },
    };
    let old = fault.kept.cast::<Kept>();
    // SAFETY: null, or made below, for this fault.
    let was_noted = unsafe { old.as_ref() }.is_some_and(|old| old.is_noted_at(fault.text));
    let is_noted = was_noted || Note::is(fault.text);
    // Copied before the old copy goes, of which it may be a part.
    let copy = Box::new(Kept { bytes: bytes.to_vec(), is_noted });
    (fault.text, fault.length) = (copy.bytes.as_ptr().cast(), copy.bytes.len());
    fault.kept = Box::into_raw(copy).cast();
    if !old.is_null() {
        // SAFETY: made above, for this fault, and replaced now.
        drop(unsafe { Box::from_raw(old) });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A call of an entry that fails; the text, and whether there is a note then.
    fn fails(entry: impl FnOnce(*mut abi::Fault)) -> (Option<String>, bool) {
        entry(Fault::place());
        (Fault::take(abi::ERROR).text, Note::is_left())
    }

    fn keeps(fault: *mut abi::Fault, text: &str) {
        // SAFETY: the fault of this call; the text is borrowed meanwhile.
        unsafe { ((*fault).keep)(fault, text.as_ptr().cast(), text.len()) }
    }

    #[test]
    fn a_note_is_gone_once_another_call_begins() {
        Note::erase();
        assert!(!Note::is_left());
        Note::leave();
        assert!(Note::is_left());
        Fault::place();
        assert!(!Note::is_left());
        Note::leave();
        Note::erase();
        assert!(!Note::is_left());
    }

    #[test]
    fn a_text_that_is_kept_keeps_the_note_of_its_call() {
        let kept = fails(|fault| {
            Note::leave();
            keeps(fault, "first");
            keeps(fault, "first and last");
        });
        assert_eq!(kept, (Some("first and last".into()), true));
        let without = fails(|fault| keeps(fault, "text"));
        assert_eq!(without, (Some("text".into()), false));
    }

    #[test]
    fn a_text_that_was_kept_in_a_call_before_keeps_none() {
        Fault::place();
        Note::leave();
        keeps(Fault::point_to(&raw const NOTE), "kept, and not failed");
        assert_eq!(fails(|fault| keeps(fault, "another")), (Some("another".into()), false));
    }

    #[test]
    fn a_text_that_is_not_kept_takes_the_note_away() {
        let set = fails(|fault| {
            Note::leave();
            // SAFETY: the fault of this call, static text.
            unsafe { ((*fault).text, (*fault).length) = (c"static".as_ptr(), 6) };
        });
        assert_eq!(set, (Some("static".into()), false));
        assert_eq!(fails(|_| Note::leave()), (None, false), "a note is no text");
    }

    #[test]
    fn a_note_leaves_an_entrys_text_alone() {
        let kept = fails(|fault| {
            keeps(fault, "text");
            Note::leave();
        });
        assert_eq!(kept, (Some("text".into()), false));
    }
}
