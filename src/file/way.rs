//! [`Way`]: whether others could change what a path leads to: the file, the folders that lead to
//! it, and the links between.
//!
//! It goes by owners and modes alone: who is a member of a group is not asked, and what an access
//! list grants shows as what the group may. On systems without them nothing is looked at.

#[cfg(not(unix))]
mod unseen;
#[cfg(unix)]
mod walk;

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

#[cfg(not(unix))]
pub(crate) use unseen::Standing;
#[cfg(unix)]
pub(crate) use walk::Standing;

/// A path that leads through what this user and root alone can change, or their group.
#[derive(Debug)]
pub(crate) struct Way {
    /// Where it ends, by its one true name, if anything is there.
    path: PathBuf,
    /// What a group can change as well.
    pub(crate) shared: Vec<PathBuf>,
    /// What is at its end, if anything is.
    end: Option<Standing>,
}

/// Why others could change what a path leads to.
#[derive(Debug)]
pub(crate) struct Unsafe {
    path: PathBuf,
    why: Why,
}

#[cfg_attr(not(unix), allow(dead_code, reason = "nothing is looked at"))]
#[derive(Debug)]
enum Why {
    /// Anybody can write to it, which has this mode.
    Open(u32),
    /// A folder of that mode, to which anybody can add files.
    Common(u32),
    /// It is of the first user, and this program runs as the second.
    Foreign(u32, u32),
    /// Another file was put there after it was read.
    Replaced,
    /// It begins in a current folder that has no path any more.
    Nowhere,
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match self.why {
            Why::Open(mode) => write!(
                f,
                "anybody can write to `{path}` (mode {mode:o}): `chmod o-w` it, once you have made \
                 sure of what is there"
            ),
            Why::Common(mode) => write!(
                f,
                "anybody can put files into `{path}` (mode {mode:o}): use a folder of your own there"
            ),
            Why::Foreign(owner, user) => {
                let trusted = match user {
                    0 => "root alone".to_owned(),
                    user => format!("user {user} and root alone"),
                };
                write!(
                    f,
                    "`{path}` belongs to user {owner}, and this program trusts {trusted}: `chown` \
                     it, or copy it to a folder of your own, once you have made sure of what is there"
                )
            }
            Why::Replaced => write!(f, "`{path}` was replaced while it was read: load it again"),
            Why::Nowhere => write!(
                f,
                "nothing tells which folders lead to `{path}`, as the current one has no path: \
                 give the whole path"
            ),
        }
    }
}

impl Error for Unsafe {}
