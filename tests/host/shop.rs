//! Where libraries are made that are no plugins, or are built wrong.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use twinplug::{ErrorKind, Host};

use crate::twins::{Stage, root};

/// A folder for files that pretend to be plugins.
pub(crate) struct Shop {
    pub(crate) folder: TempDir,
    pub(crate) stage: Stage,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Shop { folder: tempfile::tempdir().unwrap(), stage: Stage::new() }
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Compiles C text to a file of that name.
    pub(crate) fn compile(&self, name: &str, text: &str, flags: &[&str]) -> PathBuf {
        self.compile_by(&["cc", "-std=c99"], "source.c", name, text, flags)
    }

    /// Compiles C++ text to a shared library of that name.
    pub(crate) fn compile_cpp(&self, name: &str, text: &str) -> PathBuf {
        self.compile_by(&["c++", "-std=c++11"], "source.cpp", name, text, &["-shared"])
    }

    fn compile_by(
        &self,
        compiler: &[&str],
        source: &str,
        name: &str,
        text: &str,
        flags: &[&str],
    ) -> PathBuf {
        let source = self.write(source, text);
        let library = self.folder.path().join(name);
        let status = Command::new(compiler[0])
            .args(&compiler[1..])
            .args(["-fPIC", "-I"])
            .arg(root("include"))
            .args(flags)
            .arg(source)
            .arg("-o")
            .arg(&library)
            .status()
            .unwrap();
        assert!(status.success());
        library
    }

    /// Loading and inspecting refuse a file with the same words.
    #[track_caller]
    pub(crate) fn check(&self, path: &Path, kind: ErrorKind, expected: &str) {
        let expected = format!("cannot load `{}`: {expected}", path.display());
        let inspected = Host::inspect(path).unwrap_err();
        assert_eq!((inspected.to_string(), inspected.kind()), (expected.clone(), kind));
        self.check_load(path, kind, &expected);
    }

    #[track_caller]
    pub(crate) fn check_load(&self, path: &Path, kind: ErrorKind, expected: &str) {
        let loaded = self.stage.host.load(path).unwrap_err();
        assert_eq!((loaded.to_string(), loaded.kind()), (expected.to_owned(), kind));
        assert!(self.stage.host.plugins().is_empty());
        assert_eq!(self.stage.printed(), "");
    }
}

/// A plugin whose code would be noticed if it ran.
pub(crate) const LOUD: &str = r#"
#include "twinplug.h"
#include <stdlib.h>
__attribute__((constructor)) static void loud(void) { abort(); }
static const tp_export exports[] = {TP_EXPORT_FUNC("F", "()", NULL)};
"#;
