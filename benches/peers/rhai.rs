//! rhai: scripts in a language of Rust's own. With `sync`, so that engine and script may be
//! shared by threads, as a plugin may.

use ::rhai::{Engine, Scope};

use crate::Rows;
use crate::ours::Ours;
use crate::side::calls;
use crate::work::sum;

pub(crate) fn measure(rows: &mut Rows) {
    let ours = Ours::new();
    let engine = Engine::new();
    let script = engine.compile("fn add(a, b) { a + b }").unwrap();
    let mut scope = Scope::new();
    let mut add =
        |a: i64, b: i64| engine.call_fn::<i64>(&mut scope, &script, "add", (a, b)).unwrap();
    rows.row("lua_call", "rhai, sync", |rows| {
        rows.effort.compare(calls(&ours), |repetitions| sum(repetitions, &mut add))
    });
}
