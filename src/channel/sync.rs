//! What waits are made of: atomics, a lock, threads that sleep. `tests/loom` has its own in
//! their place, which try every order.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize};
pub(super) use std::thread::{Thread, current, park, park_timeout, yield_now};

pub(super) use parking_lot::Mutex;
