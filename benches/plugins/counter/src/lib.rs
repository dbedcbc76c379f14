//! A plugin with state: a reload must know whether a call of it runs.

use twinplug_sdk::prelude::*;

#[plugin(name = "counter")]
mod counter {
    use super::*;

    #[var]
    static COUNT: Var<i64> = Var::new(0);

    #[func]
    fn add(a: i64, b: i64) -> i64 {
        a.wrapping_add(b)
    }

    #[func]
    fn count(by: i64) -> i64 {
        COUNT.update(|count| *count += by)
    }
}
