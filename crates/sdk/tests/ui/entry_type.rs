//! Types that are not the function's.

use twinplug_sdk::export::{self, Arity, Caller, DirectOf, Export, Func, Parameter, Values};

struct Gives;
impl Func for Gives {
    type Params = Arity<0>;
    type Outcome = i64;
    fn call(_: &Caller<'_>, (): Values<Self>) -> i64 {
        1
    }
}

static TYPE: Export =
    export::func::<Gives>().direct(DirectOf::<Gives>::ENTRY).described(b"f\0", b"(by: int) -> int\0");

struct Two;
impl Parameter<0> for Two {
    type Type = i64;
    const NAME: &'static str = "a: int, b";
}
impl Func for Two {
    type Params = Arity<1>;
    type Outcome = i64;
    fn call(_: &Caller<'_>, (a,): Values<Self>) -> i64 {
        a
    }
}

static NAME: Export = export::func::<Two>()
    .direct(DirectOf::<Two>::ENTRY)
    .described(b"f\0", b"(a: int, b: int) -> int\0");

fn main() {}
