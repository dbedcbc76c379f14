//! Follows a path step by step, as the system does, and asks at each who could change it.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::process::geteuid;

use super::{Unsafe, Way, Why};
use crate::file::Content;

/// So many links the system follows as well (path_resolution(7)).
const MOST_LINKS: usize = 40;

const BY_ANYBODY: u32 = 0o002;
const BY_GROUP: u32 = 0o020;
/// In such a folder none but who owns a file puts another one in its place.
const STICKY: u32 = 0o1000;
/// What `chmod` sets.
const MODE: u32 = 0o7777;

/// Whose a file is, who can change it, and which one it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    owner: u32,
    mode: u32,
    identity: (u64, u64),
}

/// What something is on a way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// A folder that leads to another one.
    Above,
    /// The folder of the file, or of a link to it: what else is put there counts too.
    Around,
    Link,
    File,
}

/// Who can change something, but for its owner.
#[derive(PartialEq, Eq)]
enum Others {
    None,
    Group,
}

impl Standing {
    pub(crate) fn of(metadata: &Metadata) -> Standing {
        Standing {
            owner: metadata.uid(),
            mode: metadata.mode() & MODE,
            identity: (metadata.dev(), metadata.ino()),
        }
    }

    fn at(folder: &Path) -> Option<Standing> {
        folder.symlink_metadata().ok().as_ref().map(Standing::of)
    }

    fn judge(&self, part: Part) -> Result<Others, Why> {
        let user = geteuid().as_raw();
        if ![user, 0].contains(&self.owner) {
            return Err(Why::Foreign(self.owner, user));
        }
        let is_set = |bit| self.mode & bit != 0;
        match part {
            // A link has no mode of its own.
            Part::Link => Ok(Others::None),
            // What is next in it is of this user or of root, or else refused.
            Part::Above if is_set(STICKY) => Ok(Others::None),
            Part::Around if is_set(BY_ANYBODY) && is_set(STICKY) => Err(Why::Common(self.mode)),
            _ if is_set(BY_ANYBODY) => Err(Why::Open(self.mode)),
            _ if is_set(BY_GROUP) => Ok(Others::Group),
            _ => Ok(Others::None),
        }
    }
}

impl Way {
    /// Follows a path to its end, or as far as anything is there.
    ///
    /// # Errors
    /// Others could have it lead elsewhere, or put something there.
    pub(crate) fn to(path: &Path) -> Result<Way, Unsafe> {
        let absolute = std::path::absolute(path)
            .map_err(|_| Unsafe { path: path.to_owned(), why: Why::Nowhere })?;
        let mut way = Way { path: path.to_owned(), shared: Vec::new(), end: None };
        let (mut here, mut ahead) = (PathBuf::from("/"), VecDeque::new());
        go_on(&absolute, &mut here, &mut ahead);
        let (mut links, mut known) = (0, None);
        while let Some(step) = ahead.pop_front() {
            // One that is gone is the system's to miss.
            let Some(folder) = known.or_else(|| Standing::at(&here)) else { return Ok(way) };
            if step == ".." {
                // Whoever can put a link in its place decides where this leads.
                way.take(&here, folder, Part::Above)?;
                here.pop();
                known = None;
                continue;
            }
            way.take(&here, folder, if ahead.is_empty() { Part::Around } else { Part::Above })?;
            let next = here.join(step);
            let Ok(metadata) = next.symlink_metadata() else {
                // Whoever may write here decides what will be there.
                way.take(&here, folder, Part::Around)?;
                return Ok(way);
            };
            let standing = Standing::of(&metadata);
            if metadata.is_symlink() {
                way.take(&next, standing, Part::Link)?;
                links += 1;
                let target = next.read_link().ok().filter(|_| links <= MOST_LINKS);
                // Nor does the system come further.
                let Some(target) = target else { return Ok(way) };
                known = Some(folder).filter(|_| !target.has_root());
                go_on(&target, &mut here, &mut ahead);
            } else if ahead.is_empty() {
                way.end = Some(standing);
                way.path = next;
            } else {
                (here, known) = (next, Some(standing));
            }
        }
        Ok(way)
    }

    /// What is in the file that was read at its end after it was followed.
    ///
    /// # Errors
    /// Others can change that file.
    pub(crate) fn admit(&mut self, file: Content) -> Result<Vec<u8>, Unsafe> {
        let path = self.path.clone();
        self.take(&path, file.standing, Part::File)?;
        Ok(file.bytes)
    }

    /// Admits a file that was read before it was followed.
    ///
    /// # Errors
    /// Others can change it, or the way leads to another one by now.
    pub(crate) fn admit_earlier(&mut self, file: &Content) -> Result<(), Unsafe> {
        let path = self.path.clone();
        match &self.end {
            Some(end) if end.identity == file.standing.identity => {
                self.take(&path, file.standing, Part::File)
            }
            _ => Err(Unsafe { path, why: Why::Replaced }),
        }
    }

    /// Something is on it.
    fn take(&mut self, path: &Path, standing: Standing, part: Part) -> Result<(), Unsafe> {
        let others = standing.judge(part);
        let others = others.map_err(|why| Unsafe { path: path.to_owned(), why })?;
        if others == Others::Group && !self.shared.iter().any(|known| known == path) {
            self.shared.push(path.to_owned());
        }
        Ok(())
    }
}

/// The steps of a path come before those that are ahead; a whole path begins at the root.
fn go_on(path: &Path, here: &mut PathBuf, ahead: &mut VecDeque<OsString>) {
    for component in path.components().rev() {
        match component {
            Component::RootDir => *here = PathBuf::from("/"),
            Component::CurDir | Component::Prefix(_) => {}
            Component::ParentDir | Component::Normal(_) => {
                ahead.push_front(component.as_os_str().to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;
    use crate::file::{Most, read_most};

    /// A file of a folder that nobody else can look into.
    fn put(folder: &TempDir, name: &str, mode: u32) -> PathBuf {
        let path = folder.path().join(name);
        fs::write(&path, name).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path
    }

    fn read(path: &Path) -> Content {
        read_most(path, Most::OF_CODE).unwrap()
    }

    /// What is judged is what was read, whichever file is there by then.
    #[test]
    fn a_file_that_is_swapped_is_judged_as_it_was_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = put(&folder, "a", 0o666);
        let mut way = Way::to(&path).unwrap();
        let open = read(&path);
        fs::rename(put(&folder, "b", 0o644), &path).unwrap();
        assert!(matches!(way.admit(open), Err(Unsafe { why: Why::Open(0o666), .. })));

        let closed = read(&path);
        fs::rename(put(&folder, "c", 0o666), &path).unwrap();
        assert_eq!(way.admit(closed).unwrap(), b"b");
    }

    /// A file that was read before its folders were judged is the one that they lead to.
    #[test]
    fn a_file_that_was_replaced_since_it_was_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = put(&folder, "a", 0o644);
        let before = read(&path);
        Way::to(&path).unwrap().admit_earlier(&before).unwrap();
        fs::rename(put(&folder, "b", 0o644), &path).unwrap();
        let fault = Way::to(&path).unwrap().admit_earlier(&before).unwrap_err();
        let expected =
            format!("`{}` was replaced while it was read: load it again", path.display());
        assert_eq!(fault.to_string(), expected);
        fs::remove_file(&path).unwrap();
        Way::to(&path).unwrap().admit_earlier(&before).unwrap_err();
    }

    /// Steps up, links to links, whole and relative ones: a way ends where the system's does.
    #[test]
    fn a_way_ends_where_the_system_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = put(&folder, "file", 0o644);
        let below = folder.path().join("below");
        fs::create_dir(&below).unwrap();
        symlink("../file", below.join("up")).unwrap();
        symlink(below.join("up"), folder.path().join("whole")).unwrap();
        symlink("whole", folder.path().join("twice")).unwrap();
        symlink("below/.", folder.path().join("folder")).unwrap();
        symlink("loop", folder.path().join("loop")).unwrap();
        let one = file.canonicalize().unwrap();
        for name in ["file", "below/up", "whole", "twice", "folder/up", "folder/../file", "./file"]
        {
            let way = Way::to(&folder.path().join(name)).unwrap();
            assert_eq!(way.path, one, "{name}");
            assert!(way.end.is_some() && way.shared.is_empty(), "{name}");
        }
        for name in ["nothing", "below/nothing/at/all", "file/below", "loop", "loop/file"] {
            assert!(Way::to(&folder.path().join(name)).unwrap().end.is_none(), "{name}");
        }
    }
}
