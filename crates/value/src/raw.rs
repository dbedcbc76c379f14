//! Raw ABI values as a sink and as a source, and the memory that they lie in. The only `unsafe` of this crate.

mod answer;
mod arena;
mod args;
mod buffer;
mod bump;
mod call_error;
mod class;
mod counted;
mod direct;
mod element;
mod fault;
mod function;
mod hosting;
mod leaf;
mod link;
mod memory;
mod object;
mod reference;
mod returned;
mod room;
pub mod services;
mod sink;
mod source;
mod view;
mod writer;

#[doc(hidden)]
pub use twinplug_abi::Value as RawValue;

pub use arena::Arena;
pub use args::{RawArgs, Scalars};
pub use buffer::{AnyBuffer, Buffer};
pub use bump::Bump;
pub use call_error::{CallError, CallFault, OfFault, use_faults};
pub use class::{Class, ClassTable, MethodFunction, methods_json};
pub(crate) use direct::Direct;
pub use direct::{Entry, Scalar, scalar_of_value, scalar_to_value};
pub(crate) use direct::{plain_of, scalar_of_plain};
pub use element::{Element, Number};
pub use fault::{Failed, Note, OwnFault};
pub use function::{Callee, Function};
pub use hosting::{Hosting, use_hosting};
pub use leaf::{LeafEntry, LeafFailed, LeafPlace};
pub use link::Link;
pub use memory::{Lent, Own, hold, use_host};
pub use object::{Methods, Object};
pub use reference::Foreign;
pub use returned::Returned;
pub use room::Room;
pub use sink::{Allocate, RawSink};
pub use source::RawSource;
pub use view::{RawValues, RawView, text};
pub use writer::{RawFields, RawWriter};
