//! Switches on what benches alone need of mlua, where a Lua is built in. A dependency for
//! tests and benches cannot be left out by a feature, and mlua does not build without a Lua.
