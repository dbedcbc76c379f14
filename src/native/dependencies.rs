//! The libraries that a plugin needs, looked for as the system's loader does: in its
//! run path, in `LD_LIBRARY_PATH`, in the system's folders (ld.so(8)).
//!
//! For telling beforehand what would be missing; it is the system that finds them.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use object::{Object, ObjectSection, ObjectSymbol};

use super::elf;
use super::foreign::other_machine;
use crate::file;

/// The libraries that a file needs, and where it looks for them first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dependencies {
    pub(crate) needed: Vec<String>,
    pub(super) run_path: Vec<String>,
    /// Whether the libraries that it needs look there too: an RPATH, and no RUNPATH.
    pub(super) passes_on: bool,
    /// The names that it must find in them, or in the process.
    pub(super) imports: Vec<String>,
}

impl Dependencies {
    /// Where a needed library may be beside the plugin, whose folder is `origin`.
    pub(super) fn beside<'d>(
        &'d self,
        name: &'d str,
        origin: &'d Path,
    ) -> impl Iterator<Item = PathBuf> + 'd {
        let named = after_origin(name).map(|way| origin.join(way));
        // A name with a slash is a path, and is not looked for.
        let folders = self.folders_beside(origin).filter(|_| !name.contains('/'));
        named.into_iter().chain(folders.map(move |folder| folder.join(name)))
    }

    /// The folders of the run path.
    pub(super) fn folders_beside<'d>(
        &'d self,
        origin: &'d Path,
    ) -> impl Iterator<Item = PathBuf> + 'd {
        self.run_path.iter().map(move |folder| match after_origin(folder) {
            Some(way) => origin.join(way),
            None => PathBuf::from(folder),
        })
    }

    /// The ways that lead from the plugin's folder to where a needed library may be.
    pub(super) fn ways_from_origin(&self) -> impl Iterator<Item = PathBuf> {
        self.needed.iter().flat_map(|name| {
            let named = after_origin(name).map(PathBuf::from);
            let folders = self.run_path.iter().filter(|_| !name.contains('/'));
            let found =
                folders.filter_map(move |folder| Some(Path::new(after_origin(folder)?).join(name)));
            named.into_iter().chain(found)
        })
    }

    /// The needed libraries beside the plugin that bring a Go runtime.
    pub(super) fn with_go(&self, origin: &Path) -> Vec<PathBuf> {
        let place = |name: &String| self.beside(name, origin).find(|place| place.is_file());
        self.needed.iter().filter_map(place).filter(|place| has_go(place)).collect()
    }

    /// What of the needed libraries makes the plugin behave otherwise than it should: one
    /// that is missing, one that brings a Go runtime, a name that none of them has.
    pub(crate) fn hazards(&self, origin: &Path) -> Hazards {
        let mut hazards = Hazards::default();
        if !cfg!(target_os = "linux") {
            return hazards;
        }
        let system = system_folders();
        // Another system than that of GNU has rules of its own.
        let is_certain = cfg!(target_env = "gnu") && !self.has_other_tokens();
        for name in &self.needed {
            let beside = self.beside(name, origin).find(|place| place.is_file());
            match beside {
                Some(place) if has_go(&place) => hazards.all.push(format!(
                    "a Go runtime in `{name}`: it cannot be unloaded, and a process may hold just one"
                )),
                None if self.place(name, origin, &system).is_none() => {
                    let hazard = format!("needs `{name}`, which is nowhere that the system looks");
                    if is_certain && !may_be_known(name) {
                        hazards.unmet.push(format!(
                            "{hazard}: install it, or put it beside the plugin, and link that with \
                             `-Wl,-rpath,$ORIGIN`"
                        ));
                    }
                    hazards.all.push(hazard);
                }
                _ => {}
            }
        }
        if let Some(missing) = self.missing_imports(origin, &system) {
            if is_certain && missing.is_certain {
                let next = "define what is missing, or link the library that has it";
                hazards.unmet.push(format!("{}: {next}", missing.text));
            }
            hazards.all.push(missing.text);
        }
        hazards
    }

    /// Whether the run path says what only the system's loader knows: `$LIB`, `$PLATFORM`.
    fn has_other_tokens(&self) -> bool {
        self.run_path.iter().any(|it| after_origin(it).unwrap_or(it).contains('$'))
    }

    /// Where the system finds a needed library.
    fn place(&self, name: &str, origin: &Path, system: &[PathBuf]) -> Option<PathBuf> {
        self.places(name, origin, system).next()
    }

    /// Where there is such a library, in the order in which it is looked for.
    fn places<'d>(
        &'d self,
        name: &'d str,
        origin: &'d Path,
        system: &'d [PathBuf],
    ) -> impl Iterator<Item = PathBuf> + 'd {
        let named = name.contains('/').then(|| PathBuf::from(name));
        let in_system = system.iter().filter(|_| !name.contains('/')).map(move |it| it.join(name));
        let places = self.beside(name, origin).chain(named).chain(in_system);
        places.filter(|place| place.is_file())
    }

    /// Whether there are several files that the system may take for a needed library: `LD_LIBRARY_PATH`
    /// goes before one sort of run path, and after the other.
    fn is_in_many_places(&self, name: &str, origin: &Path, system: &[PathBuf]) -> bool {
        let places = self.places(name, origin, system).filter_map(|it| it.canonicalize().ok());
        places.collect::<HashSet<_>>().len() > 1
    }

    /// The imports that nothing offers: none of the libraries, those that they
    /// need in turn included, nor what is in this process already. None where a library
    /// cannot be found or read: it might have them.
    fn missing_imports(&self, origin: &Path, system: &[PathBuf]) -> Option<Missing> {
        let mut missing: HashSet<&str> = self.imports.iter().map(String::as_str).collect();
        missing.retain(|name| !is_in_process(name));
        let mut seen = HashSet::new();
        let mut libraries: Vec<PathBuf> = Vec::new();
        let mut is_certain = true;
        let mut add = |file: &Dependencies, origin: &Path, libraries: &mut Vec<PathBuf>| {
            for name in &file.needed {
                is_certain &= !file.is_in_many_places(name, origin, system);
                libraries.push(file.place(name, origin, system)?);
            }
            // Of what is found by a run path that another file passes on, no more is known here.
            is_certain &= !file.has_other_tokens() && (!file.passes_on || file.run_path.is_empty());
            Some(())
        };
        add(self, origin, &mut libraries)?;
        while let Some(path) = libraries.pop().filter(|_| !missing.is_empty()) {
            let path = path.canonicalize().ok()?;
            if !seen.insert(path.clone()) {
                continue;
            }
            if seen.len() > MAX_LIBRARIES {
                return None;
            }
            let bytes = file::read(&path).ok()?;
            // The system goes on to the next one of that name.
            if other_machine(&bytes).is_some() {
                return None;
            }
            let file = object::File::parse(&*bytes).ok()?;
            file.dynamic_symbol_table()?;
            let offered = file.dynamic_symbols().filter(|symbol| !symbol.is_undefined());
            offered.for_each(|symbol| {
                missing.remove(symbol.name().unwrap_or_default());
            });
            add(&elf::dependencies(&bytes)?, path.parent()?, &mut libraries)?;
        }
        let mut names: Vec<_> = missing.into_iter().map(|name| format!("`{name}`")).collect();
        names.sort_unstable();
        let more = match names.len() {
            0 => return None,
            1..=MAX_LISTED => String::new(),
            count => format!(" and {} more", count - MAX_LISTED),
        };
        names.truncate(MAX_LISTED);
        let text =
            format!("imports {}{more}, which no library has that it needs", names.join(", "));
        Some(Missing { text, is_certain })
    }
}

/// Names that nothing offers.
struct Missing {
    text: String,
    /// Whether the libraries are those that the system would take.
    is_certain: bool,
}

/// What is told of the libraries that a file needs, a line each.
#[derive(Default)]
pub(crate) struct Hazards {
    pub(crate) all: Vec<String>,
    /// Those of them for which this process cannot load the file, with the next step.
    pub(crate) unmet: Vec<String>,
}

/// Whether the system may find a library where it was not looked for: this process has it, or the
/// system's cache (ldconfig(8)) names it. A system without that has rules of its own.
fn may_be_known(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let Ok(cache) = fs::read("/etc/ld.so.cache") else { return true };
    let is_named = |text: &[u8]| text == name.as_bytes();
    is_mapped(name) || cache.split(|byte| matches!(byte, 0 | b'/')).any(is_named)
}

/// Whether this process has a library of that name.
#[cfg(unix)]
fn is_mapped(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: a terminated name. Nothing is mapped for it, so that no code runs; what was counted
    // is given back.
    unsafe {
        let handle = libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD);
        !handle.is_null() && libc::dlclose(handle) == 0
    }
}

#[cfg(not(unix))]
fn is_mapped(_: &str) -> bool {
    false
}

/// So many libraries are looked at, and so many names listed.
pub(super) const MAX_LIBRARIES: usize = 256;
const MAX_LISTED: usize = 8;

/// Whether something in this process has a name that any library may use.
#[cfg(unix)]
fn is_in_process(name: &str) -> bool {
    let Ok(name) = std::ffi::CString::new(name) else { return false };
    // SAFETY: a terminated name; the default scope is always there. What it looks through
    // is mapped already, and no library is loaded for it.
    !unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }.is_null()
}

#[cfg(not(unix))]
fn is_in_process(_: &str) -> bool {
    false
}

/// What follows `$ORIGIN`, the folder of the file that says it (ld.so(8)).
fn after_origin(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("$ORIGIN").or_else(|| path.strip_prefix("${ORIGIN}"))?;
    match rest.strip_prefix('/') {
        Some(way) => Some(way.trim_start_matches('/')),
        None => rest.is_empty().then_some(""),
    }
}

/// Whether a library holds a Go runtime: its linker leaves a section that says so.
fn has_go(path: &Path) -> bool {
    let Ok(bytes) = file::read(path) else { return false };
    object::File::parse(&*bytes).is_ok_and(|file| is_go(&file))
}

pub(super) fn is_go(file: &object::File<'_>) -> bool {
    file.sections().any(|section| section.name() == Ok(".go.buildinfo"))
}

/// `LD_LIBRARY_PATH`, the folders of ld.so.conf, and those that are always looked in.
fn system_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = env::var_os("LD_LIBRARY_PATH")
        .map(|paths| env::split_paths(&paths).collect())
        .unwrap_or_default();
    let mut files = vec![PathBuf::from("/etc/ld.so.conf")];
    if let Ok(more) = fs::read_dir("/etc/ld.so.conf.d") {
        files.extend(more.flatten().map(|entry| entry.path()));
    }
    for file in files {
        let text = fs::read_to_string(file).unwrap_or_default();
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        folders.extend(lines.filter(|line| line.starts_with('/')).map(PathBuf::from));
    }
    folders.extend(["/lib", "/usr/lib", "/lib64", "/usr/lib64"].map(PathBuf::from));
    folders
}
