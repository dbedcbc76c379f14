//! `.luarc.json`, by which LuaLS knows a folder: settings are added to the one that is
//! there, and nothing else in it is touched.
//!
//! It is read as plain JSON. With comments, or broken, it is somebody's own affair: it stays
//! as it is, and what to add to it is told.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path};

use serde_json::value::RawValue;

use crate::failure::Failure;

/// Where LuaLS looks, in the folder that an editor has open.
pub(super) const FILE: &str = ".luarc.json";
/// Where it looks else.
const WITH_COMMENTS: &str = ".luarc.jsonc";

/// What the file is to have.
pub(super) enum Setting {
    /// A text, unless there is another one already.
    Text { name: &'static str, text: &'static str },
    /// A path in a list.
    Path { name: &'static str, path: String },
}

/// What has become of the file.
#[derive(Default)]
pub(super) struct Merged {
    pub(super) is_written: bool,
    /// What people have to know.
    pub(super) notes: Vec<String>,
}

/// Why the file stays as it is.
struct Unfit(String);

/// Adds the settings to the current folder's file.
pub(super) fn merge(settings: &[Setting]) -> Result<Merged, Failure> {
    let failed = |action: &str, error: &io::Error| {
        Failure::Unmet(format!("cannot {action} `{FILE}`: {error}"))
    };
    let there = match fs::read(FILE) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed("read", &error)),
    };
    let mut merged = Merged::default();
    match edited(&there, settings, &mut merged.notes) {
        Ok(text) if text.as_bytes() != there => {
            fs::write(FILE, text).map_err(|error| failed("write", &error))?;
            merged.is_written = true;
        }
        Ok(_) => {}
        Err(Unfit(reason)) => merged.notes = vec![advice(&reason, settings)],
    }
    Ok(merged)
}

fn advice(reason: &str, settings: &[Setting]) -> String {
    let members: Vec<_> = settings.iter().map(Setting::member).collect();
    format!("{reason}, and stays as it is: add {} to it", members.join(" and "))
}

/// The text with the settings; with notes on what is in their way.
fn edited(there: &[u8], settings: &[Setting], notes: &mut Vec<String>) -> Result<String, Unfit> {
    let is_missing = there.trim_ascii().is_empty();
    if is_missing && Path::new(WITH_COMMENTS).exists() {
        return Err(Unfit(format!("`{WITH_COMMENTS}` is there")));
    }
    let there = if is_missing { b"{}\n" } else { there };
    let text = std::str::from_utf8(there).map_err(|error| no_json(&error))?;
    settings.iter().try_fold(text.to_owned(), |text, setting| {
        match find(&text, setting.name(), "").map_err(|error| no_json(&error))? {
            None => Ok(appended(&text, &text, &setting.member())),
            Some(value) => setting.joined(&text, value, notes),
        }
    })
}

fn no_json(error: &dyn std::error::Error) -> Unfit {
    Unfit(format!("`{FILE}` is no plain JSON ({error})"))
}

/// The value of a setting, by whatever path: `"a.b"`, `"a": { "b" }`, with `Lua` in front or
/// not.
fn find<'t>(object: &'t str, name: &str, path: &str) -> serde_json::Result<Option<&'t str>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object)?;
    for (key, value) in members {
        let path = format!("{path}{key}");
        let plain = path.strip_prefix("Lua.").unwrap_or(&path);
        if plain == name {
            return Ok(Some(value.get()));
        }
        let leads_there = path == "Lua" || name.starts_with(&format!("{plain}."));
        if leads_there
            && value.get().starts_with('{')
            && let Some(found) = find(value.get(), name, &format!("{path}."))?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// The text with one more member in a list or an object that is a part of it.
fn appended(text: &str, part: &str, member: &str) -> String {
    let part = part.trim();
    let start = part.as_ptr() as usize - text.as_ptr() as usize + 1;
    let inside = &part[1..part.len() - 1];
    let end = start + inside.trim_end().len();
    // As the first one stands.
    let space = &inside[..inside.len() - inside.trim_start().len()];
    let added = match (inside.trim().is_empty(), part.starts_with('{'), space.contains('\n')) {
        (true, true, _) => format!("\n  {member}\n"),
        (true, false, _) => member.to_owned(),
        (false, _, true) => format!(",{space}{member}"),
        (false, _, false) => format!(", {member}"),
    };
    let (before, after) = match inside.trim().is_empty() {
        true => (&text[..start], &text[start + inside.len()..]),
        false => (&text[..end], &text[end..]),
    };
    format!("{before}{added}{after}")
}

impl Setting {
    fn name(&self) -> &'static str {
        match self {
            Setting::Text { name, .. } | Setting::Path { name, .. } => name,
        }
    }

    /// As it stands in the file.
    fn member(&self) -> String {
        match self {
            Setting::Text { name, text } => format!("\"{name}\": \"{text}\""),
            Setting::Path { name, path } => format!("\"{name}\": [{}]", quoted(path)),
        }
    }

    /// The text with this in the value that is there.
    fn joined(&self, text: &str, value: &str, notes: &mut Vec<String>) -> Result<String, Unfit> {
        match self {
            Setting::Text { text: wanted, .. } if value == quoted(wanted) => {}
            Setting::Text { name, text: wanted } => {
                notes.push(format!("`{name}` in `{FILE}` is {value}; plugins run on {wanted}"));
            }
            Setting::Path { name, path } => {
                let paths: Vec<String> = serde_json::from_str(value)
                    .map_err(|_| Unfit(format!("`{name}` in `{FILE}` is no list of paths")))?;
                if !paths.iter().any(|other| is_same(other, path)) {
                    return Ok(appended(text, value, &quoted(path)));
                }
            }
        }
        Ok(text.to_owned())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether two paths lead to the same place, as far as they show.
fn is_same(one: &str, other: &str) -> bool {
    let parts = |path| Path::new(path).components().filter(|part| *part != Component::CurDir);
    parts(one).eq(parts(other))
}
