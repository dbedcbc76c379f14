//! Plugins in Rust: `cargo build --release`, and the library that it names.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use serde_json::Value;

use crate::tool::{Answer, answer_as, ask, failed, program};
use crate::{BuildError, Library, Manner, deliver, io_error};

const INSTALL: &str = "install Rust (https://rustup.rs), or set `CARGO`";

pub(crate) fn build(folder: &Path, out: &Path, manner: Manner<'_>) -> Result<Library, BuildError> {
    let manifest = folder.join("Cargo.toml");
    let manifest = manifest.canonicalize().map_err(|error| io_error("read", &manifest, &error))?;
    let name = program("CARGO", "cargo").to_string_lossy().into_owned();
    let mut command = Command::new(&name);
    command
        .args(["build", "--release", "--lib", "--message-format=json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(&manifest);
    let output = answer_as(&name, &mut command, INSTALL, manner.of_tool_with_progress())?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages: Vec<Value> =
        messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if !output.status.success() {
        let error = failed(&name, &output);
        // Where it has come to compile anything, it has found all crates.
        return Err(match messages.is_empty() && lacks_sdk(&manifest, manner)? {
            true => with_next_step(&error, &manifest),
            false => error,
        });
    }
    let library = messages.iter().find_map(|message| library(message, &manifest));
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

/// The error of a build for which cargo has not found the SDK, and what to do.
fn with_next_step(error: &BuildError, manifest: &Path) -> BuildError {
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

/// Whether it is for the SDK that cargo cannot tell what a crate needs. What it has said of that is not
/// at hand: it writes to standard error itself, and shows how far it is. Asked again, it need not look
/// anywhere but on this machine.
fn lacks_sdk(manifest: &Path, manner: Manner<'_>) -> Result<bool, BuildError> {
    if !fs::read_to_string(manifest).is_ok_and(|text| text.contains("twinplug-sdk")) {
        return Ok(false);
    }
    let mut command = Command::new(program("CARGO", "cargo"));
    command.args(["metadata", "--format-version=1", "--offline", "--manifest-path"]).arg(manifest);
    let Answer { is_fine, said } = ask(&mut command, manner)?;
    let without = [
        "no matching package named `twinplug-sdk`",
        "failed to select a version for the requirement `twinplug-sdk",
        "failed to get `twinplug-sdk`",
    ];
    Ok(!is_fine && without.iter().any(|what| said.contains(what)))
}

/// The SDK of the checkout that this program was built from, if that is still there.
fn sdk() -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("sdk");
    match beside.join("Cargo.toml").is_file() {
        true => beside,
        false => PathBuf::from("TWINPLUG/crates/sdk"),
    }
}
