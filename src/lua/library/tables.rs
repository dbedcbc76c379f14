//! The guards of `table`.

#[cfg(not(feature = "luajit"))]
use std::ffi::CStr;
use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::poll::called_off;
use super::{
    Guard, HAS_INTEGERS, Poll, integer, is_left_out, is_plain, original, push, stop, text,
};

pub(super) const GUARDS: &[Guard] = &[
    Guard { library: c"table", name: c"sort", function: sort },
    #[cfg(not(feature = "luau"))]
    Guard { library: c"table", name: c"insert", function: insert },
    #[cfg(not(feature = "luajit"))]
    Guard { library: c"table", name: c"move", function: move_ },
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    Guard { library: c"table", name: c"concat", function: concat },
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    Guard { library: c"table", name: c"remove", function: remove },
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    Guard { library: c"table", name: c"unpack", function: unpack },
    #[cfg(feature = "luau")]
    Guard { library: c"table", name: c"find", function: find },
    #[cfg(feature = "luau")]
    Guard { library: c"table", name: c"foreach", function: foreach },
    #[cfg(feature = "luau")]
    Guard { library: c"table", name: c"foreachi", function: foreachi },
];

/// So many items are moved in C; some ten milliseconds.
const MOST_MOVED: i64 = 1 << 20;

/// So many items are sorted in C by the default order. Luau's sort takes n log n steps, 5.4
/// and 5.5 choose at random when they see that they take more, LuaJIT may take n^2.
const MOST_SORTED: usize = if cfg!(feature = "luau") {
    1 << 16
} else if cfg!(feature = "luajit") {
    1 << 11
} else {
    1 << 12
};

/// Longer texts take long to compare.
const LONGEST_SORTED: usize = 256;

/// Whether the library uses metamethods of tables.
const HAS_METAMETHODS: bool = HAS_INTEGERS;

// SAFETY (of each function here that Lua calls): Lua gives the state that runs it, for the
// time of the call. None has anything to drop while Lua is called.

unsafe extern "C-unwind" fn sort(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return original(state);
        }
        if is_left_out(state, 2) {
            if (!HAS_METAMETHODS || is_plain(state, 1)) && is_short_sort(state) {
                return original(state);
            }
            ffi::lua_settop(state, 1);
            push(state, default_order, c"sort", 0);
        } else if ffi::lua_iscfunction(state, 2) != 0 {
            ffi::lua_settop(state, 2);
            push(state, order_in_c, c"sort", 1);
        }
        original(state)
    }
}

/// Whether the first argument has few items, which are quick to compare.
///
/// # Safety
/// As `super::original`.
unsafe fn is_short_sort(state: *mut lua_State) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let length = ffi::lua_rawlen(state, 1);
        length <= MOST_SORTED
            && (1..=length).all(|index| {
                ffi::lua_rawgeti(state, 1, index as ffi::lua_Integer);
                let is_quick = match ffi::lua_type(state, -1) {
                    ffi::LUA_TNUMBER => true,
                    _ => text(state, -1).is_some_and(|text| text.len() <= LONGEST_SORTED),
                };
                ffi::lua_pop(state, 1);
                is_quick
            })
    }
}

unsafe extern "C-unwind" fn default_order(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        if called_off() {
            return stop(state);
        }
        #[cfg(any(feature = "lua54", feature = "lua55"))]
        let is_less = ffi::lua_compare(state, 1, 2, ffi::LUA_OPLT);
        #[cfg(not(any(feature = "lua54", feature = "lua55")))]
        let is_less = ffi::lua_lessthan(state, 1, 2);
        ffi::lua_pushboolean(state, is_less);
        1
    }
}

/// Its upvalue is the order.
unsafe extern "C-unwind" fn order_in_c(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        if called_off() {
            return stop(state);
        }
        ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
        ffi::lua_insert(state, 1);
        ffi::lua_call(state, 2, 1);
        1
    }
}

#[cfg(not(feature = "luau"))]
unsafe extern "C-unwind" fn insert(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        // Without a place nothing is moved.
        if ffi::lua_gettop(state) != 3 || ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return original(state);
        }
        let Some(place) = integer(state, 2) else { return original(state) };
        if !HAS_METAMETHODS || is_plain(state, 1) {
            let moved = (ffi::lua_rawlen(state, 1) as i64).saturating_sub(place);
            if moved <= MOST_MOVED {
                return original(state);
            }
        }
        let end = (ffi::luaL_len(state, 1) as i64).wrapping_add(1);
        if HAS_METAMETHODS && !(1..=end).contains(&place) {
            return ffi::luaL_argerror(state, 2, c"position out of bounds".as_ptr());
        }
        if shift(state, Shift::Up { from: place, to: end }).is_err() {
            return stop(state);
        }
        set(state, 1, place);
        0
    }
}

#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe extern "C-unwind" fn remove(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        if ffi::lua_gettop(state) < 2 || ffi::lua_type(state, 1) != ffi::LUA_TTABLE {
            return original(state);
        }
        let Some(place) = integer(state, 2) else { return original(state) };
        if is_plain(state, 1)
            && (ffi::lua_rawlen(state, 1) as i64).saturating_sub(place) <= MOST_MOVED
        {
            return original(state);
        }
        let length = ffi::luaL_len(state, 1);
        if length != place && !(1..=length.wrapping_add(1)).contains(&place) {
            return ffi::luaL_argerror(state, 2, c"position out of bounds".as_ptr());
        }
        ffi::lua_settop(state, 2);
        get(state, 1, place);
        if shift(state, Shift::Down { to: place, from: length }).is_err() {
            return stop(state);
        }
        ffi::lua_pushnil(state);
        set(state, 1, place.max(length));
        1
    }
}

#[cfg(not(feature = "luajit"))]
unsafe extern "C-unwind" fn move_(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        let to_table = if is_left_out(state, 5) { 1 } else { 5 };
        let is_table = |index| ffi::lua_type(state, index) == ffi::LUA_TTABLE;
        let places = (integer(state, 2), integer(state, 3), integer(state, 4));
        let (Some(first), Some(last), Some(to)) = places else { return original(state) };
        if !is_table(1) || !is_table(to_table) || last < first {
            return original(state);
        }
        let is_plain = !HAS_METAMETHODS || is_plain(state, 1) && is_plain(state, to_table);
        let Some(more) = last.checked_sub(first) else { return original(state) };
        // The original says what is wrong with a range that wraps around.
        let largest = if HAS_METAMETHODS { i64::MAX } else { i64::from(i32::MAX) };
        let wraps = more >= largest || to > largest - more;
        if wraps || (is_plain && more < MOST_MOVED) {
            return original(state);
        }
        #[cfg(feature = "luau")]
        if ffi::lua_getreadonly(state, to_table) != 0 {
            return super::raise(state, c"attempt to modify a readonly table");
        }
        let is_apart = to > last || to <= first || (to_table != 1 && !is_same(state, 1, to_table));
        let mut poll = Poll::new();
        for step in 0..=more {
            let item = if is_apart { step } else { more - step };
            get(state, 1, first + item);
            set(state, to_table, to + item);
            let asked = if is_plain { poll.step(1) } else { poll.look() };
            if asked.is_err() {
                return stop(state);
            }
        }
        ffi::lua_pushvalue(state, to_table);
        1
    }
}

/// # Safety
/// As `super::original`.
#[cfg(not(feature = "luajit"))]
unsafe fn is_same(state: *mut lua_State, one: c_int, other: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        #[cfg(feature = "luau")]
        return ffi::lua_rawequal(state, one, other) != 0;
        #[cfg(not(feature = "luau"))]
        return ffi::lua_compare(state, one, other, ffi::LUA_OPEQ) != 0;
    }
}

// What is plain has no more items than memory holds.

#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe extern "C-unwind" fn concat(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        let separator = ffi::lua_type(state, 2);
        let is_separator =
            is_left_out(state, 2) || matches!(separator, ffi::LUA_TNUMBER | ffi::LUA_TSTRING);
        match is_separator {
            true => range_with_metamethods(state, c"concat", 3),
            false => original(state),
        }
    }
}

#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe extern "C-unwind" fn unpack(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe { range_with_metamethods(state, c"unpack", 2) }
}

/// Goes on with a range of a table's items, which the arguments at `first` say.
///
/// # Safety
/// As `super::original`.
#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe fn range_with_metamethods(
    state: *mut lua_State,
    name: &'static CStr,
    first: c_int,
) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        let is_place = |index| is_left_out(state, index) || integer(state, index).is_some();
        let is_table = ffi::lua_type(state, 1) == ffi::LUA_TTABLE;
        if !is_table || is_plain(state, 1) || !is_place(first) || !is_place(first + 1) {
            return original(state);
        }
        super::slow(state, c"table", name)
    }
}

/// What has metamethods may be compared in C, and that may take long.
#[cfg(feature = "luau")]
unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && ffi::lua_getmetatable(state, 2) != 0 {
            ffi::lua_pop(state, 1);
            let is_start =
                is_left_out(state, 3) || integer(state, 3).is_some_and(|start| start >= 1);
            if is_start && ffi::lua_type(state, 2) != ffi::LUA_TSTRING {
                return super::slow(state, c"table", c"find");
            }
        }
        original(state)
    }
}

#[cfg(feature = "luau")]
unsafe extern "C-unwind" fn foreach(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe { each(state, c"foreach") }
}

#[cfg(feature = "luau")]
unsafe extern "C-unwind" fn foreachi(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe { each(state, c"foreachi") }
}

/// # Safety
/// As `super::original`.
#[cfg(feature = "luau")]
unsafe fn each(state: *mut lua_State, name: &'static CStr) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && ffi::lua_iscfunction(state, 2) != 0 {
            return super::slow(state, c"table", name);
        }
        original(state)
    }
}

/// Items of the first argument that go to their neighbours' places.
#[cfg(not(feature = "luau"))]
enum Shift {
    Up {
        from: i64,
        to: i64,
    },
    #[cfg(not(feature = "luajit"))]
    Down {
        to: i64,
        from: i64,
    },
}

/// # Safety
/// As `super::original`.
#[cfg(not(feature = "luau"))]
unsafe fn shift(state: *mut lua_State, shift: Shift) -> Result<(), super::CalledOff> {
    // SAFETY: as the caller says.
    unsafe {
        let is_plain = !HAS_METAMETHODS || is_plain(state, 1);
        let mut poll = Poll::new();
        let mut pass = |from, to| {
            get(state, 1, from);
            set(state, 1, to);
            if is_plain { poll.step(1) } else { poll.look() }
        };
        match shift {
            Shift::Up { from, to } => (from..to).rev().try_for_each(|place| pass(place, place + 1)),
            #[cfg(not(feature = "luajit"))]
            Shift::Down { to, from } => (to..from).try_for_each(|place| pass(place + 1, place)),
        }
    }
}

/// Pushes an item; with metamethods where the library's own functions use them.
///
/// # Safety
/// As `super::original`.
unsafe fn get(state: *mut lua_State, table: c_int, place: i64) {
    // SAFETY: as the caller says.
    unsafe {
        match HAS_METAMETHODS {
            true => ffi::lua_geti(state, table, place as ffi::lua_Integer),
            false => ffi::lua_rawgeti(state, table, place as ffi::lua_Integer),
        };
    }
}

/// Pops a value into an item.
///
/// # Safety
/// As `super::original`.
unsafe fn set(state: *mut lua_State, table: c_int, place: i64) {
    // SAFETY: as the caller says.
    unsafe {
        match HAS_METAMETHODS {
            true => ffi::lua_seti(state, table, place as ffi::lua_Integer),
            false => ffi::lua_rawseti(state, table, place as ffi::lua_Integer),
        }
    }
}
