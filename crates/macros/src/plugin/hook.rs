//! Init and the six hooks: what each takes.

use syn::{Error, ItemFn, Result, Type};

use crate::function::Function;

/// The attributes of a plugin's items, in the order in which two on one item are told.
pub(super) const ROLES: [&str; 10] = [
    "var",
    "state",
    "func",
    "init",
    "on_load",
    "on_save",
    "on_restore",
    "on_pause",
    "on_resume",
    "on_unload",
];

/// A function that the host calls by itself.
pub(super) struct Hook {
    pub(super) kind: Kind,
    pub(super) function: Function,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Init,
    Load,
    Save,
    Restore,
    Pause,
    Resume,
    Unload,
}

impl Kind {
    pub(super) fn of(role: &str) -> Option<Kind> {
        Some(match role {
            "init" => Kind::Init,
            "on_load" => Kind::Load,
            "on_save" => Kind::Save,
            "on_restore" => Kind::Restore,
            "on_pause" => Kind::Pause,
            "on_resume" => Kind::Resume,
            "on_unload" => Kind::Unload,
            _ => return None,
        })
    }

    /// Its attribute, and its field of the table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Init => "init",
            Kind::Load => "on_load",
            Kind::Save => "on_save",
            Kind::Restore => "on_restore",
            Kind::Pause => "on_pause",
            Kind::Resume => "on_resume",
            Kind::Unload => "on_unload",
        }
    }
}

impl Hook {
    pub(super) fn read(kind: Kind, item: &ItemFn) -> Result<Hook> {
        let function = Function::read(&item.sig, item.sig.inputs.iter())?;
        let params = &function.params;
        let fits = match kind {
            Kind::Load => params.len() <= 1,
            Kind::Restore => params.len() == 2,
            _ => params.is_empty(),
        };
        let takes = match kind {
            Kind::Load => "nothing, or `config: T`",
            Kind::Restore => "`value: T, old_version: &str`",
            _ => "nothing",
        };
        if !fits {
            let text =
                format!("`#[{}]` takes {takes}; `host: &HostRef` may stand before", kind.name());
            // Without parameters there is nothing but the name to point to.
            return Err(match function.inputs.is_empty() {
                true => Error::new_spanned(&function.ident, text),
                false => Error::new_spanned(&function.inputs, text),
            });
        }
        if kind == Kind::Restore && !is_text(&params[1].ty) {
            return Err(Error::new_spanned(
                &params[1].ty,
                "the version that gave the value is text: `old_version: &str`",
            ));
        }
        Ok(Hook { kind, function })
    }
}

fn is_text(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "String")
}
