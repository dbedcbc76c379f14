//! Constants of the host, which plugins read.

use twinplug_value::{TypeRef, Value};

/// A value that does not change as long as the host lives.
#[derive(Clone)]
pub(crate) struct Constant {
    pub(crate) value: Value,
    pub(crate) ty: TypeRef,
}
