//! Raw ABI values as a sink and as a source. The only `unsafe` of this crate.

mod sink;
mod source;

pub use sink::{Allocate, RawSink};
pub use source::RawSource;
