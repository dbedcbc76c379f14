//! What may stand where a text ends: the names that begin so.
//!
//! It reads text alone. What there is behind a name, it is told.

use std::fs;
use std::path::Path;

use super::commands::COMMANDS;
use super::text::Ends;

/// What is to be completed, and where it begins.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted<'t> {
    pub(super) start: usize,
    pub(super) what: What<'t>,
}

#[derive(Debug, PartialEq)]
pub(super) enum What<'t> {
    /// A command of the prompt.
    Command,
    /// A file or a folder.
    Path,
    /// A plugin's name.
    Plugin,
    /// The same in brackets that are open, as `plugins["a`, with the quote that it began with.
    Index(char),
    /// A name in what these names lead to: a global one where there are none.
    Name(Vec<&'t str>),
}

impl Wanted<'_> {
    /// What is wanted at the end of this text; `None` where nothing can be.
    pub(super) fn of(text: &str) -> Option<Wanted<'_>> {
        let blank = text.len() - text.trim_start().len();
        match text[blank..].strip_prefix('.') {
            Some(command) if !command.starts_with('.') => argument(text, blank),
            _ => index(text).or_else(|| name(text)),
        }
    }

    /// Those of the names that begin as the text ends, in order.
    pub(super) fn matching(
        &self,
        text: &str,
        names: impl IntoIterator<Item = String>,
    ) -> Vec<String> {
        let begun = &text[self.start..];
        let mut names: Vec<_> = names.into_iter().filter(|name| name.starts_with(begun)).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Of a command itself, or what stands behind it.
fn argument(text: &str, start: usize) -> Option<Wanted<'_>> {
    let Some((word, rest)) = text[start..].split_once(char::is_whitespace) else {
        return Some(Wanted { start, what: What::Command });
    };
    let what = match COMMANDS.iter().find(|command| command.name == word)?.argument {
        "PATH" => What::Path,
        "NAME" | "[NAME]" => What::Plugin,
        _ => return None,
    };
    Some(Wanted { start: text.len() - rest.trim_start().len(), what })
}

/// What all plugins are in.
const PLUGINS: &str = "plugins";

/// In the brackets behind `plugins`.
fn index(text: &str) -> Option<Wanted<'_>> {
    let start = text.rfind(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let before = text[..start].strip_suffix('[')?;
    let is_open = before.ends_with(PLUGINS) && begin(before) + PLUGINS.len() == before.len();
    let is_code = Ends::of(before) == Ends::Outside;
    (is_open && is_code).then_some(Wanted { start: start + 1, what: What::Index(quote) })
}

/// Of names with dots or colons between, the last. A name may stand in brackets as well, as in
/// `plugins["a-b"].f`.
fn name(text: &str) -> Option<Wanted<'_>> {
    if Ends::of(text) != Ends::Outside {
        return None;
    }
    let start = begin(text);
    if text[start..].starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let (mut path, mut before) = (Vec::new(), &text[..start]);
    while let Some(rest) = before.strip_suffix(['.', ':']).filter(|rest| !rest.ends_with('.')) {
        let (rest, indexed) = match key(rest) {
            Some((rest, key)) => (rest, Some(key)),
            None => (rest, None),
        };
        let at = begin(rest);
        let is_name = rest[at..].starts_with(|first: char| !first.is_ascii_digit());
        // A call's result, a number: nothing tells what is in it.
        if !is_name {
            return None;
        }
        path.splice(..0, [&rest[at..]].into_iter().chain(indexed));
        before = &rest[..at];
    }
    Some(Wanted { start, what: What::Name(path) })
}

/// What stands before brackets that the text ends with, and the text that is in them.
fn key(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_suffix(']')?;
    let quote = inside.chars().next_back().filter(|quote| ['"', '\''].contains(quote))?;
    let (before, key) = inside[..inside.len() - 1].rsplit_once(quote)?;
    Some((before.strip_suffix('[')?, key)).filter(|_| !key.contains('\\'))
}

/// Where the name begins that the text ends with.
fn begin(text: &str) -> usize {
    let is_of_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    text.trim_end_matches(is_of_name).len()
}

/// The files and folders whose path begins so; folders end in a slash.
pub(super) fn paths(begun: &str) -> Vec<String> {
    let (folder, stem) = match begun.rfind('/') {
        Some(at) => begun.split_at(at + 1),
        None => ("", begun),
    };
    let listed = if folder.is_empty() { Path::new(".") } else { Path::new(folder) };
    let entries = fs::read_dir(listed).into_iter().flatten().flatten();
    let paths = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let is_hidden = name.starts_with('.') && !stem.starts_with('.');
        let end = if entry.path().is_dir() { "/" } else { "" };
        (!is_hidden).then(|| format!("{folder}{name}{end}"))
    });
    paths.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_is_read_off_the_end() {
        let check = |text: &str, begun: &str, what: What<'_>| {
            let wanted = Wanted::of(text).unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!((&text[wanted.start..], wanted.what), (begun, what), "{text:?}");
        };
        let global = || What::Name(Vec::new());
        check("", "", global());
        check("print(te", "te", global());
        check("x = 1 + host.plug", "plug", What::Name(vec!["host"]));
        check("testplugin.", "", What::Name(vec!["testplugin"]));
        check("a.b_1:c", "c", What::Name(vec!["a", "b_1"]));
        check("'a' ..na", "na", global());
        check("'a'..b.c", "c", What::Name(vec!["b"]));
        check("\"it's\" .. na", "na", global());
        check("ä.b = c", "c", global());
        check("f() -- it's\nna", "na", global());
        check("plugins[\"a-b\"].x", "x", What::Name(vec!["plugins", "a-b"]));
        check("x = plugins['a-b'].", "", What::Name(vec!["plugins", "a-b"]));
        check("mine.t['a b'].c:d", "d", What::Name(vec!["mine", "t", "a b", "c"]));
        check("plugins[\"a-", "a-", What::Index('"'));
        check("f('x', plugins['", "", What::Index('\''));
        check(".", ".", What::Command);
        check("  .lo", ".lo", What::Command);
        check(".load my folder/a", "my folder/a", What::Path);
        check(".load  ", "", What::Path);
        check(".unload te", "te", What::Plugin);
        check(".list te", "te", What::Plugin);
    }

    #[test]
    fn nothing_is_wanted_where_nothing_can_be_told() {
        for text in [
            "'te",
            "\"a\\\" te",
            "-- te",
            "f().x",
            "a[1].x",
            "a[\"b\\\"\"].x",
            "my_plugins['a",
            "'plugins[\"a",
            "1",
            "x = 1.",
            "1.5",
            ".quit ",
            ".no ",
            "ä.",
        ] {
            assert_eq!(Wanted::of(text), None, "{text:?}");
        }
    }

    #[test]
    fn names_match_that_begin_so_once_each_and_in_order() {
        let names = || ["tb", "ta", "b", "ta"].map(str::to_owned);
        let matching = |text| Wanted::of(text).map(|wanted| wanted.matching(text, names()));
        assert_eq!(matching("x = t").as_deref(), Some(&["ta".to_owned(), "tb".to_owned()][..]));
        assert_eq!(matching("x = n").as_deref(), Some(&[][..]));
    }

    #[test]
    fn paths_are_listed_with_their_folder() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.lua", "b.lua", ".hidden"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::create_dir(folder.path().join("c")).unwrap();
        let within = |name: &str| format!("{}/{name}", folder.path().display());
        let listed = |begun: &str| {
            let mut paths = paths(&within(begun));
            paths.sort();
            paths
        };
        assert_eq!(listed(""), ["a.lua", "b.lua", "c/"].map(within));
        assert_eq!(listed(".h"), [".hidden", "a.lua", "b.lua", "c/"].map(within));
        assert_eq!(paths(&within("no/")), Vec::<String>::new());
    }
}
