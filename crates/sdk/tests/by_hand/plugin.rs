//! A plugin by hand: a variable, two functions, an init and a hook.

use twinplug_sdk::export::{
    self, Arity, Caller, Described, DirectOf, Export, Func, Hooks, Identity, Parameter, Plugin,
    Section, Values, Variable,
};
// In scope for `DirectOf` of functions that have no direct entry.
use twinplug_sdk::export::NoDirect as _;
use twinplug_sdk::prelude::*;

// What the author writes under the attributes.

static COUNT: Var<i64> = Var::new(0);

fn init() {
    COUNT.set(1);
}

fn add(by: i64) -> Result<i64> {
    if by < 0 {
        return Err(Error::new("cannot count down"));
    }
    Ok(COUNT.update(|count| *count += by))
}

fn tell(host: &HostRef, name: &str, times: Option<i64>) -> Result<String> {
    host.call("tell", (format!("{name}: {}", COUNT.get() * times.unwrap_or(1)),))
}

fn save() -> i64 {
    COUNT.get()
}

// For each of these a type that stands for it, so that entries are generic functions.

struct Count;
impl Variable for Count {
    type Var = Var<i64>;
}

struct Add;
impl Parameter<0> for Add {
    type Type = i64;
    const NAME: &'static str = "by";
}
impl Func for Add {
    type Params = Arity<1>;
    type Outcome = Result<i64>;
    fn call(_: &Caller<'_>, (by,): Values<Self>) -> Self::Outcome {
        add(by)
    }
}

struct Tell;
impl Parameter<0> for Tell {
    type Type = String;
    const NAME: &'static str = "name";
}
impl Parameter<1> for Tell {
    type Type = Option<i64>;
    const NAME: &'static str = "times";
}
impl Func for Tell {
    type Params = Arity<2>;
    type Outcome = Result<String>;
    fn call(caller: &Caller<'_>, (name, times): Values<Self>) -> Self::Outcome {
        tell(&caller.host(), &name, times)
    }
}

struct Init;
impl Func for Init {
    type Params = Arity<0>;
    type Outcome = ();
    fn call(_: &Caller<'_>, (): Values<Self>) {
        init();
    }
}

struct Save;
impl Func for Save {
    type Params = Arity<0>;
    type Outcome = i64;
    fn call(_: &Caller<'_>, (): Values<Self>) -> i64 {
        save()
    }
}

// The section, which is read from the file before any code of it runs.

const IDENTITY: Identity = Identity::new("counter\0", "1.2.0\0").unload();

const DESCRIBED: [Described; 3] = [
    Described::var::<Count>("Count"),
    Described::func::<Add>("add"),
    Described::func::<Tell>("tell"),
];

#[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = ".twinplug"))]
#[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__twinplug"))]
#[cfg_attr(windows, unsafe(link_section = ".twinplg"))]
#[used]
static SECTION: Section<{ export::section_length(IDENTITY, &DESCRIBED) }> =
    Section::new(IDENTITY, &DESCRIBED);

// The table. Names and types are C strings; `Described` can write them as well.

static EXPORTS: [Export; 3] = [
    export::var::<Count>(&COUNT).described(b"Count\0", b"int\0"),
    export::func::<Add>().direct(DirectOf::<Add>::ENTRY).described(b"add\0", b"(by: int) -> int\0"),
    export::func::<Tell>()
        .direct(DirectOf::<Tell>::ENTRY)
        .described(b"tell\0", b"(name: string, times: int?) -> string\0"),
];

/// What a host looks for. (In its own tests it stands beside another.)
#[cfg_attr(not(test), unsafe(no_mangle))]
#[allow(non_upper_case_globals, reason = "the name that the ABI fixes")]
pub static twinplug_plugin: Plugin =
    export::plugin(IDENTITY, &SECTION, &EXPORTS, Hooks::new().init::<Init>().on_save::<Save>());
