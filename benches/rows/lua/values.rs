//! Rows of variables.

use std::hint::black_box;

use twinplug::{Func, Var};

use super::by_mlua::ByMlua;
use super::ours::Ours;
use super::pairs::Pairs;
use super::side::{gets, sets, structs};
use crate::measure::Effort;
use crate::report::{Report, Row};
use crate::work::exchanges;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    numbers(report, effort);
    through_and_back(report, effort);
    texts(report, effort);
    lists(report, effort);
}

fn numbers(report: &mut Report, effort: Effort) {
    let name = "lua_var";
    if !report.wants(name) {
        return;
    }
    let pairs = Pairs::new();
    let mut add = |theirs, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal: Some(0.55) });
    };
    add("mlua", pairs.compare(effort, gets, gets));
    add("mlua, set", pairs.compare(effort, sets, sets));
    add("mlua, f64", pairs.compare(effort, our_floats, their_floats));
    add("mlua, set f64", pairs.compare(effort, our_set_floats, their_set_floats));
}

fn our_floats(side: &Ours) -> impl FnMut(u64) -> u64 {
    let var: Var<f64> = side.plugin.var("Float").unwrap();
    move |repetitions| total(repetitions, || var.get().unwrap())
}

fn their_floats(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    |repetitions| total(repetitions, || side.module.get("Float").unwrap())
}

fn total(repetitions: u64, mut get: impl FnMut() -> f64) -> u64 {
    (0..repetitions).map(|_| get()).sum::<f64>().to_bits()
}

fn our_set_floats(side: &Ours) -> impl FnMut(u64) -> u64 {
    let var: Var<f64> = side.plugin.var("Float").unwrap();
    move |repetitions| {
        halves(repetitions).for_each(|value| var.set(value).unwrap());
        var.get().unwrap().to_bits()
    }
}

fn their_set_floats(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    |repetitions| {
        halves(repetitions).for_each(|value| side.module.set("Float", value).unwrap());
        side.module.get::<f64>("Float").unwrap().to_bits()
    }
}

/// Numbers none of which is whole.
fn halves(count: u64) -> impl Iterator<Item = f64> {
    (0..count).map(|step| step as f64 + 0.5)
}

fn through_and_back(report: &mut Report, effort: Effort) {
    let name = "lua_struct";
    if !report.wants(name) {
        return;
    }
    let pairs = Pairs::new();
    let mut add = |theirs, goal, (ours_ns, theirs_ns)| {
        report.add(Row { name, ours_ns, theirs, theirs_ns, goal });
    };
    add("mlua, serde", Some(0.15), pairs.compare(effort, structs, structs));
    add("mlua, by hand", None, pairs.compare(effort, structs, structs_by_hand));
}

fn structs_by_hand(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    |repetitions| exchanges(repetitions, |data| side.exchange_by_hand(&data).unwrap())
}

fn lists(report: &mut Report, effort: Effort) {
    let name = "lua_list";
    if report.wants(name) {
        let (ours_ns, theirs_ns) = Pairs::new().compare(effort, our_lists, their_lists);
        report.add(Row { name, ours_ns, theirs: "mlua", theirs_ns, goal: None });
    }
}

fn texts(report: &mut Report, effort: Effort) {
    let name = "lua_text";
    if report.wants(name) {
        let (ours_ns, theirs_ns) = Pairs::new().compare(effort, our_texts, their_texts);
        report.add(Row { name, ours_ns, theirs: "mlua", theirs_ns, goal: None });
    }
}

fn our_texts(side: &Ours) -> impl FnMut(u64) -> u64 {
    let same: Func<(&str,), String> = side.plugin.func("same").unwrap();
    move |repetitions| lengths(repetitions, |text| same.call((text,)).unwrap())
}

fn their_texts(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    let same: mlua::Function = side.module.get("same").unwrap();
    move |repetitions| lengths(repetitions, |text| same.call(text).unwrap())
}

/// Texts of eight letters, through a function of the script and back.
fn lengths(repetitions: u64, mut same: impl FnMut(&'static str) -> String) -> u64 {
    (0..repetitions).map(|_| same(black_box("in a row")).len() as u64).sum()
}

fn our_lists(side: &Ours) -> impl FnMut(u64) -> u64 {
    let same: Func<(Vec<f64>,), Vec<f64>> = side.plugin.func("same").unwrap();
    move |repetitions| sums(repetitions, |list| same.call((list,)).unwrap())
}

fn their_lists(side: &ByMlua) -> impl FnMut(u64) -> u64 {
    let same: mlua::Function = side.module.get("same").unwrap();
    move |repetitions| sums(repetitions, |list| same.call(list).unwrap())
}

/// Lists of a hundred numbers, through a function of the script and back.
fn sums(repetitions: u64, mut same: impl FnMut(Vec<f64>) -> Vec<f64>) -> u64 {
    let list: Vec<f64> = halves(100).collect();
    (0..repetitions).map(|_| same(list.clone()).iter().sum::<f64>()).sum::<f64>().to_bits()
}
