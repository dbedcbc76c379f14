//! What a table was that came from outside, where Lua cannot tell: an empty list is no empty map,
//! and a map whose keys are 1 to n is no list. Such a table has a metatable that says so and does
//! nothing else, as `cjson.empty_array_mt` does; a script may replace it. It may look at it as well,
//! and write to it: what it could not give a metatable of its own is taken out again.

use std::cell::Cell;
use std::ffi::{c_int, c_void};

use mlua::ffi::{self, lua_State};
use twinplug_value::ConvertError;

use super::border::Border;
use super::raw::Reference;

/// What a table is said to be.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Tag {
    List,
    Map,
}

/// The metatables of a VM, made with the first table that needs one.
#[derive(Default)]
pub(super) struct Tags {
    list: Cell<Option<Reference>>,
    map: Cell<Option<Reference>>,
}

/// The key by which they are told, with the tag's number.
static MARK: u8 = 0;

fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

impl Border {
    /// Tags the table on top of the stack.
    ///
    /// # Safety
    /// The VM is entered, `state` one of its coroutines that does not run, or that of the C
    /// function that runs, with room for some values.
    #[cold]
    pub(super) unsafe fn tag(&self, state: *mut lua_State, tag: Tag) -> Result<(), ConvertError> {
        let place = match tag {
            Tag::List => &self.tags.list,
            Tag::Map => &self.tags.map,
        };
        // SAFETY: as the caller says. Setting a metatable without finalizer takes no memory.
        unsafe {
            let meta = match place.get() {
                Some(meta) => meta,
                None => {
                    let new = New { tag, made: Cell::new(Reference::NONE) };
                    self.run(state, make, (&raw const new).cast(), 0)?;
                    place.set(Some(new.made.get()));
                    new.made.get()
                }
            };
            push(state, meta);
            ffi::lua_setmetatable(state, -2);
        }
        Ok(())
    }

    /// Gives the table at `old`, unless it has a metatable of the script's own, the tag of the
    /// one that is written into it.
    ///
    /// # Safety
    /// As `tag`; there is a table at the index.
    pub(super) unsafe fn retag(
        &self,
        state: *mut lua_State,
        old: c_int,
        tag: Option<Tag>,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe {
            let had = read(state, old);
            if had == tag || had.is_none() && has_metatable(state, old) {
                return Ok(());
            }
            ffi::lua_pushvalue(state, old);
            let done = match tag {
                Some(tag) => self.tag(state, tag),
                None => {
                    ffi::lua_pushnil(state);
                    ffi::lua_setmetatable(state, -2);
                    Ok(())
                }
            };
            ffi::lua_settop(state, -2);
            done
        }
    }
}

/// # Safety
/// As [`read`].
unsafe fn has_metatable(state: *mut lua_State, index: c_int) -> bool {
    // SAFETY: as the caller says.
    unsafe {
        let has = ffi::lua_getmetatable(state, index) != 0;
        if has {
            ffi::lua_settop(state, -2);
        }
        has
    }
}

/// Pushes a metatable, without the finalizer that a script may have put there: it would run at
/// any time, in the middle of a conversion too.
///
/// # Safety
/// As [`Border::tag`]; the metatable is of these.
unsafe fn push(state: *mut lua_State, meta: Reference) {
    // SAFETY: as the caller says. The name is one that each VM has, and the entry is there
    // where it is written to: no memory is taken.
    unsafe {
        meta.push(state);
        if cfg!(any(feature = "lua54", feature = "lua55")) {
            ffi::lua_pushstring(state, c"__gc".as_ptr());
            let has_finalizer = ffi::lua_rawget(state, -2) != ffi::LUA_TNIL;
            ffi::lua_settop(state, -2);
            if has_finalizer {
                ffi::lua_pushstring(state, c"__gc".as_ptr());
                ffi::lua_pushnil(state);
                ffi::lua_rawset(state, -3);
            }
        }
    }
}

/// What is made once.
struct New {
    tag: Tag,
    made: Cell<Reference>,
}

/// Makes a metatable. May raise.
///
/// # Safety
/// `state` runs a C function, which has nothing to drop; `new` is a `New`.
unsafe fn make(state: *mut lua_State, new: *const c_void) {
    // SAFETY: as the caller says.
    unsafe {
        let new = &*new.cast::<New>();
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushlightuserdata(state, mark());
        ffi::lua_pushinteger(state, new.tag as _);
        ffi::lua_rawset(state, -3);
        new.made.set(Reference::new(state));
    }
}

/// The tag of the table at an index.
///
/// # Safety
/// `state` is of a VM that is entered, has a table there, and room for two values.
#[inline]
pub(super) unsafe fn read(state: *mut lua_State, index: c_int) -> Option<Tag> {
    // SAFETY: as the caller says.
    unsafe {
        if ffi::lua_getmetatable(state, index) == 0 {
            return None;
        }
        ffi::lua_pushlightuserdata(state, mark());
        let is_tag = ffi::lua_rawget(state, -2) == ffi::LUA_TNUMBER;
        let number = ffi::lua_tonumberx(state, -1, std::ptr::null_mut());
        ffi::lua_settop(state, -3);
        is_tag.then_some(if number == 0.0 { Tag::List } else { Tag::Map })
    }
}

/// `tag_list(t)`: has the table read as a list while it is empty.
pub(super) unsafe extern "C-unwind" fn tag_list(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude has seen that it is a table without a metatable; a C function has room
    // for 20 values, and nothing is to be dropped where it raises.
    unsafe {
        let border = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Border>();
        let list = &(*border).tags.list;
        if list.get().is_none() {
            let new = New { tag: Tag::List, made: Cell::new(Reference::NONE) };
            make(state, (&raw const new).cast());
            list.set(Some(new.made.get()));
        }
        ffi::lua_settop(state, 1);
        if let Some(meta) = list.get() {
            push(state, meta);
            ffi::lua_setmetatable(state, 1);
        }
        1
    }
}
