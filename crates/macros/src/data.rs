//! `#[data]`: serde's derives and the schema of a type.
//!
//! The schema shows what serde writes and reads. Where that cannot be told from the
//! attributes it is `any`: such values are checked when they cross.

mod bounds;
mod choice;
mod item;
mod names;
mod straight;

use proc_macro2::TokenStream;
use quote::quote;
use syn::punctuated::Punctuated;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Meta, Path, Token, Type, parse_quote};

use crate::attributes::Serde;
use item::{Items, Made, Schema};

pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
    path: &Path,
) -> proc_macro::TokenStream {
    let mut input = match syn::parse::<DeriveInput>(item.clone()) {
        Ok(input) => input,
        Err(_) => {
            let (place, item) = (proc_macro2::Span::call_site(), TokenStream::from(item));
            let error = syn::Error::new(place, "`#[data]` belongs on a struct or an enum");
            let error = error.into_compile_error();
            return quote!(#error #item).into();
        }
    };
    let given = TokenStream::from(attribute);
    match given_schema(given).and_then(|given| implementation(&mut input, given, path)) {
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
            let (error, fallback) = (error.into_compile_error(), fallback(input, path));
            quote!(#error #fallback).into()
        }
    }
}

/// The type that `schema = T` names; nothing else may stand there.
fn given_schema(attribute: TokenStream) -> syn::Result<Option<Type>> {
    if attribute.is_empty() {
        return Ok(None);
    }
    let refuse = |tokens: TokenStream| {
        let text = "`#[data]` takes `schema = T` alone: serde's attributes say what is different";
        Err(syn::Error::new_spanned(tokens, text))
    };
    let parse = |input: syn::parse::ParseStream<'_>| {
        let key: syn::Ident = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok((key, input.parse::<Type>()?))
    };
    match syn::parse::Parser::parse2(parse, attribute.clone()) {
        Ok((key, ty)) if key == "schema" => Ok(Some(ty)),
        _ => refuse(attribute),
    }
}

/// What `#[data(schema = T)]` on a field or a variant says.
fn given(attributes: &[Attribute]) -> syn::Result<Option<Type>> {
    let mut found = attributes.iter().filter(|attribute| attribute.path().is_ident("data"));
    let given = match found.next() {
        None => return Ok(None),
        Some(Attribute { meta: Meta::List(list), .. }) => given_schema(list.tokens.clone())?,
        Some(_) => None,
    };
    match (given, found.next()) {
        (Some(ty), None) => Ok(Some(ty)),
        (_, second) => {
            let place = second.or(attributes.iter().find(|it| it.path().is_ident("data")));
            Err(syn::Error::new_spanned(place, "write `#[data(schema = T)]` here, once"))
        }
    }
}

/// Takes our own attributes off fields and variants.
fn strip(input: &mut DeriveInput) {
    let strip = |attributes: &mut Vec<Attribute>| {
        attributes.retain(|attribute| !attribute.path().is_ident("data"));
    };
    match &mut input.data {
        Data::Struct(item) => item.fields.iter_mut().for_each(|field| strip(&mut field.attrs)),
        Data::Enum(item) => {
            for variant in &mut item.variants {
                strip(&mut variant.attrs);
                variant.fields.iter_mut().for_each(|field| strip(&mut field.attrs));
            }
        }
        Data::Union(_) => {}
    }
}

/// A type with a mistake in it still crosses as far as others can see: each use of it
/// would be one more error.
fn fallback(mut input: DeriveInput, path: &Path) -> TokenStream {
    let without_serde = |attributes: &mut Vec<syn::Attribute>| {
        attributes.retain(|attribute| {
            !attribute.path().is_ident("serde")
                && !attribute.path().is_ident("data")
                && serde_derive(attribute).is_none()
        });
    };
    let of_fields = |fields: &mut Fields| {
        fields.iter_mut().for_each(|field| without_serde(&mut field.attrs));
    };
    without_serde(&mut input.attrs);
    match &mut input.data {
        Data::Struct(item) => of_fields(&mut item.fields),
        Data::Enum(item) => {
            for variant in &mut item.variants {
                without_serde(&mut variant.attrs);
                of_fields(&mut variant.fields);
            }
        }
        Data::Union(item) => {
            item.fields.named.iter_mut().for_each(|field| without_serde(&mut field.attrs));
        }
    }
    let name = &input.ident;
    let (implemented, types, bounds) = input.generics.split_for_impl();
    let mut reading = input.generics.clone();
    reading.params.insert(0, parse_quote!('__de));
    let (read, _, _) = reading.split_for_impl();
    quote! {
        #input
        const _: () = {
            use #path::serde as __serde;
            impl #implemented __serde::Serialize for #name #types #bounds {
                fn serialize<S: __serde::Serializer>(&self, _: S) -> ::core::result::Result<S::Ok, S::Error> {
                    ::core::unreachable!()
                }
            }
            impl #read __serde::Deserialize<'__de> for #name #types #bounds {
                fn deserialize<D: __serde::Deserializer<'__de>>(_: D) -> ::core::result::Result<Self, D::Error> {
                    ::core::unreachable!()
                }
            }
            impl #implemented #path::Data for #name #types #bounds {
                const SCHEMA: &'static #path::Type = &#path::Type::Any;
            }
        };
    }
}

fn implementation(
    input: &mut DeriveInput,
    given: Option<Type>,
    path: &Path,
) -> syn::Result<TokenStream> {
    if let Some(lifetime) = input.generics.lifetimes().next() {
        return Err(syn::Error::new_spanned(
            lifetime,
            "what crosses is copied, and borrows nothing: own what this lifetime is for",
        ));
    }
    if let Some(derive) = input.attrs.iter().find_map(serde_derive) {
        return Err(syn::Error::new_spanned(
            derive,
            "`#[data]` derives serde's traits itself: leave them out here",
        ));
    }
    let items = Items::read(input, given, path)?;
    let schema = items.schema(input)?;
    let (own, leaves_out) = (items.own(input), leaves_out(input, &items, path));
    let straight = straight::methods(input, &items, path);
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#path::Data));
    }
    for bound in items.bind(input)? {
        generics.make_where_clause().predicates.push(bound.parse()?);
    }
    strip(input);
    let name = &input.ident;
    let (implemented, types, bounds) = generics.split_for_impl();
    let (made, consts) = consts(schema, items.is_generic(), path);
    Ok(quote! {
        const _: () = {
            #[allow(unused_imports, reason = "stands in where a type has no schema")]
            use #path::Undescribed as _;
            #own
            #made
            #[automatically_derived]
            #[allow(deprecated, reason = "each field is written and read, as by serde")]
            impl #implemented #path::Data for #name #types #bounds {
                #consts
                const LEAVES_OUT: bool = #leaves_out;
                #straight
            }
        };
    })
}

/// The constants of a schema, and the static that they lead to.
///
/// Statics may lead to each other, and constants may not; but a static knows no parameters.
fn consts(schema: Schema, is_generic: bool, path: &Path) -> (TokenStream, TokenStream) {
    let (ty, link, made) = match schema {
        Schema::Of(ty) => {
            (quote!(<#ty as #path::Data>::SCHEMA), quote!(<#ty as #path::Data>::LINK), quote!())
        }
        Schema::Linked(link) => (quote!(#link.get()), link, quote!()),
        Schema::Made(Made { flat, ty }) => {
            let any = quote!(#path::Type::Any);
            let is_flat = flat.iter().map(|flat| flat.check(path));
            let is_flat = quote!(#(#is_flat)&&*);
            if is_generic {
                let ty = match flat.is_empty() {
                    true => quote!(&#ty),
                    false => quote!(if #is_flat { &#ty } else { &#any }),
                };
                return (quote!(), quote!(const SCHEMA: &'static #path::Type = #ty;));
            }
            let ty = match flat.is_empty() {
                true => ty,
                false => quote!(if #is_flat { #ty } else { #any }),
            };
            let made = quote!(static __TWINPLUG_TYPE: #path::Type = #ty;);
            (quote!(&__TWINPLUG_TYPE), quote!(#path::Link::new(&__TWINPLUG_TYPE)), made)
        }
    };
    let consts = quote! {
        const SCHEMA: &'static #path::Type = #ty;
        const LINK: #path::Link<#path::Type> = #link;
    };
    (made, consts)
}

/// Whether a struct, and all in it, leaves out fields that it does not know; false where that
/// cannot be told from here.
fn leaves_out(input: &DeriveInput, items: &Items, path: &Path) -> TokenStream {
    let Data::Struct(item) = &input.data else { return quote!(false) };
    let fields: Vec<&Field> = item.fields.iter().collect();
    let is_plain = |attributes: &[Attribute]| {
        Serde::read(attributes).is_ok_and(|serde| {
            let through = serde.with || serde.from.is_some() || serde.into.is_some();
            !serde.reshaped && !serde.flatten && !serde.strict && !through
        })
    };
    let is_plain = is_plain(&input.attrs) && fields.iter().all(|field| is_plain(&field.attrs));
    let contains_itself = fields.iter().any(|field| items.is_own(&field.ty));
    let is_given = |field: &&Field| field.attrs.iter().any(|it| it.path().is_ident("data"));
    if !is_plain
        || contains_itself
        || items.is_opaque()
        || fields.iter().any(is_given)
        || !input.generics.params.is_empty()
    {
        return quote!(false);
    }
    let shown: Vec<&&Field> =
        fields.iter().filter(|field| !Serde::read(&field.attrs).is_ok_and(|it| it.skip)).collect();
    // What may lead back here would ask for this while it is being answered.
    if shown.iter().any(|field| items.may_recur(field)) {
        return quote!(false);
    }
    let types = shown.iter().map(|field| &field.ty);
    quote!(true #(&& <#types as #path::Data>::LEAVES_OUT)*)
}

/// serde's trait that a `#[derive(..)]` names, which then would be there twice. (Of
/// other crates' traits of these names the path is written out.)
fn serde_derive(attribute: &syn::Attribute) -> Option<Path> {
    if !attribute.path().is_ident("derive") {
        return None;
    }
    let traits = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
    traits.ok()?.into_iter().find(|path| {
        let names: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        match names.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["serde", name] | [name] => ["Serialize", "Deserialize"].contains(name),
            _ => false,
        }
    })
}
