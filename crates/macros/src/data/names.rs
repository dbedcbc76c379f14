//! Names as the text of a type can show them.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Path;

/// Words that are types already.
const TYPES: [&str; 10] =
    ["any", "null", "bool", "int", "float", "number", "string", "bytes", "list", "map"];

/// The name of a type, for messages: empty where text could not show it.
pub(super) fn type_name(name: &str) -> &str {
    let is_word = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if is_word && !TYPES.contains(&name) { name } else { "" }
}

/// Whether text can show a key or a variant's name, in quotes or without.
pub(super) fn is_shown(key: &str) -> bool {
    let plain = |c: char| match c.is_ascii() {
        true => c != '\'' && !c.is_ascii_control(),
        false => c.is_alphanumeric(),
    };
    !key.is_empty() && key.chars().all(plain)
}

/// An identifier as it is written to serde.
pub(super) fn plain(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// Tells a type from all others of its name.
pub(super) fn id(name: &str) -> TokenStream {
    let tail = format!("::{name}:");
    quote! {
        ::core::concat!(::core::module_path!(), #tail, ::core::line!(), ":", ::core::column!())
    }
}

/// One part of the text of a type, as an expression.
pub(super) fn shared(text: &str, path: &Path) -> TokenStream {
    quote!(#path::Shared::Static(#text))
}
