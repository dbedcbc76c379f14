//! The schema of an enum: a choice of what serde writes for its variants.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, Fields, Variant};

use super::given;
use super::item::{Flat, Items, Made, Parts, Schema, flattened};
use super::names::{self, is_shown, shared};
use crate::attributes::{Serde, renamed_variant};

/// What is in a variant.
enum Content {
    Unit,
    /// The link to a type.
    Linked(TokenStream),
    /// A type without a name.
    Tuple(TokenStream),
    /// The fields.
    Fields(Parts),
}

/// A variant that crosses.
struct Crossing {
    name: String,
    serde: Serde,
    content: Content,
}

impl Items<'_> {
    pub(super) fn choice(&self, item: &DataEnum) -> syn::Result<Schema> {
        let (path, mut flat, mut types) = (self.path, Vec::new(), Vec::new());
        for variant in &item.variants {
            let serde = Serde::read(&variant.attrs)?;
            if serde.skip {
                continue;
            }
            let written = self.written(variant, serde)?;
            let Some(written) = written.and_then(|it| self.variant(it, &mut flat)) else {
                // All fields have been looked at, and their mistakes told.
                return Ok(Schema::Made(self.any()));
            };
            types.extend(written);
        }
        let (name, id) = (shared(&self.shown_name(), path), self.id());
        let ty = quote! {
            #path::Type::Choice(#path::Choice {
                name: #name,
                variants: #path::Shared::Static(&[#(#types),*]),
                id: #id,
            })
        };
        Ok(Schema::Made(Made { flat, ty }))
    }

    /// A variant's name and what is in it; `None` where text cannot show it.
    fn written(&self, variant: &Variant, serde: Serde) -> syn::Result<Option<Crossing>> {
        let path = self.path;
        let given = given(&variant.attrs)?;
        let content = match &variant.fields {
            _ if given.is_some() => Content::Linked(quote!(<#given as #path::Data>::LINK)),
            Fields::Unit => Content::Unit,
            _ if serde.with => Content::Linked(self.any_link()),
            Fields::Named(_) => {
                let rules = Serde {
                    rename_all: serde
                        .rename_all
                        .clone()
                        .or_else(|| self.attributes.rename_all_fields.clone()),
                    default: serde.default,
                    ..Serde::default()
                };
                let Some(parts) = self.parts(&variant.fields, &rules)? else { return Ok(None) };
                Content::Fields(parts)
            }
            Fields::Unnamed(fields) => {
                let crossing = self.crossing(&variant.fields)?;
                match crossing.as_slice() {
                    [] if fields.unnamed.len() == 1 => Content::Unit,
                    [one] if fields.unnamed.len() == 1 => Content::Linked(self.link(one)?),
                    several => Content::Tuple(self.tuple(several)?),
                }
            }
        };
        let ident = names::plain(&variant.ident);
        let rule = self.attributes.rename_all.as_deref();
        let name = serde.rename.clone().or_else(|| renamed_variant(&ident, rule));
        let is_known = !serde.reshaped && serde.aliases.iter().all(|alias| is_shown(alias));
        Ok(name.filter(|name| is_known && is_shown(name)).map(|name| Crossing {
            name,
            serde,
            content,
        }))
    }

    /// The types of what is written for a variant, as expressions: one, but for a name that
    /// has others beside it. `None` where text cannot show it.
    fn variant(&self, variant: Crossing, flat: &mut Vec<Flat>) -> Option<Vec<TokenStream>> {
        let path = self.path;
        let Crossing { name, serde, content } = variant;
        let still = |ty: &TokenStream| quote!(#path::Shared::Static(&#ty));
        let shared_content = |content: Content, flat: &mut Vec<Flat>| match content {
            Content::Unit => still(&quote!(#path::Type::Null)),
            Content::Linked(link) => quote!(#path::Shared::Linked(#link)),
            Content::Tuple(ty) => still(&ty),
            Content::Fields(parts) => {
                flat.extend(flattened(parts.flat));
                still(&self.fields_of(&parts.fields))
            }
        };
        if self.attributes.untagged || serde.untagged {
            return Some(vec![shared_content(content, flat)]);
        }
        let literal = |name: &str| {
            let name = shared(name, path);
            quote!(#path::Type::Literal(#name))
        };
        let Some(tag) = &self.attributes.tag else {
            return Some(match content {
                // Read, whatever it is.
                _ if serde.other => vec![still(&quote!(#path::Type::Str))],
                Content::Unit => {
                    let names = std::iter::once(&name).chain(&serde.aliases);
                    names.map(|name| still(&literal(name))).collect()
                }
                content => {
                    let ty = shared_content(content, flat);
                    vec![still(&self.entry(&name, &serde.aliases, &ty))]
                }
            });
        };
        if !is_shown(tag) {
            return None;
        }
        // By another name it is read as well, which just one of all texts could not say.
        let named = match serde.other || !serde.aliases.is_empty() {
            true => quote!(#path::Type::Str),
            false => literal(&name),
        };
        let mut fields = vec![self.field(tag, &[], &still(&named), false)];
        match (&self.attributes.content, content) {
            (_, Content::Unit) => {}
            (Some(key), content) => {
                let key = Some(key).filter(|key| is_shown(key))?;
                fields.push(self.field(key, &[], &shared_content(content, flat), false));
            }
            (None, Content::Fields(mut parts)) => {
                if parts.flat.keys.contains(tag) {
                    return None;
                }
                parts.flat.keys.push(tag.clone());
                fields.extend(parts.fields);
                flat.extend(flattened(parts.flat));
            }
            (None, Content::Linked(link)) => {
                fields.push(self.field("", &[], &quote!(#path::Shared::Linked(#link)), false));
                flat.push(Flat { links: vec![link], keys: vec![tag.clone()] });
            }
            // serde itself refuses it.
            (None, Content::Tuple(_)) => return None,
        }
        Some(vec![still(&self.fields_of(&fields))])
    }

    /// A struct without a name.
    fn fields_of(&self, fields: &[TokenStream]) -> TokenStream {
        self.structure_of("", fields, &quote!(""))
    }

    /// A map of one entry.
    fn entry(&self, name: &str, aliases: &[String], ty: &TokenStream) -> TokenStream {
        let path = self.path;
        let (field, name) = (self.field(name, aliases, ty, false), shared("", path));
        quote! {
            #path::Type::Struct(#path::Struct {
                name: #name,
                fields: #path::Shared::Static(&[#field]),
                exact: false,
                id: "",
            })
        }
    }
}
