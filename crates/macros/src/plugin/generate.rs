//! Writes the table, the section and the entries of a plugin. What it writes is shown
//! by hand in `twinplug_sdk::export`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned;

use super::hook::Hook;
use super::parse::{Func, Plugin, Var, VarSymbol};
use crate::function::Function;

pub(super) fn generate(plugin: &Plugin) -> TokenStream {
    let Plugin { module, items, vars, funcs, hooks, .. } = plugin;
    let (attributes, visibility, ident) = (&module.attrs, &module.vis, &module.ident);
    let identity = identity(plugin);
    let variables = vars.iter().map(variable);
    let functions = funcs.iter().map(|func| &func.function);
    let functions = functions.chain(hooks.iter().map(|hook| &hook.function)).map(function);
    let described = vars.iter().map(describe_var).chain(funcs.iter().map(describe_func));
    let exports = vars.iter().map(export_var).chain(funcs.iter().map(export_func));
    let exports = exports.enumerate().map(|(index, export)| with_text(index, &export));
    let hooks = hooks.iter().map(hook);
    let count = vars.len() + funcs.len();
    quote! {
        #(#attributes)*
        #visibility mod #ident {
            #[allow(unused_imports, reason = "a plugin need not print")]
            use ::twinplug_sdk::{print, println};
            #(#items)*

            /// The plugin's table, as the host finds it.
            #[unsafe(no_mangle)]
            #[allow(non_upper_case_globals, reason = "the name that the ABI fixes")]
            pub static twinplug_plugin: ::twinplug_sdk::export::Plugin = {
                use ::twinplug_sdk::export as __twinplug_export;
                #[allow(unused_imports, reason = "all functions may have a direct entry")]
                use ::twinplug_sdk::export::NoDirect as _;

                #(#variables)*
                #(#functions)*

                const __TWINPLUG_IDENTITY: __twinplug_export::Identity = #identity;
                const __TWINPLUG_DESCRIBED: [__twinplug_export::Described; #count] = [#(#described),*];

                #[cfg_attr(not(any(target_vendor = "apple", windows)), unsafe(link_section = ".twinplug"))]
                #[cfg_attr(target_vendor = "apple", unsafe(link_section = "__DATA,__twinplug"))]
                #[cfg_attr(windows, unsafe(link_section = ".twinplg"))]
                #[used]
                static __TWINPLUG_SECTION: __twinplug_export::Section<{ __twinplug_export::section_length(__TWINPLUG_IDENTITY, &__TWINPLUG_DESCRIBED) }> =
                    __twinplug_export::Section::new(__TWINPLUG_IDENTITY, &__TWINPLUG_DESCRIBED);

                static __TWINPLUG_EXPORTS: [__twinplug_export::Export; #count] = [#(#exports),*];

                __twinplug_export::plugin(
                    __TWINPLUG_IDENTITY,
                    &__TWINPLUG_SECTION,
                    &__TWINPLUG_EXPORTS,
                    __twinplug_export::Hooks::new()#(#hooks)*,
                )
            };
        }
    }
}

fn identity(plugin: &Plugin) -> TokenStream {
    let name = text_or(plugin.name.as_deref(), "CARGO_PKG_NAME");
    let version = text_or(plugin.version.as_deref(), "CARGO_PKG_VERSION");
    let unload = plugin.unload.then(|| quote!(.unload()));
    quote!(__twinplug_export::Identity::new(#name, #version)#unload)
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

/// The type that stands for a variable.
fn variable(Var { ident, ty, .. }: &Var) -> TokenStream {
    let marker = variable_marker(ident);
    quote! {
        #[allow(non_camel_case_types, reason = "bears the variable's name")]
        struct #marker;
        impl __twinplug_export::Variable for #marker {
            type Var = #ty;
        }
    }
}

fn variable_marker(ident: &Ident) -> Ident {
    format_ident!("__Twinplug_{}", ident)
}

/// The type that stands for a function.
fn function(function: &Function) -> TokenStream {
    let (marker, ident, returns) = (function.marker(), &function.ident, &function.returns);
    let (marker_with_params, arity) = (function.marker_with_params(), function.arity());
    let (values, arguments) = (function.values(), function.arguments());
    quote! {
        #marker_with_params
        impl __twinplug_export::Func for #marker {
            type Params = #arity;
            type Outcome = #returns;
            #[inline]
            #[allow(unused_variables, reason = "a function need not take the host")]
            #[allow(clippy::unit_arg, clippy::unused_unit, reason = "a function may return nothing")]
            fn call(
                __twinplug_caller: &__twinplug_export::Caller<'_>,
                (#(#values,)*): __twinplug_export::Values<Self>,
            ) -> Self::Outcome {
                #ident(#arguments)
            }
        }
    }
}

fn describe_var(Var { name, ident, symbol, .. }: &Var) -> TokenStream {
    let marker = variable_marker(ident);
    match symbol {
        VarSymbol::Var => quote!(__twinplug_export::Described::var::<#marker>(#name)),
        VarSymbol::State => quote!(__twinplug_export::Described::state::<#marker>(#name)),
    }
}

fn describe_func(Func { name, function, .. }: &Func) -> TokenStream {
    let marker = function.marker();
    quote!(__twinplug_export::Described::func::<#marker>(#name))
}

fn export_var(Var { ident, symbol, .. }: &Var) -> TokenStream {
    let marker = variable_marker(ident);
    match symbol {
        VarSymbol::Var => quote!(__twinplug_export::var::<#marker>(&#ident)),
        VarSymbol::State => quote!(__twinplug_export::state::<#marker>(&#ident)),
    }
}

fn export_func(Func { function, leaf, .. }: &Func) -> TokenStream {
    let marker = function.marker();
    let leaf = leaf.then(|| quote!(.leaf()));
    quote! {
        __twinplug_export::func::<#marker>()
            .direct(__twinplug_export::DirectOf::<#marker>::ENTRY)
            #leaf
    }
}

fn hook(Hook { kind, function }: &Hook) -> TokenStream {
    // A wrong result is reported where it stands.
    let marker = Ident::new(&function.marker().to_string(), function.returns.span());
    let method = Ident::new(kind.name(), marker.span());
    quote_spanned!(marker.span()=> .#method::<#marker>())
}

/// Adds the export's name and type, as static text, to the call that makes it.
fn with_text(index: usize, export: &TokenStream) -> TokenStream {
    let index = Literal::usize_unsuffixed(index);
    quote! {{
        static __TWINPLUG_NAME: [u8; __TWINPLUG_DESCRIBED[#index].name_length()] = __TWINPLUG_DESCRIBED[#index].name_text();
        static __TWINPLUG_TYPE: [u8; __TWINPLUG_DESCRIBED[#index].type_length()] = __TWINPLUG_DESCRIBED[#index].type_text();
        #export.described(&__TWINPLUG_NAME, &__TWINPLUG_TYPE)
    }}
}
