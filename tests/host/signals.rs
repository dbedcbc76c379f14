//! Time limits beside a program's own handlers of signals.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use libc::{c_int, c_void, siginfo_t};
use twinplug::{Host, LimitSignal, Value};

use crate::limits::{SPIN, TIME, builder, call, check_time, load};
use crate::twins::message;

/// A signal for each test: they run in one process.
fn number(of_test: c_int) -> c_int {
    libc::SIGRTMIN() + of_test
}

static HEARD: [AtomicUsize; 8] = [const { AtomicUsize::new(0) }; 8];

/// What a program has for its own signals.
extern "C" fn hear(number: c_int, _: *mut siginfo_t, _: *mut c_void) {
    HEARD[(number - libc::SIGRTMIN()) as usize].fetch_add(1, Ordering::Relaxed);
}

fn handle(number: c_int) {
    // SAFETY: zeroed, an action is one; the handler does what one may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = hear as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(number, &raw const action, ptr::null_mut()), 0);
    }
}

fn heard(of_test: c_int) -> usize {
    HEARD[of_test as usize].load(Ordering::Relaxed)
}

fn raise(of_test: c_int) {
    // SAFETY: the signal has a handler.
    unsafe { libc::raise(number(of_test)) };
}

fn host(number: c_int) -> Host {
    builder().limit_signal(LimitSignal::Number(number)).build().unwrap()
}

#[test]
fn a_program_keeps_its_own_handler_of_the_same_signal() {
    handle(number(0));
    let host = host(number(0));
    let plugin = load(&host, "spin", SPIN);
    check_time(&call(&plugin, "Spin"));
    raise(0);
    assert_eq!(heard(0), 1, "its own signals, and not ours");
    check_time(&call(&plugin, "Spin"));
    assert_eq!(heard(0), 1);
}

#[test]
fn a_handler_that_comes_later_is_kept_as_well() {
    let host = host(number(1));
    let plugin = load(&host, "spin", SPIN);
    check_time(&call(&plugin, "Spin"));
    handle(number(1));
    raise(1);
    assert_eq!(heard(1), 1);
    check_time(&call(&plugin, "Spin"));
    raise(1);
    assert_eq!(heard(1), 2);
}

/// The handler that was there before `chained`.
static FORMER: AtomicUsize = AtomicUsize::new(0);

extern "C" fn chained(number: c_int, info: *mut siginfo_t, context: *mut c_void) {
    HEARD[(number - libc::SIGRTMIN()) as usize].fetch_add(1, Ordering::Relaxed);
    let former = FORMER.load(Ordering::Relaxed);
    // SAFETY: ours is such a function, and takes what any handler gets.
    let former: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
        unsafe { std::mem::transmute(former) };
    former(number, info, context);
}

#[test]
fn handlers_that_pass_on_to_each_other_end() {
    let host = host(number(2));
    let plugin = load(&host, "spin", SPIN);
    // SAFETY: zeroed, an action is one; the handler does what one may do.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        let mut former: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = chained as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize;
        action.sa_flags = libc::SA_SIGINFO;
        assert_eq!(libc::sigaction(number(2), &raw const action, &raw mut former), 0);
        FORMER.store(former.sa_sigaction, Ordering::Relaxed);
    }
    check_time(&call(&plugin, "Spin"));
    let before = heard(2);
    raise(2);
    assert_eq!(heard(2), before + 1);
}

#[test]
fn a_thread_that_blocks_signals_is_stopped_all_the_same() {
    let host = host(number(3));
    let plugin = load(&host, "spin", SPIN);
    let thread = std::thread::spawn(move || {
        // SAFETY: the mask is this thread's own.
        unsafe {
            let mut all = std::mem::zeroed();
            libc::sigfillset(&raw mut all);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, ptr::null_mut());
        }
        call(&plugin, "Spin")
    });
    check_time(&thread.join().unwrap());
}

#[test]
fn a_signal_that_is_the_systems_is_refused() {
    let host = host(libc::SIGSEGV);
    let expected = "cannot load `spin`: time limits cannot use signal 11: choose a real-time \
                    signal, SIGUSR1, SIGUSR2, SIGURG or SIGIO";
    assert_eq!(message(host.load_source("spin", SPIN)), expected);
}

#[test]
fn a_wait_for_the_system_in_host_code_is_not_broken_off() {
    let host = {
        let rest = || {
            let until = Instant::now() + 3 * TIME;
            let mut slept = 0;
            while Instant::now() < until {
                let nap = libc::timespec { tv_sec: 1, tv_nsec: 0 };
                // SAFETY: reads the one; the other may be null.
                slept = unsafe { libc::nanosleep(&raw const nap, ptr::null_mut()) };
                if slept != 0 {
                    break;
                }
            }
            i64::from(slept)
        };
        builder()
            .limit_signal(LimitSignal::Number(number(4)))
            .function("rest", rest)
            .build()
            .unwrap()
    };
    let text = "return { Rest = function() local n = 0 for i = 1, 1e5 do n = n + i end return host.rest() end }";
    assert_eq!(load(&host, "rest", text).call("Rest", ()).unwrap(), Value::Int(0));
}
