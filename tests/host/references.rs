//! Functions, objects and buffers as values, at the border of the library.

#[cfg(feature = "_lua")]
mod lua;
#[cfg(feature = "native")]
mod native;
