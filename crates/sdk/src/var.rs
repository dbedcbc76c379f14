//! [`Var`]: a variable that the host reads and sets.

use std::cell::Cell;
use std::fmt;
use std::mem::needs_drop;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A variable of a plugin; a `static` under `#[var]`. Any thread may read and
/// write it, the host's and the plugin's own.
///
/// While a closure of [`Var::update`] or [`Var::access`] runs, other threads wait for the
/// variable. The closure's own thread cannot: it panics, also when it comes back by the
/// host, and where a function was called, its caller gets that as an error.
///
/// ```
/// use twinplug_sdk::Var;
/// static COUNT: Var<i64> = Var::new(1);
/// assert_eq!(COUNT.update(|count| *count += 1), 2);
/// ```
pub struct Var<T> {
    value: Mutex<Slot<T>>,
    /// The thread whose code runs while it has the value, or 0. Where that is known to be
    /// no code of the author's, it is not noted.
    owner: AtomicUsize,
}

enum Slot<T> {
    Value(T),
    /// Made at the first use: `Default` is not const.
    Unset(fn() -> T),
}

impl<T> Var<T> {
    /// A variable with this initial value.
    #[must_use]
    pub const fn new(value: T) -> Self {
        Var::of(Slot::Value(value))
    }

    /// A variable whose initial value is the type's default.
    #[must_use]
    #[allow(
        clippy::should_implement_trait,
        reason = "a static needs a const fn, the trait has none"
    )]
    pub const fn default() -> Self
    where
        T: Default,
    {
        Var::of(Slot::Unset(T::default))
    }

    /// A variable whose initial value is made at the first use: for what a `const`
    /// cannot be.
    ///
    /// ```
    /// use twinplug_sdk::Var;
    /// static NAMES: Var<Vec<String>> = Var::with(|| vec!["a".to_owned()]);
    /// assert_eq!(NAMES.get().len(), 1);
    /// ```
    #[must_use]
    pub const fn with(make: fn() -> T) -> Self {
        Var::of(Slot::Unset(make))
    }

    const fn of(slot: Slot<T>) -> Self {
        Var { value: Mutex::new(slot), owner: AtomicUsize::new(0) }
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// This thread is in a closure of [`Var::update`] or [`Var::access`] of the variable.
    #[must_use]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        let mut held = self.lock();
        // What has nothing to drop is numbers and the like, whose `clone` copies bytes.
        if const { needs_drop::<T>() } {
            held.note();
        }
        held.value().clone()
    }

    /// Sets the value.
    ///
    /// # Panics
    /// As [`Var::get`].
    pub fn set(&self, value: T) {
        // The old value is dropped after the lock is gone: its drop may use the variable.
        let _old = std::mem::replace(&mut *self.lock().slot, Slot::Value(value));
    }

    /// Changes the value in place; a copy of what it is then.
    ///
    /// # Panics
    /// As [`Var::get`]: the closure uses the value that it is given, and not the variable.
    pub fn update(&self, change: impl FnOnce(&mut T)) -> T
    where
        T: Clone,
    {
        self.access(|value| {
            change(value);
            value.clone()
        })
    }

    /// Looks at the value, or changes it, without copying it. Nobody else can
    /// use the variable meanwhile, this thread included.
    ///
    /// # Panics
    /// As [`Var::update`].
    pub fn access<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        let mut held = self.lock();
        held.note();
        look(held.value())
    }

    #[inline]
    fn lock(&self) -> Held<'_, T> {
        let slot = match self.value.try_lock() {
            Ok(slot) => slot,
            Err(TryLockError::WouldBlock) => self.wait(),
            // A panic in `update` leaves a value of type `T`; that is all that is promised.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        Held { slot, owner: &self.owner }
    }

    #[cold]
    fn wait(&self) -> MutexGuard<'_, Slot<T>> {
        // Relaxed: the one value that is looked for is what this thread itself has written.
        if self.owner.load(Ordering::Relaxed) == this_thread() {
            panic!(
                "a `Var` is used in a closure of its own `update` or `access`: use the value \
                 that the closure is given, or end it before"
            );
        }
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value, for one thread.
struct Held<'v, T> {
    slot: MutexGuard<'v, Slot<T>>,
    owner: &'v AtomicUsize,
}

impl<T> Held<'_, T> {
    /// Notes that code of the author's runs, which may use the variable again.
    fn note(&self) {
        self.owner.store(this_thread(), Ordering::Relaxed);
    }

    #[inline]
    fn value(&mut self) -> &mut T {
        if let Slot::Unset(make) = *self.slot {
            self.note();
            *self.slot = Slot::Value(make());
        }
        match &mut *self.slot {
            Slot::Value(value) => value,
            Slot::Unset(_) => unreachable!("it was set above"),
        }
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        // Before the lock is gone: afterwards it may be another thread's.
        self.owner.store(0, Ordering::Relaxed);
    }
}

/// A number of this thread's, never 0 and never another's. (A `ThreadId` does not go into
/// an atomic.)
fn this_thread() -> usize {
    static LAST: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<usize> = const { Cell::new(0) };
    }
    NUMBER.with(|number| {
        if number.get() == 0 {
            number.set(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        number.get()
    })
}

impl<T: fmt::Debug> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access(|value| f.debug_tuple("Var").field(value).finish())
    }
}
