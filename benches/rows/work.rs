//! What a side of a row does, whoever loads its plugin: the same calls in the same loop.

use std::hint::black_box;

use twinplug::data;

#[data]
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PluginData {
    pub(crate) name: String,
    pub(crate) age: i64,
    pub(crate) tel: String,
}

impl PluginData {
    fn sample() -> Self {
        PluginData { name: "PluginTest".into(), age: 11, tel: "15396656998".into() }
    }
}

/// Adds up, over and over; the sums together.
pub(crate) fn sum(repetitions: u64, mut add: impl FnMut(i64, i64) -> i64) -> u64 {
    let mut sum = 0;
    for step in 0..repetitions {
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
