//! Reads the module of a plugin, and refuses what cannot be exported.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, Ident, Item, ItemFn, ItemMod, ItemStatic, Meta, Pat, PatType, Result, ReturnType,
    Safety, Type, TypeReference, parse_quote,
};

use crate::attributes::{pairs, take};

/// A module that is a plugin.
pub(super) struct Plugin {
    /// Where they are not given, those of the crate.
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    /// The module, our attributes taken off.
    pub(super) module: ItemMod,
    pub(super) items: Vec<Item>,
    pub(super) vars: Vec<Var>,
    pub(super) funcs: Vec<Func>,
    pub(super) init: Option<Func>,
}

/// `#[var] static NAME: Var<T> = ..`.
pub(super) struct Var {
    pub(super) name: String,
    pub(super) ident: Ident,
    /// The whole type, `Var<T>`.
    pub(super) ty: Type,
}

/// `#[func] fn` or `#[init] fn`.
pub(super) struct Func {
    pub(super) name: String,
    pub(super) ident: Ident,
    /// Whether its first parameter is `&HostRef`.
    pub(super) host: bool,
    pub(super) params: Vec<Param>,
    pub(super) returns: Type,
}

pub(super) struct Param {
    pub(super) name: String,
    /// What is read; of `&str` a `String`.
    pub(super) ty: Type,
    pub(super) by_reference: bool,
}

impl Plugin {
    pub(super) fn read(attribute: TokenStream, mut module: ItemMod) -> Result<Plugin> {
        let (mut name, mut version) = (None, None);
        if !attribute.is_empty() {
            let meta: Meta = parse_quote!(plugin(#attribute));
            for (key, text, span) in pairs(&meta, &["name", "version"])? {
                check_text(&text, span)?;
                match key.as_str() {
                    "name" => name = Some(text),
                    _ => version = Some(check_version(text, span)?),
                }
            }
        }
        let Some((_, items)) = module.content.take() else {
            return Err(Error::new(
                module.span(),
                "`#[plugin]` needs the module's content here: `mod name { .. }`",
            ));
        };
        let mut plugin = Plugin {
            name,
            version,
            module,
            items: Vec::new(),
            vars: Vec::new(),
            funcs: Vec::new(),
            init: None,
        };
        for item in items {
            let item = plugin.take(item)?;
            plugin.items.push(item);
        }
        plugin.check_names()?;
        Ok(plugin)
    }

    /// Takes an export's attribute off an item.
    fn take(&mut self, item: Item) -> Result<Item> {
        match item {
            Item::Static(mut item) => {
                if let Some(attribute) = take(&mut item.attrs, "var")? {
                    self.vars.push(Var::read(&attribute.meta, &item)?);
                }
                refuse(&mut item.attrs, "func", "a function")?;
                Ok(Item::Static(item))
            }
            Item::Fn(mut item) => {
                if let Some(attribute) = take(&mut item.attrs, "func")? {
                    self.funcs.push(Func::read(&attribute.meta, &item)?);
                }
                if let Some(attribute) = take(&mut item.attrs, "init")? {
                    self.set_init(&attribute.meta, &item)?;
                }
                refuse(&mut item.attrs, "var", "a `static` of type `Var<T>`")?;
                Ok(Item::Fn(item))
            }
            item => Ok(item),
        }
    }

    fn set_init(&mut self, meta: &Meta, item: &ItemFn) -> Result<()> {
        let init = Func::read(meta, item)?;
        if self.init.is_some() {
            return Err(Error::new(meta.span(), "a plugin has one `#[init]`; this is the second"));
        }
        if !init.params.is_empty() {
            return Err(Error::new(
                item.sig.inputs.span(),
                "`#[init]` takes nothing, or `host: &HostRef`",
            ));
        }
        self.init = Some(init);
        Ok(())
    }

    fn check_names(&self) -> Result<()> {
        let vars = self.vars.iter().map(|var| (&var.name, &var.ident));
        let funcs = self.funcs.iter().map(|func| (&func.name, &func.ident));
        let mut seen = std::collections::HashMap::new();
        for (name, ident) in vars.chain(funcs) {
            if let Some(first) = seen.insert(name, ident) {
                return Err(Error::new(
                    ident.span(),
                    format!("`{name}` is exported twice; `{first}` is the first"),
                ));
            }
        }
        Ok(())
    }
}

impl Var {
    fn read(meta: &Meta, item: &ItemStatic) -> Result<Var> {
        refuse_condition(&item.attrs)?;
        if let syn::StaticMutability::Mut(token) = &item.mutability {
            return Err(Error::new(
                token.span(),
                "a `Var` is set through `&self`; leave `mut` out",
            ));
        }
        Ok(Var {
            name: export_name(meta, &item.ident)?,
            ident: item.ident.clone(),
            ty: (*item.ty).clone(),
        })
    }
}

impl Func {
    fn read(meta: &Meta, item: &ItemFn) -> Result<Func> {
        refuse_condition(&item.attrs)?;
        let signature = &item.sig;
        let refuse =
            |span: Span, what: &str| Err(Error::new(span, format!("{what} cannot be exported")));
        if let Some(token) = &signature.asyncness {
            return refuse(token.span(), "an async function");
        }
        if let Safety::Unsafe(token) = &signature.safety {
            return refuse(token.span(), "an unsafe function");
        }
        if !signature.generics.params.is_empty() {
            return refuse(signature.generics.span(), "a generic function");
        }
        let mut inputs = signature.inputs.iter().peekable();
        let host = inputs.next_if(|input| is_host(input)).is_some();
        let params: Vec<Param> = inputs.map(Param::read).collect::<Result<_>>()?;
        if params.len() > 8 {
            return refuse(signature.inputs.span(), "a function of more than 8 parameters");
        }
        let returns = match &signature.output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => (**ty).clone(),
        };
        let name = export_name(meta, &signature.ident)?;
        Ok(Func { name, ident: signature.ident.clone(), host, params, returns })
    }
}

impl Param {
    fn read(input: &FnArg) -> Result<Param> {
        let FnArg::Typed(PatType { pat, ty, .. }) = input else {
            return Err(Error::new(input.span(), "a method cannot be exported"));
        };
        let Pat::Ident(name) = &**pat else {
            return Err(Error::new(
                pat.span(),
                "an exported function's parameters have plain names",
            ));
        };
        let (ty, by_reference) = match &**ty {
            Type::Reference(TypeReference { elem, mutability: None, .. }) => match &**elem {
                Type::Path(path) if path.path.is_ident("str") => {
                    (parse_quote!(::std::string::String), true)
                }
                inner => (inner.clone(), true),
            },
            Type::Reference(reference) => {
                return Err(Error::new(
                    reference.span(),
                    "arguments are copies; take it by value, or by `&`",
                ));
            }
            ty => (ty.clone(), false),
        };
        let name = name.ident.to_string().trim_start_matches("r#").to_owned();
        Ok(Param { name, ty, by_reference })
    }
}

/// `&HostRef`, by whatever path.
fn is_host(input: &FnArg) -> bool {
    let FnArg::Typed(input) = input else { return false };
    let Type::Reference(TypeReference { elem, .. }) = &*input.ty else { return false };
    let Type::Path(path) = &**elem else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "HostRef")
}

/// The name given in the attribute, or else the item's.
fn export_name(meta: &Meta, ident: &Ident) -> Result<String> {
    let name = pairs(meta, &["name"])?.pop();
    let (name, span) = match name {
        Some((_, name, span)) => (name, span),
        None => (ident.to_string().trim_start_matches("r#").to_owned(), ident.span()),
    };
    check_text(&name, span)?;
    Ok(name)
}

fn check_text(text: &str, span: Span) -> Result<()> {
    if text.is_empty() || text.contains('\0') {
        return Err(Error::new(span, "a name is not empty and holds no NUL"));
    }
    Ok(())
}

/// As cargo checks that of a crate.
fn check_version(text: String, span: Span) -> Result<String> {
    match semver::Version::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::new(span, format!("no version like \"1.2.0\": {error}"))),
    }
}

/// An export is there or not in every build: the table has a fixed length.
fn refuse_condition(attributes: &[syn::Attribute]) -> Result<()> {
    match attributes.iter().find(|attribute| attribute.path().is_ident("cfg")) {
        None => Ok(()),
        Some(attribute) => Err(Error::new(
            attribute.span(),
            "an export cannot be conditional: put the `#[cfg]` into its body",
        )),
    }
}

fn refuse(attributes: &mut Vec<syn::Attribute>, name: &str, place: &str) -> Result<()> {
    match take(attributes, name)? {
        Some(attribute) => {
            Err(Error::new(attribute.span(), format!("`#[{name}]` belongs on {place}")))
        }
        None => Ok(()),
    }
}

impl Func {
    /// The parameters' types as a tuple.
    pub(super) fn tuple(&self) -> TokenStream {
        let types = self.params.iter().map(|param| &param.ty);
        quote!((#(#types,)*))
    }
}
