//! How a struct crosses whose fields do as they are: written and read one by one.
//!
//! Just of structs whose fields say all there is to say: any attribute of serde's, a parameter, or
//! what may lead back to the struct itself leaves it to serde.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Field, Fields, Path};

use super::item::Items;
use super::names;

/// The constant and the methods of the trait; nothing where it is serde's to do.
pub(super) fn methods(input: &DeriveInput, items: &Items<'_>, path: &Path) -> TokenStream {
    let Some(fields) = fields(input, items) else { return quote!() };
    let (types, idents) = (fields.iter().map(|it| &it.ty), fields.iter().map(|it| &it.ident));
    let idents: Vec<_> = idents.flatten().collect();
    let keys: Vec<_> = idents.iter().map(|ident| names::plain(ident)).collect();
    let length = fields.len();
    quote! {
        const STRAIGHT: #path::Straight =
            #path::Straight::whole(&[#(<#types as #path::Data>::STRAIGHT),*]);

        #[inline]
        fn straight_write<__S: #path::Sink + ?::core::marker::Sized>(
            __value: &Self,
            __sink: &mut __S,
        ) -> ::core::result::Result<(), #path::ConvertError> {
            #path::Sink::begin_map(__sink, #length)?;
            #(#path::Data::straight_field(&__value.#idents, #keys, __sink)?;)*
            #path::Sink::end_map(__sink)
        }

        #[inline]
        fn straight_raw<'__a, __M: #path::Allocate + ?::core::marker::Sized>(
            __value: &'__a Self,
            __writer: &#path::RawWriter<'__a, __M>,
        ) -> ::core::result::Result<#path::Raw<'__a>, #path::ConvertError> {
            let mut __fields = #path::RawWriter::fields(__writer, #length)?;
            #(
                #path::Data::straight_raw_field(
                    &__value.#idents, #keys, &mut __fields, __writer,
                )?;
            )*
            ::core::result::Result::Ok(#path::RawFields::end(__fields))
        }

        #[inline]
        fn straight_read<__V: #path::View>(__view: __V) -> ::core::option::Option<Self> {
            let mut __fields = #path::StraightFields::of(__view)?;
            let __value = Self { #(#idents: #path::StraightFields::read(&mut __fields, #keys)?),* };
            match #path::StraightFields::are_all(__fields) {
                true => ::core::option::Option::Some(__value),
                false => ::core::option::Option::None,
            }
        }
    }
}

/// Structs of more fields are left to serde: all of them are looked at in one piece of code, wherever a
/// value crosses.
const MOST_FIELDS: usize = 24;

/// Whether it says that fields are not aligned: they cannot be borrowed.
fn is_packed(attribute: &Attribute) -> bool {
    let mut is_packed = false;
    if attribute.path().is_ident("repr") {
        let _ = attribute.parse_nested_meta(|meta| {
            is_packed |= meta.path.is_ident("packed");
            // What it takes is of no interest.
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        });
    }
    is_packed
}

/// The fields of a struct that may cross so.
fn fields<'i>(input: &'i DeriveInput, items: &Items<'_>) -> Option<Vec<&'i Field>> {
    let Data::Struct(item) = &input.data else { return None };
    let Fields::Named(fields) = &item.fields else { return None };
    let fields: Vec<&Field> = fields.named.iter().collect();
    let is_plain = |attributes: &[Attribute]| {
        let changes = ["serde", "data", "cfg", "cfg_attr"];
        !attributes.iter().any(|it| changes.iter().any(|name| it.path().is_ident(name)))
    };
    let stands = |field: &&Field| {
        is_plain(&field.attrs) && !items.is_own(&field.ty) && !items.may_recur(field)
    };
    let is_straight = is_plain(&input.attrs)
        && !input.attrs.iter().any(is_packed)
        && !items.is_opaque()
        && input.generics.params.is_empty()
        && (1..=MOST_FIELDS).contains(&fields.len())
        && fields.iter().all(stands);
    is_straight.then_some(fields)
}
