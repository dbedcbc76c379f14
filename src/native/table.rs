//! The table that a plugin exports, read and compared with its section.

use std::ffi::{CStr, c_char, c_void};

use twinplug_abi as abi;
use twinplug_value::ExportType;

use super::preflight::{Checked, check_version};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::Export;

/// An export with its entries.
#[derive(Clone)]
pub(super) struct Entries {
    pub(super) export: Export,
    pub(super) data: *mut c_void,
    /// Of a function.
    pub(super) call: Option<abi::Function>,
    /// Of a variable.
    pub(super) get: Option<abi::Function>,
    pub(super) set: Option<abi::Function>,
}

// SAFETY: the ABI requires entries to be callable from any thread with the
// export's `data`; nothing else is done with the pointer.
unsafe impl Send for Entries {}
// SAFETY: as above, from several threads at once.
unsafe impl Sync for Entries {}

/// Reads the exports of a table, and refuses one that contradicts its section.
///
/// # Safety
/// `table` is the symbol `twinplug_plugin` of an image whose file is `checked`, and
/// follows the ABI: what it points to is static.
pub(super) unsafe fn read(table: &'static abi::Plugin, checked: &Checked) -> Result<Vec<Entries>> {
    check_version((table.abi_major, table.abi_minor))?;
    let sizes = (table.size as usize, table.export_size as usize);
    if sizes.0 < size_of::<abi::Plugin>() || sizes.1 < size_of::<abi::Export>() {
        return Err(broken("is shorter than its ABI version says"));
    }
    let aligned = sizes.1.is_multiple_of(align_of::<abi::Export>()) && table.exports.is_aligned();
    if !aligned {
        return Err(broken("has exports that are not aligned"));
    }
    // SAFETY: the ABI says that name and version are terminated.
    let (name, version) = unsafe { (text(table.name)?, text(table.version)?) };
    if name != checked.name || version != checked.version.to_string() {
        return Err(contradiction(
            &format!("`{name}` {version}"),
            &format!("`{}` {}", checked.name, checked.version),
        ));
    }
    let mut exports: Vec<Entries> = Vec::new();
    for index in 0..table.export_count as usize {
        if table.exports.is_null() {
            return Err(broken("has exports, and a null pointer to them"));
        }
        // SAFETY: the ABI says that there are `export_count` exports, `export_size`
        // bytes apart, which is at least as long as ours; they are static.
        let export = unsafe { &*table.exports.byte_add(index * sizes.1) };
        // SAFETY: an export of the table.
        let entries = unsafe { entries(export)? };
        if exports.iter().any(|other| other.export.name == entries.export.name) {
            return Err(broken(&format!("exports `{}` twice", entries.export.name)));
        }
        exports.push(entries);
    }
    compare(&exports, checked)?;
    Ok(exports)
}

/// Reads one export.
///
/// # Safety
/// Name and type are terminated or null, as the ABI says; both are copied.
pub(super) unsafe fn entries(export: &abi::Export) -> Result<Entries> {
    // SAFETY: the caller's promise.
    let (name, ty) = unsafe { (text(export.name)?, text(export.kind)?) };
    if name.is_empty() {
        return Err(broken("exports something without a name"));
    }
    let parsed = match export.symbol {
        abi::FUNC => ty.parse().map(ExportType::Func),
        abi::VAR => ty.parse().map(ExportType::Var),
        other => return Err(broken(&format!("exports `{name}` as symbol {other}"))),
    };
    let ty = parsed.map_err(|error| broken(&format!("exports `{name}`: {error}")))?;
    let complete = match ty {
        ExportType::Func(_) => export.call.is_some(),
        ExportType::Var(_) => export.get.is_some() && export.set.is_some(),
    };
    if !complete {
        return Err(broken(&format!("exports `{name}` without its entries")));
    }
    let abi::Export { data, call, get, set, .. } = *export;
    Ok(Entries { export: Export::new(name, ty), data, call, get, set })
}

fn compare(exports: &[Entries], checked: &Checked) -> Result<()> {
    let Some(listed) = &checked.exports else { return Ok(()) };
    let show =
        |export: &Export| format!("`{}` as {} `{}`", export.name, export.symbol(), export.ty);
    for export in listed {
        let found = exports.iter().find(|other| other.export.name == export.name);
        match found {
            Some(found) if found.export == *export => {}
            Some(found) => return Err(contradiction(&show(&found.export), &show(export))),
            None => return Err(contradiction("nothing", &show(export))),
        }
    }
    match exports.iter().find(|found| !listed.contains(&found.export)) {
        Some(found) => Err(contradiction(&show(&found.export), "nothing")),
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
    text.to_str().map(str::to_owned).map_err(|_| broken("has a name that is not UTF-8"))
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Refused, format!("broken: its table {what}"))
}

fn contradiction(table: &str, section: &str) -> Error {
    broken(&format!("has {table}, its section {section}"))
}
