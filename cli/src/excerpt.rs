//! The line of a script in which an error is, and what is wrong in it:
//!
//! ```text
//!   12 |   local x = end
//!      |             ^^^
//! ```
//!
//! What an error says is all that is known: nothing here reads Lua, but for strings and comments,
//! in which a name is none.

use std::fs;
use std::ops::Range;
use std::path::Path;

use twinplug::Error;
use unicode_width::UnicodeWidthChar;

/// So many characters of a line are shown.
const WIDTH: usize = 100;

/// What is read of a script at most, in bytes.
const LARGEST: u64 = 16 << 20;

/// The line that an error was raised in, and what it is about there; nothing where that is not known,
/// or not in a script that is there.
pub(crate) fn excerpt(error: &Error) -> Vec<String> {
    match error.location() {
        Some((path, line)) if path.extension().is_some_and(|ending| ending == "lua") => {
            excerpt_of(path, line, &error.to_string())
        }
        _ => Vec::new(),
    }
}

/// The same of an error with that message in that line, from 1, of a script.
pub(crate) fn excerpt_of(path: &Path, line: u32, message: &str) -> Vec<String> {
    let is_read = fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= LARGEST);
    let bytes = if is_read { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let text = String::from_utf8_lossy(&bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let at = |line: u32| {
        let line = usize::try_from(line).ok()?.checked_sub(1)?;
        text.lines().nth(line).filter(|text| !text.trim().is_empty())
    };
    if let Some(found) = at(line) {
        let here = message.rsplit_once(&format!(":{line}: ")).map_or("", |(_, here)| here);
        let mut names = token(message).or_else(|| name(message)).into_iter().chain(quoted(here));
        let named = names.find_map(|name| only(found, name));
        return shown(line, found, &named.unwrap_or_else(|| statement(found)));
    }
    // It ends where something is still open.
    let Some((word, line)) = opening(message) else { return Vec::new() };
    let Some(found) = at(line) else { return Vec::new() };
    shown(line, found, &only(found, word).unwrap_or_else(|| statement(found)))
}

/// The token of a syntax error: what follows `near`, or in Luau `got`.
fn token(message: &str) -> Option<&str> {
    let (_, rest) = message.rsplit_once(" near '").or_else(|| message.rsplit_once(", got '"))?;
    let (token, _) = rest.rsplit_once('\'')?;
    (!token.is_empty()).then_some(token)
}

/// The name in an error of a running script, such as `attempt to call a nil value (global 'f')`.
fn name(message: &str) -> Option<&str> {
    // Of 5.4 and 5.5; of LuaJIT, and where a function is given something wrong.
    const BEFORE: [&str; 12] = [
        "(global '",
        "(local '",
        "(upvalue '",
        "(field '",
        "(method '",
        "(constant '",
        " global '",
        " local '",
        " upvalue '",
        " field '",
        " method '",
        "bad argument #",
    ];
    let find = |before: &str| {
        let (_, rest) = message.split_once(before)?;
        let rest = if before.ends_with('#') { rest.split_once(" to '")?.1 } else { rest };
        Some(rest.split_once('\'')?.0)
    };
    BEFORE.into_iter().find_map(find).filter(|name| !name.is_empty())
}

/// The names in backticks, as our own messages have them: ``no symbol `nothing` ``.
fn quoted(message: &str) -> impl Iterator<Item = &str> {
    message.split('`').skip(1).step_by(2).filter(|name| !name.is_empty())
}

/// What has begun, and in which line: `(to close 'function' at line 1)`.
fn opening(message: &str) -> Option<(&str, u32)> {
    let (word, rest) = message.rsplit_once("(to close '")?.1.split_once("' at line ")?;
    let (line, _) = rest.split_once(')')?;
    Some((word, line.parse().ok()?))
}

/// Where a token stands in the code of a line, if that is one place alone.
fn only(line: &str, token: &str) -> Option<Range<usize>> {
    let scanned = Scanned::of(line);
    let is_text = token.starts_with(['"', '\'']);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let stands_alone = |at: usize| {
        let end = at + token.len();
        let goes_on_before = token.starts_with(is_word) && line[..at].ends_with(is_word);
        let goes_on_behind = token.ends_with(is_word) && line[end..].starts_with(is_word);
        !goes_on_before && !goes_on_behind
    };
    let places = line.match_indices(token).map(|(at, _)| at);
    let mut places = places.filter(|at| (is_text || scanned.is_code(*at)) && stands_alone(*at));
    match (places.next(), places.next()) {
        (Some(at), None) => Some(at..at + token.len()),
        _ => None,
    }
}

/// From the first character of a line to the last that is no comment; of a line that is one, all.
fn statement(line: &str) -> Range<usize> {
    let code = line[..Scanned::of(line).end].trim_end();
    let whole = if code.trim().is_empty() { line.trim_end() } else { code };
    whole.len() - whole.trim_start().len()..whole.len()
}

/// What is code in a line. Strings and comments over several lines are not known.
struct Scanned {
    strings: Vec<Range<usize>>,
    /// Where a comment begins, or the line ends.
    end: usize,
}

impl Scanned {
    fn of(line: &str) -> Scanned {
        let mut strings = Vec::new();
        let mut open: Option<(usize, char)> = None;
        let mut is_escaped = false;
        for (at, c) in line.char_indices() {
            match open {
                None if line[at..].starts_with("--") => return Scanned { strings, end: at },
                None if c == '"' || c == '\'' => open = Some((at, c)),
                Some((from, quote)) if c == quote && !is_escaped => {
                    strings.push(from..at + 1);
                    open = None;
                }
                _ => {}
            }
            is_escaped = c == '\\' && !is_escaped;
        }
        // One without its end.
        strings.extend(open.map(|(from, _)| from..line.len()));
        Scanned { strings, end: line.len() }
    }

    fn is_code(&self, at: usize) -> bool {
        at < self.end && !self.strings.iter().any(|string| string.contains(&at))
    }
}

/// The line with its number, and marks below.
fn shown(number: u32, line: &str, marked: &Range<usize>) -> Vec<String> {
    let (mut text, mut marks) = (String::new(), String::new());
    let before = line[..marked.start].chars().count();
    // Of a long line what is around it.
    let skipped = if before < WIDTH / 2 { 0 } else { before - WIDTH / 4 };
    for (at, c) in line.trim_end().char_indices().skip(skipped).take(WIDTH) {
        let c = if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
        let mark = if marked.contains(&at) { '^' } else { ' ' };
        text.push(c);
        match c {
            '\t' => marks.push('\t'),
            c => marks.extend(std::iter::repeat_n(mark, c.width().unwrap_or(0))),
        }
    }
    vec![format!("{number:>4} | {text}"), format!("     | {}", marks.trim_end())]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
mod tests {
    use super::*;

    /// The excerpt of a script; the marked line's number is found in the message.
    #[track_caller]
    fn check(script: &str, message: &str, expected: &[&str]) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lua");
        fs::write(&path, script).unwrap();
        let (_, line) = message.split_once("a.lua:").unwrap();
        let line = line.split(':').next().unwrap().parse().unwrap();
        assert_eq!(excerpt_of(&path, line, message), expected);
    }

    #[test]
    fn the_token_that_is_named_is_marked() {
        check(
            "\n\n  local x = end",
            "a.lua:3: unexpected symbol near 'end'",
            &["   3 |   local x = end", "     |             ^^^"],
        );
        check(
            "local pending = end -- the end",
            "a.lua:1: unexpected symbol near 'end'",
            &["   1 | local pending = end -- the end", "     |                 ^^^"],
        );
        check(
            "local x = ) 'a) -- b'",
            "a.lua:1: Expected identifier when parsing expression, got ')'",
            &["   1 | local x = ) 'a) -- b'", "     |           ^"],
        );
        check(
            "print('it''s",
            "a.lua:1: unfinished string near ''s'",
            &["   1 | print('it''s", "     |           ^^"],
        );
    }

    #[test]
    fn a_name_that_is_in_one_place_is_marked() {
        let call = "a.lua:1: attempt to call a nil value (global 'rund')";
        check(
            "  return run + rund(1) -- rund",
            call,
            &["   1 |   return run + rund(1) -- rund", "     |                ^^^^"],
        );
        check(
            "return rund(1) or rund",
            call,
            &["   1 | return rund(1) or rund", "     | ^^^^^^^^^^^^^^^^^^^^^^"],
        );
        check(
            "f(tonumber({}))",
            "a.lua:1: bad argument #1 to 'tonumber' (string expected, got table)",
            &["   1 | f(tonumber({}))", "     |   ^^^^^^^^"],
        );
    }

    #[test]
    fn a_name_of_a_host_or_a_plugin_is_marked() {
        check(
            "function Start() return plugin.nothing end",
            "plugin `a`: `Start`: a.lua:1: plugin `b`: no symbol `nothing`; near: `nothin`",
            &[
                "   1 | function Start() return plugin.nothing end",
                "     |                                ^^^^^^^",
            ],
        );
        check(
            "function Start() error('no') end",
            "plugin `a`: `Start`: a.lua:1: no",
            &["   1 | function Start() error('no') end", "     | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^"],
        );
    }

    #[test]
    fn else_it_is_the_statement() {
        check(
            "\tif x then error('no') end\t -- comment",
            "a.lua:1: no",
            &[
                "   1 | \tif x then error('no') end\t -- comment",
                "     | \t^^^^^^^^^^^^^^^^^^^^^^^^^",
            ],
        );
        check("  -- nothing  ", "a.lua:1: no", &["   1 |   -- nothing", "     |   ^^^^^^^^^^"]);
        check(
            "e('日本') f()",
            "a.lua:1: (global 'f')",
            &["   1 | e('日本') f()", "     |           ^"],
        );
    }

    #[test]
    fn what_is_open_at_the_end_is_shown_where_it_begins() {
        let message = "a.lua:3: 'end' expected (to close 'function' at line 1) near <eof>";
        let expected = ["   1 | local function f()", "     |       ^^^^^^^^"];
        check("local function f()\n  return 1\n", message, &expected);
        check("local function f()\n  return 1\n  ", message, &expected);
    }

    #[test]
    fn a_line_that_is_not_there_is_not_shown() {
        check("x = 1", "a.lua:2: no", &[]);
        check("x = 1\n\n", "a.lua:2: no", &[]);
        check("x = 1", "a.lua:0: no", &[]);
        assert!(excerpt_of(Path::new("missing.lua"), 1, "no").is_empty());
        assert!(excerpt_of(Path::new("."), 1, "no").is_empty());
    }

    #[test]
    fn of_a_long_line_a_part_is_shown() {
        let script = format!("{}local x = end{}", "f() ".repeat(200), " g()".repeat(200));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lua");
        fs::write(&path, script).unwrap();
        let shown = excerpt_of(&path, 1, "a.lua:1: unexpected symbol near 'end'");
        let column = shown[1].find('^').unwrap();
        assert_eq!(&shown[0][column..column + 3], "end");
        assert!(shown.iter().all(|line| line.chars().count() <= WIDTH + 7), "{shown:?}");
    }
}
