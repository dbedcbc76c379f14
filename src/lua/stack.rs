//! The calls that lead to a place, as a traceback shows them: the script's, and not ours.

use std::ffi::c_int;
use std::ptr;

use mlua::{Lua, LuaString, Thread, ffi};

use super::{host_functions, limits};

/// So many calls are shown from either end of a stack, as Lua's own tracebacks have it.
const SHOWN: usize = 10;

/// Of a deeper stack the outer calls are not told: Lua looks for each of them from the
/// inside out, which of the 200,000 calls of an overflow takes a second.
const DEEPEST: usize = 5000;

/// A traceback in bytes, before the stack that it leads to is added.
const LONGEST: usize = 16 << 10;

/// What the prelude is called in messages and tracebacks.
pub(super) const PRELUDE: &str = "[twinplug]";

/// Whether it is a function of the host, or what raises the error of a leaf function, that runs
/// at a level of a coroutine that does not run, or of this one.
fn is_host_function(lua: &Lua, thread: Option<&Thread>, level: c_int) -> bool {
    let mut is_one = false;
    // SAFETY: as in `Stack::of`. A stack that is full has some room left, and what is put there
    // goes at once.
    let ran = unsafe {
        lua.exec_raw::<()>(thread, |state| {
            let thread = ffi::lua_tothread(state, 1);
            let on = if thread.is_null() { state } else { thread };
            if limits::push_function(on, level) {
                is_one = host_functions::is_one(on, -1);
                #[cfg(feature = "luajit")]
                {
                    is_one |= super::leaf::is_settle(on, -1);
                }
                ffi::lua_settop(on, -2);
            }
            ffi::lua_settop(state, 0);
        })
    };
    ran.is_ok() && is_one
}

/// The calls of a coroutine, the innermost first.
pub(super) struct Stack {
    frames: Vec<String>,
    /// Whether the innermost one is ours: an error is raised on a script's behalf.
    is_raised_by_us: bool,
}

impl Stack {
    /// The stack of the function that has called us.
    pub(super) fn here(lua: &Lua) -> Stack {
        let text = lua.traceback(None, 1).map(|text| text.to_string_lossy());
        // What is above it: `exec_raw`'s function, the handler, and the prelude's that called
        // that.
        let raised_by_host = (2..=3).any(|level| is_host_function(lua, None, level));
        Stack::read(&text.unwrap_or_default(), raised_by_host)
    }

    /// The stack of a coroutine that does not run.
    pub(super) fn of(lua: &Lua, thread: &Thread) -> Stack {
        let raised_by_host = is_host_function(lua, Some(thread), 0);
        if let Some(calls) = Stack::innermost(lua, thread) {
            return Stack::read(&calls, raised_by_host);
        }
        let traceback = |state: *mut ffi::lua_State| {
            // SAFETY: `exec_raw` runs this inside a protected call, over no frame of ours
            // with anything to drop, on a state whose only value is the thread that it was
            // given. That thread is of the same VM, alive as the stack holds it, and does
            // not run meanwhile: we hold the VM's lock.
            unsafe {
                let thread = ffi::lua_tothread(state, 1);
                ffi::luaL_traceback(state, thread, ptr::null(), 0 as c_int);
                ffi::lua_replace(state, 1);
            }
        };
        // SAFETY: what the closure leaves on the stack is one string.
        let text = unsafe { lua.exec_raw::<LuaString>(thread, traceback) };
        let text = text.map(|text| text.to_string_lossy()).unwrap_or_default();
        Stack::read(&text, raised_by_host)
    }

    /// The end of a deep stack; `None` if it is not deep.
    fn innermost(lua: &Lua, thread: &Thread) -> Option<String> {
        let mut calls = None;
        // SAFETY: as in `of`; neither raises.
        let ran = unsafe {
            lua.exec_raw::<()>(thread, |state| {
                let thread = ffi::lua_tothread(state, 1);
                if limits::is_deeper(thread, DEEPEST) {
                    calls = Some(limits::calls(thread, 2 * SHOWN));
                }
                ffi::lua_settop(state, 0);
            })
        };
        ran.ok().and(calls)
    }

    /// Reads a traceback as Lua writes it, and leaves out its head and what is ours: the
    /// prelude, and the C functions that it calls, and a function of the host's, of which the
    /// error itself tells.
    fn read(traceback: &str, raised_by_host: bool) -> Stack {
        let lines = traceback.lines().skip_while(|line| !line.starts_with('\t'));
        let lines: Vec<_> = lines.map(str::trim_start).collect();
        let is_mark = |line: &str| line.starts_with("(...");
        let is_prelude = |line: &&str| line.starts_with(PRELUDE);
        let raised_at = lines.iter().take_while(|line| is_prelude(line)).count();
        let is_ours = |at: usize| {
            let line = lines[at];
            raised_by_host && at == raised_at
                || line.starts_with(PRELUDE)
                || line.starts_with("[C]:")
                    && match lines[at + 1..].iter().find(|line| !is_mark(line)) {
                        Some(caller) => caller.starts_with(PRELUDE),
                        // What runs a call: LuaJIT keeps no frame of who tail called it.
                        // And finds the names of globals alone.
                        None => line.ends_with(" 'xpcall'") || line == "[C]: in ?",
                    }
        };
        let mut frames = Vec::new();
        let mut ours = false;
        for (at, line) in lines.iter().enumerate() {
            // A mark is about the call before it.
            if !is_mark(line) {
                ours = is_ours(at);
            }
            if !ours {
                frames.push((*line).to_owned());
            }
        }
        if let Some(more) = frames.len().checked_sub(2 * SHOWN + 2) {
            let skipped = format!("...\t(skipping {} levels)", more + 1);
            frames.splice(SHOWN..=SHOWN + more, [skipped]);
        }
        Stack { is_raised_by_us: !lines.is_empty() && is_ours(0), frames }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(super) fn is_raised_by_us(&self) -> bool {
        self.is_raised_by_us
    }

    /// The message of an error, with the script's place in place of one of ours: a function of
    /// Lua's that the prelude calls knows no other.
    pub(super) fn placed(&self, message: String) -> String {
        let rest = message.strip_prefix(PRELUDE).and_then(|rest| rest.strip_prefix(':'));
        let Some((_, rest)) = rest.and_then(|rest| rest.split_once(": ")) else { return message };
        let place = self.frames.first().and_then(|frame| frame.split_once(": in "));
        place.map_or_else(|| rest.to_owned(), |(place, _)| format!("{place}: {rest}"))
    }

    /// Whether one of the calls is at the place that a message starts with.
    pub(super) fn is_at(&self, message: &str) -> bool {
        self.frames.iter().any(|frame| {
            frame.split_once(" in ").is_some_and(|(place, _)| message.starts_with(place))
        })
    }

    /// The traceback of an error that came from further in.
    pub(super) fn after(&self, inner: &str) -> String {
        // Of coroutines in coroutines without an end, the innermost are told.
        if inner.len() > LONGEST {
            return inner.to_owned();
        }
        let inner = (!inner.is_empty()).then_some(inner);
        let frames = self.frames.iter().map(String::as_str);
        inner.into_iter().chain(frames).collect::<Vec<_>>().join("\n")
    }
}
