//! A call of a reference, from both sides: who asks, and who answers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use twinplug_abi::{self as abi, Status};

use super::memory::{Lent, Own};
use super::{Allocate, RawSink, RawSource, RawValues};
use crate::{ConvertError, Data, Fault, Sink, Value, from_source, panic_text, to_sink};

/// What kind of error a [`CallError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallFault {
    /// What was called has failed.
    Failed,
    /// It has panicked.
    Panicked,
    /// It is gone: its plugin was unloaded.
    Stale,
    /// There is no such method.
    NotFound,
    /// Arguments or result are of other types.
    Type,
    /// It would have had to wait where it cannot.
    CannotWait,
    /// There is no memory.
    NoMemory,
}

/// Why a function or a method has answered no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallError {
    status: Status,
    text: String,
}

impl CallError {
    /// A failure of that kind.
    #[must_use]
    pub fn new(fault: CallFault, text: impl Into<String>) -> Self {
        let status = match fault {
            CallFault::Failed => abi::ERROR,
            CallFault::Panicked => abi::PANIC,
            CallFault::Stale => abi::RETIRED,
            CallFault::NotFound => abi::NOT_FOUND,
            CallFault::Type => abi::TYPE,
            CallFault::CannotWait => abi::CANNOT_WAIT,
            CallFault::NoMemory => abi::NO_MEMORY,
        };
        CallError { status, text: text.into() }
    }

    /// What kind of error it is.
    #[must_use]
    pub fn fault(&self) -> CallFault {
        match self.status {
            abi::PANIC => CallFault::Panicked,
            abi::RETIRED => CallFault::Stale,
            abi::NOT_FOUND => CallFault::NotFound,
            abi::TYPE => CallFault::Type,
            abi::CANNOT_WAIT => CallFault::CannotWait,
            abi::NO_MEMORY => CallFault::NoMemory,
            _ => CallFault::Failed,
        }
    }

    pub(super) fn failed(fault: Fault) -> Self {
        CallError::new(CallFault::Failed, fault.into_text())
    }

    /// The status, as the ABI has it.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status
    }

    /// The text.
    #[must_use]
    pub fn into_text(self) -> String {
        self.text
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.status == abi::PANIC {
            f.write_str("panicked: ")?;
        }
        f.write_str(&self.text)
    }
}

impl std::error::Error for CallError {}

impl From<ConvertError> for CallError {
    fn from(error: ConvertError) -> Self {
        CallError::new(CallFault::Type, error.to_string())
    }
}

/// Writes values as arguments.
pub(super) fn write_values(values: &[Value], sink: &mut RawSink<'_>) -> Result<(), ConvertError> {
    values.iter().enumerate().try_for_each(|(index, value)| {
        to_sink(value, sink).map_err(|error| error.of(format!("argument {}", index + 1)))
    })
}

fn no_memory() -> CallError {
    CallError::new(CallFault::NoMemory, "out of memory")
}

/// Calls with what is written, and reads the answer.
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
    Err(CallError { status, text })
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
        called(values, &mut sink).map(|()| sink.last())
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
    if !result.is_null() && sink.str(&error.text).is_ok() {
        // SAFETY: as above.
        unsafe { result.write(sink.last()) };
    }
    error.status
}
