//! What is around a new folder and matters to it: a checkout of twinplug, a workspace.

use std::fs;
use std::path::Path;

/// What the SDK's package is called, in its manifest.
const SDK: &str = "name = \"twinplug-sdk\"";

/// How a crate in `folder` depends on the SDK: by its path in the checkout that the folder is
/// in, else by the version of this command.
pub(super) fn sdk(folder: &Path) -> String {
    let is_sdk = |manifest: String| manifest.lines().any(|line| line.trim_end() == SDK);
    let mut above = folder.ancestors().enumerate().skip(1);
    let found = above
        .find(|(_, root)| fs::read_to_string(root.join("crates/sdk/Cargo.toml")).is_ok_and(is_sdk));
    match found {
        Some((steps, _)) => format!("{{ path = \"{}crates/sdk\" }}", "../".repeat(steps)),
        None => concat!(
            "\"",
            env!("CARGO_PKG_VERSION"),
            "\" # or, of a checkout: { path = \"TWINPLUG/crates/sdk\" }"
        )
        .to_owned(),
    }
}

/// Whether Go takes `folder` for a part of a workspace.
pub(super) fn has_go_workspace(folder: &Path) -> bool {
    folder.ancestors().skip(1).any(|above| above.join("go.work").is_file())
}
