//! Plugins in Rust: `cargo build --release`, and the library that it names.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::tool::{program, run};
use crate::{BuildError, Library, Manner, deliver, io_error};

const INSTALL: &str = "install Rust (https://rustup.rs), or set `CARGO`";

pub(crate) fn build(folder: &Path, out: &Path, manner: Manner<'_>) -> Result<Library, BuildError> {
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().map_err(|error| io_error("read", &manifest, &error))?;
    let mut command = Command::new(program("CARGO", "cargo"));
    command
        .args(["build", "--release", "--lib", "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest);
    let messages = run(&mut command, INSTALL, manner.of_tool_with_progress())?;
    let library = String::from_utf8_lossy(&messages)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .find_map(|message| library(&message, &manifest));
    let Some(library) = library else {
        return Err(BuildError::new(format!(
            "`{}` builds no shared library: put `crate-type = [\"cdylib\"]` under `[lib]`",
            manifest.display()
        )));
    };
    let place = out.join(library.file_name().unwrap_or_default());
    deliver(&library, place)
}

/// The shared library of an artifact message about the package of that manifest.
fn library(message: &Value, manifest: &Path) -> Option<PathBuf> {
    let ours = message["reason"] == "compiler-artifact"
        && Path::new(message["manifest_path"].as_str()?) == manifest
        && message["target"]["crate_types"].as_array()?.iter().any(|kind| kind == "cdylib");
    let files = message["filenames"].as_array().filter(|_| ours)?;
    let library = |file: &Value| {
        let path = PathBuf::from(file.as_str()?);
        let name = path.file_name()?.to_string_lossy().into_owned();
        name.ends_with(env::consts::DLL_SUFFIX).then_some(path)
    };
    files.iter().find_map(library)
}
