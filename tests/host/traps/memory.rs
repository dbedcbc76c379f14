//! Memory that runs out in the middle of a conversion. The limit is moved in small steps, so
//! that each of the places that ask for memory is once the one that gets none.

use std::collections::BTreeMap;
use std::sync::Arc;

use twinplug::{Error, Host, Limit, MapKey, PluginRef, Value};

use super::{check_fine, load_limited, map_of, reachable, warm};

/// What the script may take.
const LIMIT: usize = if cfg!(feature = "luau") { 4 << 20 } else { 800_000 };

const SCRIPT: &str = "\
local M = { Map = host.any({ a = 1, b = { 2 } }), Word = 'old', Ballast = '' }
for n = 0, 39 do M['N' .. n] = 1.5 end
function M.Forget() for n = 0, 39 do M['N' .. n] = nil end end
local unpack = table.unpack or unpack
function M.Take(...) return select('#', ...) end
function M.Text() return #host.text() end
function M.List() return #host.lists() end
function M.Nested() return #host.nested() end
function M.Receive() local got = host.channel('box'):recv() return #got end
function M.Grow() local all = {} while true do all[#all + 1] = ('x'):rep(9999) .. #all end end
function M.Fine() return 42 end
return M";

/// What crosses: of each kind, so that each kind of step is taken.
fn texts() -> Value {
    Value::Str("a text ".repeat(300))
}

fn list() -> Value {
    Value::List((0..300).map(|n| Value::Str(format!("item {n}"))).collect())
}

fn map(entries: i64) -> Value {
    map_of((0..entries).map(|n| (format!("key {n}"), Value::Int(n))))
}

fn nested() -> Value {
    (0..20).fold(list(), |inner, _| Value::List(vec![inner, Value::Str("beside".repeat(9))]))
}

fn host() -> Arc<Host> {
    reachable(|builder, _| {
        builder
            .channel::<Value>("box", 1)
            .function("text", || "a text ".repeat(300))
            .function("lists", || (0..300).map(|n| vec![n; 3]).collect::<Vec<_>>())
            .function("nested", nested)
    })
}

/// The script, with a text of so many bytes in it, and no garbage.
fn load(host: &Host, ballast: usize) -> twinplug::Result<PluginRef> {
    let plugin = load_limited(host, "p", LIMIT, SCRIPT)?;
    check_limit(&plugin.call("Grow", ()).unwrap_err());
    let set = plugin.var::<String>("Ballast")?.set("x".repeat(ballast));
    set.inspect_err(|_| host.unload(plugin.clone()).unwrap())?;
    Ok(plugin)
}

/// How long that text can be.
fn room(host: &Host) -> usize {
    let (mut fits, mut too_long) = (0, LIMIT);
    while too_long - fits > 1 {
        let middle = (fits + too_long) / 2;
        match load(host, middle) {
            Ok(plugin) => {
                host.unload(plugin).unwrap();
                fits = middle;
            }
            Err(error) => {
                check_limit(&error);
                too_long = middle;
            }
        }
    }
    fits
}

#[track_caller]
fn check_limit(error: &Error) {
    assert_eq!(error.limit(), Some(Limit::Memory(LIMIT)), "{error}");
}

/// Does something with a little more room each time, until that is enough. Each time that it
/// is not, this is the limit's error, and the plugin goes on, or has not enough for a call.
fn sweep(does: impl Fn(&Host, &PluginRef) -> twinplug::Result<()>) -> usize {
    // Close to one another where there is little, and then further apart.
    let step = if std::env::var_os("TWINPLUG_FULL").is_some() { 4 } else { 16 };
    let host = host();
    let room = room(&host);
    let (mut failed, mut succeeded) = (0, 0);
    for round in 0..2000 {
        let Ok(plugin) = load(&host, room.saturating_sub(round * step * (1 + round / 16))) else {
            continue;
        };
        if round % 2 == 1 {
            warm(&plugin);
        }
        match does(&host, &plugin) {
            Ok(()) => succeeded += 1,
            Err(error) => {
                check_limit(&error);
                failed += 1;
            }
        }
        match plugin.call("Fine", ()) {
            Ok(fine) => assert_eq!(fine, Value::Int(42)),
            Err(error) => check_limit(&error),
        }
        host.unload(plugin).unwrap();
        if succeeded == 3 {
            break;
        }
    }
    assert_eq!(succeeded, 3, "after {failed} that have failed");
    failed
}

/// As `sweep`, of what takes memory. Luau has some of it left in its pages.
fn check_sweep(does: impl Fn(&Host, &PluginRef) -> twinplug::Result<()>) {
    let failed = sweep(does);
    assert!(failed > 2 || cfg!(feature = "luau"), "{failed} have failed");
}

#[test]
fn arguments() {
    for argument in [texts(), list(), map(300), map(20), nested()] {
        check_sweep(|_, plugin| plugin.call("Take", (argument.clone(),)).map(drop));
    }
}

/// Values that stand beside one another leave less of the stack for what is inside of the last.
#[test]
fn a_nested_argument_behind_others() {
    type Inner = BTreeMap<String, BTreeMap<String, BTreeMap<String, BTreeMap<String, i64>>>>;
    let one = |name: &str| BTreeMap::from([(name.to_owned(), 1)]);
    let inner = |name: &str| {
        let two = BTreeMap::from([("x".to_owned(), one(name))]);
        let three = BTreeMap::from([("y".to_owned(), two)]);
        Inner::from([("z".to_owned(), three)])
    };
    check_sweep(|_, plugin| {
        type Eight = (i64, String, i64, i64, i64, i64, i64, Inner);
        let take = plugin.func::<Eight, i64>("Take")?;
        for round in 0..60 {
            let name = format!("{round} is a name of its own");
            let taken = take.call((1, name.clone(), 3, 4, 5, 6, 7, inner(&name)))?;
            assert_eq!(taken, 8);
        }
        Ok(())
    });
}

#[test]
fn results_of_the_hosts_functions() {
    for name in ["Text", "List", "Nested"] {
        check_sweep(|_, plugin| plugin.call(name, ()).map(drop));
    }
}

#[test]
fn messages() {
    for message in [texts(), list(), map(300)] {
        check_sweep(|host, plugin| {
            let channel = host.channel::<Value>("box")?;
            channel.send(message.clone())?;
            let received = plugin.call("Receive", ()).map(drop);
            let _ = channel.try_recv();
            received
        });
    }
}

/// A variable is set whole, or is what it was.
#[test]
fn variables() {
    for value in [texts(), map(5), map(20), map(23), map(24), map(70), map(400), nested()] {
        let old = map_of([("a", Value::Int(1)), ("b", Value::List(vec![Value::Int(2)]))]);
        // Of the old keys one stays.
        let value = match value {
            Value::Map(map) => Value::Map(
                map.into_iter().chain([(MapKey::Str("a".to_owned()), Value::Bool(true))]).collect(),
            ),
            other => other,
        };
        check_sweep(|_, plugin| {
            let variable = plugin.var::<Value>("Map")?;
            let outcome = variable.set(value.clone());
            match (&outcome, variable.get()) {
                (_, Err(error)) => assert!(error.limit().is_some(), "{error}"),
                (Ok(()), Ok(now)) => {
                    assert!(now == value, "{now:?}");
                }
                (Err(_), Ok(now)) => assert_eq!(now, old),
            }
            outcome
        });
    }
}

#[test]
fn variables_of_texts_and_numbers() {
    check_sweep(|_, plugin| {
        let text = plugin.var::<String>("Word")?;
        let long = "a text ".repeat(300);
        let set = text.set(long.clone());
        match (&set, text.get()) {
            (Ok(()), Ok(now)) => assert_eq!(now, long),
            (Err(_), Ok(now)) => assert_eq!(now, "old"),
            (_, Err(error)) => assert!(error.limit().is_some(), "{error}"),
        }
        set
    });
    // A number takes no memory, unless the script has taken its place away.
    sweep(|_, plugin| {
        let numbers: Vec<_> =
            (0..40).map(|n| plugin.var::<f64>(&format!("N{n}"))).collect::<Result<_, _>>()?;
        plugin.call("Forget", ())?;
        for number in numbers {
            number.set(2.5)?;
            assert_eq!(number.get()?, 2.5);
        }
        Ok(())
    });
}

/// A table that gets one entry more may take twice its size for a moment, whatever is left.
#[test]
fn large_tables_that_grow() {
    let host = reachable(|builder, _| {
        builder
            .function("maps", |n: i64| (0..n).map(|i| (i * 7 + 1, i)).collect::<BTreeMap<_, _>>())
            .function("lists", |n: i64| (0..n).collect::<Vec<_>>())
    });
    let script = "\
        local M = { V = host.any({}) }\n\
        function M.Fill(n) M.V = {} for i = 1, n do M.V[i * 7] = i end end\n\
        function M.Map(n) local map = host.maps(n) return map[1] end\n\
        function M.List(n) return #host.lists(n) end\n\
        function M.Fine() return 42 end\n\
        return M";
    // A VM of Luau's with native code takes that much by itself.
    let least = usize::from(cfg!(feature = "luau"));
    for bytes in [1 + least, 3, 4, 5, 8].map(|half| half << 19) {
        let plugin = load_limited(&host, "p", bytes, script).unwrap();
        let check = |done: twinplug::Result<()>| match done {
            Ok(()) => check_fine(&plugin),
            Err(error) => {
                assert_eq!(error.limit(), Some(Limit::Memory(bytes)), "{error}");
                check_fine(&plugin);
            }
        };
        for power in [11, 13, 15, 16] {
            for entries in [(1_i64 << power) - 1, 1 << power, (1 << power) + 1] {
                check(plugin.call("List", (entries,)).map(drop));
                check(plugin.call("Map", (entries,)).map(drop));
                check(plugin.call("Fill", (entries,)).map(drop));
                // Keys that the table has not.
                let new: BTreeMap<i64, i64> = (1..40).map(|key| (-key, key)).collect();
                let variable = plugin.var::<BTreeMap<i64, i64>>("V").unwrap();
                check(variable.set(new));
                let new: BTreeMap<i64, i64> = (1..10).map(|key| (-key, key)).collect();
                check(plugin.call("Fill", (entries,)).map(drop));
                check(variable.set(new));
            }
        }
        host.unload(plugin).unwrap();
    }
}

/// The same where it is the sum of all plugins that runs out.
#[test]
fn what_all_plugins_take_together() {
    const TOTAL: usize = if cfg!(feature = "luau") { 12 << 20 } else { 3 << 20 };
    let host = reachable(|builder, _| {
        builder
            .memory_total(TOTAL)
            .channel::<Value>("box", 1)
            .function("text", || "a text ".repeat(300))
            .function("lists", || (0..300).map(|n| vec![n; 3]).collect::<Vec<_>>())
            .function("nested", nested)
    });
    let fills = "\
        local kept = {}\n\
        function Fill(n) kept[#kept + 1] = ('x'):rep(n) .. #kept end\n\
        function Fine() return 42 end";
    let mut fill = host.load_source("fill", fills).unwrap();
    let plugin = host.load_source("p", SCRIPT).unwrap();
    let mut failed = 0;
    for round in 0..60 {
        // Until it is full, in ever smaller steps; then a little more each time is free.
        for bytes in [100_000, 10_000, 1000, 100] {
            while fill.call("Fill", (bytes,)).is_ok() {}
        }
        let free = load_limited(&host, "free", TOTAL, fills);
        if let Ok(free) = &free {
            let _ = free.call("Fill", (round as i64 * 50,));
        }
        for done in [
            plugin.call("Take", (map(30),)).map(drop),
            plugin.call("Nested", ()).map(drop),
            plugin.var::<Value>("Map").unwrap().set(map(10)),
            plugin.call("Take", (texts(),)).map(drop),
        ] {
            if let Err(error) = done {
                assert_eq!(error.limit(), Some(Limit::MemoryTotal(TOTAL)), "{error}");
                failed += 1;
            }
        }
        if let Ok(free) = free {
            host.unload(free).unwrap();
        }
        if round % 20 == 19 {
            host.unload(fill).unwrap();
            fill = host.load_source("fill", fills).unwrap();
            check_fine(&plugin);
            check_fine(&fill);
        }
    }
    assert!(failed > 0);
}

/// What has to be read once more, to say what is wrong with it, counts once: it is no limit that is
/// hit, and the script may catch the error.
#[test]
fn what_is_read_twice_counts_once() {
    #[twinplug::data]
    struct Message {
        first: String,
        second: String,
        number: i64,
    }
    let host = Host::builder()
        .memory_limit(16 << 20)
        .function("take", |it: Message| (it.first.len() + it.second.len()) as i64 + it.number)
        .channel::<Message>("in", 1)
        .build()
        .unwrap();
    let script = "
        local text = ('x'):rep(5000000)
        function take(number)
          local ok, got = pcall(host.take, { first = text, second = text, number = number })
          return tostring(got)
        end
        function send(number)
          local data = host.channel('in')
          local message = { first = text, second = text, number = number }
          local ok, got = pcall(function() data:try_send(message) end)
          return tostring(got)
        end";
    let plugin = host.load_source("p", script).unwrap();
    for name in ["take", "send"] {
        let told = plugin.func::<(twinplug::Value,), String>(name).unwrap();
        let told = told.call((twinplug::Value::Str("x".into()),)).unwrap();
        assert!(told.ends_with("`number`: expected int, got string"), "{name}: {told}");
    }
    assert_eq!(plugin.call("take", (5,)).unwrap(), twinplug::Value::Str("10000005".into()));
}
