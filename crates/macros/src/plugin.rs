//! `#[plugin]`: makes a module a native plugin.
//!
//! `parse` reads the module and refuses what cannot be exported; `generate`
//! writes what an author could write by hand over `twinplug_sdk::export`.

mod generate;
mod parse;

use quote::quote;

pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let plugin = syn::parse(item)
        .and_then(|module| parse::Plugin::read(attribute.into(), module))
        .map(|plugin| generate::generate(&plugin));
    match plugin {
        Ok(tokens) => tokens.into(),
        Err(error) => {
            // The module is left out: its attributes would each be one more error.
            let error = error.into_compile_error();
            quote!(#error).into()
        }
    }
}
