//! [`Kind`]: what plugins are written in, and the files that a new one begins with.
//!
//! They are in `templates`, as they are written but for `{{name}}` (`hello-world`),
//! `{{module}}` (`hello_world`) and `{{sdk}}`.

use std::path::Path;

use clap::ValueEnum;

use super::File;
use super::name::Name;

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// A script: nothing to build, and an edit is live at once
    #[default]
    Lua,
    /// A library, with the SDK
    Rust,
    /// A library, with one header
    C,
    /// A library, with one header
    #[value(alias = "c++")]
    Cpp,
    /// A library, with one file of declarations
    Zig,
    /// A library, with one header; a process can hold one plugin in Go
    Go,
}

/// The path in the new folder, and the text.
type Template = (&'static str, &'static str);

macro_rules! templates {
    ($($path:literal = $file:literal,)*) => {
        &[$(($path, include_str!(concat!("../../templates/", $file)))),*]
    };
}

const LUA: &[Template] = templates! {
    "init.lua" = "lua/init.lua",
    "plugin.toml" = "lua/plugin.toml",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "lua/README.md",
};

const RUST: &[Template] = templates! {
    // Cargo leaves a folder with a manifest out of the package that it is in.
    "Cargo.toml" = "rust/Cargo.toml.txt",
    "src/lib.rs" = "rust/lib.rs",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "rust/README.md",
    ".gitignore" = "rust/gitignore",
};

const C: &[Template] = templates! {
    "{{module}}.c" = "c/plugin.c",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "c/README.md",
    ".gitignore" = "c/gitignore",
};

const CPP: &[Template] = templates! {
    "{{module}}.cpp" = "cpp/plugin.cpp",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "cpp/README.md",
    ".gitignore" = "cpp/gitignore",
};

const ZIG: &[Template] = templates! {
    "build.zig" = "zig/build.zig",
    "src/{{module}}.zig" = "zig/plugin.zig",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "zig/README.md",
    ".gitignore" = "zig/gitignore",
};

/// Its sources are not called after the plugin: Go leaves out `a_test.go`, and on other
/// systems `a_windows.go` and `a_windows.c`.
const GO: &[Template] = templates! {
    "go.mod" = "go/go.mod",
    "plugin.go" = "go/plugin.go",
    "plugin.c" = "go/plugin.c",
    "{{module}}_test.lua" = "plugin_test.lua",
    "README.md" = "go/README.md",
    ".gitignore" = "go/gitignore",
};

/// For a folder in a workspace of Go: inside of that, Go builds the modules that it lists,
/// and no other.
const GO_IN_A_WORKSPACE: &[Template] = templates! { "go.work" = "go/go.work", };

impl Kind {
    /// The files of a new plugin of that name; `folder` is the one that it is going to be in,
    /// by its one true name, and `sdk` what a manifest says of the SDK.
    pub(super) fn files(self, name: &Name, folder: &Path, sdk: &str) -> Vec<File> {
        let (templates, more): (_, &[Template]) = match self {
            Kind::Lua => (LUA, &[]),
            Kind::Rust => (RUST, &[]),
            Kind::C => (C, &[]),
            Kind::Cpp => (CPP, &[]),
            Kind::Zig => (ZIG, &[]),
            Kind::Go if has_go_workspace(folder) => (GO, GO_IN_A_WORKSPACE),
            Kind::Go => (GO, &[]),
        };
        let filled = |text: &str| {
            let text = text.replace("{{name}}", name.as_str()).replace("{{sdk}}", sdk);
            text.replace("{{module}}", &name.module())
        };
        let files = templates.iter().chain(more);
        files.map(|(path, text)| File { path: filled(path).into(), text: filled(text) }).collect()
    }
}

/// Whether Go takes `folder` for a part of a workspace.
fn has_go_workspace(folder: &Path) -> bool {
    folder.ancestors().skip(1).any(|above| above.join("go.work").is_file())
}
