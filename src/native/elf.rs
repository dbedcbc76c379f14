//! What `dlopen` would trust in an ELF file, checked before it gets the file.
//!
//! The system's loader follows a file's own tables without doubting them: an offset
//! that leads out of the file ends the process. So all that it follows is followed
//! here first: segments, the dynamic table, symbols and their hash, relocations.
//! Facts of the format: System V ABI, chapters 4 and 5; the GNU hash table as in
//! glibc's `elf/dl-lookup.c`; relocation types from the processors' supplements.
//!
//! 64-bit files of this machine's byte order; the caller refuses others. What no
//! table shows, such as a bit flipped in code, cannot be seen.

mod dynamic;
mod relocations;
mod segments;
mod starters;
mod symbols;
mod table;

use super::dependencies::Dependencies;
use dynamic::Dynamic;
use relocations::Writes;
use segments::Segments;
#[cfg(target_os = "linux")]
pub(super) use starters::Begins;
pub(super) use starters::Starters;
use symbols::Symbols;
pub(super) use table::{Sound, Told};

/// A fault, in words that follow "broken: ".
type Fault = String;

/// What else the tables say.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) dependencies: Dependencies,
    pub(super) hazards: Vec<&'static str>,
    /// Where it begins threads.
    pub(super) starters: Starters,
}

/// Checks a whole 64-bit ELF shared library; what it is instead, or what is wrong.
pub(super) fn check(bytes: &[u8]) -> Result<(Facts, Sound<'_>), String> {
    let broken = |fault| format!("broken: {fault}");
    let segments = Segments::read(bytes).map_err(broken)?;
    let dynamic = Dynamic::read(&segments).map_err(broken)?;
    if dynamic.is_program() {
        return Err("an executable (PIE), and no shared library".into());
    }
    let checked = dynamic.check(&segments).and_then(|()| {
        let symbols = symbols::check(&segments, &dynamic)?;
        let writes = relocations::check(&segments, &dynamic, symbols.count())?;
        Ok((symbols, writes))
    });
    let (symbols, writes) = checked.map_err(broken)?;
    let mut hazards = dynamic.hazards();
    if symbols.unique {
        hazards.push("unique symbols: all loads of it share them, and it stays mapped");
    }
    if segments.has_executable_stack() {
        hazards.push(
            "an executable stack: the stacks of all threads become so, or the system refuses it",
        );
    }
    let mut dependencies = dynamic.dependencies().map_err(broken)?;
    let imports = symbols.import_names().filter_map(|name| dynamic.string(name));
    dependencies.imports = imports.map(str::to_owned).collect();
    let starters = starters::find(&segments, &symbols, dynamic.strings, &writes);
    let sound = Sound { segments, symbols, strings: dynamic.strings, writes };
    Ok((Facts { dependencies, hazards, starters }, sound))
}

/// The libraries that a file needs, and where it looks for them; `None` where its tables
/// cannot be followed. For libraries that are looked at and not loaded.
pub(super) fn dependencies(bytes: &[u8]) -> Option<Dependencies> {
    let segments = Segments::read(bytes).ok()?;
    Dynamic::read(&segments).ok()?.dependencies().ok()
}

/// Reads numbers out of bytes, in this machine's order.
struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn u16(&self, at: usize) -> u64 {
        self.0.get(at..at + 2).map_or(0, |b| u16::from_ne_bytes([b[0], b[1]]).into())
    }

    fn u32(&self, at: usize) -> u64 {
        self.0.get(at..at + 4).map_or(0, |b| u32::from_ne_bytes([b[0], b[1], b[2], b[3]]).into())
    }

    fn u64(&self, at: usize) -> u64 {
        let bytes = self.0.get(at..at + 8);
        bytes.and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes)
    }
}

/// The entries of a table, each `size` bytes.
fn entries(table: &[u8], size: usize) -> impl Iterator<Item = Reader<'_>> {
    table.chunks_exact(size).map(Reader)
}
