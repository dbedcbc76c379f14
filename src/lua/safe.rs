//! Luau's quick ways into its library.
//!
//! Luau calls `math.floor` and its like, goes through `pairs`, and finds `string.format`, without
//! looking them up, where the environment of a function is said to be *safe*: the library is as
//! it was, and stays so. Elsewhere a script takes several times as long for them, and native code
//! leaves off there.
//!
//! Of a script that is known once its body has ended. Where it has put nothing in the place of
//! what the library has, its environment becomes safe, and the library's tables are frozen, but
//! for names that they have not: a script may add to them. Where it has, everything is looked up,
//! as it is from when a global takes the place of one of the library's later. A module that is
//! required later may do to the library what the body may, until its own body has ended.
//!
//! What a name leads to is found as a chunk is loaded, in the library's table, and kept: so what
//! may be another value later is not there meanwhile (`Loading`).
//!
//! Left alone: what `rawset` writes into the globals once the body has ended.

use std::cell::Cell;
use std::collections::HashSet;
use std::ffi::{CStr, c_int};
use std::sync::OnceLock;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Table};

use super::library;
use super::prelude;

/// What the library's tables held when the VM was made, and whether they may change.
pub(super) struct Library {
    sum: Cell<u64>,
    /// How many bodies run, the script's own and those of modules.
    bodies: Cell<u32>,
    /// Whether nothing of the script has run yet.
    is_new: Cell<bool>,
    is_frozen: Cell<bool>,
}

// Where these are found in the registry: the prelude's table, the `Library`, and the metatable of
// the library's tables once they are frozen.
const RAW: &CStr = c"twinplug.raw";
const SELF: &CStr = c"twinplug.library";
const FROZEN: &CStr = c"twinplug.frozen";

/// The table of the library's that scripts write to, where they were granted it.
const PACKAGE: &CStr = c"package";

/// The names in the library's tables, such as `math.floor`, of the first VM in the process. Others
/// may have a few more, by their permissions: one that adds to its library has changed it, then.
static NAMES: OnceLock<HashSet<Vec<u8>>> = OnceLock::new();

/// And those of `coroutine`, which the prelude makes once it is asked for.
static MADE: OnceLock<HashSet<Vec<u8>>> = OnceLock::new();

impl Library {
    /// Of a VM whose script has its body before it.
    pub(super) fn new() -> Self {
        Library {
            sum: Cell::new(0),
            bodies: Cell::new(1),
            is_new: Cell::new(true),
            is_frozen: Cell::new(false),
        }
    }

    /// Takes down what is in the library of a new VM. May raise.
    ///
    /// # Safety
    /// `state` runs a C function, has the library's table and the prelude's at these places, and
    /// room for ten values. `self` stays where it is for as long as the VM lives.
    pub(super) unsafe fn begin(&self, state: *mut lua_State, library: c_int, raw: c_int) {
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushvalue(state, raw);
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, RAW.as_ptr());
            ffi::lua_pushlightuserdata(state, std::ptr::from_ref(self).cast_mut().cast());
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, SELF.as_ptr());
            ffi::lua_setsafeenv(state, library, 1);
            if NAMES.get().is_none() {
                let mut names = HashSet::new();
                each_entry(state, library, |path, _| {
                    names.insert(path.to_vec());
                });
                // Another thread may have been quicker, with the same.
                let _ = NAMES.set(names);
            }
            self.sum.set(sum(state, library));
        }
    }

    /// The prelude has made one more of the library's tables, `coroutine`.
    pub(super) fn grow(&self, lua: &Lua, table: &Table) -> mlua::Result<()> {
        // SAFETY: mlua runs it protected, with the table in its frame, and nothing to drop.
        unsafe {
            lua.exec_raw(table, |state| {
                if MADE.get().is_none() {
                    let mut names = HashSet::new();
                    each(state, 1, |key, _| {
                        names.extend(library::text(state, key).map(|key| path(b"coroutine", key)));
                    });
                    // As above.
                    let _ = MADE.set(names);
                }
                self.sum.set(self.sum.get().wrapping_add(sum_of(state, 1)));
                if self.is_frozen.get() {
                    freeze(state, 1);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }

    /// A module's body begins.
    pub(super) fn open(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        self.bodies.set(self.bodies.get() + 1);
        if !self.is_frozen.replace(false) {
            return Ok(());
        }
        // SAFETY: as in `grow`.
        unsafe {
            lua.exec_raw(environment, |state| {
                ffi::lua_setsafeenv(state, 1, 0);
                ffi::lua_pushglobaltable(state);
                each_table(state, 2, |_, table| thaw(state, table));
                ffi::lua_settop(state, 0);
            })
        }
    }

    /// A body has ended. After the last one the environment becomes safe, if nothing stands
    /// against it.
    pub(super) fn close(&self, lua: &Lua, environment: &Table) -> mlua::Result<()> {
        self.bodies.set(self.bodies.get().saturating_sub(1));
        if self.bodies.get() > 0 {
            return Ok(());
        }
        // SAFETY: mlua runs it protected, with the environment in its frame, and nothing to drop
        // where Lua may raise.
        unsafe {
            lua.exec_raw(environment, |state| {
                ffi::lua_pushglobaltable(state);
                if self.has_all(state, 2) && !takes_places(state, 1, 2) {
                    watch(state, 1);
                    each_table(state, 2, |_, table| freeze(state, table));
                    ffi::lua_setsafeenv(state, 1, 1);
                    self.is_frozen.set(true);
                }
                ffi::lua_settop(state, 0);
            })
        }
    }

    /// Whether a chunk that is loaded may keep what it finds in the library: it holds just what it
    /// held, and nothing that scripts write to.
    ///
    /// # Safety
    /// As `begin`.
    unsafe fn is_found_ahead(&self, state: *mut lua_State, library: c_int) -> bool {
        // SAFETY: as the caller says.
        unsafe {
            let package = ffi::lua_rawgetfield(state, library, PACKAGE.as_ptr());
            ffi::lua_pop(state, 1);
            let is_new = self.is_new.replace(false);
            package == ffi::LUA_TNIL && (is_new || sum(state, library) == self.sum.get())
        }
    }

    /// Whether the library's tables still hold what they held; they may hold more.
    ///
    /// # Safety
    /// As `begin`.
    unsafe fn has_all(&self, state: *mut lua_State, library: c_int) -> bool {
        let mut are_plain = true;
        let mut known = 0_u64;
        // SAFETY: as the caller says.
        unsafe {
            each_table(state, library, |_, table| {
                if ffi::lua_getmetatable(state, table) != 0 {
                    ffi::lua_pop(state, 1);
                    are_plain = false;
                }
            });
            if !are_plain || sum(state, library) == self.sum.get() {
                return are_plain;
            }
            let names = [NAMES.get(), MADE.get()];
            each_entry(state, library, |path, entry| {
                if names.iter().flatten().any(|names| names.contains(path)) {
                    known = known.wrapping_add(entry);
                }
            });
        }
        known == self.sum.get()
    }
}

/// A chunk is being loaded, while this lives.
pub(super) struct Loading<'l>(&'l Lua);

impl<'l> Loading<'l> {
    pub(super) fn begin(lua: &'l Lua) -> mlua::Result<Self> {
        let loading = Loading(lua);
        loading.say(true)?;
        Ok(loading)
    }

    /// Has the prelude hide, or show again, what may be another value later. What a script has
    /// changed or added in the library is not found ahead.
    fn say(&self, is_loading: bool) -> mlua::Result<()> {
        // SAFETY: mlua runs it protected, with room for some values, and nothing to drop. What
        // is in the registry was put there by `begin`, and lives as long as the VM.
        unsafe {
            self.0.exec_raw((), |state| {
                ffi::lua_pushglobaltable(state);
                ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, SELF.as_ptr());
                let library = ffi::lua_touserdata(state, 2).cast::<Library>();
                if let Some(library) = library.as_ref() {
                    let is_safe = !is_loading || library.is_found_ahead(state, 1);
                    ffi::lua_setsafeenv(state, 1, is_safe.into());
                    if !is_safe {
                        // Not found ahead either, and safe code does not look for it: what the
                        // prelude makes with it (`globals.lua`) has to be there.
                        ffi::lua_getfield(state, 1, c"getmetatable".as_ptr());
                    }
                    ffi::lua_settop(state, 1);
                }
                if ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, RAW.as_ptr()) == ffi::LUA_TTABLE
                {
                    ffi::lua_pushboolean(state, is_loading.into());
                    ffi::lua_rawsetfield(state, 2, c"is_loading".as_ptr());
                    if ffi::lua_rawgetfield(state, 2, c"hide".as_ptr()) == ffi::LUA_TFUNCTION {
                        ffi::lua_pushboolean(state, is_loading.into());
                        ffi::lua_call(state, 1, 0);
                    }
                }
                ffi::lua_settop(state, 0);
            })
        }
    }
}

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        // Where there is no memory for it the VM can do nothing any more.
        let _ = self.say(false);
    }
}

/// `spoil(globals)`: they are not safe any more.
pub(super) unsafe extern "C-unwind" fn spoil(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude calls it with the environment.
    unsafe { ffi::lua_setsafeenv(state, 1, 0) };
    0
}

/// Whether a global has the place of another value of the library's.
///
/// # Safety
/// As `Library::begin`, of the environment and the library's table.
unsafe fn takes_places(state: *mut lua_State, environment: c_int, library: c_int) -> bool {
    let mut takes = false;
    // SAFETY: as the caller says; the key and the value are on top.
    unsafe {
        each(state, environment, |key, value| {
            let Some(name) = library::text(state, key) else { return };
            ffi::lua_pushvalue(state, key);
            takes |= match ffi::lua_rawget(state, library) {
                ffi::LUA_TNIL => prelude::is_lazy(name),
                _ => ffi::lua_rawequal(state, -1, value) == 0,
            };
            ffi::lua_pop(state, 1);
        });
    }
    takes
}

/// Has globals that are set later looked at. May raise.
///
/// # Safety
/// As `Library::begin`, of the environment, which has a metatable.
unsafe fn watch(state: *mut lua_State, environment: c_int) {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getmetatable(state, environment) == 0 {
            return;
        }
        // Where the prelude has made one, that one looks.
        if ffi::lua_rawgetfield(state, -1, c"__newindex".as_ptr()) == ffi::LUA_TNIL {
            library::push(state, set_global, c"globals", 0);
            ffi::lua_rawsetfield(state, -3, c"__newindex".as_ptr());
        }
        // The real one is shown to nobody, also where `getmetatable` is not called any more.
        if ffi::lua_rawgetfield(state, -2, c"__metatable".as_ptr()) == ffi::LUA_TNIL {
            ffi::lua_createtable(state, 0, 0);
            ffi::lua_rawsetfield(state, -4, c"__metatable".as_ptr());
        }
        ffi::lua_pop(state, 3);
    }
}

/// The metamethod of safe globals: `(globals, name, value)`.
unsafe extern "C-unwind" fn set_global(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with these three, or a script that has got hold of it with anything,
    // and it has room for more.
    unsafe {
        ffi::lua_settop(state, 3);
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        if let Some(name) = library::text(state, 2) {
            ffi::lua_pushglobaltable(state);
            ffi::lua_pushvalue(state, 2);
            if ffi::lua_rawget(state, 4) != ffi::LUA_TNIL || prelude::is_lazy(name) {
                ffi::lua_setsafeenv(state, 1, 0);
            }
            ffi::lua_settop(state, 3);
        }
        ffi::lua_rawset(state, 1);
    }
    0
}

/// A table of the library takes other names alone from now on. May raise.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn freeze(state: *mut lua_State, table: c_int) {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getreadonly(state, table) != 0 {
            return;
        }
        if ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr()) != ffi::LUA_TTABLE {
            ffi::lua_pop(state, 1);
            ffi::lua_createtable(state, 0, 2);
            library::push(state, add, c"library", 0);
            ffi::lua_rawsetfield(state, -2, c"__newindex".as_ptr());
            ffi::lua_pushboolean(state, 0);
            ffi::lua_rawsetfield(state, -2, c"__metatable".as_ptr());
            ffi::lua_pushvalue(state, -1);
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr());
        }
        ffi::lua_setmetatable(state, table);
        ffi::lua_setreadonly(state, table, 1);
    }
}

/// A table that was frozen takes anything again.
///
/// # Safety
/// As `freeze`.
unsafe fn thaw(state: *mut lua_State, table: c_int) {
    // SAFETY: as the caller says; of a table that is not frozen by us nothing changes.
    unsafe {
        if ffi::lua_getmetatable(state, table) == 0 {
            return;
        }
        ffi::lua_getfield(state, ffi::LUA_REGISTRYINDEX, FROZEN.as_ptr());
        if ffi::lua_rawequal(state, -1, -2) != 0 {
            ffi::lua_setreadonly(state, table, 0);
            ffi::lua_pushnil(state);
            ffi::lua_setmetatable(state, table);
        }
        ffi::lua_pop(state, 2);
    }
}

/// The metamethod of the library's tables: adds a name. No script gets hold of it.
unsafe extern "C-unwind" fn add(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with one of these tables, a key that it has not, and a value.
    unsafe {
        if ffi::lua_type(state, 2) != ffi::LUA_TSTRING {
            return library::raise(state, c"attempt to modify a readonly table");
        }
        ffi::lua_setreadonly(state, 1, 0);
        ffi::lua_rawset(state, 1);
        ffi::lua_setreadonly(state, 1, 1);
    }
    0
}

/// A number for what is in all of the library's tables.
///
/// # Safety
/// As `Library::begin`.
unsafe fn sum(state: *mut lua_State, library: c_int) -> u64 {
    let mut sum = 0_u64;
    // SAFETY: as the caller says.
    unsafe {
        each_table(state, library, |_, table| sum = sum.wrapping_add(sum_of(state, table)));
    }
    sum
}

/// A number for what is in a table, in whatever order.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn sum_of(state: *mut lua_State, table: c_int) -> u64 {
    let mut sum = 0_u64;
    // SAFETY: as the caller says.
    unsafe {
        each(state, table, |key, value| sum = sum.wrapping_add(entry(state, table, key, value)));
    }
    sum
}

/// A number for an entry: which table, key and value it is, by their places in memory. Another one
/// may come to be there, of what is gone: then a script has gone to great lengths.
///
/// # Safety
/// As `Library::begin`, with these on the stack.
unsafe fn entry(state: *mut lua_State, table: c_int, key: c_int, value: c_int) -> u64 {
    // SAFETY: as the caller says.
    let (table, key, value) = unsafe {
        let place = |index| ffi::lua_topointer(state, index) as u64;
        let value = match ffi::lua_type(state, value) {
            ffi::LUA_TNUMBER => ffi::lua_tonumber(state, value).to_bits(),
            ffi::LUA_TBOOLEAN => ffi::lua_toboolean(state, value) as u64,
            _ => place(value),
        };
        (place(table), place(key), value)
    };
    // Multipliers as of SplitMix64 (Steele, Lea, Flood 2014), so that no two parts make up for
    // each other.
    let mixed = table ^ key.rotate_left(24).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ value.rotate_left(48)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 29)
}

/// The entries in the library's tables, by their paths: `math.floor`.
///
/// # Safety
/// As `Library::begin`.
unsafe fn each_entry(state: *mut lua_State, library: c_int, mut f: impl FnMut(&[u8], u64)) {
    // SAFETY: as the caller says. Nothing in here raises.
    unsafe {
        each_table(state, library, |name, table| {
            each(state, table, |key, value| {
                if let Some(text) = library::text(state, key) {
                    f(&path(name, text), entry(state, table, key, value));
                }
            });
        });
    }
}

fn path(library: &[u8], name: &[u8]) -> Vec<u8> {
    [library, b".", name].concat()
}

/// The library's tables, but for `package`, by their names and where they are on the stack.
///
/// # Safety
/// As `Library::begin`.
unsafe fn each_table(state: *mut lua_State, library: c_int, mut f: impl FnMut(&[u8], c_int)) {
    // SAFETY: as the caller says.
    unsafe {
        each(state, library, |key, value| {
            if ffi::lua_type(state, value) == ffi::LUA_TTABLE
                && let Some(name) = library::text(state, key)
                && name != PACKAGE.to_bytes()
            {
                f(name, value);
            }
        });
    }
}

/// The entries of a table, by where key and value are on the stack. It does not change meanwhile.
///
/// # Safety
/// As `Library::begin`, of the table.
unsafe fn each(state: *mut lua_State, table: c_int, mut f: impl FnMut(c_int, c_int)) {
    // SAFETY: as the caller says.
    unsafe {
        let key = ffi::lua_gettop(state) + 1;
        let mut place = ffi::lua_rawiter(state, table, 0);
        while place >= 0 {
            f(key, key + 1);
            ffi::lua_settop(state, key - 1);
            place = ffi::lua_rawiter(state, table, place);
        }
    }
}
