//! [`Order`]: which one of many plugins is loaded next, so that each comes after those that it
//! requires; and why one is not loaded that lacks another.
//!
//! A plugin is ready once what it requires is loaded, and nothing else that waits could still be
//! a version of it. Of those that are ready the first by its path is next. Names are known before
//! any code runs, but for those that a script's code makes up; so the registry is asked each
//! time, and no plan is made before.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use semver::Version;

use super::{PluginRef, Registry};
use crate::error::{Error, ErrorKind, Result};
use crate::loading::Located;
use crate::plugin::Requirement;

/// One of the plugins.
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) name: String,
    /// `None` where it is not known yet.
    pub(super) version: Option<Version>,
    pub(super) requires: Vec<Requirement>,
    /// What it is a layer over: then it is no plugin that others require.
    pub(super) over: Option<String>,
    pub(super) state: State,
}

pub(super) enum State {
    Waits(Box<Located>),
    /// It is being loaded, or is.
    Loaded,
    Failed(Failed),
}

/// Why one was not loaded.
pub(super) struct Failed {
    pub(super) error: Error,
    /// The names that lead from it to where it began.
    chain: Vec<String>,
    /// The error that it began with.
    root: Error,
}

pub(super) struct Order<'r> {
    pub(super) members: Vec<Member>,
    registry: &'r Registry,
    /// What to do about one that is missing.
    remedy: &'static str,
    /// The members by their names.
    named: HashMap<String, Vec<usize>>,
    /// The members that require a name.
    requiring: HashMap<String, Vec<usize>>,
    ready: BTreeSet<usize>,
}

impl Failed {
    pub(super) fn by_itself(name: &str, error: Error) -> Failed {
        Failed { root: error.clone(), error, chain: vec![name.to_owned()] }
    }
}

impl Member {
    fn waits(&self) -> bool {
        matches!(self.state, State::Waits(_))
    }

    /// Whether it may turn out to be what is required.
    fn may_meet(&self, requirement: &Requirement) -> bool {
        self.name == requirement.name
            && self.version.as_ref().is_none_or(|version| requirement.admits(version))
    }

    fn refusal(&self, why: &str) -> Error {
        let message = format!("cannot load `{}`: it requires {why}", self.path.display());
        Error::new(ErrorKind::Refused, message)
    }
}

impl<'r> Order<'r> {
    pub(super) fn new(members: Vec<Member>, registry: &'r Registry, remedy: &'static str) -> Self {
        let mut order = Order {
            registry,
            remedy,
            named: HashMap::new(),
            requiring: HashMap::new(),
            ready: BTreeSet::new(),
            members,
        };
        for (index, member) in order.members.iter().enumerate() {
            if member.over.is_none() {
                order.named.entry(member.name.clone()).or_default().push(index);
            }
            for requirement in &member.requires {
                order.requiring.entry(requirement.name.clone()).or_default().push(index);
            }
        }
        order.ready = order.waiting().filter(|&index| order.is_ready(index)).collect();
        order
    }

    /// The next one to load. Those that never can be fail on the way.
    pub(super) fn next(&mut self) -> Option<(usize, Located)> {
        loop {
            let Some(index) = self.ready.pop_first().or_else(|| self.first_served()) else {
                if self.refuse_circles() {
                    continue;
                }
                return None;
            };
            let state = std::mem::replace(&mut self.members[index].state, State::Loaded);
            if let State::Waits(located) = state {
                return Some((index, *located));
            }
        }
    }

    /// Takes down what has become of one.
    pub(super) fn settle(&mut self, index: usize, loaded: &Result<PluginRef>) {
        match loaded {
            Ok(plugin) => self.wake(plugin.name()),
            Err(error) => {
                let failed = Failed::by_itself(&self.members[index].name, error.clone());
                self.members[index].state = State::Failed(failed);
            }
        }
        self.wake(&self.members[index].name.clone());
    }

    /// With none ready: the first that has what it requires, though not what else might come
    /// of it. Those are refused before that require what does not come.
    fn first_served(&mut self) -> Option<usize> {
        while self.refuse_one_that_lacks() {}
        let ready = self.ready.pop_first();
        ready.or_else(|| self.waiting().find(|&index| self.lacks(index).is_none()))
    }

    fn waiting(&self) -> impl Iterator<Item = usize> {
        (0..self.members.len()).filter(|&index| self.members[index].waits())
    }

    /// Those that wait and may turn out to be what is required.
    fn hopes<'o>(&'o self, requirement: &'o Requirement) -> impl Iterator<Item = usize> + 'o {
        let named = self.named.get(&requirement.name).into_iter().flatten().copied();
        named.filter(|&index| {
            self.members[index].waits() && self.members[index].may_meet(requirement)
        })
    }

    fn is_ready(&self, index: usize) -> bool {
        self.members[index].requires.iter().all(|requirement| {
            self.hopes(requirement).next().is_none() && self.registry.required(requirement).is_ok()
        })
    }

    /// The first that it requires and that is not loaded.
    fn lacks(&self, index: usize) -> Option<&Requirement> {
        let mut requires = self.members[index].requires.iter();
        requires.find(|requirement| self.registry.required(requirement).is_err())
    }

    /// A plugin of that name has come, or does not come any more.
    fn wake(&mut self, name: &str) {
        for &index in self.requiring.get(name).into_iter().flatten() {
            if self.members[index].waits() && self.is_ready(index) {
                self.ready.insert(index);
            }
        }
    }

    /// Refuses the first that requires what nobody can turn out to be any more.
    fn refuse_one_that_lacks(&mut self) -> bool {
        let lacks = |index: usize| {
            let mut requires = self.members[index].requires.iter();
            requires.find_map(|requirement| {
                let is_hopeless = self.hopes(requirement).next().is_none();
                let missing = self.registry.required(requirement).err().filter(|_| is_hopeless);
                Some((index, requirement, missing?))
            })
        };
        let Some((index, requirement, missing)) = self.waiting().find_map(lacks) else {
            return false;
        };
        let failed = self.lacking(index, requirement, &missing);
        self.fail(index, failed);
        true
    }

    /// Why one is refused that lacks another one.
    fn lacking(&self, index: usize, requirement: &Requirement, missing: &Error) -> Failed {
        let member = &self.members[index];
        let Requirement { name, range, .. } = requirement;
        let of_its_name = self.named.get(name).into_iter().flatten();
        let cause =
            of_its_name.map(|&index| &self.members[index]).find_map(|other| match &other.state {
                State::Failed(failed) if other.may_meet(requirement) => Some(failed),
                _ => None,
            });
        let Some(Failed { chain, root, .. }) = cause else {
            let (path, why) = (member.path.display(), missing.message());
            let what = format!("cannot load `{path}`: {why}: {}", self.remedy);
            let error = Error::new(ErrorKind::Refused, what);
            let chain = vec![member.name.clone(), name.clone()];
            return Failed { root: error.clone(), error, chain };
        };
        let chain: Vec<_> = std::iter::once(&member.name).chain(chain).cloned().collect();
        let why = format!("`{name}` {range}, which is not loaded ({}): {root}", chain.join(" -> "));
        Failed { error: member.refusal(&why).with_source(root.clone()), chain, root: root.clone() }
    }

    /// Refuses those that require themselves, through others or at once.
    fn refuse_circles(&mut self) -> bool {
        let circles: Vec<_> =
            self.waiting().filter_map(|index| Some((index, self.circle(index)?))).collect();
        for (index, circle) in &circles {
            let chain: Vec<_> = circle.iter().map(|&at| self.members[at].name.clone()).collect();
            let why = format!("itself ({}): one of them has to do without", chain.join(" -> "));
            let error = self.members[*index].refusal(&why);
            let failed = Failed { root: error.clone(), error, chain };
            self.members[*index].state = State::Failed(failed);
        }
        for (index, _) in &circles {
            self.wake(&self.members[*index].name.clone());
        }
        !circles.is_empty()
    }

    /// The shortest way from one back to itself, along what is lacking.
    fn circle(&self, start: usize) -> Option<Vec<usize>> {
        let mut from = HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(at) = queue.pop_front() {
            let requires = self.members[at].requires.iter();
            let lacks = requires.filter(|requirement| self.registry.required(requirement).is_err());
            for next in lacks.flat_map(|requirement| self.hopes(requirement)) {
                if next == start {
                    let back = std::iter::successors(Some(at), |at| from.get(at).copied());
                    let mut way: Vec<_> = std::iter::once(start).chain(back).collect();
                    way.reverse();
                    return Some(way);
                }
                if let Entry::Vacant(way) = from.entry(next) {
                    way.insert(at);
                    queue.push_back(next);
                }
            }
        }
        None
    }

    fn fail(&mut self, index: usize, failed: Failed) {
        self.members[index].state = State::Failed(failed);
        self.wake(&self.members[index].name.clone());
    }
}
