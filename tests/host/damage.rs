//! Damaged words of a file, each of which the system's loader or the host would believe.

use object::{Object, ObjectSection, ObjectSymbol};
use twinplug::ErrorKind;

use crate::shop::Shop;
use crate::twins::C;

/// A whole plugin, of which one word at a time is damaged. ELF64: program headers of
/// 56 bytes from 64 on, with type, flags, offset, address; relocations of 24 bytes.
struct Whole {
    shop: Shop,
    bytes: Vec<u8>,
}

impl Whole {
    fn new() -> Self {
        Whole { shop: Shop::new(), bytes: std::fs::read(&C.testplugin).unwrap() }
    }

    fn word(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes[at..at + 8].try_into().unwrap())
    }

    fn half(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..at + 4].try_into().unwrap())
    }

    /// The first program header of that type and, if they matter, of those flags.
    fn header(&self, kind: u32, flags: Option<u32>) -> usize {
        let mut headers = (0..usize::from(self.bytes[56])).map(|number| 64 + 56 * number);
        let wanted = |at: &usize| {
            self.half(*at) == kind && flags.is_none_or(|flags| self.half(*at + 4) == flags)
        };
        headers.find(wanted).unwrap()
    }

    /// The entry of that tag in the dynamic table.
    fn entry(&self, tag: u64) -> usize {
        let table = self.word(self.header(2, None) + 8) as usize;
        (table..).step_by(16).find(|&at| self.word(at) == tag).unwrap()
    }

    fn file(&self) -> object::File<'_> {
        object::File::parse(&*self.bytes).unwrap()
    }

    fn section(&self, name: &str) -> (usize, u64) {
        let file = self.file();
        let section = file.section_by_name(name).unwrap();
        (section.file_range().unwrap().0 as usize, section.address())
    }

    /// The table's address.
    fn table(&self) -> u64 {
        let file = self.file();
        file.dynamic_symbols().find(|s| s.name() == Ok("twinplug_plugin")).unwrap().address()
    }

    /// The place in the file of an address in `.data.rel.ro`.
    fn constant(&self, address: u64) -> usize {
        let (offset, start) = self.section(".data.rel.ro");
        offset + (address - start) as usize
    }

    /// The relocation of the word at an address.
    fn relocation(&self, address: u64) -> usize {
        let (start, _) = self.section(".rela.dyn");
        (start..).step_by(24).find(|&at| self.word(at) == address).unwrap()
    }

    /// With one word changed it is refused.
    #[track_caller]
    fn check(&self, at: usize, value: u64, expected: &str) {
        self.check_words(&[(at, value)], expected);
    }

    #[track_caller]
    fn check_words(&self, words: &[(usize, u64)], expected: &str) {
        let mut bytes = self.bytes.clone();
        for (at, value) in words {
            bytes[*at..at + 8].copy_from_slice(&value.to_ne_bytes());
        }
        let path = self.shop.write("damaged.so", bytes);
        self.shop.check(&path, ErrorKind::Refused, &format!("broken: {expected}"));
    }
}

#[test]
fn counts_of_relocations_are_true() {
    let whole = Whole::new();
    let relative = whole.entry(0x6fff_fff9) + 8;
    let expected = "it counts more relative relocations than there are";
    whole.check(relative, whole.word(relative) + 3, expected);
    whole.check(relative, 1 << 40, expected);
}

#[test]
fn what_is_made_read_only_is_data() {
    let whole = Whole::new();
    let relro = whole.header(0x6474_e552, None);
    let code = whole.header(1, Some(5));
    let expected = "what it makes read-only is not in what is loaded";
    whole.check(relro + 16, whole.word(code + 16), expected);
    whole.check(relro + 40, 1 << 32, expected);
}

#[test]
fn tables_are_in_the_file() {
    let whole = Whole::new();
    let (dynamic, code) = (whole.header(2, None), whole.header(1, Some(5)));
    let expected = "its dynamic table is not in what is loaded";
    whole.check(dynamic + 16, whole.word(code + 16), expected);
    // DT_STRTAB, DT_SYMTAB, DT_GNU_HASH
    whole.check(whole.entry(5) + 8, 1 << 40, "its strings are not in what is loaded");
    whole.check(whole.entry(6) + 8, 1 << 40, "its symbol table is not in what is loaded");
    whole.check(whole.entry(0x6fff_fef5) + 8, 1 << 40, "its hash table is not in what is loaded");
}

#[test]
fn what_is_read_can_be_read() {
    let whole = Whole::new();
    // The first segment, which holds the tables, and that of data; flags are the upper half.
    let (first, data) = (whole.header(1, Some(4)), whole.header(1, Some(6)));
    whole.check(first, 1, "a segment can be neither read nor run");
    whole.check(data, 1 | 2 << 32, "a segment can be neither read nor run");
    // Run, and not read.
    whole.check(first, 1 | 1 << 32, "a note is not in what is loaded");
    whole.check(data, 1 | 3 << 32, "its dynamic table is not in what is loaded");
}

#[test]
fn constructors_are_relocated() {
    let whole = Whole::new();
    // DT_INIT_ARRAY
    let list = whole.entry(25) + 8;
    whole.check(list, whole.word(list) - 8, "its constructors are not in what is loaded");
}

#[test]
fn calls_say_how_they_are_relocated() {
    let whole = Whole::new();
    // DT_PLTREL, turned into a tag that nobody knows.
    let expected = "it has calls to relocate, and does not say how";
    whole.check(whole.entry(20), 20 | 1 << 32, expected);
    // DT_JMPREL and DT_PLTRELSZ.
    let lost = [23, 2].map(|tag| (whole.entry(tag), tag | 1 << 32));
    whole.check_words(&lost, "it says how its calls are relocated, and has none");
}

/// DT_FILTER: the loader would load what it names, and look there first.
#[test]
fn filters_are_refused() {
    let whole = Whole::new();
    let expected = "its dynamic table has the tag 0x7fffffff, which plugins may not use";
    // In place of DT_RELACOUNT, which may be left out.
    whole.check(whole.entry(0x6fff_fff9), 0x7fff_ffff, expected);
}

#[test]
fn segments_are_of_bytes_of_their_own() {
    let whole = Whole::new();
    // The code's offset, in place of which the file's start would be run.
    let code = whole.header(1, Some(5));
    whole.check(code + 8, 0, "two segments are of the same bytes");
}

/// The loader looks at the versions of symbols as soon as a needed version is listed,
/// whether they are there or not.
#[test]
fn listed_versions_need_versions_of_symbols() {
    let whole = Whole::new();
    // DT_VERSYM, turned into a tag that nobody knows; DT_VERNEED.
    let none = "its symbols have no versions, and it lists some";
    whole.check(whole.entry(0x6fff_fff0), 0x2_6fff_fff0, none);
    let unlisted = "its symbols have versions, and it lists none";
    whole.check(whole.entry(0x6fff_fffe), 0x2_6fff_fffe, unlisted);
}

/// Offsets of fields of `tp_plugin` and `tp_export`.
#[test]
fn what_the_table_points_to_is_there() {
    let whole = Whole::new();
    let table = whole.table();
    let addend = |field: u64| whole.relocation(table + field) + 16;
    let (_, read_only) = whole.section(".rodata");
    let (_, data) = whole.section(".data");
    // No code holds a text: `.fini` is the last of it, and has no zero.
    let (_, end) = whole.section(".fini");
    whole.check(addend(16), end, "`name` of its table has no end");
    whole.check(addend(24), end, "`version` of its table has no end");
    whole.check(addend(48), read_only, "`init` of its table is no code");
    whole.check(addend(48), data, "`init` of its table is no code");
    let memory = whole.header(1, Some(6));
    let last = whole.word(memory + 16) + whole.word(memory + 40) - 8;
    whole.check(addend(32), last, "`exports` of its table leads out of what is loaded");
    // 64 bytes an export, and more of them than are there.
    let count = whole.constant(table + 40);
    let more = whole.word(count) + 30;
    whole.check(count, more, "`exports` of its table leads out of what is loaded");
    let hook = whole.constant(table + 56);
    whole.check(hook, 0x1234, "`on_load` of its table is an address that is not relocated");
}

#[test]
fn what_an_export_points_to_is_there() {
    let whole = Whole::new();
    let exports = whole.word(whole.relocation(whole.table() + 32) + 16);
    let addend = |field: u64| whole.relocation(exports + field) + 16;
    let (_, end) = whole.section(".fini");
    let (_, read_only) = whole.section(".rodata");
    whole.check(addend(0), end, "`name` of its export 0 has no end");
    whole.check(addend(8), end, "`type` of its export 0 has no end");
    // The first two are variables, then come functions.
    whole.check(addend(40), read_only, "`get` of its export 0 is no code");
    whole.check(addend(48), read_only, "`set` of its export 0 is no code");
    whole.check(addend(2 * 64 + 32), read_only, "`call` of its export 2 is no code");
    let direct = whole.constant(exports + 56);
    whole.check(direct, 0x1234, "`direct` of its export 0 is an address that is not relocated");
}

#[test]
fn nothing_is_written_over_the_tables_numbers() {
    let whole = Whole::new();
    let table = whole.table();
    let version = whole.relocation(table + 24);
    whole.check(version, table, "the numbers of its table are relocated");
    whole.check(version, table + 40, "the numbers of its table are relocated");
    let exports = whole.word(whole.relocation(table + 32) + 16);
    let get = whole.relocation(exports + 40);
    whole.check(get, exports + 16, "the numbers of its export 0 are relocated");
}

/// Which of two the system finds cannot be told, nor what it does with it.
#[test]
fn the_tables_symbol_is_the_only_one_of_its_name() {
    let whole = Whole::new();
    let symbols = whole.section(".dynsym").0;
    let table = (symbols..).step_by(24).find(|&at| whole.word(at + 8) == whole.table()).unwrap();
    // Name, type and section of an imported one, which comes first.
    whole.check(symbols + 24, whole.word(table), "it has two symbols `twinplug_plugin`");
}
