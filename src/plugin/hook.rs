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
