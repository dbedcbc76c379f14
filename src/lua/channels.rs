//! The host's channels, as C functions that the prelude makes objects of.
//!
//! Each answers what the prelude's `finish` takes: a flag, whether to wait, the message; or
//! false and the error's text. None of them raises.

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use mlua::Table;
use mlua::ffi::{self, lua_State};
use twinplug_value::Sink;

use super::library::push;
use super::limits;
use super::sink::StackSink;
use super::source::StackSource;
use super::vm::{Core, GoesOn, Pending, Shared};
use crate::channel::{AnyChannel, Message, Progress};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::contained;

/// The channels that a VM has been given.
#[derive(Default)]
pub(super) struct Channels {
    /// They, by their number.
    list: RefCell<Vec<Arc<dyn AnyChannel>>>,
    /// The object that was used last, and its channel's number. The prelude keeps each object
    /// that a script gets, so that nothing else has its address.
    last: Cell<Option<(NonNull<c_void>, usize)>>,
}

/// Where a C function of channels finds the core, and the metatable of a channel's object.
const CORE: c_int = ffi::lua_upvalueindex(1);
const METATABLE: c_int = ffi::lua_upvalueindex(2);

impl Channels {
    /// Adds a channel, and says its number.
    fn add(&self, channel: &Arc<dyn AnyChannel>) -> usize {
        let mut channels = self.list.borrow_mut();
        let known = channels.iter().position(|other| Arc::ptr_eq(other, channel));
        known.unwrap_or_else(|| {
            channels.push(Arc::clone(channel));
            channels.len() - 1
        })
    }

    fn of_number(&self, number: usize) -> Option<&dyn AnyChannel> {
        let channel = self.list.borrow().get(number).map(Arc::as_ptr);
        // SAFETY: none is ever taken out again, and each is at an address of its own.
        channel.map(|channel| unsafe { &*channel })
    }
}

/// The metatable of channels' objects, and for these `open`, `send`, `recv` and `close`.
pub(super) fn list(core: &Core) -> mlua::Result<Table> {
    const FUNCTIONS: [ffi::lua_CFunction; 4] = [open, send, recv, close];
    let core_pointer = ptr::from_ref(core).cast_mut();
    // SAFETY: mlua runs it protected, with room for these values, and nothing to drop. The
    // core stays where it is while the VM lives.
    unsafe {
        core.border.lua().exec_raw((), |state| {
            ffi::lua_createtable(state, FUNCTIONS.len() as c_int + 1, 0);
            let list = ffi::lua_gettop(state);
            ffi::lua_createtable(state, 0, 4);
            for (function, place) in FUNCTIONS.into_iter().zip(2..) {
                ffi::lua_pushlightuserdata(state, core_pointer.cast());
                ffi::lua_pushvalue(state, list + 1);
                push(state, function, c"channel", 2);
                ffi::lua_rawseti(state, list, place);
            }
            ffi::lua_rawseti(state, list, 1);
        })
    }
}

/// The core of the VM that runs a C function of channels.
///
/// # Safety
/// `state` is that function's.
unsafe fn core<'c>(state: *mut lua_State) -> &'c Core {
    // SAFETY: `list` has put it there; it lives as long as the VM.
    unsafe { &*ffi::lua_touserdata(state, CORE).cast::<Core>() }
}

/// `open(name)`: true and the object.
unsafe extern "C-unwind" fn open(state: *mut lua_State) -> c_int {
    // SAFETY: `state` is this function's, which has room for 20 values. All of Rust's is
    // dropped when the object is made, which may raise.
    unsafe {
        let Some(number) = core(state).open(state) else { return 2 };
        ffi::lua_pushboolean(state, 1);
        let place: *mut usize = ffi::lua_newuserdata(state, size_of::<usize>()).cast();
        place.write(number);
        ffi::lua_pushvalue(state, METATABLE);
        ffi::lua_setmetatable(state, -2);
        2
    }
}

/// `send(channel, message)`: nothing where that is done.
unsafe extern "C-unwind" fn send(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).send(state) }
}

/// `recv(channel)`
unsafe extern "C-unwind" fn recv(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).receive(state) }
}

/// `close(channel)`
unsafe extern "C-unwind" fn close(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).close(state) }
}

impl Core {
    /// The number of the channel whose name is the first argument; else the answer is there.
    ///
    /// # Safety
    /// `state` is of a C function of channels that runs; so for all of these.
    unsafe fn open(&self, state: *mut lua_State) -> Option<usize> {
        self.border.forget_room();
        // SAFETY: as the caller says: it has room for what is pushed.
        unsafe {
            match attach(&self.shared, state) {
                Ok(channel) => Some(self.channels.add(&channel)),
                Err(error) => {
                    self.refuse(state, &error);
                    None
                }
            }
        }
    }

    unsafe fn send(&self, state: *mut lua_State) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            let sent = self.channel(state).and_then(|channel| {
                contained(|| channel.send_from(&mut StackSource::new(&self.border, state, 2)))
            });
            match sent {
                Ok(Progress::Done(())) => 0,
                Ok(Progress::Waits(wait)) => {
                    self.wait(state, Box::new(move || wait().map(|()| GoesOn::Nothing)))
                }
                Err(error) => self.refuse(state, &error),
            }
        }
    }

    unsafe fn receive(&self, state: *mut lua_State) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            match self.channel(state).and_then(|channel| contained(|| channel.receive())) {
                Ok(Progress::Done(message)) => {
                    let count = self.done(state, Some(&*message));
                    // The message is the embedding's, and so is what its drop does.
                    match contained(|| {
                        drop(message);
                        Ok(())
                    }) {
                        Ok(()) => count,
                        Err(error) => self.refuse(state, &error),
                    }
                }
                Ok(Progress::Waits(wait)) => {
                    self.wait(state, Box::new(move || wait().map(GoesOn::Message)))
                }
                Err(error) => self.refuse(state, &error),
            }
        }
    }

    unsafe fn close(&self, state: *mut lua_State) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            match self.channel(state) {
                Ok(channel) => {
                    channel.close();
                    self.done(state, None)
                }
                Err(error) => self.refuse(state, &error),
            }
        }
    }

    /// The channel whose object is the first argument.
    #[inline]
    unsafe fn channel(&self, state: *mut lua_State) -> Result<&dyn AnyChannel> {
        self.border.forget_room();
        // SAFETY: as the caller says.
        let object = unsafe { NonNull::new(ffi::lua_touserdata(state, 1)) };
        let number = match (object, self.channels.last.get()) {
            (Some(object), Some((last, number))) if object == last => Some(number),
            // SAFETY: as the caller says.
            (Some(object), _) => unsafe { self.number_of(state, object) },
            (None, _) => None,
        };
        number
            .and_then(|number| self.channels.of_number(number))
            .ok_or_else(|| Error::new(ErrorKind::Type, "not a channel: call its methods with `:`"))
    }

    /// The number of the channel of the userdata that is the first argument.
    #[inline(never)]
    unsafe fn number_of(&self, state: *mut lua_State, object: NonNull<c_void>) -> Option<usize> {
        // SAFETY: as the caller says. Only `open` gives objects that metatable, and no script
        // can reach it, so that what is in one is a number.
        let number = unsafe {
            let is_one = ffi::lua_getmetatable(state, 1) != 0 && {
                let is_one = ffi::lua_rawequal(state, -1, METATABLE) != 0;
                ffi::lua_settop(state, -2);
                is_one
            };
            is_one.then(|| object.cast::<usize>().read())?
        };
        self.channels.last.set(Some((object, number)));
        Some(number)
    }

    unsafe fn wait(&self, state: *mut lua_State, pending: Pending) -> c_int {
        self.shared.will_wait(pending);
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_pushboolean(state, 1);
        }
        2
    }

    unsafe fn done(&self, state: *mut lua_State, message: Option<&dyn Message>) -> c_int {
        // The messages that were dropped may have used the VM.
        self.border.forget_room();
        // SAFETY: as the caller says. Room is made for what a message has of values.
        let written = unsafe {
            let top = ffi::lua_gettop(state);
            ffi::lua_pushboolean(state, 1);
            ffi::lua_pushboolean(state, 0);
            let mut sink = StackSink::new(&self.border, state);
            let written = match message {
                Some(message) => contained(|| Ok(message.write(&mut sink)?)),
                None => sink.null().map_err(Error::from),
            };
            let written = written.and_then(|()| Ok(sink.finish()?));
            written.inspect_err(|_| ffi::lua_settop(state, top))
        };
        match written {
            Ok(_) => 3,
            // SAFETY: as the caller says.
            Err(error) => unsafe { self.refuse(state, &error) },
        }
    }

    /// Pushes false and the error's text; false alone if Lua has no memory for it.
    #[cold]
    unsafe fn refuse(&self, state: *mut lua_State, error: &Error) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushboolean(state, 0);
            if self.border.push_text(state, error.message().as_bytes()).is_err() {
                ffi::lua_pushnil(state);
            }
            if limits::is_due() {
                limits::arm(state);
            }
        }
        2
    }
}

/// # Safety
/// As the methods above.
unsafe fn attach(shared: &Shared, state: *mut lua_State) -> Result<Arc<dyn AnyChannel>> {
    let takes = || Error::new(ErrorKind::Type, "`host.channel` takes the channel's name");
    // SAFETY: as the caller says; a string stays while it is an argument.
    let name = unsafe {
        if ffi::lua_type(state, 1) != ffi::LUA_TSTRING {
            return Err(takes());
        }
        let mut length = 0;
        let text = ffi::lua_tolstring(state, 1, &raw mut length);
        std::slice::from_raw_parts(text.cast(), length)
    };
    let name = std::str::from_utf8(name).map_err(|_| takes())?;
    Ok(Arc::clone(shared.host()?.channel(name)?))
}
