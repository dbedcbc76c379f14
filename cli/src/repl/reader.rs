//! [`Reader`]: where lines come from, a terminal or anything else.
//!
//! What is not a terminal gets neither a prompt nor a history.

use std::io::{self, BufRead};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread;

use rustyline::config::CompletionType;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Context, Editor, ExternalPrinter};

use super::history::History;
use super::interrupts::{Ended, Interrupts, Read};
use super::screen::Screen;
use crate::failure::Failure;
use crate::output;

/// Gives what may stand in the place of what begins there, before the end of a text.
pub(super) type Complete = Rc<dyn Fn(&str) -> (usize, Vec<String>)>;

pub(super) enum Reader {
    Terminal(Box<Terminal>),
    Plain(Plain),
}

/// A line, or why there is none.
pub(super) enum Line {
    Text(String),
    /// It is no text; why.
    Wrong(String),
    /// It is given up.
    Interrupted,
    End,
}

pub(super) struct Terminal {
    editor: Editor<Helper, FileHistory>,
    history: History,
    screen: Arc<Screen>,
}

/// Reads standard input, on a thread of its own: who waits for it can be interrupted.
pub(super) struct Plain {
    requests: Sender<Box<dyn FnOnce(Read) + Send>>,
}

impl Reader {
    pub(super) fn terminal(screen: Arc<Screen>, complete: Complete) -> Result<Reader, Failure> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_space(true)
            .max_history_size(History::LENGTH)
            .map(|config| config.build());
        let editor = config.and_then(|config| {
            let mut editor = Editor::with_config(config)?;
            editor.set_helper(Some(Helper { complete }));
            Ok(editor)
        });
        let mut editor = editor.map_err(|error| unusable(&error))?;
        // A terminal that cannot be edited on shows things where they come.
        if let Ok(printer) = editor.create_external_printer() {
            screen.shows_above(printing(printer));
            let above = Arc::clone(&screen);
            output::divert(move |line| above.print_above(line));
        }
        let history = History::of_the_user(&mut editor);
        Ok(Reader::Terminal(Box::new(Terminal { editor, history, screen })))
    }

    pub(super) fn plain() -> Reader {
        let (requests, asked) = mpsc::channel::<Box<dyn FnOnce(Read) + Send>>();
        thread::spawn(move || {
            for answer in asked {
                let mut line = Vec::new();
                let read = io::stdin().lock().read_until(b'\n', &mut line);
                answer(read.map(|length| (length > 0).then_some(line)));
            }
        });
        Reader::Plain(Plain { requests })
    }

    /// The next line.
    pub(super) fn read(&mut self, prompt: &str, interrupts: &Interrupts) -> Result<Line, Failure> {
        match self {
            Reader::Terminal(terminal) => {
                interrupts.at_prompt(|| terminal.read(prompt)).unwrap_or(Ok(Line::End))
            }
            Reader::Plain(plain) => plain.read(interrupts),
        }
    }

    /// Notes what was typed, be it one line or several.
    pub(super) fn remember(&mut self, text: &str) {
        if let Reader::Terminal(terminal) = self {
            terminal.history.add(&mut terminal.editor, text);
        }
    }
}

impl Terminal {
    fn read(&mut self, prompt: &str) -> Result<Line, Failure> {
        let editor = &mut self.editor;
        match self.screen.at_prompt(|| editor.readline(prompt)) {
            Ok(line) => Ok(Line::Text(line)),
            Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
            Err(ReadlineError::Eof) => Ok(Line::End),
            Err(error) => Err(unusable(&error)),
        }
    }
}

impl Plain {
    fn read(&self, interrupts: &Interrupts) -> Result<Line, Failure> {
        let ended = interrupts.read(|answer| {
            self.requests.send(answer).expect("the thread reads for as long as it is asked");
        });
        match ended {
            Ended::Interrupted => Ok(Line::Interrupted),
            Ended::With(Ok(None)) => Ok(Line::End),
            Ended::With(Ok(Some(line))) => match String::from_utf8(line) {
                Ok(line) => Ok(Line::Text(line.trim_end_matches(['\r', '\n']).to_owned())),
                Err(_) => Ok(Line::Wrong("it is no UTF-8 text".to_owned())),
            },
            Ended::With(Err(error)) => {
                Err(Failure::Unmet(format!("cannot read standard input: {error}")))
            }
        }
    }
}

/// Prints what it is sent above the prompt, for as long as there is a terminal.
fn printing(mut printer: impl ExternalPrinter + Send + 'static) -> Sender<String> {
    let (sender, texts) = mpsc::channel();
    // One that prints waits until the editor has taken what came before.
    thread::spawn(move || texts.into_iter().try_for_each(|text| printer.print(text)));
    sender
}

fn unusable(error: &ReadlineError) -> Failure {
    Failure::Unmet(format!("cannot read from the terminal: {error}"))
}

/// What the editor asks.
struct Helper {
    complete: Complete,
}

impl rustyline::completion::Completer for Helper {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok((self.complete)(&line[..position]))
    }
}

impl rustyline::hint::Hinter for Helper {
    type Hint = String;
}

impl rustyline::highlight::Highlighter for Helper {}
impl rustyline::validate::Validator for Helper {}
impl rustyline::Helper for Helper {}
