//! Leaf functions as compiled code calls them: a closure behind a function of C's, for code
//! that knows the types alone.
//!
//! It is not the ABI of plugins: caller and function are of one program.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::{Fault, LeafParam, LeafResult, Outcome, Type, panic_text};

/// What the entry of a leaf function answers: it has written its result, or it has left in the
/// place why there is none.
const OK: i32 = 0;
const FAILED: i32 = 1;

/// Where a leaf function shows that it runs, and leaves why it has failed.
#[derive(Default)]
pub struct LeafPlace {
    /// Whether one runs.
    pub runs: Cell<bool>,
    failed: Cell<Option<LeafFailed>>,
}

/// Why a leaf function has no result.
pub enum LeafFailed {
    /// It has returned an error.
    Returned(Fault),
    /// It has panicked, with that text.
    Panicked(String),
}

/// The function of C's through which a closure of type `F` is called, and of which types.
///
/// It takes the closure's address, that of a [`LeafPlace`], the arguments as they are (C's
/// `int64_t`, `double` and `bool`), and where the result goes; it answers 0, or that it has
/// failed. Only this crate makes one, and the types are those of the closure.
pub struct LeafEntry<F> {
    address: usize,
    params: &'static [&'static Type],
    result: &'static Type,
    of: PhantomData<fn(F)>,
}

impl LeafPlace {
    /// Whether compiled code may call entries: where whoever walks the stack does not come to it.
    pub const IS_COMPILED: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

    /// Takes what the function has left that has failed.
    #[cold]
    #[must_use]
    pub fn take(&self) -> Option<LeafFailed> {
        self.failed.take()
    }

    /// Nothing unwinds from here, also where what somebody has left before panics as it drops.
    #[cold]
    #[inline(never)]
    fn fail(&self, why: LeafFailed) -> i32 {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.failed.set(Some(why)))) {
            std::mem::forget(panic);
        }
        FAILED
    }

    /// Runs a leaf function, and shows that meanwhile.
    #[inline(always)]
    fn run<T>(&self, run: impl FnOnce() -> Result<T, Fault>) -> Result<T, i32> {
        self.runs.set(true);
        let returned = catch_unwind(AssertUnwindSafe(run));
        self.runs.set(false);
        match returned {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(fault)) => Err(self.fail(LeafFailed::Returned(fault))),
            Err(panic) => Err(self.fail(LeafFailed::Panicked(panic_text(panic)))),
        }
    }
}

impl fmt::Debug for LeafPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafPlace").field("runs", &self.runs.get()).finish_non_exhaustive()
    }
}

impl<F> LeafEntry<F> {
    /// The function's address.
    #[must_use]
    pub fn address(&self) -> usize {
        self.address
    }

    /// The types of its arguments.
    #[must_use]
    pub fn params(&self) -> &'static [&'static Type] {
        self.params
    }

    /// The type of its result; null where there is none.
    #[must_use]
    pub fn result(&self) -> &'static Type {
        self.result
    }
}

impl<F> fmt::Debug for LeafEntry<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LeafEntry { params, result, .. } = self;
        f.debug_struct("LeafEntry").field("params", params).field("result", result).finish()
    }
}

/// Says in the tables of the function that this stands in that nobody has called it: whoever walks
/// the stack, as a panic does that prints its backtrace, ends here.
///
/// LuaJIT's compiled code has tables that say who handles its own errors, and nothing of where its
/// caller is (`err_frame_jit_template` in `lj_err.c`); GCC's unwinder aborts the process over that.
/// What is caught is caught in this function, so that nobody has to get past it.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
macro_rules! end_of_stack {
    () => {
        // SAFETY: it is no code; the return address is where it was, for who returns. It stands
        // before all calls of the function, and tables go by addresses.
        unsafe { std::arch::asm!(".cfi_undefined rip", options(nomem, nostack, preserves_flags)) }
    };
}

/// Nowhere else has it been tried: [`LeafPlace::IS_COMPILED`].
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
macro_rules! end_of_stack {
    () => {};
}

// Of each number of parameters the function of C's, and who is called through it.
macro_rules! entries {
    ($($name:ident: $($item:ident $value:ident)*;)*) => {$(
        /// # Safety
        /// `function` and `place` may be followed until this returns, by this thread, and the
        /// result be written.
        #[allow(clippy::too_many_arguments, reason = "as many as the closure has, and three")]
        unsafe extern "C" fn $name<Function, Returned, $($item),*>(
            function: *const Function,
            place: *const LeafPlace,
            $($value: $item,)*
            result: *mut Returned::Value,
        ) -> i32
        where
            Function: Fn($($item),*) -> Returned,
            Returned: Outcome,
        {
            end_of_stack!();
            // SAFETY: as the caller says.
            let (function, place) = unsafe { (&*function, &*place) };
            match place.run(|| function($($value),*).outcome()) {
                Ok(value) => {
                    // SAFETY: as the caller says; a scalar has nothing to drop.
                    unsafe { result.write(value) };
                    OK
                }
                Err(failed) => failed,
            }
        }

        impl<Function, Returned, $($item),*> crate::LeafFunction<($($item,)*)> for Function
        where
            Function: Fn($($item),*) -> Returned + Send + Sync + 'static,
            Returned: Outcome<Value: LeafResult>,
            $($item: LeafParam,)*
        {
            fn entry() -> LeafEntry<Self> {
                let entry: unsafe extern "C" fn(
                    *const Function,
                    *const LeafPlace,
                    $($item,)*
                    *mut Returned::Value,
                ) -> i32 = $name::<Function, Returned, $($item),*>;
                LeafEntry {
                    address: (entry as *const ()).expose_provenance(),
                    params: &[$(<$item as crate::Data>::SCHEMA),*],
                    result: <Returned::Value as crate::Data>::SCHEMA,
                    of: PhantomData,
                }
            }
        }
    )*};
}
entries! {
    call_0: ;
    call_1: A a;
    call_2: A a B b;
    call_3: A a B b C c;
    call_4: A a B b C c D d;
    call_5: A a B b C c D d E e;
    call_6: A a B b C c D d E e F f;
    call_7: A a B b C c D d E e F f G g;
    call_8: A a B b C c D d E e F f G g H h;
}
