//! The guards of `string`, and of `os.date`.

use std::ffi::c_int;

use mlua::ffi::{self, lua_State};

use super::poll::called_off;
use super::{
    Guard, HAS_INTEGERS, Poll, integer, is_left_out, is_plain, original, push, raise, slow, stop,
    text,
};
use crate::lua::patterns::{Capture, Fault, Matcher, Starts, bound};

pub(super) const GUARDS: &[Guard] = &[
    Guard { library: c"string", name: c"find", function: find },
    Guard { library: c"string", name: c"match", function: match_ },
    Guard { library: c"string", name: c"gmatch", function: gmatch },
    Guard { library: c"string", name: c"gsub", function: gsub },
    Guard { library: c"string", name: c"format", function: format },
    #[cfg(any(feature = "lua54", feature = "lua55"))]
    Guard { library: c"string", name: c"rep", function: rep },
    #[cfg(feature = "luau")]
    Guard { library: c"string", name: c"split", function: split },
    Guard { library: c"os", name: c"date", function: date },
];

/// A pattern that makes more steps goes to our matcher; 20 to 50 ms in Lua's.
const MOST_STEPS: u64 = 1 << 24;

/// Bytes that may be compared in a search for a plain text; 10 to 30 ms.
const MOST_COMPARED: usize = 1 << 28;

/// So many arguments are formatted at once, of so many bytes together unless they are few.
const FEW_FORMATTED: c_int = 8;
const MOST_FORMATTED: c_int = 10_000;
const MOST_FORMATTED_BYTES: usize = 1 << 30;

/// More than any machine has.
#[cfg(any(feature = "lua54", feature = "lua55"))]
const LONGEST_REPEATED: u64 = 1 << 40;

/// So much text is compiled between two questions.
const PIECE: usize = 1024;

/// The longest format of a date.
const LONGEST_DATE: usize = 4096;

#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    Place,
    Captures,
}

// SAFETY (of each function here that Lua calls): Lua gives the state that runs it, for the
// time of the call. None has anything to drop while Lua is called.

unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe { look(state, Wanted::Place) }
}

unsafe extern "C-unwind" fn match_(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe { look(state, Wanted::Captures) }
}

/// # Safety
/// As `super::original`.
unsafe fn look(state: *mut lua_State, wanted: Wanted) -> c_int {
    // SAFETY: as the caller says; the texts stay at the bottom of the stack.
    unsafe {
        let (Some(subject), Some(pattern)) = (text(state, 1), text(state, 2)) else {
            return original(state);
        };
        let is_plain = wanted == Wanted::Place
            && (ffi::lua_toboolean(state, 4) != 0 || !pattern.iter().any(is_special));
        if is_plain {
            if subject.len().saturating_mul(pattern.len()) <= MOST_COMPARED {
                return original(state);
            }
        } else if work(pattern, subject) <= most_steps() {
            return original(state);
        }
        let Some(start) = start(state, 3, subject.len()) else { return original(state) };
        if is_plain {
            return look_plain(state, subject, pattern, start);
        }
        let (pattern, starts) = match pattern.strip_prefix(b"^") {
            Some(pattern) => (pattern, Starts::At(start)),
            None => (pattern, Starts::From(start)),
        };
        let mut matcher = Matcher::new(subject, pattern);
        match matcher.search(starts, None) {
            Err(fault) => raise(state, fault.text()),
            Ok(None) => {
                ffi::lua_pushnil(state);
                1
            }
            Ok(Some((from, to))) => match wanted {
                Wanted::Place => {
                    ffi::lua_pushinteger(state, from as ffi::lua_Integer + 1);
                    ffi::lua_pushinteger(state, to as ffi::lua_Integer);
                    finish(state, push_captures(state, &matcher, subject, None, &mut unfinished), 2)
                }
                Wanted::Captures => finish(
                    state,
                    push_captures(state, &matcher, subject, Some((from, to)), &mut unfinished),
                    0,
                ),
            },
        }
    }
}

/// # Safety
/// As `super::original`.
unsafe fn look_plain(state: *mut lua_State, subject: &[u8], sought: &[u8], start: usize) -> c_int {
    // SAFETY: as the caller says.
    unsafe {
        let mut poll = Poll::new();
        let last = subject.len().checked_sub(sought.len());
        for from in last.map_or(0..0, |last| start..last + 1) {
            let begins = subject[from] == sought[0];
            if poll.step(if begins { 1 + sought.len() / 16 } else { 1 }).is_err() {
                return stop(state);
            }
            if begins && subject[from..].starts_with(sought) {
                ffi::lua_pushinteger(state, from as ffi::lua_Integer + 1);
                ffi::lua_pushinteger(state, (from + sought.len()) as ffi::lua_Integer);
                return 2;
            }
        }
        ffi::lua_pushnil(state);
        1
    }
}

unsafe extern "C-unwind" fn gmatch(state: *mut lua_State) -> c_int {
    // SAFETY: see above; the texts stay at the bottom of the stack.
    unsafe {
        let (Some(subject), Some(pattern)) = (text(state, 1), text(state, 2)) else {
            return original(state);
        };
        if bound(pattern, false, subject.len()) <= most_steps() {
            return original(state);
        }
        // Only these two have a third argument.
        let has_start = HAS_INTEGERS;
        let start = if has_start { start(state, 3, subject.len()) } else { Some(0) };
        let Some(start) = start else { return original(state) };
        ffi::lua_settop(state, 2);
        ffi::lua_pushinteger(state, start as ffi::lua_Integer);
        ffi::lua_pushinteger(state, -1);
        push(state, gmatch_next, c"gmatch", 4);
        1
    }
}

/// The iterator: its upvalues are subject, pattern, where to go on, and the end of the last
/// match.
unsafe extern "C-unwind" fn gmatch_next(state: *mut lua_State) -> c_int {
    // SAFETY: see above; `gmatch` has made the upvalues, which hold the texts.
    unsafe {
        let upvalue = ffi::lua_upvalueindex;
        let (Some(subject), Some(pattern)) = (text(state, upvalue(1)), text(state, upvalue(2)))
        else {
            return 0;
        };
        let start = usize::try_from(ffi::lua_tointeger(state, upvalue(3))).unwrap_or(0);
        let last = usize::try_from(ffi::lua_tointeger(state, upvalue(4))).ok();
        if start > subject.len() {
            return 0;
        }
        let mut matcher = Matcher::new(subject, pattern);
        let (from, to) = match matcher.search(Starts::From(start), last) {
            Ok(Some(found)) => found,
            Ok(None) => return 0,
            Err(fault) => return raise(state, fault.text()),
        };
        // 5.1 and its kin take an empty match behind another one, and go on behind that.
        let by_end = HAS_INTEGERS;
        let next = if by_end || to > from { to } else { to + 1 };
        ffi::lua_pushinteger(state, next as ffi::lua_Integer);
        ffi::lua_replace(state, upvalue(3));
        if by_end {
            ffi::lua_pushinteger(state, to as ffi::lua_Integer);
            ffi::lua_replace(state, upvalue(4));
        }
        finish(state, push_captures(state, &matcher, subject, Some((from, to)), &mut unfinished), 0)
    }
}

unsafe extern "C-unwind" fn gsub(state: *mut lua_State) -> c_int {
    // SAFETY: see above; the texts stay at the bottom of the stack.
    unsafe {
        let (Some(subject), Some(pattern)) = (text(state, 1), text(state, 2)) else {
            return original(state);
        };
        let is_short = match ffi::lua_type(state, 3) {
            ffi::LUA_TSTRING => {
                // Captures that are empty make nothing of a long replacement, again and again.
                let replacement = text(state, 3).unwrap_or_default();
                let work = subject.len().saturating_mul(replacement.len());
                !replacement.contains(&b'%') || work as u64 <= most_steps()
            }
            ffi::LUA_TNUMBER => true,
            ffi::LUA_TFUNCTION => ffi::lua_iscfunction(state, 3) == 0,
            ffi::LUA_TTABLE => is_plain(state, 3),
            _ => return original(state),
        };
        if is_short && work(pattern, subject) <= most_steps() {
            return original(state);
        }
        match is_left_out(state, 4) || integer(state, 4).is_some() {
            true => slow(state, c"string", c"gsub"),
            false => original(state),
        }
    }
}

/// `search(subject, pattern, from, not, anchored)`: where the first match at `from` or later
/// is that does not end at `not`, and its captures, of which those are false that have no
/// end; nothing; or false and the text of an error.
pub(super) unsafe extern "C-unwind" fn search(state: *mut lua_State) -> c_int {
    // SAFETY: see above; the prelude calls it, and holds the texts.
    unsafe {
        let (Some(subject), Some(pattern)) = (text(state, 1), text(state, 2)) else { return 0 };
        let from = usize::try_from(ffi::lua_tointeger(state, 3) - 1).unwrap_or(0);
        let not = integer(state, 4).and_then(|not| usize::try_from(not).ok());
        if from > subject.len() {
            return 0;
        }
        let anchored = ffi::lua_toboolean(state, 5) != 0;
        let starts = if anchored { Starts::At(from) } else { Starts::From(from) };
        let mut matcher = Matcher::new(subject, pattern);
        match matcher.search(starts, not) {
            Ok(None) => 0,
            Ok(Some((from, to))) => {
                ffi::lua_pushinteger(state, from as ffi::lua_Integer + 1);
                ffi::lua_pushinteger(state, to as ffi::lua_Integer);
                push_captures(state, &matcher, subject, Some((from, to)), &mut || {
                    ffi::lua_pushboolean(state, 0);
                    Ok(())
                })
                .map_or(0, |captures| captures + 2)
            }
            Err(fault) => {
                ffi::lua_pushboolean(state, 0);
                ffi::lua_pushstring(state, fault.text().as_ptr());
                2
            }
        }
    }
}

/// `reader(text)`: a function that gives the text in pieces, and asks before each whether the
/// call is over. It runs no Lua, where a hook might raise.
pub(super) unsafe extern "C-unwind" fn reader(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        ffi::lua_settop(state, 1);
        ffi::lua_pushinteger(state, 0);
        push(state, read, c"reader", 2);
        1
    }
}

/// Its upvalues are the text, and where to go on.
unsafe extern "C-unwind" fn read(state: *mut lua_State) -> c_int {
    // SAFETY: see above; `reader` has made the upvalues, which hold the text.
    unsafe {
        if called_off() {
            return stop(state);
        }
        let upvalue = ffi::lua_upvalueindex;
        let whole = text(state, upvalue(1)).unwrap_or_default();
        let from = usize::try_from(ffi::lua_tointeger(state, upvalue(2))).unwrap_or(0);
        let to = whole.len().min(from + PIECE);
        ffi::lua_pushinteger(state, to as ffi::lua_Integer);
        ffi::lua_replace(state, upvalue(2));
        let piece = &whole[from.min(to)..to];
        ffi::lua_pushlstring(state, piece.as_ptr().cast(), piece.len());
        1
    }
}

unsafe extern "C-unwind" fn format(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        let arguments = ffi::lua_gettop(state);
        if arguments > MOST_FORMATTED {
            return raise(state, c"too many arguments to 'format'");
        }
        let lengths = || (1..=arguments).map(|index| text(state, index).map_or(0, <[u8]>::len));
        if arguments > FEW_FORMATTED && lengths().sum::<usize>() > MOST_FORMATTED_BYTES {
            return raise(state, c"resulting string too large");
        }
        original(state)
    }
}

/// 5.4 copies nothing as often as it is asked to, and 5.5 asks for memory of any size, which
/// the allocator ends the process over.
#[cfg(any(feature = "lua54", feature = "lua55"))]
unsafe extern "C-unwind" fn rep(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        let separator = if is_left_out(state, 3) { Some(&b""[..]) } else { text(state, 3) };
        let (Some(text), Some(separator), Some(times)) =
            (text(state, 1), separator, integer(state, 2))
        else {
            return original(state);
        };
        let length = (text.len() + separator.len()) as u64;
        if length == 0 {
            ffi::lua_pushvalue(state, 1);
            return 1;
        }
        if times > 0 && length.saturating_mul(times.unsigned_abs()) > LONGEST_REPEATED {
            return raise(state, c"resulting string too large");
        }
        original(state)
    }
}

#[cfg(feature = "luau")]
unsafe extern "C-unwind" fn split(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        match (text(state, 1), text(state, 2)) {
            (Some(subject), Some(separator))
                if subject.len().saturating_mul(separator.len()) > MOST_COMPARED =>
            {
                slow(state, c"string", c"split")
            }
            _ => original(state),
        }
    }
}

unsafe extern "C-unwind" fn date(state: *mut lua_State) -> c_int {
    // SAFETY: see above.
    unsafe {
        match text(state, 1) {
            Some(format) if format.len() > LONGEST_DATE => raise(state, c"date format too long"),
            _ => original(state),
        }
    }
}

fn most_steps() -> u64 {
    #[cfg(test)]
    if tests::PATTERNS_ARE_OURS.get() {
        return 0;
    }
    MOST_STEPS
}

/// What a search for the pattern costs at most.
fn work(pattern: &[u8], subject: &[u8]) -> u64 {
    match pattern.strip_prefix(b"^") {
        Some(pattern) => bound(pattern, true, subject.len()),
        None => bound(pattern, false, subject.len()),
    }
}

fn is_special(byte: &u8) -> bool {
    b"^$*+?.([%-".contains(byte)
}

/// Where a search begins, from 0; `None` where the original has to say something.
///
/// # Safety
/// As `super::original`.
unsafe fn start(state: *mut lua_State, index: c_int, length: usize) -> Option<usize> {
    // SAFETY: as the caller says.
    let given = unsafe { if is_left_out(state, index) { 1 } else { integer(state, index)? } };
    let start = match usize::try_from(given) {
        Ok(given) => given.saturating_sub(1),
        Err(_) => {
            let back = usize::try_from(given.unsigned_abs()).unwrap_or(usize::MAX);
            length.saturating_sub(back)
        }
    };
    (start <= length).then_some(start)
}

/// What a capture without an end is, where all captures are asked for.
fn unfinished() -> Result<(), Fault> {
    Err(Fault::Unfinished)
}

/// Pushes the captures, or the whole match where there are none; says how many. One without
/// an end is pushed by `open`.
///
/// # Safety
/// As `super::original`.
unsafe fn push_captures(
    state: *mut lua_State,
    matcher: &Matcher<'_>,
    subject: &[u8],
    whole: Option<(usize, usize)>,
    open: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<c_int, Fault> {
    // SAFETY: as the caller says. 32 captures need more than the 20 places that there are.
    unsafe {
        let bytes = |(from, to): (usize, usize)| {
            ffi::lua_pushlstring(state, subject[from..to].as_ptr().cast(), to - from);
        };
        let captures = matcher.captures();
        ffi::luaL_checkstack(state, captures.len() as c_int + 1, c"too many captures".as_ptr());
        match (captures, whole) {
            ([], Some(whole)) => {
                bytes(whole);
                return Ok(1);
            }
            ([], None) => return Ok(0),
            _ => {}
        }
        for capture in captures {
            match *capture {
                Capture::Open(_) => open()?,
                Capture::Text(from, to) => bytes((from, to)),
                Capture::Position(place) => {
                    ffi::lua_pushinteger(state, place as ffi::lua_Integer + 1);
                }
            }
        }
        Ok(captures.len() as c_int)
    }
}

/// The number of results, so many more than captures.
///
/// # Safety
/// As `super::original`.
unsafe fn finish(state: *mut lua_State, captures: Result<c_int, Fault>, more: c_int) -> c_int {
    match captures {
        Ok(captures) => captures + more,
        // SAFETY: as the caller says.
        Err(fault) => unsafe { raise(state, fault.text()) },
    }
}

#[cfg(test)]
pub(in crate::lua) mod tests {
    use std::cell::Cell;

    thread_local! {
        /// Every pattern goes to our matcher.
        pub(in crate::lua) static PATTERNS_ARE_OURS: Cell<bool> = const { Cell::new(false) };
    }
}
