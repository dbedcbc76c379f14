//! Where a script was when a limit stopped it.

use std::ffi::{CStr, c_char};
use std::fmt::Write;

use mlua::ffi::{self, lua_Debug, lua_State};

/// More calls are left out, of those that are looked at: finding one costs as much as its
/// depth.
const MOST_CALLS: usize = 20;
const MOST_LEVELS: i32 = 200;

/// The line that ran, and the calls that led there.
#[derive(Default)]
pub(super) struct Place {
    /// `file.lua:12`, if it is known.
    pub(super) line: Option<String>,
    /// A line each, the innermost first, as Lua's tracebacks have them.
    pub(super) calls: String,
}

impl Place {
    /// Reads a coroutine's calls. Allocates nothing in Lua, and leaves its stack as it is.
    pub(super) fn of(state: *mut lua_State) -> Place {
        let mut place = Place::default();
        let mut shown = 0;
        for level in 0..MOST_LEVELS {
            let Some(call) = Call::at(state, level) else { break };
            // The prelude's are ours, and not the script's.
            if call.line <= 0 || call.source == "[twinplug]" {
                continue;
            }
            if shown == MOST_CALLS {
                place.calls.push_str("\n...");
                break;
            }
            shown += 1;
            let line = format!("{}:{}", call.source, call.line);
            let separator = if place.calls.is_empty() { "" } else { "\n" };
            // Writing to a string cannot fail.
            let _ = write!(place.calls, "{separator}{line}: in {}", call.described());
            place.line.get_or_insert(line);
        }
        place
    }
}

/// Whether a coroutine that does not run is in more calls than that.
pub(in crate::lua) fn is_deeper(state: *mut lua_State, levels: usize) -> bool {
    let level = i32::try_from(levels).unwrap_or(i32::MAX);
    // SAFETY: `lua_Debug` is numbers, characters and pointers: zeroed, it is one.
    let mut debug: lua_Debug = unsafe { std::mem::zeroed() };
    read(state, level, &mut debug)
}

/// The innermost calls of a deep stack, as Lua's tracebacks have them.
pub(in crate::lua) fn calls(state: *mut lua_State, levels: usize) -> String {
    let calls = (0..).take(levels).filter_map(|level| Call::at(state, level));
    let calls = calls.filter(|call| call.line > 0);
    let calls =
        calls.map(|call| format!("\t{}:{}: in {}\n", call.source, call.line, call.described()));
    calls.chain(["\t...\n".to_owned()]).collect()
}

/// Pushes the function that runs at a level; false if there is no such level, or no room.
///
/// # Safety
/// The coroutine is of a VM that is entered.
pub(in crate::lua) unsafe fn push_function(state: *mut lua_State, level: i32) -> bool {
    // SAFETY: as the caller says; `lua_Debug` may be zero. With this option it pushes one
    // value, for which room is asked first.
    unsafe {
        let mut debug: lua_Debug = std::mem::zeroed();
        #[cfg(feature = "luau")]
        let is_there = ffi::lua_getinfo(state, level, c"f".as_ptr(), &raw mut debug) != 0;
        #[cfg(not(feature = "luau"))]
        let is_there = ffi::lua_checkstack(state, 1) != 0
            && ffi::lua_getstack(state, level, &raw mut debug) != 0
            && ffi::lua_getinfo(state, c"f".as_ptr(), &raw mut debug) != 0;
        is_there
    }
}

struct Call {
    source: String,
    line: i32,
    name: Option<String>,
    is_main: bool,
    defined: i32,
}

impl Call {
    fn described(&self) -> String {
        match &self.name {
            Some(name) => format!("function '{name}'"),
            None if self.is_main => "main chunk".to_owned(),
            None => format!("function <{}:{}>", self.source, self.defined),
        }
    }

    fn at(state: *mut lua_State, level: i32) -> Option<Call> {
        // SAFETY: `lua_Debug` is numbers, characters and pointers: zeroed, it is one.
        let mut debug: lua_Debug = unsafe { std::mem::zeroed() };
        if !read(state, level, &mut debug) {
            return None;
        }
        Some(Call {
            source: text(short_source(&debug))?,
            line: debug.currentline,
            name: text(debug.name).filter(|name| name != "?"),
            is_main: text(debug.what).is_some_and(|what| what == "main"),
            defined: debug.linedefined,
        })
    }
}

#[cfg(not(feature = "luau"))]
fn read(state: *mut lua_State, level: i32, debug: &mut lua_Debug) -> bool {
    // SAFETY: `state` is the coroutine that runs, and whose hook or function called this:
    // it stays while that has not returned. Neither of the two raises with these options.
    unsafe {
        ffi::lua_getstack(state, level, debug) != 0
            && ffi::lua_getinfo(state, c"Sln".as_ptr(), debug) != 0
    }
}

#[cfg(feature = "luau")]
fn read(state: *mut lua_State, level: i32, debug: &mut lua_Debug) -> bool {
    // SAFETY: `state` is the coroutine that runs, and whose interrupt or function called
    // this: it stays while that has not returned. With these options it does not raise.
    unsafe { ffi::lua_getinfo(state, level, c"sln".as_ptr(), debug) != 0 }
}

#[cfg(not(feature = "luau"))]
fn short_source(debug: &lua_Debug) -> *const c_char {
    debug.short_src.as_ptr()
}

#[cfg(feature = "luau")]
fn short_source(debug: &lua_Debug) -> *const c_char {
    debug.short_src
}

fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: null, or a text with a zero at its end that Lua has just filled in.
    let text = (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) })?;
    Some(text.to_string_lossy().into_owned())
}
