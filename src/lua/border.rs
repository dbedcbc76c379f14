//! What conversions of one VM share: the memory that they may take of it, the keys that they
//! write often, and whether somebody else has used it meanwhile.
//!
//! Conversions run code of the embedding (`Serialize`, `Deserialize`), which Lua's errors
//! must not jump over. So they run outside of any protected call, and nothing that they ask
//! of Lua may raise. What could is an allocation alone, when the VM's memory limit is hit:
//! while there is room with certainty it is made directly, and near the limit each one in a
//! protected call of its own.

mod names;
mod protected;
mod step;

use std::cell::Cell;
use std::ffi::c_int;

use mlua::Lua;
use mlua::ffi::{self, lua_State};
use twinplug_value::ConvertError;

use super::limits::Memory;
use super::raw::Reference;
use super::references::References;
use super::tags::Tags;
use names::Names;
use step::{Step, perform};

/// What a VM's own tables may take beyond what is asked for: Luau takes memory in pages of up
/// to 32 KiB, one for each of some forty sizes.
const SLACK: usize = if cfg!(feature = "luau") { 2 << 20 } else { 64 << 10 };

/// What a new entry of a table takes at the most, with its part in the table's growth.
const ENTRY: usize = 256;

/// A table is made with room for so many items or entries at the most, however many are to come.
pub(super) const MOST_AHEAD: usize = 4096;

/// So many scalars are set, one use of the VM after the other and nothing else between, before somebody
/// looks again whether there is plenty of memory. With three times what is used each table may grow to
/// twice its size, the largest last; how often one with no more entries than this grows besides is within
/// `SLACK`.
const SETS: u32 = 64;

/// Longer strings are errors in one flavour or another, and not for want of memory.
const LONGEST_TEXT: usize = (1 << 30) - 64;

/// Of the 20 slots that a C function has anyway, and each coroutine at its start, what values
/// and the containers around the next one may take without asking, two for each of these. The
/// others are for what is below them, up to three, for a container with its key and value,
/// and for the five of a protected call.
const FREE_SLOTS: usize = 8;

/// What a table grows by at the most when it gets one entry more, for each that it has: a new
/// part of twice the size stands beside the old one for a while.
const GROWTH: usize = 96;

pub(super) struct Border {
    lua: Lua,
    main: *mut lua_State,
    /// What the VM may take, in bytes.
    limit: Cell<Option<usize>>,
    /// What of it can be taken without looking; and how much that is at the least while there
    /// is plenty.
    left: Cell<usize>,
    plenty: Cell<usize>,
    /// How many scalars can be set without looking.
    sets: Cell<u32>,
    /// Changes whenever the VM is entered.
    uses: Cell<u64>,
    /// A C function that takes one step in a protected call.
    perform: Reference,
    names: Names,
    pub(super) references: References,
    pub(super) tags: Tags,
}

impl Border {
    /// The border of a VM that has no limit yet.
    pub(super) fn new(lua: &Lua) -> mlua::Result<Border> {
        // SAFETY: `perform` keeps to what a C function of Lua may do.
        let function = unsafe { lua.create_c_function(perform)? };
        Ok(Border {
            lua: lua.clone(),
            main: super::vm::main_state(lua)?,
            limit: Cell::new(None),
            left: Cell::new(0),
            plenty: Cell::new(0),
            sets: Cell::new(0),
            uses: Cell::new(0),
            perform: refer(lua, function)?,
            names: Names::new(),
            references: References::default(),
            tags: Tags::default(),
        })
    }

    pub(super) fn lua(&self) -> &Lua {
        &self.lua
    }

    /// The coroutine that the VM is on outside of all calls.
    pub(super) fn main(&self) -> *mut lua_State {
        self.main
    }

    /// The VM may take so many bytes from here on.
    pub(super) fn hold(&self, limit: Option<usize>) {
        self.limit.set(limit);
    }

    /// What the VM may take, in bytes.
    #[inline]
    pub(super) fn allowed(&self) -> usize {
        self.limit.get().unwrap_or(usize::MAX)
    }

    /// The VM is entered.
    #[inline(always)]
    pub(super) fn enter(&self) {
        self.uses.set(self.uses.get() + 1);
        self.forget_room();
    }

    /// Lua has run or is about to, or something else may take memory: what was known of it is so no
    /// more.
    #[inline(always)]
    pub(super) fn forget_room(&self) {
        self.left.set(0);
        self.sets.set(0);
    }

    /// How often the VM was entered: what changes while a value is read or written was not
    /// seen whole.
    #[inline]
    pub(super) fn uses(&self) -> u64 {
        self.uses.get()
    }

    /// Pushes a string.
    ///
    /// # Safety
    /// As for all of these: the VM is entered, `state` one of its coroutines that does not
    /// run, or that of the C function that runs, and has room for what is pushed and five
    /// values more.
    #[inline]
    pub(super) unsafe fn push_text(
        &self,
        state: *mut lua_State,
        text: &[u8],
    ) -> Result<(), ConvertError> {
        if text.len() > LONGEST_TEXT {
            return Err(ConvertError::new("longer than a string of Lua's can be"));
        }
        // SAFETY: as the caller says.
        unsafe { self.take(state, &Step::Text(text), 0, 0, 1) }
    }

    /// Pushes the name of a field.
    ///
    /// # Safety
    /// As `push_text`.
    #[inline]
    pub(super) unsafe fn push_name(
        &self,
        state: *mut lua_State,
        name: &'static str,
    ) -> Result<(), ConvertError> {
        match self.names.reference(name) {
            // SAFETY: as the caller says; the reference is of this VM.
            Some(reference) => unsafe { reference.push(state) },
            // SAFETY: as the caller says.
            None => unsafe { self.push_new_name(state, name)? },
        }
        Ok(())
    }

    /// Pushes a name, and keeps it where there is memory for that.
    ///
    /// # Safety
    /// As `push_text`.
    #[cold]
    unsafe fn push_new_name(
        &self,
        state: *mut lua_State,
        name: &'static str,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says. With the room for it making a reference does not raise:
        // what it may take is a larger table for all there are.
        unsafe {
            self.push_text(state, name.as_bytes())?;
            let references = ffi::lua_rawlen(state, ffi::LUA_REGISTRYINDEX) as usize;
            if !self.has_room(ENTRY, GROWTH * references) {
                return Ok(());
            }
            ffi::lua_pushvalue(state, -1);
            if let Some(old) = self.names.keep(name, Reference::new(state)) {
                old.release(state);
            }
        }
        Ok(())
    }

    /// Pushes an empty table with room for so many items and entries.
    ///
    /// # Safety
    /// As `push_text`.
    #[inline]
    pub(super) unsafe fn push_table(
        &self,
        state: *mut lua_State,
        items: usize,
        entries: usize,
    ) -> Result<(), ConvertError> {
        // The lengths are hints of whoever writes: not believed beyond reason.
        let [items, entries] = [items, entries].map(|length| length.min(MOST_AHEAD) as c_int);
        // SAFETY: as the caller says.
        unsafe { self.take(state, &Step::Table { items, entries }, 0, 0, 1) }
    }

    /// `table[key] = value` of the three values on top of the stack; takes the last two. The
    /// table has so many entries at the most.
    ///
    /// # Safety
    /// As `push_text`. The table may be written to; the key is neither nil nor NaN.
    #[inline]
    pub(super) unsafe fn set(
        &self,
        state: *mut lua_State,
        entries: usize,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe { self.take(state, &Step::Set, GROWTH * entries, 3, 0) }
    }

    /// `table[key] = value` of the two values on top of the stack, which it takes; the table is of
    /// any size, and elsewhere on the stack. Where it fails they may still be there, above the
    /// table once more.
    ///
    /// # Safety
    /// As `set`, with room for one value more.
    #[inline]
    pub(super) unsafe fn set_in_any(
        &self,
        state: *mut lua_State,
        table: c_int,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe { self.set_if(self.has_plenty(), state, table) }
    }

    /// The same of a scalar, where nothing of this use of the VM takes memory besides.
    ///
    /// # Safety
    /// As `set_in_any`.
    #[inline(always)]
    pub(super) unsafe fn set_scalar_in_any(
        &self,
        state: *mut lua_State,
        table: c_int,
    ) -> Result<(), ConvertError> {
        let has_plenty = match self.sets.get().checked_sub(1) {
            Some(sets) => {
                self.sets.set(sets);
                true
            }
            None => self.finds_plenty(),
        };
        // SAFETY: as the caller says.
        unsafe { self.set_if(has_plenty, state, table) }
    }

    /// # Safety
    /// As `set_in_any`.
    #[inline(always)]
    unsafe fn set_if(
        &self,
        has_plenty: bool,
        state: *mut lua_State,
        table: c_int,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says. With the room for another entry of any table there is it
        // does not raise.
        unsafe {
            match has_plenty {
                true => ffi::lua_rawset(state, table),
                false => self.set_in_any_protected(state, table)?,
            }
        }
        Ok(())
    }

    /// `table[index] = value` of the two values on top of the stack; takes the value. The
    /// table is a list up to there.
    ///
    /// # Safety
    /// As `set`.
    #[inline]
    pub(super) unsafe fn set_item(
        &self,
        state: *mut lua_State,
        index: i64,
    ) -> Result<(), ConvertError> {
        // SAFETY: as the caller says.
        unsafe { self.take(state, &Step::SetItem(index), GROWTH * index as usize, 2, 0) }
    }

    /// Makes room on the stack for the values of one more container, below so many others and
    /// above so many values.
    ///
    /// # Safety
    /// As `push_text`.
    #[inline]
    pub(super) unsafe fn deepen(
        &self,
        state: *mut lua_State,
        depth: usize,
        values: usize,
    ) -> Result<(), ConvertError> {
        if 2 * depth + values <= FREE_SLOTS {
            return Ok(());
        }
        // SAFETY: as the caller says.
        unsafe { self.reserve(state, 16) }
    }

    /// Makes room on the stack. Nothing has to be free there.
    ///
    /// # Safety
    /// As `push_text`.
    pub(super) unsafe fn reserve(
        &self,
        state: *mut lua_State,
        slots: c_int,
    ) -> Result<(), ConvertError> {
        // What it takes is not counted.
        self.forget_room();
        // SAFETY: as the caller says. No flavour raises here: it says that there is no room.
        match unsafe { ffi::lua_checkstack(state, slots) } {
            0 => Err(self.no_stack()),
            _ => Ok(()),
        }
    }

    /// Why a stack has not grown: by no more than half of what is used already, or it is not
    /// for want of memory.
    #[cold]
    fn no_stack(&self) -> ConvertError {
        match self.has_plenty() {
            true => ConvertError::new("too deep for Lua's stack"),
            false => run_out(),
        }
    }

    /// Takes a step, which has so many values of the stack for arguments, and results; the
    /// table may take `growth` for a while.
    ///
    /// # Safety
    /// As `push_text`.
    #[inline(always)]
    unsafe fn take(
        &self,
        state: *mut lua_State,
        step: &Step<'_>,
        growth: usize,
        arguments: c_int,
        results: c_int,
    ) -> Result<(), ConvertError> {
        if self.has_room(step.size(), growth) {
            // SAFETY: as the caller says; there is memory for it, so it does not raise.
            unsafe { step.take(state) };
            return Ok(());
        }
        // SAFETY: as the caller says.
        unsafe { self.protected(state, step, arguments, results) }
    }

    /// Whether so many bytes are there with certainty, and beyond them what a table takes while
    /// it grows. The bytes are counted as taken.
    #[inline(always)]
    fn has_room(&self, bytes: usize, growth: usize) -> bool {
        match self.left.get().checked_sub(bytes) {
            Some(left) if left >= growth => {
                self.left.set(left);
                true
            }
            _ => self.finds_room(bytes, growth),
        }
    }

    #[inline(never)]
    fn finds_room(&self, bytes: usize, growth: usize) -> bool {
        let (left, plenty) = match self.limit.get() {
            None => (Some(usize::MAX / 2), 0),
            Some(limit) => {
                let used = self.used();
                // One more string may make the table of all strings grow by half of all.
                let free = limit.checked_sub(used + used / 2 + SLACK);
                // There is plenty until three times what is used by then is the limit.
                let more = (limit.saturating_sub(SLACK) / 3).checked_sub(used);
                let plenty = free.zip(more).map(|(free, more)| free.saturating_sub(more));
                (free.and_then(|free| free.checked_sub(bytes)), plenty.unwrap_or(usize::MAX))
            }
        };
        self.left.set(left.unwrap_or(0));
        self.plenty.set(plenty);
        left.is_some_and(|left| left >= growth)
    }

    /// Whether there is room even if the largest thing there can be grows to twice its size.
    /// What is then taken is not counted.
    pub(super) fn has_plenty(&self) -> bool {
        let left = self.left.replace(0);
        if left > 0 {
            return left >= self.plenty.get();
        }
        self.limit.get().is_none_or(|limit| 3 * self.used() + SLACK <= limit)
    }

    #[inline(never)]
    fn finds_plenty(&self) -> bool {
        // An earlier use may have left it.
        self.left.set(0);
        let has_plenty = self.has_plenty();
        self.sets.set(if has_plenty { SETS - 1 } else { 0 });
        has_plenty
    }

    /// What the VM takes, in bytes.
    #[cfg(not(any(feature = "luau", feature = "lua55")))]
    fn used(&self) -> usize {
        // SAFETY: the VM is entered, and this only asks. What Lua counts is what its allocator
        // does.
        match unsafe { ffi::lua_gc(self.main, ffi::LUA_GCCOUNT, 0) } {
            // In the middle of a collection it does not tell.
            ..0 => self.lua.used_memory(),
            kibibytes => (kibibytes as usize + 1) << 10,
        }
    }

    /// What the VM takes, in bytes: Luau does not count the pages that it takes memory in, and Lua
    /// 5.5 not its external strings, which the buffers of its library become.
    #[cfg(any(feature = "luau", feature = "lua55"))]
    fn used(&self) -> usize {
        self.lua.used_memory()
    }
}

/// The error of what Lua had no memory for.
#[cold]
fn run_out() -> ConvertError {
    Memory::run_out();
    ConvertError::new("not enough memory")
}

/// A reference to a value of mlua's.
pub(super) fn refer(lua: &Lua, value: impl mlua::IntoLua) -> mlua::Result<Reference> {
    let mut reference = None;
    // SAFETY: mlua runs it protected, with the value alone in its frame; nothing in it has
    // to be dropped.
    unsafe { lua.exec_raw::<()>(value, |state| reference = Some(Reference::new(state)))? };
    reference.ok_or_else(|| mlua::Error::RuntimeError("no reference".to_owned()))
}
