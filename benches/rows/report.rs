//! The rows as a table, and as `target/bench/report.json`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use serde_json::{Value, json};

/// One comparison.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) ours_ns: f64,
    /// With whom; `limit` where the goal is a time.
    pub(crate) theirs: &'static str,
    pub(crate) theirs_ns: f64,
    /// What the ratio may be at most; none where the row is for information.
    pub(crate) goal: Option<f64>,
}

impl Row {
    /// A row whose goal is a time.
    pub(crate) fn limit(name: &'static str, ours_ns: f64, limit_ns: f64) -> Row {
        Row { name, ours_ns, theirs: "limit", theirs_ns: limit_ns, goal: Some(1.0) }
    }

    fn ratio(&self) -> f64 {
        self.ours_ns / self.theirs_ns
    }

    fn verdict(&self) -> &'static str {
        match self.goal {
            None => "",
            Some(goal) if self.ratio() <= goal => "ok",
            Some(_) => "MISSED",
        }
    }
}

/// The rows of this build's flavour.
pub(crate) struct Report {
    flavour: &'static str,
    only: Option<String>,
    rows: Vec<Row>,
}

impl Report {
    /// A report of the rows whose names hold what the command line gives.
    pub(crate) fn new() -> Self {
        let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
        println!(
            "{:22} {:>12} {:>12} {:>7} {:>6}  with",
            "row", "ours, ns", "theirs, ns", "ratio", "goal"
        );
        Report { flavour: flavour(), only, rows: Vec::new() }
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    pub(crate) fn add(&mut self, row: Row) {
        let goal = row.goal.map(|goal| format!("{goal}")).unwrap_or_default();
        println!(
            "{:22} {:12.2} {:12.2} {:7.2} {goal:>6}  {} {}",
            row.name,
            row.ours_ns,
            row.theirs_ns,
            row.ratio(),
            row.theirs,
            row.verdict()
        );
        self.rows.push(row);
    }

    /// Writes the file; rows of it that were not measured now stay.
    pub(crate) fn write(self, path: &Path) -> io::Result<()> {
        let measured = |old: &Value| {
            old["flavour"] == self.flavour
                && self
                    .rows
                    .iter()
                    .any(|row| old["name"] == row.name && old["theirs"] == row.theirs)
        };
        let there = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let mut rows: Vec<Value> = there.unwrap_or_default();
        rows.retain(|old| !measured(old));
        rows.extend(self.rows.iter().map(|row| {
            json!({
                "name": row.name, "flavour": self.flavour, "ours_ns": row.ours_ns,
                "theirs": row.theirs, "theirs_ns": row.theirs_ns, "ratio": row.ratio(),
                "goal": row.goal,
            })
        }));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(path)?;
        serde_json::to_writer_pretty(&mut file, &rows)?;
        file.write_all(b"\n")
    }
}

/// The Lua that was built in.
pub(crate) fn flavour() -> &'static str {
    match () {
        () if cfg!(feature = "lua54") => "lua54",
        () if cfg!(feature = "lua55") => "lua55",
        () if cfg!(feature = "luajit") => "luajit",
        () if cfg!(feature = "luau-jit") => "luau-jit",
        () if cfg!(feature = "luau") => "luau",
        () => "none",
    }
}
