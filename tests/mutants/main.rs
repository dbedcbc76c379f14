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

use std::env;
use std::fs;
use std::path::Path;

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

#[test]
fn no_mutant_ends_the_check_or_the_systems_loader_and_few_end_a_process() {
    let originals = ["native-plugins/testplugin-c", "native-plugins/testplugin"];
    let [small, large] = originals.map(|folder| Original::new(plugin(folder)));
    let mut random = Random::new(0x7469_6e70_6c75_6700);
    let mut tally = Tally::default();
    let folder = tempfile::tempdir().unwrap();
    let mut accepted: Vec<Mutant> = Vec::new();
    for number in 0..total() {
        // The small one is mutated nine times out of ten: more of it is tables.
        let (one, other) = match number % 10 {
            0 => (&large, &small),
            _ => (&small, &large),
        };
        let mutant = one.mutant(&mut random, other);
        let path = child::file(folder.path(), accepted.len());
        fs::write(&path, &mutant.bytes).unwrap();
        match Host::inspect(&path) {
            Ok(_) => accepted.push(mutant),
            Err(error) => {
                let kind = error.kind();
                assert!(matches!(kind, ErrorKind::Refused | ErrorKind::Abi), "{number}: {error}");
                tally.add(&mutant, Outcome::Refused);
            }
        }
        if accepted.len() == BATCH {
            load_all(folder.path(), &mut accepted, &mut tally);
        }
    }
    load_all(folder.path(), &mut accepted, &mut tally);
    tally.print();
    judge(&tally);
}

/// Loads the batch in child processes, and empties it.
fn load_all(folder: &Path, batch: &mut Vec<Mutant>, tally: &mut Tally) {
    let outcomes = child::outcomes(folder, batch.len());
    for ((index, mutant), outcome) in batch.iter().enumerate().zip(outcomes) {
        tally.add(mutant, outcome);
        if NEVER.contains(&outcome) {
            // For whoever looks for the reason.
            let kept = child::file(Path::new(env!("CARGO_TARGET_TMPDIR")), tally.total());
            fs::copy(child::file(folder, index), &kept).unwrap();
            println!("{outcome:?}: {} ({}): {}", mutant.sort, mutant.hit, kept.display());
        }
    }
    batch.clear();
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
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.so");
    for length in (0..whole.len()).rev() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Host::inspect(&path).err().unwrap_or_else(|| panic!("{length} was accepted"));
        assert_eq!(error.kind(), ErrorKind::Refused, "{length}: {error}");
    }
    fs::write(&path, &whole).unwrap();
    assert!(Host::inspect(&path).is_ok());
}
