//! Lua's library, made so that a time limit can end it.
//!
//! A limit stops a script at its next Lua instruction, and a function in C runs none. So a
//! function whose loop in C could take long has a guard in its place: a C function that looks
//! at the arguments, goes on in the original where the work is small, and else does the work
//! in a loop that asks whether the call is over (`Poll`), or in the prelude's Lua. The
//! original is called in the guard's own frame, so its errors are what they were.
//!
//! What needs no guard: loops over memory that is there or is made (16 million entries take
//! 0.2 s at most, 256 MiB of text 1 s), and what runs Lua anyway.
//!
//! | function | without end, or long, with | it is |
//! |---|---|---|
//! | `find match gmatch gsub` | patterns that try each way; sets of a megabyte; long plain texts; replacements that are C functions, or of many empty captures | `strings`, `patterns`, prelude |
//! | `rep` | 2^60 times nothing, in 5.4; nothing else loops in vain | `strings` |
//! | `format` | thousands of long items that are cut short, or of 99 digits | bounded: `strings` |
//! | `split` (Luau) | separators of a megabyte | prelude |
//! | `insert remove move concat unpack` | lengths and items that metamethods make up (5.4, 5.5); ranges far outside the table | `tables`, prelude |
//! | `sort` | the default order, or one in C: nothing in Lua runs | `tables`: an order that asks |
//! | `find foreach foreachi` (Luau) | metamethods and functions in C | prelude |
//! | `load` | readers in C; texts that take long to compile | prelude: a reader in Lua |
//! | `os.date` | formats of megabytes | bounded: `strings` |
//! | `byte char upper lower reverse len sub pack unpack packsize utf8 buffer bit32 math vector tonumber` | | one pass over memory |
//! | `table.pack create clone clear maxn getn freeze`, `next rawlen select unpack` (LuaJIT, Luau) | | one pass over memory |
//! | `foreach foreachi remove move` (LuaJIT) | | written in Lua |

mod poll;
pub(super) mod strings;
mod tables;
#[cfg(test)]
pub(super) mod tests;

use std::ffi::{CStr, c_int};

use mlua::ffi::{self, lua_State};

pub(super) use poll::{CalledOff, Poll};

const HAS_INTEGERS: bool = cfg!(any(feature = "lua54", feature = "lua55"));

/// A function of the library, and what stands in for it.
struct Guard {
    library: &'static CStr,
    name: &'static CStr,
    function: ffi::lua_CFunction,
}

/// The upvalues of a guard's closure: the original, and the prelude's table, in which there is
/// a function for what the original would take long for.
const ORIGINAL: c_int = ffi::lua_upvalueindex(1);
const RAW: c_int = ffi::lua_upvalueindex(2);

/// The function that the prelude knows by that name.
pub(super) fn function(name: &[u8]) -> Option<ffi::lua_CFunction> {
    Some(match name {
        b"metatable_of" => metatable_of,
        b"reader" => strings::reader,
        b"search" => strings::search,
        #[cfg(feature = "luau")]
        b"spoil" => super::safe::spoil,
        b"tointeger" => to_integer,
        _ => return None,
    })
}

/// Puts the guards into the library of a new VM. May raise.
///
/// # Safety
/// `state` runs a C function, and has the library's table and the prelude's at these places.
pub(super) unsafe fn guard(state: *mut lua_State, library: c_int, raw: c_int) {
    // SAFETY: as the caller says; there is room for the few values, which are taken off again.
    unsafe {
        let top = ffi::lua_gettop(state);
        ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, c"_LOADED".as_ptr());
        for guard in strings::GUARDS.iter().chain(tables::GUARDS) {
            ffi::lua_settop(state, top + 1);
            ffi::lua_getfield(state, library, guard.library.as_ptr());
            if ffi::lua_getfield(state, top + 2, guard.name.as_ptr()) == ffi::LUA_TNIL {
                continue;
            }
            ffi::lua_pushvalue(state, raw);
            push(state, guard.function, guard.name, 2);
            // Where messages find a function's name.
            ffi::lua_getfield(state, top + 1, guard.library.as_ptr());
            if ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
                ffi::lua_pushvalue(state, top + 3);
                ffi::lua_setfield(state, -2, guard.name.as_ptr());
            }
            ffi::lua_settop(state, top + 3);
            ffi::lua_setfield(state, top + 2, guard.name.as_ptr());
        }
        ffi::lua_settop(state, top);
    }
}

/// Pushes a closure with as many values as are taken from the stack.
///
/// # Safety
/// `state` runs, and has the values on its stack.
pub(super) unsafe fn push(
    state: *mut lua_State,
    function: ffi::lua_CFunction,
    name: &'static CStr,
    values: c_int,
) {
    // SAFETY: as the caller says; a name lives as long as the program.
    #[cfg(feature = "luau")]
    unsafe {
        ffi::lua_pushcclosurek(state, function, name.as_ptr(), values, None);
    }
    // SAFETY: as the caller says.
    #[cfg(not(feature = "luau"))]
    unsafe {
        let _ = name;
        ffi::lua_pushcclosure(state, function, values);
    }
}

// What follows is called from guards, with the state that runs them. A guard has nothing
// that would have to be dropped while it calls Lua: an error of Lua's may leave it without
// unwinding.

/// Goes on in the original, with the same arguments and in the same frame.
///
/// # Safety
/// `state` runs the guard, whose arguments are its stack.
unsafe fn original(state: *mut lua_State) -> c_int {
    // SAFETY: the value is the function that `guard` has put there, of the library, which is
    // in C and uses no upvalues of its own.
    unsafe {
        match ffi::lua_tocfunction(state, ORIGINAL) {
            Some(original) => original(state),
            None => unreachable_original(state),
        }
    }
}

/// On LuaJIT some functions are no C functions to call; none of them is guarded.
///
/// # Safety
/// As `original`.
#[cold]
unsafe fn unreachable_original(state: *mut lua_State) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, ORIGINAL);
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        ffi::lua_gettop(state)
    }
}

/// Goes on in the prelude's function, which returns true and the results, or false and the
/// text of an error that is then raised where the original would raise it.
///
/// # Safety
/// As `original`.
unsafe fn slow(state: *mut lua_State, library: &'static CStr, name: &'static CStr) -> c_int {
    // SAFETY: as the caller says; `guard` has put the table there, in which it is found.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        ffi::luaL_checkstack(state, 3, c"too many arguments".as_ptr());
        ffi::lua_getfield(state, RAW, c"slow".as_ptr());
        ffi::lua_getfield(state, -1, library.as_ptr());
        ffi::lua_getfield(state, -1, name.as_ptr());
        ffi::lua_replace(state, -3);
        ffi::lua_pop(state, 1);
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, arguments, ffi::LUA_MULTRET);
        if ffi::lua_toboolean(state, 1) == 0 {
            return raise_text(state, ffi::lua_tolstring(state, 2, std::ptr::null_mut()));
        }
        ffi::lua_gettop(state) - 1
    }
}

/// Raises an error, with the script's line in front.
///
/// # Safety
/// As `original`.
pub(super) unsafe fn raise(state: *mut lua_State, text: &'static CStr) -> c_int {
    // SAFETY: as the caller says.
    unsafe { raise_text(state, text.as_ptr()) }
}

/// As `raise`, of a text that Lua holds.
///
/// # Safety
/// As `original`; the text is on the stack, or lives as long as the program.
unsafe fn raise_text(state: *mut lua_State, text: *const std::ffi::c_char) -> c_int {
    // SAFETY: as the caller says.
    unsafe { ffi::luaL_error(state, c"%s".as_ptr(), text) }
}

/// Ends a call that is over.
///
/// # Safety
/// As `original`.
#[cold]
unsafe fn stop(state: *mut lua_State) -> c_int {
    // SAFETY: as the caller says.
    unsafe { raise(state, c"the call is over") }
}

/// The text of a value that is a string, for as long as it is on the stack.
///
/// # Safety
/// As `original`; the value stays where it is, or elsewhere in the VM, while the text is used.
pub(super) unsafe fn text<'a>(state: *mut lua_State, index: c_int) -> Option<&'a [u8]> {
    // SAFETY: Lua's strings do not move, and are not changed; the type is asked first, as a
    // number would be converted in place.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return None;
        }
        let mut length = 0;
        let start = ffi::lua_tolstring(state, index, &mut length);
        Some(std::slice::from_raw_parts(start.cast(), length))
    }
}

/// The value as an integer, if Lua would take it for one.
///
/// # Safety
/// As `original`.
unsafe fn integer(state: *mut lua_State, index: c_int) -> Option<i64> {
    let mut is_integer = 0;
    // SAFETY: as the caller says.
    let integer = unsafe { ffi::lua_tointegerx(state, index, &mut is_integer) } as i64;
    // LuaJIT and Luau have numbers of 32 bits here, and take all others for the least one.
    let integer = match HAS_INTEGERS {
        true => integer,
        false => i32::try_from(integer).unwrap_or(i32::MIN).into(),
    };
    (is_integer != 0).then_some(integer)
}

/// Whether the argument is left out.
///
/// # Safety
/// As `original`.
unsafe fn is_left_out(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe { ffi::lua_type(state, index) <= ffi::LUA_TNIL }
}

/// Whether it is a table without a metatable.
///
/// # Safety
/// As `original`.
unsafe fn is_plain(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TTABLE {
            return false;
        }
        if ffi::lua_getmetatable(state, index) == 0 {
            return true;
        }
        ffi::lua_pop(state, 1);
        false
    }
}

/// `metatable_of(table)`: also of one that is protected.
unsafe extern "C-unwind" fn metatable_of(state: *mut lua_State) -> c_int {
    // SAFETY: Lua gives the state that runs it; the prelude calls it with a table.
    unsafe { ffi::lua_getmetatable(state, 1) }
}

/// `tointeger(value)`: as `math.tointeger`.
unsafe extern "C-unwind" fn to_integer(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let mut is_integer = 0;
        let integer = ffi::lua_tointegerx(state, 1, &raw mut is_integer);
        match is_integer {
            0 => ffi::lua_pushnil(state),
            _ => ffi::lua_pushinteger(state, integer),
        }
        1
    }
}
