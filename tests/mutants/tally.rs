//! How many mutants came to which end: by what was done to them, and by what was hit.

use std::collections::BTreeMap;

use crate::child::{Outcome, Phase};
use crate::mutation::Mutant;

const COLUMNS: [(&str, Outcome); 10] = [
    ("refused", Outcome::Refused),
    ("failed", Outcome::Failed),
    ("loaded", Outcome::Loaded),
    ("check", Outcome::Died(Phase::Checks)),
    ("loader", Outcome::Died(Phase::Loader)),
    ("constructor", Outcome::Died(Phase::Constructors)),
    ("table", Outcome::Died(Phase::Table)),
    ("init", Outcome::Died(Phase::Init)),
    ("call", Outcome::Died(Phase::Call)),
    ("after others", Outcome::Died(Phase::AfterOthers)),
];

type Counts = BTreeMap<Outcome, usize>;

/// All mutants.
#[derive(Default)]
pub(crate) struct Tally {
    sorts: BTreeMap<&'static str, Counts>,
    hits: BTreeMap<String, Counts>,
}

impl Tally {
    pub(crate) fn add(&mut self, mutant: &Mutant, outcome: Outcome) {
        let sort = self.sorts.entry(mutant.sort).or_default();
        *sort.entry(outcome).or_default() += 1;
        let hit = self.hits.entry(mutant.hit.clone()).or_default();
        *hit.entry(outcome).or_default() += 1;
    }

    pub(crate) fn total(&self) -> usize {
        self.count(|_, _| true)
    }

    /// How many came to an end, by what was hit.
    pub(crate) fn count(&self, which: impl Fn(&str, Outcome) -> bool) -> usize {
        let all = self.hits.iter().flat_map(|(hit, counts)| {
            counts.iter().filter(|(outcome, _)| which(hit, **outcome)).map(|(_, count)| count)
        });
        all.sum()
    }

    /// Writes both tables, as they stand in `docs/limits.md`.
    pub(crate) fn print(&self) {
        let sorts = self.sorts.iter().map(|(name, counts)| (*name, counts));
        print("mutation", sorts);
        let hits = self.hits.iter().map(|(name, counts)| (name.as_str(), counts));
        print("hit", hits);
    }
}

fn print<'t>(head: &str, rows: impl Iterator<Item = (&'t str, &'t Counts)>) {
    let names = COLUMNS.map(|(name, _)| name).join(" | ");
    println!("\n| {head} | {names} |\n|{}", "---|".repeat(COLUMNS.len() + 1));
    for (name, counts) in rows {
        let counts = COLUMNS.map(|(_, outcome)| counts.get(&outcome).copied().unwrap_or(0));
        println!("| {name} | {} |", counts.map(|count| count.to_string()).join(" | "));
    }
}
