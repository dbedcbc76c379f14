//! Values whose `Serialize` does not keep to serde's order: keys without values, values without
//! keys, containers that are left in the middle after an error or a panic. And schemas that lie.

use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use twinplug::{Data, Host, PluginRef, Type};

use super::{check_fine, warm};
use crate::twins::message;

const SCRIPT: &str = "\
local any = host.any
local M = { Map = any({ a = 1, b = { 2 } }), List = any({ 1 }), Text = any('text') }
function M.Take(...) return select('#', ...) end
function M.Gives() return host.gives() end
function M.Receive() return host.channel('box'):recv() end
function M.Fine()
  return M.Map.a == 1 and M.Map.b[1] == 2 and M.List[1] == 1 and M.Text == 'text' and 42
end
return M";

/// What is written out of order.
#[derive(Clone, Copy, Debug)]
enum Order {
    KeyTwice,
    KeyLast,
    NoKey,
    NoKeyThenOneMore,
    NoKeyOverAndOver,
    NoKeyForLists,
    ErrorInside,
    ErrorOverAndOver,
    PanicInside,
    ErrorThenEnd,
}

use Order::{
    ErrorInside, ErrorOverAndOver, ErrorThenEnd, KeyLast, KeyTwice, NoKey, NoKeyForLists,
    NoKeyOverAndOver, NoKeyThenOneMore, PanicInside,
};

const ORDERS: [Order; 10] = [
    KeyTwice,
    KeyLast,
    NoKey,
    NoKeyThenOneMore,
    NoKeyOverAndOver,
    NoKeyForLists,
    ErrorInside,
    ErrorOverAndOver,
    PanicInside,
    ErrorThenEnd,
];

/// More often than the stack of a call has room for values.
const OFTEN: usize = 100_000;

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        match self {
            KeyTwice => {
                map.serialize_key("a")?;
                map.serialize_key("b")?;
                map.serialize_value(&1)?;
            }
            KeyLast => {
                map.serialize_entry("a", &1)?;
                map.serialize_key("b")?;
            }
            NoKey => map.serialize_value(&1)?,
            NoKeyThenOneMore => {
                let _ = map.serialize_value(&1);
                map.serialize_entry("a", &1)?;
            }
            NoKeyOverAndOver => {
                for _ in 0..OFTEN {
                    let _ = map.serialize_value(&1);
                    let _ = map.serialize_value("one");
                }
                map.serialize_entry("a", &1)?;
            }
            NoKeyForLists => {
                for _ in 0..OFTEN {
                    let _ = map.serialize_value(&[1.5, 2.5]);
                }
                map.serialize_entry("a", &1)?;
            }
            ErrorOverAndOver => {
                for _ in 0..OFTEN {
                    let _ = map.serialize_entry("a", &Broken::Fails);
                }
                map.serialize_entry("b", &1)?;
            }
            ErrorInside => {
                let _ = map.serialize_entry("a", &Broken::Fails);
                map.serialize_entry("b", &1)?;
            }
            PanicInside => {
                let _ =
                    catch_unwind(AssertUnwindSafe(|| map.serialize_entry("a", &Broken::Panics)));
                map.serialize_entry("b", &1)?;
            }
            ErrorThenEnd => drop(map.serialize_entry("a", &Broken::Fails)),
        }
        map.end()
    }
}

/// A list that breaks off after its first item.
enum Broken {
    Fails,
    Panics,
}

impl Serialize for Broken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(2))?;
        list.serialize_element(&1)?;
        match self {
            Broken::Fails => Err(S::Error::custom("broken off")),
            Broken::Panics => std::panic::resume_unwind(Box::new("broken off")),
        }
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(D::Error::custom("it is only written"))
    }
}

impl Data for Order {
    const SCHEMA: &'static Type = &Type::Any;
}

/// Said to be a pair.
struct Pair;

impl Serialize for Pair {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("no pair")
    }
}

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Pair)
    }
}

impl Data for Pair {
    const SCHEMA: &'static Type = <(i64, i64)>::SCHEMA;
}

fn plugin(order: Order) -> (Host, PluginRef) {
    let host = Host::builder()
        .channel::<Vec<Order>>("box", 1)
        .function("gives", move || vec![order])
        .function("pair", || Pair)
        .build()
        .unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    (host, plugin)
}

const OUT_OF_TURN: &str = "its parts were not written one after the other";

#[test]
fn what_is_written_out_of_order_is_refused_wherever_it_goes() {
    for (order, is_warm) in ORDERS.into_iter().flat_map(|order| [(order, false), (order, true)]) {
        let (host, plugin) = plugin(order);
        if is_warm {
            warm(&plugin);
        }
        let check = |done: twinplug::Result<()>, place: &str| {
            let message = message(done);
            let is_told = message.ends_with(OUT_OF_TURN);
            assert!(
                message.starts_with("plugin `p`: ") && is_told,
                "{order:?}, {place}: {message}"
            );
            check_fine(&plugin);
        };
        let take = plugin.func::<(Order, Vec<Order>), i64>("Take").unwrap();
        check(take.call((order, Vec::new())).map(drop), "an argument");
        check(take.call((KeyTwice, vec![order])).map(drop), "in an argument");
        for name in ["Map", "List", "Text"] {
            check(plugin.var::<Order>(name).unwrap().set(order), name);
            check(plugin.var::<Vec<Order>>(name).unwrap().set(vec![order]), name);
        }
        check(plugin.func::<(), ()>("Gives").unwrap().call(()), "a host's result");
        host.channel::<Vec<Order>>("box").unwrap().send(vec![order]).unwrap();
        check(plugin.func::<(), ()>("Receive").unwrap().call(()), "a message");
    }
}

#[test]
fn a_tuple_that_is_none_is_one_result() {
    let (host, _plugin) = plugin(NoKey);
    let gives = "function Gives() return host.pair() end function Fine() return 42 end";
    let other = host.load_source("q", gives).unwrap();
    let given = other.func::<(), String>("Gives").unwrap().call(());
    assert_eq!(given.unwrap(), "no pair");
    check_fine(&other);
}
