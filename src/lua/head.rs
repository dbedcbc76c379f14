//! What a script's first comments say of it: `---@plugin`, `---@requires`, `---@over`.
//!
//! They stand before any code, so that they are known without running it. All other
//! lines that start with `---@` are not for here.

use semver::{Version, VersionReq};

use crate::error::Result as HostResult;
use crate::plugin::{Origin, Requirement, Said};

/// What the first comments say.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) plugin: Option<Named>,
    pub(crate) requires: Vec<Needed>,
    pub(crate) over: Option<Over>,
}

/// `---@plugin clock 1.2.0`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) line: u32,
}

/// `---@requires calendar ^1.0`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Needed {
    pub(crate) requirement: Requirement,
    pub(crate) line: u32,
}

/// `---@over physics`
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Over {
    pub(crate) name: String,
    pub(crate) line: u32,
}

/// A line that says nothing that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    pub(crate) line: u32,
    pub(crate) message: String,
}

impl Head {
    /// Reads the comments before the first code. A mark of byte order and a `#!` line may
    /// stand before them.
    ///
    /// # Errors
    /// A line that is wrong.
    pub(crate) fn read(text: &[u8]) -> Result<Head, BadLine> {
        let mut head = Head::default();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        // The bytes of the long comment's end that is being looked for.
        let mut long: Option<Vec<u8>> = None;
        for (index, bytes) in text.split(|&byte| byte == b'\n').enumerate() {
            let line = index as u32 + 1;
            let mut rest = bytes.trim_ascii();
            if let Some(end) = &long {
                let Some(at) = find(rest, end) else { continue };
                rest = rest[at + end.len()..].trim_ascii();
                long = None;
            }
            if line == 1 && rest.starts_with(b"#") {
                continue;
            }
            // Several long comments may stand in one line.
            while let Some(end) = opens_long(rest) {
                match find(rest, &end) {
                    Some(at) => rest = rest[at + end.len()..].trim_ascii(),
                    None => {
                        long = Some(end);
                        rest = b"";
                    }
                }
            }
            if !rest.is_empty() && !rest.starts_with(b"--") {
                break;
            }
            if let Some(said) = rest.strip_prefix(b"---")
                && let Some(said) = said.trim_ascii().strip_prefix(b"@")
            {
                let said = String::from_utf8_lossy(said);
                head.add(&said, line).map_err(|message| BadLine { line, message })?;
            }
        }
        Ok(head)
    }

    /// Tells who wants to know where the plugin is from what it is called and needs.
    ///
    /// # Errors
    /// Somebody else says another thing.
    pub(crate) fn tell(&self, origin: &mut Origin) -> HostResult<()> {
        for Needed { requirement, line } in &self.requires {
            origin.require(requirement, *line)?;
        }
        if let Some(Over { name, line }) = &self.over {
            origin.lie_over(name, *line)?;
        }
        let Some(Named { name, version, line }) = &self.plugin else { return Ok(()) };
        origin.hear(Said {
            by: format!("`---@plugin` in line {line}"),
            line: Some(*line),
            name: Some(name.clone()),
            version: Some(version.clone()),
        })
    }

    fn add(&mut self, said: &str, line: u32) -> Result<(), String> {
        let (tag, rest) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        let rest = rest.trim();
        match tag {
            "plugin" => self.add_plugin(rest, line),
            "requires" => self.add_requirement(rest, line),
            "over" => self.add_over(rest, line),
            _ => Ok(()),
        }
    }

    fn add_plugin(&mut self, rest: &str, line: u32) -> Result<(), String> {
        if let Some(first) = &self.plugin {
            return Err(format!("`---@plugin` stands twice: in line {} too", first.line));
        }
        let words: Vec<_> = rest.split_whitespace().collect();
        let [name, version] = words[..] else {
            let form = "`---@plugin` takes a name and a version: `---@plugin clock 1.2.0`";
            return Err(form.to_owned());
        };
        let version = Version::parse(version).map_err(|error| {
            format!("`---@plugin {name} {version}`: no version like \"1.2.0\": {error}")
        })?;
        self.plugin = Some(Named { name: name.to_owned(), version, line });
        Ok(())
    }

    fn add_requirement(&mut self, rest: &str, line: u32) -> Result<(), String> {
        let Some((name, range)) = rest.split_once(char::is_whitespace) else {
            let form =
                "`---@requires` takes a name and a range of versions: `---@requires clock ^1.0`";
            return Err(form.to_owned());
        };
        let range = range.trim();
        if self.requires.iter().any(|other| other.requirement.name == name) {
            return Err(format!("`---@requires {name}` stands twice"));
        }
        let range = VersionReq::parse(range).map_err(|error| {
            format!("`---@requires {name} {range}`: no range of versions like \"^1.0\": {error}")
        })?;
        self.requires.push(Needed { requirement: Requirement::new(name, range), line });
        Ok(())
    }

    fn add_over(&mut self, rest: &str, line: u32) -> Result<(), String> {
        if let Some(first) = &self.over {
            return Err(format!("`---@over` stands twice: in line {} too", first.line));
        }
        if rest.is_empty() || rest.contains(char::is_whitespace) {
            return Err("`---@over` takes a name: `---@over physics`".to_owned());
        }
        self.over = Some(Over { name: rest.to_owned(), line });
        Ok(())
    }
}

/// What ends the long comment that starts here.
fn opens_long(rest: &[u8]) -> Option<Vec<u8>> {
    let rest = rest.strip_prefix(b"--[")?;
    let level = rest.iter().take_while(|&&byte| byte == b'=').count();
    let opens = rest.get(level) == Some(&b'[');
    opens.then(|| [b"]", &rest[..level], b"]"].concat())
}

fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_comments_before_the_code_are_read() {
        let check = |text: &str, plugin: Option<(&str, &str, u32)>, requires: &[&str], over| {
            let head = Head::read(text.as_bytes()).unwrap();
            let named = head.plugin.as_ref();
            let named = named.map(|it| (it.name.clone(), it.version.to_string(), it.line));
            let expected = plugin.map(|(name, of, at)| (name.to_owned(), of.to_owned(), at));
            assert_eq!(named, expected, "{text}");
            let needed = head.requires.iter().map(|it| &it.requirement);
            let found: Vec<_> = needed.map(|it| format!("{} {}", it.name, it.range)).collect();
            assert_eq!(found, requires, "{text}");
            assert_eq!(head.over.map(|it| it.name).as_deref(), over, "{text}");
        };
        let clock = |line| Some(("clock", "1.2.0", line));
        check("---@plugin clock 1.2.0", clock(1), &[], None);
        check("\u{feff}#!/usr/bin/lua\r\n\r\n---  @plugin\tclock 1.2.0\r\n", clock(3), &[], None);
        check(
            "-- a\n--[[ b\n---@plugin x 1.0.0\n]] --[==[ c ]==]\n---@plugin clock 1.2.0",
            clock(5),
            &[],
            None,
        );
        check(
            "---@requires a ^1.0\n---@requires b >=1.0, <2\n---@over physics\nreturn {}",
            None,
            &["a ^1.0", "b >=1.0, <2"],
            Some("physics"),
        );
        check("local x = 1\n---@plugin clock 1.2.0", None, &[], None);
        check("--[[ a ]] local x\n---@plugin clock 1.2.0", None, &[], None);
        check("--@plugin clock 1.2.0\n---@param a b\n----@plugin c 1.0.0", None, &[], None);
        check("--[[ never closed\n---@plugin clock 1.2.0", None, &[], None);
        check("", None, &[], None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let check = |text: &str, line: u32, message: &str| {
            let bad = BadLine { line, message: message.to_owned() };
            assert_eq!(Head::read(text.as_bytes()), Err(bad), "{text}");
        };
        let form = "`---@plugin` takes a name and a version: `---@plugin clock 1.2.0`";
        check("---@plugin", 1, form);
        check("\n---@plugin clock", 2, form);
        check("---@plugin clock 1.2.0 now", 1, form);
        check(
            "---@plugin clock new",
            1,
            "`---@plugin clock new`: no version like \"1.2.0\": unexpected character 'n' while parsing major version number",
        );
        check(
            "---@plugin a 1.0.0\n--\n---@plugin a 1.0.0",
            3,
            "`---@plugin` stands twice: in line 1 too",
        );
        check(
            "---@requires clock",
            1,
            "`---@requires` takes a name and a range of versions: `---@requires clock ^1.0`",
        );
        check(
            "---@requires clock new",
            1,
            "`---@requires clock new`: no range of versions like \"^1.0\": unexpected character 'n' while parsing major version number",
        );
        check("---@requires a 1\n---@requires a 2", 2, "`---@requires a` stands twice");
        check("---@over", 1, "`---@over` takes a name: `---@over physics`");
        check("---@over a b", 1, "`---@over` takes a name: `---@over physics`");
        check("---@over a\n---@over b", 2, "`---@over` stands twice: in line 1 too");
    }
}
