//! `repl` on a terminal: prompts, completion, history, edits that are live once they are saved.
//! Each step waits for what it shows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{Options, PtySession, spawn_with_options};
use twinplug::Host;

use crate::interrupt::{COMPILER, program};
use crate::place::Place;
use crate::ran::{C, answers, command, folder, is_skipped, run};
use crate::terminal::MEANWHILE;

const CLOCK: &str = "\
---@plugin clock 1.2.0
Ticks = 0
function Tick(by) Ticks = Ticks + (by or 1) return Ticks end
function Wait() print('waits') return (host.channel('never'):recv()) end
";

struct Terminal {
    folder: PathBuf,
    session: PtySession,
}

impl Terminal {
    /// A folder with `clock.lua`, and where the user's state is.
    fn folder(test: &str) -> PathBuf {
        let folder = folder(&format!("terminal_{test}"));
        fs::write(folder.join("clock.lua"), CLOCK).unwrap();
        folder
    }

    fn new(folder: &Path, args: &[&str]) -> Terminal {
        let mut command = command(&[&["repl"], args].concat());
        command.current_dir(folder);
        Terminal::of(command, folder)
    }

    /// Runs a command on it.
    fn of(command: Command, folder: &Path) -> Terminal {
        Terminal::on("xterm", command, folder)
    }

    /// The same, on one of that kind.
    fn on(kind: &str, mut command: Command, folder: &Path) -> Terminal {
        command.env("XDG_STATE_HOME", folder.join("state")).env("TERM", kind);
        command.stdin(Stdio::inherit());
        let options = Options::default().timeout_ms(Some(30_000)).strip_ansi_escape_codes(true);
        let session = spawn_with_options(command, options).unwrap();
        Terminal { folder: folder.to_owned(), session }
    }

    /// Waits for a text.
    #[track_caller]
    fn shows(&mut self, text: &str) -> String {
        self.session.exp_string(text).unwrap()
    }

    /// Types keys, which a prompt is there for.
    fn types(&mut self, keys: &str) {
        self.session.send(keys).unwrap();
        self.session.flush().unwrap();
    }

    /// Types a line at this prompt, and waits for what it shows.
    #[track_caller]
    fn line(&mut self, prompt: &str, line: &str, shows: &str) {
        self.shows(prompt);
        self.types(&format!("{line}\r"));
        self.shows(line);
        self.shows(shows);
    }

    /// Ctrl-D; what it shows after that.
    fn ends(mut self) -> String {
        self.session.send_control('d').unwrap();
        self.session.exp_eof().unwrap()
    }
}

/// Follows a session that a page shows. What stands behind a prompt is typed.
pub(crate) fn follow(place: &Place, command: &str, shown: &str, at: &str) {
    let command = place.shell(&[], &format!("exec {command}"));
    let mut terminal = Terminal::of(command, &place.folder);
    let shows = |terminal: &mut Terminal, text: &str| {
        let before = terminal.shows(text);
        // A prompt is drawn anew, and a reload takes another time.
        let is_drawn = |line: &str| line.is_empty() || prompted(&format!("{line} ")).is_some();
        let mut lines = before.split(['\r', '\n']).map(str::trim);
        assert!(lines.all(|line| is_drawn(line) || line.ends_with(" ms")), "{at}: {before:?}");
    };
    for line in shown.lines() {
        if let Some(command) = line.strip_prefix(MEANWHILE) {
            assert!(place.shell(&[], command).status().unwrap().success(), "{at}: {command}");
        } else if let Some((prompt, typed)) = prompted(line) {
            shows(&mut terminal, prompt);
            terminal.types(&format!("{typed}\r"));
            shows(&mut terminal, typed);
        } else if line != "^D" {
            let (event, _) = line.split_once(" in ").unwrap_or((line, ""));
            shows(&mut terminal, event);
        }
    }
    terminal.ends();
}

/// A line's prompt, and what is typed at it.
fn prompted(line: &str) -> Option<(&str, &str)> {
    let number = line.find(|character: char| !character.is_ascii_digit()).filter(|&at| at > 0)?;
    let sign = ["> ", ".. "].into_iter().find(|sign| line[number..].starts_with(sign))?;
    Some(line.split_at(number + sign.len()))
}

#[test]
fn lines_are_numbered_and_go_on() {
    let folder = Terminal::folder("lines");
    let mut terminal = Terminal::new(&folder, &["clock.lua"]);
    terminal.shows("loaded clock 1.2.0 (load 1)");
    terminal.line("1> ", "clock.Tick(5)", "\n5\r\n");
    terminal.line("2> ", "function f()", "\n");
    terminal.line("3.. ", "error('no')", "\n");
    terminal.line("4.. ", "end", "\n");
    terminal.line("5> ", "f()", "error: input:3: no\r\n");
    terminal.shows("input:5: in main chunk\r\n");
    terminal.shows("6> ");
    // Pasted as a whole.
    terminal.types("\x1b[200~function g()\nreturn 7\nend\x1b[201~\r");
    // Typed ahead, all at once.
    terminal.types("g()\rx = {\r1, 2\r}\r#x\r");
    terminal.shows("9> ");
    terminal.shows("g()\r\n7\r\n");
    terminal.shows("13> ");
    terminal.shows("#x\r\n2\r\n");
    terminal.shows("14> ");
    let rest = terminal.ends();
    assert!(!rest.contains("unloaded"), "{rest:?}");
}

#[test]
fn an_edit_is_live_and_told_above_the_prompt() {
    let folder = Terminal::folder("edit");
    let mut terminal = Terminal::new(&folder, &["clock.lua"]);
    terminal.shows("1> ");
    terminal.types("clock.Ti");
    terminal.shows("clock.Ti");
    let clock = terminal.folder.join("clock.lua");
    fs::write(&clock, CLOCK.replace("by or 1", "by or 10")).unwrap();
    terminal.shows("reloaded clock 1.2.0 (load 2) in ");
    // What was typed is there again.
    terminal.shows("1> clock.Ti");
    terminal.types("ck()\r");
    terminal.shows("\n10\r\n");
    terminal.shows("2> ");
    fs::write(&clock, "function(").unwrap();
    terminal.shows("rejected clock 1.2.0 (load 2) in ");
    terminal.shows("2> ");
    fs::write(terminal.folder.join("late.lua"), "x(").unwrap();
    terminal.types(".load late.lua\r");
    terminal.shows("rejected late\r\n");
    terminal.shows("3> ");
    fs::write(terminal.folder.join("late.lua"), "function Hour() return 5 end").unwrap();
    terminal.shows("loaded late 0.0.0 (load 1)");
    terminal.types("late.Hour()\r");
    terminal.shows("\n5\r\n");
    terminal.line("4> ", ".load missing", "error: no plugin at `missing`: tried `missing`, ");
    fs::write(terminal.folder.join("short.lua"), "Which = 1").unwrap();
    terminal.line("5> ", ".load short", "loaded short 0.0.0 (load 1)");
    terminal.shows("6> ");
    fs::write(terminal.folder.join("short.lua"), "Which = 2").unwrap();
    terminal.shows("reloaded short 0.0.0 (load 2) in ");
    terminal.types("short.Which\r");
    terminal.shows("\n2\r\n");
    terminal.line("7> ", ".unload short", "unloaded short 0.0.0 (load 2)");
    terminal.line("8> ", ".load short", "loaded short 0.0.0 (load 1)");
    terminal.shows("9> ");
    terminal.ends();
}

#[test]
fn a_library_is_reloaded_once_where_it_is_built_again() {
    if is_skipped(C) {
        return;
    }
    let source = |answer| answers("answers", answer);
    let folder = Terminal::folder("library");
    fs::create_dir(folder.join("answers")).unwrap();
    fs::write(folder.join("answers/answers.c"), source(1)).unwrap();
    let mut terminal = Terminal::new(&folder, &["answers"]);
    terminal.line("1> ", "answers.f()", "\n1\r\n");
    fs::write(folder.join("answers/answers.c"), source(2)).unwrap();
    terminal.line("2> ", ".reload answers", "reloaded answers 1.0.0 (load 2) in ");
    terminal.line("3> ", "answers.f()", "\n2\r\n");
    terminal.shows("4> ");
    // Built elsewhere, as `twinplug watch` in another terminal does.
    fs::write(folder.join("answers/answers.c"), source(3)).unwrap();
    let mut check = command(&["check", "answers"]);
    run(check.current_dir(&folder)).gives("ok       answers (native, answers 1.0.0)");
    terminal.shows("reloaded answers 1.0.0 (load 3) in ");
    terminal.types("answers.f()\r");
    terminal.shows("\n3\r\n");
    terminal.shows("5> ");
    terminal.ends();
}

#[test]
fn names_are_completed() {
    let folder = Terminal::folder("names");
    let builder = Host::builder().function("world.spawn", || ()).constant("world.WIDTH", 640);
    let description = builder.build().unwrap().describe().to_json();
    fs::write(folder.join("game.json"), description).unwrap();
    fs::write(folder.join("a-b.lua"), "function Say() end").unwrap();
    let args = ["clock.lua", "a-b.lua", "--host", "game.json"];
    let mut terminal = Terminal::new(&folder, &args);
    terminal.shows("loaded a-b 0.0.0 (load 1): `plugins[\"a-b\"]`\r\n");
    let completed = |terminal: &mut Terminal, prompt: &str, typed: &str, whole: &str| {
        terminal.shows(prompt);
        terminal.types(&format!("{typed}\t"));
        terminal.shows(whole);
        // Given up.
        terminal.types("\x03");
    };
    completed(&mut terminal, "1> ", "clo", "clock");
    completed(&mut terminal, "1> ", "clock.W", "clock.Wait");
    completed(&mut terminal, "1> ", "x = host.chan", "x = host.channel");
    completed(&mut terminal, "1> ", "host.wo", "host.world");
    completed(&mut terminal, "1> ", "host.world.sp", "host.world.spawn");
    completed(&mut terminal, "1> ", "host.world.W", "host.world.WIDTH");
    completed(&mut terminal, "1> ", "string.rev", "string.reverse");
    completed(&mut terminal, "1> ", "plugins.cl", "plugins.clock");
    completed(&mut terminal, "1> ", "plugins[\"a-b\"].S", "plugins[\"a-b\"].Say");
    completed(&mut terminal, "1> ", "plugins[\"a", "plugins[\"a-b\"]");
    completed(&mut terminal, "1> ", "plugins['a", "plugins['a-b']");
    completed(&mut terminal, "1> ", ".unl", ".unload ");
    completed(&mut terminal, "1> ", ".unload cl", ".unload clock");
    completed(&mut terminal, "1> ", ".load clo", ".load clock.lua");
    terminal.line("1> ", "mine = { field = { inner = 1 } }", "\n");
    completed(&mut terminal, "2> ", "mine.fi", "mine.field");
    completed(&mut terminal, "2> ", "mine.field.in", "mine.field.inner");
    terminal.shows("2> ");
    terminal.ends();
}

#[test]
fn a_wait_is_interrupted_and_the_session_goes_on() {
    let folder = Terminal::folder("interrupt");
    let mut terminal = Terminal::new(&folder, &["clock.lua", "--channel", "never"]);
    terminal.line("1> ", "clock.Wait()", "\nwaits\r\n");
    terminal.types("\x03");
    terminal.shows("error: interrupted\r\n");
    terminal.line("2> ", "while true do end", "\n");
    terminal.types("\x03");
    terminal.shows("error: interrupted\r\n");
    terminal.line("3> ", "clock.Tick()", "\n1\r\n");
    terminal.shows("4> ");
    terminal.ends();
}

#[test]
fn a_build_is_interrupted_and_the_next_one_goes_on() {
    if is_skipped(C) {
        return;
    }
    let folder = Terminal::folder("interrupted_build");
    fs::create_dir(folder.join("native")).unwrap();
    fs::write(folder.join("native/native.c"), answers("native", 7)).unwrap();
    // Slow until its other part is there.
    let slow = format!("test -e fast && exec cc \"$@\"\n{COMPILER}");
    let mut command = command(&["repl", "native"]);
    command.current_dir(&folder).env("CC", program(&folder, "compiler", &slow));
    let mut terminal = Terminal::of(command, &folder);
    terminal.shows("begun");
    terminal.types("\x03");
    terminal.shows("error: interrupted\r\n");
    terminal.line("1> ", ".load native", "begun");
    terminal.types("\x03");
    terminal.shows("error: interrupted\r\n");
    terminal.shows("2> ");
    fs::write(folder.join("fast"), "").unwrap();
    terminal.types(".load native\r");
    terminal.shows("loaded native 1.0.0 (load 1)");
    terminal.line("3> ", "native.f()", "\n7\r\n");
    terminal.shows("4> ");
    terminal.ends();
}

#[test]
fn what_is_logged_is_told_above_the_prompt() {
    let folder = Terminal::folder("log");
    let mut terminal = Terminal::new(&folder, &["clock.lua", "-v"]);
    terminal.shows("1> ");
    terminal.types("clock.Ti");
    terminal.shows("clock.Ti");
    fs::write(folder.join("clock.lua"), format!("{CLOCK}host.log('fresh')")).unwrap();
    let before = terminal.shows("info: plugin `clock`: fresh");
    assert!(before.ends_with(['\r', '\n']), "{before:?}");
    terminal.shows("reloaded clock 1.2.0 (load 2) in ");
    terminal.shows("1> clock.Ti");
    terminal.types("ck()\r");
    terminal.shows("\n1\r\n");
    terminal.shows("2> ");
    terminal.ends();
}

#[test]
fn the_systems_wish_ends_it_at_the_prompt() {
    for signal in [Signal::SIGTERM, Signal::SIGHUP] {
        let folder = Terminal::folder(&format!("end_{signal}"));
        let script = format!("{CLOCK}function on_unload() print('goes') end");
        fs::write(folder.join("clock.lua"), script).unwrap();
        let mut terminal = Terminal::new(&folder, &["clock.lua"]);
        terminal.line("1> ", "clock.Tick()", "\n1\r\n");
        terminal.shows("2> ");
        terminal.types("clock.Ti");
        terminal.shows("clock.Ti");
        terminal.session.process_mut().signal(signal).unwrap();
        let rest = terminal.session.exp_eof().unwrap();
        assert!(rest.ends_with("goes\r\n"), "{signal}: {rest:?}");
        let ended = terminal.session.process().wait().unwrap();
        assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{signal}: {ended:?}");
    }
}

#[test]
fn the_systems_wish_ends_it_on_a_terminal_that_cannot_be_edited_on() {
    let folder = Terminal::folder("dumb");
    let script = format!("{CLOCK}function on_unload() print('goes') end");
    fs::write(folder.join("clock.lua"), script).unwrap();
    let mut command = command(&["repl", "clock.lua"]);
    command.current_dir(&folder);
    let mut terminal = Terminal::on("dumb", command, &folder);
    terminal.shows("1> ");
    terminal.session.process_mut().signal(Signal::SIGTERM).unwrap();
    let rest = terminal.session.exp_eof().unwrap();
    assert!(rest.ends_with("goes\r\n"), "{rest:?}");
    let ended = terminal.session.process().wait().unwrap();
    assert!(matches!(ended, WaitStatus::Exited(_, 0)), "{ended:?}");
}

/// The prompt there goes on to read: the session is left beside it.
#[test]
fn an_end_beside_a_prompt_is_cut_short_by_either() {
    let folder = Terminal::folder("dumb_cut");
    let script = format!("{CLOCK}function on_unload() print('goes') while true do end end");
    fs::write(folder.join("clock.lua"), script).unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut command = command(&["repl", "clock.lua", "--time-limit", "none"]);
        command.current_dir(&folder);
        let mut terminal = Terminal::on("dumb", command, &folder);
        terminal.shows("1> ");
        terminal.session.process_mut().signal(Signal::SIGTERM).unwrap();
        terminal.shows("goes");
        // What comes right after the first one is still that.
        let ended = loop {
            terminal.session.process_mut().signal(signal).unwrap();
            match terminal.session.process().status() {
                Some(WaitStatus::StillAlive) => thread::sleep(Duration::from_millis(20)),
                ended => break ended,
            }
        };
        assert!(matches!(ended, Some(WaitStatus::Exited(_, 1))), "{signal}: {ended:?}");
    }
}

#[test]
fn the_history_is_kept_over_sessions() {
    let folder = Terminal::folder("history");
    let mut first = Terminal::new(&folder, &[]);
    first.line("1> ", "function double(x)", "\n");
    first.line("2.. ", "return x * 2 end", "\n");
    first.line("3> ", " secret = 1", "\n");
    first.line("4> ", "double(4)", "\n8\r\n");
    first.shows("5> ");
    first.ends();
    let kept = fs::read_to_string(folder.join("state/twinplug/history")).unwrap();
    assert_eq!(kept, "#V2\nfunction double(x)\\nreturn x * 2 end\ndouble(4)\n");

    let mut second = Terminal::new(&folder, &[]);
    second.shows("1> ");
    // The one before the last, which is of two lines.
    second.types("\x1b[A\x1b[A\x1b[A");
    second.shows("return x * 2 end");
    second.types("\r");
    second.line("3> ", "double(21)", "\n42\r\n");
    second.shows("4> ");
    second.ends();
}

#[test]
fn a_history_that_cannot_be_kept_is_told() {
    let folder = Terminal::folder("no_history");
    fs::write(folder.join("state"), "a file").unwrap();
    let mut terminal = Terminal::new(&folder, &[]);
    terminal.shows("note: no history is kept: cannot make `");
    terminal.line("1> ", "1 + 1", "\n2\r\n");
    terminal.shows("2> ");
    terminal.ends();
}
