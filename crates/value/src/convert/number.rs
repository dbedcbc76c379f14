//! Between whole numbers and floats: exact, or an error.

use super::ConvertError;

/// The int that a float is.
pub(crate) fn whole(float: f64) -> Result<i64, ConvertError> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0; // 2^63, which a float is exactly
    if float.fract() != 0.0 || float.is_nan() {
        return Err(ConvertError::new(format!("{float} is no whole number")));
    }
    if !(-LIMIT..LIMIT).contains(&float) {
        return Err(ConvertError::new(format!("{float} is out of range for int")));
    }
    Ok(float as i64)
}

/// The float that an int is.
pub(crate) fn exact(int: i64) -> Result<f64, ConvertError> {
    let float = int as f64;
    // So far all of them are, which is known sooner than it is tried.
    if int.unsigned_abs() <= 1 << 53 || float as i128 == i128::from(int) {
        Ok(float)
    } else {
        Err(ConvertError::new(format!("{int} is not a float exactly")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_convert_exactly_or_not_at_all() {
        assert_eq!(whole(-9_223_372_036_854_775_808.0), Ok(i64::MIN));
        assert!(whole(9_223_372_036_854_775_808.0).is_err());
        assert!(whole(f64::NAN).is_err());
        assert!(whole(f64::INFINITY).is_err());
        assert!(whole(0.5).is_err());
        assert_eq!(exact(1 << 53), Ok(9_007_199_254_740_992.0));
        assert!(exact((1 << 53) + 1).is_err());
        assert!(exact(i64::MAX).is_err());
    }
}
