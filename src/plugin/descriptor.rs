//! What a plugin says of itself.

use std::fmt;

use semver::{Version, VersionReq};
use twinplug_value::ExportType;

/// What a plugin says of itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// Its name.
    pub name: String,
    /// Its version; 0.0.0 where it says none.
    pub version: Version,
    /// Which kind it is.
    pub kind: PluginKind,
    /// What it offers, by name.
    pub exports: Vec<Export>,
    /// The hooks that it has, `on_load` and such, by name: what the host calls by itself.
    pub hooks: Vec<&'static str>,
    /// The plugins that it says it needs.
    pub requires: Vec<Requirement>,
    /// What it is a layer over, of a script that is one.
    pub over: Option<Over>,
}

/// What a layer lies over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Over {
    /// The other plugin's name.
    pub plugin: String,
    /// What becomes of a call of the layer that fails.
    pub on_fault: OnFault,
}

/// What becomes of a call of a layer that fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFault {
    /// The caller gets its error.
    #[default]
    Fails,
    /// What lies below is called in its place.
    Base,
}

/// A plugin that another one needs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Requirement {
    /// Its name.
    pub name: String,
    /// The versions that will do.
    pub range: VersionReq,
    /// Whether any will do, pre-releases too: for what a layer lies over.
    is_any: bool,
}

/// One export of a plugin.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Export {
    /// Its name.
    pub name: String,
    /// What it is, and of what type.
    pub ty: ExportType,
}

/// The kind of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PluginKind {
    /// A Lua script.
    Lua,
    /// A native shared library.
    Native,
}

/// Whether a plugin or an export may be called so.
///
/// # Errors
/// What is wrong with the name.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    match name {
        "" => Err("a name is empty".to_owned()),
        name if name.chars().any(char::is_control) => {
            Err(format!("the name {name:?} has control characters"))
        }
        _ => Ok(()),
    }
}

impl Requirement {
    pub(crate) fn new(name: impl Into<String>, range: VersionReq) -> Self {
        Requirement { name: name.into(), range, is_any: false }
    }

    /// Any version of that name.
    pub(crate) fn any(name: impl Into<String>) -> Self {
        Requirement { name: name.into(), range: VersionReq::STAR, is_any: true }
    }

    /// Whether that version will do.
    pub(crate) fn admits(&self, version: &Version) -> bool {
        self.is_any || self.range.matches(version)
    }
}

impl Export {
    pub(crate) fn new(name: impl Into<String>, ty: ExportType) -> Self {
        Export { name: name.into(), ty }
    }

    /// `func` or `var`.
    #[must_use]
    pub fn symbol(&self) -> &'static str {
        match self.ty {
            ExportType::Func(_) => "func",
            ExportType::Var(_) => "var",
        }
    }
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PluginKind::Lua => "lua",
            PluginKind::Native => "native",
        })
    }
}
