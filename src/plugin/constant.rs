//! Constants of the host, which plugins read.

use twinplug_value::{Type, Value};

/// A value that does not change as long as the host lives.
pub(crate) struct Constant {
    pub(crate) value: Value,
    pub(crate) ty: &'static Type,
}
