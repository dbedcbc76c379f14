//! The row of structs that a script sends. Both sides put them into the same channel, and
//! what that alone takes is no part of the figures.

use std::time::Instant;

use mlua::{Function, Lua, LuaSerdeExt, Table, Value};
use twinplug::{Channel, Func, Host};

use crate::measure::{Effort, median};
use crate::plugin_data::PluginData;
use crate::report::{Report, Row};

const SCRIPT: &str = r#"
local M = { Pd = { name = "PluginTest", age = 11, tel = "15396656998" } }
local data = host.channel("data")

---@param n integer
function M.send(n)
  for _ = 1, n do data:send(M.Pd) end
end

return M
"#;

/// How many are sent before the channel is emptied, untimed. Few enough for all of them to
/// stay in the cache, and their memory with the program.
const BATCH: usize = 512;

pub(crate) fn measure(report: &mut Report, effort: Effort) {
    let name = "lua_send_struct";
    if !report.wants(name) {
        return;
    }
    // Single VMs differ.
    let sets: Vec<_> = (0..5).map(|_| senders(effort.divided(5))).collect();
    let [queue, ours, by_hand, serde] =
        std::array::from_fn(|which| median(sets.iter().map(|times| times[which]).collect()));
    let ours_ns = ours - queue;
    report.add(Row::limit(name, ours_ns, 120.0));
    let mut beside = |theirs, whole_ns: f64, goal| {
        report.add(Row { name, ours_ns, theirs, theirs_ns: whole_ns - queue, goal });
    };
    // 120 of the some 176 ns that this takes on the limit's machine.
    beside("mlua, by hand", by_hand, Some(0.68));
    beside("mlua, serde", serde, None);
}

/// What a struct takes Rust that has it already, our script, and both of mlua's.
fn senders(effort: Effort) -> [f64; 4] {
    let host = Host::builder().channel::<PluginData>("data", BATCH).build().unwrap();
    let plugin = host.load_source("sends", SCRIPT).unwrap();
    let channel = host.channel::<PluginData>("data").unwrap();
    let ours: Func<(usize,), ()> = plugin.func("send").unwrap();
    let by_hand = ByMlua::new(&channel, |_, value| {
        let table = value.as_table().unwrap();
        Ok(PluginData { name: table.get("name")?, age: table.get("age")?, tel: table.get("tel")? })
    });
    let serde = ByMlua::new(&channel, |lua, value| lua.from_value(value));
    medians(
        effort,
        &channel,
        [
            &|structs| structs.drain(..).for_each(|data| channel.send(data).unwrap()),
            &|_| ours.call((BATCH,)).unwrap(),
            &|_| by_hand.send(),
            &|_| serde.send(),
        ],
    )
}

/// Sends a batch; who wants structs that are there already takes them. The others leave them, so
/// that to drop them is in nobody's time.
type Sender<'a> = &'a dyn Fn(&mut Vec<PluginData>);

/// What a struct takes each sender, in nanoseconds.
fn medians<const N: usize>(
    effort: Effort,
    channel: &Channel<PluginData>,
    senders: [Sender<'_>; N],
) -> [f64; N] {
    let mut times = [const { Vec::new() }; N];
    // The first batch of each warms up.
    for turn in 0..=effort.turns() * 10 {
        for (sender, times) in senders.iter().zip(&mut times) {
            let time = batch(channel, sender);
            if turn > 0 {
                times.push(time);
            }
        }
    }
    times.map(median)
}

fn batch(channel: &Channel<PluginData>, send: Sender<'_>) -> f64 {
    let mut structs = vec![PluginData::sample(); BATCH];
    let start = Instant::now();
    send(&mut structs);
    let time = start.elapsed().as_nanos() as f64 / BATCH as f64;
    for _ in 0..BATCH {
        assert_eq!(channel.try_recv().unwrap(), PluginData::sample());
    }
    assert!(channel.try_recv().is_err(), "more was sent than a batch");
    time
}

/// The script over mlua, with a channel as people write one.
struct ByMlua {
    send: Function,
    _lua: Lua,
}

impl ByMlua {
    fn new(
        channel: &Channel<PluginData>,
        read: impl Fn(&Lua, Value) -> mlua::Result<PluginData> + Send + Sync + 'static,
    ) -> Self {
        let lua = Lua::new();
        let channel = channel.clone();
        let send = lua.create_function(move |lua, (_, message): (Table, Value)| {
            channel.send(read(lua, message)?).map_err(mlua::Error::external)
        });
        let end = lua.create_table().unwrap();
        end.set("send", send.unwrap()).unwrap();
        let host = lua.create_table().unwrap();
        let channel = lua.create_function(move |_, _: String| Ok(end.clone()));
        host.set("channel", channel.unwrap()).unwrap();
        lua.globals().set("host", host).unwrap();
        let module: Table = lua.load(SCRIPT).eval().unwrap();
        ByMlua { send: module.get("send").unwrap(), _lua: lua }
    }

    fn send(&self) {
        self.send.call::<()>(BATCH).unwrap();
    }
}
