//! Parameters and results of types that do not cross.

use twinplug_sdk::prelude::*;

/// Not `#[data]`.
pub struct Plain;

/// Not `Display`.
pub struct Silent;

#[plugin]
mod mistaken {
    use super::*;

    #[func]
    fn takes(number: i64, plain: Plain, more: Vec<i64>) {
        let _ = (number, plain, more);
    }

    #[func]
    fn lends(plain: &Vec<Plain>) {
        let _ = plain;
    }

    #[func]
    fn gives() -> Result<Vec<Plain>> {
        Ok(Vec::new())
    }

    #[func]
    fn fails() -> Result<i64, Silent> {
        Err(Silent)
    }

    #[on_save]
    fn saves() -> Plain {
        Plain
    }
}

fn main() {}
