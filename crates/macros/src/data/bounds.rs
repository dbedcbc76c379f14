//! Bounds that say of fields that they are `Data`.
//!
//! A type that is not is then one error at the field; without them each call that serde
//! writes is one more, with other advice. But a bound asks whether all that is in the field
//! is `Data`, and so would never end where types hold each other. Types that do have one
//! behind a `Box`, or in an enum: such fields have no bound, and more errors.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Field, GenericArgument, LitStr, PathArguments, Type, parse_quote};

use super::given;
use super::item::Items;
use crate::attributes::Serde;

/// Where a field is.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum In {
    /// A struct whose fields have names.
    Struct,
    /// A struct whose fields have none.
    Unnamed,
    Enum,
}

impl Items<'_> {
    /// Adds the bounds to what serde writes, and returns them for our own.
    pub(super) fn bind(&self, input: &mut DeriveInput) -> syn::Result<Vec<LitStr>> {
        let mut bounds = Vec::new();
        if self.is_opaque() {
            return Ok(bounds);
        }
        let mut bind = |field: &mut Field| {
            if !self.is_bound(field) {
                return;
            }
            let (ty, path) = (&field.ty, self.path);
            let data = quote!(#path::Data);
            // Of the macro's span: in the author's code it would be a bound without
            // parameters, which is worth a warning.
            let span = Span::mixed_site().located_at(ty.span());
            let bound = LitStr::new(&format!("{}: {data}", ty.to_token_stream()), span);
            field.attrs.push(parse_quote!(#[serde(bound = #bound)]));
            bounds.push(bound);
        };
        match &mut input.data {
            Data::Struct(item) => item.fields.iter_mut().for_each(&mut bind),
            Data::Enum(item) => {
                for variant in &mut item.variants {
                    let serde = Serde::read(&variant.attrs)?;
                    if !serde.skip && !serde.with && given(&variant.attrs)?.is_none() {
                        variant.fields.iter_mut().for_each(&mut bind);
                    }
                }
            }
            Data::Union(_) => {}
        }
        Ok(bounds)
    }

    /// Whether a field has such a bound.
    pub(super) fn is_bound(&self, field: &Field) -> bool {
        let ty = field.ty.to_token_stream();
        // `$crate` means nothing in a text.
        let is_text = !ty.to_string().contains('$');
        let mut attributes =
            field.attrs.iter().filter(|attribute| attribute.path().is_ident("serde"));
        let is_bound =
            attributes.any(|attribute| attribute.to_token_stream().to_string().contains("bound"));
        let is_shown = Serde::read(&field.attrs)
            .is_ok_and(|serde| !serde.reshaped && !serde.with && !serde.skip && !serde.flatten);
        is_text
            && is_shown
            && !is_bound
            && given(&field.attrs).is_ok_and(|given| given.is_none())
            && !self.is_own(&field.ty)
            // What has parameters has bounds of serde's, which ours would replace.
            && !mentions(&ty, &|word| self.has_parameter(word))
            && !may_recur(&field.ty, self.place)
    }

    /// Whether a field of a struct may lead back to it.
    pub(super) fn may_recur(&self, field: &Field) -> bool {
        may_recur(&field.ty, In::Struct)
    }
}

fn may_recur(ty: &Type, place: In) -> bool {
    match ty {
        Type::Array(array) => may_recur(&array.elem, place),
        Type::Paren(inner) => may_recur(&inner.elem, place),
        Type::Group(inner) => may_recur(&inner.elem, place),
        Type::Tuple(tuple) => tuple.elems.iter().any(|ty| may_recur(ty, place)),
        Type::Path(path) => path.path.segments.iter().any(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
                return false;
            };
            let name = segment.ident.to_string();
            match (place, name.as_str()) {
                (_, "Box" | "Arc" | "Rc" | "Cow") => return true,
                (In::Enum, name) if name != "Option" => return true,
                _ => {}
            }
            arguments.args.iter().any(|argument| match argument {
                GenericArgument::Type(ty) => may_recur(ty, place),
                _ => false,
            })
        }),
        _ => false,
    }
}

/// Whether a word stands in tokens.
pub(super) fn mentions(tokens: &TokenStream, is_meant: &dyn Fn(&str) -> bool) -> bool {
    tokens.clone().into_iter().any(|token| match token {
        TokenTree::Ident(ident) => is_meant(&ident.to_string()),
        TokenTree::Group(group) => mentions(&group.stream(), is_meant),
        _ => false,
    })
}
