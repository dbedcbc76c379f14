//! What can be told of a plugin without running any of its code.

use std::path::PathBuf;

use semver::Version;

use crate::plugin::{Export, PluginKind, Requirement};

/// What a file says of itself; none of its code has run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The file.
    pub path: PathBuf,
    /// Its kind.
    pub kind: PluginKind,
    /// Its name; of a script, what its manifest or its first comments say, else its path.
    pub name: String,
    /// Its version; of a script, what its manifest or its first comments say, else its
    /// path, if any says one.
    pub version: Option<Version>,
    /// The ABI that a native plugin was built for, major and minor.
    pub abi: Option<(u16, u16)>,
    /// The exports, where they stand in the file, without those that a library registers as it is
    /// loaded: a script's are known only once it has run, and those of a library in C, C++ or Go where
    /// its table tells them, as it does on Linux unless its own code may write there.
    pub exports: Option<Vec<Export>>,
    /// The plugins that it says it needs.
    pub requires: Vec<Requirement>,
    /// The permissions that its manifest asks for, sorted; a host grants them or not.
    pub permissions: Vec<String>,
    /// The plugin that it says it is a layer over.
    pub over: Option<String>,
    /// What makes a native plugin behave otherwise than a plugin should, a line each:
    /// static thread-local storage, unique symbols, a Go runtime, ..
    pub hazards: Vec<String>,
    /// Those of them for which this process cannot load it, with the next step: a library that it needs
    /// is nowhere, or none has a name that it imports, nor has the process. Where that cannot be told
    /// for certain, it is a hazard alone.
    pub unmet: Vec<String>,
    /// What the author of a script may not have meant, a line each: that it exports nothing, as it
    /// does not return its table.
    pub doubts: Vec<String>,
    /// The file's bytes, as they were checked.
    pub bytes: Vec<u8>,
}
