//! The history of a session: kept among the user's state, and written as it grows, since a native
//! plugin may end the process at any time.

use std::fs;
use std::path::PathBuf;

use etcetera::{BaseStrategy, choose_base_strategy};
use rustyline::history::FileHistory;
use rustyline::{Editor, Helper};

use crate::output;

pub(super) struct History {
    /// `None` where it is not kept.
    file: Option<PathBuf>,
}

impl History {
    /// So many entries are kept.
    pub(super) const LENGTH: usize = 1000;

    /// The one of the user's other sessions; the editor begins with what is in it.
    pub(super) fn of_the_user<H: Helper>(editor: &mut Editor<H, FileHistory>) -> History {
        let mut history = History { file: None };
        match file() {
            Ok(file) => {
                let read = if file.exists() { editor.load_history(&file) } else { Ok(()) };
                history.file = Some(file);
                history.settle(read.map_err(|error| error.to_string()));
            }
            Err(error) => history.settle(Err(error)),
        }
        history
    }

    pub(super) fn add<H: Helper>(&mut self, editor: &mut Editor<H, FileHistory>, text: &str) {
        let is_new = editor.add_history_entry(text).unwrap_or(false);
        if let (true, Some(file)) = (is_new, &self.file) {
            let added = editor.append_history(file);
            self.settle(added.map_err(|error| error.to_string()));
        }
    }

    /// What fails is told once, and the history is not kept any more.
    fn settle(&mut self, done: Result<(), String>) {
        if let Err(error) = done {
            let file = self.file.take();
            let file = file.map(|file| format!(" in `{}`", file.display())).unwrap_or_default();
            output::note(&format!("no history is kept{file}: {error}"));
        }
    }
}

/// Where it is kept, in a folder that is there.
fn file() -> Result<PathBuf, String> {
    let strategy = choose_base_strategy().map_err(|error| error.to_string())?;
    let folder = strategy.state_dir().unwrap_or_else(|| strategy.data_dir()).join("twinplug");
    fs::create_dir_all(&folder)
        .map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
    Ok(folder.join("history"))
}
