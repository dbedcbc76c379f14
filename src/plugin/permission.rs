//! [`Permission`]: what a plugin's manifest may ask for beyond the sandbox.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::error::near;

/// A library that a script gets only if it asks for it and its host grants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Permission {
    Debug,
    Ffi,
    Io,
    Jit,
    Os,
    Package,
}

impl Permission {
    pub(crate) const ALL: [Permission; 6] = [
        Permission::Debug,
        Permission::Ffi,
        Permission::Io,
        Permission::Jit,
        Permission::Os,
        Permission::Package,
    ];

    /// The name of the library.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Permission::Debug => "debug",
            Permission::Ffi => "ffi",
            Permission::Io => "io",
            Permission::Jit => "jit",
            Permission::Os => "os",
            Permission::Package => "package",
        }
    }

    /// The permission of that name.
    ///
    /// # Errors
    /// There is none; the text has what is near to it, or else all.
    pub(crate) fn named(name: &str) -> Result<Permission, String> {
        let found = Self::ALL.into_iter().find(|permission| permission.name() == name);
        found.ok_or_else(|| {
            let near = match near(name, Self::ALL.iter().map(|known| known.name())) {
                near if near.is_empty() => format!("; there are {}", list(&Self::ALL)),
                near => near,
            };
            format!("unknown permission `{name}`{near}")
        })
    }
}

/// Names in backticks, for messages.
pub(crate) fn list(permissions: &[Permission]) -> String {
    let names: Vec<_> = permissions.iter().map(|permission| format!("`{permission}`")).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Permission {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        Permission::named(&name).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_refused_with_those_near_to_it() {
        for permission in Permission::ALL {
            assert_eq!(Permission::named(permission.name()), Ok(permission));
        }
        let check = |name: &str, expected: &str| {
            assert_eq!(Permission::named(name), Err(expected.to_owned()));
        };
        check("oi", "unknown permission `oi`; near: `io`, `os`");
        check("IO", "unknown permission `IO`; near: `io`");
        check("packages", "unknown permission `packages`; near: `package`");
        check(
            "network",
            "unknown permission `network`; there are `debug`, `ffi`, `io`, `jit`, `os` and `package`",
        );
    }
}
