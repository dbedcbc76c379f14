//! Values read straight from a Lua stack. Access is raw: no metamethod of a script runs
//! during a conversion, and nothing of it takes memory of the VM but room on the stack.

mod numbers;
mod tables;
mod values;

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Key, Look, Reference, Source, raw::text};

use super::border::Border;
use super::limits::{self, Memory};
use super::raw::{self, Number, Walk};
use super::references;
use super::tags::{self, Tag};
pub(super) use tables::bytes;
use tables::{check_key, key, sequence};
pub(super) use values::{from_lua, read_arguments, read_lua};

/// What the host takes for a value, in bytes: more or less.
const VALUE: usize = 32;

/// So many values are read between two looks whether the call is over.
const LOOK_EVERY: u32 = 64;

/// A cursor over values on a stack; what it puts above them goes as it leaves a container.
pub(super) struct StackSource<'b> {
    border: &'b Border,
    state: *mut lua_State,
    /// Where the current value is; 0 is a list that is no table.
    index: c_int,
    /// Its type, and of a string where that is: looked at once.
    ty: c_int,
    text: (*const u8, usize),
    /// The values of that list: the first, how many.
    list: (c_int, c_int),
    /// The container that the cursor is in, and those around it.
    inside: Option<Entered>,
    around: Vec<Entered>,
    /// The length of the current value as a list, where somebody has asked.
    length: Cell<Option<Option<usize>>>,
    /// What may still be read, in bytes: a small table can lead to itself from many places,
    /// and what is read of it has no end.
    left: usize,
    /// What happens when it is more.
    exceeded: fn(),
    read: u32,
}

/// A container that the cursor is in.
struct Entered {
    /// Where it is.
    index: c_int,
    /// The top of the stack when it was entered, and how many fields are above it.
    top: c_int,
    above: c_int,
    children: Children,
}

/// So many fields that were found stay on the stack: one costs as much to take off as to find.
const MOST_ABOVE: c_int = 5;

/// In place of them, a key and its value are.
const KEY_ABOVE: c_int = -1;

enum Children {
    /// A sequence: the next index, its length.
    Items(usize, usize),
    /// A table, by its keys, in the order in which it has them; how often the VM was used.
    Entries(u64),
    /// Values on the stack: the next one, how many are left.
    Values(c_int, c_int),
}

impl<'b> StackSource<'b> {
    /// A cursor on the value at `index`.
    ///
    /// # Safety
    /// The VM is entered for as long as the source lives, and `state` is one of its coroutines
    /// that does not run meanwhile, or that of the C function that has called, with room for
    /// 10 values more; the value is on its stack, and stays there.
    #[inline]
    pub(super) unsafe fn new(border: &'b Border, state: *mut lua_State, index: c_int) -> Self {
        // SAFETY: as the caller says.
        unsafe { StackSource::all_of(border, state, index, (0, 0)) }
    }

    /// A cursor on a list of `count` values, the first of them at `first`.
    ///
    /// # Safety
    /// As `new`.
    #[inline]
    pub(super) unsafe fn list(
        border: &'b Border,
        state: *mut lua_State,
        first: c_int,
        count: c_int,
    ) -> Self {
        // SAFETY: as the caller says.
        unsafe { StackSource::all_of(border, state, 0, (first, count)) }
    }

    /// What leaves a VM is held to the VM's own limit.
    ///
    /// # Safety
    /// As `new`.
    unsafe fn all_of(
        border: &'b Border,
        state: *mut lua_State,
        index: c_int,
        list: (c_int, c_int),
    ) -> Self {
        let mut source = StackSource {
            border,
            state,
            index,
            ty: ffi::LUA_TTABLE,
            text: (ptr::null(), 0),
            list,
            inside: None,
            around: Vec::new(),
            length: Cell::new(None),
            left: border.allowed(),
            exceeded: Memory::run_out,
            read: 0,
        };
        if index != 0 {
            // SAFETY: as the caller says.
            source.stand_on(index, unsafe { ffi::lua_type(state, index) });
        }
        source
    }

    /// No more than this is read of it.
    fn at_most(self, bytes: usize) -> Self {
        StackSource { left: bytes, exceeded: || {}, ..self }
    }

    /// Counts the value that is read next.
    #[inline]
    fn charge(&mut self) -> Result<(), ConvertError> {
        self.read += 1;
        // Nobody waits for what a call that is over has passed on.
        if self.read.is_multiple_of(LOOK_EVERY) && limits::is_due() {
            return Err(ConvertError::new("its call is over"));
        }
        match self.left.checked_sub(VALUE + self.text.1) {
            Some(left) => self.left = left,
            None => {
                (self.exceeded)();
                return Err(ConvertError::new("too large"));
            }
        }
        Ok(())
    }

    /// The current value, of a string.
    #[inline]
    fn text(&self) -> &[u8] {
        match self.text {
            (text, _) if text.is_null() => &[],
            // SAFETY: `stand_on` has put there what Lua says of the current value: a string,
            // which does not move, and is not freed while it is on the stack, which it is as
            // long as `self` is not changed.
            (text, length) => unsafe { std::slice::from_raw_parts(text, length) },
        }
    }

    /// Whether the current value, a light userdata, is `host.null`.
    fn is_null_pointer(&self) -> bool {
        // SAFETY: as `new` says.
        unsafe { ffi::lua_touserdata(self.state, self.index) }.is_null()
    }

    fn is_table(&self) -> bool {
        self.ty == ffi::LUA_TTABLE && self.index != 0
    }

    #[inline]
    fn number(&self) -> Number {
        // SAFETY: as `new` says; asked of numbers alone.
        unsafe { raw::number(self.state, self.index) }
    }

    /// The length of the current value, a table, if its keys are exactly 1 to n.
    fn length(&self) -> Option<usize> {
        self.length.get().unwrap_or_else(|| {
            // SAFETY: as `new` says: it is a table, and there is room for a key and a value.
            let length = unsafe { sequence(self.state, self.index) };
            self.length.set(Some(length));
            length
        })
    }

    /// What the current value, a table, is said to be.
    fn tag(&self) -> Option<Tag> {
        // SAFETY: as `new` says.
        unsafe { tags::read(self.state, self.index) }
    }

    /// The value at `index`, of that type, is the current one.
    #[inline]
    fn stand_on(&mut self, index: c_int, ty: c_int) {
        (self.index, self.ty) = (index, ty);
        self.length.set(None);
        self.text = (ptr::null(), 0);
        if ty == ffi::LUA_TSTRING {
            // SAFETY: as `new` says; of a string this converts nothing in place.
            self.text.0 =
                unsafe { ffi::lua_tolstring(self.state, index, &raw mut self.text.1).cast() };
        }
    }

    fn enter(&mut self, children: Children) -> Result<(), ConvertError> {
        // SAFETY: as `new` says.
        let top = unsafe {
            // With room for the keys of what is read next; quick calls leave values below.
            let depth = 2 + self.around.len() + usize::from(self.inside.is_some());
            self.border.deepen(self.state, depth, 2)?;
            ffi::lua_gettop(self.state)
        };
        let entered = Entered { index: self.index, top, above: 0, children };
        if let Some(outer) = self.inside.replace(entered) {
            self.around.push(outer);
        }
        Ok(())
    }
}

impl Source for StackSource<'_> {
    fn look(&self) -> Look<'_> {
        match self.ty {
            ffi::LUA_TSTRING => {
                let bytes = self.text();
                text(bytes).map_or(Look::Bytes(bytes), Look::Str)
            }
            ffi::LUA_TNUMBER => match self.number() {
                Number::Int(int) => Look::Int(int),
                Number::Float(float) => Look::Float(float),
            },
            ffi::LUA_TBOOLEAN => {
                // SAFETY: as `new` says.
                Look::Bool(unsafe { ffi::lua_toboolean(self.state, self.index) } != 0)
            }
            ffi::LUA_TNIL | ffi::LUA_TNONE => Look::Null,
            ffi::LUA_TTABLE if self.index == 0 => Look::List,
            ffi::LUA_TTABLE => match (self.length(), self.tag()) {
                (Some(0), Some(Tag::List)) => Look::List,
                (Some(0), _) | (None, _) | (Some(_), Some(Tag::Map)) => Look::Map,
                (Some(_), _) => Look::List,
            },
            ffi::LUA_TLIGHTUSERDATA if self.is_null_pointer() => Look::Null,
            ffi::LUA_TFUNCTION => Look::Func,
            ffi::LUA_TTHREAD => Look::Other("coroutine"),
            // SAFETY: as `new` says.
            ffi::LUA_TUSERDATA => match unsafe { references::look(self.state, self.index) } {
                Some(look) => look,
                None => Look::Other("userdata"),
            },
            _ => Look::Other("userdata"),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self.ty, ffi::LUA_TNIL | ffi::LUA_TLIGHTUSERDATA) && self.look() == Look::Null
    }

    fn is_container(&self) -> bool {
        self.ty == ffi::LUA_TTABLE
    }

    fn reference(&self) -> Result<Reference, ConvertError> {
        // SAFETY: as `new` says.
        unsafe { references::read(self.border, self.state, self.index) }
    }

    fn enter_list(&mut self) -> Result<Option<usize>, ConvertError> {
        if self.index == 0 {
            let (first, count) = self.list;
            self.enter(Children::Values(first, count))?;
            return Ok(Some(count as usize));
        }
        if !self.is_table() {
            return Ok(None);
        }
        let Some(length) = self.length() else { return Ok(None) };
        self.enter(Children::Items(1, length))?;
        Ok(Some(length))
    }

    fn enter_map(&mut self) -> Result<Option<usize>, ConvertError> {
        if !self.is_table() {
            return Ok(None);
        }
        self.enter(Children::Entries(self.border.uses()))?;
        // How many there are would have to be counted, and nobody needs it.
        Ok(Some(0))
    }

    fn next(&mut self) -> Result<bool, ConvertError> {
        let Some(entered) = &mut self.inside else {
            return Ok(false);
        };
        let (state, table, top) = (self.state, entered.index, entered.top);
        // SAFETY: as `new` says. What the children have put on the stack goes; `enter` has
        // made room for what comes. `lua_next` raises for a key that is none of the table's,
        // which is as it was: nobody has used the VM since.
        let (index, ty) = unsafe {
            match &mut entered.children {
                Children::Values(_, 0) => return Ok(false),
                Children::Values(next, left) => {
                    *left -= 1;
                    *next += 1;
                    (*next - 1, ffi::lua_type(state, *next - 1))
                }
                Children::Items(next, length) if *next > *length => return Ok(false),
                Children::Items(next, _) => {
                    ffi::lua_settop(state, top);
                    *next += 1;
                    (top + 1, ffi::lua_rawgeti(state, table, (*next - 1) as _))
                }
                Children::Entries(uses) if *uses != self.border.uses() => {
                    return Err(ConvertError::new("the plugin was used while it was read"));
                }
                Children::Entries(_) => {
                    // What was found goes. Where there is no key yet this puts nil there.
                    if entered.above > 0 {
                        ffi::lua_settop(state, top);
                    }
                    entered.above = KEY_ABOVE;
                    ffi::lua_settop(state, top + 1);
                    if ffi::lua_next(state, table) == 0 {
                        // Asked again, it is at its end again, and not at its beginning.
                        entered.children = Children::Values(0, 0);
                        return Ok(false);
                    }
                    check_key(state, top + 1)?;
                    (top + 2, ffi::lua_type(state, top + 2))
                }
            }
        };
        self.stand_on(index, ty);
        self.charge()?;
        Ok(true)
    }

    fn key(&self) -> Key<'_> {
        match &self.inside {
            Some(Entered { children: Children::Entries(_), top, .. }) => {
                // SAFETY: as `new` says: `next` has put a key there that is one.
                unsafe { key(self.state, top + 1) }
            }
            _ => Key::Int(0),
        }
    }

    fn leave(&mut self) {
        if let Some(entered) = self.inside.take() {
            // SAFETY: as `new` says; the value was there, and what came above it goes.
            unsafe { ffi::lua_settop(self.state, entered.top) };
            self.inside = self.around.pop();
            let ty = ffi::LUA_TTABLE;
            self.stand_on(entered.index, ty);
        }
    }

    fn is_searched(&self) -> bool {
        matches!(self.inside, Some(Entered { children: Children::Entries(_), .. }))
    }

    fn find(&mut self, name: &'static str) -> Result<bool, ConvertError> {
        let Some(inside) = &mut self.inside else { return Ok(false) };
        let state = self.state;
        // SAFETY: as `new` says; `enter` has made room. What the children have put on the stack
        // goes.
        let (place, ty) = unsafe {
            if matches!(inside.above, MOST_ABOVE | KEY_ABOVE) {
                ffi::lua_settop(state, inside.top);
                inside.above = 0;
            }
            inside.above += 1;
            self.border.push_name(state, name)?;
            (inside.top + inside.above, ffi::lua_rawget(state, inside.index))
        };
        if ty == ffi::LUA_TNIL {
            return Ok(false);
        }
        self.stand_on(place, ty);
        self.charge()?;
        Ok(true)
    }

    fn floats(&mut self) -> Option<Vec<f64>> {
        self.numbers(numbers::float)
    }

    fn ints(&mut self) -> Option<Vec<i64>> {
        self.numbers(numbers::int)
    }

    fn left(&self) -> usize {
        self.left
    }

    fn read_anew(&mut self, left: usize) {
        self.left = left;
    }

    fn count(&mut self) -> usize {
        let Some(inside) = &mut self.inside else { return 0 };
        inside.above = 0;
        let (index, top, state) = (inside.index, inside.top, self.state);
        let mut count = 0;
        // SAFETY: as above. Nothing else runs.
        unsafe {
            ffi::lua_settop(state, top);
            let mut entries = Walk::of(state, index);
            while entries.next() {
                count += 1;
            }
        }
        count
    }
}
