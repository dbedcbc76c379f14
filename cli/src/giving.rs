//! `--arg`: what the functions are given that `--call` of `run` and `watch` calls.

use twinplug::Value;

use crate::call;

#[derive(clap::Args)]
pub(crate) struct Giving {
    /// An argument of those calls, as JSON; what is not JSON is a string; as often as needed
    #[arg(
        long,
        value_name = "ARG",
        value_parser = call::value,
        allow_negative_numbers = true,
        requires = "call"
    )]
    arg: Vec<Value>,
}

impl Giving {
    /// The arguments, in their order.
    pub(crate) fn into_values(self) -> Vec<Value> {
        self.arg
    }
}
