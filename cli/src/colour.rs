//! What words are in colour. They are on a terminal alone, and as `NO_COLOR`, `CLICOLOR` and
//! `CLICOLOR_FORCE` have it: that is `anstream`'s to know, through which [`output`](crate::output)
//! writes them.

use anstyle::{AnsiColor, Style};

/// It is as it should be.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// It has failed.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// It may be wrong.
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
/// It is told beside something else.
pub(crate) const ASIDE: Style = AnsiColor::Cyan.on_default().bold();
/// It says what comes behind it.
pub(crate) const TITLE: Style = Style::new().bold();
/// It is of use now and then.
pub(crate) const FAINT: Style = Style::new().dimmed();
