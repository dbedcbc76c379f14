//! The plugin's table, `twinplug_plugin`, as it will be once the file is mapped: what
//! the host will follow is followed here first.
//!
//! Null pointers and numbers are the affair of whoever reads the table then; what texts say is
//! passed on, and not judged here.

use std::mem::offset_of;

use twinplug_abi as abi;

use super::relocations::{Word, Writes};
use super::{Fault, Reader, Segments, Symbols};
use crate::native::preflight::{MAX_EXPORTS, SYMBOL};

/// Longer texts are no names and no types; all of a table's together are bounded, as
/// they may lie over one another.
const MAX_TEXT: usize = 1 << 20;
const MAX_TEXTS: usize = 1 << 26;

/// Pointers of the table to functions.
const FUNCTIONS: [(&str, usize); 7] = [
    ("init", offset_of!(abi::Plugin, init)),
    ("on_load", offset_of!(abi::Plugin, on_load)),
    ("on_save", offset_of!(abi::Plugin, on_save)),
    ("on_restore", offset_of!(abi::Plugin, on_restore)),
    ("on_pause", offset_of!(abi::Plugin, on_pause)),
    ("on_resume", offset_of!(abi::Plugin, on_resume)),
    ("on_unload", offset_of!(abi::Plugin, on_unload)),
];

/// Those of an export.
const ENTRIES: [(&str, usize); 4] = [
    ("call", offset_of!(abi::Export, call)),
    ("get", offset_of!(abi::Export, get)),
    ("set", offset_of!(abi::Export, set)),
    ("direct", offset_of!(abi::Export, direct)),
];

/// What ABI 1.0 had; shorter tables and exports are refused later.
const FIRST_PLUGIN: u64 = offset_of!(abi::Plugin, on_load) as u64;
const FIRST_EXPORT: u64 = offset_of!(abi::Export, direct) as u64;

/// What the file says of itself in its table. `None` is what cannot be told: code that runs as it is
/// loaded may write it.
#[derive(Default)]
pub(in crate::native) struct Told<'b> {
    pub(in crate::native) name: Option<&'b [u8]>,
    pub(in crate::native) version: Option<&'b [u8]>,
    pub(in crate::native) exports: Option<Vec<ToldExport<'b>>>,
}

/// The same of an export.
pub(in crate::native) struct ToldExport<'b> {
    pub(in crate::native) name: Option<&'b [u8]>,
    pub(in crate::native) kind: Option<&'b [u8]>,
    pub(in crate::native) symbol: u32,
}

/// A file whose own tables are sound.
pub(in crate::native) struct Sound<'b> {
    pub(super) segments: Segments<'b>,
    pub(super) symbols: Symbols<'b>,
    pub(super) strings: &'b [u8],
    pub(super) writes: Writes,
}

impl<'b> Sound<'b> {
    /// Checks the table at an address, of as many bytes as its first field says, which
    /// are in the file; what it says.
    pub(in crate::native) fn check_table(&self, table: u64) -> Result<Told<'b>, Fault> {
        self.check_symbol()?;
        let size = self.number(table, 0);
        self.segments.read_at(table, size.max(8)).ok_or("its table cannot be read")?;
        if size < FIRST_PLUGIN {
            return Ok(Told::default());
        }
        let mut view = View { file: self, scanned: 0 };
        let field = |name: &str| format!("`{name}` of its table");
        for numbers in [0, offset_of!(abi::Plugin, export_count)] {
            view.plain(table + numbers as u64, "numbers of its table")?;
        }
        view.address(table + offset_of!(abi::Plugin, section) as u64, &field("section"))?;
        let name = view.text(table + offset_of!(abi::Plugin, name) as u64, &field("name"))?;
        let version =
            view.text(table + offset_of!(abi::Plugin, version) as u64, &field("version"))?;
        for (name, at) in FUNCTIONS {
            if at as u64 + 8 <= size {
                view.function(table + at as u64, &field(name))?;
            }
        }
        Ok(Told { name, version, exports: view.exports(table)? })
    }

    /// The table's symbol is the only one of its name: which of two the system's loader
    /// would find cannot be told.
    fn check_symbol(&self) -> Result<(), Fault> {
        let named = |at: u64| {
            let rest = self.strings.get(at as usize..).unwrap_or_default();
            rest.strip_prefix(SYMBOL.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
        };
        match self.symbols.defined_names().filter(|at| named(*at)).count() {
            0 | 1 => Ok(()),
            _ => Err(format!("it has two symbols `{SYMBOL}`")),
        }
    }

    /// A number of 32 bits, which is in the file or zero.
    fn number(&self, address: u64, offset: usize) -> u64 {
        let bytes = self.segments.read_at(address + offset as u64, 4);
        bytes.map_or(0, |bytes| Reader(bytes).u32(0))
    }
}

/// The file as it will be mapped; it counts how much text was read.
struct View<'f, 'b> {
    file: &'f Sound<'b>,
    scanned: usize,
}

impl<'b> View<'_, 'b> {
    /// Where a pointer leads in the image; `None` for a null pointer, and where it
    /// cannot be told.
    fn target(&self, place: u64, what: &str) -> Result<Option<u64>, Fault> {
        let segments = &self.file.segments;
        let at = match self.file.writes.word(place) {
            Word::Plain => {
                return match segments.read_at(place, 8).map_or(0, |word| Reader(word).u64(0)) {
                    0 => Ok(None),
                    _ => Err(format!("{what} is an address that is not relocated")),
                };
            }
            Word::Address(at) => at,
            Word::Symbol(index, addend) => match self.file.symbols.address(index) {
                Some(value) => value.wrapping_add(addend),
                None => return Ok(None),
            },
            Word::Unknown => return Ok(None),
        };
        Ok(Some(at))
    }

    /// A pointer to the image.
    fn address(&self, place: u64, what: &str) -> Result<Option<u64>, Fault> {
        match self.target(place, what)? {
            Some(at) if !self.file.segments.is_mapped(at, 1) => {
                Err(format!("{what} leads out of what is loaded"))
            }
            target => Ok(target),
        }
    }

    /// A pointer to code.
    fn function(&self, place: u64, what: &str) -> Result<(), Fault> {
        match self.target(place, what)? {
            Some(at) if !self.file.segments.is_code(at) => Err(format!("{what} is no code")),
            _ => Ok(()),
        }
    }

    /// A pointer to text that ends, and the text, where that is what it will be.
    fn text(&mut self, place: u64, what: &str) -> Result<Option<&'b [u8]>, Fault> {
        let Some(at) = self.address(place, what)? else { return Ok(None) };
        let bytes = self.file.segments.read_from(at).unwrap_or_default();
        let start = &bytes[..bytes.len().min(MAX_TEXT)];
        let end = start.iter().position(|byte| *byte == 0);
        self.scanned += end.unwrap_or(start.len());
        // What the file does not say of a segment is zero.
        let ended = end.is_some()
            || (bytes.len() < MAX_TEXT && self.file.segments.is_mapped(at, bytes.len() as u64 + 1));
        if !ended || self.scanned > MAX_TEXTS {
            return Err(format!("{what} has no end"));
        }
        let text = &start[..end.unwrap_or(start.len())];
        let segments = &self.file.segments;
        let is_fixed = segments.is_fixed(place, 8) && segments.is_fixed(at, text.len() as u64 + 1);
        Ok(is_fixed.then_some(text))
    }

    /// Numbers, which nothing may be written over.
    fn plain(&self, place: u64, what: &str) -> Result<(), Fault> {
        match self.file.writes.word(place) {
            Word::Plain => Ok(()),
            _ => Err(format!("the {what} are relocated")),
        }
    }

    fn exports(&mut self, table: u64) -> Result<Option<Vec<ToldExport<'b>>>, Fault> {
        let count = self.file.number(table, offset_of!(abi::Plugin, export_count));
        let step = self.file.number(table, offset_of!(abi::Plugin, export_size));
        let place = table + offset_of!(abi::Plugin, exports) as u64;
        let what = "`exports` of its table";
        let start = self.target(place, what)?;
        let is_fixed = self.file.segments.is_fixed(table, FIRST_PLUGIN);
        if count == 0 {
            return Ok(is_fixed.then(Vec::new));
        }
        let Some(start) = start else { return Ok(None) };
        let aligned = step.is_multiple_of(8) && start.is_multiple_of(8);
        if step < FIRST_EXPORT || !aligned || count > MAX_EXPORTS as u64 {
            return Ok(None);
        }
        if !self.file.segments.is_mapped(start, count * step) {
            return Err(format!("{what} leads out of what is loaded"));
        }
        let exports = (0..count).map(|index| self.export(index, start + index * step, step));
        let exports = exports.collect::<Result<Vec<_>, _>>()?;
        let is_fixed = is_fixed && self.file.segments.is_fixed(start, count * step);
        Ok(is_fixed.then_some(exports))
    }

    fn export(&mut self, index: u64, at: u64, size: u64) -> Result<ToldExport<'b>, Fault> {
        let field = |name: &str| format!("`{name}` of its export {index}");
        self.plain(
            at + offset_of!(abi::Export, symbol) as u64,
            &format!("numbers of its export {index}"),
        )?;
        let name = self.text(at + offset_of!(abi::Export, name) as u64, &field("name"))?;
        let kind = self.text(at + offset_of!(abi::Export, kind) as u64, &field("type"))?;
        let known = ENTRIES.iter().filter(|(_, offset)| *offset as u64 + 8 <= size);
        known
            .copied()
            .try_for_each(|(name, offset)| self.function(at + offset as u64, &field(name)))?;
        let symbol = self.file.number(at, offset_of!(abi::Export, symbol)) as u32;
        Ok(ToldExport { name, kind, symbol })
    }
}
