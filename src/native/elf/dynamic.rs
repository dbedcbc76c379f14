//! The dynamic table: where the loader finds everything else.

use std::collections::HashSet;

use super::{Dependencies, Fault, Reader, Segments, entries};

/// The table's entries that matter here, by tag.
const STRTAB: u64 = 5;
const SYMTAB: u64 = 6;
const STRSZ: u64 = 10;
const SYMENT: u64 = 11;
const INIT: u64 = 12;
const FINI: u64 = 13;
const NEEDED: u64 = 1;
const SONAME: u64 = 14;
const RPATH: u64 = 15;
const RUNPATH: u64 = 29;
const TEXTREL: u64 = 22;
const FLAGS: u64 = 30;
const INIT_ARRAY: u64 = 25;
const FINI_ARRAY: u64 = 26;
const INIT_ARRAYSZ: u64 = 27;
const FINI_ARRAYSZ: u64 = 28;
const VERSYM: u64 = 0x6fff_fff0;
const VERDEF: u64 = 0x6fff_fffc;
const VERDEFNUM: u64 = 0x6fff_fffd;
const VERNEED: u64 = 0x6fff_fffe;
const VERNEEDNUM: u64 = 0x6fff_ffff;
const FLAGS_1: u64 = 0x6fff_fffb;

/// The packed relative relocations, and what says to the C library that they are there.
const RELR: u64 = 36;
const RELR_VERSION: &str = "GLIBC_ABI_DT_RELR";

/// The versions of symbols that have none, and the bits of an index; the highest
/// bit hides a symbol.
const LOCAL: u64 = 0;
const GLOBAL: u64 = 1;
const INDEX: u64 = 0x7fff;

const DF_TEXTREL: u64 = 4;
const DF_STATIC_TLS: u64 = 0x10;
const DF_1_NODELETE: u64 = 8;
const DF_1_PIE: u64 = 0x0800_0000;

/// What the loader runs or reads and no linker of today writes: auditing, filters,
/// configuration, `DT_PREINIT_ARRAY` (not allowed in libraries).
const REFUSED: [u64; 7] = [32, 33, 0x6fff_fefa, 0x6fff_fefb, 0x6fff_fefc, 0x7fff_fffd, 0x7fff_ffff];

/// More libraries, and longer names of them, are in no plugin.
const MAX_NEEDED: usize = 1024;
const MAX_NAME: usize = 4096;
const MAX_RUN_PATH: usize = 64;

/// More versions are in no library.
const MAX_VERSIONS: usize = 1 << 15;

/// More are in no library.
const MAX_ENTRIES: usize = 4096;

/// The dynamic table's entries, tag and value.
pub(super) struct Dynamic<'b> {
    list: Vec<(u64, u64)>,
    pub(super) strings: &'b [u8],
}

impl<'b> Dynamic<'b> {
    pub(super) fn read(segments: &Segments<'b>) -> Result<Self, Fault> {
        let table = segments.dynamic().ok_or("its dynamic table is not in the file")?;
        let all = entries(table, 16).map(|entry| (entry.u64(0), entry.u64(8)));
        let list: Vec<_> = all.take(MAX_ENTRIES).take_while(|(tag, _)| *tag != 0).collect();
        if list.len() == MAX_ENTRIES || list.len() == table.len() / 16 {
            return Err("its dynamic table has no end".into());
        }
        let mut dynamic = Dynamic { list, strings: &[] };
        let strings = dynamic.table(segments, "strings", STRTAB, STRSZ)?;
        dynamic.strings = strings
            .filter(|strings| strings.last() == Some(&0))
            .ok_or("its strings have no end")?;
        Ok(dynamic)
    }

    /// The value of a tag; `None` if it is not there.
    pub(super) fn get(&self, tag: u64) -> Option<u64> {
        // The loader keeps the last one.
        self.list.iter().rev().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }

    /// The bytes of a table whose address and size stand under these tags.
    pub(super) fn table(
        &self,
        segments: &Segments<'b>,
        name: &str,
        address: u64,
        size: u64,
    ) -> Result<Option<&'b [u8]>, Fault> {
        match (self.get(address), self.get(size)) {
            (None, None | Some(0)) => Ok(None),
            (Some(address), Some(size)) => {
                let table = segments.read_at(address, size);
                table.map(Some).ok_or(format!("its {name} are not in what is loaded"))
            }
            _ => Err(format!("its {name} have an address or a size alone")),
        }
    }

    /// The address of the symbol table.
    pub(super) fn symbols(&self) -> Result<u64, Fault> {
        match (self.get(SYMTAB), self.get(SYMENT)) {
            (Some(address), Some(24)) => Ok(address),
            _ => Err("it has no symbol table, or one of another format".into()),
        }
    }

    /// The versions of the symbols: two bytes each.
    pub(super) fn symbol_versions(&self) -> Option<u64> {
        self.get(VERSYM)
    }

    /// Whether it is a program that is built as a library is.
    pub(super) fn is_program(&self) -> bool {
        self.get(FLAGS_1).unwrap_or(0) & DF_1_PIE != 0
    }

    /// What the flags say of how it behaves.
    pub(super) fn hazards(&self) -> Vec<&'static str> {
        let mut hazards = Vec::new();
        if self.get(FLAGS).unwrap_or(0) & DF_STATIC_TLS != 0 {
            hazards
                .push("static thread-local storage: the process has room for a few such libraries");
        }
        if self.get(FLAGS_1).unwrap_or(0) & DF_1_NODELETE != 0 {
            hazards.push("NODELETE: it stays mapped");
        }
        hazards
    }

    /// The libraries it needs, and where it says they are.
    ///
    /// They are few and their names short: text is shared, so that a small file could
    /// say much.
    pub(super) fn dependencies(&self) -> Result<Dependencies, Fault> {
        let named = self.list.iter().filter(|(tag, _)| matches!(*tag, NEEDED | RUNPATH | RPATH));
        if named.clone().count() > MAX_NEEDED {
            return Err(format!("it needs more than {MAX_NEEDED} libraries"));
        }
        if named.clone().any(|(_, at)| self.string(*at).is_none()) {
            return Err("the name of a library that it needs is too long, or not UTF-8".into());
        }
        let texts = |tag: u64| {
            let named = self.list.iter().filter(move |(found, _)| *found == tag);
            named.filter_map(|(_, at)| self.string(*at))
        };
        // The older RPATH counts where there is no RUNPATH.
        let paths = texts(RUNPATH).next().or_else(|| texts(RPATH).next());
        let run_path =
            paths.map(|paths| paths.split(':').take(MAX_RUN_PATH).map(str::to_owned).collect());
        let passes_on = texts(RUNPATH).next().is_none();
        Ok(Dependencies {
            needed: texts(NEEDED).map(str::to_owned).collect(),
            run_path: run_path.unwrap_or_default(),
            passes_on,
            imports: Vec::new(),
        })
    }

    pub(super) fn string(&self, at: u64) -> Option<&'b str> {
        let text = self.strings.get(usize::try_from(at).ok()?..)?;
        let text = &text[..text.len().min(MAX_NAME)];
        std::ffi::CStr::from_bytes_until_nul(text).ok()?.to_str().ok()
    }

    pub(super) fn check(&self, segments: &Segments<'b>) -> Result<(), Fault> {
        if let Some((tag, _)) = self.list.iter().find(|(tag, _)| REFUSED.contains(tag)) {
            return Err(format!(
                "its dynamic table has the tag {tag:#x}, which plugins may not use"
            ));
        }
        if self.get(TEXTREL).is_some() || self.get(FLAGS).unwrap_or(0) & DF_TEXTREL != 0 {
            return Err("its code would have to be relocated: build it with -fPIC".into());
        }
        for (tag, value) in &self.list {
            let text = matches!(*tag, NEEDED | SONAME | RPATH | RUNPATH);
            if text && *value >= self.strings.len() as u64 {
                return Err("its dynamic table names a string that is not there".into());
            }
        }
        self.check_functions(segments)
    }

    /// What runs at loading and unloading is code, and its list can be read.
    fn check_functions(&self, segments: &Segments<'b>) -> Result<(), Fault> {
        for tag in [INIT, FINI] {
            if self.get(tag).is_some_and(|address| !segments.is_code(address)) {
                return Err("its init or fini is no code".into());
            }
        }
        for (address, size) in [(INIT_ARRAY, INIT_ARRAYSZ), (FINI_ARRAY, FINI_ARRAYSZ)] {
            let list = self.table(segments, "constructors", address, size)?;
            if list.is_some_and(|list| list.len() % 8 != 0)
                || !self.get(address).unwrap_or(0).is_multiple_of(8)
            {
                return Err("its list of constructors is not aligned".into());
            }
        }
        Ok(())
    }

    /// The addresses of the lists of functions that the loader calls, with sizes.
    pub(super) fn function_lists(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let lists = [(INIT_ARRAY, INIT_ARRAYSZ), (FINI_ARRAY, FINI_ARRAYSZ)];
        lists.into_iter().filter_map(|(address, size)| Some((self.get(address)?, self.get(size)?)))
    }

    /// The versions that symbols may have: those of the file's own, those it needs.
    pub(super) fn versions(&self, segments: &Segments<'b>) -> Result<HashSet<u64>, Fault> {
        let mut versions = Vec::new();
        self.needed_versions(segments, &mut versions)?;
        self.defined_versions(segments, &mut versions)?;
        match (versions.is_empty(), self.symbol_versions()) {
            (true, Some(_)) => return Err("its symbols have versions, and it lists none".into()),
            // The loader looks at them as soon as a version is listed.
            (false, None) => return Err("its symbols have no versions, and it lists some".into()),
            _ => {}
        }
        versions.extend([LOCAL, GLOBAL]);
        Ok(versions.into_iter().collect())
    }

    /// Versions that are needed of other libraries: a chain of entries, each with a
    /// chain of its own.
    fn needed_versions(
        &self,
        segments: &Segments<'b>,
        versions: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let Some(address) = self.get(VERNEED) else { return Ok(()) };
        let count = self.get(VERNEEDNUM).unwrap_or(0);
        let needed: HashSet<_> = self.dependencies()?.needed.into_iter().collect();
        let (mut of_libc, mut relr) = (false, false);
        self.chain(segments, address, count, 12, |entry, at| {
            // The loader takes it for granted that it has loaded that library.
            if !self.string(entry.u32(4)).is_some_and(|file| needed.contains(file)) {
                return Err("its symbol versions are of a library that it does not need".into());
            }
            of_libc |= self.string(entry.u32(4)).is_some_and(|file| file.starts_with("libc.so."));
            let inner = at.saturating_add(entry.u32(8));
            self.chain(segments, inner, entry.u16(2), 12, |version, _| {
                add(versions, version.u16(6))?;
                relr |= self.string(version.u32(8)) == Some(RELR_VERSION);
                self.text(version.u32(8))
            })
        })?;
        // glibc's `elf/dl-version.c`; before 2.36 it leaves them out.
        if cfg!(target_env = "gnu") && of_libc && !relr && self.get(RELR).is_some() {
            return Err(format!(
                "its packed relocations come without the version `{RELR_VERSION}`, and the system \
                 refuses that: link with -z pack-relative-relocs, or without packing"
            ));
        }
        Ok(())
    }

    /// Versions that it defines.
    fn defined_versions(
        &self,
        segments: &Segments<'b>,
        versions: &mut Vec<u64>,
    ) -> Result<(), Fault> {
        let Some(address) = self.get(VERDEF) else { return Ok(()) };
        let count = self.get(VERDEFNUM).unwrap_or(0);
        self.chain(segments, address, count, 16, |entry, at| {
            add(versions, entry.u16(4))?;
            let inner = at.saturating_add(entry.u32(12));
            self.chain(segments, inner, entry.u16(6), 4, |name, _| self.text(name.u32(0)))
        })
    }

    /// Follows a chain of `count` entries of 16 bytes; the step to the next one
    /// stands at `step`. It ends with a step of 0, and just there.
    fn chain(
        &self,
        segments: &Segments<'b>,
        mut address: u64,
        count: u64,
        step: usize,
        mut check: impl FnMut(&Reader<'_>, u64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // An entry of a definition is 20 bytes, of a needed version 16, of a name 8.
        let size = if step == 4 { 8 } else { step as u64 + 4 };
        if count == 0 {
            // The loader looks at the first entry before it asks how many there are.
            return Err("its symbol versions are none".into());
        }
        for index in 1..=count {
            let entry = segments.read_at(address, size).map(Reader);
            let entry = entry.ok_or("its symbol versions are not in what is loaded")?;
            check(&entry, address)?;
            let step = entry.u32(step);
            if (step == 0) != (index == count) || index > 4096 {
                return Err("its symbol versions do not end where they say".into());
            }
            address = address.checked_add(step).ok_or("its symbol versions have no end")?;
        }
        Ok(())
    }

    /// A text of the string table; all end, as the table's last byte is 0.
    fn text(&self, offset: u64) -> Result<(), Fault> {
        match offset < self.strings.len() as u64 {
            true => Ok(()),
            false => Err("its symbol versions name a string that is not there".into()),
        }
    }
}

fn add(versions: &mut Vec<u64>, version: u64) -> Result<(), Fault> {
    if versions.len() == MAX_VERSIONS {
        return Err("it has too many symbol versions".into());
    }
    versions.push(version & INDEX);
    Ok(())
}
