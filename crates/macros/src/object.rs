//! `#[object]`: makes the values of a type objects, whose methods the other side calls.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Error, FnArg, Ident, ImplItem, ImplItemFn, Item, ItemImpl, Path, ReceiverKind, Result, Type,
};

use crate::attributes::{Keys, take};
use crate::function::{Function, export_name, refuse_condition};

/// A method of the other side's.
struct Method {
    name: String,
    function: Function,
}

/// Where the type is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum In {
    Host,
    Plugin,
}

/// `private` is where what is written for it is found.
pub(crate) fn expand(
    attribute: proc_macro::TokenStream,
    item: proc_macro::TokenStream,
    private: &Path,
    place: In,
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
    let expanded = read(&attribute, &mut item, place).map(|object| object.generate(private));
    let expanded = expanded.unwrap_or_else(Error::into_compile_error);
    // The block stays, also with a mistake: others use what is in it.
    quote!(#item #expanded).into()
}

struct Object {
    ty: Type,
    name: String,
    methods: Vec<Method>,
}

fn read(attribute: &TokenStream, item: &mut ItemImpl, place: In) -> Result<Object> {
    let mut methods: Result<Vec<Method>> = Ok(Vec::new());
    for inner in &mut item.items {
        let ImplItem::Fn(inner) = inner else { continue };
        let named = take(&mut inner.attrs, "method");
        methods = methods.and_then(|mut methods| {
            methods.extend(method(inner, named?.as_ref(), place)?);
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
fn method(item: &ImplItemFn, named: Option<&syn::Attribute>, place: In) -> Result<Option<Method>> {
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
    if let (In::Host, Some(host)) = (place, &function.host) {
        return Err(Error::new_spanned(host, "`HostRef` is for plugins: a host has itself"));
    }
    Ok(Some(Method { name: export_name(given, &item.sig.ident)?, function }))
}

impl Object {
    fn generate(&self, private: &Path) -> TokenStream {
        let Object { ty, name, methods } = self;
        let methods = methods.iter().map(|Method { name, function }| {
            let (ident, values, arguments) =
                (&function.ident, function.values(), function.arguments());
            let names = function.params.iter().map(|param| &param.name);
            let types = function.params.iter().map(|param| &param.ty);
            let returns = &function.returns;
            let caller = function
                .host
                .as_ref()
                .map(|_| quote!(let __twinplug_caller = #private::Caller::direct();));
            quote! {
                .method(
                    #name,
                    &[#(#names),*],
                    |__twinplug_object: &#ty, #(#values: #types),*| -> #returns {
                        #caller
                        __twinplug_object.#ident(#arguments)
                    },
                )
            }
        });
        quote! {
            impl #private::Class for #ty {
                #[allow(clippy::unused_unit, reason = "a method may return nothing")]
                fn table() -> &'static #private::ClassTable<Self> {
                    static TABLE: ::std::sync::OnceLock<#private::ClassTable<#ty>> =
                        ::std::sync::OnceLock::new();
                    TABLE.get_or_init(|| #private::ClassTable::new(#name) #(#methods)*)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a block of that method, or its methods' names.
    fn check(method: &TokenStream, place: In) -> String {
        let mut item: ItemImpl = syn::parse_quote!(impl Door { #method });
        match read(&TokenStream::new(), &mut item, place) {
            Ok(object) => object.methods.iter().map(|method| method.name.as_str()).collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn only_in_a_plugin_a_method_may_ask_for_its_host() {
        let method = quote!(
            fn ring(&self, host: &HostRef) {}
        );
        assert_eq!(check(&method, In::Plugin), "ring");
        let refused = "`HostRef` is for plugins: a host has itself";
        assert_eq!(check(&method, In::Host), refused);
    }
}
