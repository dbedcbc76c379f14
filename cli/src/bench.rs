//! `bench`: how long a call of a function takes.
//!
//! What is measured is a dynamic call, as `call` makes it: values in, a value out. It compares with
//! nothing, and keeps nothing.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use twinplug::serde::Serialize;
use twinplug::{Dynamic, Func, HostBuilder, Value};

use crate::call;
use crate::company::Company;
use crate::failure::Failure;
use crate::granting::Granting;
use crate::locking::Locking;
use crate::output::{self, Printed};
use crate::source;

/// How long calls are made before any is measured, unless one takes longer.
const WARM_UP: Duration = Duration::from_millis(200);

/// How long a batch takes about: looking at the clock is nothing beside it.
const BATCH: Duration = Duration::from_millis(25);

/// How many batches there are at most.
const BATCHES: usize = 51;

/// When no batch is begun any more that would end after it.
const LATEST: Duration = Duration::from_millis(1800);

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin, or the source folder of a native one
    path: PathBuf,
    /// The function's name
    #[arg(value_name = "FUNC")]
    function: String,
    /// Its arguments, as JSON; what is not JSON is a string
    #[arg(value_name = "ARG", value_parser = call::value, allow_negative_numbers = true)]
    args: Vec<Value>,
    /// Set a variable before the calls, to JSON or a string
    #[arg(long, value_name = "VAR=V", value_parser = call::assignment)]
    set: Vec<(String, Value)>,
    /// One object on one line, for programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    company: Company,
    #[command(flatten)]
    granting: Granting,
}

impl Arguments {
    /// What is loaded.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        std::iter::once(&*self.path).chain(self.company.paths()).collect()
    }
}

/// The object of `--json`; its shape is stable.
#[derive(Serialize)]
#[serde(crate = "twinplug::serde")]
struct Report<'a> {
    function: &'a str,
    /// How many were measured.
    calls: u64,
    /// Of one, the median of the batches.
    ns: f64,
}

/// How long a call takes in each batch, in nanoseconds, the quickest first.
struct Measured {
    batches: Vec<f64>,
    calls: u64,
}

pub(crate) fn run(
    arguments: Arguments,
    builder: HostBuilder,
    locking: &Locking,
) -> Result<ExitCode, Failure> {
    let Arguments { path, function, args, set, json, company, granting } = arguments;
    let printed = Printed::default();
    let printing = printed.clone();
    let builder = match json {
        true => builder.output(output::to_standard_error),
        false => builder.output(move |_, text| printing.print(text)),
    };
    let host = granting.grant(builder).build();
    let host = host.map_err(|error| Failure::Usage(error.to_string()))?;
    let path = source::loadable_alone(&path, locking)?;
    let plugin = company.ready(locking)?.load_around(&host, &path)?;
    for (name, value) in set {
        plugin.var::<Value>(&name)?.set(value)?;
    }
    let func = call::lookup(&plugin, &function)?;
    if cfg!(debug_assertions) {
        output::note("this `twinplug` is a debug build, in which calls take longer");
    }
    let measured = measure(&func, &args)?;

    Company::leave(&host)?;
    printed.end_line()?;
    match json {
        true => output::json(&Report {
            function: &function,
            calls: measured.calls,
            ns: (measured.median() * 10.0).round() / 10.0,
        })?,
        false => output::line(&format!("{function}  {}", measured.text()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Calls it until enough is known, for two seconds or, where one takes longer, once.
fn measure(func: &Func<Dynamic>, args: &[Value]) -> twinplug::Result<Measured> {
    let begun = Instant::now();
    let (mut count, mut took) = (1, batch(func, args, 1)?);
    while begun.elapsed() < WARM_UP {
        count *= 2;
        took = batch(func, args, count)?;
    }
    let is_late = |took| begun.elapsed() + took > LATEST;
    if count == 1 && is_late(took) {
        return Ok(Measured::of(vec![took], 1));
    }
    let share = BATCH.as_secs_f64() / took.as_secs_f64();
    count = ((count as f64 * share) as u64).max(1);
    let mut batches = Vec::new();
    while batches.len() < BATCHES && (batches.is_empty() || !is_late(took)) {
        took = batch(func, args, count)?;
        batches.push(took);
    }
    Ok(Measured::of(batches, count))
}

/// How long so many calls take.
fn batch(func: &Func<Dynamic>, args: &[Value], count: u64) -> twinplug::Result<Duration> {
    let begun = Instant::now();
    for _ in 0..count {
        black_box(func.call(black_box(args))?);
    }
    Ok(begun.elapsed())
}

impl Measured {
    /// Batches of so many calls each.
    fn of(batches: Vec<Duration>, count: u64) -> Measured {
        let calls = batches.len() as u64 * count;
        let one = |batch: Duration| batch.as_nanos() as f64 / count as f64;
        let mut batches: Vec<_> = batches.into_iter().map(one).collect();
        batches.sort_by(f64::total_cmp);
        Measured { batches, calls }
    }

    fn median(&self) -> f64 {
        self.batches[(self.batches.len() - 1) / 2]
    }

    /// What half of the batches lie between.
    fn spread(&self) -> (f64, f64) {
        let last = self.batches.len() - 1;
        (self.batches[last / 4], self.batches[last - last / 4])
    }

    /// For people.
    fn text(&self) -> String {
        let (median, (low, high)) = (self.median(), self.spread());
        let units = [("s", 1e9), ("ms", 1e6), ("µs", 1e3), ("ns", 1.0)];
        let fits = |(_, unit): &&(&str, f64)| median >= *unit;
        let (name, unit) = units.iter().find(fits).unwrap_or(&("ns", 1.0));
        let decimals = match median / unit {
            ..10.0 => 2,
            ..100.0 => 1,
            _ => 0,
        };
        let [low, median, high] = [low, median, high].map(|ns| format!("{:.decimals$}", ns / unit));
        let calls = grouped(self.calls);
        let s = if self.calls == 1 { "" } else { "s" };
        format!("{median} {name}/call ({low} .. {high}), {calls} call{s}")
    }
}

/// `1,000,000`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The batches, in nanoseconds, of so many calls each.
    fn text(batches: &[u64], count: u64) -> String {
        let batches = batches.iter().map(|ns| Duration::from_nanos(*ns)).collect();
        Measured::of(batches, count).text()
    }

    #[test]
    fn people_read_the_median_and_where_half_of_the_batches_are() {
        assert_eq!(text(&[259, 263, 271, 250, 990], 10), "26.3 ns/call (25.9 .. 27.1), 50 calls");
        assert_eq!(
            text(&[2_001_000, 1_999_000, 2_000_000], 1000),
            "2.00 µs/call (2.00 .. 2.00), 3,000 calls"
        );
        assert_eq!(text(&[123_456_789], 1), "123 ms/call (123 .. 123), 1 call");
        assert_eq!(text(&[12_345_678_901], 1), "12.3 s/call (12.3 .. 12.3), 1 call");
        assert_eq!(text(&[5], 10), "0.50 ns/call (0.50 .. 0.50), 10 calls");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(999), "999");
    }
}
