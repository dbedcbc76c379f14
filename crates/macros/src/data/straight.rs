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
        fn write_straight<__S: #path::Sink + ?::core::marker::Sized>(
            &self,
            __sink: &mut __S,
        ) -> ::core::result::Result<(), #path::ConvertError> {
            __sink.begin_map(#length)?;
            #(#path::Data::write_field(&self.#idents, #keys, __sink)?;)*
            __sink.end_map()
        }

        #[inline]
        fn read_straight<__V: #path::View>(__view: __V) -> ::core::option::Option<Self> {
            let mut __fields = #path::StraightFields::of(__view)?;
            let __value = Self { #(#idents: __fields.read(#keys)?),* };
            __fields.are_all().then_some(__value)
        }
    }
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
        && !items.is_opaque()
        && input.generics.params.is_empty()
        && !fields.is_empty()
        && fields.iter().all(stands);
    is_straight.then_some(fields)
}
