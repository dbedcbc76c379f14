//! Raw ABI values as a sink and as a source, and the memory that they lie in. The only `unsafe` of this crate.

mod arena;
mod args;
mod direct;
mod fault;
mod leaf;
mod link;
mod returned;
mod sink;
mod source;
mod view;

pub use arena::Arena;
pub use args::{RawArgs, Scalars};
pub(crate) use direct::Direct;
pub use direct::{Entry, Scalar, scalar_of_value, scalar_to_value};
pub(crate) use direct::{plain_of, scalar_of_plain};
pub use fault::{Failed, Note, OwnFault};
pub use leaf::{LeafEntry, LeafFailed, LeafPlace};
pub use link::Link;
pub use returned::Returned;
pub use sink::{Allocate, RawSink};
pub use source::RawSource;
pub use view::{RawValues, RawView, text};
