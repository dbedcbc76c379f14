//! Reads the module of a plugin, and refuses what cannot be exported.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream};
use syn::{
    Attribute, Error, Ident, Item, ItemFn, ItemMod, ItemStatic, Meta, Result, Type, parse_quote,
};

use super::hook::{Hook, Kind, ROLES};
use crate::attributes::{Keys, take};
use crate::function::{Function, check_text, export_name, refuse_condition};

/// A module that is a plugin.
pub(super) struct Plugin {
    /// Where they are not given, those of the crate.
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    /// Whether the image may be unmapped.
    pub(super) unload: bool,
    /// The module, our attributes taken off.
    pub(super) module: ItemMod,
    pub(super) items: Vec<Item>,
    pub(super) vars: Vec<Var>,
    pub(super) funcs: Vec<Func>,
    /// Init is one of them.
    pub(super) hooks: Vec<Hook>,
}

/// `#[var] static NAME: Var<T> = ..`, or `#[state]`.
pub(super) struct Var {
    pub(super) name: String,
    pub(super) ident: Ident,
    /// The whole type, `Var<T>`.
    pub(super) ty: Type,
    pub(super) symbol: VarSymbol,
}

#[derive(Clone, Copy)]
pub(super) enum VarSymbol {
    Var,
    State,
}

/// `#[func] fn`.
pub(super) struct Func {
    pub(super) name: String,
    pub(super) leaf: bool,
    pub(super) function: Function,
}

impl Plugin {
    /// # Errors
    /// Every mistake in the module, each once.
    pub(super) fn read(attribute: TokenStream, mut module: ItemMod) -> Result<Plugin> {
        let Some((_, items)) = module.content.take() else {
            return Err(Error::new_spanned(
                module,
                "`#[plugin]` needs the module's content here: `mod name { .. }`",
            ));
        };
        let mut plugin = Plugin {
            name: None,
            version: None,
            unload: false,
            module,
            items: Vec::new(),
            vars: Vec::new(),
            funcs: Vec::new(),
            hooks: Vec::new(),
        };
        let mut mistakes = Mistakes(None);
        mistakes.note(plugin.set_keys(attribute));
        for mut item in items {
            mistakes.note(plugin.take(&mut item));
            plugin.items.push(item);
        }
        plugin.check_names(&mut mistakes);
        match mistakes.0 {
            None => Ok(plugin),
            Some(mistakes) => Err(mistakes),
        }
    }

    fn set_keys(&mut self, attribute: TokenStream) -> Result<()> {
        if attribute.is_empty() {
            return Ok(());
        }
        let meta: Meta = parse_quote!(plugin(#attribute));
        let known = ["name = \"..\"", "version = \"..\"", "unload = true"];
        let keys = Keys::read(&meta, &known)?;
        if let Some((name, span)) = keys.text("name")? {
            check_text(&name, span)?;
            self.name = Some(name);
        }
        if let Some((version, span)) = keys.text("version")? {
            self.version = Some(check_version(version, span)?);
        }
        self.unload = keys.boolean("unload")?;
        Ok(())
    }

    /// Takes our attributes off an item.
    fn take(&mut self, item: &mut Item) -> Result<()> {
        match item {
            Item::Static(item) => {
                let roles = roles(&mut item.attrs)?;
                match only(&roles)? {
                    None => Ok(()),
                    Some(("var", meta)) => self.add_var(meta, item, VarSymbol::Var),
                    Some(("state", meta)) => self.add_var(meta, item, VarSymbol::State),
                    Some((role, meta)) => Err(misplaced(role, meta)),
                }
            }
            Item::Fn(item) => {
                let roles = roles(&mut item.attrs)?;
                match only(&roles)? {
                    None => Ok(()),
                    Some(("func", meta)) => self.add_func(meta, item),
                    Some((role @ ("var" | "state"), meta)) => Err(misplaced(role, meta)),
                    Some((role, meta)) => self.add_hook(role, meta, item),
                }
            }
            item => {
                let roles = attributes(item).map_or(Ok(Vec::new()), roles)?;
                match (roles.first(), item) {
                    (Some((role, meta)), _) => Err(misplaced(role, meta)),
                    (None, Item::Mod(module)) => refuse_inner(module),
                    (None, _) => Ok(()),
                }
            }
        }
    }

    fn add_var(&mut self, meta: &Meta, item: &ItemStatic, symbol: VarSymbol) -> Result<()> {
        refuse_condition(&item.attrs)?;
        if let syn::StaticMutability::Mut(token) = &item.mutability {
            return Err(Error::new_spanned(
                token,
                "a `Var` is set through `&self`; leave `mut` out",
            ));
        }
        let given = Keys::read(meta, &["name = \"..\""])?.text("name")?;
        let (ident, ty) = (item.ident.clone(), (*item.ty).clone());
        self.vars.push(Var { name: export_name(given, &ident)?, ident, ty, symbol });
        Ok(())
    }

    fn add_func(&mut self, meta: &Meta, item: &ItemFn) -> Result<()> {
        refuse_condition(&item.attrs)?;
        let keys = Keys::read(meta, &["name = \"..\"", "leaf"])?;
        let name = export_name(keys.text("name")?, &item.sig.ident)?;
        let leaf = keys.flag("leaf")?;
        let function = Function::read(&item.sig, item.sig.inputs.iter())?;
        if let (true, Some(host)) = (leaf, &function.host) {
            return Err(Error::new_spanned(
                host,
                "a leaf function calls nothing of the host: leave this out, or `leaf`",
            ));
        }
        self.funcs.push(Func { name, leaf, function });
        Ok(())
    }

    fn add_hook(&mut self, role: &str, meta: &Meta, item: &ItemFn) -> Result<()> {
        refuse_condition(&item.attrs)?;
        Keys::read(meta, &[])?;
        let Some(kind) = Kind::of(role) else { return Err(misplaced(role, meta)) };
        if self.hooks.iter().any(|hook| hook.kind == kind) {
            let text = format!("a plugin has one `#[{role}]`; this is the second");
            return Err(Error::new_spanned(meta, text));
        }
        self.hooks.push(Hook::read(kind, item)?);
        Ok(())
    }

    fn check_names(&self, mistakes: &mut Mistakes) {
        let vars = self.vars.iter().map(|var| (&var.name, &var.ident));
        let funcs = self.funcs.iter().map(|func| (&func.name, &func.function.ident));
        let mut seen = HashMap::new();
        for (name, ident) in vars.chain(funcs) {
            let first = *seen.entry(name).or_insert(ident);
            if !std::ptr::eq(first, ident) {
                let text = format!(
                    "`{name}` is exported twice; `{first}` is the first: give this one another \
                     `name`"
                );
                mistakes.note(Err(Error::new(ident.span(), text)));
            }
        }
    }
}

/// All that is wrong with a module.
struct Mistakes(Option<Error>);

impl Mistakes {
    fn note(&mut self, result: Result<()>) {
        let Err(mistake) = result else { return };
        match &mut self.0 {
            Some(mistakes) => mistakes.combine(mistake),
            None => self.0 = Some(mistake),
        }
    }
}

/// What an item is for: our attributes, taken off it.
fn roles(attributes: &mut Vec<Attribute>) -> Result<Vec<(&'static str, Meta)>> {
    let mut found = Vec::new();
    for role in ROLES {
        if let Some(attribute) = take(attributes, role)? {
            found.push((role, attribute.meta));
        }
    }
    Ok(found)
}

fn only<'r>(roles: &'r [(&'static str, Meta)]) -> Result<Option<(&'static str, &'r Meta)>> {
    match roles {
        [] => Ok(None),
        [(role, meta)] => Ok(Some((role, meta))),
        [(first, _), (second, meta), ..] => Err(Error::new_spanned(
            meta,
            format!("`#[{second}]` and `#[{first}]` on one item: choose one"),
        )),
    }
}

fn misplaced(role: &str, meta: &Meta) -> Error {
    let place = match role {
        "var" | "state" => "a `static` of type `Var<T>`",
        _ => "a function",
    };
    Error::new_spanned(meta, format!("`#[{role}]` belongs on {place}"))
}

/// Refuses exports in a module of the plugin's module, which would not be found.
fn refuse_inner(module: &mut ItemMod) -> Result<()> {
    let mut mistakes = Mistakes(None);
    for item in module.content.iter_mut().flat_map(|(_, items)| items) {
        mistakes.note(match item {
            Item::Mod(inner) => refuse_inner(inner),
            Item::Fn(item) => refuse_roles(&module.ident, &mut item.attrs),
            Item::Static(item) => refuse_roles(&module.ident, &mut item.attrs),
            _ => Ok(()),
        });
    }
    mistakes.0.map_or(Ok(()), Err)
}

fn refuse_roles(module: &Ident, attributes: &mut Vec<Attribute>) -> Result<()> {
    match roles(attributes)?.first() {
        None => Ok(()),
        Some((role, meta)) => {
            let text = format!(
                "`#[{role}]` belongs into the module of `#[plugin]` itself, and not into \
                 `mod {module}` in it"
            );
            Err(Error::new_spanned(meta, text))
        }
    }
}

/// The attributes of the items that have no role.
fn attributes(item: &mut Item) -> Option<&mut Vec<Attribute>> {
    Some(match item {
        Item::Const(item) => &mut item.attrs,
        Item::Enum(item) => &mut item.attrs,
        Item::Impl(item) => &mut item.attrs,
        Item::Macro(item) => &mut item.attrs,
        Item::Mod(item) => &mut item.attrs,
        Item::Struct(item) => &mut item.attrs,
        Item::Trait(item) => &mut item.attrs,
        Item::Type(item) => &mut item.attrs,
        Item::Union(item) => &mut item.attrs,
        Item::Use(item) => &mut item.attrs,
        _ => return None,
    })
}

/// As cargo checks that of a crate.
fn check_version(text: String, span: Span) -> Result<String> {
    match semver::Version::parse(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::new(span, format!("no version like \"1.2.0\": {error}"))),
    }
}
