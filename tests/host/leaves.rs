//! Leaf functions of native plugins, which compiled scripts call by their C type: what that could
//! do to the VM, and that it is the same as any other call.

use std::path::PathBuf;
use std::sync::LazyLock;

use twinplug::{Host, Value};

use crate::twins::build;

static LEAVES: LazyLock<PathBuf> = LazyLock::new(|| build("tests/fixtures/leaves"));

/// A host whose scripts are compiled where the flavour has a compiler.
fn host() -> Host {
    Host::builder().no_time_limit().build().unwrap()
}

/// A float has bits that are no number of LuaJIT's: they would be any value of Lua's, at any
/// address.
#[test]
fn a_float_is_a_number_whatever_its_bits_are() {
    let host = host();
    host.load(&*LEAVES).unwrap();
    let script = r#"
        local of_bits = host.plugin("leaves").of_bits
        local function of(bits, times)
          local x, kind
          for i = 1, times do
            x = of_bits(bits)
            kind = type(x)
            if kind ~= "number" then return kind end
          end
          return kind, x
        end
        function Kind(bits, times) return (of(bits, times)) end
        function Float(bits, times) return (select(2, of(bits, times))) end
    "#;
    let plugin = host.load_source("bits", script).unwrap();
    let kind = plugin.func::<(i64, i64), String>("Kind").unwrap();
    let float = plugin.func::<(i64, i64), f64>("Float").unwrap();
    // The kinds of LuaJIT's values, each with an address that would be followed.
    for times in [1, 200] {
        for tag in 1..=16_i64 {
            for address in [0, 0x1000, (1 << 47) - 1] {
                let bits = -(tag << 47) + address;
                assert_eq!(kind.call((bits, times)).unwrap(), "number", "{bits:#x}");
                assert!(float.call((bits, times)).unwrap().is_nan(), "{bits:#x}");
            }
        }
        for bits in [0, 1, 1 << 52, -(1 << 53), -(1 << 52)] {
            let same = f64::from_bits(bits as u64);
            assert_eq!(kind.call((bits, times)).unwrap(), "number");
            assert_eq!(float.call((bits, times)).unwrap().to_bits(), same.to_bits(), "{bits:#x}");
        }
    }
}

/// An argument that compiled code cannot bring over goes the general way.
#[test]
fn arguments_of_any_kind_are_told_as_elsewhere() {
    let host = host();
    host.load(&*LEAVES).unwrap();
    let script = "function Try(x) return select(2, pcall(host.plugin('leaves').add, x, 1)) end";
    let plugin = host.load_source("tries", script).unwrap();
    let told = |value: Value| {
        let text = plugin.call("Try", (value,)).unwrap();
        let Value::Str(text) = text else { panic!("{text:?}") };
        text.rsplit_once(": argument `a`: ").map(|(_, text)| text.to_owned()).unwrap_or(text)
    };
    assert_eq!(told(Value::Str("1".into())), "expected int, got string");
    assert_eq!(told(Value::Bool(true)), "expected int, got bool");
    assert_eq!(told(Value::Float(0.5)), "0.5 is no whole number");
    assert_eq!(told(Value::Float(f64::NAN)), "NaN is no whole number");
}
