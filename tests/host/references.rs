//! Functions, objects and buffers as values, at the border of the library.

#[cfg(all(feature = "_lua", feature = "native"))]
mod both;
#[cfg(feature = "_lua")]
mod hostile;
#[cfg(feature = "_lua")]
mod lua;
#[cfg(feature = "native")]
mod native;
