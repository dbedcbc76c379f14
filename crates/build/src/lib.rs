//! Builds native plugins: from a source folder to a shared library.
//!
//! What is in the folder decides how: a `Cargo.toml` is built by cargo, a `go.mod` by
//! Go, a `build.zig` by Zig, else `*.c`, `*.cpp` and `*.cc` files by the C and C++
//! compilers. The tools write their progress and their errors to standard error, unless
//! somebody else [shows](Show) them.
//!
//! It knows no host: what it has built is loaded as any other library.

mod c;
mod go;
mod rust;
mod show;
mod stop;
mod tool;
mod zig;

use std::env::consts::{DLL_PREFIX, DLL_SUFFIX};
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

pub use show::{Audience, Show};
pub use stop::Stop;

/// A folder that could not be built, and why.
#[derive(Debug)]
pub struct BuildError {
    text: String,
    cause: Cause,
}

/// What sort of a failure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Cause {
    /// A tool has failed, and said why.
    Tool,
    MissingTool,
    Stopped,
    Other,
}

impl BuildError {
    /// One that says that, of a folder that is not to be built.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        BuildError { text: text.into(), cause: Cause::Other }
    }

    fn missing_tool(text: String) -> Self {
        BuildError { text, cause: Cause::MissingTool }
    }

    fn of_tool(text: String) -> Self {
        BuildError { text, cause: Cause::Tool }
    }

    fn stopped() -> Self {
        BuildError { text: "the build was stopped".to_owned(), cause: Cause::Stopped }
    }

    /// Whether all that is wrong is that a compiler is not installed.
    #[must_use]
    pub fn is_missing_tool(&self) -> bool {
        self.cause == Cause::MissingTool
    }

    /// Whether nothing is wrong, but that it was [stopped](Stop).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.cause == Cause::Stopped
    }

    /// What is wrong, for who has the messages of the tool, if it is that: the error itself says
    /// where they are.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        match self.cause {
            Cause::Tool => f.write_str("; its messages are above"),
            _ => Ok(()),
        }
    }
}

/// How a build is made.
#[derive(Clone, Copy, Default)]
pub struct Manner<'a> {
    /// What is seen of it.
    pub show: Show<'a>,
    /// What can stop it.
    pub stop: Option<&'a Stop>,
}

impl Manner<'_> {
    fn of_tool_with_progress(self) -> Self {
        Manner { show: self.show.of_tool_with_progress(), ..self }
    }

    fn is_stopped(self) -> bool {
        self.stop.is_some_and(Stop::is_stopped)
    }

    fn is_killed(self) -> bool {
        self.stop.is_some_and(Stop::is_killed)
    }
}

/// What a source folder was built to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Where it is.
    pub path: PathBuf,
    /// Whether it is another one than lay there before.
    pub is_new: bool,
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
    Ok(build_as(folder, out, Manner::default())?.path)
}

/// The library that a folder becomes in `out`, where that is known before it is built: of a crate
/// its own name decides, and not its folder's.
#[must_use]
pub fn becomes(folder: &Path, out: &Path) -> Option<PathBuf> {
    match Language::of(folder)? {
        Language::Rust => None,
        _ => Some(out.join(library_name(folder).ok()?)),
    }
}

/// As [`build`], in some other manner.
///
/// # Errors
/// As [`build`].
pub fn build_as(folder: &Path, out: &Path, manner: Manner<'_>) -> Result<Library, BuildError> {
    let language = Language::of(folder).ok_or_else(|| {
        BuildError::new(format!(
            "no source of a native plugin in `{}`: looked for `Cargo.toml`, `go.mod`, \
             `build.zig`, `*.c`, `*.cpp`, `*.cc`",
            folder.display()
        ))
    })?;
    fs::create_dir_all(out).map_err(|error| io_error("create", out, &error))?;
    match language {
        Language::Rust => rust::build(folder, out, manner),
        Language::Go => go::build(folder, out, manner),
        Language::Zig => zig::build(folder, out, manner),
        Language::C(sources) => c::build(folder, &sources, out, manner),
    }
}

enum Language {
    Rust,
    Go,
    Zig,
    /// C and C++, also in one folder.
    C(Vec<PathBuf>),
}

impl Language {
    fn of(folder: &Path) -> Option<Language> {
        let has = |file: &str| folder.join(file).is_file();
        if has("Cargo.toml") {
            return Some(Language::Rust);
        } else if has("go.mod") {
            return Some(Language::Go);
        } else if has("build.zig") {
            return Some(Language::Zig);
        }
        let is_c = |path: &PathBuf| path.extension() == Some(OsStr::new("c")) || c::is_cpp(path);
        let entries = fs::read_dir(folder).ok()?;
        let mut sources: Vec<_> =
            entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_c).collect();
        sources.sort();
        (!sources.is_empty()).then_some(Language::C(sources))
    }
}

/// The library of the plugin in `folder`: `native-plugins/a-b` gives `liba_b.so`.
fn library_name(folder: &Path) -> Result<String, BuildError> {
    let folder = absolute(folder)?;
    let name = folder.file_name().unwrap_or_default().to_string_lossy().replace('-', "_");
    Ok(format!("{DLL_PREFIX}{name}{DLL_SUFFIX}"))
}

/// A folder with what plugins include, as it fits the host that this program is built
/// with, whatever else is installed. It stays the same one: tools keep what they have
/// compiled by the paths of their flags.
fn headers(out: &Path) -> Result<PathBuf, BuildError> {
    let folder = absolute(out)?.join(".include");
    fs::create_dir_all(&folder).map_err(|error| io_error("create", &folder, &error))?;
    put(twinplug_abi::HEADER.as_bytes(), &folder.join("twinplug.h"), TEXT)?;
    put(twinplug_abi::ZIG.as_bytes(), &folder.join("twinplug.zig"), TEXT)?;
    Ok(folder)
}

/// A folder for what is built, which goes when it is dropped.
fn scratch(out: &Path) -> Result<tempfile::TempDir, BuildError> {
    let scratch = tempfile::Builder::new().prefix(".twinplug-").tempdir_in(absolute(out)?);
    scratch.map_err(|error| io_error("write to", out, &unnamed(&error)))
}

fn absolute(path: &Path) -> Result<PathBuf, BuildError> {
    path.canonicalize().map_err(|error| io_error("read", path, &error))
}

/// Puts a library that was built to its place in `out`.
fn deliver(library: &Path, place: PathBuf) -> Result<Library, BuildError> {
    let bytes = fs::read(library).map_err(|error| io_error("read", library, &error))?;
    let is_new = put(&bytes, &place, PROGRAM)?;
    Ok(Library { path: place, is_new })
}

/// Who may do what with a file, before the process's mask (umask) takes its part away:
/// as compilers and editors make them. A temporary file would be its owner's alone.
const PROGRAM: u32 = 0o777;
const TEXT: u32 = 0o666;

/// Puts `bytes` at `place` in one step; false if they are there.
fn put(bytes: &[u8], place: &Path, mode: u32) -> Result<bool, BuildError> {
    if fs::read(place).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let folder = place.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(mode));
    #[cfg(not(unix))]
    let _ = mode;
    let file = builder.prefix(".twinplug-").tempfile_in(folder).map_err(|error| unnamed(&error));
    let written = file.and_then(|mut file| {
        file.as_file_mut().write_all(bytes)?;
        file.persist(place).map_err(|error| error.error)
    });
    written.map(|_| true).map_err(|error| io_error("write", place, &error))
}

/// An error of a temporary file without the name of that, which nobody has asked for. What the system
/// says is in nothing but the text, and the kind alone does not tell too many open files from others.
fn unnamed(error: &io::Error) -> io::Error {
    match error.to_string().split_once(" at path ") {
        Some((why, _)) => io::Error::new(error.kind(), why),
        None => error.kind().into(),
    }
}

fn io_error(action: &str, path: &Path, error: &io::Error) -> BuildError {
    BuildError::new(format!("cannot {action} `{}`: {error}", path.display()))
}

#[cfg(all(test, unix))]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_temporary_file_that_cannot_be_made_says_what_the_system_does() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let told = put(b"", &missing.join("file"), TEXT).unwrap_err();
        let error = fs::File::open(&missing).unwrap_err();
        assert_eq!(
            told.to_string(),
            format!("cannot write `{}`: {error}", missing.join("file").display())
        );
    }

    #[test]
    fn what_is_built_may_be_used_by_whom_the_mask_lets() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("clock")).unwrap();
        fs::write(at("clock/clock.c"), "int clock_ticks;").unwrap();
        let library = build(&at("clock"), &at("out")).unwrap();
        // What this process's mask leaves of the same wish.
        let make = |name: &str, mode| {
            fs::OpenOptions::new().write(true).create(true).mode(mode).open(at(name)).unwrap();
            self::mode(&at(name))
        };
        assert_eq!(mode(&library), make("program", 0o777));
        assert_eq!(mode(&at("out/.include/twinplug.h")), make("text", 0o666));
    }
}
