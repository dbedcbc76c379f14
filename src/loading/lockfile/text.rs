//! A lock file's text: a line that says what it is, then a line a file, in the order of the paths.
//!
//! The lines are those of `sha256sum`, which passes over the ones that begin with `#` as well.

use std::collections::HashMap;
use std::path::{Component, Path};

use super::{Files, Hash};

/// How a lock file begins, whatever its version.
const HEAD: &str = "# twinplug.lock, version ";
const VERSION: u32 = 1;
/// What people are told who look into it.
const NOTE: &str = "# The SHA-256 of each file that may be loaded, made by `twinplug lock`.";

/// A line that is none of a lock file.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    /// From 1.
    pub(super) line: u32,
    pub(super) why: String,
}

pub(super) fn written(files: &Files) -> String {
    let lines: String = files.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
    format!("{HEAD}{VERSION}\n{NOTE}\n{lines}")
}

/// Whether a file is a lock file that may be written over: it begins as one of this version does
/// or of one before, whatever has become of the rest.
pub(super) fn is_lock(text: &[u8]) -> bool {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    std::str::from_utf8(first).is_ok_and(|first| check_head(first.trim_end()).is_ok())
}

/// # Errors
/// The first line that is none.
pub(super) fn parsed(text: &[u8]) -> Result<Files, Fault> {
    let fault = |line: usize, why: String| Fault { line: line as u32, why };
    let Ok(text) = std::str::from_utf8(text) else {
        return Err(fault(1, "it is not UTF-8".to_owned()));
    };
    let (mut files, mut places) = (Files::new(), HashMap::new());
    check_head(text.lines().next().unwrap_or_default().trim_end()).map_err(|why| fault(1, why))?;
    for (line, number) in text.lines().zip(1..).filter(|(line, _)| is_entry(line)) {
        let (hash, name) = entry(line.trim_end()).map_err(|why| fault(number, why))?;
        if let Some(first) = places.insert(name, number) {
            let why = format!("`{name}` stands there twice, in line {first} first");
            return Err(fault(number, why));
        }
        files.insert(name.to_owned(), hash);
    }
    Ok(files)
}

fn check_head(line: &str) -> Result<(), String> {
    let version = line.strip_prefix(HEAD).map(str::parse::<u32>);
    match version {
        Some(Ok(1..=VERSION)) => Ok(()),
        Some(Ok(version)) if version > VERSION => Err(format!(
            "it is of version {version}, and this twinplug knows version {VERSION}: update it"
        )),
        _ => Err(format!("expected `{HEAD}{VERSION}`, got {line:?}")),
    }
}

/// Comments and empty lines are none.
fn is_entry(line: &str) -> bool {
    !line.starts_with('#') && !line.trim_end().is_empty()
}

fn entry(line: &str) -> Result<(Hash, &str), String> {
    let found = line.split_once("  ").and_then(|(hash, name)| Some((parse_hash(hash)?, name)));
    let Some((hash, name)) = found else {
        return Err(format!("expected a SHA-256, two spaces and a path, got {line:?}"));
    };
    match is_name(name) {
        true => Ok((hash, name)),
        false => Err(format!(
            "expected the path of a file below the folder, like `clock/init.lua`, got {name:?}"
        )),
    }
}

fn parse_hash(text: &str) -> Option<Hash> {
    let mut hash = [0; 32];
    let digits = text.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(digits.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?;
    }
    Some(Hash(hash))
}

/// Whether a path can stand in a lock file: it leads down from the folder, each step by its name.
pub(super) fn is_name(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(_));
    let is_straight = !path.split('/').any(|part| part.is_empty() || part == ".");
    let is_seen = !path.contains('\\') && !path.contains(char::is_control);
    is_straight && is_seen && path.trim() == path && Path::new(path).components().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "0011223344556677889900aabbccddeeff0011223344556677889900aabbccdd";

    fn check(text: &str, line: u32, why: &str) {
        let fault = parsed(text.as_bytes()).map(|files| files.len()).unwrap_err();
        assert_eq!((fault.line, fault.why.as_str()), (line, why), "{text:?}");
    }

    #[test]
    fn what_is_written_is_read() {
        let names = ["a.lua", "a/b c.lua", "ü.so"];
        let files: Files = names.iter().map(|name| (name.to_string(), Hash([7; 32]))).collect();
        let text = written(&files);
        assert_eq!(text.lines().count(), 5);
        assert!(parsed(text.as_bytes()).unwrap() == files);
        // As git leaves it on Windows, with a comment of somebody's.
        let other = text.replace('\n', "\r\n") + "\r\n# mine\r\n";
        assert!(parsed(other.as_bytes()).unwrap() == files);
        assert!(is_lock(text.as_bytes()) && is_lock(other.as_bytes()));
    }

    #[test]
    fn digits_may_be_in_upper_case() {
        let entry = |hash: &str| format!("{HEAD}1\n{hash}  a.lua");
        let (lower, upper) = (entry(A), entry(&A.to_uppercase()));
        assert!(parsed(lower.as_bytes()).unwrap() == parsed(upper.as_bytes()).unwrap());
    }

    #[test]
    fn a_line_that_is_none_is_told() {
        let with = |line: &str| format!("{HEAD}1\n\n{line}\n");
        let expected =
            |line: &str| format!("expected a SHA-256, two spaces and a path, got {line:?}");
        let short = format!("{}  a.lua", &A[1..]);
        let other = format!("{}g  a.lua", &A[1..]);
        let one_space = format!("{A} a.lua");
        let lines = ["<<<<<<< HEAD", "a.lua", A, &short, &other, &one_space];
        lines.iter().for_each(|line| check(&with(line), 3, &expected(line)));
        let names =
            ["/a.lua", "../a.lua", "a/../b.lua", "./a.lua", "a//b.lua", "a/", " a", "a\\b", "a\tb"];
        for name in names {
            let why = format!(
                "expected the path of a file below the folder, like `clock/init.lua`, got {name:?}"
            );
            check(&with(&format!("{A}  {name}")), 3, &why);
        }
        let twice = format!("{A}  a.lua\n{A}  b.lua\n{A}  a.lua");
        check(&with(&twice), 5, "`a.lua` stands there twice, in line 3 first");
    }

    #[test]
    fn a_head_that_is_none_is_told() {
        let later = "it is of version 2, and this twinplug knows version 1: update it";
        check("# twinplug.lock, version 2\n", 1, later);
        for head in ["", "version 1", "# twinplug.lock, version x", "# twinplug.lock, version 0"] {
            let text = format!("{head}\n{A}  a.lua\n");
            check(&text, 1, &format!("expected `# twinplug.lock, version 1`, got {head:?}"));
            assert!(!is_lock(text.as_bytes()));
        }
        assert_eq!(parsed(b"\xff").map(|_| ()).unwrap_err().why, "it is not UTF-8");
    }
}
