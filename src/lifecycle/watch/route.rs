//! The way that a path takes to what it means: through which folders, and around which links.
//!
//! It only looks; [`Ways`](super::ways::Ways) keeps it up to date.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Whoever has an entry of these folders in hand decides what the path means.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Route {
    pub(super) steps: Vec<Step>,
    /// What it leads to, by its one true name; `None` where nothing is.
    pub(super) end: Option<PathBuf>,
}

/// An entry that the path goes by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The folder that it is in, by its one true name.
    pub(super) folder: PathBuf,
    pub(super) path: PathBuf,
    /// It is the last one, or missing, or a link: not just a folder on the way.
    pub(super) is_turn: bool,
}

/// As many links Linux follows.
const MOST_LINKS: usize = 40;

/// Where the folders on the way are watched too, so that one which is renamed is seen. Elsewhere a
/// folder is watched with all that is in it, or stays open, and those are left alone.
pub(super) const WATCHES_THE_WAY: bool = cfg!(any(target_os = "linux", target_os = "android"));

impl Route {
    /// The way of an absolute path.
    pub(super) fn of(path: &Path) -> Route {
        let mut route = Route::default();
        let mut here = PathBuf::new();
        let mut ahead = parts(path);
        let mut links = 0;
        while let Some(part) = ahead.pop() {
            match part.components().next() {
                Some(Component::Normal(_)) => {}
                Some(Component::ParentDir) => {
                    here.pop();
                    continue;
                }
                Some(Component::CurDir) | None => continue,
                // What is absolute takes the place of what was before.
                Some(Component::Prefix(_) | Component::RootDir) => {
                    here.push(&part);
                    continue;
                }
            }
            let next = here.join(&part);
            let found = fs::symlink_metadata(&next);
            let link = found.as_ref().ok().filter(|found| found.is_symlink());
            let target = link.and_then(|_| fs::read_link(&next).ok());
            let is_turn = target.is_some() || found.is_err();
            route.steps.push(Step { folder: here.clone(), path: next.clone(), is_turn });
            links += usize::from(target.is_some());
            match target {
                _ if found.is_err() || links > MOST_LINKS => return route,
                Some(target) => ahead.extend(parts(&target)),
                None => here = next,
            }
        }
        if let Some(last) = route.steps.last_mut() {
            last.is_turn = true;
        }
        route.end = Some(here);
        route
    }

    /// Whether that entry is the one that the path ends at.
    pub(super) fn ends_at(&self, path: &Path) -> bool {
        self.steps.last().is_some_and(|last| last.path == path)
    }

    /// The folders to be watched, from the top.
    pub(super) fn watched(&self) -> impl Iterator<Item = &Step> {
        // Nobody moves what is in the root while programs run.
        let is_moved = |step: &Step| WATCHES_THE_WAY && step.folder.parent().is_some();
        self.steps.iter().filter(move |step| step.is_turn || is_moved(step))
    }
}

/// The parts of a path, the first one last.
fn parts(path: &Path) -> Vec<PathBuf> {
    path.components().rev().map(|part| Path::new(&part).to_owned()).collect()
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The steps inside of a folder, turns with a star, and what it leads to.
    fn route(root: &Path, path: &str) -> (String, Option<PathBuf>) {
        let route = Route::of(&root.join(path));
        let inside = route.steps.iter().filter_map(|step| {
            let path = step.path.strip_prefix(root).ok().filter(|path| path != &Path::new(""))?;
            assert_eq!(step.path.parent(), Some(&*step.folder));
            Some(format!("{}{}", path.display(), if step.is_turn { "*" } else { "" }))
        });
        let inside: Vec<_> = inside.collect();
        let end = route.end.map(|end| end.strip_prefix(root).expect("it is inside").to_owned());
        (inside.join(" "), end)
    }

    #[test]
    fn a_route_goes_around_links_and_stops_where_nothing_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("real/deep")).unwrap();
        fs::write(root.join("real/deep/a.lua"), "").unwrap();
        symlink("real", root.join("near")).unwrap();
        symlink(root.join("near/deep"), root.join("far")).unwrap();
        symlink("../real/deep/a.lua", root.join("real/a.lua")).unwrap();
        symlink("round", root.join("round")).unwrap();
        let check = |path: &str, steps: &str, end: Option<&str>| {
            let found = route(&root, path);
            assert_eq!(found, (steps.to_owned(), end.map(PathBuf::from)), "{path}");
        };
        let end = Some("real/deep/a.lua");
        check("real/deep/a.lua", "real real/deep real/deep/a.lua*", end);
        check("near/deep/a.lua", "near* real real/deep real/deep/a.lua*", end);
        check("far/a.lua", "far* near* real real/deep real/deep/a.lua*", end);
        check("real/a.lua", "real real/a.lua* real real/deep real/deep/a.lua*", end);
        check("real/../real/deep", "real real real/deep*", Some("real/deep"));
        check("real/none/a.lua", "real real/none*", None);
        check("real/deep/a.lua/b", "real real/deep real/deep/a.lua real/deep/a.lua/b*", None);
        assert_eq!(route(&root, "round").1, None);
    }
}
