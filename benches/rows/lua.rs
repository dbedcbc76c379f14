//! Rows of scripts: each beside the same script in a VM of mlua's.

mod by_ffi;
mod by_mlua;
mod calls;
mod loads;
#[cfg(all(feature = "luajit", feature = "native"))]
mod luajit_ffi;
mod ours;
mod pairs;
mod sends;
mod side;
mod values;

use crate::measure::Effort;
use crate::report::Report;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    calls::measure(report, effort);
    values::measure(report, effort);
    sends::measure(report, effort);
    loads::measure(report, effort);
    #[cfg(all(feature = "luajit", feature = "native"))]
    luajit_ffi::measure(report, effort);
}
