//! The macros of Twinplug: `#[data]` for types that cross the border, `#[plugin]` for
//! native plugins and `#[object]` for what they hand out. Use them through `twinplug`, `twinplug_sdk` or
//! `twinplug_value`; each re-exports `#[data]` with its own path in it.
//!
//! Each macro parses, validates, then expands to what a user could write by hand.

mod attributes;
mod data;
mod function;
mod object;
mod plugin;

use proc_macro::TokenStream;
use syn::parse_quote;

/// The type gets serde's `Serialize` and `Deserialize`, and the schema by which both sides know it
/// (`Data`). It crosses as a map of its fields, an enum as serde writes it. The other side need not have the
/// type: a table of the same keys is one in Lua. serde's attributes hold, and are seen in the
/// schema.
///
/// | on a field or the type | says |
/// |---|---|
/// | `#[serde(..)]` | as for serde: `default`, `rename`, `skip`, `tag`, .. |
/// | `#[data(schema = T)]` | that it is written as a `T` is, where serde's attributes or a foreign type hide what it is |
#[proc_macro_attribute]
pub fn data_for_host(attribute: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(attribute, item, &parse_quote!(::twinplug::__private))
}

/// Makes a struct or an enum cross the border, as the host library's `#[data]` does: it gets serde's
/// `Serialize` and `Deserialize`, and the schema by which both sides know it (`Data`). serde's
/// attributes hold; `#[data(schema = T)]`, on a field or the type, says that it is written as a `T` is.
#[proc_macro_attribute]
pub fn data_for_sdk(attribute: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(attribute, item, &parse_quote!(::twinplug_sdk::__private))
}

/// Makes a struct or an enum cross the border, for crates of types that host and plugins share: it
/// gets serde's `Serialize` and `Deserialize`, and the schema by which both sides know it (`Data`).
/// serde's attributes hold; `#[data(schema = T)]`, on a field or the type, says that it is written as
/// a `T` is.
#[proc_macro_attribute]
pub fn data_for_value(attribute: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(attribute, item, &parse_quote!(::twinplug_value))
}

/// Makes a module a native plugin: `#[plugin]`, or `#[plugin(name = "..", version = "..",
/// unload = true)]`. Name and version are the crate's where they are not given. With
/// `unload`, a host may unmap the image when the plugin is gone: no thread of the plugin's
/// may run then, and no thread-local of its may be left.
///
/// What may stand in the module is listed in the docs of `twinplug_sdk`, and what is
/// written for it is shown in those of `twinplug_sdk::export`.
#[proc_macro_attribute]
pub fn plugin(attribute: TokenStream, item: TokenStream) -> TokenStream {
    plugin::expand(attribute, item)
}

/// The functions of the `impl` block that take `&self` are the methods that the other side may
/// call, each under its name or that of `#[method(name = "..")]`. They take up to 8 arguments by value, or by `&` what borrows as such,
/// and return what crosses, or a `Result` of it.
#[proc_macro_attribute]
pub fn object_for_host(attribute: TokenStream, item: TokenStream) -> TokenStream {
    object::expand(attribute, item, &parse_quote!(::twinplug::__private), object::In::Host)
}

/// Makes the values of a type objects, as the host library's `#[object]` does: the functions of its
/// `impl` block that take `&self` are the methods that others may call. A method may take `&HostRef` behind `&self`.
#[proc_macro_attribute]
pub fn object_for_sdk(attribute: TokenStream, item: TokenStream) -> TokenStream {
    object::expand(attribute, item, &parse_quote!(::twinplug_sdk::__private), object::In::Plugin)
}
