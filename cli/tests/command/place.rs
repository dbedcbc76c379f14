//! [`Place`]: where a page is followed, with the command installed. It knows nothing of pages.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::ran::{folder, root, target};

pub(crate) struct Place {
    pub(crate) folder: PathBuf,
    /// The files that the page itself has brought.
    written: RefCell<BTreeSet<String>>,
}

impl Place {
    /// A folder with the checkout in it, called `twinplug`. It is the same one each time: what
    /// cargo keeps of crates goes by their paths.
    pub(crate) fn beside_the_checkout(name: &str) -> Place {
        let folder = folder(&name.replace('/', " "));
        symlink(root(), folder.join("twinplug")).unwrap();
        Place { folder, written: RefCell::default() }
    }

    /// A folder that stands for the checkout's root.
    pub(crate) fn in_the_checkout(name: &str) -> Place {
        let folder = folder(name);
        for name in ["README.md", "lua-plugins", "native-plugins"] {
            symlink(root().join(name), folder.join(name)).unwrap();
        }
        Place { folder, written: RefCell::default() }
    }

    pub(crate) fn has_written(&self, path: &str) -> bool {
        self.written.borrow().contains(path)
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        self.written.borrow_mut().insert(path.to_owned());
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.ends_with("Cargo.toml") {
            // The versions that this repository is built with: they are there, and built.
            fs::copy(root().join("Cargo.lock"), path.with_file_name("Cargo.lock")).unwrap();
        }
        fs::write(path, text).unwrap();
    }

    /// A shell that runs a script here.
    pub(crate) fn shell(&self, flags: &[&str], script: &str) -> Command {
        let bin = Path::new(env!("CARGO_BIN_EXE_twinplug")).parent().unwrap().to_owned();
        let paths = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
        let paths = env::join_paths([bin].into_iter().chain(paths)).unwrap();
        let mut shell = Command::new("sh");
        shell.args(flags).args(["-c", script]).current_dir(&self.folder).stdin(Stdio::null());
        shell.env("PATH", paths).env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
        shell
    }
}
