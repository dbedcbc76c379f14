//! Reading attributes: serde's, as far as they change a schema, and our own.

mod serde;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, Token, punctuated::Punctuated};

pub(crate) use serde::{Serde, renamed_field, renamed_variant};

/// The text of `name = "text"`.
pub(crate) fn text(value: &MetaNameValue) -> syn::Result<String> {
    match &value.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(syn::Error::new_spanned(other, "expected text in quotes")),
    }
}

/// Takes the attribute of that name off an item.
///
/// # Errors
/// It stands there twice.
pub(crate) fn take(attributes: &mut Vec<Attribute>, name: &str) -> syn::Result<Option<Attribute>> {
    let mut found = attributes.extract_if(.., |attribute| attribute.path().is_ident(name));
    let first = found.next();
    match found.next() {
        Some(second) => {
            Err(syn::Error::new_spanned(second, format!("`#[{name}]` stands here twice")))
        }
        None => Ok(first),
    }
}

/// What stands in the parentheses of an attribute of ours.
pub(crate) struct Keys(Vec<Meta>);

impl Keys {
    /// Reads them; each is one of `known`, which are written as an author writes them.
    ///
    /// # Errors
    /// One is unknown, or stands there twice.
    pub(crate) fn read(meta: &Meta, known: &[&str]) -> syn::Result<Keys> {
        let list = match meta {
            Meta::Path(_) => return Ok(Keys(Vec::new())),
            Meta::List(list) => list,
            Meta::NameValue(value) => {
                return Err(syn::Error::new_spanned(value, "expected `(...)`"));
            }
        };
        let all = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let all =
            if known.is_empty() { "it takes nothing".to_owned() } else { format!("known: {all}") };
        let metas = list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .map_err(|error| syn::Error::new(error.span(), format!("no key; {all}")))?;
        let mut keys = Keys(Vec::new());
        for meta in metas {
            let name = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
            if !known.iter().any(|key| key.split(' ').next() == Some(&name)) {
                return Err(syn::Error::new_spanned(meta.path(), format!("unknown key; {all}")));
            }
            if keys.get(&name).is_some() {
                let text = format!("`{name}` stands here twice");
                return Err(syn::Error::new_spanned(meta.path(), text));
            }
            keys.0.push(meta);
        }
        Ok(keys)
    }

    fn get(&self, key: &str) -> Option<&Meta> {
        self.0.iter().find(|meta| meta.path().is_ident(key))
    }

    /// The text of `key = "text"`, and where it stands.
    pub(crate) fn text(&self, key: &str) -> syn::Result<Option<(String, Span)>> {
        match self.get(key) {
            None => Ok(None),
            Some(Meta::NameValue(value)) => Ok(Some((text(value)?, value.value.span()))),
            Some(other) => Err(syn::Error::new_spanned(other, format!("write `{key} = \"..\"`"))),
        }
    }

    /// Whether `key` stands there by itself.
    pub(crate) fn flag(&self, key: &str) -> syn::Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Meta::Path(_)) => Ok(true),
            Some(other) => Err(syn::Error::new_spanned(other, format!("write `{key}` alone"))),
        }
    }

    /// The value of `key = true`; false without it.
    pub(crate) fn boolean(&self, key: &str) -> syn::Result<bool> {
        match self.get(key) {
            None => Ok(false),
            Some(Meta::NameValue(MetaNameValue {
                value: Expr::Lit(ExprLit { lit: Lit::Bool(value), .. }),
                ..
            })) => Ok(value.value),
            Some(other) => Err(syn::Error::new_spanned(
                other,
                format!("write `{key} = true` or `{key} = false`"),
            )),
        }
    }
}
