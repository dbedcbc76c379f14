//! serde's attributes, as far as they change what is written or read.

use syn::{Attribute, Meta, MetaList, MetaNameValue, Token, punctuated::Punctuated};

use super::text;

/// What serde's attributes say that matters to a schema.
#[derive(Default)]
pub(crate) struct Serde {
    pub(crate) rename: Option<String>,
    pub(crate) rename_all: Option<String>,
    pub(crate) rename_all_fields: Option<String>,
    pub(crate) aliases: Vec<String>,
    /// It may be absent.
    pub(crate) default: bool,
    pub(crate) skip: bool,
    pub(crate) transparent: bool,
    pub(crate) flatten: bool,
    pub(crate) strict: bool,
    pub(crate) tag: Option<String>,
    pub(crate) content: Option<String>,
    pub(crate) untagged: bool,
    /// Any tag that no other variant has.
    pub(crate) other: bool,
    /// Functions of the author's write it or read it.
    pub(crate) with: bool,
    /// The types that it is read and written through.
    pub(crate) from: Option<String>,
    pub(crate) into: Option<String>,
    /// The shape is another one than the fields show, in a way that we do not follow.
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
            ("rename", meta) => self.rename = self.same_both_ways(meta)?,
            ("rename_all", meta) => self.rename_all = self.same_both_ways(meta)?,
            ("rename_all_fields", meta) => self.rename_all_fields = self.same_both_ways(meta)?,
            ("alias", Meta::NameValue(value)) => self.aliases.push(text(value)?),
            // What may be left out of what is written must not be missed either.
            ("default" | "skip_serializing_if" | "skip_serializing" | "skip_deserializing", _) => {
                self.default = true;
            }
            ("transparent", _) => self.transparent = true,
            ("flatten", _) => self.flatten = true,
            ("skip", _) => self.skip = true,
            ("deny_unknown_fields", _) => self.strict = true,
            ("tag", Meta::NameValue(value)) => self.tag = Some(text(value)?),
            ("content", Meta::NameValue(value)) => self.content = Some(text(value)?),
            ("untagged", _) => self.untagged = true,
            ("other", _) => self.other = true,
            ("with" | "serialize_with" | "deserialize_with", _) => self.with = true,
            ("from" | "try_from", Meta::NameValue(value)) => self.from = Some(text(value)?),
            ("into", Meta::NameValue(value)) => self.into = Some(text(value)?),
            // Of conversion alone.
            ("bound" | "crate" | "expecting", _) => {}
            _ => self.reshaped = true,
        }
        Ok(())
    }

    /// `= "a"`, or both of `(serialize = "a", deserialize = "a")`; where they are not the
    /// same, one schema cannot say it.
    fn same_both_ways(&mut self, meta: &Meta) -> syn::Result<Option<String>> {
        let list: &MetaList = match meta {
            Meta::NameValue(value) => return text(value).map(Some),
            Meta::List(list) => list,
            Meta::Path(_) => return Ok(None),
        };
        let both =
            list.parse_args_with(Punctuated::<MetaNameValue, Token![,]>::parse_terminated)?;
        let mut texts = both.iter().map(text).collect::<syn::Result<Vec<_>>>()?;
        texts.dedup();
        if both.len() != 2 || texts.len() != 1 {
            self.reshaped = true;
        }
        Ok(texts.pop())
    }
}

/// A field's name as serde's `rename_all` writes it; `None` of a rule that is not known.
pub(crate) fn renamed_field(name: &str, rule: Option<&str>) -> Option<String> {
    Some(match rule {
        None | Some("lowercase" | "snake_case") => name.to_owned(),
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => name.to_ascii_uppercase(),
        Some("PascalCase") => pascal(name),
        Some("camelCase") => first_small(&pascal(name)),
        Some("kebab-case") => name.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => name.to_ascii_uppercase().replace('_', "-"),
        Some(_) => return None,
    })
}

/// A variant's, likewise.
pub(crate) fn renamed_variant(name: &str, rule: Option<&str>) -> Option<String> {
    Some(match rule {
        None | Some("PascalCase") => name.to_owned(),
        Some("lowercase") => name.to_ascii_lowercase(),
        Some("UPPERCASE") => name.to_ascii_uppercase(),
        Some("camelCase") => first_small(name),
        Some("snake_case") => snake(name),
        Some("SCREAMING_SNAKE_CASE") => snake(name).to_ascii_uppercase(),
        Some("kebab-case") => snake(name).replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => snake(name).to_ascii_uppercase().replace('_', "-"),
        Some(_) => return None,
    })
}

fn pascal(name: &str) -> String {
    let mut starts = true;
    let mut pascal = String::new();
    for c in name.chars() {
        match c {
            '_' => starts = true,
            c if starts => {
                pascal.push(c.to_ascii_uppercase());
                starts = false;
            }
            c => pascal.push(c),
        }
    }
    pascal
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (index, c) in name.char_indices() {
        if index > 0 && c.is_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

fn first_small(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| c.to_ascii_lowercase().to_string() + chars.as_str())
}
