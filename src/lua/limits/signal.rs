//! The signal that reaches a thread in the middle of a script.
//!
//! A real-time signal that nobody in the process handles, sent to the one thread with the
//! address of its record. Whatever else arrives under that number goes to the handler that
//! was there before ours.

use std::ffi::{c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use libc::{siginfo_t, sigset_t};
use parking_lot::Mutex;

use super::arming;
use super::record::{self, Record};

/// Signals are numbered up to this.
const LAST: usize = 64;

type Action = libc::sigaction;

/// What handled each signal before us. Never freed: a handler may be reading it.
static BEFORE: [AtomicPtr<Action>; LAST + 1] =
    [const { AtomicPtr::new(ptr::null_mut()) }; LAST + 1];

/// Who changes handlers, one at a time.
static CHANGING: Mutex<()> = Mutex::new(());

/// Sees to it that ours handles a signal, before whatever handles it now.
pub(super) fn install(number: i32) -> io::Result<()> {
    let _one = CHANGING.lock();
    let now = current(number)?;
    if now.sa_sigaction == handler_address() {
        return Ok(());
    }
    let before = Box::leak(Box::new(now));
    BEFORE[number as usize].store(before, Ordering::Release);
    // SAFETY: an action is numbers and a set of numbers: zeroed, it is one.
    let mut action: Action = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler_address();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
    // SAFETY: `handle` is a handler for SA_SIGINFO, and does only what a handler may do.
    answered(unsafe { libc::sigaction(number, &raw const action, ptr::null_mut()) })
}

/// The first real-time signal that nobody handles, from the last one down, where fewer
/// programs look for theirs.
pub(super) fn free() -> Option<i32> {
    let unhandled =
        |number: &i32| current(*number).is_ok_and(|action| action.sa_sigaction == libc::SIG_DFL);
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).rev().find(unhandled)
}

/// Whether it is a signal's number that a program may use as it likes.
pub(super) fn is_usable(number: i32) -> bool {
    let real_time = (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number);
    real_time || [libc::SIGUSR1, libc::SIGUSR2, libc::SIGURG, libc::SIGIO].contains(&number)
}

fn current(number: i32) -> io::Result<Action> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: asks only; where it answers that it could, it has written the action.
    unsafe {
        answered(libc::sigaction(number, ptr::null(), action.as_mut_ptr()))?;
        Ok(action.assume_init())
    }
}

fn handler_address() -> usize {
    handle as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

fn answered(answer: c_int) -> io::Result<()> {
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sends a thread its signal, if the handler is still ours or can be made so again.
pub(super) fn send(record: &'static Record, number: i32) {
    // One at a time: a thread that lets none through would fill the user's queue.
    if record.is_told() {
        return;
    }
    if let Err(error) = install(number) {
        tracing::warn!(number, %error, "a time limit cannot be kept: its signal has no handler");
        return;
    }
    let address = ptr::from_ref(record).cast_mut().cast::<c_void>();
    let Some(mut sent) = Sent::new(number, address) else { return };
    // SAFETY: the kernel reads the information of the size that it has on this system. A
    // thread that has ended is an error that needs no answer: so has its call.
    unsafe {
        libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            libc::getpid(),
            record.thread(),
            number,
            &raw mut sent.0,
        );
    }
}

/// What a signal brings.
struct Sent(siginfo_t);

impl Sent {
    fn new(number: i32, value: *mut c_void) -> Option<Sent> {
        // SAFETY: numbers alone: zeroed, it is one.
        let mut sent: siginfo_t = unsafe { MaybeUninit::zeroed().assume_init() };
        sent.si_signo = number;
        sent.si_code = libc::SI_QUEUE;
        // The sender and the value stand behind three numbers, the value at its own
        // alignment (sigaction(2); asm-generic/siginfo.h).
        let after = 3 * size_of::<c_int>();
        let fields = after.next_multiple_of(align_of::<*mut c_void>());
        // SAFETY: within the 128 bytes that it has on every system; both are aligned.
        unsafe {
            let fields = (&raw mut sent).cast::<u8>().add(fields);
            fields.cast::<libc::pid_t>().write(libc::getpid());
            let user = size_of::<libc::pid_t>();
            fields.add(user).cast::<libc::uid_t>().write(libc::getuid());
            let place =
                (user + size_of::<libc::uid_t>()).next_multiple_of(align_of::<*mut c_void>());
            fields.add(place).cast::<*mut c_void>().write(value);
            // Where the system orders them otherwise, no signal is sent.
            (sent.si_value().sival_ptr == value && sent.si_pid() == libc::getpid())
                .then_some(Sent(sent))
        }
    }
}

/// Runs on the thread that was sent it, in the middle of anything. What it calls neither
/// allocates nor locks nor reads a thread's own variables.
extern "C" fn handle(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the system's own place for it, this thread's.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: the system passes what came with the signal, while the handler runs.
    match unsafe { ours(info) } {
        Some(record) => {
            record.is_heard();
            if let Some(state) = record.to_stop() {
                arming::arm(state);
            }
        }
        // SAFETY: the same arguments as these.
        None => unsafe { pass_on(number, info, context) },
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// The record that a signal of ours is for: this thread's.
///
/// # Safety
/// `info` is what a handler got.
unsafe fn ours(info: *mut siginfo_t) -> Option<&'static Record> {
    // SAFETY: as the caller says. With SI_QUEUE there is a sender and a value.
    let (value, sender) = unsafe {
        if (*info).si_code != libc::SI_QUEUE {
            return None;
        }
        ((*info).si_value().sival_ptr, (*info).si_pid())
    };
    // SAFETY: asks only.
    let own = sender == unsafe { libc::getpid() };
    let record = record::all().find(|record| ptr::eq(*record, value.cast_const().cast()))?;
    (own && record.thread() == this_thread()).then_some(record)
}

/// Does what would have been done without us. One that passes on to us what it got from
/// us gets it no second time.
///
/// # Safety
/// The arguments are those that a handler got.
unsafe fn pass_on(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    /// The signals that are being passed on, each by where what it brought stands.
    static PASSING: [AtomicPtr<siginfo_t>; 16] = [const { AtomicPtr::new(ptr::null_mut()) }; 16];
    if PASSING.iter().any(|passing| passing.load(Ordering::Relaxed) == info) {
        return;
    }
    let claim = |passing: &&AtomicPtr<siginfo_t>| {
        let none = ptr::null_mut();
        passing.compare_exchange(none, info, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    };
    let claimed = PASSING.iter().find(claim);
    // SAFETY: as the caller says.
    unsafe { pass_to_former(number, info, context) };
    if let Some(claimed) = claimed {
        claimed.store(ptr::null_mut(), Ordering::Relaxed);
    }
}

/// # Safety
/// The arguments are those that a handler got.
unsafe fn pass_to_former(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    let before = BEFORE.get(number as usize).map(|before| before.load(Ordering::Acquire));
    // SAFETY: null, or an action that was leaked before it was put there.
    let Some(before) = before.and_then(|before| unsafe { before.as_ref() }) else { return };
    match before.sa_sigaction {
        libc::SIG_IGN => {}
        libc::SIG_DFL => {
            // SAFETY: the action is one that the system gave. The signal, sent once more,
            // arrives when this handler returns.
            unsafe {
                libc::sigaction(number, before, ptr::null_mut());
                libc::syscall(libc::SYS_tgkill, libc::getpid(), this_thread(), number);
            }
        }
        address if before.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: who installed it said that it is such a function.
            let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
                unsafe { std::mem::transmute(address) };
            handler(number, info, context);
        }
        address => {
            // SAFETY: who installed it said that it is such a function.
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(address) };
            handler(number);
        }
    }
}

/// This thread, as the system numbers it.
pub(super) fn this_thread() -> u32 {
    // SAFETY: asks only.
    unsafe { libc::gettid() as u32 }
}

/// Lets a signal through to this thread.
pub(super) fn unblock(number: i32) {
    change_mask(libc::SIG_UNBLOCK, |set| {
        // SAFETY: `set` is an empty set; a number that is no signal's is not added.
        unsafe { libc::sigaddset(set, number) };
    });
}

/// Lets no signal through to this thread.
pub(super) fn block_all() {
    change_mask(libc::SIG_BLOCK, |set| {
        // SAFETY: `set` is a set.
        unsafe { libc::sigfillset(set) };
    });
}

fn change_mask(how: c_int, fill: impl FnOnce(*mut sigset_t)) {
    let mut set = MaybeUninit::<sigset_t>::uninit();
    // SAFETY: the set is made empty before it is filled; the mask is this thread's own.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        fill(set.as_mut_ptr());
        libc::pthread_sigmask(how, set.as_ptr(), ptr::null_mut());
    }
}
