//! `--allow`, before or after the subcommand: what plugins get that ask for it.

use twinplug::HostBuilder;

/// Both places have it, as each of them adds to the other.
#[derive(clap::Args)]
pub(crate) struct Granting {
    /// Grant a permission to plugins whose manifest asks for it: io, os, package, debug, ffi, jit
    #[arg(long, value_name = "PERMISSION")]
    allow: Vec<String>,
}

impl Granting {
    /// Adds it to a host; one that there is not is told when the host is made.
    pub(crate) fn grant(&self, builder: HostBuilder) -> HostBuilder {
        self.allow.iter().fold(builder, |builder, permission| builder.allow(permission))
    }

    /// What is granted.
    pub(crate) fn permissions(&self) -> Vec<String> {
        self.allow.clone()
    }
}
