//! The library at its public border. One table of expectations runs on every twin;
//! what only one kind can show has a module of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![cfg_attr(
    not(all(feature = "lua54", feature = "native")),
    allow(dead_code, reason = "what the kind needs that is left out")
)]

#[cfg(feature = "lua54")]
mod annotations;
#[cfg(feature = "native")]
mod calls;
mod conformance;
#[cfg(feature = "native")]
mod copies;
#[cfg(feature = "native")]
mod damage;
mod errors;
#[cfg(feature = "native")]
mod exceptions;
#[cfg(feature = "native")]
mod go;
#[cfg(feature = "native")]
mod hazards;
#[cfg(feature = "native")]
mod images;
#[cfg(feature = "native")]
mod languages;
#[cfg(feature = "lua54")]
mod lua;
#[cfg(feature = "native")]
mod native;
#[cfg(feature = "native")]
mod preflight;
#[cfg(feature = "lua54")]
mod reentry;
#[cfg(feature = "native")]
mod shop;
mod threads;
mod twins;
