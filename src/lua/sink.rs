//! Values written straight onto a Lua stack.

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Value};
use twinplug_value::{ConvertError, Key, Sink, to_sink};

use super::border::Border;
use super::raw::{is_whole, not_whole};

/// Entries of a map that stand on the stack; of a larger one a table is made.
const MOST_SPREAD: c_int = 24;

/// Values that there is room for from the start, beside what they are made of.
const FREE: c_int = 8;

/// A sink over the stack of a coroutine that does not run, or of the C function that does:
/// each value that is complete stands on top.
pub(super) struct StackSink<'b> {
    border: &'b Border,
    state: *mut lua_State,
    written: c_int,
    open: Levels,
    /// Whether the outermost map is left as its entries on the stack.
    spreads: bool,
}

/// What came of the outermost value.
pub(super) enum Written {
    /// It is on top of the stack.
    Value,
    /// It is a map, as so many keys and values on top of the stack, each key below its value.
    Entries(c_int),
}

/// A container that is being written.
#[derive(Clone, Copy)]
enum Level {
    /// The index of the next item.
    List(i64),
    /// So many entries are there, and whether the key of the next value is on the stack.
    Map(usize, bool),
    /// So many entries are on the stack, and whether a key is above them.
    Spread(c_int, bool),
}

/// The containers around the next value. A few have their place here.
struct Levels {
    first: [Level; 4],
    more: Vec<Level>,
    depth: usize,
}

impl<'b> StackSink<'b> {
    /// A sink whose values stand on top of the stack.
    ///
    /// # Safety
    /// The VM is entered for as long as the sink lives, and `state` is one of its coroutines
    /// that does not run meanwhile, or that of the C function that has called. It has room for
    /// a C function's 20 values, of which what `written` says may be in use.
    #[inline]
    pub(super) unsafe fn new(border: &'b Border, state: *mut lua_State) -> Self {
        StackSink { border, state, written: 0, open: Levels::new(), spreads: false }
    }

    /// As `new`, for one value; if that is a map of not many entries, these.
    ///
    /// # Safety
    /// As `new`.
    pub(super) unsafe fn spreading(border: &'b Border, state: *mut lua_State) -> Self {
        StackSink { border, state, written: 0, open: Levels::new(), spreads: true }
    }

    /// How many values are complete.
    #[inline]
    pub(super) fn written(&self) -> c_int {
        self.written
    }

    /// What the one value of a sink that spreads has become.
    pub(super) fn outermost(&self) -> Written {
        match self.open.first[0] {
            Level::Spread(entries, _) if self.spreads => Written::Entries(entries),
            _ => Written::Value,
        }
    }

    /// The value on top of the stack goes where it belongs.
    #[inline]
    fn put(&mut self) -> Result<(), ConvertError> {
        let state = self.state;
        match self.open.last() {
            None => {
                self.written += 1;
                match self.written % FREE {
                    // SAFETY: as `new` says.
                    0 => unsafe { self.border.reserve(state, 2 * FREE + 8) },
                    _ => Ok(()),
                }
            }
            // SAFETY: the table is below the value, and was made here; the room is there.
            Some(Level::List(index)) => unsafe {
                *index += 1;
                self.border.set_item(state, *index - 1)
            },
            Some(Level::Map(entries, has_key)) => match std::mem::replace(has_key, false) {
                // SAFETY: table, key and value are on top; the key is text or an integer.
                true => unsafe {
                    *entries += 1;
                    self.border.set(state, *entries)
                },
                false => Err(ConvertError::new("a value without a key")),
            },
            Some(Level::Spread(entries, has_key)) => match std::mem::replace(has_key, false) {
                true => {
                    *entries += 1;
                    match *entries == MOST_SPREAD {
                        true => self.gather(),
                        false => Ok(()),
                    }
                }
                false => Err(ConvertError::new("a value without a key")),
            },
        }
    }

    /// Too many entries are on the stack: they become a table.
    #[cold]
    fn gather(&mut self) -> Result<(), ConvertError> {
        let (border, state) = (self.border, self.state);
        // SAFETY: that many keys and values are on top of the stack; the keys are text or
        // integers.
        unsafe {
            let first = ffi::lua_gettop(state) - 2 * MOST_SPREAD + 1;
            border.push_table(state, 0, 2 * MOST_SPREAD as usize)?;
            for index in (first..first + 2 * MOST_SPREAD).step_by(2) {
                ffi::lua_pushvalue(state, index);
                ffi::lua_pushvalue(state, index + 1);
                border.set(state, MOST_SPREAD as usize)?;
            }
            ffi::lua_replace(state, first);
            ffi::lua_settop(state, first);
        }
        if let Some(level) = self.open.last() {
            *level = Level::Map(MOST_SPREAD as usize, false);
        }
        Ok(())
    }

    fn begin(&mut self, items: usize, entries: usize, level: Level) -> Result<(), ConvertError> {
        // SAFETY: as `new` says; the room is made first.
        unsafe {
            let values = self.written % FREE;
            self.border.deepen(self.state, self.open.depth, values as usize)?;
            self.border.push_table(self.state, items, entries)?;
        }
        self.open.push(level);
        Ok(())
    }

    fn end(&mut self) -> Result<(), ConvertError> {
        match self.open.pop() {
            Some(Level::Spread(..)) => {
                self.written += 1;
                Ok(())
            }
            Some(_) => self.put(),
            None => Err(ConvertError::new("an end without a begin")),
        }
    }

    fn has_key(&mut self) {
        if let Some(Level::Map(_, has_key) | Level::Spread(_, has_key)) = self.open.last() {
            *has_key = true;
        }
    }

    /// Pushes an integer.
    fn push_int(&self, value: i64) -> Result<(), ConvertError> {
        if !is_whole(value) {
            return Err(not_whole(value));
        }
        // SAFETY: as `new` says; a number takes no memory.
        unsafe { ffi::lua_pushinteger(self.state, value as _) };
        Ok(())
    }
}

impl Levels {
    #[inline]
    fn new() -> Levels {
        Levels { first: [Level::List(1); 4], more: Vec::new(), depth: 0 }
    }

    #[inline]
    fn push(&mut self, level: Level) {
        match self.first.get_mut(self.depth) {
            Some(place) => *place = level,
            None => self.more.push(level),
        }
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<Level> {
        self.depth = self.depth.checked_sub(1)?;
        match self.first.get(self.depth) {
            Some(level) => Some(*level),
            None => self.more.pop(),
        }
    }

    #[inline]
    fn last(&mut self) -> Option<&mut Level> {
        match self.depth.checked_sub(1)? {
            last if last < self.first.len() => self.first.get_mut(last),
            _ => self.more.last_mut(),
        }
    }
}

impl Sink for StackSink<'_> {
    fn null(&mut self) -> Result<(), ConvertError> {
        // SAFETY: as `new` says; neither takes memory. In a table nil would be no entry at
        // all; `host.null` is one.
        unsafe {
            match self.open.depth {
                0 => ffi::lua_pushnil(self.state),
                _ => ffi::lua_pushlightuserdata(self.state, ptr::null_mut()),
            }
        }
        self.put()
    }

    fn bool(&mut self, value: bool) -> Result<(), ConvertError> {
        // SAFETY: as `new` says; it takes no memory.
        unsafe { ffi::lua_pushboolean(self.state, value.into()) };
        self.put()
    }

    fn int(&mut self, value: i64) -> Result<(), ConvertError> {
        self.push_int(value)?;
        self.put()
    }

    fn float(&mut self, value: f64) -> Result<(), ConvertError> {
        // SAFETY: as `new` says; it takes no memory.
        unsafe { ffi::lua_pushnumber(self.state, value) };
        self.put()
    }

    fn str(&mut self, value: &str) -> Result<(), ConvertError> {
        self.bytes(value.as_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        // SAFETY: as `new` says.
        unsafe { self.border.push_text(self.state, value)? };
        self.put()
    }

    fn begin_list(&mut self, length: usize) -> Result<(), ConvertError> {
        self.begin(length, 0, Level::List(1))
    }

    fn end_list(&mut self) -> Result<(), ConvertError> {
        self.end()
    }

    fn begin_map(&mut self, length: usize) -> Result<(), ConvertError> {
        let is_outermost = self.open.depth == 0 && self.written == 0;
        if !(self.spreads && is_outermost) {
            return self.begin(0, length, Level::Map(0, false));
        }
        // SAFETY: as `new` says.
        unsafe { self.border.reserve(self.state, 2 * MOST_SPREAD + 16)? };
        self.open.push(Level::Spread(0, false));
        Ok(())
    }

    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError> {
        match key {
            Key::Int(int) => self.push_int(int)?,
            // SAFETY: as `new` says.
            Key::Str(text) => unsafe { self.border.push_text(self.state, text.as_bytes())? },
        }
        self.has_key();
        Ok(())
    }

    fn field(&mut self, name: &'static str) -> Result<(), ConvertError> {
        // SAFETY: as `new` says.
        unsafe { self.border.push_name(self.state, name)? };
        self.has_key();
        Ok(())
    }

    fn end_map(&mut self) -> Result<(), ConvertError> {
        self.end()
    }
}

/// A value of mlua's.
pub(super) fn to_lua<T: serde::Serialize + ?Sized>(
    lua: &Lua,
    border: &Border,
    value: &T,
) -> Result<Value, ConvertError> {
    let mut written = Ok(());
    // SAFETY: mlua runs it in a protected call, whose frame has room for 20 values, and leaves
    // what is pushed. The sink raises nothing that could leave Rust's frames.
    let result = unsafe {
        lua.exec_raw((), |state| {
            let mut sink = StackSink::new(border, state);
            written = to_sink(value, &mut sink);
            if written.is_err() {
                ffi::lua_settop(state, 0);
            }
        })
    };
    written?;
    result.map_err(|error| ConvertError::new(error.to_string()))
}
