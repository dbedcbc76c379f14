//! Values written straight onto a Lua stack.

mod numbers;

use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use mlua::{Lua, Value};
use twinplug_value::{ConvertError, Key, Reference, Sink, to_sink};

use super::border::Border;
use super::raw::{is_whole, not_whole};
use super::references;
use super::tags::Tag;

/// Entries of a map that stand on the stack; of a larger one a table is made.
const MOST_SPREAD: c_int = 24;

/// With so many of them there must be more room than there is anyway.
const FEW_SPREAD: c_int = 5;

/// Values that there is room for from the start, beside what they are made of.
const FREE: c_int = 8;

/// A sink over the stack of a coroutine that does not run, or of the C function that does:
/// each value that is complete stands on top.
///
/// What is written is led by `Serialize`, a safe trait: events that come out of turn, since it
/// has gone on after an error or a panic or is simply wrong, are errors, and leave the stack as
/// `place` says it is.
pub(super) struct StackSink<'b> {
    border: &'b Border,
    state: *mut lua_State,
    written: c_int,
    /// Where the next value goes, and after the containers around it are complete.
    place: Place,
    around: Around,
    /// How the outermost map is left.
    outermost: Outermost,
    /// Whether a key was an integer: a map may look like a list.
    has_integers: bool,
    /// The first names of fields that are spread, and whether there were no other keys.
    names: [&'static str; FEW_SPREAD as usize],
    has_names: bool,
}

/// What the outermost map becomes.
#[derive(Clone, Copy)]
enum Outermost {
    Table,
    /// Entries on the stack, if they are not many.
    Spread,
    /// It has become so many.
    Entries(c_int),
}

/// What came of the one value of a sink that spreads.
pub(super) enum Written<'s> {
    /// It is on top of the stack.
    Value,
    /// It is a map, as so many keys and values on top of the stack, each key below its value.
    Entries(c_int),
    /// So is it, and these are the keys.
    Fields(&'s [&'static str]),
}

/// Where a value goes.
#[derive(Clone, Copy)]
enum Place {
    /// Beside those that are complete.
    Top,
    /// Into the list on top, at this index.
    Item(i64),
    /// Into the map below its key, which is on top. So many entries are there already.
    Value(usize),
    /// As above, but first comes the key.
    Key(usize),
    /// On top of its key, above so many entries.
    SpreadValue(c_int),
    /// As above, but first comes the key.
    SpreadKey(c_int),
    /// Nowhere: what is on the stack is not known.
    Lost,
}

/// The places around the next value's. A few have room here.
struct Around {
    first: [Place; 4],
    more: Vec<Place>,
    depth: usize,
}

impl<'b> StackSink<'b> {
    /// A sink whose values stand on top of the stack.
    ///
    /// # Safety
    /// The VM is entered for as long as the sink lives, and `state` is one of its coroutines
    /// that does not run meanwhile, or that of the C function that has called. It has room for
    /// a C function's 20 values, of which what `finish` says may be in use.
    #[inline]
    pub(super) unsafe fn new(border: &'b Border, state: *mut lua_State) -> Self {
        StackSink {
            border,
            state,
            written: 0,
            place: Place::Top,
            around: Around::new(),
            outermost: Outermost::Table,
            names: [""; FEW_SPREAD as usize],
            has_names: true,
            has_integers: false,
        }
    }

    /// As `new`, for one value; if that is a map of not many entries, these.
    ///
    /// # Safety
    /// As `new`.
    #[inline]
    pub(super) unsafe fn spreading(border: &'b Border, state: *mut lua_State) -> Self {
        // SAFETY: as the caller says.
        StackSink { outermost: Outermost::Spread, ..unsafe { StackSink::new(border, state) } }
    }

    /// How many values are complete.
    ///
    /// # Errors
    /// One is not.
    #[inline]
    pub(super) fn finish(&self) -> Result<c_int, ConvertError> {
        match self.place {
            Place::Top => Ok(self.written),
            _ => Err(out_of_turn()),
        }
    }

    /// What the one value of a sink that spreads has become.
    ///
    /// # Errors
    /// It is not complete.
    #[inline]
    pub(super) fn outermost(&self) -> Result<Written<'_>, ConvertError> {
        match (self.finish()?, self.outermost) {
            (1, Outermost::Entries(entries)) => match self.names.get(..entries as usize) {
                Some(names) if self.has_names => Ok(Written::Fields(names)),
                _ => Ok(Written::Entries(entries)),
            },
            (1, _) => Ok(Written::Value),
            _ => Err(out_of_turn()),
        }
    }

    /// Refuses a value where none belongs: before anything is pushed, as it would stay there.
    #[inline]
    fn expects_value(&mut self) -> Result<(), ConvertError> {
        if let Place::Key(_) | Place::SpreadKey(_) | Place::Lost = self.place {
            self.place = Place::Lost;
            return Err(out_of_turn());
        }
        Ok(())
    }

    /// The value on top of the stack goes where it belongs.
    #[inline]
    fn put(&mut self) -> Result<(), ConvertError> {
        let (border, state) = (self.border, self.state);
        // SAFETY: as `new` says. What `place` says is below the value was made here: a table,
        // with a key that is text or an integer where one belongs there.
        let put = unsafe {
            match self.place {
                Place::Value(entries) => {
                    self.place = Place::Key(entries + 1);
                    border.set(state, entries + 1)
                }
                Place::SpreadValue(entries) => {
                    self.place = Place::SpreadKey(entries + 1);
                    match entries + 1 {
                        FEW_SPREAD | MOST_SPREAD => self.spread_more(entries + 1),
                        _ => Ok(()),
                    }
                }
                Place::Item(index) => {
                    self.place = Place::Item(index + 1);
                    border.set_item(state, index)
                }
                Place::Top => {
                    self.written += 1;
                    match self.written % FREE {
                        0 => border.reserve(state, 2 * FREE + 8),
                        _ => Ok(()),
                    }
                }
                Place::Key(_) | Place::SpreadKey(_) | Place::Lost => Err(out_of_turn()),
            }
        };
        put.inspect_err(|_| self.place = Place::Lost)
    }

    /// As many entries are on the stack as there is room for.
    #[cold]
    fn spread_more(&mut self, entries: c_int) -> Result<(), ConvertError> {
        match entries {
            FEW_SPREAD => self.reserve_for_spread(),
            _ => self.gather(),
        }
    }

    /// Makes room for as many entries as there can be, and a container in one of them.
    #[cold]
    fn reserve_for_spread(&self) -> Result<(), ConvertError> {
        // SAFETY: as `new` says.
        unsafe { self.border.reserve(self.state, 2 * MOST_SPREAD + 16) }
    }

    /// Too many entries are on the stack: they become a table.
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
        self.place = Place::Key(MOST_SPREAD as usize);
        Ok(())
    }

    fn begin(&mut self, items: usize, entries: usize, place: Place) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says; the room is made first.
        unsafe {
            match self.place {
                Place::SpreadValue(_) => self.reserve_for_spread()?,
                _ => {
                    let values = (self.written % FREE) as usize;
                    self.border.deepen(self.state, self.around.depth, values)?;
                }
            }
            self.border.push_table(self.state, items, entries)?;
        }
        self.around.push(self.place);
        self.place = place;
        Ok(())
    }

    /// The container is complete.
    #[inline]
    fn end(&mut self) -> Result<(), ConvertError> {
        match (self.place, self.around.pop()) {
            (Place::Item(1), Some(place)) => {
                // SAFETY: as `new` says; the list is on top.
                unsafe { self.border.tag(self.state, Tag::List)? };
                self.place = place;
                self.put()
            }
            (Place::Key(entries), Some(place)) if self.has_integers && self.is_list(entries) => {
                // SAFETY: as `new` says; the map is on top.
                unsafe { self.border.tag(self.state, Tag::Map)? };
                self.place = place;
                self.put()
            }
            (Place::Item(_) | Place::Key(_), Some(place)) => {
                self.place = place;
                self.put()
            }
            (Place::SpreadKey(entries), Some(place)) => {
                self.outermost = Outermost::Entries(entries);
                self.place = place;
                self.written += 1;
                Ok(())
            }
            _ => {
                self.place = Place::Lost;
                Err(out_of_turn())
            }
        }
    }

    /// Whether the map on top may be one whose keys are 1 to n.
    fn is_list(&self, entries: usize) -> bool {
        // SAFETY: as `new` says.
        entries > 0 && unsafe { ffi::lua_rawlen(self.state, -1) } as usize == entries
    }

    /// Pushes an integer.
    #[inline]
    fn push_int(&self, value: i64) -> Result<(), ConvertError> {
        if !is_whole(value) {
            return Err(not_whole(value));
        }
        // SAFETY: as `new` says; a number takes no memory.
        unsafe { ffi::lua_pushinteger(self.state, value as _) };
        Ok(())
    }
}

/// The error of a `Serialize` that does not keep to serde's order.
#[cold]
fn out_of_turn() -> ConvertError {
    ConvertError::new("its parts were not written one after the other")
}

impl Around {
    #[inline]
    fn new() -> Around {
        Around { first: [Place::Top; 4], more: Vec::new(), depth: 0 }
    }

    #[inline]
    fn push(&mut self, place: Place) {
        match self.first.get_mut(self.depth) {
            Some(room) => *room = place,
            None => self.more.push(place),
        }
        self.depth += 1;
    }

    #[inline]
    fn pop(&mut self) -> Option<Place> {
        self.depth = self.depth.checked_sub(1)?;
        match self.first.get(self.depth) {
            Some(place) => Some(*place),
            None => self.more.pop(),
        }
    }
}

impl Sink for StackSink<'_> {
    fn null(&mut self) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says; neither takes memory. In a table nil would be no entry at
        // all; `host.null` is one.
        unsafe {
            match self.place {
                Place::Top => ffi::lua_pushnil(self.state),
                _ => ffi::lua_pushlightuserdata(self.state, ptr::null_mut()),
            }
        }
        self.put()
    }

    fn bool(&mut self, value: bool) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says; it takes no memory.
        unsafe { ffi::lua_pushboolean(self.state, value.into()) };
        self.put()
    }

    fn int(&mut self, value: i64) -> Result<(), ConvertError> {
        self.expects_value()?;
        self.push_int(value)?;
        self.put()
    }

    fn float(&mut self, value: f64) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says; it takes no memory.
        unsafe { ffi::lua_pushnumber(self.state, value) };
        self.put()
    }

    fn str(&mut self, value: &str) -> Result<(), ConvertError> {
        self.bytes(value.as_bytes())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says.
        unsafe { self.border.push_text(self.state, value)? };
        self.put()
    }

    fn reference(&mut self, reference: &Reference) -> Result<(), ConvertError> {
        self.expects_value()?;
        // SAFETY: as `new` says.
        unsafe { references::push(self.border, self.state, reference)? };
        self.put()
    }

    fn begin_list(&mut self, length: usize) -> Result<(), ConvertError> {
        self.begin(length, 0, Place::Item(1))
    }

    fn floats(&mut self, items: &[f64]) -> Result<(), ConvertError> {
        self.numbers(items, |sink, item| {
            // SAFETY: as `new` says; it takes no memory.
            unsafe { ffi::lua_pushnumber(sink.state, item) };
            Ok(())
        })
    }

    fn ints(&mut self, items: &[i64]) -> Result<(), ConvertError> {
        self.numbers(items, |sink, item| sink.push_int(item))
    }

    fn begin_map(&mut self, length: usize) -> Result<(), ConvertError> {
        match (self.outermost, self.place, self.written) {
            (Outermost::Spread, Place::Top, 0) => {
                self.around.push(self.place);
                self.place = Place::SpreadKey(0);
                Ok(())
            }
            _ => self.begin(0, length, Place::Key(0)),
        }
    }

    fn end_list(&mut self) -> Result<(), ConvertError> {
        self.end()
    }

    fn key(&mut self, key: Key<'_>) -> Result<(), ConvertError> {
        let place = match self.place {
            Place::Key(entries) => Place::Value(entries),
            Place::SpreadKey(entries) => Place::SpreadValue(entries),
            _ => return Err(out_of_turn()),
        };
        match key {
            Key::Int(int) => {
                self.has_integers = true;
                self.push_int(int)?;
            }
            // SAFETY: as `new` says.
            Key::Str(text) => unsafe { self.border.push_text(self.state, text.as_bytes())? },
        }
        if let Place::SpreadValue(_) = place {
            self.has_names = false;
        }
        self.place = place;
        Ok(())
    }

    fn field(&mut self, name: &'static str) -> Result<(), ConvertError> {
        let place = match self.place {
            Place::Key(entries) => Place::Value(entries),
            Place::SpreadKey(entries) => {
                if let Some(place) = self.names.get_mut(entries as usize) {
                    *place = name;
                }
                Place::SpreadValue(entries)
            }
            _ => return Err(out_of_turn()),
        };
        // SAFETY: as `new` says.
        unsafe { self.border.push_name(self.state, name)? };
        self.place = place;
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
    // Lua may have run since it was looked at.
    border.forget_room();
    // SAFETY: mlua runs it in a protected call, whose frame has room for 20 values, and leaves
    // what is pushed. The sink raises nothing that could leave Rust's frames.
    let result = unsafe {
        lua.exec_raw((), |state| {
            let mut sink = StackSink::new(border, state);
            written = to_sink(value, &mut sink).and_then(|()| sink.finish().map(drop));
            if written.is_err() {
                ffi::lua_settop(state, 0);
            }
        })
    };
    written?;
    result.map_err(|error| ConvertError::new(error.to_string()))
}
