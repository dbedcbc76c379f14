//! `repl`: a prompt at which loaded plugins are talked to, in Lua. What is not a terminal is read
//! as it is, so that it can be scripted.
//!
//! How plugins of either kind are called, and what their values are, is the library's: the lines
//! run in a script of the session's own, which sees other plugins as any script does.

mod commands;
mod complete;
mod ending;
mod history;
mod interrupts;
mod plugins;
mod reader;
mod screen;
mod session;
mod text;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use twinplug::{EventKind, Events, HostBuilder};

use crate::call::{declaration, offer};
use crate::company::{Company, Ready};
use crate::failure::{self, Failure};
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output;
use crate::verbosity;
use crate::watch::line::Line as Told;
use commands::Command;
use interrupts::Interrupts;
use plugins::{Done, Manner, Plugins};
use reader::{Line, Reader};
use screen::Screen;
use session::{Checked, Fault, Ran, Session};

/// What a name that nothing has is shown as.
const NOTHING: &str = "nil";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Plugins, folders of plugins, or source folders of native ones
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Offer the plugins a channel; without CAP it holds 1024 messages
    #[arg(long, value_name = "NAME[:CAP]", value_parser = declaration)]
    channel: Vec<(String, usize)>,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is loaded at first.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        let paths = self.paths.iter().map(PathBuf::as_path).chain(self.company.paths());
        let paths: Vec<_> = paths.collect();
        // What will be loaded is most likely from here.
        if paths.is_empty() { vec![Path::new(".")] } else { paths }
    }
}

struct Repl {
    plugins: Rc<Plugins>,
    reader: Reader,
    screen: Arc<Screen>,
    interrupts: Interrupts,
    manner: Manner,
    /// Held but while a line is waited for: what happens then is told at once.
    events: Arc<Mutex<Events>>,
    /// How many lines were read.
    lines: usize,
    has_failed: bool,
}

/// What comes after a line.
enum Then {
    GoesOn,
    /// The same, and it has failed, which was told.
    Failed,
    Ends,
}

/// What was read.
enum Input {
    Command(String),
    /// Lua, and the line in which it begins.
    Lua(String, usize),
    /// What can be neither, and why.
    Wrong(Failure),
    GivenUp,
    End,
}

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let Arguments { paths, channel, company, granting } = arguments;
    let company = company.ready(locking)?;
    let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let manner = if is_terminal { Manner::Watched } else { Manner::Still };
    let screen = Arc::new(Screen::default());
    let printing = Arc::clone(&screen);
    let builder = granting.grant(builder).output(move |_, text| printing.print(text));
    let builder = offer(builder, channel)?;
    let host =
        Session::prepare(builder).build().map_err(|error| Failure::Usage(error.to_string()))?;
    let (events, bell) = (host.events(), host.events());
    verbosity::events_are_told();
    let host = Arc::new(host);
    let events = Arc::new(Mutex::new(events));
    let (left, happened) = (Arc::downgrade(&host), Arc::clone(&events));
    let interrupts = Interrupts::new(move || {
        let events = lock(&happened);
        // Nobody is left to be told.
        let _ = left.upgrade().map(|host| Company::leave(&host));
        discard(&events);
    })?;
    let plugins = Rc::new(Plugins::new(host, manner, locking.clone())?);
    let reader = match manner {
        Manner::Still => Reader::plain(),
        Manner::Watched => {
            let known = Rc::clone(&plugins);
            Reader::terminal(Arc::clone(&screen), Rc::new(move |text| known.complete(text)))?
        }
    };
    let mut repl =
        Repl { plugins, reader, screen, interrupts, manner, events, lines: 0, has_failed: false };
    repl.begin(&company, &paths)?;
    if manner == Manner::Watched {
        repl.greet(bell);
    }
    let followed = repl.follow();
    repl.leave()?;
    followed?;
    // Who types has seen it.
    let is_failure = repl.has_failed && manner == Manner::Still;
    Ok(if is_failure { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

impl Repl {
    /// Loads what the command line names. At a terminal, what fails may be mended.
    fn begin(&mut self, company: &Ready, paths: &[PathBuf]) -> Result<(), Failure> {
        let plugins = Rc::clone(&self.plugins);
        company.around(&plugins.host, || {
            for path in paths {
                match plugins.load(path) {
                    Ok(_) => {}
                    Err(Failure::Interrupted) if self.manner == Manner::Watched => {
                        self.interrupted();
                        break;
                    }
                    Err(Failure::Interrupted) => return Err(interrupted()),
                    Err(failure) if self.manner == Manner::Still || !path.exists() => {
                        return Err(failure);
                    }
                    Err(failure) => self.fail(failure),
                }
            }
            Ok(())
        })?;
        // What was asked for is no news.
        if self.manner == Manner::Still {
            discard(&lock(&self.events));
        }
        Ok(())
    }

    /// Says what there is, and tells what happens while a prompt is shown.
    fn greet(&self, bell: Events) {
        let version = env!("CARGO_PKG_VERSION");
        output::note(&format!("twinplug {version}: `.help` shows what there is, Ctrl-D ends it"));
        let (events, screen) = (Arc::clone(&self.events), Arc::clone(&self.screen));
        tell(&lock(&events), &screen);
        thread::spawn(move || bell.for_each(|_| tell(&lock(&events), &screen)));
    }

    /// Unloads everything. That this happens at the end is no news.
    fn leave(&self) -> Result<(), Failure> {
        let events = lock(&self.events);
        Company::leave(&self.plugins.host)?;
        discard(&events);
        self.screen.end_line();
        Ok(())
    }

    /// Does what is typed, until there is no more.
    fn follow(&mut self) -> Result<(), Failure> {
        let events = Arc::clone(&self.events);
        while !self.interrupts.is_ending() {
            let input = self.input()?;
            let events = lock(&events);
            tell(&events, &self.screen);
            let done = self.take(input);
            self.plugins.host.flush_output();
            tell(&events, &self.screen);
            match done {
                Ok(Then::GoesOn) => {}
                Ok(Then::Failed) => self.has_failed = true,
                Ok(Then::Ends) => return Ok(()),
                Err(failure @ Failure::Output(_)) => return Err(failure),
                Err(failure) => self.fail(failure),
            }
        }
        Ok(())
    }

    /// The next command, or Lua that is complete.
    fn input(&mut self) -> Result<Input, Failure> {
        let begins = self.lines + 1;
        let mut text = match self.read(&format!("{begins}> "))? {
            Ok(line) => line,
            Err(other) => return Ok(other),
        };
        if Command::of(&text).is_some() {
            self.reader.remember(&text);
            return Ok(Input::Command(text));
        }
        let input = loop {
            match self.plugins.session.check(&text, begins, &self.interrupts) {
                Ok(Checked::Complete) => break Input::Lua(text.clone(), begins),
                Ok(Checked::Wrong(why)) => break Input::Wrong(Failure::Unmet(why)),
                Ok(Checked::Interrupted) => return Ok(Input::GivenUp),
                Err(failure) => break Input::Wrong(failure),
                Ok(Checked::Incomplete(why)) => {
                    match self.read(&format!("{}.. ", self.lines + 1))? {
                        Ok(line) => text = text + "\n" + &line,
                        Err(Input::End) => break Input::Wrong(Failure::Unmet(why)),
                        Err(other) => return Ok(other),
                    }
                }
            }
        };
        self.reader.remember(&text);
        Ok(input)
    }

    /// A line, or several that came at once.
    fn read(&mut self, prompt: &str) -> Result<Result<String, Input>, Failure> {
        let line = match self.reader.read(prompt, &self.interrupts) {
            // A terminal may have gone.
            _ if self.interrupts.is_ending() => Line::End,
            line => line?,
        };
        Ok(match line {
            Line::Text(line) => {
                self.lines += 1 + line.matches('\n').count();
                Ok(line)
            }
            Line::Wrong(why) => {
                self.lines += 1;
                Err(Input::Wrong(Failure::Unmet(format!("line {}: {why}", self.lines))))
            }
            Line::Interrupted => Err(Input::GivenUp),
            Line::End => Err(Input::End),
        })
    }

    fn take(&mut self, input: Input) -> Result<Then, Failure> {
        match input {
            Input::Command(line) => match self.command(&line) {
                Err(Failure::Interrupted) => Ok(self.interrupted()),
                done => done,
            },
            Input::Lua(text, line) => self.evaluate(&text, line),
            Input::Wrong(failure) => Err(failure),
            Input::GivenUp if self.manner == Manner::Watched => Ok(Then::GoesOn),
            Input::GivenUp => Ok(self.interrupted()),
            Input::End => Ok(Then::Ends),
        }
    }

    fn command(&mut self, line: &str) -> Result<Then, Failure> {
        let command = Command::of(line).transpose().map_err(Failure::Unmet)?;
        match command {
            None => {}
            Some(Command::Help) => self.screen.show(&commands::help())?,
            Some(Command::List(name)) => {
                let lines = self.plugins.list(name)?;
                lines.iter().try_for_each(|line| self.screen.show_line(line))?;
            }
            Some(Command::Load(path)) => return Ok(self.plugins.load(Path::new(path))?.into()),
            Some(Command::Reload(name)) => return Ok(self.plugins.reload(name)?.into()),
            Some(Command::Unload(name)) => self.plugins.unload(name)?,
            Some(Command::Quit) => return Ok(Then::Ends),
        }
        Ok(Then::GoesOn)
    }

    fn evaluate(&mut self, text: &str, line: usize) -> Result<Then, Failure> {
        match self.plugins.session.run(text, line, &self.interrupts) {
            Ran::Interrupted => return Ok(self.interrupted()),
            Ran::Shown(values) => {
                self.plugins.host.flush_output();
                values.iter().try_for_each(|values| self.screen.show(values))?;
                if values.as_deref() == Some(NOTHING) {
                    self.guess();
                }
            }
            Ran::Failed(Fault { message, traceback, thrown }) => {
                self.plugins.host.flush_output();
                self.screen.end_line();
                failure::report(&message, traceback.iter().map(String::as_str));
                thrown.iter().for_each(|thrown| output::note(&format!("it has thrown {thrown}")));
                self.guess();
                return Ok(Then::Failed);
            }
        }
        Ok(Then::GoesOn)
    }

    /// Says what may have been meant by names that there are not.
    fn guess(&self) {
        self.plugins.guesses().iter().for_each(|guess| output::note(guess));
    }

    /// A line was given up: who types goes on with the next one.
    fn interrupted(&mut self) -> Then {
        if self.manner == Manner::Watched {
            // The terminal has shown the key.
            self.screen.next_line();
        }
        self.fail(interrupted());
        match self.manner {
            Manner::Watched => Then::GoesOn,
            Manner::Still => Then::Ends,
        }
    }

    fn fail(&mut self, failure: Failure) {
        self.screen.end_line();
        failure.report();
        self.has_failed = true;
    }
}

impl From<Done> for Then {
    fn from(done: Done) -> Then {
        match done {
            Done::Well => Then::GoesOn,
            Done::Told => Then::Failed,
        }
    }
}

/// What is told of a line that was given up, or of what was to be loaded before the first.
fn interrupted() -> Failure {
    Failure::Unmet(Failure::Interrupted.to_string())
}

/// Tells what has happened, but for what is the session's own.
fn tell(events: &Events, screen: &Screen) {
    for event in std::iter::from_fn(|| events.try_recv()) {
        // A load that has gone is seen in what has taken over.
        let is_news = event.kind != EventKind::Retired && !Session::is_called(&event.plugin);
        if is_news && (event.error.is_some() || !verbosity::is_quiet()) {
            let written = match event.kind {
                EventKind::Loaded => plugins::written(&event.plugin),
                _ => None,
            };
            let mut lines = Told::of(event).text();
            if let (Some(line), Some(written)) = (lines.first_mut(), written) {
                *line += &format!(": `{written}`");
            }
            screen.tell(&lines);
        }
    }
}

fn discard(events: &Events) {
    std::iter::from_fn(|| events.try_recv()).for_each(drop);
}

fn lock(events: &Mutex<Events>) -> MutexGuard<'_, Events> {
    events.lock().unwrap_or_else(PoisonError::into_inner)
}
