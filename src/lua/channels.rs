//! The host's channels, as C functions that the prelude makes objects of.
//!
//! Each answers what the prelude's `finish` takes: a flag, whether to wait, what the script
//! gets; or false and the error's text. None of them raises, but where a C function can go on after
//! a wait: there `send` is all of it itself (`sends`).

mod arguments;
#[cfg(any(feature = "lua54", feature = "lua55"))]
mod sends;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::Arc;

use mlua::Table;
use mlua::ffi::{self, lua_State};

use super::border::Border;
use super::library::push;
use super::limits;
use super::sink::StackSink;
use super::source::StackSource;
use super::vm::{Answer, Core, GoesOn, Pending, Shared, Waits};
use crate::channel::{AnyChannel, Message, Progress, Wait};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::contained;
use arguments::{most, seconds};

/// The channels that a VM has been given.
#[derive(Default)]
pub(super) struct Channels {
    /// They, by their number.
    list: RefCell<Vec<Arc<dyn AnyChannel>>>,
    /// The object that was used last, and its channel's number. The prelude keeps each object
    /// that a script gets, so that nothing else has its address.
    last: Cell<Option<(NonNull<c_void>, usize)>>,
}

#[cfg(any(feature = "lua54", feature = "lua55"))]
pub(super) use sends::is_send;

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

/// The metatable of channels' objects, and what the prelude makes their methods of.
pub(super) fn list(core: &Core) -> mlua::Result<Table> {
    #[cfg(not(any(feature = "lua54", feature = "lua55")))]
    use send as send_or_maker;
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    use sends::make_send as send_or_maker;
    const FUNCTIONS: [ffi::lua_CFunction; 10] = [
        open,
        send_or_maker,
        try_send,
        send_timeout,
        recv,
        try_recv,
        recv_timeout,
        recv_many,
        next,
        close,
    ];
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
#[cfg(not(any(feature = "lua54", feature = "lua55")))]
unsafe extern "C-unwind" fn send(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).send(state, Ok(Wait::Ever), |sent| sent.map(|()| Answer::Nothing)) }
}

/// `try_send(channel, message)`: true, or false and why.
unsafe extern "C-unwind" fn try_send(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).send(state, Ok(Wait::Never), |sent| said(sent, "full")) }
}

/// `send_timeout(channel, message, seconds)`: true, or false and why.
unsafe extern "C-unwind" fn send_timeout(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let wait = seconds(state, 3, "send_timeout");
        core(state).send(state, wait, |sent| said(sent, "timeout"))
    }
}

/// `recv(channel)`: a message.
unsafe extern "C-unwind" fn recv(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).receive(state, Ok(Wait::Ever), |got| got.map(Answer::Message)) }
}

/// `try_recv(channel)`: a message, or nil and why.
unsafe extern "C-unwind" fn try_recv(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).receive(state, Ok(Wait::Never), |got| gotten(got, "empty")) }
}

/// `recv_timeout(channel, seconds)`: a message, or nil and why.
unsafe extern "C-unwind" fn recv_timeout(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let wait = seconds(state, 2, "recv_timeout");
        core(state).receive(state, wait, |got| gotten(got, "timeout"))
    }
}

/// `recv_many(channel, most)`: a list.
unsafe extern "C-unwind" fn recv_many(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe { core(state).receive_many(state, most(state)) }
}

/// `next(channel)`: a message, or nil at the end.
unsafe extern "C-unwind" fn next(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        core(state).receive(state, Ok(Wait::Ever), |got| match got {
            Ok(message) => Ok(Answer::Next(message)),
            Err(error) if error.is_closed() => Ok(Answer::Missing("closed")),
            Err(error) => Err(error),
        })
    }
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

    #[inline(always)]
    unsafe fn send(
        &self,
        state: *mut lua_State,
        wait: Result<Wait>,
        answer: impl FnOnce(Result<()>) -> Result<Answer> + Send + 'static,
    ) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            match wait.and_then(|wait| self.begin_to_send(state, wait)) {
                Ok(Progress::Waits(wait)) => {
                    self.wait(state, Box::new(move || answer(wait()).map(GoesOn::Answer)))
                }
                Ok(Progress::Done(())) => self.answer(state, answer(Ok(()))),
                Err(error) => self.answer(state, answer(Err(error))),
            }
        }
    }

    /// Sends the second argument, or says how to wait for that.
    #[inline(always)]
    unsafe fn begin_to_send(&self, state: *mut lua_State, wait: Wait) -> Result<Progress<()>> {
        // SAFETY: as the caller says.
        let channel = unsafe { self.channel(state)? };
        contained(|| {
            // SAFETY: as the caller says.
            let mut message = unsafe { StackSource::new(&self.border, state, 2) };
            channel.send_from(&mut message, wait, &self.shared.life)
        })
    }

    unsafe fn receive(
        &self,
        state: *mut lua_State,
        wait: Result<Wait>,
        answer: fn(Result<Box<dyn Message>>) -> Result<Answer>,
    ) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            let got = wait.and_then(|wait| {
                let channel = self.channel(state)?;
                contained(|| channel.receive(wait, &self.shared.life))
            });
            self.received(state, got, answer)
        }
    }

    unsafe fn receive_many(&self, state: *mut lua_State, most: Result<usize>) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            let got = most.and_then(|most| {
                let channel = self.channel(state)?;
                contained(|| channel.receive_many(most, &self.shared.life))
            });
            self.received(state, got, |got| got.map(Answer::Message))
        }
    }

    unsafe fn received(
        &self,
        state: *mut lua_State,
        got: Result<Progress<Box<dyn Message>>>,
        answer: fn(Result<Box<dyn Message>>) -> Result<Answer>,
    ) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            match got {
                Ok(Progress::Waits(wait)) => {
                    self.wait(state, Box::new(move || answer(wait()).map(GoesOn::Answer)))
                }
                Ok(Progress::Done(message)) => self.answer(state, answer(Ok(message))),
                Err(error) => self.answer(state, answer(Err(error))),
            }
        }
    }

    unsafe fn close(&self, state: *mut lua_State) -> c_int {
        // SAFETY: as the caller says.
        unsafe {
            match self.channel(state) {
                Ok(channel) => {
                    channel.close();
                    self.answer(state, Ok(Answer::Nothing))
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

    unsafe fn wait(&self, state: *mut lua_State, pending: Waits) -> c_int {
        self.shared.will_wait(Pending::Wait(pending));
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_pushboolean(state, 1);
        }
        2
    }

    /// Pushes what the prelude's `finish` takes; nothing where that is all.
    #[inline(always)]
    unsafe fn answer(&self, state: *mut lua_State, answer: Result<Answer>) -> c_int {
        // The messages that were dropped may have used the VM.
        self.border.forget_room();
        match answer {
            Ok(Answer::Nothing) => 0,
            // SAFETY: as the caller says.
            answer => unsafe { self.push_answer(state, answer) },
        }
    }

    #[inline(never)]
    unsafe fn push_answer(&self, state: *mut lua_State, answer: Result<Answer>) -> c_int {
        // SAFETY: as the caller says. Room is made for what a message has of values.
        unsafe {
            let top = ffi::lua_gettop(state);
            let written = match answer {
                Ok(answer) => write(&self.border, state, answer),
                Err(error) => Err(error),
            };
            written.unwrap_or_else(|error| {
                ffi::lua_settop(state, top);
                self.refuse(state, &error)
            })
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

/// Pushes true, false, and what the script gets; how many that are. Where it fails, a part may
/// have been pushed.
///
/// # Safety
/// `state` is of a coroutine of the VM, which is entered, and has room for 4 values.
pub(super) unsafe fn write(
    border: &Border,
    state: *mut lua_State,
    answer: Answer,
) -> Result<c_int> {
    // SAFETY: as the caller says. Room is made for what a message has of values.
    unsafe {
        ffi::lua_pushboolean(state, 1);
        ffi::lua_pushboolean(state, 0);
        let why = match answer {
            Answer::Nothing => {
                ffi::lua_pushnil(state);
                return Ok(3);
            }
            Answer::Yes => {
                ffi::lua_pushboolean(state, 1);
                return Ok(3);
            }
            Answer::Message(message) => {
                write_message(border, state, message)?;
                return Ok(3);
            }
            Answer::Next(message) => {
                write_message(border, state, message)?;
                if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
                    ffi::lua_settop(state, -2);
                    ffi::lua_pushlightuserdata(state, ptr::null_mut());
                }
                return Ok(3);
            }
            Answer::No(why) => {
                ffi::lua_pushboolean(state, 0);
                why
            }
            Answer::Missing(why) => {
                ffi::lua_pushnil(state);
                why
            }
        };
        border.push_text(state, why.as_bytes())?;
        Ok(4)
    }
}

/// # Safety
/// As `write`.
unsafe fn write_message(
    border: &Border,
    state: *mut lua_State,
    message: Box<dyn Message>,
) -> Result<()> {
    // SAFETY: as the caller says.
    let mut sink = unsafe { StackSink::new(border, state) };
    contained(move || {
        message.write(&mut sink)?;
        sink.finish()?;
        // It is the embedding's, and so is what its drop does.
        drop(message);
        Ok(())
    })
}

/// Whether it was sent; where it would have waited, why not.
fn said(sent: Result<()>, why: &'static str) -> Result<Answer> {
    match sent {
        Ok(()) => Ok(Answer::Yes),
        Err(error) if error.would_wait() => Ok(Answer::No(why)),
        Err(error) => Err(error),
    }
}

/// The message; where it would have waited, why there is none.
fn gotten(got: Result<Box<dyn Message>>, why: &'static str) -> Result<Answer> {
    match got {
        Ok(message) => Ok(Answer::Message(message)),
        Err(error) if error.would_wait() => Ok(Answer::Missing(why)),
        Err(error) => Err(error),
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
    shared.host()?.channel(name)
}
