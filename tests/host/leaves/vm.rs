//! What leaf functions of the host could do to a VM whose compiled code calls them by their C type.

use twinplug::{Host, Limit};

/// A float has bits that are no number of LuaJIT's: they would be any value of Lua's, at any
/// address.
#[test]
fn a_float_is_a_number_whatever_its_bits_are() {
    let host = Host::builder()
        .no_time_limit()
        .leaf("of_bits", |bits: i64| f64::from_bits(bits.cast_unsigned()))
        .build()
        .unwrap();
    check_bits(&host, "host.of_bits");
}

/// What a call held that has run out of memory is there again, though the flavour's FFI has
/// used its coroutine last; and a call that fails on the way leaves nothing behind that shuts
/// others out.
#[test]
fn memory_that_runs_out_on_the_way_is_there_for_the_next_call() {
    const LIMIT: usize = 3 << 20;
    let script = r#"
        local add = host.add
        -- Compiled long before there is no memory for that.
        local function fill(to)
          local all = {}
          while collectgarbage("count") * 1024 < to do all = { all } end
          return all
        end
        -- Not as often as what is compiled.
        function Fill(to)
          local all = fill(to)
          for i = 1, 40 do all = { all, add(i, 1) } end
          return "there is more"
        end
        function Fail(to)
          local all = fill(to)
          for i = 1, 40 do all = { all, (select(2, pcall(add, i, 0))) } end
          return "there is more"
        end
        function FillInCoroutine(to) return coroutine.wrap(Fill)(to) end
        function Back() return 7 end
        function Through() return (host.plugin("fills").Back()) end
        function Add(a, b) return add(a, b) end
    "#;
    let host = Host::builder()
        .no_time_limit()
        .memory_limit(LIMIT)
        .leaf("add", |a: i64, b: i64| if b == 0 { Err("nothing to add") } else { Ok(a + b) })
        .build()
        .unwrap();
    for name in ["Fill", "Fail", "FillInCoroutine"] {
        let mut failed = 0;
        for rest in (0..4000).step_by(200) {
            let plugin = host.load_source("fills", script).unwrap();
            let fill = plugin.func::<(i64,), String>(name).unwrap();
            let through = plugin.func::<(), i64>("Through").unwrap();
            let add = plugin.func::<(i64, i64), i64>("Add").unwrap();
            let check = || {
                assert_eq!(through.call(()).unwrap(), 7, "{name}, {rest} bytes before the limit");
                assert_eq!(add.call((rest, 2)).unwrap(), rest + 2, "{name}");
            };
            check();
            for _ in 0..2 {
                match fill.call((LIMIT as i64 - rest,)) {
                    Ok(text) => assert_eq!(text, "there is more"),
                    Err(error) => {
                        assert_eq!(error.limit(), Some(Limit::Memory(LIMIT)), "{error}");
                        failed += 1;
                        check();
                    }
                }
            }
            host.unload(plugin).unwrap();
        }
        assert!(failed > 0);
    }
}

/// Checks a function that makes floats of bits, which scripts get by that expression.
pub(super) fn check_bits(host: &Host, of_bits: &str) {
    let functions = r#"
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
    let plugin =
        host.load_source("bits", format!("local of_bits = {of_bits}\n{functions}")).unwrap();
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
        for bits in [0_i64, 1, 1 << 52, -(1 << 53), -(1 << 52)] {
            let same = f64::from_bits(bits.cast_unsigned());
            assert_eq!(kind.call((bits, times)).unwrap(), "number");
            assert_eq!(float.call((bits, times)).unwrap().to_bits(), same.to_bits(), "{bits:#x}");
        }
    }
}
