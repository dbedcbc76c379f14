//! A native plugin's image: a private copy of the checked bytes, mapped.
//!
//! The copy lies beside the original for the moment of loading, under a name that
//! is nobody's plugin. So the original can be overwritten at any time, and the
//! same path loaded again is really a new image.

use std::ffi::{CStr, c_void};
use std::fs;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use libloading::Library;
use parking_lot::Mutex;
use tempfile::{Builder, NamedTempFile};
use twinplug_abi as abi;

use super::context::Context;
use super::dependencies::Dependencies;
use super::preflight::Checked;
use crate::error::{Error, ErrorKind, Result};

/// What private copies are called, before the process's number.
const PREFIX: &str = ".twinplug-";

/// A mapped image with its place at the host. Whoever may run code of it holds it.
pub(super) struct Image {
    /// Closed in `drop`, or never.
    library: ManuallyDrop<Library>,
    /// The plugin holds it too, for as long as it is mapped: let go of in `drop`, or
    /// never.
    context: ManuallyDrop<Arc<Context>>,
    table: *const abi::Plugin,
    /// Whether it may be unmapped.
    unload: bool,
    record: Arc<Record>,
}

// SAFETY: the table is static data of the image; it is only read.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// Maps a copy of the bytes that were checked, which came from `path`.
    pub(super) fn map(
        path: &Path,
        checked: &Checked,
        context: Arc<Context>,
        images: &Images,
    ) -> Result<Image> {
        images.check_budget()?;
        let copied = copy(path, &checked.bytes, &checked.dependencies);
        let copy = copied.map_err(|error| Error::io("copy", path, error))?;
        tracing::debug!(plugin = context.plugin, "is handed to the system");
        // SAFETY: constructors of the image run. The file was preflighted and is a
        // Twinplug plugin; whoever points the host at a native plugin trusts its code.
        let library = unsafe { open(copy.path()) };
        let library = library.map_err(|error| {
            let text =
                reason(&error).replace(&*copy.path().to_string_lossy(), &path.to_string_lossy());
            Error::new(ErrorKind::Load, format!("the system cannot load it: {text}"))
                .with_source(error)
        })?;
        tracing::debug!(plugin = context.plugin, "mapped");
        // From here on the image is dropped as any other one is.
        let record = images.add(&context.plugin, path);
        let mut image = Image {
            library: ManuallyDrop::new(library),
            context: ManuallyDrop::new(context),
            table: std::ptr::null(),
            unload: checked.unload,
            record,
        };
        image.table = image.find_table()?;
        if !is_from(image.table.cast(), copy.path()) {
            return Err(Error::new(
                ErrorKind::Load,
                "the system gave an image that was mapped before: nothing new was loaded",
            ));
        }
        Ok(image)
    }

    fn find_table(&self) -> Result<*const abi::Plugin> {
        // SAFETY: the type is that of a data symbol: a pointer to it.
        let symbol = unsafe { self.library.get::<*const abi::Plugin>(b"twinplug_plugin\0") };
        let symbol = symbol.map_err(|error| {
            Error::new(ErrorKind::Refused, format!("no symbol `twinplug_plugin`: {error}"))
        })?;
        match symbol.is_null() {
            false => Ok(*symbol),
            true => Err(Error::new(ErrorKind::Refused, "its symbol `twinplug_plugin` is null")),
        }
    }

    /// Where the plugin's table is, while this image lives.
    pub(super) fn table(&self) -> *const abi::Plugin {
        self.table
    }

    pub(super) fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The plugin was retired; what becomes of the image is seen when its last user
    /// lets go of it.
    pub(super) fn retire(&self) {
        self.context.retire();
        self.record.set(match self.unload {
            true => ImageState::Kept("handles or calls of it are still held".into()),
            false => not_asked(),
        });
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.context.retire();
        if !self.unload {
            self.record.set(not_asked());
            return;
        }
        // SAFETY: this is the last user; the plugin has said, in its descriptor, that
        // it leaves no thread and no thread-local destructor behind.
        unsafe { ManuallyDrop::drop(&mut self.library) };
        if is_mapped(self.table.cast()) {
            self.record.set(ImageState::Kept(
                "the system keeps it: thread-local data, unique symbols, or NODELETE".into(),
            ));
            return;
        }
        self.record.set(ImageState::Unmapped);
        // SAFETY: no code of the plugin is left that could use its context.
        unsafe { ManuallyDrop::drop(&mut self.context) };
    }
}

fn not_asked() -> ImageState {
    ImageState::Kept("the plugin does not say `unload`".into())
}

/// What the system says of a failure: the innermost error.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => reason(source),
        None => error.to_string(),
    }
}

/// The images that a host has mapped, and what became of them.
pub(crate) struct Images {
    records: Mutex<Vec<Arc<Record>>>,
    /// How many may be kept of plugins that are gone.
    budget: usize,
}

struct Record {
    plugin: String,
    path: PathBuf,
    state: Mutex<ImageState>,
}

/// One image of a native plugin that a host has mapped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImageReport {
    /// The plugin's name.
    pub plugin: String,
    /// The file that it was copied from.
    pub path: PathBuf,
    /// What became of it.
    pub state: ImageState,
}

/// What became of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageState {
    /// Its plugin is loaded.
    Serving,
    /// Its plugin is gone, and it is still mapped, for this reason.
    Kept(String),
    /// It is no longer mapped.
    Unmapped,
}

impl Record {
    fn set(&self, state: ImageState) {
        let mut now = self.state.lock();
        if *now == state {
            return;
        }
        match &state {
            ImageState::Serving => {}
            ImageState::Unmapped => tracing::info!(plugin = self.plugin, "image unmapped"),
            ImageState::Kept(why) => tracing::info!(plugin = self.plugin, why, "image kept"),
        }
        *now = state;
    }
}

impl Images {
    pub(crate) fn new(budget: usize) -> Self {
        Images { records: Mutex::new(Vec::new()), budget }
    }

    /// Those that are mapped.
    pub(crate) fn reports(&self) -> Vec<ImageReport> {
        let mut records = self.records.lock();
        records.retain(|record| *record.state.lock() != ImageState::Unmapped);
        let report = |record: &Arc<Record>| ImageReport {
            plugin: record.plugin.clone(),
            path: record.path.clone(),
            state: record.state.lock().clone(),
        };
        records.iter().map(report).collect()
    }

    fn check_budget(&self) -> Result<()> {
        let reports = self.reports();
        let kept = reports.iter().filter(|report| report.state != ImageState::Serving).count();
        if kept < self.budget {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Refused,
            format!(
                "{kept} images of native plugins that are gone are still mapped, and no more are \
                 allowed: let plugins say `unload`, or raise `HostBuilder::kept_images`"
            ),
        ))
    }

    fn add(&self, plugin: &str, path: &Path) -> Arc<Record> {
        let record = Arc::new(Record {
            plugin: plugin.to_owned(),
            path: path.to_owned(),
            state: Mutex::new(ImageState::Serving),
        });
        self.records.lock().push(Arc::clone(&record));
        record
    }
}

/// A copy beside the original; where that folder cannot be written, in the system's
/// one for temporary files, and then the dependencies that the file expects beside
/// itself are mapped first: the system's loader takes them by name.
fn copy(path: &Path, bytes: &[u8], dependencies: &Dependencies) -> std::io::Result<NamedTempFile> {
    let prefix = format!("{PREFIX}{}-", std::process::id());
    // A part of the name, for who looks at maps and backtraces; the whole might be too
    // long with what is put in front.
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let start = name.char_indices().rev().nth(63).map_or(0, |(start, _)| start);
    let suffix = format!("-{}", &name[start..]);
    let mut builder = Builder::new();
    let builder = builder.prefix(&prefix).suffix(&suffix);
    let beside = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let beside = beside.unwrap_or(Path::new("."));
    let mut copy = match builder.tempfile_in(beside) {
        Ok(copy) => {
            sweep(beside);
            copy
        }
        Err(_) => {
            let copy = builder.tempfile()?;
            open_dependencies(beside, dependencies);
            copy
        }
    };
    copy.write_all(bytes)?;
    copy.flush()?;
    Ok(copy)
}

/// Maps the dependencies that are found relative to `$ORIGIN`. They stay mapped, as
/// the plugin does. One that cannot be mapped is the plugin's error, with its name.
fn open_dependencies(origin: &Path, dependencies: &Dependencies) {
    for name in &dependencies.needed {
        for place in dependencies.beside(name, origin).filter(|place| place.is_file()) {
            // SAFETY: constructors of a library run that the plugin, which is trusted,
            // would have had run in the same way.
            if let Ok(library) = unsafe { open(&place) } {
                std::mem::forget(library);
                break;
            }
        }
    }
}

/// Removes copies that a process left behind which was ended while it loaded one.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
        if owner.is_some_and(|owner| !is_running(owner)) {
            // Another process may have been quicker.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(unix)]
fn is_running(process: u32) -> bool {
    let Ok(process) = process.try_into() else { return true };
    // SAFETY: signal 0 is sent to nobody; it asks whether the process is there.
    let answer = unsafe { libc::kill(process, 0) };
    answer == 0 || std::io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

#[cfg(not(unix))]
fn is_running(_: u32) -> bool {
    // An open file cannot be removed there, and a closed one was left behind.
    false
}

#[cfg(unix)]
unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise. NOW: a missing import is an error here, and not
    // the end of the process at the first call. LOCAL: plugins do not see each other.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's promise.
    unsafe { Library::new(path) }
}

/// Whether an address belongs to the image that was mapped from just this file: the
/// system's loader answers with an image it has where it takes the file for the same.
fn is_from(address: *const c_void, path: &Path) -> bool {
    match file_of(address) {
        Some(file) => file == path.as_os_str().as_encoded_bytes(),
        // Nothing to be had on this system: the file's name is new, which must do.
        None => !cfg!(unix),
    }
}

/// Whether an address belongs to an image that is mapped.
fn is_mapped(address: *const c_void) -> bool {
    file_of(address).is_some()
}

/// The file of the image that an address belongs to.
#[cfg(unix)]
fn file_of(address: *const c_void) -> Option<Vec<u8>> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; the answer goes to `info`.
    let found = unsafe { libc::dladdr(address, info.as_mut_ptr()) } != 0;
    // SAFETY: zero is a valid `Dl_info`, as is what `dladdr` wrote.
    let name = unsafe { info.assume_init() }.dli_fname;
    // SAFETY: a file's name is terminated, and stays while the image is mapped.
    (found && !name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes().to_owned())
}

#[cfg(not(unix))]
fn file_of(_: *const c_void) -> Option<Vec<u8>> {
    None
}
