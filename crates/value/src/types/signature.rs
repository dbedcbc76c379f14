//! Calls compared with what a function takes.

use super::accept::{Fit, Fits, worst};
use super::{Param, Signature, Type};
use crate::{ConvertError, Value};

impl Signature {
    /// Whether a call with arguments of these types is one of this signature.
    ///
    /// # Errors
    /// The number of arguments, or the first argument of another type.
    pub fn accepts_args(&self, args: &[&Type]) -> Fits {
        let is_same = |(arg, param): (&&Type, &Param)| param.ty.is_one_scalar_with(arg);
        if args.len() == self.params.len() && args.iter().zip(self.params.iter()).all(is_same) {
            return Ok(Fit::Exact);
        }
        self.check_count(args.len())?;
        worst(args.iter().zip(self.params.iter()).enumerate().map(|(index, (arg, param))| {
            param.ty.accepts(arg).map_err(|e| e.of(self.argument_name(index)))
        }))
    }

    /// Brings arguments to the parameters' types.
    ///
    /// # Errors
    /// The number of arguments, or the first argument of another type.
    pub fn coerce_args(&self, args: Vec<Value>) -> Result<Vec<Value>, ConvertError> {
        self.check_count(args.len())?;
        let coerce = |(index, arg): (usize, Value)| match self.params.get(index) {
            Some(param) => param.ty.coerce(arg).map_err(|e| e.of(self.argument_name(index))),
            None => Ok(arg),
        };
        args.into_iter().enumerate().map(coerce).collect()
    }

    /// Whether a call takes just these values, with nothing to convert. It looks into no
    /// list and no map: false where that would tell.
    #[inline]
    #[must_use]
    pub fn takes(&self, args: &[Value]) -> bool {
        let most = self.params.len();
        let count = args.len() == most || self.variadic && args.len() > most;
        count
            && self.params.iter().zip(args).all(|(param, arg)| {
                matches!(
                    (&*param.ty, arg),
                    (Type::Any, _)
                        | (Type::Null, Value::Null)
                        | (Type::Bool, Value::Bool(_))
                        | (Type::Int, Value::Int(_))
                        | (Type::Float, Value::Float(_))
                        | (Type::Number, Value::Int(_) | Value::Float(_))
                        | (Type::Str, Value::Str(_))
                        | (Type::Bytes, Value::Bytes(_))
                        | (Type::Func, Value::Func(_))
                        | (Type::Object, Value::Object(_))
                )
            })
    }

    /// Whether a call may have this many arguments.
    ///
    /// # Errors
    /// Both numbers.
    #[inline]
    pub fn check_count(&self, got: usize) -> Result<(), ConvertError> {
        match got == self.params.len() {
            true => Ok(()),
            false => self.check_other_count(got),
        }
    }

    fn check_other_count(&self, got: usize) -> Result<(), ConvertError> {
        let (least, most) = (self.required(), self.params.len());
        if got >= least && (self.variadic || got <= most) {
            return Ok(());
        }
        let expected = match least == most {
            _ if self.variadic => format!("at least {least} arguments"),
            true if most == 1 => "1 argument".to_owned(),
            true => format!("{most} arguments"),
            false => format!("{least} to {most} arguments"),
        };
        Err(ConvertError::new(format!("expected {expected}, got {got}")))
    }

    pub(super) fn argument_name(&self, index: usize) -> String {
        match self.params.get(index) {
            Some(param) if !param.name.is_empty() => format!("argument `{}`", &*param.name),
            _ => format!("argument {}", index + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_the_right_number_of_arguments() {
        let check = |signature: &str, count: usize| {
            let signature: Signature = signature.parse().unwrap();
            signature.check_count(count).map_or_else(|e| e.to_string(), |()| "ok".into())
        };
        assert_eq!(check("()", 0), "ok");
        assert_eq!(check("()", 1), "expected 0 arguments, got 1");
        assert_eq!(check("(x: int)", 0), "expected 1 argument, got 0");
        assert_eq!(check("(int, int?)", 1), "ok");
        assert_eq!(check("(int, int?)", 0), "expected 1 to 2 arguments, got 0");
        assert_eq!(check("(int, ...)", 0), "expected at least 1 arguments, got 0");
        assert_eq!(check("(...) -> any", 9), "ok");
    }
}
