//! How a new crate depends on the SDK: on that of a checkout of twinplug by its path, else on the
//! version of this command.
//!
//! It asks no registry for it: a version that is in none, cargo finds missing.

use std::fs;
use std::path::Path;

use crate::failure::Failure;

/// Where the SDK is in a checkout.
const IN_A_CHECKOUT: &str = "crates/sdk";

/// What the SDK's package is called, in its manifest.
const PACKAGE: &str = "name = \"twinplug-sdk\"";

/// What the manifest of a crate in `folder` says of it: of the checkout that the folder is in, by the
/// way that leads there.
pub(super) fn around(folder: &Path) -> String {
    let mut above = folder.ancestors().enumerate().skip(1);
    match above.find(|(_, root)| is_sdk(&root.join(IN_A_CHECKOUT))) {
        Some((steps, _)) => format!("{{ path = \"{}{IN_A_CHECKOUT}\" }}", "../".repeat(steps)),
        None => concat!(
            "\"",
            env!("CARGO_PKG_VERSION"),
            "\" # or, of a checkout: { path = \"TWINPLUG/crates/sdk\" }"
        )
        .to_owned(),
    }
}

/// The same of the SDK, or the checkout, that lies at a path.
///
/// # Errors
/// It is neither, or its name cannot stand in a manifest.
pub(super) fn at(path: &Path) -> Result<String, Failure> {
    let unfit = |why: &str| Failure::Unmet(format!("`{}` {why}", path.display()));
    let places = [path.to_owned(), path.join(IN_A_CHECKOUT)];
    let Some(sdk) = places.iter().find(|place| is_sdk(place)) else {
        return Err(unfit(&format!(
            "has no SDK: give a checkout of twinplug, or its folder `{IN_A_CHECKOUT}`"
        )));
    };
    let sdk = sdk.canonicalize().map_err(|error| unfit(&format!("cannot be read: {error}")))?;
    match plain(&sdk) {
        Some(sdk) => Ok(format!("{{ path = \"{sdk}\" }}")),
        None => Err(unfit("has a name that cannot stand in a manifest: give it another one")),
    }
}

fn is_sdk(folder: &Path) -> bool {
    let manifest = fs::read_to_string(folder.join("Cargo.toml"));
    manifest.is_ok_and(|it| it.lines().any(|line| line.trim_end() == PACKAGE))
}

/// The path as it stands between quotes.
fn plain(path: &Path) -> Option<String> {
    let path = path.to_str().filter(|path| !path.contains(char::is_control))?;
    Some(path.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_in_a_manifest() {
        let check = |path: &str, expected| assert_eq!(plain(Path::new(path)).as_deref(), expected);
        check("/my crates/sdk", Some("/my crates/sdk"));
        check(r#"C:\a"b"#, Some(r#"C:\\a\"b"#));
        check("/a\nb", None);
    }
}
