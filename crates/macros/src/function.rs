//! A function that the other side calls: what of its signature matters, and what of
//! it cannot cross.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Result,
    ReturnType, Safety, Signature, Type, TypeReference, parse_quote,
};

const MOST_PARAMETERS: usize = 8;

/// A function, without its body.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    /// The first parameter, if it is `&HostRef`.
    pub(crate) host: Option<FnArg>,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Type,
    /// The parameters, for errors about all of them.
    pub(crate) inputs: TokenStream,
}

pub(crate) struct Param {
    pub(crate) name: String,
    /// What is read; of `&str` a `String`.
    pub(crate) ty: Type,
    pub(crate) by_reference: bool,
}

impl Function {
    /// Reads a signature; of a method, without `self`.
    pub(crate) fn read<'i>(
        signature: &'i Signature,
        inputs: impl Iterator<Item = &'i FnArg>,
    ) -> Result<Function> {
        if let Some(token) = &signature.asyncness {
            return Err(Error::new_spanned(
                token,
                "an async function cannot be exported: wait in it for what it waits for",
            ));
        }
        if let Safety::Unsafe(token) = &signature.safety {
            return Err(Error::new_spanned(
                token,
                "an unsafe function cannot be exported: its callers promise nothing",
            ));
        }
        if !signature.generics.params.is_empty() {
            return Err(Error::new_spanned(
                &signature.generics,
                "a generic function cannot be exported: write the types out",
            ));
        }
        let mut inputs = inputs.peekable();
        let host = inputs.next_if(|input| host_type(input).is_some());
        host.map_or(Ok(()), check_host)?;
        let params: Vec<Param> = inputs.map(Param::read).collect::<Result<_>>()?;
        if params.len() > MOST_PARAMETERS {
            let text = format!(
                "a function of more than {MOST_PARAMETERS} parameters cannot be exported: \
                 put some of them into a `#[data]` struct"
            );
            return Err(Error::new_spanned(&signature.inputs, text));
        }
        let returns = match &signature.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => {
                check_result(ty)?;
                (**ty).clone()
            }
        };
        Ok(Function {
            ident: signature.ident.clone(),
            host: host.cloned(),
            params,
            returns,
            inputs: signature.inputs.to_token_stream(),
        })
    }

    /// The name of the type that stands for the function.
    pub(crate) fn marker(&self) -> Ident {
        format_ident!("__Twinplug_{}", self.ident)
    }

    /// That type, with its parameters; each mistake in a type is reported there once.
    pub(crate) fn marker_with_params(&self) -> TokenStream {
        let marker = self.marker();
        let params = self.params.iter().enumerate().map(|(index, param)| {
            let Param { name, ty, .. } = param;
            quote! {
                impl __twinplug_export::Parameter<#index> for #marker {
                    type Type = #ty;
                    const NAME: &'static str = #name;
                }
            }
        });
        quote! {
            #[allow(non_camel_case_types, reason = "bears the function's name")]
            struct #marker;
            #(#params)*
        }
    }

    /// Names for the values that were read, which hide no function of the author's.
    pub(crate) fn values(&self) -> Vec<Ident> {
        (0..self.params.len()).map(|index| format_ident!("__twinplug_{index}")).collect()
    }

    /// What is passed to the function: the host, if it wants it, and the values.
    pub(crate) fn arguments(&self) -> TokenStream {
        let host = self.host.as_ref().map(|_| quote!(&__twinplug_caller.host(),));
        let values = self.params.iter().zip(self.values()).map(|(param, value)| {
            if param.by_reference { quote!(&#value) } else { quote!(#value) }
        });
        quote!(#host #(#values),*)
    }

    /// `Arity<N>`, the type of the parameters.
    pub(crate) fn arity(&self) -> TokenStream {
        let count = self.params.len();
        quote!(__twinplug_export::Arity<#count>)
    }
}

impl Param {
    fn read(input: &FnArg) -> Result<Param> {
        let FnArg::Typed(PatType { pat, ty, .. }) = input else {
            return Err(Error::new_spanned(
                input,
                "a method cannot be exported; methods are for `#[object]`",
            ));
        };
        if let Some(ty) = host_type(input) {
            return Err(Error::new_spanned(
                ty,
                "`host: &HostRef` stands once, before all other parameters",
            ));
        }
        let Pat::Ident(name) = &**pat else {
            return Err(Error::new_spanned(
                pat,
                "an exported function's parameters have plain names: take it apart in the body",
            ));
        };
        let (ty, by_reference) = owned(ty)?;
        let name = name.ident.to_string().trim_start_matches("r#").to_owned();
        Ok(Param { name, ty, by_reference })
    }
}

/// What is read for a parameter, and whether it is then lent.
fn owned(ty: &Type) -> Result<(Type, bool)> {
    let Type::Reference(TypeReference { elem, mutability, lifetime, .. }) = ty else {
        check_type(ty)?;
        return Ok((ty.clone(), false));
    };
    if mutability.is_some() {
        return Err(Error::new_spanned(ty, "arguments are copies; take it by value, or by `&`"));
    }
    if let Some(lifetime) = lifetime {
        return Err(Error::new_spanned(
            lifetime,
            "an argument lives as long as the call: leave the lifetime out",
        ));
    }
    match &**elem {
        Type::Path(path) if path.path.is_ident("str") => {
            Ok((parse_quote!(::std::string::String), true))
        }
        Type::Slice(slice) => {
            let item = text_of(&slice.elem);
            Err(Error::new_spanned(ty, format!("a slice cannot cross: take `Vec<{item}>`")))
        }
        elem => {
            check_type(elem)?;
            Ok((elem.clone(), true))
        }
    }
}

/// Refuses what cannot cross, as far as it can be told by its look. What remains, the
/// compiler tells.
pub(crate) fn check_type(ty: &Type) -> Result<()> {
    let refuse = |what: &str| Err(Error::new_spanned(ty, what));
    match ty {
        Type::Reference(inner) => match text_of(&inner.elem).as_str() {
            "str" => refuse("text inside what crosses is owned: write `String`"),
            elem => {
                refuse(&format!("a value inside what crosses is owned: write `{elem}` without `&`"))
            }
        },
        Type::ImplTrait(_) => refuse("`impl Trait` names no type: write one that crosses"),
        Type::TraitObject(_) => refuse("a `dyn Trait` cannot cross: write a type that does"),
        Type::Slice(slice) => {
            let item = text_of(&slice.elem);
            refuse(&format!("a slice cannot cross: write `Vec<{item}>`"))
        }
        Type::FnPtr(_) => refuse("a function cannot cross"),
        Type::Ptr(_) => refuse("a pointer cannot cross: write the type of what it points to"),
        Type::Infer(_) => refuse("the type of what crosses is written out"),
        Type::Array(array) => check_type(&array.elem),
        Type::Paren(inner) => check_type(&inner.elem),
        Type::Group(inner) => check_type(&inner.elem),
        Type::Tuple(tuple) => tuple.elems.iter().try_for_each(check_type),
        Type::Path(path) => path
            .path
            .segments
            .iter()
            .flat_map(|segment| generic_types(&segment.arguments))
            .try_for_each(check_type),
        _ => Ok(()),
    }
}

/// As [`check_type`]; but the error of a `Result` is printed, and does not cross.
fn check_result(ty: &Type) -> Result<()> {
    let Type::Path(path) = ty else {
        return match ty {
            Type::Reference(inner) => {
                let text = match text_of(&inner.elem).as_str() {
                    "str" => "a result is owned: write `String`".to_owned(),
                    elem => format!("a result is owned: write `{elem}` without `&`"),
                };
                Err(Error::new_spanned(ty, text))
            }
            ty => check_type(ty),
        };
    };
    match path.path.segments.last() {
        Some(last) if last.ident == "Result" => {
            generic_types(&last.arguments).next().map_or(Ok(()), check_result)
        }
        _ => check_type(ty),
    }
}

fn generic_types(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// A type as an author writes it.
fn text_of(ty: &Type) -> String {
    let text = quote!(#ty).to_string();
    text.replace(" < ", "<").replace(" >", ">").replace(" :: ", "::").replace(" ,", ",")
}

/// The type of a parameter that is a `HostRef` or a reference to one, by whatever path.
fn host_type(input: &FnArg) -> Option<&Type> {
    let FnArg::Typed(input) = input else { return None };
    let inner = match &*input.ty {
        Type::Reference(TypeReference { elem, .. }) => &**elem,
        ty => ty,
    };
    let Type::Path(path) = inner else { return None };
    let is_host = path.path.segments.last().is_some_and(|segment| segment.ident == "HostRef");
    is_host.then_some(&*input.ty)
}

fn check_host(input: &FnArg) -> Result<()> {
    match host_type(input) {
        Some(Type::Reference(TypeReference { mutability: None, lifetime: None, .. })) => Ok(()),
        _ => Err(Error::new_spanned(input, "the host is lent: write `host: &HostRef`")),
    }
}

/// The name given in the attribute, or else the item's.
pub(crate) fn export_name(given: Option<(String, Span)>, ident: &Ident) -> Result<String> {
    let (name, span) = given
        .unwrap_or_else(|| (ident.to_string().trim_start_matches("r#").to_owned(), ident.span()));
    check_text(&name, span)?;
    Ok(name)
}

pub(crate) fn check_text(text: &str, span: Span) -> Result<()> {
    if text.is_empty() || text.contains('\0') {
        return Err(Error::new(span, "a name is not empty and holds no NUL"));
    }
    Ok(())
}

/// What is exported is there in every build: the table has a fixed length.
pub(crate) fn refuse_condition(attributes: &[Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("cfg")) {
        None => Ok(()),
        Some(attribute) => Err(Error::new_spanned(
            attribute,
            "an export cannot be conditional: put the `#[cfg]` into its body",
        )),
    }
}
