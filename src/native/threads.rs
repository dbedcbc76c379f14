//! Threads that the code of a plugin begins: each holds the plugin's image until it ends, and is
//! counted.
//!
//! Where an image calls `pthread_create`, `thrd_create`, or what `std::thread` of GNU's C++ library
//! is made of, it is led here as soon as it is mapped. Which image begins a thread is told by where
//! the code of the thread is. Not seen: threads that constructors begin, which run before that;
//! those whose first function is not the plugin's own; and those that a library begins for it.
//!
//! No image is unmapped on such a thread: another one may wait for its end in code of the image, as
//! a destructor does that runs when the process ends.

use std::ffi::{CStr, c_int, c_void};
use std::mem::{self, ManuallyDrop};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::elf::{Begins, Starters};
use super::image::Image;
use super::makers;

/// What a thread of the system begins with. It may end by unwinding, in `pthread_exit`.
type Start = unsafe extern "C-unwind" fn(*mut c_void) -> *mut c_void;

/// `std::thread::_M_start_thread`: the thread, its state (by reference, as a `unique_ptr` goes in
/// the C++ ABI), and what is not used. It may throw.
type StartStandard =
    unsafe extern "C-unwind" fn(*mut c_void, *mut *mut State, Option<unsafe extern "C" fn()>);

/// Rounds in which destructors of a thread's keys are run; glibc and musl both have four.
const ROUNDS: u8 = 4;

/// Where others than `pthread_create` begin their threads: what the first image had that is led
/// here. Others are, where they have the same.
static C11: AtomicUsize = AtomicUsize::new(0);
static STANDARD: AtomicUsize = AtomicUsize::new(0);

/// Images whose last holder was a thread of theirs.
static LEFT: Mutex<Vec<Image>> = Mutex::new(Vec::new());

/// Lets go of the images that only threads of theirs have held.
pub(super) fn settle() {
    let left = mem::take(&mut *LEFT.lock());
    // With the lock let go: destructors of the images run.
    drop(left);
}

/// Leads the calls of an image that begin threads here.
///
/// # Safety
/// The image is mapped, with `base` as the address that its file's own are counted from, and the
/// starters are those of its file; none of its code runs yet but its constructors.
pub(super) unsafe fn follow(image: &Arc<Image>, base: usize, starters: &Starters) {
    // A thread that is ended by unwinding could not leave the frames that are here.
    if cfg!(panic = "abort") || starters.words.is_empty() {
        return;
    }
    stay();
    for &(place, begins) in &starters.words {
        // SAFETY: the caller's promise.
        if !unsafe { lead(base, starters, place, begins) } {
            tracing::debug!(plugin = image.context().plugin, ?begins, "threads are not seen");
        }
    }
}

/// Keeps the library that this is in, if it is one, as images lead to it from here on.
fn stay() {
    static STAYS: OnceLock<()> = OnceLock::new();
    STAYS.get_or_init(|| {
        let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for; zero is a valid `Dl_info`, and the file's name is
        // there as long as this code. A program itself is not found so, and stays anyway.
        unsafe {
            if libc::dladdr(ends as *const c_void, info.as_mut_ptr()) != 0 {
                let name = info.assume_init().dli_fname;
                libc::dlopen(name, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
            }
        }
    });
}

/// Leads one word here, if it holds what this knows.
///
/// # Safety
/// As `follow`.
unsafe fn lead(base: usize, starters: &Starters, place: u64, begins: Begins) -> bool {
    let at = |address: u64| base.wrapping_add(address as usize);
    // SAFETY: preflight has seen that it is a word of the image's data, aligned. Threads that a
    // constructor has begun read it, at most.
    let word = unsafe { AtomicUsize::from_ptr(ptr::with_exposed_provenance_mut(at(place))) };
    let found = word.load(Ordering::Relaxed);
    let Some(own) = in_place_of(begins, found) else { return false };
    // SAFETY: it has no preconditions.
    let Ok(page) = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }) else {
        return false;
    };
    let down = |address: usize| address / page * page;
    let start = down(at(place));
    // As the system's loader rounds it: down at both ends.
    let (from, to) = (down(at(starters.protected.0)), down(at(starters.protected.1)));
    let is_protected = (from..to).contains(&start);
    let protect = |how| {
        // SAFETY: the page holds the word, and so is data of the image.
        unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(start), page, how) == 0 }
    };
    if is_protected && !protect(libc::PROT_READ | libc::PROT_WRITE) {
        return false;
    }
    let led = word.compare_exchange(found, own, Ordering::Relaxed, Ordering::Relaxed).is_ok();
    if is_protected && !protect(libc::PROT_READ) {
        tracing::debug!("a page of a plugin stays writable");
    }
    led
}

/// Whether a function is one of the system's C library.
fn is_of_the_c_library(function: usize) -> bool {
    let library = |address: *const c_void| {
        let mut info = mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: any address may be asked for; zero is a valid `Dl_info`.
        let info = unsafe {
            if libc::dladdr(address, info.as_mut_ptr()) == 0 {
                return None;
            }
            info.assume_init()
        };
        Some(info.dli_fbase.addr())
    };
    let known = library(libc::getpid as *const c_void);
    known.is_some() && known == library(ptr::without_provenance(function))
}

/// The function of this module that does what the one at an address does, if that is known.
fn in_place_of(begins: Begins, found: usize) -> Option<usize> {
    // An import that may be missing, and is.
    if found == 0 {
        return None;
    }
    let is_first = |known: &AtomicUsize| {
        let first = known.compare_exchange(0, found, Ordering::AcqRel, Ordering::Acquire);
        first.is_ok() || first == Err(found)
    };
    let is_systems = |name: &CStr| {
        // SAFETY: the name is terminated.
        let known = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        known as usize == found
    };
    match begins {
        Begins::Posix => is_systems(c"pthread_create").then_some(begin as *const () as usize),
        // One of another library may have other numbers for what has come of it.
        Begins::C11 => (is_of_the_c_library(found) && is_first(&C11))
            .then_some(begin_c11 as *const () as usize),
        Begins::Standard => is_first(&STANDARD).then_some(begin_standard as *const () as usize),
    }
}

/// A thread that runs. It holds the image, whose code it may return to until its last destructor
/// has run.
struct Running {
    image: ManuallyDrop<Arc<Image>>,
    /// How often the thread's keys were seen to be cleared.
    rounds: u8,
}

impl Running {
    /// A thread whose code is at that address, if that is a plugin's.
    fn new(code: usize) -> Option<Box<Running>> {
        let image = ManuallyDrop::new(makers::of(code)?);
        image.threads().fetch_add(1, Ordering::Relaxed);
        Some(Box::new(Running { image, rounds: 0 }))
    }

    /// From here on it is this thread; it goes with it, after all that the thread has.
    fn is_this_thread(self: Box<Self>) {
        let running = Box::into_raw(self);
        // SAFETY: the key is one of ours, and never given back.
        let set =
            key().is_some_and(|key| unsafe { libc::pthread_setspecific(key, running.cast()) == 0 });
        if !set {
            // Nothing tells when it ends: the image stays.
            // SAFETY: nobody else has it.
            let running = ManuallyDrop::new(unsafe { Box::from_raw(running) });
            running.image.threads().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.image.threads().fetch_sub(1, Ordering::Relaxed);
        // SAFETY: it is not used any more.
        let image = unsafe { ManuallyDrop::take(&mut self.image) };
        LEFT.lock().extend(Arc::into_inner(image));
    }
}

/// What each thread that runs has.
fn key() -> Option<libc::pthread_key_t> {
    static KEY: OnceLock<Option<libc::pthread_key_t>> = OnceLock::new();
    *KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: the key is written; `ends` takes what is put there.
        let made = unsafe { libc::pthread_key_create(&mut key, Some(ends)) };
        (made == 0).then_some(key)
    })
}

/// A thread ends. The plugin's own keys may be cleared after this one in each round, so it comes
/// again until the last. A key that is set again in all of them is cleared too late, as it is where
/// a thread of the host's ends after the plugin was unmapped.
unsafe extern "C" fn ends(running: *mut c_void) {
    // SAFETY: it was put there by `is_this_thread`, or below, and the system has cleared it.
    let mut running = unsafe { Box::from_raw(running.cast::<Running>()) };
    running.rounds += 1;
    if running.rounds < ROUNDS {
        running.is_this_thread();
    }
}

/// What `begin` hands to its thread.
struct Begun {
    start: Start,
    argument: *mut c_void,
    running: Box<Running>,
}

unsafe extern "C-unwind" {
    /// As the system has it; what it begins with may unwind.
    #[link_name = "pthread_create"]
    fn pthread_create_unwinding(
        thread: *mut libc::pthread_t,
        attributes: *const libc::pthread_attr_t,
        start: Start,
        argument: *mut c_void,
    ) -> c_int;
}

/// What images call for `pthread_create`.
///
/// # Safety
/// As that.
unsafe extern "C-unwind" fn begin(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    start: Start,
    argument: *mut c_void,
) -> c_int {
    let Some(running) = Running::new(start as usize) else {
        // SAFETY: the caller's promise.
        return unsafe { pthread_create_unwinding(thread, attributes, start, argument) };
    };
    let begun = Box::into_raw(Box::new(Begun { start, argument, running }));
    // SAFETY: the caller's promise; `run` takes what is passed to it.
    let made = unsafe { pthread_create_unwinding(thread, attributes, run, begun.cast()) };
    if made != 0 {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(begun) });
    }
    made
}

/// The first frame of a thread; nothing is left in it that unwinding would have to drop.
unsafe extern "C-unwind" fn run(begun: *mut c_void) -> *mut c_void {
    // SAFETY: `begin` has made it, for this thread alone.
    let Begun { start, argument, running } = *unsafe { Box::from_raw(begun.cast::<Begun>()) };
    running.is_this_thread();
    // SAFETY: what the plugin has given for just this call; its code is mapped while the thread
    // runs, as that holds the image.
    unsafe { start(argument) }
}

/// `thrd_start_t`, and `thrd_create`.
type StartC11 = unsafe extern "C-unwind" fn(*mut c_void) -> c_int;
type BeginC11 = unsafe extern "C-unwind" fn(*mut c_void, StartC11, *mut c_void) -> c_int;

/// What `begin_c11` hands to its thread.
struct BegunC11 {
    start: StartC11,
    argument: *mut c_void,
    running: Box<Running>,
}

/// What images call for `thrd_create`.
///
/// # Safety
/// As that.
unsafe extern "C-unwind" fn begin_c11(
    thread: *mut c_void,
    start: StartC11,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: images are led here once it was set, from a function of that type.
    let begin: BeginC11 = unsafe { mem::transmute(C11.load(Ordering::Acquire) as *const ()) };
    let Some(running) = Running::new(start as usize) else {
        // SAFETY: the caller's promise.
        return unsafe { begin(thread, start, argument) };
    };
    let begun = Box::into_raw(Box::new(BegunC11 { start, argument, running }));
    // SAFETY: the caller's promise; `run_c11` takes what is passed to it.
    let made = unsafe { begin(thread, run_c11, begun.cast()) };
    // `thrd_success` is zero in all of C's libraries here.
    if made != 0 {
        // SAFETY: no thread has it.
        drop(unsafe { Box::from_raw(begun) });
    }
    made
}

/// As `run`.
unsafe extern "C-unwind" fn run_c11(begun: *mut c_void) -> c_int {
    // SAFETY: `begin_c11` has made it, for this thread alone.
    let BegunC11 { start, argument, running } = *unsafe { Box::from_raw(begun.cast::<BegunC11>()) };
    running.is_this_thread();
    // SAFETY: as in `run`.
    unsafe { start(argument) }
}

/// `std::thread::_State` of GNU's C++ library: a class with a virtual destructor and `_M_run`.
#[repr(C)]
struct State {
    methods: *const Methods,
}

/// Its methods, in the order of the C++ ABI (Itanium): an object points behind the first two.
#[repr(C)]
struct Methods {
    destroy: unsafe extern "C-unwind" fn(*mut State),
    delete: unsafe extern "C-unwind" fn(*mut State),
    run: unsafe extern "C-unwind" fn(*mut State),
}

/// The whole table: nobody asks for the type.
#[repr(C)]
struct Table {
    offset: isize,
    type_info: usize,
    methods: Methods,
}

static TABLE: Table = Table {
    offset: 0,
    type_info: 0,
    methods: Methods { destroy: destroy_state, delete: delete_state, run: run_state },
};

/// A state that runs another one.
#[repr(C)]
struct Wrapped {
    state: State,
    /// The plugin's; whole until this goes.
    own: *mut State,
    /// Until the thread runs.
    running: Option<Box<Running>>,
}

/// What images call for `std::thread::_M_start_thread`.
///
/// # Safety
/// As that.
unsafe extern "C-unwind" fn begin_standard(
    thread: *mut c_void,
    state: *mut *mut State,
    depend: Option<unsafe extern "C" fn()>,
) {
    // SAFETY: images are led here once it was set, from a function of that type.
    let begin: StartStandard =
        unsafe { mem::transmute(STANDARD.load(Ordering::Acquire) as *const ()) };
    // SAFETY: the caller's state is whole, and so are its methods.
    let code = unsafe { (*(**state).methods).run as usize };
    if let Some(running) = Running::new(code) {
        // SAFETY: the caller owns the state, and takes what is put in its place for it: whoever
        // has it in the end deletes it by its own method.
        unsafe {
            let state_of_ours = State { methods: &raw const TABLE.methods };
            let wrapped = Wrapped { state: state_of_ours, own: *state, running: Some(running) };
            *state = Box::into_raw(Box::new(wrapped)).cast();
        }
    }
    // SAFETY: the caller's promise. If it throws, the caller still has the state.
    unsafe { begin(thread, state, depend) }
}

unsafe extern "C-unwind" fn run_state(state: *mut State) {
    // SAFETY: `begin_standard` has made it; it is this thread's by now, until it deletes it.
    let own = unsafe {
        let wrapped = &mut *state.cast::<Wrapped>();
        if let Some(running) = wrapped.running.take() {
            running.is_this_thread();
        }
        wrapped.own
    };
    // SAFETY: the plugin's state is whole, and its code mapped while this thread runs. Nothing is
    // left here that unwinding would have to drop.
    unsafe { ((*(*own).methods).run)(own) }
}

unsafe extern "C-unwind" fn destroy_state(state: *mut State) {
    // SAFETY: `begin_standard` has made it, and its owner destroys it once: the plugin's goes
    // before what holds its code.
    unsafe {
        let wrapped = &mut *state.cast::<Wrapped>();
        ((*(*wrapped.own).methods).delete)(wrapped.own);
        wrapped.running = None;
    }
}

unsafe extern "C-unwind" fn delete_state(state: *mut State) {
    // SAFETY: as above; then nothing but its memory is left.
    unsafe {
        destroy_state(state);
        drop(Box::from_raw(state.cast::<Wrapped>()));
    }
}
