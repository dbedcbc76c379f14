//! Libraries beside a plugin: a broken one refuses the plugin, before the system's loader
//! would end the process over it or wait for ever.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use twinplug::{ErrorKind, Host, Value};

use crate::images::{Shelf, compile};
use crate::shop::Shop;

/// A plugin that needs a helper, which needs a deep one; all lie together. The names are
/// those of one test: the system takes a library that it has for any of its name.
struct Family {
    name: &'static str,
    shop: Shop,
    shelf: Shelf,
}

impl Family {
    fn new(name: &'static str, plugin_flags: &[&str], helper_flags: &[&str]) -> Family {
        let family = Family { name, shop: Shop::new(), shelf: Shelf::new() };
        let search = format!("-L{}", family.shelf.folder.path().display());
        let library = |role: &str, text: &str, flags: &[&str]| {
            let source = family.shelf.path("source.c");
            fs::write(&source, text).unwrap();
            compile(&source, &family.path(role), &[&[search.as_str()], flags].concat());
        };
        library("deep", "int deep(void) { return 2; }", &[]);
        let text = "int deep(void); int helper(void) { return 40 + deep(); }";
        library("helper", text, &[&[format!("-l{name}_deep").as_str()], helper_flags].concat());
        let text = "#include \"twinplug.h\"\n\
            int helper(void);\n\
            static tp_status ask(tp_call *call) { *call->result = tp_int(helper()); return TP_OK; }\n\
            static const tp_export exports[] = {TP_EXPORT_FUNC(\"Ask\", \"() -> int\", ask)};\n\
            TP_PLUGIN(\"user\", \"1.0.0\", exports, NULL);";
        let flags = [&format!("-l{name}_helper"), "-Wl,-rpath-link", &search[2..]];
        library("user", text, &[&flags[..], plugin_flags].concat());
        family
    }

    fn file(&self, role: &str) -> String {
        format!("lib{}_{role}.so", self.name)
    }

    fn path(&self, role: &str) -> PathBuf {
        self.shelf.path(&self.file(role))
    }

    /// The plugin is refused for that library.
    #[track_caller]
    fn check(&self, library: &str, what: &str) {
        let expected =
            format!("it needs `{}`, which is refused: {what}", self.path(library).display());
        self.shop.check(&self.path("user"), ErrorKind::Refused, &expected);
    }

    fn put(&self, library: &str, bytes: &[u8]) {
        fs::write(self.path(library), bytes).unwrap();
    }

    fn pipe(&self, library: &str) {
        fs::remove_file(self.path(library)).unwrap();
        let made = Command::new("mkfifo").arg(self.path(library)).status();
        assert!(made.unwrap().success());
    }

    /// All is well: the plugin answers.
    #[track_caller]
    fn ask(&self) {
        let path = self.path("user");
        assert_eq!(Host::inspect(&path).unwrap().hazards, Vec::<String>::new());
        let plugin = self.shop.stage.host.load(path).unwrap();
        assert_eq!(plugin.call("Ask", ()).unwrap(), Value::Int(42));
        self.shop.stage.host.unload(plugin).unwrap();
    }
}

const ORIGIN: &str = "-Wl,--enable-new-dtags,-rpath,$ORIGIN";
const OLD_ORIGIN: &str = "-Wl,--disable-new-dtags,-rpath,$ORIGIN";
const CUT: &str = "cut off: a part that its header names is missing";
const TEXT: &str = "a text file, and no shared library";

#[test]
fn a_broken_library_beside_refuses_the_plugin() {
    let family = Family::new("broken", &[ORIGIN], &[ORIGIN]);
    for library in ["helper", "deep"] {
        let whole = fs::read(family.path(library)).unwrap();
        family.put(library, &whole[..9000]);
        family.check(library, CUT);
        family.put(library, b"not a library");
        family.check(library, TEXT);
        family.put(library, b"");
        family.check(library, "an empty file");
        // The first program header's offset leads out of the file.
        let mut damaged = whole.clone();
        damaged[64 + 8..64 + 16].copy_from_slice(&(1_u64 << 40).to_ne_bytes());
        family.put(library, &damaged);
        family.check(library, CUT);
        family.pipe(library);
        family.check(library, "no regular file");
        fs::remove_file(family.path(library)).unwrap();
        fs::create_dir(family.path(library)).unwrap();
        family.check(library, "no regular file");
        fs::remove_dir(family.path(library)).unwrap();
        family.put(library, &whole);
    }
    family.ask();
}

/// A library without a run path is found in that of the plugin if it is the older RPATH,
/// and not in RUNPATH (ld.so(8)).
#[test]
fn an_older_run_path_counts_for_libraries_of_libraries() {
    let family = Family::new("older", &[OLD_ORIGIN], &[]);
    let whole = fs::read(family.path("deep")).unwrap();
    family.put("deep", &whole[..9000]);
    family.check("deep", CUT);
    family.put("deep", &whole);
    family.ask();

    let family = Family::new("newer", &[ORIGIN], &[]);
    family.put("deep", b"not a library");
    let error = family.shop.stage.host.load(family.path("user")).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot load `{}`: the system cannot load it: {}: cannot open shared object \
             file: No such file or directory",
            family.path("user").display(),
            family.file("deep")
        )
    );
}

/// As the system does: a library for another machine is passed by.
#[test]
fn a_library_of_another_machine_is_passed_by() {
    let folders = "-Wl,--enable-new-dtags,-rpath,$ORIGIN/other:$ORIGIN";
    let family = Family::new("foreign", &[folders], &[ORIGIN]);
    let mut other = fs::read(family.path("helper")).unwrap();
    // The machine's number: SPARC.
    other[18] = 2;
    fs::create_dir(family.shelf.path("other")).unwrap();
    fs::write(family.shelf.path("other").join(family.file("helper")), other).unwrap();
    family.ask();
}

/// A library without a `SONAME` that was linked by its path is needed by that path.
#[test]
fn a_library_that_is_needed_by_its_path_is_checked() {
    let family = Family::new("named", &[ORIGIN], &[ORIGIN]);
    let source = family.shelf.path("source.c");
    let helper = family.path("helper");
    compile(&source, &family.path("user"), &[helper.to_str().unwrap(), ORIGIN]);
    family.ask();
    family.pipe("helper");
    family.check("helper", "no regular file");
}
