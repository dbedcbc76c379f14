//! The Lua that scripts run on top of, in parts, and when each of them is run.
//!
//! A part is run when something that it makes is first asked for: most scripts need few of
//! them. Each gets the same table, `raw`, in which it finds what is below it (`foundation`)
//! and the functions in Rust, and into which it puts what other parts use. What is not in
//! there yet is made by `missing`; a global that scripts ask for, by `missing_global`.
//!
//! So a part runs in the middle of a script, and a limit may cut it off. It is then run anew
//! the next time: what it makes goes into `raw` and `library` at its end, and what it has
//! changed until then may be changed once more. Nor does it trust what scripts can change:
//! the tables of the library. What it needs of these is in `raw`. Nor does it ask for a global
//! that there may not be, as that asks the script (`globals.lua`).
//!
//! A part is compiled once in a process. Its text is ours, and so is the bytecode.

#[cfg(test)]
mod tests;

use std::ffi::{CStr, c_int};
use std::sync::OnceLock;

use mlua::ffi::{self, lua_State};

use super::border::refer;
use super::raw::Reference;
use super::vm::Core;
use super::{host_table, library, limits, references};

/// A part of the prelude.
pub(super) struct Part {
    text: &'static str,
    code: OnceLock<Vec<u8>>,
}

static CALLS: Part = Part::new(include_str!("prelude/calls.lua"));
static CHANNELS: Part = Part::new(include_str!("prelude/channels.lua"));
static COROUTINES: Part = Part::new(include_str!("prelude/coroutines.lua"));
static DECLARED: Part = Part::new(include_str!("prelude/declared.lua"));
static EVENTS: Part = Part::new(include_str!("prelude/events.lua"));
/// On LuaJIT it is run with the foundation: it compiles no loop in which a function in C is asked
/// for a global.
pub(super) static GLOBALS: Part = Part::new(include_str!("prelude/globals.lua"));
static HOST: Part = Part::new(include_str!("prelude/host.lua"));
static LIBRARY: Part = Part::new(include_str!("prelude/library.lua"));
static LOG: Part = Part::new(include_str!("prelude/log.lua"));
static MODULES: Part = Part::new(include_str!("prelude/modules.lua"));
static PLUGINS: Part = Part::new(include_str!("prelude/plugins.lua"));
static PRINT: Part = Part::new(include_str!("prelude/print.lua"));
static REFERENCES: Part = Part::new(include_str!("prelude/references.lua"));
static SLOW: Part = Part::new(include_str!("prelude/slow.lua"));
static WAITS: Part = Part::new(include_str!("prelude/waits.lua"));

/// Run with the foundation, for a plugin that was granted something.
pub(super) static DOORS: Part = Part::new(include_str!("prelude/doors.lua"));

/// Run with the foundation, before anything is taken out of the library.
#[cfg(feature = "luajit")]
pub(super) static NATIVE_STACK: Part = Part::new(include_str!("prelude/native_stack.lua"));

/// Where a global comes from that is made once a script asks for it.
enum Source {
    Part(&'static Part),
    /// A library, which is opened.
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    Library(ffi::lua_CFunction),
}

static LAZY: &[(&CStr, Source)] = &[
    (c"collectgarbage", Source::Part(&LIBRARY)),
    (c"coroutine", Source::Part(&COROUTINES)),
    (c"getmetatable", Source::Part(&GLOBALS)),
    (c"host", Source::Part(&HOST)),
    #[cfg(not(feature = "luau"))]
    (c"load", Source::Part(&LIBRARY)),
    #[cfg(not(feature = "luau"))]
    (c"loadstring", Source::Part(&LIBRARY)),
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    (c"math", Source::Library(ffi::luaopen_math)),
    (c"pcall", Source::Part(&CALLS)),
    (c"print", Source::Part(&PRINT)),
    (c"require", Source::Part(&MODULES)),
    (c"setmetatable", Source::Part(&GLOBALS)),
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    (c"utf8", Source::Library(ffi::luaopen_utf8)),
    (c"xpcall", Source::Part(&CALLS)),
];

/// The name of a global that is made once a script asks for it.
pub(super) fn lazy(name: &[u8]) -> Option<&'static CStr> {
    LAZY.iter().map(|(lazy, _)| *lazy).find(|lazy| lazy.to_bytes() == name)
}

/// The part that puts this into `raw`.
fn of_raw(name: &[u8]) -> Option<&'static Part> {
    Some(match name {
        b"check" | b"error" | b"finish" | b"no_wait" => &WAITS,
        b"has_environment" => &LIBRARY,
        b"host_any" | b"host_register" | b"host_state" => &DECLARED,
        b"host_base" | b"host_has_plugin" | b"host_plugin" => &PLUGINS,
        b"host_channel" => &CHANNELS,
        b"host_log" => &LOG,
        b"host_on" => &EVENTS,
        b"joined" => &PRINT,
        b"host_buffer"
        | b"host_list"
        | b"host_object"
        | b"known_references"
        | b"reference_functions"
        | b"held_meta"
        | b"make_buffer"
        | b"make_function"
        | b"make_object" => &REFERENCES,
        b"settle" => &CALLS,
        b"slow" => &SLOW,
        _ => return None,
    })
}

impl Part {
    const fn new(text: &'static str) -> Part {
        Part { text, code: OnceLock::new() }
    }

    /// Runs it. In messages and tracebacks it is `[twinplug]`. May raise.
    ///
    /// # Safety
    /// `state` runs a C function, has `raw` at that index, and room for some values.
    pub(super) unsafe fn run(&self, state: *mut lua_State, raw: c_int) {
        // SAFETY: as the caller says. Nothing is left to drop where Lua may raise, and what
        // is loaded is our own code, which the program keeps.
        unsafe {
            let Some(code) = self.code() else { out_of_memory(state) };
            let status = load(state, code);
            if status != ffi::LUA_OK {
                out_of_memory(state)
            }
            ffi::lua_pushvalue(state, raw);
            ffi::lua_call(state, 1, 0);
        }
    }

    /// `None` where there is no memory for it.
    fn code(&self) -> Option<&[u8]> {
        if self.code.get().is_none() {
            // Another thread may have been quicker, with the same.
            let _ = self.code.set(self.compile().ok()?);
        }
        self.code.get().map(Vec::as_slice)
    }

    #[cfg(not(feature = "luau"))]
    fn compile(&self) -> mlua::Result<Vec<u8>> {
        let lua = mlua::Lua::new_with(mlua::StdLib::NONE, mlua::LuaOptions::new())?;
        let chunk = lua.load(self.text).set_name(NAME.to_string_lossy());
        Ok(chunk.set_mode(mlua::chunk::ChunkMode::Text).into_function()?.dump(false))
    }

    #[cfg(feature = "luau")]
    fn compile(&self) -> mlua::Result<Vec<u8>> {
        mlua::chunk::Compiler::new().compile(self.text)
    }
}

/// A chunk's name, of which messages show what is behind the sign: `stack::PRELUDE`.
const NAME: &CStr = c"=[twinplug]";

/// Puts the function on the stack, or an error, which is that there is no memory; says which.
/// May raise in Luau.
///
/// # Safety
/// As `Part::run`. The code is what `Part::compile` has made.
unsafe fn load(state: *mut lua_State, code: &[u8]) -> c_int {
    let (start, size) = (code.as_ptr().cast(), code.len());
    // SAFETY: as the caller says.
    #[cfg(not(feature = "luau"))]
    unsafe {
        ffi::luaL_loadbufferx(state, start, size, NAME.as_ptr(), c"b".as_ptr())
    }
    // SAFETY: as the caller says.
    #[cfg(feature = "luau")]
    unsafe {
        ffi::luau_load(state, NAME.as_ptr(), start, size, 0)
    }
}

/// The metamethod of the library's own table, which scripts find in place of what they have
/// not defined; its upvalue is `raw`.
pub(super) unsafe extern "C-unwind" fn missing_global(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with the table and a key, and it has room for more values. The
    // foundation has made the upvalue.
    unsafe {
        let Some(name) = library::text(state, 2) else { return 0 };
        // The prelude asks for some that are there.
        ffi::lua_pushvalue(state, 2);
        if ffi::lua_rawget(state, 1) != ffi::LUA_TNIL {
            return 1;
        }
        match LAZY.iter().find(|(lazy, _)| lazy.to_bytes() == name) {
            None => return 0,
            Some((_, Source::Part(part))) => part.run(state, ffi::lua_upvalueindex(1)),
            #[cfg(any(feature = "lua54", feature = "lua55"))]
            Some((name, Source::Library(open))) => {
                ffi::luaL_requiref(state, name.as_ptr(), *open, 0);
                ffi::lua_setfield(state, 1, name.as_ptr());
            }
        }
        ffi::lua_settop(state, 2);
        ffi::lua_rawget(state, 1);
        1
    }
}

/// The metamethod of `raw`; its upvalue is the core, or null.
pub(super) unsafe extern "C-unwind" fn missing(state: *mut lua_State) -> c_int {
    // SAFETY: as above. The core lives as long as the VM, and the key stays on the stack.
    unsafe {
        let Some(name) = library::text(state, 2) else { return 0 };
        if let Some(part) = of_raw(name) {
            part.run(state, 1);
        } else {
            let core = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Core>();
            match function(name) {
                Some(function) => library::push(state, function, c"prelude", 0),
                None if name == b"lazy" => push_lazy(state),
                #[cfg(any(feature = "lua54", feature = "lua55"))]
                None if matches!(name, b"coroutine" | b"running" | b"yield") => {
                    push_coroutine(state, name);
                }
                None => match core.as_ref().and_then(|core| made(core, name)) {
                    None => return 0,
                    Some(Err(OutOfMemory)) => out_of_memory(state),
                    Some(Ok(value)) => {
                        value.push(state);
                        value.release(state);
                    }
                },
            }
            ffi::lua_pushvalue(state, 2);
            ffi::lua_insert(state, -2);
            ffi::lua_rawset(state, 1);
        }
        ffi::lua_settop(state, 2);
        ffi::lua_rawget(state, 1);
        1
    }
}

/// Pushes a table that has the names of `LAZY`. May raise.
///
/// # Safety
/// As `Part::run`.
unsafe fn push_lazy(state: *mut lua_State) {
    // SAFETY: as the caller says.
    unsafe {
        ffi::lua_createtable(state, 0, LAZY.len() as c_int);
        for (name, _) in LAZY {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_setfield(state, -2, name.as_ptr());
        }
    }
}

/// Pushes the library `coroutine` before anything in it is replaced, or that function of it. May
/// raise.
///
/// # Safety
/// As `Part::run`.
#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe fn push_coroutine(state: *mut lua_State, name: &[u8]) {
    // SAFETY: as the caller says.
    unsafe {
        if name == b"coroutine" {
            ffi::luaL_requiref(state, c"coroutine".as_ptr(), ffi::luaopen_coroutine, 0);
            return;
        }
        // That one may have been replaced.
        ffi::lua_pushcclosure(state, ffi::luaopen_coroutine, 0);
        ffi::lua_call(state, 0, 1);
        ffi::lua_pushlstring(state, name.as_ptr().cast(), name.len());
        ffi::lua_gettable(state, -2);
        ffi::lua_remove(state, -2);
    }
}

/// A function in Rust that needs to know nothing of its VM.
fn function(name: &[u8]) -> Option<ffi::lua_CFunction> {
    let found = limits::function(name).or_else(|| library::function(name));
    found.or_else(|| references::function(name)).or(match name {
        #[cfg(feature = "luajit")]
        b"has_room" => Some(super::native_stack::has_room),
        _ => None,
    })
}

/// Lua has no memory for what was to be made.
struct OutOfMemory;

/// What only this VM's core can make; `None` where it is nothing.
fn made(core: &Core, name: &[u8]) -> Option<Result<Reference, OutOfMemory>> {
    let lua = core.border.lua();
    let value = host_table::make(core, name)?.and_then(|value| refer(lua, value));
    Some(value.map_err(|_| OutOfMemory))
}

/// Raises that there is no memory, which ends the call.
///
/// # Safety
/// As `Part::run`, with nothing to drop.
#[cold]
unsafe fn out_of_memory(state: *mut lua_State) -> ! {
    // SAFETY: as the caller says.
    unsafe {
        limits::run_out(state);
        ffi::lua_pushstring(state, c"not enough memory".as_ptr());
        ffi::lua_error(state)
    }
}
