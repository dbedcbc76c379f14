//! A native file checked before any of its code can run: it is a shared library
//! for this machine, whole, with our symbol and our section.
//!
//! Works on bytes that were read once; the same bytes are loaded.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use object::{
    Architecture, BinaryFormat, Endianness, ExportTarget, FileKind, NameOrOrdinal, Object,
    ObjectKind, ObjectSection, ObjectSegment,
};
use semver::Version;
use serde::Deserialize;
use twinplug_abi as abi;
use twinplug_value::ExportType;

use super::beside::{self, Beside};
use super::companions::Companion;
use super::dependencies::{Dependencies, is_go};
use super::elf;
use super::foreign::{is_cut_off, other_machine, what_else};
use super::table::check_told;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Export, check_name};

/// The exported symbol.
pub(super) const SYMBOL: &str = "twinplug_plugin";

/// The section that it points to.
const SECTION: &str = match () {
    () if cfg!(target_vendor = "apple") => "__twinplug",
    () if cfg!(windows) => ".twinplg",
    () => ".twinplug",
};

/// A file that may be loaded.
pub(crate) struct Checked {
    pub(crate) bytes: Vec<u8>,
    pub(crate) name: String,
    pub(crate) version: Version,
    /// The ABI that the plugin was built for, major and minor.
    pub(crate) abi: (u16, u16),
    /// The exports, where the section lists them.
    pub(crate) exports: Option<Vec<Declared>>,
    /// Those of the table, where the file tells them all.
    pub(crate) told: Option<Vec<Declared>>,
    /// Whether the image may be unmapped.
    pub(crate) unload: bool,
    pub(crate) dependencies: Dependencies,
    /// The libraries beside it that it needs, directly or not.
    pub(super) companions: Vec<Companion>,
    /// What a group can change of those, and of what leads to them.
    pub(crate) shared: Vec<PathBuf>,
    /// Whether a Go runtime is in the file itself.
    pub(crate) has_go: bool,
    /// What makes the file behave otherwise than a plugin should, a line each.
    pub(crate) hazards: Vec<&'static str>,
    /// Where its symbol is, from the image's base.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "threads are seen on Linux"))]
    pub(super) table: u64,
    /// Where it begins threads.
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "threads are seen on Linux"))]
    pub(super) starters: elf::Starters,
}

/// An export that a section lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Declared {
    pub(crate) export: Export,
    /// Whether it is private: carried by reloads, and not looked up.
    pub(crate) private: bool,
}

/// More exports are no plugin's, and would take time to read.
pub(super) const MAX_EXPORTS: usize = 1 << 16;
/// A longer descriptor is refused unread.
const MAX_DESCRIPTOR: usize = 4 << 20;

/// The JSON of the section.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    name: String,
    version: String,
    exports: Option<Vec<SectionExport>>,
    #[serde(default)]
    unload: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SectionExport {
    name: String,
    symbol: String,
    #[serde(rename = "type")]
    ty: String,
}

/// Checks the bytes of a file.
///
/// The libraries that it needs and that lie beside it are looked for from `origin`, the
/// folder of the file.
///
/// # Errors
/// What the file is instead of a plugin, or what is wrong with it, or with a library
/// beside it.
pub(crate) fn check(bytes: Vec<u8>, origin: &Path) -> Result<Checked> {
    let (file, facts, sound) = shared_library(&bytes)?;
    let table = table(&file)?;
    let abi = table_version(&file, table)?;
    let told = sound.map(|sound| sound.check_table(table)).transpose();
    let told = told.map_err(|fault| refused(format!("broken: {fault}")))?;
    let section = section(&file, abi)?;
    let exports = section.exports.map(declared).transpose()?;
    let Section { name, version, unload, .. } = section;
    check_name(&name).map_err(|fault| refused(format!("broken: {fault}")))?;
    let version = parsed(&version)?;
    let told = match told {
        Some(told) => check_told(&told, (&name, &version), exports.as_deref())?,
        None => None,
    };
    let elf::Facts { dependencies, mut hazards, starters } = facts;
    let Beside { companions, shared } = beside::check(&dependencies, origin)?;
    let has_go = is_go(&file);
    if has_go {
        hazards.push("a Go runtime: it cannot be unloaded, and a process may hold just one");
    }
    Ok(Checked {
        bytes,
        name,
        version,
        abi,
        exports,
        told,
        unload,
        dependencies,
        companions,
        shared,
        has_go,
        hazards,
        table,
        starters,
    })
}

/// What a library needs that is no plugin, if the system's loader can be given it; else
/// what is wrong with it.
pub(crate) fn library(bytes: &[u8]) -> Result<Dependencies, String> {
    let (_, facts, _) = shared_library(bytes).map_err(|error| error.to_string())?;
    Ok(facts.dependencies)
}

/// The file, if it is a shared library for this machine.
fn shared_library(bytes: &[u8]) -> Result<(object::File<'_>, elf::Facts, Option<elf::Sound<'_>>)> {
    let Ok(kind) = FileKind::parse(bytes) else {
        return Err(refused(what_else(bytes)));
    };
    if let Some(what) =
        other_machine(bytes).filter(|_| BinaryFormat::native_object() == BinaryFormat::Elf)
    {
        return Err(refused(what));
    }
    if let Some((format, system)) = foreign(kind)
        && BinaryFormat::native_object() != format
    {
        return Err(refused(format!("a library or program of {system}, and none of this system")));
    }
    if is_cut_off(bytes) {
        return Err(refused(CUT_OFF));
    }
    let file = object::File::parse(bytes)
        .map_err(|error| refused(format!("not a shared library: {kind:?}, {error}")))?;
    if file.format() != BinaryFormat::native_object() {
        return Err(refused(format!(
            "a file in {:?} format, this system loads {:?}",
            file.format(),
            BinaryFormat::native_object()
        )));
    }
    if file.kind() != ObjectKind::Dynamic {
        return Err(refused(match file.kind() {
            ObjectKind::Executable => "an executable, and no shared library",
            ObjectKind::Relocatable => {
                "an object file, and no shared library: link it with -shared"
            }
            ObjectKind::Core => "a core dump, and no shared library",
            _ => "no shared library",
        }));
    }
    check_machine(&file)?;
    check_split(&file)?;
    check_whole(&file, bytes)?;
    let object::File::Elf64(_) = file else { return Ok((file, elf::Facts::default(), None)) };
    let (facts, sound) = elf::check(bytes).map_err(refused)?;
    Ok((file, facts, Some(sound)))
}

/// The format of a kind of file, and whose it is.
fn foreign(kind: FileKind) -> Option<(BinaryFormat, &'static str)> {
    Some(match kind {
        FileKind::Pe32 | FileKind::Pe64 => (BinaryFormat::Pe, "Windows (PE)"),
        FileKind::MachO32 | FileKind::MachO64 | FileKind::MachOFat32 | FileKind::MachOFat64 => {
            (BinaryFormat::MachO, "macOS (Mach-O)")
        }
        FileKind::Elf32 | FileKind::Elf64 => (BinaryFormat::Elf, "Linux (ELF)"),
        _ => return None,
    })
}

fn check_machine(file: &object::File<'_>) -> Result<()> {
    let here = match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "x86" => Architecture::I386,
        "aarch64" => Architecture::Aarch64,
        "arm" => Architecture::Arm,
        "riscv64" => Architecture::Riscv64,
        "powerpc64" => Architecture::PowerPc64,
        "s390x" => Architecture::S390x,
        "loongarch64" => Architecture::LoongArch64,
        // Not known by name: the system's own loader decides.
        _ => file.architecture(),
    };
    let endianness = if cfg!(target_endian = "big") { Endianness::Big } else { Endianness::Little };
    let same = file.architecture() == here
        && file.is_64() == cfg!(target_pointer_width = "64")
        && file.endianness() == endianness;
    if same {
        return Ok(());
    }
    let bits = if file.is_64() { 64 } else { 32 };
    Err(refused(format!(
        "built for {:?} ({bits} bits), this machine is {}",
        file.architecture(),
        std::env::consts::ARCH
    )))
}

/// What `objcopy --only-keep-debug` leaves: headers of all that was loaded, and nothing
/// of it.
fn check_split(file: &object::File<'_>) -> Result<()> {
    let table = file.section_by_name(".dynamic");
    match table.is_some_and(|table| table.file_range().is_none()) {
        true => Err(refused(
            "a file with debug information alone: give the library that it was split from",
        )),
        false => Ok(()),
    }
}

const CUT_OFF: &str = "cut off: a part that its header names is missing";

/// A file that is cut off would end the process with SIGBUS when it is mapped.
fn check_whole(file: &object::File<'_>, bytes: &[u8]) -> Result<()> {
    let length = bytes.len() as u64;
    let cut = file.segments().any(|segment| {
        let (offset, size) = segment.file_range();
        offset.checked_add(size).is_none_or(|end| end > length)
    });
    if cut { Err(refused(CUT_OFF)) } else { Ok(()) }
}

/// The address of the exported symbol.
fn table(file: &object::File<'_>) -> Result<u64> {
    let exports = file.exports().map_err(|error| refused(format!("broken: {error}")))?;
    let (mut address, mut is_lua_module) = (None, false);
    for export in exports {
        let export = export.map_err(|error| refused(format!("broken: {error}")))?;
        let (NameOrOrdinal::Name(name), ExportTarget::Address { address: at }) =
            (export.name(), export.target())
        else {
            continue;
        };
        // Mach-O puts an underscore in front.
        let plain = name.strip_prefix(b"_").unwrap_or(name);
        if plain == SYMBOL.as_bytes() {
            address = Some(at);
        }
        is_lua_module |= plain.starts_with(b"luaopen_");
    }
    address.ok_or_else(|| {
        let what = if is_lua_module { "a Lua C module" } else { "a shared library" };
        refused(format!("{what}, but no twinplug plugin: it has no symbol `{SYMBOL}`"))
    })
}

/// The ABI version that the exported symbol starts with, of one that this host takes.
fn table_version(file: &object::File<'_>, address: u64) -> Result<(u16, u16)> {
    let broken = |what: &str| refused(format!("broken: its symbol `{SYMBOL}` {what}"));
    if !address.is_multiple_of(align_of::<abi::Plugin>() as u64) {
        return Err(broken("is not aligned"));
    }
    let read = |size: u64| {
        file.segments().find_map(|segment| segment.data_range(address, size).ok().flatten())
    };
    let Some(&[a, b, c, d, e, f, g, h]) = read(8) else {
        return Err(broken("is not in the file"));
    };
    let version = (u16::from_ne_bytes([e, f]), u16::from_ne_bytes([g, h]));
    check_version(version)?;
    // What it says is read as far as it says that it goes.
    match read(u32::from_ne_bytes([a, b, c, d]).into()) {
        Some(_) => Ok(version),
        None => Err(broken("is longer than what is in the file")),
    }
}

/// A host loads its own major version, and minor versions up to its own.
pub(super) fn check_version(plugin: (u16, u16)) -> Result<()> {
    let host = (abi::ABI_MAJOR, abi::ABI_MINOR);
    if plugin.0 == host.0 && plugin <= host {
        return Ok(());
    }
    let next = match plugin < host {
        true => "build the plugin anew",
        false => "update the host, or build the plugin for the host's",
    };
    let message = format!(
        "built for ABI {}.{}, this host has {}.{}: {next}",
        plugin.0, plugin.1, host.0, host.1
    );
    Err(Error::new(ErrorKind::Abi, message))
}

fn section(file: &object::File<'_>, abi: (u16, u16)) -> Result<Section> {
    let broken = |what: &str| refused(format!("broken: its section `{SECTION}` {what}"));
    let section = file.section_by_name(SECTION).ok_or_else(|| broken("is missing"))?;
    let data = section.data().map_err(|_| broken("is not in the file"))?;
    let Some((head, json)) = data.split_at_checked(size_of::<abi::SectionHead>()) else {
        return Err(broken("is too short"));
    };
    let number = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
    let length = u32::from_ne_bytes([head[12], head[13], head[14], head[15]]);
    if head[..8] != abi::MAGIC {
        return Err(broken("does not start with `twinplug`"));
    }
    if (number(8), number(10)) != abi {
        return Err(broken("names another ABI version than its symbol"));
    }
    if length as usize > MAX_DESCRIPTOR {
        return Err(broken(&format!(
            "has a descriptor of {length} bytes, at most {MAX_DESCRIPTOR}"
        )));
    }
    let json = json.get(..length as usize).ok_or_else(|| broken("is shorter than it says"))?;
    serde_json::from_slice(json).map_err(|error| broken(&format!("is no descriptor: {error}")))
}

fn parsed(version: &str) -> Result<Version> {
    Version::parse(version).map_err(|error| {
        refused(format!(
            "broken: its section `{SECTION}` says version `{version}`: {error}; a version has three \
             numbers, like `1.2.0`"
        ))
    })
}

fn declared(exports: Vec<SectionExport>) -> Result<Vec<Declared>> {
    if exports.len() > MAX_EXPORTS {
        return Err(refused(format!(
            "broken: its section lists {} exports, at most {MAX_EXPORTS}",
            exports.len()
        )));
    }
    let mut names = HashSet::new();
    for export in &exports {
        if !names.insert(export.name.as_str()) {
            return Err(refused(format!("broken: its section lists `{}` twice", export.name)));
        }
    }
    exports.into_iter().map(export).collect()
}

fn export(export: SectionExport) -> Result<Declared> {
    let SectionExport { name, symbol, ty } = export;
    let parsed = match symbol.as_str() {
        "func" => ty.parse().map(ExportType::Func),
        "var" | "state" => ty.parse().map(ExportType::Var),
        other => {
            return Err(refused(format!(
                "broken: its section lists `{name}` as `{other}`, and not as func, var or state"
            )));
        }
    };
    let ty = parsed.map_err(|error| refused(format!("broken: the type of `{name}`: {error}")))?;
    Ok(Declared { export: Export::new(name, ty), private: symbol == "state" })
}

impl fmt::Display for Declared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symbol = if self.private { "state" } else { self.export.symbol() };
        write!(f, "`{}` as {symbol} `{}`", self.export.name, self.export.ty)
    }
}

fn refused(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Refused, what)
}
