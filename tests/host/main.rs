//! The library at its public border. One table of expectations runs on every twin;
//! what only one kind can show has a module of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod conformance;
mod errors;
mod lua;
mod native;
mod threads;
mod twins;
