//! [`Name`]: what a new plugin may be called.
//!
//! A host takes any name. Here it becomes that of files, of a crate and of a module, and stays
//! the plugin's when it is written anew in another language: so one rule holds for all kinds.

use std::path::Path;

use super::kind::Kind;
use crate::failure::Failure;

/// The name of a plugin, in any language.
#[derive(Debug)]
pub(super) struct Name(String);

const RULE: &str = "a name is words of small letters and digits, the first a letter, joined by \
                    `-` or `_`";

impl Name {
    /// The last part of the folder's path.
    ///
    /// # Errors
    /// It is no name for a plugin, or none of that kind.
    pub(super) fn of(folder: &Path, kind: Kind) -> Result<Name, Failure> {
        // What `.` and `..` are called, they do not say.
        let canonical = match folder.file_name() {
            Some(_) => folder.to_owned(),
            None => folder.canonicalize().unwrap_or_default(),
        };
        let Some(name) = canonical.file_name() else {
            let path = folder.display();
            return Err(Failure::Usage(format!("`{path}` ends in no name for a plugin: {RULE}")));
        };
        let name = name.to_string_lossy();
        match fault(&name, kind) {
            None => Ok(Name(name.into_owned())),
            Some(fault) => Err(Failure::Usage(fault)),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// As it stands where `-` would be a minus.
    pub(super) fn module(&self) -> String {
        self.0.replace('-', "_")
    }
}

/// What is wrong with a name.
fn fault(name: &str, kind: Kind) -> Option<String> {
    if !follows_the_rule(name) {
        let near = near(name).map(|near| format!(", like `{near}`")).unwrap_or_default();
        return Some(format!("`{name}` is no name for a plugin: {RULE}{near}"));
    }
    let reason = match kind {
        _ if name == "target" => "builds put what they make into folders that are called so",
        // Cargo cannot tell a crate from one of the same name and version that it depends on.
        Kind::Rust if name.starts_with("twinplug-") => {
            "in Rust it would be a crate beside those that it depends on, which are called so"
        }
        _ => return None,
    };
    Some(format!("a plugin cannot be called `{name}`: {reason}: choose another name"))
}

fn follows_the_rule(name: &str) -> bool {
    let is_word = |word: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        !word.is_empty() && word.chars().all(plain)
    };
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split(['-', '_']).all(is_word)
}

/// A name that it might be instead: `testPlugin` is `test-plugin`.
fn near(name: &str) -> Option<String> {
    let mut near = String::new();
    let mut before = '-';
    for character in name.chars() {
        let is_between = !character.is_alphanumeric();
        let begins_a_word = character.is_ascii_uppercase() && before.is_ascii_lowercase();
        if (is_between || begins_a_word) && !near.ends_with('-') {
            near.push('-');
        }
        if !is_between {
            near.push(character.to_ascii_lowercase());
        }
        before = character;
    }
    let near = near.trim_matches('-');
    follows_the_rule(near).then(|| near.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words() {
        for name in ["a", "greet", "hello-world", "hello_world_2", "v2", "fn", "test", "a-1-b"] {
            assert_eq!(fault(name, Kind::Rust), None, "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_a_near_one() {
        let check = |name: &str, near: &str| {
            let expected = format!("`{name}` is no name for a plugin: {RULE}{near}");
            assert_eq!(fault(name, Kind::Lua), Some(expected));
        };
        check("testPlugin", ", like `test-plugin`");
        check("HTTP2Server", ", like `http2server`");
        check("Hello World!", ", like `hello-world`");
        check("-a--b_", ", like `a-b`");
        check("2d-physics", "");
        check("größe", "");
        check("...", "");
    }
}
