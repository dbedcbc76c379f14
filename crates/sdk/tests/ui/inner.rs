//! Exports in a module of the plugin's module.

use twinplug_sdk::prelude::*;

#[plugin]
mod mistaken {
    mod inner {
        #[func]
        fn inside() {}

        mod deeper {
            use twinplug_sdk::prelude::*;

            #[var(name = "Deep")]
            static DEEP: Var<i64> = Var::new(1);
        }

        fn other() {}
    }
}

fn main() {}
