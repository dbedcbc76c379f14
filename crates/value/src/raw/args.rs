//! The arguments of a call as raw values.

use std::mem::MaybeUninit;

use twinplug_abi::{self as abi, Payload};

use super::{Allocate, RawSink};
use crate::{Signature, Type, Value};

/// Raw values that follow the ABI: what they point to may be read for `'a`.
#[derive(Clone, Copy)]
pub struct RawArgs<'a>(&'a [abi::Value]);

impl<'a> RawArgs<'a> {
    /// None.
    pub const NONE: RawArgs<'static> = RawArgs(&[]);

    /// # Safety
    /// For `'a`, the values follow the ABI, and what they point to may be read.
    #[inline]
    #[must_use]
    pub(super) unsafe fn new(values: &'a [abi::Value]) -> Self {
        RawArgs(values)
    }

    /// What was written to a sink.
    #[inline]
    #[must_use]
    pub fn written<M: Allocate + ?Sized>(sink: &'a RawSink<'_, M>) -> Self {
        RawArgs(sink.values())
    }

    /// The values.
    #[inline]
    #[must_use]
    pub fn values(self) -> &'a [abi::Value] {
        self.0
    }
}

/// As many arguments a call has at most without a sink.
const MOST: usize = 8;

/// Arguments that point to nothing.
pub struct Scalars {
    /// As many as `count` are initialised.
    values: [MaybeUninit<abi::Value>; MOST],
    count: usize,
}

impl Scalars {
    /// These arguments, if they are all scalars of just the parameters' types.
    #[inline(always)]
    #[must_use]
    pub fn of(args: &[Value], signature: &Signature) -> Option<Self> {
        let params = &*signature.params;
        if args.len() != params.len() || args.len() > MOST {
            return None;
        }
        let mut values = [const { MaybeUninit::<abi::Value>::uninit() }; MOST];
        for ((place, arg), param) in values.iter_mut().zip(args).zip(params) {
            let (tag, payload) = match (&*param.ty, arg) {
                (Type::Int | Type::Number, Value::Int(integer)) => {
                    (abi::TAG_INT, Payload { integer: *integer })
                }
                (Type::Float | Type::Number, Value::Float(number)) => {
                    (abi::TAG_FLOAT, Payload { number: *number })
                }
                (Type::Bool, Value::Bool(on)) => {
                    // The whole payload is written, so that no byte is indeterminate.
                    let mut payload = Payload { integer: 0 };
                    payload.boolean = (*on).into();
                    (abi::TAG_BOOL, payload)
                }
                _ => return None,
            };
            place.write(abi::Value { tag, length: 0, payload });
        }
        Some(Scalars { values, count: args.len() })
    }

    /// They as arguments.
    #[inline]
    #[must_use]
    pub fn args(&self) -> RawArgs<'_> {
        // SAFETY: `of` has written as many, one for each argument.
        RawArgs(unsafe { std::slice::from_raw_parts(self.values.as_ptr().cast(), self.count) })
    }
}
