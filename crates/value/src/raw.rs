//! Raw ABI values as a sink and as a source, and the memory that they lie in. The only `unsafe` of this crate.

mod arena;
mod direct;
mod returned;
mod sink;
mod source;
mod view;

pub use arena::Arena;
pub(crate) use direct::Direct;
pub use direct::{Entry, Failed, Scalar};
pub use returned::Returned;
pub use sink::{Allocate, RawSink};
pub use source::RawSource;
pub use view::{RawValues, RawView};
