//! [`Error`]: one opaque error with kinds.
//!
//! Context is added where it is known: the symbol by the handle, the path by the
//! loader, the plugin's name by whoever has it.

mod limit;

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use twinplug_value::{ConvertError, Value};

pub use limit::Limit;

/// What this library returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, and where. Cheap to clone.
///
/// Its text says what failed, then why and, where there is one, the next step; in front is the
/// plugin that it is about. `Debug`, as `main` and `unwrap` print it, adds the traceback.
///
/// ```
/// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
/// use twinplug::{ErrorKind, Host};
///
/// let host = Host::builder().build()?;
/// let text = "function Open()\n  error({ code = 7, message = 'no door' })\nend";
/// let error = host.load_source("house", text)?.call("Open", ()).unwrap_err();
/// assert_eq!(error.to_string(), "plugin `house`: `Open`: no door");
/// assert_eq!((error.kind(), error.plugin()), (ErrorKind::Call, Some("house")));
/// assert_eq!(error.location().map(|(_, line)| line), Some(2));
/// assert!(error.traceback().unwrap().contains("house:2: "));
/// let thrown = error.payload().unwrap().to::<twinplug::Map>()?;
/// assert_eq!(thrown[&"code".into()], 7.into());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "_lua"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Error(Arc<Inner>);

/// The kind of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No file, folder, plugin, function or channel of that name. The message has the places that
    /// were tried, or the names near to it.
    NotFound,
    /// A file that is no plugin, or one that may not be loaded; what a host was built with and does
    /// not go together.
    Refused,
    /// A native plugin of another ABI version; the message has both.
    Abi,
    /// The plugin's own code failed while it was loaded: its body or init, or `on_load`.
    Load,
    /// No such symbol, or one of the other sort.
    Symbol,
    /// A value or a declaration of another type.
    Type,
    /// The plugin's function failed: it threw, panicked, or answered an error.
    Call,
    /// A plugin in Lua has hit a limit on its time or memory, or the deadline of a call has passed:
    /// [`Error::limit`] says which. The plugin can be called again.
    Limit,
    /// The plugin was unloaded, or its host is gone; or what has replaced it has nothing for this
    /// handle.
    Stale,
    /// Another load of the plugin has taken over from the one that this call was in, or that
    /// this handle is of.
    Retired,
    /// A plugin was not reloaded: the load before it serves on, and its handles go on working.
    Reload,
    /// A channel that is closed, has no message or no room ([`Error::is_closed`],
    /// [`Error::would_wait`]), or a wait where waiting is not possible.
    Channel,
    /// A file that is not trusted: others could change it, or it is not what was pinned.
    Trust,
    /// The system refused to read or write.
    Io,
}

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    plugin: Option<String>,
    symbol: Option<String>,
    location: Option<(PathBuf, u32)>,
    traceback: Option<String>,
    /// The native call that it began in, where nothing else is known of its way.
    began: Option<String>,
    payload: Option<Value>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
    wait: Option<WaitFault>,
    limit: Option<Limit>,
    /// Whether the call has not begun.
    not_begun: bool,
}

/// Why a channel could not be used, where whoever asked does something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFault {
    /// The channel is closed.
    Closed,
    /// It would have to wait, where that is not possible.
    CannotWait,
    /// It would have had to wait, or to wait longer.
    WouldWait,
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Arc::new(Inner {
            kind,
            message: message.into(),
            plugin: None,
            symbol: None,
            location: None,
            traceback: None,
            began: None,
            payload: None,
            source: None,
            wait: None,
            limit: None,
            not_begun: false,
        }))
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The plugin that it is about.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.0.plugin.as_deref()
    }

    /// The symbol that it is about.
    #[must_use]
    pub fn symbol(&self) -> Option<&str> {
        self.0.symbol.as_deref()
    }

    /// The file and line (from 1) in the plugin's source. Of an error that came through
    /// several plugins, it is where it began.
    #[must_use]
    pub fn location(&self) -> Option<(&Path, u32)> {
        self.0.location.as_ref().map(|(path, line)| (path.as_path(), *line))
    }

    /// The calls that led there, a line each, the innermost first, through all the scripts,
    /// host functions and native plugins between. A native function that failed by itself,
    /// called by the host alone, has none: there is no more to tell than its name.
    #[must_use]
    pub fn traceback(&self) -> Option<&str> {
        self.0.traceback.as_deref()
    }

    /// What the plugin threw, where it was more than text: `error{code = 7}`.
    #[must_use]
    pub fn payload(&self) -> Option<&Value> {
        self.0.payload.as_ref()
    }

    /// The limit that the plugin has hit.
    #[must_use]
    pub fn limit(&self) -> Option<Limit> {
        self.0.limit
    }

    /// Whether a channel was closed: no more messages come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.wait == Some(WaitFault::Closed)
    }

    /// Whether a channel had no message, or no room for one: now, or in the time given.
    #[must_use]
    pub fn would_wait(&self) -> bool {
        self.0.wait == Some(WaitFault::WouldWait)
    }

    pub(crate) fn wait(&self) -> Option<WaitFault> {
        self.0.wait
    }

    /// The error of a call that a limit has stopped, at a line of the plugin's if known.
    pub(crate) fn stopped(limit: Limit, line: Option<&str>) -> Self {
        let place = line.map(|line| format!("{line}: ")).unwrap_or_default();
        let error = Error::new(ErrorKind::Limit, format!("{place}{limit}"));
        error.change(|inner| inner.limit = Some(limit))
    }

    pub(crate) fn with_wait(self, fault: WaitFault) -> Self {
        self.change(|inner| inner.wait = Some(fault))
    }

    /// The message alone, without the plugin's name.
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }

    fn change(mut self, change: impl FnOnce(&mut Inner)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Says which plugin it is about, unless a nearer one was named.
    pub(crate) fn in_plugin(self, name: &str) -> Self {
        match self.0.plugin {
            Some(_) => self,
            None => self.change(|inner| inner.plugin = Some(name.to_owned())),
        }
    }

    /// Of a call that has not begun, and may be made anew. The handle that was called hears it,
    /// and nobody further out.
    pub(crate) fn not_begun(self) -> Self {
        self.change(|inner| inner.not_begun = true)
    }

    /// Of a call that has begun.
    pub(crate) fn begun(self) -> Self {
        self.change(|inner| inner.not_begun = false)
    }

    pub(crate) fn has_not_begun(&self) -> bool {
        self.0.not_begun
    }

    /// Says which symbol it is about, and in front of the message.
    pub(crate) fn at_symbol(self, name: &str) -> Self {
        self.change(|inner| {
            inner.not_begun = false;
            inner.message = format!("`{name}`: {}", inner.message);
            inner.symbol = Some(name.to_owned());
        })
    }

    /// Says which symbol it is about; the message says so already.
    pub(crate) fn of_symbol(self, name: &str) -> Self {
        self.change(|inner| inner.symbol = Some(name.to_owned()))
    }

    pub(crate) fn context(self, context: impl Display) -> Self {
        self.change(|inner| inner.message = format!("{context}: {}", inner.message))
    }

    /// Takes over what another error knows of where it began: the place, the traceback,
    /// what was thrown, and its cause.
    pub(crate) fn with_inside_of(self, other: &Error) -> Self {
        self.change(|inner| {
            inner.location.clone_from(&other.0.location);
            inner.traceback.clone_from(&other.0.traceback);
            inner.began.clone_from(&other.0.began);
            inner.payload.clone_from(&other.0.payload);
            inner.source.clone_from(&other.0.source);
        })
    }

    /// With the limit that ends this call as well.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "scripts have limits"))]
    pub(crate) fn with_limit(self, limit: Limit) -> Self {
        self.change(|inner| inner.limit = Some(limit))
    }

    /// Adds a line to the end of the traceback.
    pub(crate) fn through(self, frame: impl Display) -> Self {
        self.change(|inner| {
            let before = inner.traceback.take().or_else(|| inner.began.take());
            inner.traceback = Some(match before {
                Some(before) => format!("{before}\n{frame}"),
                None => frame.to_string(),
            });
        })
    }

    /// As [`Error::through`], of a native call. An error that began in it has no traceback
    /// as long as that would be this line alone: the message names plugin and symbol.
    pub(crate) fn through_native(self, frame: impl Display) -> Self {
        match (&self.0.traceback, &self.0.began) {
            (None, None) => self.change(|inner| inner.began = Some(frame.to_string())),
            _ => self.through(frame),
        }
    }

    pub(crate) fn with_kind(self, kind: ErrorKind) -> Self {
        self.change(|inner| inner.kind = kind)
    }

    /// A call's error while the plugin was loaded; a limit's and one of trust stay that.
    #[cfg_attr(not(feature = "_lua"), allow(dead_code, reason = "of scripts alone"))]
    pub(crate) fn in_load(self) -> Self {
        match self.0.kind {
            ErrorKind::Limit | ErrorKind::Trust => self,
            _ => self.with_kind(ErrorKind::Load),
        }
    }

    pub(crate) fn with_location(self, path: &Path, line: u32) -> Self {
        self.change(|inner| inner.location = Some((path.to_owned(), line)))
    }

    pub(crate) fn with_traceback(self, traceback: impl Into<String>) -> Self {
        self.change(|inner| inner.traceback = Some(traceback.into()))
    }

    pub(crate) fn with_payload(self, payload: Value) -> Self {
        self.change(|inner| inner.payload = Some(payload))
    }

    pub(crate) fn with_source(
        self,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        self.change(|inner| inner.source = Some(Arc::new(source)))
    }

    pub(crate) fn io(action: impl Display, path: &Path, error: std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        Error::new(kind, format!("cannot {action} `{}`: {error}", path.display()))
            .with_source(error)
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(plugin) = &self.0.plugin {
            write!(f, "plugin `{plugin}`: ")?;
        }
        f.write_str(&self.0.message)
    }
}

/// As `Display`, with the traceback: what `main` prints and `unwrap` shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} ({:?})", self.0.kind)?;
        if let Some(traceback) = &self.0.traceback {
            write!(f, "\n{traceback}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<ConvertError> for Error {
    fn from(error: ConvertError) -> Self {
        Error::new(ErrorKind::Type, error.to_string()).with_source(error)
    }
}

/// `; near: ..` for a name that was not found, or what to do where there is none.
pub(crate) fn near_or<'n>(
    name: &str,
    known: impl Iterator<Item = &'n str>,
    next: impl Display,
) -> String {
    match near(name, known) {
        near if near.is_empty() => format!(": {next}"),
        near => near,
    }
}

/// `; near: ..` for a name that was not found, or nothing.
pub(crate) fn near<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let lower = name.to_lowercase();
    let mut close: Vec<(usize, &str)> = known
        .map(|known| (strsim::damerau_levenshtein(&lower, &known.to_lowercase()), known))
        .filter(|(distance, known)| {
            *distance <= (known.len().min(name.len()) / 3).max(usize::from(known.len() > 1))
        })
        .collect();
    close.sort();
    close.truncate(3);
    match close.is_empty() {
        true => String::new(),
        false => {
            let names: Vec<_> = close.iter().map(|(_, known)| format!("`{known}`")).collect();
            format!("; near: {}", names.join(", "))
        }
    }
}
