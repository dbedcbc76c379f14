//! `#[var]` and `#[state]`, as far as the macro sees it.

use twinplug_sdk::prelude::*;

#[plugin]
mod mutable {
    #[var]
    static mut COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod conditional {
    #[cfg(unix)]
    #[state]
    static COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod unknown_key {
    #[var(title = "x")]
    static COUNT: Var<i64> = Var::new(0);
    #[state(leaf)]
    static MORE: Var<i64> = Var::new(0);
}

#[plugin]
mod no_name {
    #[var(name = "")]
    static COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod not_a_list {
    #[var = "x"]
    static COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod twice {
    #[var]
    #[var]
    static COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod both {
    #[state]
    #[var]
    static COUNT: Var<i64> = Var::new(0);
}

#[plugin]
mod misplaced {
    #[var]
    fn function() {}
    #[state]
    const CONSTANT: i64 = 0;
    #[func]
    static COUNT: Var<i64> = Var::new(0);
    #[init]
    struct Struct;
}

#[plugin]
mod same_name {
    #[var(name = "x")]
    static COUNT: Var<i64> = Var::new(0);
    #[state]
    static x: Var<i64> = Var::new(0);
    #[func(name = "x")]
    fn function() {}
}

fn main() {}
