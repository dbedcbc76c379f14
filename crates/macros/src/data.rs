//! `#[data]`: serde's derives and the schema of a type.
//!
//! The schema shows what serde writes. Where serde's attributes give a type
//! another shape than its fields show, and for enums, it is `any`: such values
//! are checked when they cross.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Data, DataStruct, DeriveInput, Field, Fields, Ident, Path, Type, parse_macro_input, parse_quote,
};

use crate::attributes::{Serde, renamed};

pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
    path: &Path,
) -> proc_macro::TokenStream {
    if !attribute.is_empty() {
        let attribute = TokenStream::from(attribute);
        return syn::Error::new_spanned(attribute, "`#[data]` takes no arguments")
            .into_compile_error()
            .into();
    }
    let input = parse_macro_input!(item as DeriveInput);
    match implementation(&input, path) {
        Ok(implementation) => {
            let serde_path = quote!(#path::serde).to_string().replace(' ', "");
            quote! {
                #[derive(#path::serde::Serialize, #path::serde::Deserialize)]
                #[serde(crate = #serde_path)]
                #input
                #implementation
            }
            .into()
        }
        Err(error) => {
            let error = error.into_compile_error();
            quote!(#input #error).into()
        }
    }
}

fn implementation(input: &DeriveInput, path: &Path) -> syn::Result<TokenStream> {
    let schema = schema(input, path)?;
    let name = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#path::Data));
    }
    let (implemented, types, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #implemented #path::Data for #name #types #bounds {
            const SCHEMA: &'static #path::Type = #schema;
        }
    })
}

fn schema(input: &DeriveInput, path: &Path) -> syn::Result<TokenStream> {
    let serde = Serde::read(&input.attrs)?;
    let any = quote!(&#path::Type::Any);
    if serde.reshaped {
        return Ok(any);
    }
    match &input.data {
        Data::Enum(_) => Ok(any),
        Data::Union(union) => Err(syn::Error::new_spanned(
            union.union_token,
            "a union cannot cross: nothing says which of its fields holds",
        )),
        Data::Struct(DataStruct { fields, .. }) => match fields {
            Fields::Unit => Ok(quote!(&#path::Type::Null)),
            Fields::Unnamed(fields) => {
                let types: Vec<_> = fields
                    .unnamed
                    .iter()
                    .map(|field| reference(field, &input.ident, path))
                    .collect();
                match types.as_slice() {
                    [inner] => Ok(inner.clone()),
                    types => Ok(quote! {
                        &#path::Type::Tuple(#path::Shared::Static(
                            &[#(#path::Shared::Static(#types)),*]
                        ))
                    }),
                }
            }
            Fields::Named(fields) => named(input, &serde, fields.named.iter(), path),
        },
    }
}

fn named<'f>(
    input: &DeriveInput,
    serde: &Serde,
    fields: impl Iterator<Item = &'f Field>,
    path: &Path,
) -> syn::Result<TokenStream> {
    if serde.transparent {
        // serde itself refuses any other number of fields.
        let inner = fields.map(|field| reference(field, &input.ident, path)).next();
        return Ok(inner.unwrap_or(quote!(&#path::Type::Any)));
    }
    let name = serde.rename.clone().unwrap_or_else(|| input.ident.to_string());
    let mut parts = Vec::new();
    for field in fields {
        let attributes = Serde::read(&field.attrs)?;
        if attributes.skip {
            continue;
        }
        if attributes.reshaped
            && field.attrs.iter().any(|a| a.to_token_stream().to_string().contains("flatten"))
        {
            return Ok(quote!(&#path::Type::Any));
        }
        let ident = field.ident.as_ref().map(|ident| ident.to_string()).unwrap_or_default();
        let ident = ident.trim_start_matches("r#");
        let Some(key) =
            attributes.rename.clone().or_else(|| renamed(ident, serde.rename_all.as_deref()))
        else {
            return Ok(quote!(&#path::Type::Any));
        };
        let ty = match attributes.reshaped {
            true => quote!(&#path::Type::Any),
            false => reference(field, &input.ident, path),
        };
        let optional = attributes.default || serde.default;
        parts.push(quote! {
            #path::Field {
                name: #path::Shared::Static(#key),
                ty: #path::Shared::Static(#ty),
                optional: #optional,
            }
        });
    }
    Ok(quote! {
        &#path::Type::Struct(#path::Struct {
            name: #path::Shared::Static(#name),
            fields: #path::Shared::Static(&[#(#parts),*]),
        })
    })
}

/// The schema of a field's type; a type that contains itself is `any` there, as
/// a constant cannot hold itself.
fn reference(field: &Field, own: &Ident, path: &Path) -> TokenStream {
    if mentions(&field.ty.to_token_stream(), own) {
        return quote!(&#path::Type::Any);
    }
    let ty: &Type = &field.ty;
    quote!(<#ty as #path::Data>::SCHEMA)
}

fn mentions(tokens: &TokenStream, own: &Ident) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        proc_macro2::TokenTree::Ident(ident) => ident == *own || ident == "Self",
        proc_macro2::TokenTree::Group(group) => mentions(&group.stream(), own),
        _ => false,
    })
}
