//! Mutated copies of our own plugins: no check may crash or hang, whatever the bytes.
//! What is accepted is loaded and used in a child process; none may end it inside the
//! system's loader, and few may elsewhere.
//!
//! 10,000 mutants, 100,000 with `TWINPLUG_FULL=1`. The numbers are printed.

#![cfg(all(unix, feature = "native"))]
#![allow(clippy::print_stdout, reason = "the tally, and what a child tells its parent")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod child;
mod mutation;
mod tally;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::thread;

use object::{Object, ObjectSection, ObjectSegment};
use tempfile::TempDir;
use twinplug::{ErrorKind, Host};

use child::{Outcome, Phase};
use mutation::{Mutant, Original, Random};
use tally::Tally;

/// So many are loaded by one child, unless one of them ends it.
const BATCH: usize = 100;

fn plugin(folder: &str) -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let built = twinplug_build::build(&root.join(folder), &root.join("target/plugins")).unwrap();
    fs::read(built).unwrap()
}

fn total() -> usize {
    match env::var_os("TWINPLUG_FULL") {
        Some(_) => 100_000,
        None => 10_000,
    }
}

/// Mutants that were accepted, and the folder that they are in.
struct Batch {
    folder: TempDir,
    accepted: Vec<Mutant>,
}

impl Batch {
    fn new() -> Self {
        Batch { folder: tempfile::tempdir().unwrap(), accepted: Vec::new() }
    }

    fn file(&self, number: usize) -> PathBuf {
        child::file(self.folder.path(), number)
    }

    /// Loads them in child processes.
    fn load(&self, tally: &Mutex<Tally>) {
        let outcomes = child::outcomes(self.folder.path(), self.accepted.len());
        for ((index, mutant), outcome) in self.accepted.iter().enumerate().zip(outcomes) {
            let mut tally = tally.lock().unwrap();
            tally.add(mutant, outcome);
            if NEVER.contains(&outcome) {
                // For whoever looks for the reason.
                let kept = child::file(Path::new(env!("CARGO_TARGET_TMPDIR")), tally.total());
                fs::copy(self.file(index), &kept).unwrap();
                println!("{outcome:?}: {} ({}): {}", mutant.sort, mutant.hit, kept.display());
            }
        }
    }
}

#[test]
fn no_mutant_ends_the_check_or_the_systems_loader_and_few_end_a_process() {
    let tally = Mutex::new(Tally::default());
    let (full, batches) = mpsc::sync_channel::<Batch>(2);
    let batches = Mutex::new(batches);
    let next = || batches.lock().unwrap().recv();
    thread::scope(|scope| {
        // Most of a child's time goes where one of its mutants hangs: two wait at once.
        for _ in 0..2 {
            scope.spawn(|| {
                while let Ok(batch) = next() {
                    batch.load(&tally);
                }
            });
        }
        check_all(&tally, full);
    });
    let tally = tally.into_inner().unwrap();
    tally.print();
    judge(&tally);
}

/// Makes the mutants, and hands on those that the check accepts.
fn check_all(tally: &Mutex<Tally>, full: mpsc::SyncSender<Batch>) {
    let originals = ["native-plugins/testplugin-c", "native-plugins/testplugin"];
    let [small, large] = originals.map(|folder| Original::new(plugin(folder)));
    let mut random = Random::new(0x7469_6e70_6c75_6700);
    let mut batch = Batch::new();
    for number in 0..total() {
        // The small one is mutated nine times out of ten: more of it is tables.
        let (one, other) = match number % 10 {
            0 => (&large, &small),
            _ => (&small, &large),
        };
        let mutant = one.mutant(&mut random, other);
        let path = batch.file(batch.accepted.len());
        fs::write(&path, &mutant.bytes).unwrap();
        match Host::inspect(&path) {
            Ok(_) => batch.accepted.push(mutant),
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Refused | ErrorKind::Abi), "{number}: {error}");
                tally.lock().unwrap().add(&mutant, Outcome::Refused);
            }
        }
        if batch.accepted.len() == BATCH {
            full.send(std::mem::replace(&mut batch, Batch::new())).unwrap();
        }
    }
    full.send(batch).unwrap();
}

/// What no mutant may come to: the check is the host's own code, the loader believes a
/// file's tables, the host the plugin's.
const NEVER: [Outcome; 3] =
    [Outcome::Died(Phase::Checks), Outcome::Died(Phase::Loader), Outcome::Died(Phase::Table)];

/// What is run as it stands in the file: no table says what is right there.
const CODE: [&str; 5] = [".text", ".plt", ".plt.got", ".init", ".fini"];

/// The bounds are some tenths above what was measured (`docs/limits.md`).
fn judge(tally: &Tally) {
    let died = |outcome| matches!(outcome, Outcome::Died(_));
    let accepted = |outcome| outcome != Outcome::Refused;
    let in_code = |hit: &str| CODE.contains(&hit);
    let count = |which: &dyn Fn(&str, Outcome) -> bool| tally.count(which);

    assert_eq!(count(&|_, outcome| NEVER.contains(&outcome)), 0, "a table was believed");
    let (deaths, all) = (
        count(&|hit, outcome| !in_code(hit) && died(outcome)),
        count(&|hit, outcome| !in_code(hit) && accepted(outcome)),
    );
    println!("\noutside of code, {deaths} of {all} that were accepted ended a process");
    assert!(deaths * 100 < all, "one in a hundred at most");
    let (deaths, all) = (
        count(&|hit, outcome| in_code(hit) && died(outcome)),
        count(&|hit, outcome| in_code(hit) && accepted(outcome)),
    );
    println!("in code, {deaths} of {all}");
    assert!(deaths * 100 < all * 65, "two in three at most");
    let survived = count(&|_, outcome| accepted(outcome) && !died(outcome));
    assert!(survived > total() / 5, "most are harmless, so that this tests something");
}

#[test]
fn every_truncation_is_refused() {
    let whole = plugin("native-plugins/testplugin-c");
    check_truncations(&whole, (0..whole.len()).collect());
}

/// The library in Rust is too large for each of its bytes: its headers whole, then where
/// one of its parts begins or ends, and steps through the rest.
#[test]
fn truncations_of_a_large_library_are_refused() {
    let whole = plugin("native-plugins/testplugin");
    let file = object::File::parse(&*whole).unwrap();
    let sections = file.sections().filter_map(|section| section.file_range());
    let parts = sections.chain(file.segments().map(|segment| segment.file_range()));
    let ends = parts.flat_map(|(start, size)| [start, start + size]);
    let around = ends.flat_map(|end| [end.saturating_sub(1), end, end + 1]);
    let mut lengths: BTreeSet<usize> = around.map(|length| length as usize).collect();
    lengths.extend(0..4096);
    lengths.extend((0..whole.len()).step_by(whole.len() / 997));
    lengths.extend(whole.len() - 64..whole.len());
    lengths.retain(|length| *length < whole.len());
    check_truncations(&whole, lengths);
}

fn check_truncations(whole: &[u8], lengths: BTreeSet<usize>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.so");
    fs::write(&path, whole).unwrap();
    assert!(Host::inspect(&path).is_ok());
    let file = fs::File::options().write(true).open(&path).unwrap();
    // From the whole one down: each is the one before, cut.
    for length in lengths.into_iter().rev() {
        file.set_len(length as u64).unwrap();
        let error = Host::inspect(&path).err().unwrap_or_else(|| panic!("{length} was accepted"));
        assert_eq!(error.kind(), ErrorKind::Refused, "{length}: {error}");
    }
}
