//! What the macros write takes no name from the author.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use twinplug_sdk::prelude::*;
use twinplug_sdk::testing::Host;

struct Thing;

#[object]
impl Thing {
    fn object(&self, caller: i64, object: i64) -> i64 {
        caller + object
    }

    fn call(&self, host: &HostRef) -> Result<i64> {
        host.call("one", ())
    }
}

#[plugin]
mod plugin {
    use twinplug_sdk::prelude::*;

    #[func]
    fn caller(host: &HostRef, values: i64) -> Result<i64> {
        host.call::<i64>("one", ()).map(|one| one + values)
    }

    #[func]
    fn host(host: &HostRef) -> Result<i64> {
        caller(host, 1)
    }

    #[func]
    fn values(call: i64, r#type: i64) -> i64 {
        call + r#type
    }

    #[func]
    fn r#fn() -> Result<i64> {
        Ok(Object::new(super::Thing).call("call", ())?)
    }

    #[func]
    fn print(export: i64) -> i64 {
        print!("{export}");
        Object::new(super::Thing).of::<super::Thing>().map_or(0, |thing| thing.object(3, 4))
    }
}

#[test]
fn names_do_not_clash() {
    let plugin = Host::new().function("one", || 1).load(&plugin::twinplug_plugin).unwrap();
    assert_eq!(plugin.call_both::<i64>("caller", (2i64,)).unwrap(), 3);
    assert_eq!(plugin.call_both::<i64>("host", ()).unwrap(), 2);
    assert_eq!(plugin.call_both::<i64>("values", (2i64, 3i64)).unwrap(), 5);
    assert_eq!(plugin.call_both::<i64>("fn", ()).unwrap(), 1);
    assert_eq!(plugin.call::<i64>("print", (5,)).unwrap(), 7);
    assert_eq!(plugin.output(), "5");
    assert!(plugin.exports().contains(&("values".into(), "(call: int, type: int) -> int".into())));
}
