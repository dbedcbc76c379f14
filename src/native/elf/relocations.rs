//! Relocations: where the loader writes, and what it writes there.

use super::{Dynamic, Fault, Reader, Segments, entries};

const RELA: u64 = 7;
const RELASZ: u64 = 8;
const RELAENT: u64 = 9;
const REL: u64 = 17;
const PLTREL: u64 = 20;
const PLTRELSZ: u64 = 2;
const JMPREL: u64 = 23;
const RELACOUNT: u64 = 0x6fff_fff9;
const RELR: u64 = 36;
const RELRSZ: u64 = 35;
const RELRENT: u64 = 37;

/// What a type of relocation does.
#[derive(Clone, Copy, PartialEq)]
enum Action {
    Nothing,
    /// Writes an address of the image: base and addend.
    Relative,
    /// Calls a function of the image, and writes what it returns.
    Indirect,
    /// Writes an address of a symbol, 8 bytes.
    Symbol,
    /// Writes an offset in thread-local storage; the symbol may be the image's own.
    ThreadLocal,
    /// Writes two words: a function and its argument.
    Descriptor,
}

/// What a word of the image holds once it is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    /// What is in the file.
    Plain,
    /// An address of the image.
    Address(u64),
    /// The address of a symbol, by its index, and an addend.
    Symbol(u64, u64),
    /// What cannot be told: it is called for, or of thread-local storage, or a part of
    /// what is written.
    Unknown,
}

/// What the loader writes where.
pub(in crate::native) struct Writes {
    /// In order: place, size, what is written.
    places: Vec<(u64, u64, Word)>,
}

impl Writes {
    /// What the 8 bytes at an address hold.
    pub(super) fn word(&self, address: u64) -> Word {
        let after = self.places.partition_point(|(place, _, _)| *place <= address);
        match after.checked_sub(1).map(|index| self.places[index]) {
            Some((place, _, word)) if place == address => word,
            Some((place, size, _)) if place + size > address => Word::Unknown,
            _ => Word::Plain,
        }
    }

    /// All of them: where, and what is written.
    pub(super) fn words(&self) -> impl Iterator<Item = (u64, Word)> {
        self.places.iter().map(|(place, _, word)| (*place, *word))
    }
}

/// Checks every relocation; there are `symbols` symbols at least.
pub(super) fn check(
    segments: &Segments<'_>,
    dynamic: &Dynamic<'_>,
    symbols: u64,
) -> Result<Writes, Fault> {
    if dynamic.get(REL).is_some() || dynamic.get(PLTREL).is_some_and(|kind| kind != RELA) {
        return Err("its relocations are of another format".into());
    }
    match (dynamic.get(JMPREL), dynamic.get(PLTREL)) {
        // The loader would leave them out.
        (Some(_), None) => return Err("it has calls to relocate, and does not say how".into()),
        // The loader would look for them all the same.
        (None, Some(_)) => return Err("it says how its calls are relocated, and has none".into()),
        _ => {}
    }
    if dynamic.get(RELA).is_some() && dynamic.get(RELAENT) != Some(24) {
        return Err("its relocations are of another size".into());
    }
    let lists = dynamic.function_lists().collect();
    let mut checker = Checker { segments, symbols, dynamic, lists, places: Vec::new() };
    let tables = [("relocations", RELA, RELASZ), ("calls", JMPREL, PLTRELSZ)];
    for (name, address, size) in tables {
        let Some(table) = dynamic.table(segments, name, address, size)? else { continue };
        if table.len() % 24 != 0 {
            return Err(format!("its {name} end in the middle of one"));
        }
        entries(table, 24).try_for_each(|entry| checker.check(&entry))?;
        if address == RELA {
            check_relative_count(dynamic, table)?;
        }
    }
    checker.check_packed()?;
    checker.check_overlap()?;
    checker.check_constructors()?;
    Ok(Writes { places: checker.places })
}

/// The loader takes so many of the first for relative ones without looking.
fn check_relative_count(dynamic: &Dynamic<'_>, table: &[u8]) -> Result<(), Fault> {
    let count = dynamic.get(RELACOUNT).unwrap_or(0);
    let first = entries(table, 24).take(usize::try_from(count).unwrap_or(usize::MAX));
    let relative = first.filter(|entry| action(entry.u32(8)) == Some(Action::Relative)).count();
    match relative as u64 == count {
        true => Ok(()),
        false => Err("it counts more relative relocations than there are".into()),
    }
}

struct Checker<'s, 'b> {
    segments: &'s Segments<'b>,
    dynamic: &'s Dynamic<'b>,
    symbols: u64,
    /// The lists of functions that the loader calls: start and size.
    lists: Vec<(u64, u64)>,
    /// What is written: start, size, and what.
    places: Vec<(u64, u64, Word)>,
}

impl Checker<'_, '_> {
    fn check(&mut self, entry: &Reader<'_>) -> Result<(), Fault> {
        let (place, kind, symbol) = (entry.u64(0), entry.u32(8), entry.u32(12));
        let addend = entry.u64(16);
        let action = action(kind).ok_or_else(|| format!("a relocation is of type {kind}"))?;
        if symbol >= self.symbols {
            return Err("a relocation names a symbol that is not there".into());
        }
        let size = match action {
            Action::Nothing if (place, symbol, addend) != (0, 0, 0) => {
                return Err("a relocation of nothing has a place".into());
            }
            Action::Nothing => return Ok(()),
            Action::Descriptor => 16,
            _ => 8,
        };
        let word = match action {
            Action::Relative => Word::Address(addend),
            // The processor's supplement: on x86-64 a slot of a table has no addend.
            Action::Symbol if cfg!(target_arch = "x86_64") && kind != 1 => Word::Symbol(symbol, 0),
            Action::Symbol if KNOWN => Word::Symbol(symbol, addend),
            _ => Word::Unknown,
        };
        self.claim(place, size, word)?;
        match action {
            Action::ThreadLocal | Action::Descriptor
                if symbol == 0 && !self.segments.has_thread_locals() =>
            {
                Err("a relocation is of thread-local storage, and it has none".into())
            }
            Action::Relative if symbol != 0 => Err("a relocation names a symbol in vain".into()),
            Action::Relative => self.check_pointer(place, addend),
            Action::Indirect if !self.segments.is_code(addend) => {
                Err("a relocation calls what is no code".into())
            }
            _ => Ok(()),
        }
    }

    /// A pointer that the loader makes: into the image; in a list of constructors,
    /// to code.
    fn check_pointer(&self, place: u64, target: u64) -> Result<(), Fault> {
        let called = self
            .lists
            .iter()
            .any(|&(start, size)| place >= start && place < start.saturating_add(size));
        match called {
            true if !self.segments.is_code(target) => Err("a constructor is no code".into()),
            // One past the end is a pointer that a program may make.
            false if !self.segments.is_mapped(target, 0) => {
                Err("a relocation leads out of what is loaded".into())
            }
            _ => Ok(()),
        }
    }

    /// A place that the loader writes to.
    fn claim(&mut self, place: u64, size: u64, word: Word) -> Result<(), Fault> {
        if !place.is_multiple_of(8) {
            return Err("a relocation is of a place that is not aligned".into());
        }
        if !self.segments.is_writable(place, size) {
            return Err("a relocation is outside of what may be written".into());
        }
        self.spares_tables(place, size)?;
        self.places.push((place, size, word));
        Ok(())
    }

    /// The loader reads its own tables while it relocates: none may change them.
    fn spares_tables(&self, place: u64, size: u64) -> Result<(), Fault> {
        let dynamic = self.segments.dynamic_range();
        match place < dynamic.end && place + size > dynamic.start {
            true => Err("a relocation changes the dynamic table".into()),
            false => Ok(()),
        }
    }

    /// Relative relocations, packed: an address, then bitmaps of the words that
    /// follow it.
    fn check_packed(&mut self) -> Result<(), Fault> {
        let name = "packed relocations";
        let Some(table) = self.dynamic.table(self.segments, name, RELR, RELRSZ)? else {
            return Ok(());
        };
        if self.dynamic.get(RELRENT) != Some(8) || table.len() % 8 != 0 {
            return Err(format!("its {name} are of another size"));
        }
        let mut next: Option<u64> = None;
        for entry in entries(table, 8).map(|entry| entry.u64(0)) {
            if entry & 1 == 0 {
                if next.is_some_and(|next| entry < next) {
                    return Err(format!("its {name} are not in order"));
                }
                self.check_packed_word(entry)?;
                next = entry.checked_add(8);
                continue;
            }
            let start = next.ok_or(format!("its {name} start with a bitmap"))?;
            for bit in (1..64).filter(|bit| entry >> bit & 1 == 1) {
                self.check_packed_word(start.saturating_add(8 * (bit - 1)))?;
            }
            next = start.checked_add(8 * 63);
        }
        Ok(())
    }

    /// The word holds the address that the base is added to.
    fn check_packed_word(&mut self, place: u64) -> Result<(), Fault> {
        let target = self.segments.read_at(place, 8).map_or(0, |word| Reader(word).u64(0));
        self.claim(place, 8, Word::Address(target))?;
        self.check_pointer(place, target)
    }
}

impl Checker<'_, '_> {
    /// No place is written twice, or in part.
    fn check_overlap(&mut self) -> Result<(), Fault> {
        self.places.sort_unstable();
        let overlap = self.places.windows(2).any(|pair| pair[0].0 + pair[0].1 > pair[1].0);
        if overlap { Err("two relocations are of one place".into()) } else { Ok(()) }
    }
}

impl Checker<'_, '_> {
    /// Each constructor's address is one that the loader makes: one that stands in the
    /// file would lead anywhere. After the places were sorted.
    fn check_constructors(&self) -> Result<(), Fault> {
        for &(start, size) in &self.lists {
            for slot in (start..start.saturating_add(size)).step_by(8) {
                let written = self.places.binary_search_by_key(&(slot, 8), |p| (p.0, p.1));
                if written.is_err() {
                    return Err("a constructor is at an address that is not relocated".into());
                }
            }
        }
        Ok(())
    }
}

/// Whether this machine's relocations are known by number.
const KNOWN: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// What the types do that linkers write into shared libraries; others are refused,
/// as the loader aborts on those that it does not know.
fn action(kind: u64) -> Option<Action> {
    if cfg!(target_arch = "x86_64") {
        return Some(match kind {
            0 => Action::Nothing,
            1 | 6 | 7 => Action::Symbol,
            8 => Action::Relative,
            16..=18 => Action::ThreadLocal,
            36 => Action::Descriptor,
            37 => Action::Indirect,
            _ => return None,
        });
    }
    if cfg!(target_arch = "aarch64") {
        return Some(match kind {
            0 | 256 => Action::Nothing,
            257 | 1025 | 1026 => Action::Symbol,
            1027 => Action::Relative,
            1028..=1030 => Action::ThreadLocal,
            1031 => Action::Descriptor,
            1032 => Action::Indirect,
            _ => return None,
        });
    }
    // Not known by number here: places are checked, what they get is not.
    Some(Action::Symbol)
}
