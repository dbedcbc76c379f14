//! Symbols: the table, the hash tables by which the loader finds one, versions.

use super::{Dynamic, Fault, Reader, Segments, entries};

const ENTRY: u64 = 24;
const HASH: u64 = 4;
const GNU_HASH: u64 = 0x6fff_fef5;

/// Symbol types and bindings that the loader knows: up to STT_TLS, and STT_GNU_IFUNC.
const FUNC: u64 = 2;
const IFUNC: u64 = 10;
const TLS: u64 = 6;
const LARGEST_TYPE: u64 = 6;

/// The binding STB_GLOBAL.
const STRONG: u8 = 1;

/// The binding STB_GNU_UNIQUE.
const UNIQUE: u8 = 10;

/// Section indices that stand for something else than a section.
const UNDEFINED: u64 = 0;
const ABSOLUTE: u64 = 0xfff1;

/// The symbols, once they were checked.
pub(in crate::native) struct Symbols<'b> {
    table: &'b [u8],
    /// Whether some are unique in the process.
    pub(super) unique: bool,
}

impl Symbols<'_> {
    pub(super) fn count(&self) -> u64 {
        self.table.len() as u64 / ENTRY
    }

    fn symbol(&self, index: u64) -> Option<Reader<'_>> {
        let start = usize::try_from(index.checked_mul(ENTRY)?).ok()?;
        self.table.get(start..start.checked_add(ENTRY as usize)?).map(Reader)
    }

    /// The address of a symbol, by its index, where the file itself places it. The
    /// first one stands for the image's start.
    pub(super) fn address(&self, index: u64) -> Option<u64> {
        let symbol = self.symbol(index)?;
        let placed = index == 0 || !matches!(symbol.u16(6), UNDEFINED | ABSOLUTE);
        placed.then(|| symbol.u64(8))
    }

    /// Where the names of the symbols that others must define are in the strings: those
    /// that are global, and not weak.
    pub(super) fn import_names(&self) -> impl Iterator<Item = u64> {
        let all = entries(self.table, ENTRY as usize);
        let imports = all.filter(|s| s.u16(6) == UNDEFINED && s.0[4] >> 4 == STRONG);
        imports.map(|symbol| symbol.u32(0)).filter(|name| *name != 0)
    }

    /// Where the name of a symbol is in the strings, if others must define it.
    pub(super) fn import_name(&self, index: u64) -> Option<u64> {
        let symbol = self.symbol(index)?;
        (symbol.u16(6) == UNDEFINED).then(|| symbol.u32(0)).filter(|name| *name != 0)
    }

    /// Where the names of the symbols that the file defines are in the strings.
    pub(super) fn defined_names(&self) -> impl Iterator<Item = u64> {
        let all = entries(self.table, ENTRY as usize);
        all.filter(|symbol| symbol.u16(6) != UNDEFINED).map(|symbol| symbol.u32(0))
    }
}

/// Checks all that looking a symbol up may touch.
pub(super) fn check<'b>(
    segments: &Segments<'b>,
    dynamic: &Dynamic<'b>,
) -> Result<Symbols<'b>, Fault> {
    let address = dynamic.symbols()?;
    let count = match (dynamic.get(GNU_HASH), dynamic.get(HASH)) {
        (Some(at), None) => gnu_count(segments, at)?,
        (None, Some(at)) => sysv_count(segments, at)?,
        (Some(gnu), Some(sysv)) => gnu_count(segments, gnu)?.max(sysv_count(segments, sysv)?),
        (None, None) => return Err("it has no hash table of its symbols".into()),
    };
    // The GNU table does not count symbols that nobody may look up, those that are
    // imported, where there are no others.
    let count = count.max(1);
    let size = count.checked_mul(ENTRY).ok_or("it has too many symbols")?;
    let table =
        segments.read_at(address, size).ok_or("its symbol table is not in what is loaded")?;
    let mut unique = false;
    for symbol in entries(table, ENTRY as usize) {
        check_symbol(segments, dynamic, &symbol)?;
        unique |= symbol.0[4] >> 4 == UNIQUE && symbol.u16(6) != UNDEFINED;
    }
    check_versions(segments, dynamic, count)?;
    Ok(Symbols { table, unique })
}

/// Each symbol's version is one of those that the file lists: the loader uses it as
/// an index.
fn check_versions(segments: &Segments<'_>, dynamic: &Dynamic<'_>, count: u64) -> Result<(), Fault> {
    let known = dynamic.versions(segments)?;
    let Some(address) = dynamic.symbol_versions() else { return Ok(()) };
    let table = segments
        .read_at(address, count * 2)
        .ok_or("its symbols' versions are not in what is loaded")?;
    match entries(table, 2).all(|version| known.contains(&(version.u16(0) & 0x7fff))) {
        true => Ok(()),
        false => Err("a symbol has a version that is not listed".into()),
    }
}

fn check_symbol(
    segments: &Segments<'_>,
    dynamic: &Dynamic<'_>,
    symbol: &Reader<'_>,
) -> Result<(), Fault> {
    let (name, info, section) = (symbol.u32(0), symbol.0[4], symbol.u16(6));
    let (value, size) = (symbol.u64(8), symbol.u64(16));
    let (kind, binding) = (u64::from(info & 15), info >> 4);
    if name >= dynamic.strings.len() as u64 {
        return Err("a symbol's name is not in its strings".into());
    }
    let known = (kind <= LARGEST_TYPE || kind == IFUNC) && matches!(binding, 0..=2 | UNIQUE);
    if !known {
        return Err(format!("a symbol is of an unknown type, {info:#x}"));
    }
    // Visibility; other bits are of machines that this is not built for. What is
    // imported is visible.
    let other = symbol.0[5];
    if cfg!(target_arch = "x86_64") && (other > 3 || section == UNDEFINED && other != 0) {
        return Err(format!("a symbol is of an unknown visibility, {other:#x}"));
    }
    let placed = match section {
        UNDEFINED | ABSOLUTE => true,
        _ if kind == TLS => value.checked_add(size).is_some_and(|end| end <= 1 << 30),
        _ if kind == FUNC || kind == IFUNC => segments.is_code(value),
        _ => segments.is_mapped(value, 0) && value.checked_add(size).is_some(),
    };
    match placed {
        true => Ok(()),
        false => Err("a symbol is not in what is loaded".into()),
    }
}

/// Follows the GNU hash table to its last chain's end; how many symbols it covers.
fn gnu_count(segments: &Segments<'_>, at: u64) -> Result<u64, Fault> {
    let outside = || "its hash table is not in what is loaded".to_owned();
    let table = Reader(segments.read_from(at).ok_or_else(outside)?);
    let (buckets, first, bloom) = (table.u32(0), table.u32(4), table.u32(8));
    let length = table.0.len() as u64;
    if !bloom.is_power_of_two() || buckets == 0 {
        return Err("its hash table has no buckets".into());
    }
    // The loader takes this shift modulo the word's size.
    let buckets_at = 16 + 8 * bloom;
    let chains_at = buckets_at + 4 * buckets;
    if chains_at > length {
        return Err(outside());
    }
    let chains = &table.0[chains_at as usize..];
    let mut last = 0;
    for bucket in entries(&table.0[buckets_at as usize..chains_at as usize], 4) {
        let symbol = bucket.u32(0);
        if symbol != 0 && (symbol < first || symbol - first >= chains.len() as u64 / 4) {
            return Err("its hash table leads out of itself".into());
        }
        last = last.max(symbol);
    }
    if last == 0 {
        // Where nothing is exported the table does not tell how many are imported.
        return Err("it exports nothing, and so no `twinplug_plugin`: `#[plugin]` in Rust and `TP_PLUGIN` in C \
                    make that".into());
    }
    // The chain of the last bucket ends the table; every other one ends before it.
    let rest = entries(&chains[(last - first) as usize * 4..], 4);
    match rest.map(|hash| hash.u32(0)).position(|hash| hash & 1 == 1) {
        Some(more) => Ok(last + more as u64 + 1),
        None => Err("its hash table has no end".into()),
    }
}

/// Follows the System V hash table; it says how many symbols there are.
fn sysv_count(segments: &Segments<'_>, at: u64) -> Result<u64, Fault> {
    let outside = || "its hash table is not in what is loaded".to_owned();
    let head = Reader(segments.read_at(at, 8).ok_or_else(outside)?);
    let (buckets, count) = (head.u32(0), head.u32(4));
    if buckets == 0 {
        return Err("its hash table has no buckets".into());
    }
    let table = segments.read_at(at + 8, 4 * (buckets + count)).ok_or_else(outside)?;
    if entries(table, 4).any(|index| index.u32(0) >= count.max(1)) {
        return Err("its hash table leads out of itself".into());
    }
    // Each chain is shorter than the table; a ring would hang the loader.
    let links: Vec<_> = entries(table, 4).map(|index| index.u32(0)).collect();
    let (starts, chains) = links.split_at(buckets as usize);
    let mut visited = 0;
    for start in starts {
        let mut symbol = *start;
        while symbol != 0 {
            symbol = chains[symbol as usize];
            visited += 1;
            if visited > count {
                return Err("its hash table has no end".into());
            }
        }
    }
    Ok(count)
}
