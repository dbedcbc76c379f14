//! What a side of a row does, whoever loads its plugin: the same calls in the same loop.

use std::hint::black_box;
use std::ops::Range;

use crate::plugin_data::PluginData;

impl PluginData {
    pub(crate) fn sample() -> Self {
        PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() }
    }
}

/// Adds up, over and over; the sums together.
pub(crate) fn sum(repetitions: u64, add: impl FnMut(i64, i64) -> i64) -> u64 {
    sum_of(0..repetitions, add)
}

/// A part of it; the parts make the whole by `^`.
pub(crate) fn sum_of(steps: Range<u64>, mut add: impl FnMut(i64, i64) -> i64) -> u64 {
    let mut sum = 0;
    for step in steps {
        sum ^= add(black_box(step as i64), black_box(7));
    }
    sum as u64
}

/// Sends the struct there and back, over and over, in the side's own type; its age at
/// the end.
pub(crate) fn round<D>(repetitions: u64, mut older: impl FnMut(D) -> D) -> u64
where
    D: From<PluginData> + Into<PluginData>,
{
    let mut data = D::from(PluginData::sample());
    for _ in 0..repetitions {
        data = older(black_box(data));
    }
    let data: PluginData = data.into();
    assert_eq!((data.name.as_str(), data.tel.as_str()), ("PluginTest", "15396656998"));
    data.age as u64
}

/// Sends the struct through a script, over and over, with another age each time; the ages
/// that came back together.
pub(crate) fn exchanges(
    repetitions: u64,
    mut exchange: impl FnMut(PluginData) -> PluginData,
) -> u64 {
    let mut data = PluginData::sample();
    let mut ages = 0;
    for step in 0..repetitions {
        data.age = step as i64 & 0xffff;
        data = exchange(black_box(data));
        ages += data.age as u64;
    }
    assert_eq!((data.name.as_str(), data.tel.as_str()), ("PluginTest", "15396656998"));
    ages
}
