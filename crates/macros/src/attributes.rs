//! Reading attributes: serde's, as far as they change a schema, and our own.

use syn::spanned::Spanned;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, Token, punctuated::Punctuated};

/// What serde's attributes say that matters to a schema.
#[derive(Default)]
pub(crate) struct Serde {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<String>,
    pub(crate) default: bool,
    pub(crate) skip: bool,
    pub(crate) transparent: bool,
    pub(crate) flatten: bool,
    /// The shape is another one than the fields show: `flatten`, `with`, `from`, …
    pub(crate) reshaped: bool,
}

impl Serde {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Serde> {
        let mut serde = Serde::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let metas =
                attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?;
            for meta in &metas {
                serde.take(meta)?;
            }
        }
        Ok(serde)
    }

    fn take(&mut self, meta: &Meta) -> syn::Result<()> {
        let name = meta.path().get_ident().map(ToString::to_string).unwrap_or_default();
        match (name.as_str(), meta) {
            ("rename", Meta::NameValue(value)) => self.rename = Some(text(value)?),
            ("rename_all", Meta::NameValue(value)) => self.rename_all = Some(text(value)?),
            // What may be left out of what is written must not be missed either.
            ("default" | "skip_serializing_if", _) => self.default = true,
            ("transparent", _) => self.transparent = true,
            ("flatten", _) => self.flatten = true,
            ("skip", _) => self.skip = true,
            // Conversion alone, the same shape, or a name too many.
            ("alias" | "bound" | "crate" | "deny_unknown_fields" | "expecting", _) => {}
            _ => self.reshaped = true,
        }
        Ok(())
    }
}

/// A name as serde's `rename_all` writes it.
pub(crate) fn renamed(name: &str, rule: Option<&str>) -> Option<String> {
    let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map_or_else(String::new, |first| {
            first.to_uppercase().collect::<String>() + chars.as_str()
        })
    };
    Some(match rule {
        None | Some("lowercase" | "snake_case") => name.to_owned(),
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => name.to_uppercase(),
        Some("PascalCase") => words.iter().map(|word| capital(word)).collect(),
        Some("camelCase") => {
            let pascal: String = words.iter().map(|word| capital(word)).collect();
            let mut chars = pascal.chars();
            chars.next().map_or_else(String::new, |first| {
                first.to_lowercase().collect::<String>() + chars.as_str()
            })
        }
        Some("kebab-case") => name.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => name.to_uppercase().replace('_', "-"),
        Some(_) => return None,
    })
}

/// The text of `name = "text"`.
pub(crate) fn text(value: &MetaNameValue) -> syn::Result<String> {
    match &value.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Ok(text.value()),
        other => Err(syn::Error::new(other.span(), "expected a string")),
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
            Err(syn::Error::new(second.span(), format!("`#[{name}]` stands here twice")))
        }
        None => Ok(first),
    }
}

/// The `key = "text"` pairs of an attribute, each of them one of `known`.
pub(crate) fn pairs(
    meta: &Meta,
    known: &[&str],
) -> syn::Result<Vec<(String, String, proc_macro2::Span)>> {
    let list = match meta {
        Meta::Path(_) => return Ok(Vec::new()),
        Meta::List(list) => list,
        Meta::NameValue(value) => return Err(syn::Error::new(value.span(), "expected `(...)`")),
    };
    let values = list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated)?;
    let mut pairs: Vec<(String, String, proc_macro2::Span)> = Vec::new();
    for value in &values {
        let key = value.path.get_ident().map(ToString::to_string).unwrap_or_default();
        if !known.contains(&key.as_str()) {
            let known = known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            return Err(syn::Error::new(value.path.span(), format!("unknown key; known: {known}")));
        }
        if pairs.iter().any(|(other, _, _)| *other == key) {
            return Err(syn::Error::new(value.path.span(), format!("`{key}` stands here twice")));
        }
        pairs.push((key, text(value)?, value.value.span()));
    }
    Ok(pairs)
}
