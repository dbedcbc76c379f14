//! Init and the hooks.

use twinplug_sdk::prelude::*;

#[plugin]
mod shapes {
    #[init]
    fn init(number: i64) {}
    #[on_load]
    fn on_load(host: &HostRef, config: i64, more: i64) {}
    #[on_save]
    fn on_save(value: i64) -> i64 {
        value
    }
    #[on_restore]
    fn on_restore(value: i64) {}
    #[on_pause]
    fn on_pause(why: &str) {}
    #[on_resume]
    async fn on_resume() {}
    #[on_unload]
    fn on_unload(&self) {}
}

#[plugin]
mod more_shapes {
    #[on_restore]
    fn on_restore() {}
}

#[plugin]
mod version {
    #[on_restore]
    fn on_restore(value: i64, old_version: i64) {}
}

#[plugin]
mod twice {
    #[init]
    fn first() {}
    #[init]
    fn second() {}
    #[on_pause]
    fn pause() {}
    #[on_pause]
    fn pause_again() {}
}

#[plugin]
mod roles {
    #[func]
    #[init]
    fn both() {}
    #[on_pause]
    #[on_resume]
    fn also() {}
    #[on_load(name = "x")]
    fn key() {}
    #[cfg(unix)]
    #[on_unload]
    fn conditional() {}
}

fn main() {}
