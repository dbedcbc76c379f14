//! What is done to a plugin's file, and which part of it that hits.

use std::ops::Range;

use object::{Object, ObjectSection};

/// What the system's loader reads and follows, by the names that linkers give it.
const TABLES: [&str; 19] = [
    "ELF header",
    "program headers",
    ".dynamic",
    ".dynsym",
    ".dynstr",
    ".gnu.hash",
    ".hash",
    ".gnu.version",
    ".gnu.version_r",
    ".rela.dyn",
    ".rela.plt",
    ".relr.dyn",
    ".init_array",
    ".fini_array",
    ".data.rel.ro",
    ".got",
    ".got.plt",
    ".tdata",
    ".twinplug",
];

/// Numbers that are the same in each run (xorshift64*, Vigna 2016).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn within(&mut self, range: &Range<usize>) -> usize {
        range.start + self.below(range.len())
    }
}

/// A plugin's file that is as it was built.
pub(crate) struct Original {
    bytes: Vec<u8>,
    /// The parts of it, by name; what is in none is padding.
    parts: Vec<(String, Range<usize>)>,
    /// Those that the loader follows.
    tables: Vec<(String, Range<usize>)>,
}

/// A changed file, and what was done to it.
pub(crate) struct Mutant {
    pub(crate) bytes: Vec<u8>,
    pub(crate) sort: &'static str,
    /// The part of the file that was changed.
    pub(crate) hit: String,
}

impl Original {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let parts = parts(&bytes);
        let is_table = |name: &str| TABLES.contains(&name);
        let tables = parts.iter().filter(|(name, _)| is_table(name)).cloned().collect();
        Original { bytes, parts, tables }
    }

    pub(crate) fn mutant(&self, random: &mut Random, other: &Original) -> Mutant {
        match random.below(10) {
            0 => {
                let bytes = self.bytes[..random.below(self.bytes.len())].to_vec();
                Mutant { bytes, sort: "cut off", hit: "the end".into() }
            }
            1 => {
                let to = random.below(1024);
                self.spliced(random, other, to..to + 512, "spliced into the head")
            }
            2 => {
                let table = &self.tables[random.below(self.tables.len())].1;
                let at = random.within(table);
                self.spliced(random, other, at..table.end, "spliced into a table")
            }
            3 | 4 => self.flipped(random, &(0..self.bytes.len().min(0x800)), "flipped in the head"),
            5 | 6 => {
                let table = &self.tables[random.below(self.tables.len())].1;
                self.flipped(random, table, "flipped in a table")
            }
            _ => {
                let at = random.below(self.bytes.len());
                let part = self.part(at).map_or(at..at + 1, |(_, range)| range.clone());
                self.flipped(random, &part, "flipped anywhere")
            }
        }
    }

    /// Up to 512 bytes of the other file, in place of ours.
    fn spliced(
        &self,
        random: &mut Random,
        other: &Original,
        place: Range<usize>,
        sort: &'static str,
    ) -> Mutant {
        let length = 1 + random.below(place.len().min(512));
        let from = random.below(other.bytes.len() - length);
        let place = place.start..place.start + length;
        let mut bytes = self.bytes.clone();
        bytes[place.clone()].copy_from_slice(&other.bytes[from..from + length]);
        Mutant { bytes, sort, hit: self.hit(&[place.start, place.end - 1]) }
    }

    /// One to four bits.
    fn flipped(&self, random: &mut Random, range: &Range<usize>, sort: &'static str) -> Mutant {
        let mut bytes = self.bytes.clone();
        let places: Vec<_> = (0..1 + random.below(4)).map(|_| random.within(range)).collect();
        for &at in &places {
            bytes[at] ^= 1 << random.below(8);
        }
        Mutant { bytes, sort, hit: self.hit(&places) }
    }

    fn part(&self, at: usize) -> Option<&(String, Range<usize>)> {
        self.parts.iter().find(|(_, range)| range.contains(&at))
    }

    /// The part that all these places are in.
    fn hit(&self, places: &[usize]) -> String {
        let name = |at: &usize| self.part(*at).map_or("padding", |(name, _)| name);
        let first = name(&places[0]);
        match places.iter().all(|at| name(at) == first) {
            true => first.to_owned(),
            false => "several".to_owned(),
        }
    }
}

/// Headers and sections, by name.
fn parts(bytes: &[u8]) -> Vec<(String, Range<usize>)> {
    let headers = usize::from(bytes[56]);
    let mut parts = vec![
        ("ELF header".to_owned(), 0..64),
        ("program headers".to_owned(), 64..64 + 56 * headers),
    ];
    for section in object::File::parse(bytes).unwrap().sections() {
        let Some((start, size)) = section.file_range().filter(|(_, size)| *size > 0) else {
            continue;
        };
        let name = section.name().unwrap().to_owned();
        parts.push((name, start as usize..(start + size) as usize));
    }
    parts
}
