//! `--time-limit` and `--memory-limit`, before or after the subcommand: what plugins in Lua
//! may use. Of two of one kind the one behind the subcommand holds.

use std::time::Duration;

use bytesize::ByteSize;
use twinplug::HostBuilder;

const HEADING: &str = "Limits of plugins in Lua";

const A_MINUTE: Duration = Duration::from_secs(60);

#[derive(clap::Args)]
pub(crate) struct Limiting {
    /// How long a call may run, like 500ms or 2s; `none` is for ever
    #[arg(long, global = true, value_name = "TIME", value_parser = time, help_heading = HEADING)]
    time_limit: Option<Limit<Duration>>,
    /// How much memory each may take, like 32MiB; `none` is all there is
    #[arg(long, global = true, value_name = "SIZE", value_parser = size, help_heading = HEADING)]
    memory_limit: Option<Limit<usize>>,
}

/// A limit, as the command line gives it.
#[derive(Clone, Copy)]
enum Limit<T> {
    None,
    Of(T),
}

impl Limiting {
    /// How long something may take that nobody waits for, with its own waits; `None` is for ever.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        match self.time_limit {
            Some(Limit::Of(time)) => Some(time),
            Some(Limit::None) => None,
            None => Some(A_MINUTE),
        }
    }

    /// Sets them on a host; what was not given stays as hosts have it.
    pub(crate) fn limit(&self, builder: HostBuilder) -> HostBuilder {
        let builder = match self.time_limit {
            Some(Limit::Of(time)) => builder.time_limit(time),
            Some(Limit::None) => builder.no_time_limit(),
            None => builder,
        };
        match self.memory_limit {
            Some(Limit::Of(bytes)) => builder.memory_limit(bytes),
            Some(Limit::None) => builder.no_memory_limit(),
            None => builder,
        }
    }
}

fn time(text: &str) -> Result<Limit<Duration>, &'static str> {
    if text == "none" {
        return Ok(Limit::None);
    }
    match humantime::parse_duration(text) {
        Ok(time) if !time.is_zero() => Ok(Limit::Of(time)),
        _ => Err("expected a time, like `500ms` or `2s`, or `none`"),
    }
}

fn size(text: &str) -> Result<Limit<usize>, &'static str> {
    if text == "none" {
        return Ok(Limit::None);
    }
    let size = text.parse::<ByteSize>().ok().and_then(|size| usize::try_from(size.as_u64()).ok());
    match size {
        Some(size @ 1..) => Ok(Limit::Of(size)),
        _ => Err("expected a size, like `32MiB`, or `none`"),
    }
}
