//! Names of what a host offers.

use crate::plugin::BUILT_INS;

/// A name is a path of plain names, no part of which is a function or a constant itself, and whose
/// first is not built in. `what` it is a name of is "function" or "constant".
///
/// # Errors
/// What is wrong with it.
pub(super) fn check_name<'n>(
    what: &str,
    name: &str,
    functions: impl Iterator<Item = &'n str> + Clone,
    constants: impl Iterator<Item = &'n str> + Clone,
) -> Result<(), String> {
    let plain = |part: &str| {
        part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !part.starts_with(|c: char| c.is_ascii_digit())
            && !part.is_empty()
    };
    let first = name.split('.').next().unwrap_or_default();
    let mut others = functions.clone().chain(constants.clone());
    if !name.split('.').all(plain) {
        return Err(format!("{what} `{name}`: a name is letters, digits, `_`, and dots between"));
    }
    if BUILT_INS.contains(&first) {
        return Err(format!("{what} `{name}`: `host.{first}` is built in"));
    }
    if let Some(other) = others.find(|other| within(name, other) || within(other, name)) {
        return Err(format!("{what} `{name}`: `{other}` makes one of them a group as well"));
    }
    let (mut functions, mut constants) = (functions, constants);
    if what == "constant" && functions.any(|it| it == name)
        || what == "function" && constants.any(|it| it == name)
    {
        return Err(format!("{what} `{name}`: a function and a constant have the same name"));
    }
    Ok(())
}

fn within(name: &str, group: &str) -> bool {
    name.strip_prefix(group).is_some_and(|rest| rest.starts_with('.'))
}
