//! Plugins in C and C++: every `*.c`, `*.cpp` and `*.cc` of the folder, compiled each
//! for itself, and linked.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tool::{ask, program, run};
use crate::{BuildError, Library, Manner, deliver, headers, library_name, scratch};

/// For all sources. What is not exported by name stays inside.
const FLAGS: [&str; 6] = ["-O2", "-Wall", "-Wextra", "-fPIC", "-fvisibility=hidden", "-pthread"];

/// Whether a file is C++, by its name.
pub(crate) fn is_cpp(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == OsStr::new("cpp") || ending == OsStr::new("cc"))
}

pub(crate) fn build(
    folder: &Path,
    sources: &[PathBuf],
    out: &Path,
    manner: Manner<'_>,
) -> Result<Library, BuildError> {
    let place = out.join(library_name(folder)?);
    let scratch = scratch(out)?;
    let headers = headers(out)?;
    let has_cpp = sources.iter().any(|path| is_cpp(path));
    manner.show.announce(folder, if has_cpp { "C++" } else { "C" });
    let c_flags = vec!["-std=c99"];
    let mut cpp_flags = vec!["-std=c++17"];
    if has_cpp && has_unique(manner)? {
        cpp_flags.push(NOT_UNIQUE);
    }
    let mut objects = Vec::new();
    for (number, source) in sources.iter().enumerate() {
        let object = scratch.path().join(format!("{number}.o"));
        let (mut compiler, install, own) = match is_cpp(source) {
            true => (cpp(), INSTALL_CPP, &cpp_flags),
            false => (c(), INSTALL_C, &c_flags),
        };
        if manner.show.is_coloured() && knows_colours(compiler.get_program()) {
            compiler.arg("-fdiagnostics-color=always");
        }
        compiler.args(own).args(FLAGS).arg("-c").arg("-I").arg(&headers).arg("-I").arg(folder);
        compiler.args(flags(if is_cpp(source) { "CXXFLAGS" } else { "CFLAGS" }));
        run(compiler.arg(source).arg("-o").arg(&object), install, manner)?;
        objects.push(object);
    }
    // The C++ compiler knows what C++ is linked with.
    let (mut linker, install) = if has_cpp { (cpp(), INSTALL_CPP) } else { (c(), INSTALL_C) };
    let library = scratch.path().join("library");
    linker.args(FLAGS).arg("-shared").args(flags("LDFLAGS")).args(objects).args(flags("LDLIBS"));
    linker.arg("-o").arg(&library);
    run(&mut linker, install, manner)?;
    deliver(&library, place)
}

const INSTALL_C: &str = "install a C compiler (`gcc` on Debian), or set `CC`";
const INSTALL_CPP: &str = "install a C++ compiler (`g++` on Debian), or set `CXX`";

/// What templates of the standard library keep in static variables would be unique in the
/// process, and hold an image in memory whatever the plugin says.
const NOT_UNIQUE: &str = "-fno-gnu-unique";

/// Whether the C++ compiler makes such symbols: those that do not, do not know the flag.
fn has_unique(manner: Manner<'_>) -> Result<bool, BuildError> {
    let mut compiler = cpp();
    compiler.args([NOT_UNIQUE, "-fsyntax-only", "-x", "c++", "-"]);
    Ok(ask(&mut compiler, manner)?.is_fine)
}

/// Whether it is GCC or Clang, by its name: others may not know their flag.
fn knows_colours(compiler: &OsStr) -> bool {
    let name = Path::new(compiler).file_name().unwrap_or_default().to_string_lossy();
    matches!(&*name, "cc" | "c++") || ["gcc", "g++", "clang"].iter().any(|it| name.contains(it))
}

/// What the user adds, as make takes it: flags with spaces between.
fn flags(variable: &str) -> Vec<String> {
    let flags = env::var(variable).unwrap_or_default();
    flags.split_whitespace().map(str::to_owned).collect()
}

fn c() -> Command {
    named(&program("CC", "cc"))
}

fn cpp() -> Command {
    named(&program("CXX", "c++"))
}

/// A program, or one with what it is given first, as `ccache gcc`.
fn named(words: &OsStr) -> Command {
    let text = words.to_string_lossy();
    let mut parts = text.split_whitespace();
    match parts.next() {
        Some(first) if !Path::new(words).exists() => {
            let mut command = Command::new(first);
            command.args(parts);
            command
        }
        _ => Command::new(words),
    }
}
