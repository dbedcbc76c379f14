//! What a conversion reports: both sides of the mismatch, and the path to it.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use super::{Key, Kind};
use crate::MapKey;

/// A value that could not be converted, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertError(Box<Inner>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Inner {
    /// What the value is to its reader: `argument 1`, `result`; may be empty.
    what: String,
    /// From the value to the fault: `Pd.tags[3]`; may be empty.
    path: String,
    message: String,
}

impl ConvertError {
    /// An error at the value itself.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        ConvertError(Box::new(Inner {
            what: String::new(),
            path: String::new(),
            message: message.into(),
        }))
    }

    /// Whether the fault is inside the value, and the message names where.
    #[must_use]
    pub fn has_path(&self) -> bool {
        !self.0.path.is_empty()
    }

    pub(crate) fn mismatch(expected: &impl Display, got: &impl Display) -> Self {
        Self::new(format!("expected {expected}, got {got}"))
    }

    pub(crate) fn expected(expected: &impl Display, got: Kind) -> Self {
        Self::mismatch(expected, &got)
    }

    pub(crate) fn missing(field: &str) -> Self {
        Self::new(format!("missing field `{field}`"))
    }

    pub(crate) fn unknown(field: &str) -> Self {
        Self::new(format!("unknown field `{field}`"))
    }

    pub(crate) fn too_deep() -> Self {
        Self::new(format!("deeper than {} levels", super::MAX_DEPTH))
    }

    /// Says what the value is to its reader: `argument 1`, `result`.
    #[must_use]
    pub fn of(mut self, what: impl Into<String>) -> Self {
        self.0.what = what.into();
        self
    }

    /// Puts a field or variable in front of the path.
    #[must_use]
    pub fn at_field(mut self, name: &str) -> Self {
        let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        let head = if plain { name.to_owned() } else { format!("[{name:?}]") };
        self.put(head);
        self
    }

    /// Puts an item's index, from 0, in front of the path.
    #[must_use]
    pub fn at_index(mut self, index: usize) -> Self {
        self.put(format!("[{index}]"));
        self
    }

    pub(crate) fn at_key(self, key: &MapKey) -> Self {
        match key {
            MapKey::Int(int) => self.at(Key::Int(*int)),
            MapKey::Str(text) => self.at(Key::Str(text)),
        }
    }

    pub(crate) fn at(mut self, key: Key<'_>) -> Self {
        match key {
            Key::Str(text) => self.at_field(text),
            Key::Int(int) => {
                self.put(format!("[{int}]"));
                self
            }
        }
    }

    fn put(&mut self, mut head: String) {
        let path = &mut self.0.path;
        if !path.is_empty() && !path.starts_with('[') {
            head.push('.');
        }
        path.insert_str(0, &head);
    }
}

impl Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { what, path, message } = &*self.0;
        if !what.is_empty() {
            write!(f, "{what}: ")?;
        }
        if !path.is_empty() {
            match shortened(path) {
                Some(start) => write!(f, "`{start}` and on: ")?,
                None => write!(f, "`{path}`: ")?,
            }
        }
        f.write_str(message)
    }
}

/// So long is a path that is shown as a whole, and what is shown of a longer one.
const LONGEST_PATH: usize = 200;
const SHOWN_STEPS: usize = 9;

/// The first steps of a path that is too long to be read: that of what contains itself, say.
fn shortened(path: &str) -> Option<&str> {
    if path.len() <= LONGEST_PATH {
        return None;
    }
    let steps = path.char_indices().skip(1).filter(|(_, c)| matches!(c, '.' | '['));
    // A key may be long as well.
    let end = steps.map(|(at, _)| at).nth(SHOWN_STEPS - 1);
    let end = end.unwrap_or(LONGEST_PATH).min(LONGEST_PATH);
    let end = (0..=end).rev().find(|at| path.is_char_boundary(*at)).unwrap_or(0);
    Some(&path[..end])
}

impl std::error::Error for ConvertError {}

impl serde::ser::Error for ConvertError {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for ConvertError {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {unexpected}"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {unexpected}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::missing(field)
    }
}
