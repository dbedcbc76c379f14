//! [`Var`]: a variable that the host reads and sets.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A variable of a plugin; a `static` under `#[var]`. Any thread may read and
/// write it, the host's and the plugin's own.
///
/// ```
/// use twinplug_sdk::Var;
/// static COUNT: Var<i64> = Var::new(1);
/// assert_eq!(COUNT.update(|count| *count += 1), 2);
/// ```
pub struct Var<T> {
    value: Mutex<Slot<T>>,
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
        Var { value: Mutex::new(Slot::Value(value)) }
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
        Var { value: Mutex::new(Slot::Unset(T::default)) }
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
        Var { value: Mutex::new(Slot::Unset(make)) }
    }

    /// A copy of the value.
    #[must_use]
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.access(|value| value.clone())
    }

    /// Sets the value.
    pub fn set(&self, value: T) {
        // The old value is dropped after the lock is gone: its drop may use the variable.
        let _old = std::mem::replace(&mut *self.lock(), Slot::Value(value));
    }

    /// Changes the value in place; a copy of what it is then.
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
    pub fn access<R>(&self, look: impl FnOnce(&mut T) -> R) -> R {
        let mut slot = self.lock();
        if let Slot::Unset(make) = *slot {
            *slot = Slot::Value(make());
        }
        match &mut *slot {
            Slot::Value(value) => look(value),
            Slot::Unset(_) => unreachable!("it was set above"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        // A panic in `update` leaves a value of type `T`; that is all that is promised.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.access(|value| f.debug_tuple("Var").field(value).finish())
    }
}
