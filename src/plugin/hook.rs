//! The functions of a plugin that the host calls by itself.

/// One of them; those of a reload in the order in which they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hook {
    Pause,
    Save,
    Restore,
    Load,
    Resume,
    Unload,
}

impl Hook {
    pub(crate) const ALL: [Hook; 6] =
        [Hook::Pause, Hook::Save, Hook::Restore, Hook::Load, Hook::Resume, Hook::Unload];

    /// The names of those that a plugin has, sorted.
    pub(crate) fn names(has: impl Fn(Hook) -> bool) -> Vec<&'static str> {
        let mut names: Vec<_> =
            Hook::ALL.into_iter().filter(|hook| has(*hook)).map(Hook::name).collect();
        names.sort_unstable();
        names
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Hook::Pause => "on_pause",
            Hook::Save => "on_save",
            Hook::Restore => "on_restore",
            Hook::Load => "on_load",
            Hook::Resume => "on_resume",
            Hook::Unload => "on_unload",
        }
    }
}
