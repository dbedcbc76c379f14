//! What editors get to know of a host and its plugins: whole files are compared.

mod checker;
mod folder;
mod names;
mod structs;

use twinplug::{Definitions, Host, HostBuilder, Value};

use crate::twins::{PluginData, Stage, Twin, on_every_twin};

/// Those of a host without plugins.
fn offered(offer: impl FnOnce(HostBuilder) -> HostBuilder) -> Definitions {
    offer(Host::builder()).build().unwrap().definitions()
}

/// Compares a file after its head.
#[track_caller]
fn check(definitions: &Definitions, name: &str, expected: &str) {
    let text = definitions.file(name).unwrap();
    let (_, body) = text.split_once("\n\n").unwrap();
    assert_eq!(body, expected.trim_start_matches('\n'));
}

/// The part of `host.lua` from one text on, up to another.
#[track_caller]
fn check_part(definitions: &Definitions, from: &str, to: &str, expected: &str) {
    let text = definitions.file("host.lua").unwrap();
    let start = text.find(from).unwrap_or_else(|| panic!("no `{from}` in:\n{text}"));
    let end = start + text[start..].find(to).unwrap_or_else(|| panic!("no `{to}` in:\n{text}"));
    assert_eq!(&text[start..end], expected.trim_start_matches('\n'));
}

fn names(definitions: &Definitions) -> Vec<&str> {
    definitions.files().map(|(name, _)| name).collect()
}

/// What every host has; where something of its own comes in, there are empty braces.
const HOST: &str = r#"---@meta _
-- Made by twinplug: the `host` table, as the scripts of this host see it.
-- What is changed here is lost.

---@class host
---What a layer lies over (`---@over NAME`); other scripts raise.
---@field base host.plugin
---The plugin's configuration; a key that is not configured is nil.
---@field config table<string, any>
---The host's log: `host.log(..)` is `host.log.info(..)`.
---@field log host.log
---Null in lists and maps, where nil would be no entry.
---@field null any
{fields}host = {}

---The initial value of a variable of any type.
---@param value any
---@return any
function host.any(value) end

---Numbers that are shared, and not copied, as they cross: so many zeros, or those of a list.
---@param what integer|number[]
---@param element? "f64"|"f32"|"i64"|"i32"|"u8" `f64` unless given
---@return host.buffer
function host.buffer(what, element) end

---A channel of the host.
{channels}---@param name string
---@return host.channel
function host.channel(name) end

---Whether `host` has it, so that reading it does not raise: `host.has("world.spawn")`.
---@param name string
---@return boolean
function host.has(name) end

---Whether a plugin of this name is loaded, so that `host.plugin` does not raise.
---@param name string
---@return boolean
function host.has_plugin(name) end

---A list, also while it is empty: `{}` is a map otherwise.
---@generic T
---@param items T[]
---@return T[]
function host.list(items) end

---A table as an object: its functions are methods, which whoever gets the object calls.
---@param methods table
---@return host.object
function host.object(methods) end

---Has the handler called at each event of that name; calling what is returned ends that.
---@param event string
---@param handler fun(...: any): any
---@return fun() off
function host.on(event, handler) end

---Another plugin, of either kind: its functions are called, its variables read and set.
{plugins}---@param name string
---@return host.plugin
function host.plugin(name) end

---Adds exports.
---@param exports table<string, any>
function host.register(exports) end

---Private state, which a reload carries: the table itself is what this gives.
---@generic T: table
---@param fields T
---@return T
function host.state(fields) end
{functions}
do
  ---@class host.log
  ---@overload fun(...: any)
  local log = {}

  ---@param ... any
  function log.debug(...) end

  ---@param ... any
  function log.error(...) end

  ---@param ... any
  function log.info(...) end

  ---@param ... any
  function log.trace(...) end

  ---@param ... any
  function log.warn(...) end
end
{groups}
do
  ---@class host.channel
  local channel = {}

  ---Sends a message; waits while there is no room for it.
  ---@async
  ---@param message any
  function channel:send(message) end

  ---Sends a message if there is room for it.
  ---@param message any
  ---@return boolean sent
  ---@return "full"? why
  function channel:try_send(message) end

  ---Sends a message; waits for so many seconds at most.
  ---@async
  ---@param message any
  ---@param seconds number
  ---@return boolean sent
  ---@return "timeout"? why
  function channel:send_timeout(message, seconds) end

  ---Receives a message; waits for one.
  ---@async
  ---@return any
  function channel:recv() end

  ---Receives a message if there is one.
  ---@return any message
  ---@return "empty"? why
  function channel:try_recv() end

  ---Receives a message; waits for so many seconds at most.
  ---@async
  ---@param seconds number
  ---@return any message
  ---@return "timeout"? why
  function channel:recv_timeout(seconds) end

  ---Receives a message, and those that are there behind it, up to so many; waits for the first.
  ---@async
  ---@param most integer
  ---@return any[]
  function channel:recv_many(most) end

  ---The messages, until the channel is closed: `for message in channel:iter() do`.
  ---@async
  ---@return fun(): any
  function channel:iter() end

  ---Ends it: what it still holds is received first, then `recv` and `send` raise.
  function channel:close() end
end
{channel classes}
---Something with methods: `object:method(..)`.
---@class host.object
---@field [string] fun(self: host.object, ...: any): any

---Numbers that are shared: `buffer[1]`, `#buffer`. Behind its end is nil.
---@class host.buffer
---@field [integer] number
---@operator len: integer

---A plugin of which nothing is known here.
---@class host.plugin
---@field [string] any
"#;

/// `host.lua` with these parts, and without the others.
fn host_file(parts: &[(&str, &str)]) -> String {
    let names =
        ["fields", "channels", "plugins", "functions", "groups", "channel classes"].into_iter();
    names.fold(HOST.to_owned(), |text, name| {
        let part = parts.iter().find(|(part, _)| *part == name).map_or("", |(_, part)| part);
        text.replace(&format!("{{{name}}}"), part)
    })
}

#[test]
fn a_host_that_offers_nothing_has_the_built_in_names() {
    let definitions = offered(|builder| builder);
    assert_eq!(definitions.files().collect::<Vec<_>>(), [("host.lua", &*host_file(&[]))]);
    assert_eq!(definitions.file("data.lua"), None);
}

#[test]
fn a_host_with_functions_in_groups_and_channels() {
    let definitions = offered(|builder| {
        builder
            .function("scale", |x: f64, by: f64| x * by)
            .function("world.spawn", |_: String, _: Option<PluginData>| (1i64, true))
            .function("world.sky.colour", || vec![Some(1u8)])
            .function("clear", || {})
            .channel::<PluginData>("data", 0)
            .channel::<Value>("anything", 1)
    });
    let expected = host_file(&[
        ("fields", "---@field world host.world\n"),
        (
            "channels",
            "---@overload fun(name: \"anything\"): host.channel.anything\n\
             ---@overload fun(name: \"data\"): host.channel.data\n",
        ),
        (
            "functions",
            "\nfunction host.clear() end\n\n\
             ---@param arg1 number\n---@param arg2 number\n---@return number\n\
             function host.scale(arg1, arg2) end\n",
        ),
        ("groups", GROUPS),
        ("channel classes", CHANNELS),
    ]);
    assert_eq!(definitions.file("host.lua").unwrap(), expected);
    assert_eq!(names(&definitions), ["data.lua", "host.lua"]);
}

const GROUPS: &str = "
do
  ---@class host.world
  ---@field sky host.world.sky
  local group = {}

  ---@param arg1 string
  ---@param arg2? PluginData
  ---@return integer
  ---@return boolean
  function group.spawn(arg1, arg2) end
end

do
  ---@class host.world.sky
  local group = {}

  ---@return (integer?)[]
  function group.colour() end
end
";

const CHANNELS: &str = r#"
do
  ---@class host.channel.anything: host.channel
  local channel = {}

  ---Sends a message; waits while there is no room for it.
  ---@async
  ---@param message any
  function channel:send(message) end

  ---Sends a message if there is room for it.
  ---@param message any
  ---@return boolean sent
  ---@return "full"? why
  function channel:try_send(message) end

  ---Sends a message; waits for so many seconds at most.
  ---@async
  ---@param message any
  ---@param seconds number
  ---@return boolean sent
  ---@return "timeout"? why
  function channel:send_timeout(message, seconds) end

  ---Receives a message; waits for one.
  ---@async
  ---@return any
  function channel:recv() end

  ---Receives a message if there is one.
  ---@return any message
  ---@return "empty"? why
  function channel:try_recv() end

  ---Receives a message; waits for so many seconds at most.
  ---@async
  ---@param seconds number
  ---@return any message
  ---@return "timeout"? why
  function channel:recv_timeout(seconds) end

  ---Receives a message, and those that are there behind it, up to so many; waits for the first.
  ---@async
  ---@param most integer
  ---@return any[]
  function channel:recv_many(most) end

  ---The messages, until the channel is closed: `for message in channel:iter() do`.
  ---@async
  ---@return fun(): any
  function channel:iter() end
end

do
  ---@class host.channel.data: host.channel
  local channel = {}

  ---Sends a message; waits while there is no room for it.
  ---@async
  ---@param message PluginData
  function channel:send(message) end

  ---Sends a message if there is room for it.
  ---@param message PluginData
  ---@return boolean sent
  ---@return "full"? why
  function channel:try_send(message) end

  ---Sends a message; waits for so many seconds at most.
  ---@async
  ---@param message PluginData
  ---@param seconds number
  ---@return boolean sent
  ---@return "timeout"? why
  function channel:send_timeout(message, seconds) end

  ---Receives a message; waits for one.
  ---@async
  ---@return PluginData
  function channel:recv() end

  ---Receives a message if there is one.
  ---@return PluginData? message
  ---@return "empty"? why
  function channel:try_recv() end

  ---Receives a message; waits for so many seconds at most.
  ---@async
  ---@param seconds number
  ---@return PluginData? message
  ---@return "timeout"? why
  function channel:recv_timeout(seconds) end

  ---Receives a message, and those that are there behind it, up to so many; waits for the first.
  ---@async
  ---@param most integer
  ---@return PluginData[]
  function channel:recv_many(most) end

  ---The messages, until the channel is closed: `for message in channel:iter() do`.
  ---@async
  ---@return fun(): PluginData?
  function channel:iter() end
end
"#;

on_every_twin! {
    a_plugin_is_a_class_of_what_it_exports
}

/// The twins say the same, but for what a script without annotations does not say.
fn a_plugin_is_a_class_of_what_it_exports(twin: &Twin) {
    let stage = Stage::new();
    let plugin = stage.host.load(&twin.testplugin).unwrap();
    let definitions = stage.host.definitions();
    let (value, pd) = match twin.signatures {
        true => ("integer", "PluginData"),
        false => ("number", "{ age: number, name: string, tel: string }"),
    };
    let function = |name: &str, result: &str| match twin.signatures {
        true => format!("---@async\n{result}function plugin.{name}() end\n"),
        false => {
            format!(
                "---@async\n---@param ... any\n---@return any\nfunction plugin.{name}(...) end\n"
            )
        }
    };
    let expected = format!(
        "---@meta _\n\
         -- Made by twinplug: the plugin `testplugin` 1.0.0, as other scripts see it.\n\
         -- What is changed here is lost.\n\n\
         ---@class host.plugin.testplugin\n---@field Pd {pd}\n---@field Value {value}\n\
         local plugin = {{}}\n\n{}\n{}\n{}",
        function("ComplexType", ""),
        function("Hello", "---@return string\n"),
        function("Plugin_fun", ""),
    );
    assert_eq!(definitions.file("plugin-testplugin.lua").unwrap(), expected);
    let overload = "---@overload fun(name: \"testplugin\"): host.plugin.testplugin\n";
    check_part(&definitions, "---@overload fun(name: \"testplugin\")", "---@param", overload);
    // The channel's messages are of the same struct as the variable.
    assert_eq!(definitions.file("data.lua").unwrap().matches("---@field age").count(), 1);

    stage.host.unload(plugin).unwrap();
    let left = stage.host.definitions();
    assert_eq!(names(&left), ["data.lua", "host.lua"]);
}

#[cfg(feature = "_lua")]
mod scripts {
    use super::{Definitions, Host, check, host_file, names};

    fn loaded(texts: &[(&str, &str)]) -> Definitions {
        let host = Host::builder().build().unwrap();
        for (name, text) in texts {
            host.load_source(name, text).unwrap();
        }
        host.definitions()
    }

    #[test]
    fn the_order_of_loading_is_of_no_matter() {
        let (a, b) = (("a", "x, z, y = 1, 2, 3"), ("b", "function f() end"));
        let definitions = loaded(&[b, a]);
        assert_eq!(definitions, loaded(&[a, b]));
        assert_eq!(names(&definitions), ["host.lua", "plugin-a.lua", "plugin-b.lua"]);
        let expected = "---@class host.plugin.a\n---@field x number\n---@field y number\n\
                        ---@field z number\nlocal plugin = {}\n";
        check(&definitions, "plugin-a.lua", expected);
        let overloads = "---@overload fun(name: \"a\"): host.plugin.a\n\
                         ---@overload fun(name: \"b\"): host.plugin.b\n";
        assert_eq!(definitions.file("host.lua").unwrap(), host_file(&[("plugins", overloads)]));
    }

    #[test]
    fn of_several_versions_the_newest_is_shown() {
        let version =
            |version: &str| format!("return {{ _VERSION = '{version}', v_{} = 1 }}", &version[..1]);
        let (old, new) = (version("1.0.0"), version("2.0.0"));
        let definitions = loaded(&[("a", &new), ("a", &old)]);
        assert_eq!(names(&definitions), ["host.lua", "plugin-a.lua"]);
        let expected = "---@class host.plugin.a\n---@field v_2 number\nlocal plugin = {}\n";
        check(&definitions, "plugin-a.lua", expected);
    }

    /// Of what a script sees nothing is missing, and there is nothing else.
    #[test]
    fn all_that_scripts_see_is_defined() {
        let text = host_file(&[]);
        let named = |before: &str, after: char| {
            let rest = text.split(before).skip(1);
            rest.map(|rest| rest.split(after).next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let (mut defined, levels) = (named("function host.", '('), named("function log.", '('));
        defined.extend(["config", "log", "null"].map(str::to_owned));
        defined.extend(levels.iter().map(|level| format!("log.{level}")));
        let script = "function Has(name) return host.has(name) end\n\
                      function Names() local names = {}\n\
                      for name in pairs(host) do names[#names + 1] = name end\n\
                      for name in pairs(host.log) do names[#names + 1] = 'log.' .. name end\n\
                      return names end";
        let host = Host::builder().build().unwrap();
        let plugin = host.load_source("names", script).unwrap();
        let has = plugin.func::<(String,), bool>("Has").unwrap();
        let missing: Vec<_> =
            defined.iter().filter(|name| !has.call(((*name).clone(),)).unwrap()).collect();
        assert_eq!(missing, Vec::<&String>::new());
        // The other flavours have no loop over a userdata.
        if cfg!(any(feature = "lua54", feature = "lua55")) {
            let mut seen = plugin.func::<(), Vec<String>>("Names").unwrap().call(()).unwrap();
            seen.sort();
            defined.sort();
            assert_eq!(seen, defined);
        }
    }
}
