//! Plugins in Zig: `zig build`, and the one library that it installs.

use std::env::consts::DLL_SUFFIX;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use crate::tool::{ask, run, run_as};
use crate::{
    BuildError, Library, Manner, absolute, deliver, headers, io_error, library_name, scratch,
};

const INSTALL: &str = "install Zig, or its Python package (`python3 -m pip install ziglang`), \
                       or set `ZIG`";

pub(crate) fn build(folder: &Path, out: &Path, manner: Manner<'_>) -> Result<Library, BuildError> {
    let manner = manner.of_tool_with_progress();
    let place = out.join(library_name(folder)?);
    let scratch = scratch(out)?;
    let headers = headers(out)?;
    manner.show.announce(folder, "Zig");
    let mut command = zig(manner)?;
    command
        .args(["build", "--release=fast", "--prefix"])
        .arg(scratch.path())
        // Not beside the source, where it would be in an author's way.
        .arg("--cache-dir")
        .arg(absolute(out)?.join(".zig-cache"))
        .arg(format!("-Dtwinplug={}", headers.display()))
        .current_dir(folder);
    run_zig(&mut command, manner)?;
    deliver(&installed(folder, scratch.path())?, place)
}

fn run_zig(command: &mut Command, manner: Manner<'_>) -> Result<Vec<u8>, BuildError> {
    match command.get_program() == PYTHON {
        true => run_as("zig", command, INSTALL, manner),
        false => run(command, INSTALL, manner),
    }
}

const PYTHON: &str = "python3";

/// `$ZIG`, or `zig`, or where that is not there the one of the Python package.
fn zig(manner: Manner<'_>) -> Result<Command, BuildError> {
    if let Some(named) = env::var_os("ZIG").filter(|named| !named.is_empty()) {
        return Ok(Command::new(named));
    }
    let python = || {
        let mut python = Command::new(PYTHON);
        python.args(["-m", "ziglang"]);
        python
    };
    let zig = || Command::new("zig");
    match !answers(zig(), manner)? && answers(python(), manner)? {
        true => Ok(python()),
        false => Ok(zig()),
    }
}

/// Whether it is a Zig that is there.
fn answers(mut command: Command, manner: Manner<'_>) -> Result<bool, BuildError> {
    Ok(ask(command.arg("version"), manner)?.is_fine)
}

/// The one shared library below `prefix`: Zig puts it into `lib`, or where libraries are
/// run from, into `bin`.
fn installed(folder: &Path, prefix: &Path) -> Result<PathBuf, BuildError> {
    let mut libraries = Vec::new();
    for place in ["lib", "bin"].map(|name| prefix.join(name)) {
        let Ok(entries) = fs::read_dir(&place) else { continue };
        for entry in entries {
            let path = entry.map_err(|error| io_error("read", &place, &error))?.path();
            if path.to_string_lossy().ends_with(DLL_SUFFIX) {
                libraries.push(path);
            }
        }
    }
    let build = folder.join("build.zig");
    match libraries.as_slice() {
        [library] => Ok(library.clone()),
        [] => Err(BuildError::new(format!(
            "`{}` installs no shared library: `b.installArtifact` one of `b.addLibrary` with \
             `.linkage = .dynamic`",
            build.display()
        ))),
        several => Err(BuildError::new(format!(
            "`{}` installs {} shared libraries: a plugin is one",
            build.display(),
            several.len()
        ))),
    }
}
