//! The schema of a struct, and of all that has fields.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Data, DeriveInput, Field, Fields, GenericParam, Ident, Path, PathArguments, Type, parse_quote,
};

use super::bounds::{In, mentions};
use super::given;
use super::names::{self, is_shown, shared};
use crate::attributes::{Serde, renamed_field};
use crate::function::check_type;

/// What a type's schema is.
pub(super) enum Schema {
    /// That of another type.
    Of(Type),
    /// That behind a link.
    Linked(TokenStream),
    /// Made here.
    Made(Made),
}

/// A schema that is made here: an expression. Where what is flattened cannot be shown it is
/// `any`.
pub(super) struct Made {
    pub(super) flat: Vec<Flat>,
    pub(super) ty: TokenStream,
}

/// What is flattened into one struct: links, and the keys beside it.
#[derive(Default)]
pub(super) struct Flat {
    pub(super) links: Vec<TokenStream>,
    pub(super) keys: Vec<String>,
}

impl Flat {
    /// Whether it can be shown, as an expression.
    pub(super) fn check(&self, path: &Path) -> TokenStream {
        let Flat { links, keys } = self;
        quote!(#path::are_structs(&[#(#links),*], &[#(#keys),*]))
    }
}

/// What is known of a type before its schema is made.
pub(super) struct Items<'p> {
    pub(super) path: &'p Path,
    pub(super) place: In,
    pub(super) attributes: Serde,
    given: Option<Type>,
    name: Ident,
    parameters: Vec<String>,
}

/// The fields of a struct or a variant.
pub(super) struct Parts {
    /// Expressions, each of a field.
    pub(super) fields: Vec<TokenStream>,
    pub(super) flat: Flat,
}

impl<'p> Items<'p> {
    pub(super) fn read(
        input: &DeriveInput,
        given: Option<Type>,
        path: &'p Path,
    ) -> syn::Result<Self> {
        Ok(Items {
            path,
            place: match &input.data {
                Data::Enum(_) => In::Enum,
                Data::Struct(item) if matches!(item.fields, Fields::Unnamed(_)) => In::Unnamed,
                _ => In::Struct,
            },
            attributes: Serde::read(&input.attrs)?,
            given,
            name: input.ident.clone(),
            parameters: input.generics.params.iter().map(parameter_name).collect(),
        })
    }

    /// Whether the fields say nothing of what is written.
    pub(super) fn is_opaque(&self) -> bool {
        let serde = &self.attributes;
        self.given.is_some() || serde.reshaped || serde.from.is_some() || serde.into.is_some()
    }

    pub(super) fn is_generic(&self) -> bool {
        !self.parameters.is_empty()
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter == name)
    }

    /// Whether the type itself stands in that of a field.
    pub(super) fn is_own(&self, ty: &Type) -> bool {
        mentions(&ty.to_token_stream(), &|word| word == "Self" || self.name == word)
    }

    /// The schema.
    pub(super) fn schema(&self, input: &DeriveInput) -> syn::Result<Schema> {
        let serde = &self.attributes;
        let path = self.path;
        if let Some(given) = &self.given {
            return Ok(Schema::Of(given.clone()));
        }
        if self.is_opaque() {
            return Ok(match (&serde.from, &serde.into) {
                // Of what it is read and written through, if that has one.
                (Some(from), Some(into))
                    if from == into && !serde.reshaped && !self.is_generic() =>
                {
                    let ty: Type = syn::parse_str(from)?;
                    Schema::Linked(quote!(#path::Described::<#ty>::LINK))
                }
                _ => Schema::Made(self.any()),
            });
        }
        match &input.data {
            Data::Enum(item) => self.choice(item),
            Data::Union(union) => Err(syn::Error::new_spanned(
                union.union_token,
                "a union cannot cross, as nothing says which of its fields holds: make it an enum",
            )),
            Data::Struct(item) => self.structure(&item.fields),
        }
    }

    fn structure(&self, fields: &Fields) -> syn::Result<Schema> {
        let made = match fields {
            Fields::Unit => return Ok(Schema::Of(parse_quote!(()))),
            Fields::Unnamed(_) => {
                let types = self.crossing(fields)?;
                // Of a newtype the inner one, unless others were only left out.
                if let [inner] = types.as_slice()
                    && (self.attributes.transparent || fields.len() == 1)
                {
                    return Ok(Schema::Linked(self.link(inner)?));
                }
                self.plain(self.tuple(&types)?)
            }
            Fields::Named(_) if self.attributes.transparent => {
                // serde itself refuses any other number of fields.
                return match self.crossing(fields)?.first() {
                    Some(field) => Ok(Schema::Linked(self.link(field)?)),
                    None => Ok(Schema::Made(self.any())),
                };
            }
            Fields::Named(_) => match self.parts(fields, &self.attributes)? {
                None => self.any(),
                Some(mut parts) => {
                    self.name_tag(&mut parts);
                    let (name, id) = (self.shown_name(), self.id());
                    let ty = self.structure_of(&name, &parts.fields, &id);
                    Made { flat: flattened(parts.flat), ty }
                }
            },
        };
        Ok(Schema::Made(made))
    }

    /// serde writes a struct's name under its tag, and does not ask for it.
    fn name_tag(&self, parts: &mut Parts) {
        let Some(tag) = &self.attributes.tag else { return };
        let path = self.path;
        let field = self.field(tag, &[], &quote!(#path::Shared::Static(&#path::Type::Str)), true);
        parts.fields.insert(0, field);
        parts.flat.keys.push(tag.clone());
    }

    /// An expression of a struct type.
    pub(super) fn structure_of(
        &self,
        name: &str,
        fields: &[TokenStream],
        id: &TokenStream,
    ) -> TokenStream {
        let path = self.path;
        let (name, exact) = (shared(name, path), self.attributes.strict);
        quote! {
            #path::Type::Struct(#path::Struct {
                name: #name,
                fields: #path::Shared::Static(&[#(#fields),*]),
                exact: #exact,
                id: #id,
            })
        }
    }

    /// An expression of a field, of a type that is shared.
    pub(super) fn field(
        &self,
        key: &str,
        aliases: &[String],
        ty: &TokenStream,
        optional: bool,
    ) -> TokenStream {
        let path = self.path;
        let key = shared(key, path);
        let aliases = aliases.iter().map(|alias| shared(alias, path));
        quote! {
            #path::Field {
                name: #key,
                ty: #ty,
                optional: #optional,
                aliases: #path::Shared::Static(&[#(#aliases),*]),
            }
        }
    }

    /// The named fields of a struct, or of a variant that has these attributes; `None` where
    /// a key is not one that text can show.
    pub(super) fn parts(&self, fields: &Fields, around: &Serde) -> syn::Result<Option<Parts>> {
        let path = self.path;
        let mut parts = Parts { fields: Vec::new(), flat: Flat::default() };
        for field in self.crossing(fields)? {
            let serde = Serde::read(&field.attrs)?;
            let ident = field.ident.as_ref().map(names::plain).unwrap_or_default();
            if serde.flatten {
                let link = self.link(field)?;
                parts.fields.push(self.field(
                    "",
                    &[],
                    &quote!(#path::Shared::Linked(#link)),
                    false,
                ));
                parts.flat.links.push(link);
                continue;
            }
            let renamed =
                serde.rename.or_else(|| renamed_field(&ident, around.rename_all.as_deref()));
            let Some(key) = renamed else { return Ok(None) };
            let keys_are_shown = is_shown(&key) && serde.aliases.iter().all(|key| is_shown(key));
            let known = &mut parts.flat.keys;
            let keys = std::iter::once(&key).chain(&serde.aliases);
            let is_twice = keys.clone().any(|key| known.contains(key));
            if serde.reshaped || !keys_are_shown || is_twice {
                return Ok(None);
            }
            known.extend(keys.cloned());
            let link = self.link(field)?;
            let optional = serde.default || around.default;
            let ty = quote!(#path::Shared::Linked(#link));
            parts.fields.push(self.field(&key, &serde.aliases, &ty, optional));
        }
        Ok(Some(parts))
    }

    /// An expression of the type of fields without names.
    pub(super) fn tuple(&self, fields: &[&Field]) -> syn::Result<TokenStream> {
        let path = self.path;
        let links = fields.iter().map(|field| self.link(field)).collect::<syn::Result<Vec<_>>>()?;
        Ok(quote! {
            #path::Type::Tuple(#path::Shared::Static(&[#(#path::Shared::Linked(#links)),*]))
        })
    }

    /// The fields that cross.
    pub(super) fn crossing<'f>(&self, fields: &'f Fields) -> syn::Result<Vec<&'f Field>> {
        let mut found = Vec::new();
        for field in fields {
            if !Serde::read(&field.attrs)?.skip {
                found.push(field);
            }
        }
        Ok(found)
    }

    /// A link to the schema of a field.
    pub(super) fn link(&self, field: &Field) -> syn::Result<TokenStream> {
        let path = self.path;
        if let Some(ty) = given(&field.attrs)? {
            return Ok(quote!(<#ty as #path::Data>::LINK));
        }
        if Serde::read(&field.attrs)?.with {
            return Ok(self.any_link());
        }
        check_type(&field.ty)?;
        let mut ty = field.ty.clone();
        if self.is_own(&ty) {
            if !self.has_name() {
                return Ok(self.any_link());
            }
            let own = if self.is_generic() { own_ident() } else { self.name.clone() };
            ReplaceOwn { name: &self.name, own }.visit_type_mut(&mut ty);
        }
        Ok(match self.is_bound(field) && !self.is_generic() {
            // The bound is what says that it has none.
            true => quote!(#path::Described::<#ty>::LINK),
            false => quote!(<#ty as #path::Data>::LINK),
        })
    }

    /// Whether the schema has a name, by which it can lead to itself.
    fn has_name(&self) -> bool {
        self.place != In::Unnamed && !self.attributes.transparent && !self.shown_name().is_empty()
    }

    /// The name, as text shows it.
    pub(super) fn shown_name(&self) -> String {
        let name = self.attributes.rename.clone().filter(|name| !names::type_name(name).is_empty());
        names::type_name(&name.unwrap_or_else(|| names::plain(&self.name))).to_owned()
    }

    pub(super) fn id(&self) -> TokenStream {
        match self.is_generic() {
            true => quote!(""),
            false => names::id(&names::plain(&self.name)),
        }
    }

    pub(super) fn any(&self) -> Made {
        let path = self.path;
        self.plain(quote!(#path::Type::Any))
    }

    pub(super) fn plain(&self, ty: TokenStream) -> Made {
        Made { flat: Vec::new(), ty }
    }

    pub(super) fn any_link(&self) -> TokenStream {
        let path = self.path;
        quote!(#path::Link::new(&#path::Type::Any))
    }

    /// What stands for a type with parameters inside of itself: a constant could not hold
    /// its own, and so it has just the name.
    pub(super) fn own(&self, input: &DeriveInput) -> TokenStream {
        if !self.is_generic() || !self.has_name() || !mentions_own(self, input) {
            return TokenStream::new();
        }
        let (path, own, name) = (self.path, own_ident(), shared(&self.shown_name(), self.path));
        quote! {
            #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
            struct #own;
            impl #path::serde::Serialize for #own {
                fn serialize<S: #path::serde::Serializer>(
                    &self,
                    serializer: S,
                ) -> ::core::result::Result<S::Ok, S::Error> {
                    serializer.serialize_unit()
                }
            }
            impl<'de> #path::serde::Deserialize<'de> for #own {
                fn deserialize<D: #path::serde::Deserializer<'de>>(
                    _: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    ::core::result::Result::Ok(#own)
                }
            }
            impl #path::Data for #own {
                const SCHEMA: &'static #path::Type = &#path::Type::Named(#name);
            }
        }
    }
}

/// What has to be checked, if anything is flattened.
pub(super) fn flattened(flat: Flat) -> Vec<Flat> {
    if flat.links.is_empty() { Vec::new() } else { vec![flat] }
}

fn own_ident() -> Ident {
    format_ident!("__TwinplugOwn")
}

fn mentions_own(items: &Items<'_>, input: &DeriveInput) -> bool {
    let has = |fields: &Fields| fields.iter().any(|field| items.is_own(&field.ty));
    match &input.data {
        Data::Struct(item) => has(&item.fields),
        Data::Enum(item) => item.variants.iter().any(|variant| has(&variant.fields)),
        Data::Union(_) => false,
    }
}

fn parameter_name(parameter: &GenericParam) -> String {
    match parameter {
        GenericParam::Type(parameter) => parameter.ident.to_string(),
        GenericParam::Const(parameter) => parameter.ident.to_string(),
        GenericParam::Lifetime(parameter) => parameter.lifetime.to_string(),
    }
}

/// Puts another type where a type names itself.
struct ReplaceOwn<'a> {
    name: &'a Ident,
    own: Ident,
}

impl VisitMut for ReplaceOwn<'_> {
    fn visit_path_mut(&mut self, path: &mut Path) {
        if let Some(segment) = path.segments.last_mut()
            && (segment.ident == *self.name || segment.ident == "Self")
        {
            if self.own == *self.name {
                // Where `Self` stands it is a type without parameters.
                segment.ident.clone_from(&self.own);
            } else {
                segment.ident.clone_from(&self.own);
                segment.arguments = PathArguments::None;
                // It is beside the implementation, wherever the type itself is.
                let segment = segment.clone();
                path.segments = std::iter::once(segment).collect();
                path.leading_colon = None;
            }
            return;
        }
        visit_mut::visit_path_mut(self, path);
    }
}
