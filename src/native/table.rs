//! The table that a plugin exports, read and compared with its section.

use std::collections::{HashMap, HashSet};
use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::ptr;

use semver::Version;
use twinplug_abi as abi;
use twinplug_value::ExportType;

use super::elf::Told;
use super::preflight::{Checked, Declared, MAX_EXPORTS, check_version};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::{Export, Hook, check_name};

/// An export with its entries.
#[derive(Clone)]
pub(super) struct Entries {
    pub(super) export: Export,
    /// Whether it is private: carried by reloads, and not looked up.
    pub(super) private: bool,
    pub(super) data: *mut c_void,
    /// Of a function.
    pub(super) call: Option<abi::Function>,
    /// Of a variable.
    pub(super) get: Option<abi::Function>,
    pub(super) set: Option<abi::Function>,
    /// Of a function that is all scalars, if it has one.
    pub(super) direct: Option<abi::Direct>,
    /// The function calls nothing of the host.
    pub(super) leaf: bool,
    /// Its entries look at the tags of their arguments themselves.
    pub(super) checks: bool,
}

// SAFETY: the ABI requires entries to be callable from any thread with the
// export's `data`; nothing else is done with the pointer.
unsafe impl Send for Entries {}
// SAFETY: as above, from several threads at once.
unsafe impl Sync for Entries {}

/// The sizes of what ABI 1.0 had; later minor versions only append.
const FIRST_PLUGIN: usize = offset_of!(abi::Plugin, on_load);
const FIRST_EXPORT: usize = offset_of!(abi::Export, direct);

/// A plugin's table, as the plugin's minor version has it: what that one does not
/// know is not there.
pub(super) struct Table {
    pub(super) plugin: abi::Plugin,
}

impl Table {
    /// Copies a table.
    ///
    /// # Safety
    /// `table` is the symbol `twinplug_plugin` of an image that was preflighted: it is
    /// readable for as many bytes as its first field says.
    pub(super) unsafe fn read(table: *const abi::Plugin) -> Result<Table> {
        // SAFETY: the first eight bytes are the same in every version.
        let (size, version) =
            unsafe { ((*table).size as usize, ((*table).abi_major, (*table).abi_minor)) };
        check_version(version)?;
        if size < FIRST_PLUGIN {
            return Err(broken("is shorter than its ABI version says"));
        }
        // SAFETY: readable for `size` bytes by the caller's promise.
        let plugin = unsafe { copy(table, size) };
        let (step, exports) = (plugin.export_size as usize, plugin.exports);
        if plugin.export_count as usize > MAX_EXPORTS {
            return Err(broken(&format!(
                "has {} exports, at most {MAX_EXPORTS}",
                plugin.export_count
            )));
        }
        if plugin.export_count > 0 {
            if step < FIRST_EXPORT {
                return Err(broken("has exports that are shorter than its ABI version says"));
            }
            if exports.is_null() {
                return Err(broken("has exports, and a null pointer to them"));
            }
            if !step.is_multiple_of(align_of::<abi::Export>()) || !exports.is_aligned() {
                return Err(broken("has exports that are not aligned"));
            }
        }
        Ok(Table { plugin })
    }

    pub(super) fn hook(&self, hook: Hook) -> Option<abi::Function> {
        match hook {
            Hook::Pause => self.plugin.on_pause,
            Hook::Save => self.plugin.on_save,
            Hook::Restore => self.plugin.on_restore,
            Hook::Load => self.plugin.on_load,
            Hook::Resume => self.plugin.on_resume,
            Hook::Unload => self.plugin.on_unload,
        }
    }

    /// How long the exports are that init registers: a plugin of 1.0 knows no more than
    /// what that had, and one without exports in its table need not say.
    pub(super) fn registered_size(&self) -> usize {
        match (self.plugin.abi_minor, self.plugin.export_size as usize) {
            (0, _) => FIRST_EXPORT,
            (_, size) if size < FIRST_EXPORT => size_of::<abi::Export>(),
            (_, size) => size,
        }
    }

    /// Reads the exports, and refuses a table that contradicts its section.
    ///
    /// # Safety
    /// The table follows the ABI: what it points to is static.
    pub(super) unsafe fn exports(&self, checked: &Checked) -> Result<Vec<Entries>> {
        let table = &self.plugin;
        // SAFETY: the ABI says that name and version are terminated.
        let (name, version) = unsafe { (text(table.name)?, text(table.version)?) };
        compare_names((&name, &version), (&checked.name, &checked.version))?;
        let step = table.export_size as usize;
        let mut exports: Vec<Entries> = Vec::new();
        let mut names = HashSet::new();
        for index in 0..table.export_count as usize {
            // SAFETY: the ABI says that there are `export_count` exports, `export_size`
            // bytes apart and as long; alignment and null were checked.
            let export = unsafe { copy(table.exports.byte_add(index * step), step) };
            // SAFETY: an export of the table.
            let entries = unsafe { entries(&export)? };
            if !names.insert(entries.export.name.clone()) {
                return Err(twice(&entries.export.name));
            }
            exports.push(entries);
        }
        let found: Vec<_> = exports.iter().map(Entries::declared).collect();
        compare(&found, checked.exports.as_deref())?;
        Ok(exports)
    }
}

impl Entries {
    fn declared(&self) -> Declared {
        Declared { export: self.export.clone(), private: self.private }
    }
}

/// Refuses what would be refused of a table once it is mapped, as far as the file tells it; `listed` is
/// what the section says. Gives the exports, if it tells them all.
pub(super) fn check_told(
    told: &Told<'_>,
    (name, version): (&str, &Version),
    listed: Option<&[Declared]>,
) -> Result<Option<Vec<Declared>>> {
    if let (Some(told_name), Some(told_version)) = (told.name, told.version) {
        compare_names((utf8(told_name)?, utf8(told_version)?), (name, version))?;
    }
    let Some(exports) = &told.exports else { return Ok(None) };
    let (mut found, mut names) = (Vec::new(), HashSet::new());
    for export in exports {
        let (Some(name), Some(kind)) = (export.name, export.kind) else { continue };
        let declared = declared(utf8(name)?, utf8(kind)?, export.symbol)?;
        if !names.insert(name) {
            return Err(twice(&declared.export.name));
        }
        found.push(declared);
    }
    if found.len() != exports.len() {
        return Ok(None);
    }
    compare(&found, listed)?;
    Ok(Some(found))
}

/// A struct of a plugin's that may be shorter than ours; the rest is zero, which is
/// `None` for entries.
///
/// # Safety
/// `from` is aligned and readable for `size` bytes; `T` is an ABI struct, for which
/// all bits zero is valid.
pub(super) unsafe fn copy<T>(from: *const T, size: usize) -> T {
    let mut whole = MaybeUninit::<T>::zeroed();
    let size = size.min(size_of::<T>());
    // SAFETY: readable by the caller's promise, and no more than `whole` has room for.
    unsafe { ptr::copy_nonoverlapping(from.cast::<u8>(), whole.as_mut_ptr().cast(), size) };
    // SAFETY: zero, or what the plugin has there, which is a `T` by the ABI.
    unsafe { whole.assume_init() }
}

/// Reads one export.
///
/// # Safety
/// Name and type are terminated or null, as the ABI says; both are copied.
pub(super) unsafe fn entries(export: &abi::Export) -> Result<Entries> {
    // SAFETY: the caller's promise.
    let (name, ty) = unsafe { (text(export.name)?, text(export.kind)?) };
    let Declared { export: known, private } = declared(&name, &ty, export.symbol)?;
    let complete = match known.ty {
        ExportType::Func(_) => export.call.is_some(),
        ExportType::Var(_) => export.get.is_some() && export.set.is_some(),
    };
    if !complete {
        return Err(broken(&format!("exports `{name}` without its entries")));
    }
    let unknown = export.flags & !(abi::LEAF | abi::CHECKS);
    if unknown != 0 {
        return Err(broken(&format!("exports `{name}` with unknown flags {unknown:#x}")));
    }
    let abi::Export { data, call, get, set, direct, flags, .. } = *export;
    let (leaf, checks) = (flags & abi::LEAF != 0, flags & abi::CHECKS != 0);
    Ok(Entries { export: known, private, data, call, get, set, direct, leaf, checks })
}

/// What an export says that it is.
fn declared(name: &str, ty: &str, symbol: u32) -> Result<Declared> {
    check_name(name)
        .map_err(|fault| broken(&format!("has an export that is called wrongly: {fault}")))?;
    let parsed = match symbol {
        abi::SYMBOL_FUNC => ty.parse().map(ExportType::Func),
        abi::SYMBOL_VAR | abi::SYMBOL_STATE => ty.parse().map(ExportType::Var),
        other => return Err(broken(&format!("exports `{name}` as symbol {other}"))),
    };
    let ty = parsed.map_err(|error| broken(&format!("exports `{name}`: {error}")))?;
    Ok(Declared { export: Export::new(name, ty), private: symbol == abi::SYMBOL_STATE })
}

fn twice(name: &str) -> Error {
    broken(&format!("exports `{name}` twice"))
}

/// Name and version of the table are those of its section.
fn compare_names(table: (&str, &str), section: (&str, &Version)) -> Result<()> {
    match table.0 == section.0 && table.1 == section.1.to_string() {
        true => Ok(()),
        false => Err(contradiction(
            &format!("`{}` {}", table.0, table.1),
            &format!("`{}` {}", section.0, section.1),
        )),
    }
}

/// What the section lists is what the table has; where it lists nothing, the table
/// stands alone.
fn compare(exports: &[Declared], listed: Option<&[Declared]>) -> Result<()> {
    let Some(listed) = listed else { return Ok(()) };
    let mut rest: HashMap<&str, &Declared> =
        listed.iter().map(|declared| (declared.export.name.as_str(), declared)).collect();
    for found in exports {
        match rest.remove(found.export.name.as_str()) {
            Some(declared) if declared == found => {}
            Some(declared) => {
                return Err(contradiction(&found.to_string(), &declared.to_string()));
            }
            None => return Err(contradiction(&found.to_string(), "nothing")),
        }
    }
    match rest.into_values().next() {
        Some(declared) => Err(contradiction("nothing", &declared.to_string())),
        None => Ok(()),
    }
}

/// Copies a terminated text.
///
/// # Safety
/// `text` is null, or terminated and readable.
unsafe fn text(text: *const c_char) -> Result<String> {
    if text.is_null() {
        return Err(broken("has a null pointer where a name should be"));
    }
    // SAFETY: not null, and terminated by the caller's promise.
    let text = unsafe { CStr::from_ptr(text) };
    utf8(text.to_bytes()).map(str::to_owned)
}

fn utf8(text: &[u8]) -> Result<&str> {
    str::from_utf8(text).map_err(|_| broken("has a name that is not UTF-8"))
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("broken: its table {what}"))
}

fn contradiction(table: &str, section: &str) -> Error {
    broken(&format!("has {table}, its section {section}"))
}
