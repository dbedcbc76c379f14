//! Direct entries and types that are not the function's.

use twinplug_sdk::export::{self, Arity, Caller, DirectOf, Export, Func, Parameter, Values};

struct Takes;
impl Parameter<0> for Takes {
    type Type = i64;
    const NAME: &'static str = "by";
}
impl Func for Takes {
    type Params = Arity<1>;
    type Outcome = i64;
    fn call(_: &Caller<'_>, (by,): Values<Self>) -> i64 {
        by
    }
}

struct Gives;
impl Func for Gives {
    type Params = Arity<0>;
    type Outcome = i64;
    fn call(_: &Caller<'_>, (): Values<Self>) -> i64 {
        1
    }
}

static OTHER: Export =
    export::func::<Takes>().direct(DirectOf::<Gives>::ENTRY).described(b"f\0", b"(by: int) -> int\0");

fn main() {}
