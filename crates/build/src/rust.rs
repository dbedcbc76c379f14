//! Plugins in Rust: `cargo build --release`, and the library that it names.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

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
    let messages = run(&mut command, INSTALL, manner.of_tool_with_progress())
        .map_err(|error| with_next_step(error, &manifest))?;
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

/// The error of a build, and what to do where cargo has not found the SDK.
fn with_next_step(error: BuildError, manifest: &Path) -> BuildError {
    if error.is_missing_tool() || error.is_stopped() || !lacks_sdk(manifest) {
        return error;
    }
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let line = text.lines().position(|line| line.starts_with("twinplug-sdk"));
    let line = line.map(|before| format!("line {} of ", before + 1)).unwrap_or_default();
    BuildError::of_tool(format!(
        "{}: it has not found `twinplug-sdk`: take that of a checkout of twinplug: put \
         `twinplug-sdk = {{ path = {:?} }}` into {line}`{}`, as `twinplug new --sdk` does",
        error.reason(),
        sdk(),
        manifest.display()
    ))
}

/// Whether it is for the SDK that cargo cannot tell what a crate needs. What it has said is not at
/// hand: it writes to standard error itself, and shows how far it is.
fn lacks_sdk(manifest: &Path) -> bool {
    let mut command = Command::new(program("CARGO", "cargo"));
    command.args(["metadata", "--format-version=1", "--manifest-path"]).arg(manifest);
    let Ok(output) = command.stdin(Stdio::null()).output() else { return false };
    let said = String::from_utf8_lossy(&output.stderr);
    let without = [
        "no matching package named `twinplug-sdk`",
        "failed to select a version for the requirement `twinplug-sdk",
        "failed to get `twinplug-sdk`",
    ];
    !output.status.success() && without.iter().any(|what| said.contains(what))
}

/// The SDK of the checkout that this program was built from, if that is still there.
fn sdk() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk");
    match beside.join("Cargo.toml").is_file() {
        true => beside,
        false => PathBuf::from("TWINPLUG/crates/sdk"),
    }
}
