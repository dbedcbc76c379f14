//! `#[object]`: makes the values of a type objects, whose methods the other side calls.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, ReceiverKind, Result, Type};

use crate::attributes::{Keys, take};
use crate::function::{Function, export_name, refuse_condition};

/// A method of the other side's.
struct Method {
    name: String,
    function: Function,
}

pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
) -> proc_macro::TokenStream {
    let attribute = TokenStream::from(attribute);
    let item = match syn::parse::<Item>(item) {
        Ok(Item::Impl(item)) => item,
        Ok(item) => {
            let error = Error::new(
                proc_macro2::Span::call_site(),
                "`#[object]` belongs on an `impl` block: `impl Type { .. }`",
            )
            .into_compile_error();
            return quote!(#error #item).into();
        }
        Err(error) => return error.into_compile_error().into(),
    };
    let mut item = item;
    let expanded = read(&attribute, &mut item).map(|object| object.generate());
    let expanded = expanded.unwrap_or_else(Error::into_compile_error);
    // The block stays, also with a mistake: others use what is in it.
    quote!(#item #expanded).into()
}

struct Object {
    ty: Type,
    name: String,
    methods: Vec<Method>,
}

fn read(attribute: &TokenStream, item: &mut ItemImpl) -> Result<Object> {
    let mut methods: Result<Vec<Method>> = Ok(Vec::new());
    for inner in &mut item.items {
        let ImplItem::Fn(inner) = inner else { continue };
        let named = take(&mut inner.attrs, "method");
        methods = methods.and_then(|mut methods| {
            methods.extend(method(inner, named?.as_ref())?);
            Ok(methods)
        });
    }
    if let Some((path, _)) = &item.trait_ {
        return Err(Error::new_spanned(
            path,
            "the methods of an object are its own: write `impl Type` without a trait",
        ));
    }
    if !item.generics.params.is_empty() {
        return Err(Error::new_spanned(
            &item.generics,
            "a generic type cannot be an object: write the types out",
        ));
    }
    let methods = methods?;
    let mut first: std::collections::HashMap<&str, &Ident> = std::collections::HashMap::new();
    for Method { name, function } in &methods {
        if let Some(other) = first.insert(name, &function.ident) {
            let text = format!("`{name}` is a method twice; `{other}` is the first");
            return Err(Error::new(function.ident.span(), text));
        }
    }
    let ty = (*item.self_ty).clone();
    let meta: syn::Meta = match attribute.is_empty() {
        true => syn::parse_quote!(object),
        false => syn::parse_quote!(object(#attribute)),
    };
    let given = Keys::read(&meta, &["name = \"..\""])?.text("name")?;
    let Some(ident) = last_name(&ty) else {
        return Err(Error::new_spanned(ty, "an object's type is one with a name"));
    };
    Ok(Object { name: export_name(given, ident)?, ty, methods })
}

fn last_name(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}

/// A method, if the function takes `&self`.
fn method(item: &ImplItemFn, named: Option<&syn::Attribute>) -> Result<Option<Method>> {
    let mut inputs = item.sig.inputs.iter();
    let receiver = match inputs.next() {
        Some(FnArg::Receiver(receiver)) => receiver,
        _ => {
            return match named {
                None => Ok(None),
                Some(named) => {
                    Err(Error::new_spanned(named, "`#[method]` belongs on a function of `&self`"))
                }
            };
        }
    };
    if !matches!(receiver.kind, ReceiverKind::Reference(_, None, None)) {
        return Err(Error::new_spanned(
            receiver,
            "an object is shared: take `&self`, and keep what changes behind a lock; what the \
             other side shall not call goes into an `impl` block of its own",
        ));
    }
    refuse_condition(&item.attrs)?;
    let given = match named {
        Some(named) => Keys::read(&named.meta, &["name = \"..\""])?.text("name")?,
        None => None,
    };
    let function = Function::read(&item.sig, inputs)?;
    Ok(Some(Method { name: export_name(given, &item.sig.ident)?, function }))
}

impl Object {
    fn generate(&self) -> TokenStream {
        let Object { ty, name, methods } = self;
        let name = format!("{name}\0");
        let implementations = methods.iter().map(|method| implementation(ty, &method.function));
        let entries = methods.iter().map(|Method { name, function }| {
            let marker = function.marker();
            quote!(__twinplug_export::MethodEntry::new::<#marker>(#name))
        });
        let described = methods.iter().map(|Method { name, function }| {
            let marker = function.marker();
            quote!(__twinplug_export::Described::method::<#marker>(#name))
        });
        let count = methods.len();
        let text = format_ident!("__TWINPLUG_METHODS");
        quote! {
            const _: () = {
                use ::twinplug_sdk::export as __twinplug_export;

                #(#implementations)*

                const __TWINPLUG_DESCRIBED: [__twinplug_export::Described; #count] = [#(#described),*];
                static #text: [u8; __twinplug_export::methods_length(&__TWINPLUG_DESCRIBED)] =
                    __twinplug_export::methods_text(&__TWINPLUG_DESCRIBED);
                static __TWINPLUG_TYPE: __twinplug_export::ObjectType<#ty> =
                    __twinplug_export::ObjectType::new(#name, &#text);

                impl __twinplug_export::Class for #ty {
                    const METHODS: &'static [__twinplug_export::MethodEntry<Self>] = &[#(#entries),*];
                    fn object_type() -> &'static __twinplug_export::ObjectType<Self> {
                        &__TWINPLUG_TYPE
                    }
                }
            };
        }
    }
}

/// The type that stands for a method.
fn implementation(ty: &Type, function: &Function) -> TokenStream {
    let (marker, ident, returns) = (function.marker(), &function.ident, &function.returns);
    let (marker_with_params, arity) = (function.marker_with_params(), function.arity());
    let (values, arguments) = (function.values(), function.arguments());
    quote! {
        #marker_with_params
        impl __twinplug_export::Method for #marker {
            type Object = #ty;
            type Params = #arity;
            type Outcome = #returns;
            #[allow(unused_variables, reason = "a method need not take the host")]
            #[allow(clippy::unit_arg, clippy::unused_unit, reason = "a method may return nothing")]
            fn call(
                __twinplug_object: &Self::Object,
                __twinplug_caller: &__twinplug_export::Caller<'_>,
                (#(#values,)*): <Self::Params as __twinplug_export::Parameters<Self>>::Values,
            ) -> Self::Outcome {
                __twinplug_object.#ident(#arguments)
            }
        }
    }
}
