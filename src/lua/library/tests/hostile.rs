//! Scripts that would stay in C for long, or for ever, each in a test of its name.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use mlua::{Error, Lua, VmState};

use super::super::poll::tests::DEADLINE;
use super::{exported, guarded};

/// What each may run before it is told to end, and how long it may take then.
const RUNS: Duration = Duration::from_millis(100);
const ENDS: Duration = Duration::from_secs(2);

/// Raises at the next instruction once the time is over, and at each one from then on, so
/// that no `pcall` goes on.
fn limit(lua: &Lua, deadline: Instant) {
    let is_over = move || Instant::now() >= deadline;
    let over = || Err(Error::runtime("the time is over"));
    #[cfg(feature = "luau")]
    lua.set_interrupt(move |_| if is_over() { over() } else { Ok(VmState::Continue) });
    #[cfg(not(feature = "luau"))]
    {
        let each = |count| mlua::HookTriggers::new().every_nth_instruction(count);
        lua.set_hook(each(1000), move |lua, _| {
            if !is_over() {
                return Ok(VmState::Continue);
            }
            lua.set_hook(each(1), move |_, _| over())?;
            over()
        })
        .unwrap();
    }
    // Hooks are not looked at in code that LuaJIT has compiled.
    #[cfg(feature = "luajit")]
    lua.load("jit.off(); jit.flush()").exec().unwrap();
}

fn check(name: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile/cpu");
    let text = fs::read_to_string(folder.join(name).with_extension("lua")).unwrap();
    let lua = guarded();
    let attack = exported(&lua, &text, "attack");
    let began = Instant::now();
    let deadline = began + RUNS;
    limit(&lua, deadline);
    DEADLINE.set(Some(deadline));
    let error = attack.call::<()>(()).unwrap_err().to_string();
    DEADLINE.set(None);
    let took = began.elapsed();
    assert!(took >= RUNS, "it ended by itself: {error}");
    assert!(took < ENDS, "it took {took:?}: {error}");
}

macro_rules! rows {
    ($($name:ident)*) => {$(
        #[test]
        fn $name() {
            check(stringify!($name));
        }
    )*};
}

rows! {
    concat_through_a_chain
    date_of_a_long_format
    find_again
    find_backtracking
    find_balanced
    find_plain
    find_with_a_large_set
    format_of_cut_texts
    format_widths
    gmatch_backtracking
    gsub_backtracking
    gsub_in_c
    gsub_of_empty_captures
    insert_far_below
    insert_with_metamethods
    load_of_an_endless_reader
    load_of_deep_names
    match_backtracking
    move_over_a_huge_range
    move_with_metamethods
    remove_with_metamethods
    rep_of_nothing
    sort_in_c
    sort_of_long_texts
    split_by_a_long_text
    unpack_through_a_chain
}
