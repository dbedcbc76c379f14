//! The library at its public border. One table of expectations runs on every twin;
//! what only one kind can show has a module of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![cfg_attr(
    not(all(feature = "_lua", feature = "native")),
    allow(dead_code, unused_imports, reason = "what the kind needs that is left out")
)]

#[cfg(feature = "_lua")]
mod annotations;
#[cfg(all(feature = "native", target_os = "linux"))]
mod beside;
#[cfg(feature = "_lua")]
mod between;
mod calling;
#[cfg(feature = "native")]
mod calls;
mod channels;
mod conformance;
#[cfg(feature = "native")]
mod copies;
#[cfg(feature = "native")]
mod damage;
mod definitions;
#[cfg(feature = "_lua")]
mod direct;
mod directories;
mod echo;
mod errors;
#[cfg(feature = "native")]
mod exceptions;
#[cfg(feature = "_lua")]
mod flavours;
#[cfg(feature = "native")]
mod go;
mod groups;
#[cfg(feature = "native")]
mod hazards;
#[cfg(feature = "_lua")]
mod hooks;
#[cfg(feature = "_lua")]
mod hostile;
#[cfg(feature = "native")]
mod images;
#[cfg(feature = "native")]
mod languages;
#[cfg(feature = "_lua")]
mod layers;
#[cfg(feature = "_lua")]
mod lazy;
#[cfg(feature = "_lua")]
mod leaves;
#[cfg(feature = "_lua")]
mod library;
#[cfg(feature = "_lua")]
mod limits;
#[cfg(feature = "_lua")]
mod lists;
mod log;
#[cfg(feature = "_lua")]
mod lua;
mod manifests;
mod memory;
mod mocks;
#[cfg(feature = "_lua")]
mod modules;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "_lua")]
mod numbers;
mod offers;
#[cfg(feature = "_lua")]
mod others;
#[cfg(feature = "_lua")]
mod permissions;
#[cfg(feature = "native")]
mod preflight;
#[cfg(feature = "_lua")]
mod real_code;
#[cfg(feature = "_lua")]
mod reentry;
mod references;
#[cfg(all(feature = "_lua", feature = "native"))]
mod relays;
mod reloads;
mod reports;
mod requires;
mod shared;
#[cfg(feature = "native")]
mod shop;
#[cfg(all(feature = "_lua", target_os = "linux", not(feature = "luau")))]
mod signals;
mod stats;
#[cfg(feature = "native")]
mod tables;
#[cfg(feature = "_lua")]
mod texts;
mod threads;
#[cfg(feature = "_lua")]
mod tracebacks;
#[cfg(feature = "_lua")]
mod traps;
mod trust;
mod twins;
#[cfg(feature = "_lua")]
mod versions;
#[cfg(all(feature = "_lua", feature = "watch"))]
mod watches;
