//! [`Manifest`]: what `plugin.toml` says of a plugin, or `a.toml` of a lone `a.lua`.
//!
//! All that a manifest may say is read and checked here.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path};
use std::time::Duration;

use bytesize::ByteSize;
use semver::{Version, VersionReq};
use serde::{Deserialize, Deserializer};
use toml::de::{DeTable, DeValue};
use twinplug_value::{Map, MapKey, Value};

use crate::error::{Error, ErrorKind, Result, near};
use crate::file::{self, Content, Most, Unread};
use crate::plugin::{OnFault, Over, Permission, Requirement, Said, check_name};

/// The manifest of a plugin's folder.
pub(super) const FILE: &str = "plugin.toml";

const KEYS: [&str; 11] = [
    "name",
    "version",
    "entry",
    "over",
    "on_fault",
    "unload",
    "permissions",
    "host",
    "requires",
    "limits",
    "config",
];
const LIMITS: [&str; 2] = ["memory", "time"];

/// What a manifest says; one that is not there says nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<Version>,
    /// The file that a folder's plugin starts in.
    pub(crate) entry: Option<String>,
    /// The plugin that it is a layer over.
    over: Option<String>,
    #[serde(deserialize_with = "on_fault")]
    pub(crate) on_fault: Option<OnFault>,
    /// Whether a native plugin's image may be unmapped.
    pub(crate) unload: Option<bool>,
    /// What a script asks for beyond the sandbox.
    pub(crate) permissions: BTreeSet<Permission>,
    #[serde(deserialize_with = "host_range")]
    /// Checked where it is read; hosts have no name and version yet.
    host: Option<(String, VersionReq)>,
    /// The plugins that it needs.
    #[serde(deserialize_with = "requirements")]
    pub(crate) requires: Vec<Requirement>,
    pub(crate) limits: Limits,
    #[serde(deserialize_with = "config")]
    pub(crate) config: Map,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Limits {
    /// In bytes.
    #[serde(deserialize_with = "size")]
    pub(crate) memory: Option<usize>,
    #[serde(deserialize_with = "duration")]
    pub(crate) time: Option<Duration>,
}

/// Where a manifest stands, which decides what it may say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    Folder,
    LoneFile,
}

/// A manifest's text, for errors with their line.
struct Text<'t> {
    path: &'t Path,
    text: &'t str,
}

impl Manifest {
    /// What it says that names the plugin.
    pub(crate) fn said(&self) -> Said {
        Said {
            by: "its manifest".to_owned(),
            line: None,
            name: self.name.clone(),
            version: self.version.clone(),
        }
    }

    /// What it is a layer over, if it says that.
    pub(crate) fn over(&self) -> Option<Over> {
        let on_fault = self.on_fault.unwrap_or_default();
        self.over.clone().map(|plugin| Over { plugin, on_fault })
    }

    /// Reads a file, if it is there; and what is in it.
    pub(super) fn read(path: &Path, of: Of) -> Result<(Manifest, Option<Content>)> {
        let error = match file::read_most(path, Most::OF_A_MANIFEST) {
            Ok(content) => {
                return Ok((Manifest::parse(path, &content.bytes, of)?, Some(content)));
            }
            Err(Unread::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                return Ok((Manifest::default(), None));
            }
            Err(Unread::Io(error)) => error,
            Err(Unread::Unfit(what)) => io::Error::other(format!("it is {what}")),
        };
        Err(Error::io("read", path, error))
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    /// With file and line: it is no TOML, a key that there is not, a value of another
    /// type, or what this version cannot do.
    pub(super) fn parse(path: &Path, text: &[u8], of: Of) -> Result<Manifest> {
        let Ok(text) = std::str::from_utf8(text) else {
            let message = format!("`{}` is not UTF-8", path.display());
            return Err(Error::new(ErrorKind::Refused, message));
        };
        let text = Text { path, text };
        let table = DeTable::parse(text.text).map_err(|error| text.fault(&error))?;
        text.check_keys(table.get_ref())?;
        let manifest: Manifest = toml::from_str(text.text).map_err(|error| text.fault(&error))?;
        match manifest.refusal(of) {
            None => Ok(manifest),
            Some((key, why)) => {
                let place = table.get_ref().iter().find(|(known, _)| known.get_ref() == key);
                let place = place.map_or(0, |(key, _)| key.span().start);
                Err(text.error(place, &format!("`{key}`: {why}")))
            }
        }
    }

    /// The key that cannot be followed, and why.
    fn refusal(&self, of: Of) -> Option<(&'static str, &'static str)> {
        let leads_out = |entry: &String| {
            let mut parts = Path::new(entry).components();
            entry.is_empty() || !parts.all(|part| matches!(part, Component::Normal(_)))
        };
        let checks = [
            (
                "entry",
                self.entry.is_some() && of == Of::LoneFile,
                "a lone file has none but itself",
            ),
            (
                "entry",
                self.entry.as_ref().is_some_and(leads_out),
                "it leads out of the plugin's folder",
            ),
            (
                "over",
                self.over.as_ref().is_some_and(|over| check_name(over).is_err()),
                "it is no plugin's name",
            ),
        ];
        checks.into_iter().find(|(_, holds, _)| *holds).map(|(key, _, why)| (key, why))
    }
}

impl Text<'_> {
    fn check_keys(&self, table: &DeTable<'_>) -> Result<()> {
        self.check_known(table, "", &KEYS)?;
        match table.get("limits").map(|limits| limits.get_ref()) {
            Some(DeValue::Table(limits)) => self.check_known(limits, "limits.", &LIMITS),
            _ => Ok(()),
        }
    }

    fn check_known(&self, table: &DeTable<'_>, path: &str, known: &[&str]) -> Result<()> {
        let unknown = |key: &&toml::Spanned<_>| {
            let key: &std::borrow::Cow<'_, str> = key.get_ref();
            !known.contains(&key.as_ref())
        };
        // The first one in the file.
        let first = table.keys().filter(unknown).min_by_key(|key| key.span().start);
        let Some(key) = first else { return Ok(()) };
        let near = near(key.get_ref(), known.iter().copied());
        Err(self.error(key.span().start, &format!("unknown key `{path}{}`{near}", key.get_ref())))
    }

    fn fault(&self, fault: &toml::de::Error) -> Error {
        let place = fault.span().map_or(0, |span| span.start);
        self.error(place, &fault.message().trim().replace('\n', ", "))
    }

    fn error(&self, place: usize, why: &str) -> Error {
        let before = self.text.bytes().take(place);
        let line = before.filter(|byte| *byte == b'\n').count() as u32 + 1;
        let file = self.path.file_name().unwrap_or_default().to_string_lossy();
        Error::new(ErrorKind::Refused, format!("{file}:{line}: {why}"))
            .with_location(self.path, line)
    }
}

/// `mygame ^0.4`: a host's name, and which of its versions.
fn host_range<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<(String, VersionReq)>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(from)?;
    let example = "expected a host's name and its versions, like \"mygame ^0.4\"";
    let Some((name, range)) = text.trim().split_once(char::is_whitespace) else {
        return Err(D::Error::custom(format!("{text:?}: {example}")));
    };
    let range = VersionReq::parse(range)
        .map_err(|error| D::Error::custom(format!("{text:?}: {error}; {example}")))?;
    Ok(Some((name.to_owned(), range)))
}

/// `other = "^1.0"`, a line each.
fn requirements<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Requirement>, D::Error> {
    let ranges = BTreeMap::<String, VersionReq>::deserialize(from)?;
    Ok(ranges.into_iter().map(|(name, range)| Requirement::new(name, range)).collect())
}

/// `base`: who is called in place of what has failed.
fn on_fault<'de, D: Deserializer<'de>>(from: D) -> Result<Option<OnFault>, D::Error> {
    use serde::de::Error as _;
    match &*String::deserialize(from)? {
        "base" => Ok(Some(OnFault::Base)),
        other => Err(D::Error::custom(format!("{other:?}: expected \"base\", or no such line"))),
    }
}

/// `64MiB`: a number of bytes.
fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(from)?;
    let size = text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok());
    match size {
        Some(size @ 1..) => Ok(Some(size)),
        _ => Err(D::Error::custom(format!("{text:?}: expected a size, like \"64MiB\""))),
    }
}

/// `500ms`.
fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(from)?;
    match humantime::parse_duration(&text) {
        Ok(duration) if !duration.is_zero() => Ok(Some(duration)),
        _ => Err(D::Error::custom(format!("{text:?}: expected a time, like \"500ms\""))),
    }
}

fn config<'de, D: Deserializer<'de>>(from: D) -> Result<Map, D::Error> {
    toml::Table::deserialize(from).map(map)
}

fn map(table: toml::Table) -> Map {
    table.into_iter().map(|(key, item)| (MapKey::Str(key), value(item))).collect()
}

/// TOML's values are ours, but for dates: those are text.
fn value(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(int) => int.into(),
        toml::Value::Float(float) => float.into(),
        toml::Value::Boolean(bool) => bool.into(),
        toml::Value::Datetime(date) => date.to_string().into(),
        toml::Value::Array(items) => Value::List(items.into_iter().map(self::value).collect()),
        toml::Value::Table(table) => map(table).into(),
    }
}
