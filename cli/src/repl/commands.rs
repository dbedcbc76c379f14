//! [`Command`]: what begins with a dot, for what Lua cannot say.

/// A command, as `.help` shows it.
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) argument: &'static str,
    does: &'static str,
}

impl Described {
    /// The command that somebody means who writes this for it.
    pub(super) fn meant(name: &str) -> Option<&'static str> {
        let name = if name == "exit" { "quit" } else { name };
        COMMANDS.iter().map(|command| command.name).find(|command| command[1..] == *name)
    }

    /// What is typed of it before its argument.
    pub(super) fn begun(&self) -> String {
        let end = if self.argument.is_empty() { "" } else { " " };
        format!("{}{end}", self.name)
    }
}

pub(super) const COMMANDS: [Described; 6] = [
    Described { name: ".help", argument: "", does: "shows this" },
    Described {
        name: ".list",
        argument: "[NAME]",
        does: "shows the plugins that are loaded, with their exports",
    },
    Described { name: ".load", argument: "PATH", does: "loads a plugin, or those of a folder" },
    Described {
        name: ".reload",
        argument: "NAME",
        does: "loads a plugin anew from its file, as an edit does",
    },
    Described { name: ".unload", argument: "NAME", does: "unloads a plugin" },
    Described { name: ".quit", argument: "", does: "ends the session, as Ctrl-D does" },
];

/// What `.help` shows before the commands.
const LANGUAGE: &str = "\
A line is Lua. What an expression gives is shown, and `_` is the last value that was.
Each plugin is a global of its name, or else in `plugins`:
  testplugin.Value = 7        sets a variable
  testplugin.Value            shows it
  testplugin.Hello()          calls a function
  plugins[\"a-b\"].f(1, \"x\")    of a plugin whose name is no identifier
Globals are kept, a `local` is its line's. A line that is not complete goes on in the next.";

#[derive(Debug, PartialEq)]
pub(super) enum Command<'t> {
    Help,
    List(Option<&'t str>),
    Load(&'t str),
    Reload(&'t str),
    Unload(&'t str),
    Quit,
}

impl Command<'_> {
    /// The command that a line is, or what is wrong with it; `None` if it is Lua.
    pub(super) fn of(line: &str) -> Option<Result<Command<'_>, String>> {
        let line = line.trim();
        let is_command =
            line.strip_prefix('.')?.starts_with(|first: char| first.is_ascii_alphabetic());
        if !is_command {
            return None;
        }
        let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        Some(parsed(name, argument.trim_start()))
    }
}

fn parsed<'t>(name: &str, argument: &'t str) -> Result<Command<'t>, String> {
    let Some(described) = COMMANDS.iter().find(|command| command.name == name) else {
        let near = near(name, COMMANDS.iter().map(|command| command.name));
        return Err(format!("no command `{name}`{near}; `.help` shows what there is"));
    };
    match (described.argument, argument) {
        ("", "") | ("[NAME]", _) => {}
        ("", _) => return Err(format!("`{name}` takes nothing, got `{argument}`")),
        (wanted, "") => {
            return Err(format!("`{name}` takes a {}: `{name} {wanted}`", wanted.to_lowercase()));
        }
        _ => {}
    }
    Ok(match name {
        ".list" => Command::List(Some(argument).filter(|name| !name.is_empty())),
        ".load" => Command::Load(argument),
        ".reload" => Command::Reload(argument),
        ".unload" => Command::Unload(argument),
        ".quit" => Command::Quit,
        _ => Command::Help,
    })
}

/// What `.help` shows.
pub(super) fn help() -> String {
    let width = COMMANDS.iter().map(|it| it.name.len() + it.argument.len()).max().unwrap_or(0) + 1;
    let lines = COMMANDS.iter().map(|Described { name, argument, does }| {
        format!("  {:width$}  {does}", format!("{name} {argument}"))
    });
    let commands: Vec<_> = lines.collect();
    format!("{LANGUAGE}\n\nWhat begins with a dot is a command:\n{}", commands.join("\n"))
}

/// `; near: ..` for a name that nothing has, or nothing.
pub(super) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let mut close: Vec<_> = known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| {
            *distance <= (known.len().min(name.len()) / 3).max(usize::from(known.len() > 1))
        })
        .collect();
    close.sort();
    close.dedup();
    let names: Vec<_> = close.iter().take(3).map(|(_, known)| format!("`{known}`")).collect();
    if names.is_empty() { String::new() } else { format!("; near: {}", names.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_dot_is_a_command() {
        let check = |line: &str, command: Command<'_>| {
            assert_eq!(Command::of(line), Some(Ok(command)), "{line:?}");
        };
        check(".help", Command::Help);
        check("  .quit  ", Command::Quit);
        check(".list", Command::List(None));
        check(".list clock", Command::List(Some("clock")));
        check(".load  my folder/a.lua ", Command::Load("my folder/a.lua"));
        check(".reload\tclock", Command::Reload("clock"));
        check(".unload clock", Command::Unload("clock"));
    }

    #[test]
    fn all_else_is_lua() {
        for line in ["", "x", ".5 + 1", "..", ". help", "= .5"] {
            assert_eq!(Command::of(line), None, "{line:?}");
        }
    }

    #[test]
    fn a_wrong_command_says_what_is_right() {
        let check = |line: &str, error: &str| {
            assert_eq!(Command::of(line), Some(Err(error.to_owned())), "{line:?}");
        };
        check(".lits", "no command `.lits`; near: `.list`; `.help` shows what there is");
        check(".frobnicate x", "no command `.frobnicate`; `.help` shows what there is");
        check(".load", "`.load` takes a path: `.load PATH`");
        check(".unload ", "`.unload` takes a name: `.unload NAME`");
        check(".quit now", "`.quit` takes nothing, got `now`");
    }
}
