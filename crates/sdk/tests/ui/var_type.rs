//! `#[var]` and `#[state]` of types that are no `Var`, or do not cross.

use twinplug_sdk::prelude::*;

/// Not `#[data]`.
#[derive(Clone)]
pub struct Plain;

#[plugin]
mod mistaken {
    use super::*;

    #[var]
    static BARE: i64 = 0;

    #[var]
    static PLAIN: Var<Option<Plain>> = Var::with(|| None);

    #[state]
    static LOCKED: std::sync::Mutex<i64> = std::sync::Mutex::new(0);
}

fn main() {}
