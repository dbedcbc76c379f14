//! A call of a reference, from both sides: who asks, and who answers.

use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_abi::{self as abi, Status};

use super::hosting::hosting;
use super::memory::{Lent, Own};
use super::{Allocate, Arena, CallError, CallFault, RawSink, RawSource, RawValues};
use crate::{ConvertError, Data, Sink, Value, from_source, panic_text, to_sink};

fn no_memory() -> CallError {
    CallError::new(CallFault::NoMemory, "out of memory")
}

/// Writes values as arguments.
pub(super) fn write_values(values: &[Value], sink: &mut RawSink<'_>) -> Result<(), ConvertError> {
    values.iter().enumerate().try_for_each(|(index, value)| {
        to_sink(value, sink).map_err(|error| error.of(format!("argument {}", index + 1)))
    })
}

/// Calls what is of this image with these arguments. What its error knows is not lost, as it
/// would be behind a table.
pub(super) fn ask_here<R: Data>(
    write: impl FnOnce(&mut RawSink<'_>) -> Result<(), ConvertError>,
    called: impl FnOnce(RawValues<'_>, &mut RawSink<'_>) -> Result<(), CallError>,
) -> Result<R, CallError> {
    let (written, answered) = (Arena::new(), Arena::new());
    let mut sink = RawSink::new(&written as &dyn Allocate);
    write(&mut sink)?;
    // SAFETY: a sink has written them; what they point to lies in an arena that outlives the call.
    let values = unsafe { RawValues::new(sink.values()) };
    let mut result = RawSink::new(&answered as &dyn Allocate);
    match catch_unwind(AssertUnwindSafe(|| called(values, &mut result))) {
        Ok(called) => called?,
        Err(panic) => return Err(CallError::new(CallFault::Panicked, panic_text(panic))),
    }
    // SAFETY: as above.
    let mut source = unsafe { RawSource::new(result.last()) };
    Ok(from_source(&mut source).map_err(|error| error.of("result"))?)
}

/// Calls what is behind a table with these arguments, and reads the answer.
pub(super) fn ask<R: Data>(
    write: impl FnOnce(&mut RawSink<'_>) -> Result<(), ConvertError>,
    call: impl FnOnce(*const abi::Value, u32, *mut abi::Arena, *mut abi::Value) -> Status,
) -> Result<R, CallError> {
    let (mut written, mut answered) =
        (Own::new().ok_or_else(no_memory)?, Own::new().ok_or_else(no_memory)?);
    let memory = written.lent();
    let mut sink = RawSink::new(&memory as &dyn Allocate);
    write(&mut sink)?;
    let values = sink.values();
    let count = u32::try_from(values.len()).unwrap_or(u32::MAX);
    let mut result = abi::Value::NULL;
    let status = call(values.as_ptr(), count, answered.as_raw(), &raw mut result);
    // SAFETY: what was called has left a value there that follows the ABI; what it points to
    // is static, or lies in `answered`, which outlives the reading.
    let mut source = unsafe { RawSource::new(result) };
    if status == abi::OK {
        return Ok(from_source(&mut source).map_err(|error| error.of("result"))?);
    }
    let text = from_source(&mut source).unwrap_or_else(|_| format!("failed with status {status}"));
    Err(CallError::of_status(status, text))
}

/// Runs what was called; writes its result, or the text of what went wrong.
///
/// # Safety
/// `args` is null with a `count` of 0, or leads to as many values that follow the ABI; `arena` is
/// null or an arena that this thread may use; `result` is null or a place for a value. All of it
/// until it returns.
pub(super) unsafe fn answer(
    args: *const abi::Value,
    count: u32,
    arena: *mut abi::Arena,
    result: *mut abi::Value,
    called: impl FnOnce(RawValues<'_>, &mut RawSink<'_>) -> Result<(), CallError>,
) -> Status {
    // SAFETY: as the caller says.
    let (memory, values) = unsafe {
        let values = match count {
            0 => &[],
            _ if args.is_null() || !args.is_aligned() => return abi::ERROR,
            count => std::slice::from_raw_parts(args, count as usize),
        };
        (Lent::new(arena), RawValues::new(values))
    };
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let mut sink = RawSink::new(&memory as &dyn Allocate);
        match hosting() {
            None => called(values, &mut sink)?,
            Some(hosting) => {
                let values = values.written_by(hosting.foreign());
                let mut called = Some(called);
                hosting.serve(&mut || match called.take() {
                    Some(called) => called(values, &mut sink),
                    None => Ok(()),
                })?;
            }
        }
        Ok(sink.last())
    }));
    let error = match ran {
        Ok(Ok(value)) => {
            if !result.is_null() {
                // SAFETY: not null, and a place for a value.
                unsafe { result.write(value) };
            }
            return abi::OK;
        }
        Ok(Err(error)) => error,
        Err(panic) => CallError::new(CallFault::Panicked, panic_text(panic)),
    };
    let mut sink = RawSink::new(&memory);
    if !result.is_null() && sink.str(error.text()).is_ok() {
        // SAFETY: as above.
        unsafe { result.write(sink.last()) };
    }
    error.status()
}
