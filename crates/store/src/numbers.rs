//! Between the program's numbers and SQLite's: 64-bit signed integers, and reals that are never NaN.
use contract::{Error, Result};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{SystemTime, UNIX_EPOCH};

/// A count or seed as SQLite's integer. Seeds are below 2^63 by contract, so one that does not fit is a fault of the caller.
pub(crate) fn integer<T: TryInto<i64> + Display + Copy>(value: T, what: &str) -> Result<i64> {
    value.try_into().map_err(|_| Error::internal(format!("{what} is {value}, but the store takes numbers up to {} only", i64::MAX)))
}

/// [`integer`] of what may be absent.
pub(crate) fn optional_integer<T: TryInto<i64> + Display + Copy>(value: Option<T>, what: &str) -> Result<Option<i64>> {
    value.map(|v| integer(v, what)).transpose()
}

/// A stored integer as a count or seed; CHECK constraints keep them from being negative.
pub(crate) fn unsigned<T: TryFrom<i64>>(value: i64, what: &str) -> Result<T> {
    value
        .try_into()
        .map_err(|_| Error::database(format!("{what} is {value} in the database, which is impossible; the file was altered by hand")))
}

/// [`unsigned`] of what may be NULL.
pub(crate) fn optional_unsigned<T: TryFrom<i64>>(value: Option<i64>, what: &str) -> Result<Option<T>> {
    value.map(|v| unsigned(v, what)).transpose()
}

/// SQLite has no NaN: a number that is not finite is stored as NULL.
pub(crate) fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// NULL read back where the program has a plain number.
pub(crate) fn or_nan(value: Option<f64>) -> f64 {
    value.unwrap_or(f64::NAN)
}

/// Reward parts as JSON; serde_json writes numbers that are not finite as null.
pub(crate) fn parts_to_json(parts: &BTreeMap<String, f64>) -> Result<String> {
    serde_json::to_string(parts).map_err(|e| Error::internal("Reward parts could not be written as JSON").with_detail(e))
}

pub(crate) fn parts_from_json(json: &str) -> Result<BTreeMap<String, f64>> {
    let parts: BTreeMap<String, Option<f64>> =
        serde_json::from_str(json).map_err(|e| Error::database(format!("The stored reward parts {json} cannot be read")).with_detail(e))?;
    Ok(parts.into_iter().map(|(label, part)| (label, or_nan(part))).collect())
}

/// Milliseconds since 1970 (UTC); 0 if the clock stands before that.
pub(crate) fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
}
