//! Direct entries: a function of scalars, called as the function that it is.
//!
//! Its C type follows from its signature, as the header says. The Rust types of a call
//! prove, at compile time, that they are those scalars; the entry knows, at run time,
//! which ones it takes. Where both agree it is called, else nothing happens.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::{MaybeUninit, transmute};

use twinplug_abi::{self as abi, Status};

use super::fault::{Failed, Fault};
use crate::{Argument, Data, Plain, Signature, Type, Value};

/// Proof that `T` is just the scalar of a direct entry. Only this crate makes one, and
/// one of another type is none.
#[derive(Debug)]
pub struct Scalar<T> {
    code: u32,
    of: PhantomData<fn(T) -> T>,
}

impl<T> Scalar<T> {
    const fn new(code: u32) -> Self {
        Scalar { code, of: PhantomData }
    }
}

/// A scalar as a raw value; `None` where `T` is none.
#[inline]
#[must_use]
pub fn scalar_to_value<T: Data>(value: &T) -> Option<abi::Value> {
    let place: *const T = value;
    // SAFETY: the code is that of `T`, by its proof: it is an `i64`, an `f64`, a `bool`.
    let (tag, payload) = unsafe {
        match const { code(T::SCALAR) } {
            INT => (abi::TAG_INT, abi::Payload { integer: place.cast::<i64>().read() }),
            FLOAT => (abi::TAG_FLOAT, abi::Payload { number: place.cast::<f64>().read() }),
            BOOL => {
                // The whole payload is written, so that no byte is indeterminate.
                let mut payload = abi::Payload { integer: 0 };
                payload.boolean = place.cast::<bool>().read().into();
                (abi::TAG_BOOL, payload)
            }
            NOTHING => (abi::TAG_NULL, abi::Payload { integer: 0 }),
            _ => return None,
        }
    };
    Some(abi::Value { tag, length: 0, payload })
}

/// The scalar in a raw value of just its tag; `None` where `T` is none, or the value
/// another one.
#[inline]
#[must_use]
pub fn scalar_of_value<T: Data>(value: &abi::Value) -> Option<T> {
    let mut place = MaybeUninit::<T>::uninit();
    let to = place.as_mut_ptr();
    // SAFETY: the code is that of `T`, by its proof, so that `to` is a place for just what
    // is written to it; of each tag the payload is what is read. Then `place` is
    // initialised, as `()` is in any case.
    unsafe {
        match (const { code(T::SCALAR) }, value.tag) {
            (INT, abi::TAG_INT) => to.cast::<i64>().write(value.payload.integer),
            (FLOAT, abi::TAG_FLOAT) => to.cast::<f64>().write(value.payload.number),
            (BOOL, abi::TAG_BOOL) => to.cast::<bool>().write(value.payload.boolean != 0),
            (NOTHING, abi::TAG_NULL) => {}
            _ => return None,
        }
        Some(place.assume_init())
    }
}

/// A value as a plain one; `None` where `T` is no scalar.
#[inline(always)]
pub(crate) fn plain_of<T: Argument>(value: &T) -> Option<Plain> {
    let place: *const T = value;
    // SAFETY: the code is that of `T`, by its proof: it is an `i64`, an `f64`, a `bool`.
    unsafe {
        match const { code(T::SCALAR) } {
            INT => Some(Plain::Int(place.cast::<i64>().read())),
            FLOAT => Some(Plain::Float(place.cast::<f64>().read())),
            BOOL => Some(Plain::Bool(place.cast::<bool>().read())),
            NOTHING => Some(Plain::Null),
            _ => None,
        }
    }
}

/// A plain value as just the scalar that it is; `None` where `T` is another type.
#[inline(always)]
pub(crate) fn scalar_of_plain<T: Data>(value: Plain) -> Option<T> {
    let mut place = MaybeUninit::<T>::uninit();
    let to = place.as_mut_ptr();
    // SAFETY: the code is that of `T`, by its proof, so that `to` is a place for just what is
    // written to it. Then `place` is initialised, as `()` is in any case.
    unsafe {
        match (const { code(T::SCALAR) }, value) {
            (INT, Plain::Int(int)) => to.cast::<i64>().write(int),
            (FLOAT, Plain::Float(float)) => to.cast::<f64>().write(float),
            (BOOL, Plain::Bool(on)) => to.cast::<bool>().write(on),
            (NOTHING, Plain::Null) => {}
            _ => return None,
        }
        Some(place.assume_init())
    }
}

const INT: u32 = 1;
const FLOAT: u32 = 2;
const BOOL: u32 = 3;
/// No result.
const NOTHING: u32 = 4;
/// Bits of a code.
const WIDTH: usize = 3;

/// As many parameters a direct entry has at most.
const MAX_PARAMETERS: usize = 6;

impl Scalar<i64> {
    pub(crate) const INT: Self = Scalar::new(INT);
}

impl Scalar<f64> {
    pub(crate) const FLOAT: Self = Scalar::new(FLOAT);
}

impl Scalar<bool> {
    pub(crate) const BOOL: Self = Scalar::new(BOOL);
}

impl Scalar<()> {
    pub(crate) const NOTHING: Self = Scalar::new(NOTHING);
}

/// Which scalars a function takes and gives; `NONE` where they are not all scalars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape(u32);

impl Shape {
    const NONE: Shape = Shape(0);

    /// From the codes of the types, 0 for what is no scalar.
    const fn new(result: u32, params: &[u32]) -> Shape {
        if result == 0 || params.len() > MAX_PARAMETERS {
            return Shape::NONE;
        }
        let mut shape = result;
        let mut index = 0;
        while index < params.len() {
            if params[index] == 0 || params[index] == NOTHING {
                return Shape::NONE;
            }
            index += 1;
            shape |= params[index - 1] << (WIDTH * index);
        }
        Shape(shape)
    }

    /// The code of what it gives; 0 of `NONE`.
    fn result(self) -> u32 {
        self.0 & ((1 << WIDTH) - 1)
    }

    fn of(signature: &Signature) -> Shape {
        if signature.variadic || signature.params.len() > MAX_PARAMETERS {
            return Shape::NONE;
        }
        let mut params = [0; MAX_PARAMETERS];
        for (code, param) in params.iter_mut().zip(signature.params.iter()) {
            *code = code_of(&param.ty);
        }
        Shape::new(code_of(&signature.result), &params[..signature.params.len()])
    }
}

fn code_of(ty: &Type) -> u32 {
    match ty {
        Type::Int => INT,
        Type::Float => FLOAT,
        Type::Bool => BOOL,
        Type::Null => NOTHING,
        _ => 0,
    }
}

const fn code<T>(scalar: Option<Scalar<T>>) -> u32 {
    match scalar {
        Some(Scalar { code, .. }) => code,
        None => 0,
    }
}

/// A function's direct entry, or that it has none.
#[derive(Debug)]
pub struct Entry {
    shape: Shape,
    function: abi::Direct,
}

impl Entry {
    /// Where in it the function's address is, in bytes: for code that calls it by its C type.
    pub const FUNCTION: usize = std::mem::offset_of!(Entry, function);

    /// Whether there is one.
    #[must_use]
    pub fn is_some(&self) -> bool {
        self.shape != Shape::NONE
    }

    /// What the function of [`Entry::NONE`] answers to such code; no plugin's does.
    pub const GONE: Status = Status::MIN;

    /// A function without a direct entry.
    pub const NONE: Entry = Entry { shape: Shape::NONE, function: nothing };

    /// The direct entry of a function of that signature; [`Entry::NONE`] where such a
    /// signature can have none.
    ///
    /// # Safety
    /// `function` is of the C type that follows from the signature, follows the ABI, and
    /// may be called for as long as the entry is borrowed by anybody.
    #[must_use]
    pub unsafe fn new(function: abi::Direct, signature: &Signature) -> Entry {
        match Shape::of(signature) {
            Shape::NONE => Entry::NONE,
            shape => Entry { shape, function },
        }
    }
}

impl Entry {
    /// Calls it with values, if it is an entry for just such ones: up to two numbers. `None` where
    /// nothing has been done.
    #[inline]
    #[must_use]
    pub fn call_values(&self, args: &[Value]) -> Option<Result<Value, Failed>> {
        match args {
            [] => self.give(()),
            [Value::Int(a)] => self.give((*a,)),
            [Value::Float(a)] => self.give((*a,)),
            [Value::Int(a), Value::Int(b)] => self.give((*a, *b)),
            [Value::Int(a), Value::Float(b)] => self.give((*a, *b)),
            [Value::Float(a), Value::Int(b)] => self.give((*a, *b)),
            [Value::Float(a), Value::Float(b)] => self.give((*a, *b)),
            _ => None,
        }
    }

    /// What it gives for these arguments, if it takes them.
    #[inline]
    fn give(&self, args: impl Direct) -> Option<Result<Value, Failed>> {
        match self.shape.result() {
            INT => Some(args.call(self).ok()?.map(Value::Int)),
            FLOAT => Some(args.call(self).ok()?.map(Value::Float)),
            BOOL => Some(args.call(self).ok()?.map(Value::Bool)),
            NOTHING => Some(args.call(self).ok()?.map(|()| Value::Null)),
            _ => None,
        }
    }
}

unsafe extern "C" fn nothing() -> Status {
    Entry::GONE
}

/// The place of a result, zero at first: what an entry leaves that writes nothing.
struct Place<R>(MaybeUninit<R>);

impl<R: Data> Place<R> {
    const NOTHING: bool = code(R::SCALAR) == NOTHING;

    #[inline]
    fn new() -> Self {
        Place(MaybeUninit::zeroed())
    }

    /// # Safety
    /// `R` is a scalar, and the place holds zero or what the entry has written.
    #[inline]
    unsafe fn read(self, status: Status) -> Result<R, Failed> {
        if status != abi::OK {
            return Err(Fault::take(status));
        }
        if const { code(R::SCALAR) == BOOL } {
            // SAFETY: a `bool` is one byte, which is initialised.
            let byte = unsafe { self.0.as_ptr().cast::<u8>().read() };
            if byte > 1 {
                let text = format!("result: expected bool, got the byte {byte}");
                return Err(Failed { status: abi::TYPE, text: Some(text) });
            }
        }
        // SAFETY: initialised; every number is an `i64` or an `f64`, the byte of a `bool`
        // is 0 or 1, and `()` is empty.
        Ok(unsafe { self.0.assume_init() })
    }
}

/// A tuple of arguments, as a direct entry takes them.
pub(crate) trait Direct: Sized {
    /// Calls the entry, if it is one for just these arguments and this result; else gives
    /// the arguments back.
    fn call<R: Data>(self, entry: &Entry) -> Result<Result<R, Failed>, Self>;
}

macro_rules! direct {
    ($($($item:ident $value:ident)*;)*) => {$(
        impl<$($item: Argument),*> Direct for ($($item,)*) {
            #[inline]
            fn call<R: Data>(self, entry: &Entry) -> Result<Result<R, Failed>, Self> {
                let shape = const { Shape::new(code(R::SCALAR), &[$(code($item::SCALAR)),*]) };
                if shape == Shape::NONE || entry.shape != shape {
                    return Err(self);
                }
                let ($($value,)*) = self;
                let (fault, mut place) = (Fault::place().cast(), Place::<R>::new());
                let function = entry.function;
                // SAFETY: the shapes are the same and not none, so that the arguments and
                // the result are proven to be the scalars of the entry's signature, of
                // which `Entry::new` was promised that the function's type follows from
                // it; an `i64`, an `f64` and a `bool` are C's `int64_t`, `double` and
                // `bool`. The entry is borrowed, so the function may be called.
                let status = unsafe {
                    if Place::<R>::NOTHING {
                        transmute::<
                            abi::Direct,
                            unsafe extern "C" fn(*mut c_void $(, $item)*) -> Status,
                        >(function)(fault $(, $value)*)
                    } else {
                        transmute::<
                            abi::Direct,
                            unsafe extern "C" fn(*mut c_void $(, $item)*, *mut R) -> Status,
                        >(function)(fault $(, $value)*, place.0.as_mut_ptr())
                    }
                };
                // SAFETY: `R` is a scalar, as above; the place was zero before the call.
                Ok(unsafe { place.read(status) })
            }
        }
    )*};
}
direct! {
    ;
    A a;
    A a B b;
    A a B b C c;
    A a B b C c D d;
    A a B b C c D d E e;
    A a B b C c D d E e F f;
}

macro_rules! too_long {
    ($($($item:ident)*;)*) => {$(
        impl<$($item: Argument),*> Direct for ($($item,)*) {
            fn call<R: Data>(self, _: &Entry) -> Result<Result<R, Failed>, Self> {
                Err(self)
            }
        }
    )*};
}
too_long! {
    A B C D E F G;
    A B C D E F G H;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Args;

    unsafe extern "C" fn mixed(
        fault: *mut abi::Fault,
        on: bool,
        by: f64,
        x: i64,
        result: *mut f64,
    ) -> Status {
        if x < 0 {
            let text = format!("{x} is below 0");
            // SAFETY: the fault of this call.
            unsafe { ((*fault).keep)(fault, text.as_ptr().cast(), text.len()) };
            return abi::ERROR;
        }
        // SAFETY: the place of this call.
        unsafe { *result = if on { x as f64 * by } else { 0.0 } };
        abi::OK
    }

    fn mixed_entry() -> Entry {
        let signature = "(on: bool, by: float, x: int) -> float".parse().unwrap();
        // SAFETY: of that type, and of this program.
        unsafe { Entry::new(transmute::<*const (), abi::Direct>(mixed as *const ()), &signature) }
    }

    #[test]
    fn just_its_own_types_are_called() {
        let entry = mixed_entry();
        assert_eq!((true, 2.5, 2_i64).call_direct::<f64>(&entry).unwrap().unwrap(), 5.0);
        assert_eq!((false, 2.5, 2_i64).call_direct::<f64>(&entry).unwrap().unwrap(), 0.0);
        assert!((true, 2.5, 2_i64).call_direct::<i64>(&entry).is_err());
        assert!((true, 2.5, 2_i64).call_direct::<()>(&entry).is_err());
        assert!((true, 2.5).call_direct::<f64>(&entry).is_err());
        assert!((true, 2.5, 2_i32).call_direct::<f64>(&entry).is_err());
        assert!((true, 2.5, 2, 3).call_direct::<f64>(&entry).is_err());
        assert!((true, 2.5, "2").call_direct::<f64>(&entry).is_err());
        assert!((true, 2.5, 2_i64).call_direct::<f64>(&Entry::NONE).is_err());
        assert!(((),).call_direct::<()>(&Entry::NONE).is_err());
    }

    #[test]
    fn an_error_comes_with_the_text_that_was_kept() {
        let failed = (true, 2.5, -2_i64).call_direct::<f64>(&mixed_entry()).unwrap().unwrap_err();
        assert_eq!((failed.status, failed.text.as_deref()), (abi::ERROR, Some("-2 is below 0")));
    }

    #[test]
    fn a_part_of_what_was_kept_may_be_kept() {
        unsafe extern "C" fn twice(fault: *mut abi::Fault) -> Status {
            // SAFETY: the fault of this call; what is kept is the host's until it returns.
            unsafe {
                ((*fault).keep)(fault, c"a long text, longer than any".as_ptr(), 28);
                ((*fault).keep)(fault, (*fault).text.add(7), 4);
            }
            abi::ERROR
        }
        unsafe extern "C" fn leaves(fault: *mut abi::Fault) -> Status {
            // SAFETY: as above.
            unsafe { (*fault).text = c"left".as_ptr() };
            abi::OK
        }
        unsafe extern "C" fn says_nothing(_: *mut abi::Fault) -> Status {
            abi::ERROR
        }
        let call = |function: unsafe extern "C" fn(*mut abi::Fault) -> Status| {
            // SAFETY: of the type of `()`, and of this program.
            let entry = unsafe {
                let direct = transmute::<
                    unsafe extern "C" fn(*mut abi::Fault) -> Status,
                    abi::Direct,
                >(function);
                Entry::new(direct, &"()".parse().unwrap())
            };
            ().call_direct::<()>(&entry).unwrap()
        };
        assert_eq!(call(twice).unwrap_err().text.as_deref(), Some("text"));
        call(leaves).unwrap();
        assert_eq!(call(says_nothing).unwrap_err().text, None, "what another has left");
    }

    #[test]
    fn a_byte_that_is_no_bool_is_an_error() {
        unsafe extern "C" fn two(_: *mut abi::Fault, result: *mut u8) -> Status {
            // SAFETY: the place of this call.
            unsafe { *result = 2 };
            abi::OK
        }
        let signature = "() -> bool".parse().unwrap();
        // SAFETY: of that type, and of this program.
        let entry = unsafe {
            Entry::new(transmute::<*const (), abi::Direct>(two as *const ()), &signature)
        };
        let failed = ().call_direct::<bool>(&entry).unwrap().unwrap_err();
        assert_eq!(failed.text.as_deref(), Some("result: expected bool, got the byte 2"));
    }

    #[test]
    fn scalars_are_raw_values_and_back() {
        fn same<T: Data + PartialEq + std::fmt::Debug + Copy>(scalar: T) {
            let value = scalar_to_value(&scalar).unwrap();
            assert_eq!(scalar_of_value::<T>(&value), Some(scalar));
            assert!(scalar_of_value::<i32>(&value).is_none());
        }
        same(i64::MIN);
        same(-0.5);
        same(true);
        same(());
        assert!(scalar_of_value::<f64>(&scalar_to_value(&1_i64).unwrap()).is_none());
        assert!(scalar_to_value(&1_i32).is_none());
        assert!(scalar_to_value(&Some(1_i64)).is_none());
    }

    #[test]
    fn signatures_that_have_no_direct_entry() {
        for signature in ["(x: number) -> int", "(x: int?)", "(...)", "(s: string)", "() -> any"] {
            assert_eq!(Shape::of(&signature.parse().unwrap()), Shape::NONE, "{signature}");
        }
        let seven = "(a: int, b: int, c: int, d: int, e: int, f: int, g: int)".parse().unwrap();
        assert_eq!(Shape::of(&seven), Shape::NONE);
    }
}
