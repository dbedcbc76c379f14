//! [`Files`]: code as modules, for a Lua that has no `load` (Luau): `require` compiles as well.

use std::cell::Cell;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::session::{Codes, INPUT};
use crate::failure::Failure;

/// The folder that the modules are in, and how many there are.
pub(super) struct Files {
    folder: TempDir,
    count: Cell<u64>,
}

impl Files {
    /// A folder with these files in it.
    pub(super) fn new(files: &[(&str, &str)]) -> Result<Files, Failure> {
        let folder = tempfile::tempdir().and_then(|folder| {
            let put = |(name, text): &(&str, &str)| fs::write(folder.path().join(name), text);
            files.iter().try_for_each(put)?;
            Ok(folder)
        });
        let folder = folder.map_err(|error| {
            Failure::Unmet(format!("cannot make a folder for what is typed: {error}"))
        })?;
        Ok(Files { folder, count: Cell::new(0) })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes modules of code, each of which gives a function, and those that are left open.
    pub(super) fn put(&self, codes: Codes, line: usize) -> Result<Codes, Failure> {
        let mut modules = Codes::new();
        for (way, code) in codes {
            modules.insert(format!("{way}_open"), self.module(&code, "", line)?);
            modules.insert(way, self.module(&code, "\nend", line)?);
        }
        Ok(modules)
    }

    /// The name of the module.
    fn module(&self, code: &str, end: &str, line: usize) -> Result<String, Failure> {
        let number = self.count.get() + 1;
        self.count.set(number);
        let name = format!("{INPUT}{number}");
        let path = self.folder.path().join(format!("{name}.lua"));
        // Its lines have the numbers that they were typed with.
        let before = "\n".repeat(line - 1);
        match fs::write(&path, format!("return function(...) {before}{code}{end}")) {
            Ok(()) => Ok(name),
            Err(error) => {
                Err(Failure::Unmet(format!("cannot write `{}`: {error}", path.display())))
            }
        }
    }
}

/// A message in which each module has the name that all texts have where there is a `load`.
pub(super) fn without_numbers(text: &str) -> String {
    let mut parts = text.split(INPUT);
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let after = part.trim_start_matches(|digit: char| digit.is_ascii_digit());
        let is_file = after.len() < part.len() && after.starts_with(".lua:");
        plain += INPUT;
        plain += if is_file { &after[".lua".len()..] } else { part };
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_text_have_its_name() {
        let check = |text: &str, plain: &str| assert_eq!(without_numbers(text), plain);
        check("input17.lua:3: in 'input'", "input:3: in 'input'");
        check("in function <input2.lua:1> input3.lua", "in function <input:1> input3.lua");
        check("input:1: no", "input:1: no");
        check("", "");
    }
}
