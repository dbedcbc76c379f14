//! A native plugin's image: a private copy of the checked bytes, mapped.
//!
//! The copy lies beside the original for the moment of loading, under a name that
//! is nobody's plugin. So the original can be overwritten at any time, and the
//! same path loaded again is really a new image.

use std::ffi::{CStr, c_void};
use std::io;
use std::mem::ManuallyDrop;
#[cfg(target_os = "linux")]
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
#[cfg(target_os = "linux")]
use std::sync::atomic::AtomicUsize;

use libloading::Library;
use parking_lot::Mutex;
use twinplug_abi as abi;

use super::companions;
use super::context::Context;
use super::copy::Copy;
use super::go_runtime;
use super::images::{Place, Record, State};
use super::makers;
use super::preflight::Checked;
use crate::error::{Error, ErrorKind, Result};
use crate::file::Unsafe;

/// The target of what says that the code of a plugin is about to run for the first time.
const BEGINS: &str = "twinplug::native::begins";

/// A mapped image with its place at the host. Whoever may run code of it holds it.
pub(super) struct Image {
    /// Closed in `drop`, or never.
    library: ManuallyDrop<Library>,
    /// The plugin holds it too, for as long as it is mapped: let go of in `drop`, or
    /// never.
    context: ManuallyDrop<Arc<Context>>,
    table: *const abi::Plugin,
    /// Why it may not be unmapped, if it may not.
    stays: Mutex<Option<&'static str>>,
    /// The name that the system knows it by.
    file: Vec<u8>,
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
        place: &Place<'_>,
    ) -> Result<Arc<Image>> {
        companions::check(&checked.companions)?;
        let runtime = go_runtime::claim(path, checked, place.go_runtimes())?;
        let copied = Copy::new(path, &checked.bytes, &checked.dependencies);
        let mut copy = copied.map_err(|error| not_copied(path, error))?;
        tracing::debug!(target: BEGINS, plugin = context.plugin, "is handed to the system");
        // SAFETY: constructors of the image run. The file was preflighted and is a
        // Twinplug plugin; whoever points the host at a native plugin trusts its code.
        let library = unsafe { open(copy.path()) };
        let library = library.map_err(|error| {
            let text =
                reason(&error).replace(&*copy.path().to_string_lossy(), &path.to_string_lossy());
            let next = match text.contains("undefined symbol") {
                true => ": define it, or link the library that has it (`LDLIBS` for C and C++)",
                false => "",
            };
            Error::new(ErrorKind::Load, format!("the system cannot load it: {text}{next}"))
                .with_source(error)
        })?;
        let library = ManuallyDrop::new(library);
        copy.mapped();
        runtime.mapped();
        companions::are_mapped(&checked.companions);
        tracing::debug!(plugin = context.plugin, "mapped");
        let table = find_table(&library).inspect_err(|_| {
            // Without an address nothing could tell whether it went: it stays.
            let kept = "no table was found in it";
            place.add(&context.plugin, path, || true).set(State::Kept(kept.into()));
        })?;
        let (address, file) = (table as usize, copy.path().as_os_str().as_encoded_bytes());
        if !is_from(address, file) {
            // Another's image, which holds itself.
            drop(ManuallyDrop::into_inner(library));
            return Err(Error::new(
                ErrorKind::Load,
                "the system gave an image that was mapped before: nothing new was loaded",
            ));
        }
        let file = file.to_owned();
        let name = file.clone();
        let record = place.add(&context.plugin, path, move || is_mapped(address, &name));
        let context = ManuallyDrop::new(context);
        let stays = Mutex::new(Some("its load failed"));
        let image = Arc::new(Image { library, context, table, stays, file, record });
        image.context.set_image(&image);
        makers::add(&image.file, &image);
        // The threads of a Go runtime are nobody's to end, and it stays in any case.
        #[cfg(target_os = "linux")]
        if !checked.has_go {
            let base = address.wrapping_sub(checked.table as usize);
            // SAFETY: it was mapped from the bytes that the starters were found in, and its symbol
            // is where those have it. Nobody has called it yet.
            unsafe { super::threads::follow(&image, base, &checked.starters) };
        }
        Ok(image)
    }

    /// How many threads run that its code has begun.
    #[cfg(target_os = "linux")]
    pub(super) fn threads(&self) -> &AtomicUsize {
        &self.record.threads
    }

    /// What is known of it.
    pub(super) fn record(&self) -> &Arc<Record> {
        &self.record
    }

    /// What the plugin's code begins from here on is nobody's to end until it was loaded.
    pub(super) fn begins(&self) {
        *self.stays.lock() = Some("its load failed");
    }

    /// What its code has begun is at an end, or `on_unload` ends it.
    pub(super) fn loaded(&self, unload: bool) {
        *self.stays.lock() = (!unload).then_some("the plugin does not say `unload`");
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
        self.record.set(match *self.stays.lock() {
            Some(why) => State::Kept(why.into()),
            None => State::Held,
        });
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        self.context.retire();
        makers::remove(&self.file);
        if let Some(why) = *self.stays.get_mut() {
            self.record.set(State::Kept(why.into()));
            return;
        }
        // SAFETY: this is the last user, and those threads of the plugin are that could be seen; the
        // plugin has said, in its descriptor, that it leaves no other, and no thread-local
        // destructor behind.
        unsafe { ManuallyDrop::drop(&mut self.library) };
        if self.record.is_mapped() {
            self.record.set(State::Kept(
                "the system keeps it: thread-local data, unique symbols, or NODELETE".into(),
            ));
            return;
        }
        self.record.set(State::Unmapped);
        // SAFETY: no code of the plugin is left that could use its context.
        unsafe { ManuallyDrop::drop(&mut self.context) };
    }
}

/// What the system says of a failure: the innermost error.
fn reason(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => reason(source),
        None => error.to_string(),
    }
}

fn not_copied(path: &Path, error: io::Error) -> Error {
    match error.get_ref().and_then(|fault| fault.downcast_ref::<Unsafe>()) {
        None => Error::io("copy", path, error),
        Some(fault) => {
            let message = format!(
                "its copy has to lie among the temporary files, and {fault}; or set `TMPDIR` to \
                 another folder"
            );
            Error::new(ErrorKind::Trust, message)
        }
    }
}

fn find_table(library: &Library) -> Result<*const abi::Plugin> {
    // SAFETY: the type is that of a data symbol: a pointer to it.
    let symbol = unsafe { library.get::<*const abi::Plugin>(b"twinplug_plugin\0") };
    let symbol = symbol.map_err(|error| {
        Error::new(ErrorKind::Refused, format!("no symbol `twinplug_plugin`: {error}"))
    })?;
    match symbol.is_null() {
        false => Ok(*symbol),
        true => Err(Error::new(ErrorKind::Refused, "its symbol `twinplug_plugin` is null")),
    }
}

/// Has the system map a library.
///
/// # Safety
/// Constructors of the library, and of what it needs, run: whoever names it trusts them.
#[cfg(unix)]
pub(super) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: the caller's promise. NOW: a missing import is an error here, and not
    // the end of the process at the first call. LOCAL: plugins do not see each other.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
pub(super) unsafe fn open(path: &Path) -> Result<Library, libloading::Error> {
    // SAFETY: the caller's promise.
    unsafe { Library::new(path) }
}

/// Whether an address belongs to the image that was mapped from just this file: the
/// system's loader answers with an image it has where it takes the file for the same.
fn is_from(address: usize, file: &[u8]) -> bool {
    match file_of(address) {
        Some(found) => found == file,
        // Nothing to be had on this system: the file's name is new, which must do.
        None => !cfg!(unix),
    }
}

/// Whether the image that was mapped from this file still covers the address: another
/// one may lie there by now.
fn is_mapped(address: usize, file: &[u8]) -> bool {
    file_of(address).is_some_and(|found| found == file)
}

/// The file of the image that an address belongs to. Names are read under the lock that
/// an image is unmapped under: `dladdr` gives a name that may be gone when it is read.
#[cfg(target_os = "linux")]
pub(super) fn file_of(address: usize) -> Option<Vec<u8>> {
    let mut found = None;
    each(|info| {
        let headers = match info.dlpi_phdr.is_null() {
            true => &[],
            // SAFETY: as many program headers as the image says, which stays while this runs.
            false => unsafe { std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) },
        };
        let covers = headers.iter().any(|header| {
            let start = (info.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
            header.p_type == libc::PT_LOAD && address.wrapping_sub(start) < header.p_memsz as usize
        });
        match covers {
            true => {
                // SAFETY: it is shown.
                found = Some(unsafe { name_of(info) }.to_bytes().to_owned());
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        }
    });
    found
}

/// Shows the images of this process, one after the other, with the lock held that images come and go
/// under. `look` must not unwind: what it does may end the process, but not panic.
#[cfg(target_os = "linux")]
pub(super) fn each<F: FnMut(&libc::dl_phdr_info) -> ControlFlow<()>>(mut look: F) {
    unsafe extern "C" fn one<F: FnMut(&libc::dl_phdr_info) -> ControlFlow<()>>(
        info: *mut libc::dl_phdr_info,
        _: libc::size_t,
        look: *mut c_void,
    ) -> libc::c_int {
        // SAFETY: the system passes an image that stays while this runs, and our `look`.
        let (info, look) = unsafe { (&*info, &mut *look.cast::<F>()) };
        look(info).is_break().into()
    }
    // SAFETY: `one` takes what is passed here, a `look` of its type.
    unsafe { libc::dl_iterate_phdr(Some(one::<F>), (&raw mut look).cast()) };
}

/// The name of an image.
///
/// # Safety
/// [`each`] shows it.
#[cfg(target_os = "linux")]
pub(super) unsafe fn name_of(info: &libc::dl_phdr_info) -> &CStr {
    match info.dlpi_name.is_null() {
        true => c"",
        // SAFETY: a name is terminated, and stays as long as the image is shown.
        false => unsafe { CStr::from_ptr(info.dlpi_name) },
    }
}

/// The file of the image that an address belongs to.
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) fn file_of(address: usize) -> Option<Vec<u8>> {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    // SAFETY: any address may be asked for; the answer goes to `info`.
    let found = unsafe { libc::dladdr(address as *const c_void, info.as_mut_ptr()) } != 0;
    // SAFETY: zero is a valid `Dl_info`, as is what `dladdr` wrote.
    let name = unsafe { info.assume_init() }.dli_fname;
    // SAFETY: a file's name is terminated, and stays while the image is mapped.
    (found && !name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_bytes().to_owned())
}

#[cfg(not(unix))]
pub(super) fn file_of(_: usize) -> Option<Vec<u8>> {
    None
}
