//! Plugins in Go: `go build -buildmode=c-shared`, with the header where cgo finds it.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::tool::{program, run};
use crate::{BuildError, Library, Manner, deliver, headers, library_name, scratch};

const INSTALL: &str = "install Go (`golang-go` on Debian) and a C compiler, or set `GO`";

pub(crate) fn build(folder: &Path, out: &Path, manner: Manner<'_>) -> Result<Library, BuildError> {
    let place = out.join(library_name(folder)?);
    let scratch = scratch(out)?;
    let headers = headers(out)?;
    manner.show.announce(folder, "Go");
    let library = scratch.path().join("library");
    let mut command = Command::new(program("GO", "go"));
    // Without the state of a repository in it, the library is the same as long as its
    // source is.
    command
        .args(["build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false", "-o"])
        .arg(&library)
        .arg(".")
        .current_dir(folder)
        .env("CGO_ENABLED", "1")
        .env("CGO_CFLAGS", flags(&headers)?);
    // A build that fetches nothing, and runs no other Go than the one that is there,
    // unless its user has said otherwise.
    for (variable, value) in [("GOPROXY", "off"), ("GOTOOLCHAIN", "local")] {
        if env::var_os(variable).is_none() {
            command.env(variable, value);
        }
    }
    run(&mut command, INSTALL, manner)?;
    deliver(&library, place)
}

/// The user's flags, or those that Go has of itself, and the header's folder.
fn flags(headers: &Path) -> Result<String, BuildError> {
    let flags = env::var("CGO_CFLAGS").unwrap_or_else(|_| "-O2 -g".to_owned());
    let headers = headers.to_string_lossy();
    // Go splits at spaces, and takes either quote.
    match headers.contains('\'') && headers.contains('"') {
        true => Err(BuildError::new(format!(
            "Go cannot find a header in `{headers}`: the path has both kinds of quotes"
        ))),
        false if headers.contains('\'') => Ok(format!("{flags} \"-I{headers}\"")),
        false => Ok(format!("{flags} '-I{headers}'")),
    }
}
