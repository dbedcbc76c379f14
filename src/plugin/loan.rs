//! Values that are lent to the calls of a thread: what `Host::lend` does.
//!
//! A loan is a node in the frame of [`Lender::lend`], and a thread knows its innermost one. So
//! it costs no memory, and no other thread can see it. All that is `unsafe` in it is here: that
//! the nodes which a thread knows are there, and that nobody has two references to a value.

use std::any::{TypeId, type_name};
use std::cell::Cell;
use std::ptr;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// Which host it is that lends: its functions borrow nothing of another one's.
#[derive(Clone, Default)]
pub(crate) struct Lender(Arc<()>);

/// A value that is lent, in the frame of `lend`.
struct Loan {
    /// The one around it.
    outer: *const Loan,
    lender: *const (),
    ty: TypeId,
    /// A `T` of that type.
    value: *mut (),
    is_borrowed: Cell<bool>,
}

thread_local! {
    /// Without a destructor, so that it is there as long as the thread.
    static INNERMOST: Cell<*const Loan> = const { Cell::new(ptr::null()) };
}

impl Lender {
    /// Lends a value to the functions that run on this thread until `run` has ended.
    pub(crate) fn lend<T: 'static, R>(&self, value: &mut T, run: impl FnOnce() -> R) -> R {
        /// Ends a loan, also when `run` panics.
        struct End {
            outer: *const Loan,
        }
        impl Drop for End {
            fn drop(&mut self) {
                INNERMOST.set(self.outer);
            }
        }
        let loan = Loan {
            outer: INNERMOST.get(),
            lender: self.identity(),
            ty: TypeId::of::<T>(),
            value: ptr::from_mut(value).cast(),
            is_borrowed: Cell::new(false),
        };
        // Dropped before the loan: nobody finds one that is not there.
        let _end = End { outer: loan.outer };
        INNERMOST.set(&raw const loan);
        run()
    }

    /// Borrows the `T` that is lent innermost to this thread.
    ///
    /// # Errors
    /// There is none, or somebody has borrowed it already.
    pub(crate) fn borrow<T: 'static, R>(&self, used: impl FnOnce(&mut T) -> R) -> Result<R> {
        /// Gives it back, also when `used` panics.
        struct Back<'l>(&'l Cell<bool>);
        impl Drop for Back<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        let mut next = INNERMOST.get();
        // SAFETY: null, or a node in a frame of `lend` on this thread's stack. Frames of one stack
        // end in the reverse order of their beginning, and that one takes its node away before
        // it does, whichever way it ends; so the frame lies further out than this one, and is
        // there until this one has ended. The nodes behind it were there before it was.
        while let Some(loan) = unsafe { next.as_ref() } {
            if loan.lender != self.identity() || loan.ty != TypeId::of::<T>() {
                next = loan.outer;
                continue;
            }
            if loan.is_borrowed.replace(true) {
                return Err(borrowed::<T>());
            }
            let _back = Back(&loan.is_borrowed);
            // SAFETY: the pointer is that of the `&mut T` that `lend` was given, for the same
            // `T`, as types with one `TypeId` are. `lend` holds that reference, does not use it,
            // and has not ended; so nobody else can get at the value but by this node. Of those
            // who do there is one at a time, until `_back` is dropped, which is after `used`;
            // and `used` takes a reference of any lifetime, so that it cannot keep it. Whoever
            // lends the value on, in `used`, makes another node of this very reference, which
            // comes first until that loan has ended. It is all on one thread, as `INNERMOST` is.
            return Ok(used(unsafe { &mut *loan.value.cast::<T>() }));
        }
        Err(none::<T>())
    }

    /// No other one's, while there is a clone of it; functions have one.
    fn identity(&self) -> *const () {
        Arc::as_ptr(&self.0)
    }
}

#[cold]
fn none<T>() -> Error {
    let name = type_name::<T>();
    let message = format!(
        "it takes a `{name}`, and none is lent to the calls of this thread: call it within `Host::lend`"
    );
    Error::new(ErrorKind::Call, message)
}

#[cold]
fn borrowed<T>() -> Error {
    let name = type_name::<T>();
    let message =
        format!("the `{name}` that is lent is already borrowed, by a function that has led here");
    Error::new(ErrorKind::Call, message)
}
