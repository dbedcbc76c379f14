//! `#[data]`: serde's derives and the schema of a type.
//!
//! The schema shows what serde writes. Where serde's attributes give a type
//! another shape than its fields show, and for enums, it is `any`: such values
//! are checked when they cross.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{
    Data, DataStruct, DeriveInput, Field, Fields, Ident, LitStr, Path, Token, Type, parse_quote,
};

use crate::attributes::{Serde, renamed};
use crate::function::check_type;

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
    let attribute = TokenStream::from(attribute);
    let expanded = match attribute.is_empty() {
        true => implementation(&mut input, path),
        false => Err(syn::Error::new_spanned(
            attribute,
            "`#[data]` takes nothing: serde's attributes say what is different",
        )),
    };
    match expanded {
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

/// A type with a mistake in it still crosses as far as others can see: each use of it
/// would be one more error.
fn fallback(mut input: DeriveInput, path: &Path) -> TokenStream {
    let without_serde = |attributes: &mut Vec<syn::Attribute>| {
        attributes.retain(|attribute| {
            !attribute.path().is_ident("serde") && serde_derive(attribute).is_none()
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

fn implementation(input: &mut DeriveInput, path: &Path) -> syn::Result<TokenStream> {
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
    let schema = schema(input, path)?;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#path::Data));
    }
    for bound in bind_fields(input, &schema, path) {
        generics.make_where_clause().predicates.push(bound.parse()?);
    }
    let name = &input.ident;
    let leaves_out = leaves_out(input, path);
    let (implemented, types, bounds) = generics.split_for_impl();
    Ok(quote! {
        impl #implemented #path::Data for #name #types #bounds {
            const SCHEMA: &'static #path::Type = #schema;
            const LEAVES_OUT: bool = #leaves_out;
        }
    })
}

/// Whether a struct, and all in it, leaves out fields that it does not know; false where that
/// cannot be told from here.
fn leaves_out(input: &DeriveInput, path: &Path) -> TokenStream {
    let Data::Struct(item) = &input.data else { return quote!(false) };
    let fields: Vec<&Field> = item.fields.iter().collect();
    let is_plain = |attributes: &[syn::Attribute]| {
        Serde::read(attributes)
            .is_ok_and(|serde| !serde.reshaped && !serde.flatten && !serde.strict)
    };
    let contains_itself =
        fields.iter().any(|field| mentions(&field.ty.to_token_stream(), &input.ident));
    let is_plain = is_plain(&input.attrs) && fields.iter().all(|field| is_plain(&field.attrs));
    if !is_plain || contains_itself || !input.generics.params.is_empty() {
        return quote!(false);
    }
    let shown = fields.iter().filter(|field| !Serde::read(&field.attrs).is_ok_and(|it| it.skip));
    let types = shown.map(|field| &field.ty);
    quote!(true #(&& <#types as #path::Data>::LEAVES_OUT)*)
}

/// Says of a struct's fields that they are `Data`, in bounds of serde's implementations,
/// and returns these bounds for our own. A type that is not is then one error at the
/// field; without the bounds each call that serde writes is one more, with other advice.
fn bind_fields(input: &mut DeriveInput, schema: &TokenStream, path: &Path) -> Vec<LitStr> {
    // Spaces and line ends depend on what stands around.
    let text = |tokens: &TokenStream| tokens.to_string().replace(char::is_whitespace, "");
    let schema = text(schema);
    let mut bounds = Vec::new();
    let Data::Struct(item) = &mut input.data else { return bounds };
    // What has parameters has bounds of serde's, which ours would replace.
    if !input.generics.params.is_empty() {
        return bounds;
    }
    for field in &mut item.fields {
        let reference = text(&reference(field, &input.ident, path));
        // Only what has to be `Data` anyway, as the schema has its schema.
        if !schema.contains(&reference) || !may_be_bound(field, &input.ident) {
            continue;
        }
        let (ty, data) = (&field.ty, quote!(#path::Data));
        // Of the macro's span: in the author's code it would be a bound without
        // parameters, which is worth a warning.
        let span = Span::mixed_site().located_at(ty.span());
        let bound = LitStr::new(&format!("{}: {data}", ty.to_token_stream()), span);
        field.attrs.push(parse_quote!(#[serde(bound = #bound)]));
        bounds.push(bound);
    }
    bounds
}

fn may_be_bound(field: &Field, own: &Ident) -> bool {
    let ty = field.ty.to_token_stream();
    // `$crate` means nothing in a text.
    let is_text = !ty.to_string().contains('$');
    let mut attributes = field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
    let is_bound =
        attributes.any(|attribute| attribute.to_token_stream().to_string().contains("bound"));
    let is_shown = Serde::read(&field.attrs)
        .is_ok_and(|serde| !serde.reshaped && !serde.skip && !serde.flatten);
    is_text && is_shown && !is_bound && !mentions(&ty, own)
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

fn schema(input: &DeriveInput, path: &Path) -> syn::Result<TokenStream> {
    let serde = Serde::read(&input.attrs)?;
    let any = quote!(&#path::Type::Any);
    if serde.reshaped {
        return Ok(any);
    }
    match &input.data {
        Data::Enum(item) => {
            let fields = item.variants.iter().flat_map(|variant| variant.fields.iter());
            crossing(fields, input, path).map(|_| any)
        }
        Data::Union(union) => Err(syn::Error::new_spanned(
            union.union_token,
            "a union cannot cross, as nothing says which of its fields holds: make it an enum",
        )),
        Data::Struct(DataStruct { fields, .. }) => match fields {
            Fields::Unit => Ok(quote!(&#path::Type::Null)),
            Fields::Unnamed(fields) => {
                let types: Option<Vec<_>> = crossing(fields.unnamed.iter(), input, path)?
                    .map(|fields| fields.into_iter().map(|field| field.ty).collect());
                match types.as_deref() {
                    None => Ok(any),
                    // Of a newtype the inner one, unless others were only left out.
                    Some([inner]) if serde.transparent || fields.unnamed.len() == 1 => {
                        Ok(inner.clone())
                    }
                    Some(types) => Ok(quote! {
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

/// A field that crosses.
struct Crossing<'f> {
    field: &'f Field,
    attributes: Serde,
    ty: TokenStream,
}

/// The fields that cross; `None` where their shape is not what they show.
fn crossing<'f>(
    fields: impl Iterator<Item = &'f Field>,
    input: &DeriveInput,
    path: &Path,
) -> syn::Result<Option<Vec<Crossing<'f>>>> {
    let mut found = Vec::new();
    for field in fields {
        let attributes = Serde::read(&field.attrs)?;
        if attributes.skip {
            continue;
        }
        if attributes.flatten {
            return Ok(None);
        }
        let ty = match attributes.reshaped {
            true => quote!(&#path::Type::Any),
            false => {
                check_type(&field.ty)?;
                reference(field, &input.ident, path)
            }
        };
        found.push(Crossing { field, attributes, ty });
    }
    Ok(Some(found))
}

fn named<'f>(
    input: &DeriveInput,
    serde: &Serde,
    fields: impl Iterator<Item = &'f Field>,
    path: &Path,
) -> syn::Result<TokenStream> {
    let any = quote!(&#path::Type::Any);
    let Some(fields) = crossing(fields, input, path)? else { return Ok(any) };
    if serde.transparent {
        // serde itself refuses any other number of fields.
        return Ok(fields.into_iter().next().map_or(any, |field| field.ty));
    }
    let mut parts = Vec::new();
    for Crossing { field, attributes, ty } in fields {
        let ident = field.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let ident = ident.trim_start_matches("r#");
        let renamed = attributes.rename.or_else(|| renamed(ident, serde.rename_all.as_deref()));
        // A key that a type's text cannot show.
        let Some(key) = renamed.filter(|key| is_plain(key)) else { return Ok(any) };
        let optional = attributes.default || serde.default;
        parts.push(quote! {
            #path::Field {
                name: #path::Shared::Static(#key),
                ty: #path::Shared::Static(#ty),
                optional: #optional,
            }
        });
    }
    let name = serde.rename.clone().filter(|name| is_plain(name));
    let name = name.unwrap_or_else(|| input.ident.to_string().trim_start_matches("r#").to_owned());
    Ok(quote! {
        &#path::Type::Struct(#path::Struct {
            name: #path::Shared::Static(#name),
            fields: #path::Shared::Static(&[#(#parts),*]),
        })
    })
}

/// Whether a name is one in the text of a type.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
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
