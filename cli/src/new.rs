//! `new`: the folder of a new plugin, which builds, is tested, and exports
//! `hello(name: string) -> string`.
//!
//! It builds nothing itself, and never writes over what is there.

mod kind;
mod name;
mod place;
mod sdk;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::failure::Failure;
use crate::output;
use kind::Kind;
use name::Name;
use place::Place;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin's name, or the path of its folder, whose last part is the name
    #[arg(value_name = "NAME")]
    path: PathBuf,
    /// What it is written in
    #[arg(long, value_enum, default_value_t, ignore_case = true)]
    kind: Kind,
    /// Depend on the SDK of this checkout of twinplug; for --kind rust
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

/// A file of the new folder.
struct File {
    /// In the folder.
    path: PathBuf,
    text: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let Arguments { path, kind, sdk } = arguments;
    // As it is shown: without what leads nowhere, as a slash at the end.
    let folder: PathBuf = path.components().collect();
    let name = Name::of(&folder, *kind)?;
    let place = Place::at(&folder)?;
    let canonical = place.canonical()?;
    let sdk = match sdk {
        Some(_) if *kind != Kind::Rust => return Err(Failure::Usage(MEANT_FOR_RUST.to_owned())),
        Some(path) => sdk::at(path)?,
        None => sdk::around(&canonical),
    };
    let files = kind.files(&name, &canonical, &sdk);
    place.fill(&files)?;

    for file in &files {
        output::line(&folder.join(&file.path).display().to_string())?;
    }
    output::next(&commands(&folder));
    Ok(ExitCode::SUCCESS)
}

const MEANT_FOR_RUST: &str = "`--sdk` goes with `--kind rust`: no other kind has an SDK";

/// What to try with it.
fn commands(folder: &Path) -> [String; 3] {
    let folder = quoted(&folder.to_string_lossy());
    [
        format!("twinplug call {folder} hello world"),
        format!("twinplug test {folder}"),
        format!("twinplug watch {folder} --call hello --arg world"),
    ]
}

/// The path as a shell reads it.
pub(crate) fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/\\:._-+".contains(c);
    match path.chars().all(is_plain) {
        true => path.to_owned(),
        false => format!("'{}'", path.replace('\'', r"'\''")),
    }
}
