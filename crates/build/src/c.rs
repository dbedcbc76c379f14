//! Plugins in C: every `*.c` of the folder, compiled and linked in one step.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{BuildError, io_error, library_name, put, run};

pub(crate) fn build(folder: &Path, sources: &[PathBuf], out: &Path) -> Result<PathBuf, BuildError> {
    let place = out.join(library_name(folder)?);
    let scratch = tempfile::Builder::new().prefix(".twinplug-").tempdir_in(out);
    let scratch = scratch.map_err(|error| io_error("write to", out, &error))?;
    // The header comes with this program, so that it fits the host whatever else is
    // installed.
    let header = scratch.path().join("twinplug.h");
    fs::write(&header, twinplug_abi::HEADER).map_err(|error| io_error("write", &header, &error))?;
    let library = scratch.path().join("library");
    // A closed standard error is no reason not to build.
    let _ = writeln!(io::stderr(), "   Compiling {} (C)", folder.display());
    let compiler = env::var_os("CC").unwrap_or_else(|| "cc".into());
    let mut command = Command::new(compiler);
    command
        .args([
            "-std=c99",
            "-O2",
            "-Wall",
            "-Wextra",
            "-fPIC",
            "-fvisibility=hidden",
            "-shared",
            "-pthread",
        ])
        .arg("-I")
        .arg(scratch.path())
        .arg("-I")
        .arg(folder)
        .args(sources)
        .arg("-o")
        .arg(&library);
    run(&mut command)?;
    let bytes = fs::read(&library).map_err(|error| io_error("read", &library, &error))?;
    put(&bytes, &place)?;
    Ok(place)
}
