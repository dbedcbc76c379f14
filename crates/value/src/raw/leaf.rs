//! Leaf functions as compiled code calls them: a closure behind a function of C's, for code
//! that knows the types alone.
//!
//! It is not the ABI of plugins: caller and function are of one program.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::leaf::sealed::Scalar;
use crate::{Fault, LeafParam, LeafResult, Outcome, Type, panic_text};

/// What the state of a place is: nothing runs, and what has run has its result; a leaf function
/// runs; it has left why it has no result.
const IDLE: u8 = 0;
const RUNS: u8 = 1;
const FAILED: u8 = 2;

/// Where a leaf function shows that it runs, and leaves why it has no result. Of one thread at a
/// time.
#[derive(Default)]
pub struct LeafPlace {
    state: Cell<u8>,
    failed: Cell<Option<LeafFailed>>,
}

/// Why a leaf function has no result.
pub enum LeafFailed {
    /// It has returned an error.
    Returned(Fault),
    /// It has panicked, with that text.
    Panicked(String),
    /// It has returned an integer that a float may not be.
    Wide(i64),
}

/// The function of C's through which a closure of type `F` is called, and of which types.
///
/// It takes the closure's address, that of a [`LeafPlace`], and the arguments as they are (C's
/// `int64_t`, `double` and `bool`); it returns the result, an integer as a `double`, and where
/// there is none the place's state is not 0. Only this crate makes one, and the types are those of the closure.
pub struct LeafEntry<F> {
    address: usize,
    params: &'static [&'static Type],
    result: &'static Type,
    of: PhantomData<fn(F)>,
}

impl LeafPlace {
    /// Whether compiled code may call entries: where whoever walks the stack does not come to it.
    pub const IS_COMPILED: bool = cfg!(all(target_os = "linux", target_arch = "x86_64"));

    /// Whether one runs.
    #[inline(always)]
    #[must_use]
    pub fn runs(&self) -> bool {
        self.state.get() == RUNS
    }

    /// Shows that one runs, while this does.
    pub fn within<R>(&self, run: impl FnOnce() -> R) -> R {
        self.state.set(RUNS);
        let returned = run();
        self.state.set(IDLE);
        returned
    }

    /// Where its state is: 0, 1 while one runs, or else another byte.
    #[must_use]
    pub fn state(&self) -> *mut u8 {
        self.state.as_ptr()
    }

    /// Takes what the function has left that has no result.
    #[cold]
    #[must_use]
    pub fn take(&self) -> Option<LeafFailed> {
        self.state.set(IDLE);
        self.failed.take()
    }

    /// Runs a leaf function, and shows that meanwhile.
    #[inline(always)]
    fn run<T: Scalar>(&self, run: impl FnOnce() -> Result<T, Fault>) -> T::Returned {
        self.state.set(RUNS);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => match value.returned() {
                Ok(value) => {
                    self.state.set(IDLE);
                    return value;
                }
                Err(wide) => self.widen(wide),
            },
            Ok(Err(fault)) => self.fail(LeafFailed::Returned(fault)),
            Err(panic) => self.fail(LeafFailed::Panicked(panic_text(panic))),
        }
        T::NOTHING
    }

    /// As `fail`; all that a function needs of it is a register.
    #[cold]
    #[inline(never)]
    fn widen(&self, wide: i64) {
        self.fail(LeafFailed::Wide(wide));
    }

    /// Nothing unwinds from here, also where what somebody has left before panics as it drops.
    #[cold]
    #[inline(never)]
    fn fail(&self, why: LeafFailed) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.failed.set(Some(why)))) {
            std::mem::forget(panic);
        }
        self.state.set(FAILED);
    }
}

impl fmt::Debug for LeafPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeafPlace").field("runs", &self.runs()).finish_non_exhaustive()
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
#[doc(hidden)]
#[macro_export]
macro_rules! end_of_stack {
    () => {
        // SAFETY: it is no code; the return address is where it was, for who returns. It stands
        // before all calls of the function, and tables go by addresses.
        unsafe { std::arch::asm!(".cfi_undefined rip", options(nomem, nostack, preserves_flags)) }
    };
}

/// Nowhere else has it been tried: [`LeafPlace::IS_COMPILED`].
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
#[doc(hidden)]
#[macro_export]
macro_rules! end_of_stack {
    () => {};
}

// Of each number of parameters the function of C's, and who is called through it.
macro_rules! entries {
    ($($name:ident: $($item:ident $value:ident)*;)*) => {$(
        /// # Safety
        /// `function` and `place` may be followed until this returns, by this thread.
        #[allow(clippy::too_many_arguments, reason = "as many as the closure has, and two")]
        unsafe extern "C" fn $name<Function, Returned, $($item),*>(
            function: *const Function,
            place: *const LeafPlace,
            $($value: $item),*
        ) -> <Returned::Value as Scalar>::Returned
        where
            Function: Fn($($item),*) -> Returned,
            Returned: Outcome<Value: LeafResult>,
        {
            crate::end_of_stack!();
            // SAFETY: as the caller says.
            let (function, place) = unsafe { (&*function, &*place) };
            place.run(|| function($($value),*).outcome())
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
                    $($item),*
                ) -> <Returned::Value as Scalar>::Returned = $name::<Function, Returned, $($item),*>;
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

#[cfg(test)]
mod tests {
    use std::mem::transmute_copy;
    use std::ptr::{from_ref, with_exposed_provenance};

    use super::*;
    use crate::{LeafFunction, Params};

    /// What a closure's entry answers, and what state its place is in meanwhile and after.
    fn called<P: Params, F: LeafFunction<P>, Entry>(
        function: &F,
        place: &LeafPlace,
        call: impl FnOnce(Entry, *const F, *const LeafPlace) -> i64,
    ) -> (i64, u8) {
        let address = F::entry().address();
        assert_eq!(size_of::<Entry>(), size_of::<usize>());
        let address = with_exposed_provenance::<()>(address);
        // SAFETY: each test says the type that follows from its closure's.
        let entry = unsafe { transmute_copy::<*const (), Entry>(&address) };
        (call(entry, from_ref(function), from_ref(place)), place.state.get())
    }

    type Two<F> = unsafe extern "C" fn(*const F, *const LeafPlace, i64, i64) -> f64;

    fn two<F: LeafFunction<(i64, i64)>>(function: &F, place: &LeafPlace, a: i64) -> (i64, u8) {
        called::<_, F, Two<F>>(function, place, |entry, function, place| {
            // SAFETY: both are borrowed by the caller.
            unsafe { entry(function, place, a, 2) as i64 }
        })
    }

    #[test]
    fn a_closure_is_called_with_what_it_has_taken_along() {
        let (place, more) = (LeafPlace::default(), 5);
        let function = move |a: i64, b: i64| a + b + more;
        assert_eq!(two(&function, &place, 1), (8, IDLE));
        assert!(place.take().is_none());
    }

    #[test]
    fn what_has_no_result_says_why() {
        let place = LeafPlace::default();
        let function = |a: i64, b: i64| match a {
            0 => Err("nothing"),
            1 => panic!("it is {a}"),
            _ => Ok(a * b),
        };
        assert_eq!(two(&function, &place, 0), (0, FAILED));
        let Some(LeafFailed::Returned(fault)) = place.take() else { panic!("another one") };
        assert_eq!((fault.into_text(), place.state.get()), ("nothing".to_owned(), IDLE));
        assert_eq!(two(&function, &place, 1), (0, FAILED));
        let Some(LeafFailed::Panicked(text)) = place.take() else { panic!("another one") };
        assert_eq!(text, "it is 1");
        for wide in [1 << 52, 1 << 61, -(1 << 61)] {
            assert_eq!(two(&function, &place, wide), (0, FAILED));
            assert!(matches!(place.take(), Some(LeafFailed::Wide(int)) if int == wide * 2));
        }
        for exact in [(1 << 52) - 1, -(1 << 52)] {
            assert_eq!(two(&function, &place, exact), (exact * 2, IDLE));
        }
    }

    /// What was left and never taken is the embedding's, and may do anything as it is dropped.
    #[test]
    fn what_was_left_before_may_panic_as_it_goes() {
        struct Falls;
        impl fmt::Display for Falls {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("falls")
            }
        }
        impl Drop for Falls {
            fn drop(&mut self) {
                panic!("as it goes");
            }
        }
        let place = LeafPlace::default();
        let function = |a: i64, _: i64| if a == 0 { Err(Falls) } else { Ok(a) };
        assert_eq!(two(&function, &place, 0), (0, FAILED));
        assert_eq!(two(&function, &place, 0), (0, FAILED));
        assert_eq!(two(&function, &place, 3), (3, IDLE));
        std::mem::forget(place.take());
    }

    #[test]
    fn a_place_shows_that_a_function_runs() {
        static PLACE: std::sync::Mutex<usize> = std::sync::Mutex::new(0);
        type Asks<F> = unsafe extern "C" fn(*const F, *const LeafPlace, bool, f64) -> bool;
        let place = LeafPlace::default();
        *PLACE.lock().unwrap() = from_ref(&place).expose_provenance();
        let function = |a: bool, b: f64| {
            let place = with_exposed_provenance::<LeafPlace>(*PLACE.lock().unwrap());
            // SAFETY: it is the one below, and this its thread.
            a && b == 0.5 && unsafe { (*place).runs() }
        };
        let ran = called::<_, _, Asks<_>>(&function, &place, |entry, function, place| {
            // SAFETY: both are borrowed here.
            i64::from(unsafe { entry(function, place, true, 0.5) })
        });
        assert_eq!(ran, (1, IDLE));
        assert!(!place.runs() && place.within(|| place.runs()));
    }
}
