//! Builds native plugins: from a source folder to a shared library.
//!
//! What is in the folder decides how: a `Cargo.toml` is built by cargo, else `*.c`
//! files by the C compiler (`$CC`, or `cc`). The tools write their progress and
//! their errors to standard error.
//!
//! It knows no host: what it has built is loaded as any other library.

mod c;
mod rust;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fmt, fs, io};

/// A folder that could not be built, and why.
#[derive(Debug)]
pub struct BuildError(String);

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BuildError {}

/// Whether a folder holds the source of a native plugin.
#[must_use]
pub fn is_source(folder: &Path) -> bool {
    Language::of(folder).is_some()
}

/// Builds the plugin whose source is in `folder`; the library goes to `out`, and
/// its path is returned. A library that is as before is not touched.
///
/// # Errors
/// The folder holds no source that is known, the tool is missing, or it failed.
pub fn build(folder: &Path, out: &Path) -> Result<PathBuf, BuildError> {
    let language = Language::of(folder).ok_or_else(|| {
        BuildError(format!(
            "no source of a native plugin in `{}`: looked for `Cargo.toml`, `*.c`",
            folder.display()
        ))
    })?;
    fs::create_dir_all(out).map_err(|error| io_error("create", out, &error))?;
    match language {
        Language::Rust => rust::build(folder, out),
        Language::C(sources) => c::build(folder, &sources, out),
    }
}

enum Language {
    Rust,
    C(Vec<PathBuf>),
}

impl Language {
    fn of(folder: &Path) -> Option<Language> {
        if folder.join("Cargo.toml").is_file() {
            return Some(Language::Rust);
        }
        let mut sources: Vec<_> = fs::read_dir(folder)
            .ok()?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "c"))
            .collect();
        sources.sort();
        (!sources.is_empty()).then_some(Language::C(sources))
    }
}

/// The library of the plugin in `folder`: `native-plugins/a-b` gives `liba_b.so`.
fn library_name(folder: &Path) -> Result<String, BuildError> {
    let folder = folder.canonicalize().map_err(|error| io_error("read", folder, &error))?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().replace('-', "_");
    Ok(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}

/// Runs a tool; its standard error is ours, its standard output is returned.
fn run(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            BuildError(format!("`{name}` is not there: install it, or put it on the PATH"))
        }
        _ => BuildError(format!("cannot run `{name}`: {error}")),
    })?;
    match output.status.success() {
        true => Ok(output.stdout),
        false => {
            Err(BuildError(format!("`{name}` failed ({}); its messages are above", output.status)))
        }
    }
}

/// Puts `bytes` at `place` in one step, unless they are there.
fn put(bytes: &[u8], place: &Path) -> Result<(), BuildError> {
    if fs::read(place).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    let written =
        tempfile::Builder::new().prefix(".twinplug-").tempfile_in(folder).and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(place).map_err(|error| error.error)
        });
    written.map(drop).map_err(|error| io_error("write", place, &error))
}

fn io_error(action: &str, path: &Path, error: &io::Error) -> BuildError {
    BuildError(format!("cannot {action} `{}`: {error}", path.display()))
}
