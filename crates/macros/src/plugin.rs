//! `#[plugin]`: makes a module a native plugin.
//!
//! `parse` reads the module and refuses what cannot be exported, `hook` knows what each
//! hook takes; `generate` writes what an author could write by hand over
//! `twinplug_sdk::export`.

mod generate;
mod hook;
mod parse;

use quote::quote;
use syn::{Error, Item};

pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let module = match syn::parse::<Item>(item) {
        Ok(Item::Mod(module)) => module,
        Ok(item) => {
            let error = Error::new(
                proc_macro2::Span::call_site(),
                "`#[plugin]` belongs on a module: `mod name { .. }`",
            )
            .into_compile_error();
            return quote!(#error #item).into();
        }
        Err(error) => return error.into_compile_error().into(),
    };
    match parse::Plugin::read(attribute.into(), module) {
        Ok(plugin) => generate::generate(&plugin).into(),
        // The module is left out: its attributes would each be one more error.
        Err(error) => error.into_compile_error().into(),
    }
}
