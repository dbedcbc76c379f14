//! `completions`: the scripts, one of them as its shell uses it.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::ran::{run, twinplug};

/// What bash answers; the command is found by its name.
fn bash(script: &str) -> String {
    let own = Path::new(env!("CARGO_BIN_EXE_twinplug")).parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let paths = [own].into_iter().chain(env::split_paths(&path));
    let script = format!("eval \"$(twinplug completions bash)\"; {script}");
    let mut command = Command::new("bash");
    command.args(["--norc", "-c", &script]).env("PATH", env::join_paths(paths).unwrap());
    let ran = run(&mut command);
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
    ran.out
}

/// What it completes after `twinplug` and these words, the last of which has just begun.
fn completed(words: &str) -> String {
    bash(&format!(
        "COMP_WORDS=(twinplug {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         COMP_LINE=\"${{COMP_WORDS[*]}}\"; last=${{COMP_WORDS[COMP_CWORD]}}; \
         before=${{COMP_WORDS[COMP_CWORD-1]}}; _twinplug twinplug \"$last\" \"$before\"; \
         echo \"${{COMPREPLY[*]}}\""
    ))
}

#[test]
fn bash_completes_subcommands_and_options() {
    let registered = bash("complete -p twinplug");
    assert!(registered.contains(" -F _twinplug "), "{registered}");
    assert!(registered.ends_with(" twinplug\n"), "{registered}");
    assert_eq!(completed("comp"), "completions\n");
    assert_eq!(completed("completions po"), "powershell\n");
    assert_eq!(completed("watch --ev"), "--every\n");
    assert_eq!(completed("--time"), "--time-limit\n");
}

#[test]
fn each_shell_has_a_script() {
    let registers = [
        ("bash", "complete -F _twinplug "),
        ("zsh", "#compdef twinplug\n"),
        ("fish", "complete -c twinplug "),
        ("powershell", "Register-ArgumentCompleter -Native -CommandName 'twinplug' "),
        ("elvish", "set edit:completion:arg-completer[twinplug] = "),
    ];
    for (shell, registers) in registers {
        let ran = twinplug(&["completions", shell]);
        assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
        assert!(ran.out.contains(registers) && ran.out.contains("inspect"), "{}", ran.out);
    }
    let ran = twinplug(&["completions", "tcsh"]);
    ran.is_wrong_usage("error: invalid value 'tcsh' for '<SHELL>'");
}
