//! The libraries beside a plugin, looked at before the system's loader maps them with
//! it: it would follow their tables without doubting them, wait for a pipe, and take what
//! others have put there.
//!
//! Those of the system's folders are the system's affair, and not looked at. It opens each
//! by itself after that: what holds till then is who can change them, and not what they hold.

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};

use super::companions::Companion;
use super::dependencies::{Dependencies, MAX_LIBRARIES};
use super::foreign::other_machine;
use super::preflight;
use crate::error::{Error, ErrorKind, Result};
use crate::file::{self, Most, Unread, Unsafe, Way};

/// What was found beside a plugin.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) companions: Vec<Companion>,
    /// What a group can change of them, and of what leads to them.
    pub(super) shared: Vec<PathBuf>,
}

/// What a file needs, and the folders in which the loader looks for it.
struct Seeker {
    needs: Dependencies,
    origin: PathBuf,
    /// Folders that those say which need it: the older RPATH counts for them all.
    inherited: Vec<PathBuf>,
}

/// Checks the libraries beside a plugin that it needs, and those beside them that they
/// need in turn.
///
/// # Errors
/// The first that the system would stumble over, and why.
pub(super) fn check(needs: &Dependencies, origin: &Path) -> Result<Beside> {
    let first = Seeker { needs: needs.clone(), origin: origin.to_owned(), inherited: Vec::new() };
    let mut seekers = VecDeque::from([first]);
    let (mut seen, mut beside) = (HashSet::new(), Beside::default());
    while let Some(seeker) = seekers.pop_front() {
        for name in &seeker.needs.needed {
            let Some((place, bytes)) = seeker.find(name, &mut seen, &mut beside.shared)? else {
                continue;
            };
            if seen.len() > MAX_LIBRARIES {
                let message = format!("it needs more than {MAX_LIBRARIES} libraries beside it");
                return Err(Error::new(ErrorKind::Refused, message));
            }
            let one = place.canonicalize().unwrap_or_else(|_| place.clone());
            beside.companions.push(Companion::new(one, &bytes));
            let needs = preflight::library(&bytes).map_err(|what| refused(&place, &what))?;
            let origin = place.parent().unwrap_or(Path::new("")).to_owned();
            seekers.push_back(Seeker { needs, origin, inherited: seeker.passed_on() });
        }
    }
    Ok(beside)
}

impl Seeker {
    /// The library of that name that lies beside, if it was not seen yet, and its bytes.
    fn find(
        &self,
        name: &str,
        seen: &mut HashSet<PathBuf>,
        shared: &mut Vec<PathBuf>,
    ) -> Result<Option<(PathBuf, Vec<u8>)>> {
        let inherited = self.inherited.iter().filter(|_| !name.contains('/'));
        let inherited = inherited.map(|folder| folder.join(name));
        // A path that is not relative to `$ORIGIN` is one as it stands.
        let named = name.contains('/').then(|| PathBuf::from(name));
        for place in self.needs.beside(name, &self.origin).chain(inherited).chain(named) {
            // Of one that is not there yet as well: somebody might put it there.
            let mut way = Way::to(&place).map_err(|fault| distrusted(&place, &fault))?;
            // What is not there, or leads nowhere, the system passes by.
            let Ok(one) = place.canonicalize() else { continue };
            if seen.contains(&one) {
                return Ok(None);
            }
            let content = match file::read_most(&place, Most::OF_CODE) {
                Ok(content) => content,
                // As the system does with what it may not read.
                Err(Unread::Io(_)) => continue,
                Err(Unread::Unfit(what)) => return Err(refused(&place, what)),
            };
            // As the system does where libraries of several machines lie together.
            if other_machine(&content.bytes).is_some() {
                continue;
            }
            let bytes = way.admit(content).map_err(|fault| distrusted(&place, &fault))?;
            shared.append(&mut way.shared);
            seen.insert(one);
            return Ok(Some((place, bytes)));
        }
        Ok(None)
    }

    /// The folders in which those look as well that this one needs.
    fn passed_on(&self) -> Vec<PathBuf> {
        match self.needs.passes_on {
            true => {
                let own = self.needs.folders_beside(&self.origin);
                own.chain(self.inherited.iter().cloned()).collect()
            }
            false => self.inherited.clone(),
        }
    }
}

fn refused(place: &Path, what: &str) -> Error {
    let message = format!("it needs `{}`, which is refused: {what}", place.display());
    Error::new(ErrorKind::Refused, message)
}

fn distrusted(place: &Path, fault: &Unsafe) -> Error {
    let message = format!("it looks for `{}`: {fault}", place.display());
    Error::new(ErrorKind::Trust, message)
}
