//! Writes the table, the section and the entries of a plugin.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::parse::{Func, Plugin, Var};

pub(super) fn generate(plugin: &Plugin) -> TokenStream {
    let Plugin { module, items, vars, funcs, init, .. } = plugin;
    let name = text_or(plugin.name.as_deref(), "CARGO_PKG_NAME");
    let version = text_or(plugin.version.as_deref(), "CARGO_PKG_VERSION");
    let implementations = funcs.iter().chain(init).map(implementation);
    let described = vars.iter().map(describe_var).chain(funcs.iter().map(describe_func));
    let exports = vars
        .iter()
        .map(export_var)
        .chain(funcs.iter().map(export_func))
        .enumerate()
        .map(|(index, export)| export_with_type(index, &export));
    let init = match init {
        Some(init) => {
            let marker = marker(init);
            quote!(__twinplug_export::init::<#marker>())
        }
        None => quote!(__twinplug_export::no_init()),
    };
    let count = vars.len() + funcs.len();
    let (attributes, visibility, ident) = (&module.attrs, &module.vis, &module.ident);
    quote! {
        #(#attributes)*
        #visibility mod #ident {
            #[allow(unused_imports, reason = "a plugin need not print")]
            use ::twinplug_sdk::{print, println};
            #(#items)*

            const _: () = {
                use ::twinplug_sdk::export::{self as __twinplug_export, Described as __TwinplugDescribed};

                #(#implementations)*

                const __TWINPLUG_DESCRIBED: [__TwinplugDescribed; #count] = [#(#described),*];
                const __TWINPLUG_NAME: &::std::ffi::CStr = __twinplug_export::name(#name);
                const __TWINPLUG_VERSION: &::std::ffi::CStr = __twinplug_export::name(#version);

                #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = ".twinplug"))]
                #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__twinplug"))]
                #[cfg_attr(windows, unsafe(link_section = ".twinplg"))]
                #[used]
                static __TWINPLUG_SECTION: __twinplug_export::Section<{ __twinplug_export::section_length(__TWINPLUG_NAME, __TWINPLUG_VERSION, &__TWINPLUG_DESCRIBED) }> =
                    __twinplug_export::Section::new(__TWINPLUG_NAME, __TWINPLUG_VERSION, &__TWINPLUG_DESCRIBED);

                static __TWINPLUG_EXPORTS: [__twinplug_export::Export; #count] = [#(#exports),*];

                #[unsafe(no_mangle)]
                #[allow(non_upper_case_globals, reason = "the name that the ABI fixes")]
                pub static twinplug_plugin: __twinplug_export::Plugin =
                    __twinplug_export::plugin(__TWINPLUG_NAME, __TWINPLUG_VERSION, &__TWINPLUG_SECTION, &__TWINPLUG_EXPORTS, #init);
            };
        }
    }
}

/// A literal with a NUL at its end, or the crate's.
fn text_or(text: Option<&str>, variable: &str) -> TokenStream {
    match text {
        Some(text) => {
            let text = format!("{text}\0");
            quote!(#text)
        }
        None => quote!(concat!(env!(#variable), "\0")),
    }
}

fn marker(func: &Func) -> proc_macro2::Ident {
    format_ident!("__Twinplug_{}", func.ident)
}

/// A type that stands for the function, so that one generic entry serves all.
fn implementation(func: &Func) -> TokenStream {
    let (marker, ident, returns, params) = (marker(func), &func.ident, &func.returns, func.tuple());
    let host = func.host.then(|| quote!(host,));
    let args = func.params.iter().enumerate().map(|(index, param)| {
        let index = Literal::usize_unsuffixed(index);
        if param.by_reference { quote!(&params.#index) } else { quote!(params.#index) }
    });
    quote! {
        #[allow(non_camel_case_types, reason = "bears the function's name")]
        struct #marker;
        impl __twinplug_export::Func for #marker {
            type Params = #params;
            type Outcome = #returns;
            #[allow(unused_variables, reason = "a function need not take the host or arguments")]
            #[allow(clippy::unit_arg, clippy::unused_unit, reason = "a function may return nothing")]
            fn call(host: &::twinplug_sdk::HostRef, params: Self::Params) -> Self::Outcome {
                #ident(#host #(#args),*)
            }
        }
    }
}

fn describe_var(Var { name, ty, .. }: &Var) -> TokenStream {
    quote!(__TwinplugDescribed::var(#name, <#ty as __twinplug_export::Variable>::SCHEMA))
}

fn describe_func(func: &Func) -> TokenStream {
    let (name, marker) = (&func.name, marker(func));
    let params = func.params.iter().map(|param| &param.name);
    quote!(__TwinplugDescribed::func::<#marker>(#name, &[#(#params),*]))
}

fn export_var(Var { ident, .. }: &Var) -> TokenStream {
    quote!(__twinplug_export::var(&#ident))
}

fn export_func(func: &Func) -> TokenStream {
    let marker = marker(func);
    quote!(__twinplug_export::func::<#marker>())
}

/// Adds the export's name and type, as static text, to the call that makes it.
fn export_with_type(index: usize, export: &TokenStream) -> TokenStream {
    let index = Literal::usize_unsuffixed(index);
    quote! {{
        static __TWINPLUG_NAME: [u8; __TWINPLUG_DESCRIBED[#index].name_length()] = __TWINPLUG_DESCRIBED[#index].name_text();
        static __TWINPLUG_TYPE: [u8; __TWINPLUG_DESCRIBED[#index].type_length()] = __TWINPLUG_DESCRIBED[#index].type_text();
        #export.described(&__TWINPLUG_NAME, &__TWINPLUG_TYPE)
    }}
}
