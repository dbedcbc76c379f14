//! Segments: what is mapped, from where in the file, and how it may be used.

use super::{Fault, Reader, entries};

const HEADER: usize = 64;
const ENTRY: usize = 56;

const PT_LOAD: u64 = 1;
const PT_DYNAMIC: u64 = 2;
const PT_NOTE: u64 = 4;
const PT_PHDR: u64 = 6;
const PT_TLS: u64 = 7;
const PT_GNU_EH_FRAME: u64 = 0x6474_e550;
const PT_GNU_STACK: u64 = 0x6474_e551;
const PT_GNU_RELRO: u64 = 0x6474_e552;
const PT_GNU_PROPERTY: u64 = 0x6474_e553;

const EXECUTABLE: u64 = 1;
const WRITABLE: u64 = 2;
const READABLE: u64 = 4;

/// Larger images are refused: reserving their addresses would already do harm.
const MAX_SPAN: u64 = 1 << 34;

/// Larger alignments are refused, as they take as many addresses.
const MAX_ALIGN: u64 = 1 << 26;

/// More are in no library, and each costs a look at the others.
const MAX_SEGMENTS: usize = 128;

/// The loadable segments of a file, in order, none over another.
pub(in crate::native) struct Segments<'b> {
    bytes: &'b [u8],
    loads: Vec<Segment>,
    dynamic: Segment,
    /// What the loader makes read-only once it has written to it.
    protected: Option<Segment>,
    thread_locals: bool,
    executable_stack: bool,
}

/// One program header.
#[derive(Clone, Copy)]
struct Segment {
    kind: u64,
    flags: u64,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
    align: u64,
}

impl<'b> Segments<'b> {
    pub(super) fn read(bytes: &'b [u8]) -> Result<Self, Fault> {
        let all = headers(bytes)?;
        let loads: Vec<_> = all.iter().filter(|segment| segment.kind == PT_LOAD).copied().collect();
        check_loads(&loads, bytes.len() as u64)?;
        let mut dynamics = all.iter().filter(|segment| segment.kind == PT_DYNAMIC);
        let (Some(&dynamic), None) = (dynamics.next(), dynamics.next()) else {
            return Err("it has not just one dynamic table".into());
        };
        // Of several the loader takes the last.
        let protected = all.iter().rfind(|segment| segment.kind == PT_GNU_RELRO).copied();
        let thread_locals = all.iter().any(|segment| segment.kind == PT_TLS);
        // Where it says nothing of the stack, the loader takes code for allowed there.
        let mut stacks = all.iter().filter(|segment| segment.kind == PT_GNU_STACK);
        let executable_stack = stacks.next().is_none_or(|stack| stack.flags & EXECUTABLE != 0);
        let segments =
            Segments { bytes, loads, dynamic, protected, thread_locals, executable_stack };
        for segment in &all {
            segments.check_other(segment)?;
        }
        Ok(segments)
    }

    /// The dynamic table's bytes.
    pub(super) fn dynamic(&self) -> Option<&'b [u8]> {
        self.read_at(self.dynamic.address, self.dynamic.file_size)
    }

    /// Whether it wants to run code on the stack, and so on that of every thread.
    pub(super) fn has_executable_stack(&self) -> bool {
        self.executable_stack
    }

    /// Whether it has thread-local storage of its own.
    pub(super) fn has_thread_locals(&self) -> bool {
        self.thread_locals
    }

    /// What the loader makes read-only once it has written to it: start and end.
    pub(super) fn protected(&self) -> (u64, u64) {
        self.protected.map_or((0, 0), |it| (it.address, it.address.saturating_add(it.memory_size)))
    }

    /// Whether none but the loader writes there: no code that runs as the file is loaded.
    pub(super) fn is_fixed(&self, address: u64, size: u64) -> bool {
        let (start, end) = self.protected();
        let is_within = |last: u64| start <= address && last <= end;
        let load = self.holding(address, size, |load| load.memory_size);
        address.checked_add(size).is_some_and(is_within)
            || load.is_some_and(|load| load.flags & WRITABLE == 0)
    }

    /// The dynamic table's addresses.
    pub(super) fn dynamic_range(&self) -> std::ops::Range<u64> {
        self.dynamic.address..self.dynamic.address.saturating_add(self.dynamic.memory_size)
    }

    /// The bytes of the file that are mapped to these addresses, where they can be read.
    pub(super) fn read_at(&self, address: u64, size: u64) -> Option<&'b [u8]> {
        let load = self.holding(address, size, |load| load.file_size)?;
        if load.flags & READABLE == 0 {
            return None;
        }
        let start = load.offset + (address - load.address);
        self.bytes.get(usize::try_from(start).ok()?..)?.get(..usize::try_from(size).ok()?)
    }

    /// The bytes of the file that are mapped from this address to its segment's end.
    pub(super) fn read_from(&self, address: u64) -> Option<&'b [u8]> {
        let load = self.holding(address, 0, |load| load.file_size)?;
        self.read_at(address, load.address + load.file_size - address)
    }

    /// Whether these addresses are memory of the image.
    pub(super) fn is_mapped(&self, address: u64, size: u64) -> bool {
        self.holding(address, size, |load| load.memory_size).is_some()
    }

    /// Whether these addresses are in the pages of one segment of data: linkers round
    /// up what is made read-only.
    fn is_within_data(&self, address: u64, size: u64) -> bool {
        let load = self.holding(address, size, |load| {
            let end = load.address + load.memory_size;
            end.next_multiple_of(load.align.max(PAGE)) - load.address
        });
        load.is_some_and(|load| load.flags & WRITABLE != 0 && load.flags & EXECUTABLE == 0)
    }

    /// Whether the loader may write to these addresses.
    pub(super) fn is_writable(&self, address: u64, size: u64) -> bool {
        self.holding(address, size, |load| load.memory_size)
            .is_some_and(|load| load.flags & WRITABLE != 0)
    }

    /// Whether code may stand at this address.
    pub(super) fn is_code(&self, address: u64) -> bool {
        self.holding(address, 1, |load| load.file_size)
            .is_some_and(|load| load.flags & EXECUTABLE != 0)
    }

    fn holding(
        &self,
        address: u64,
        size: u64,
        extent: impl Fn(&Segment) -> u64,
    ) -> Option<&Segment> {
        let end = address.checked_add(size)?;
        self.loads.iter().find(|load| {
            address >= load.address && end <= load.address.saturating_add(extent(load))
        })
    }

    /// A segment that is a part of what is loaded.
    fn check_other(&self, segment: &Segment) -> Result<(), Fault> {
        let name = match segment.kind {
            PT_DYNAMIC => "its dynamic table",
            PT_PHDR => "its segment table",
            PT_NOTE | PT_GNU_PROPERTY => "a note",
            PT_TLS => "its thread-local storage",
            PT_GNU_EH_FRAME => "its unwind table",
            PT_GNU_RELRO => "what it makes read-only",
            _ => return Ok(()),
        };
        // What is made read-only is memory; some linkers give it more of the file than
        // is there.
        let in_file = matches!(segment.kind, PT_GNU_RELRO)
            || segment.file_size == 0
            || self.read_at(segment.address, segment.file_size).is_some();
        let in_memory = match segment.kind {
            PT_TLS => true,
            PT_GNU_RELRO => self.is_within_data(segment.address, segment.memory_size),
            // The loader writes to a table that says so.
            PT_DYNAMIC if segment.flags & WRITABLE != 0 => {
                self.is_writable(segment.address, segment.memory_size)
            }
            _ => self.is_mapped(segment.address, segment.memory_size),
        };
        let sizes = segment.kind == PT_GNU_RELRO || segment.file_size <= segment.memory_size;
        let offset =
            segment.file_size == 0 || self.offset_of(segment.address) == Some(segment.offset);
        let tls = segment.kind != PT_TLS
            || (segment.memory_size <= 1 << 30
                && power_of_two_or_none(segment.align)
                && segment.align <= MAX_ALIGN);
        match in_file && in_memory && sizes && offset && tls {
            true => Ok(()),
            false => Err(format!("{name} is not in what is loaded")),
        }
    }

    fn offset_of(&self, address: u64) -> Option<u64> {
        let load = self.holding(address, 0, |load| load.file_size)?;
        Some(load.offset + (address - load.address))
    }
}

fn headers(bytes: &[u8]) -> Result<Vec<Segment>, Fault> {
    let header = Reader(bytes.get(..HEADER).ok_or("its header is cut off")?);
    let (start, size, count) = (header.u64(32), header.u16(54), header.u16(56));
    if header.u32(20) != 1 || header.u16(52) != HEADER as u64 {
        return Err("its header has another version or size".into());
    }
    if size != ENTRY as u64 || count == 0 || count as usize > MAX_SEGMENTS {
        return Err(format!("its header names {count} segments of {size} bytes"));
    }
    let table = usize::try_from(start)
        .ok()
        .and_then(|start| bytes.get(start..)?.get(..ENTRY * count as usize))
        .ok_or("its segment table is not in the file")?;
    Ok(entries(table, ENTRY).map(|entry| Segment::of(&entry)).collect())
}

impl Segment {
    fn of(entry: &Reader<'_>) -> Segment {
        Segment {
            kind: entry.u32(0),
            flags: entry.u32(4),
            offset: entry.u64(8),
            address: entry.u64(16),
            file_size: entry.u64(32),
            memory_size: entry.u64(40),
            align: entry.u64(48),
        }
    }
}

fn check_loads(loads: &[Segment], length: u64) -> Result<(), Fault> {
    let mut end = 0;
    let mut previous: Option<&Segment> = None;
    for load in loads {
        let in_file = load.offset.checked_add(load.file_size).is_some_and(|end| end <= length);
        if !in_file {
            return Err("cut off: a segment that its header names is not in the file".into());
        }
        let next = load.address.checked_add(load.memory_size);
        let next = next.filter(|next| *next <= MAX_SPAN).ok_or("a segment is too large")?;
        let over = |other: &Segment| {
            load.offset < other.offset + other.file_size
                && other.offset < load.offset + load.file_size
        };
        if loads.iter().take_while(|other| other.address < load.address).any(over) {
            return Err("two segments are of the same bytes".into());
        }
        if load.file_size > load.memory_size || load.address < end || load.memory_size == 0 {
            return Err("its segments are not in order".into());
        }
        if load.flags & WRITABLE == 0 && load.file_size != load.memory_size {
            return Err("a part of its code is missing".into());
        }
        // Some linkers make code that can be run and not read.
        if load.flags & (READABLE | EXECUTABLE) == 0 {
            return Err("a segment can be neither read nor run".into());
        }
        let aligned = load.align <= MAX_ALIGN
            && power_of_two_or_none(load.align)
            && (load.align <= 1 || load.offset % load.align == load.address % load.align)
            && load.offset % PAGE == load.address % PAGE;
        if !aligned {
            return Err("a segment is not aligned as it says".into());
        }
        // Whole pages are mapped: one that two segments share must show the same bytes.
        let shares = |other: &Segment| {
            end.next_multiple_of(PAGE) > load.address - load.address % PAGE
                && load.address.wrapping_sub(load.offset)
                    != other.address.wrapping_sub(other.offset)
        };
        if previous.is_some_and(shares) {
            return Err("two segments share a page".into());
        }
        end = next;
        previous = Some(load);
    }
    match loads {
        [] => Err("it has nothing to load".into()),
        // The file's header is found at the image's start.
        [first, ..] if first.offset >= PAGE => {
            Err("its first segment does not start the file".into())
        }
        _ => Ok(()),
    }
}

/// The smallest page of the machines that this is built for; alignment to larger
/// ones is the loader's to refuse.
const PAGE: u64 = 4096;

fn power_of_two_or_none(align: u64) -> bool {
    align == 0 || align.is_power_of_two()
}
