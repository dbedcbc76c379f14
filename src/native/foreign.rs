//! What a file is that is no library for this machine, in words for who named it.
//!
//! It looks at the first bytes alone; whether a library is whole is checked elsewhere.

/// What a file is that no linker has made.
pub(super) fn what_else(bytes: &[u8]) -> String {
    let known = match bytes {
        [] => "an empty file",
        [0x7f, b'E', b'L', b'F', class, ..] if !matches!(class, 1 | 2) => {
            return format!("a broken ELF file: its class is {class}, and neither 1 nor 2");
        }
        [0x7f, b'E', b'L', b'F', ..] => "a broken ELF file",
        [0x1f, 0x8b, ..] => "a gzip archive, and no shared library",
        [0, b'a', b's', b'm', ..] => "a WebAssembly module, and no shared library",
        [0x1b, b'L', b'u', b'a', ..] | [0x1b, b'L', b'J', ..] => {
            "Lua bytecode, and no shared library: give the source, in a file that ends in `.lua`"
        }
        [b'M', b'Z', ..] => "a broken library or program of Windows (PE), and none of this system",
        _ => match text(bytes) {
            Some(text) if is_linker_script(text) => {
                "a linker script, and no shared library: give the library that it names"
            }
            Some(text) if is_like_lua(text) => {
                "a text file that looks like Lua, and no shared library: a script is called `.lua`"
            }
            Some(_) => "a text file, and no shared library",
            None => "no shared library",
        },
    };
    known.to_owned()
}

/// The start of a file that is text.
fn text(bytes: &[u8]) -> Option<&str> {
    let start = &bytes[..bytes.len().min(4096)];
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character that the end cuts in two.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&start[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let plain = |c: char| !c.is_control() || c.is_ascii_whitespace();
    text.chars().all(plain).then_some(text)
}

/// As GNU's linker reads in place of a library.
fn is_linker_script(text: &str) -> bool {
    let is_command = |line: &str| {
        let rest = line.strip_prefix("GROUP").or_else(|| line.strip_prefix("INPUT"));
        rest.is_some_and(|rest| rest.trim_start().starts_with('('))
    };
    text.starts_with("/* GNU ld script") || text.lines().any(is_command)
}

/// Lines that a script has, and other text seldom: a guess, and told as one.
fn is_like_lua(text: &str) -> bool {
    let starts = ["local ", "function ", "return {", "--", "#!/usr/bin/env lua"];
    text.lines().any(|line| starts.iter().any(|start| line.starts_with(start)))
}

/// The class and the byte order of an ELF file for this machine.
const CLASS: u8 = if cfg!(target_pointer_width = "64") { 2 } else { 1 };
const ORDER: u8 = if cfg!(target_endian = "big") { 2 } else { 1 };

/// The numbers of machines in ELF files (`e_machine`), as `std::env::consts::ARCH` calls
/// them.
const MACHINES: [(u16, &str); 8] = [
    (3, "x86"),
    (21, "powerpc64"),
    (22, "s390x"),
    (40, "arm"),
    (62, "x86_64"),
    (183, "aarch64"),
    (243, "riscv64"),
    (258, "loongarch64"),
];

/// What an ELF file was built for, if that is another machine than this one.
pub(super) fn other_machine(bytes: &[u8]) -> Option<String> {
    let &[0x7f, b'E', b'L', b'F', class, order, ..] = bytes else { return None };
    let &[low, high] = bytes.get(18..20)? else { return None };
    let number =
        if order == 2 { u16::from_be_bytes([low, high]) } else { u16::from_le_bytes([low, high]) };
    let arch = std::env::consts::ARCH;
    let machine = MACHINES.iter().find(|(known, _)| *known == number);
    // Where this machine's number is not known the system's own loader decides.
    let here = MACHINES.iter().find(|(_, name)| *name == arch);
    let same = here.is_none_or(|(here, _)| *here == number);
    if same && class == CLASS && order == ORDER {
        return None;
    }
    let machine = machine.map_or(format!("machine {number}"), |(_, name)| (*name).to_owned());
    Some(format!(
        "built for {}, this machine is {}",
        described(&machine, class, order),
        described(arch, CLASS, ORDER)
    ))
}

fn described(machine: &str, class: u8, order: u8) -> String {
    let bits = if class == 2 { "64 bits" } else { "32 bits" };
    let order = match order {
        1 => "little-endian".to_owned(),
        2 => "big-endian".to_owned(),
        other => format!("byte order {other}"),
    };
    format!("{machine} ({bits}, {order})")
}

/// Whether the list of sections, which linkers put at the end, is not all there in a
/// 64-bit ELF file for this machine.
pub(super) fn is_cut_off(bytes: &[u8]) -> bool {
    let &[0x7f, b'E', b'L', b'F', 2, ..] = bytes else { return false };
    let number = |at: usize, size: usize| {
        let mut number = [0; 8];
        let place = if cfg!(target_endian = "big") { 8 - size..8 } else { 0..size };
        number[place].copy_from_slice(bytes.get(at..at + size)?);
        Some(u64::from_ne_bytes(number))
    };
    // e_shoff, e_shentsize, e_shnum
    let (Some(start), Some(size), Some(count)) = (number(40, 8), number(58, 2), number(60, 2))
    else {
        return true;
    };
    start.checked_add(size * count).is_none_or(|end| end > bytes.len() as u64)
}
