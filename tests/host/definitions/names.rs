//! Names that annotations cannot have as they are.

use twinplug::{Definitions, Host, Value};

use super::{check, check_part, names, offered};

/// The names that the classes of `host.lua` have.
fn classes(definitions: &Definitions) -> Vec<&str> {
    let text = definitions.file("host.lua").unwrap();
    let classes = text.lines().filter_map(|line| line.trim_start().strip_prefix("---@class "));
    classes.filter(|class| !class.starts_with("host.log")).collect()
}

#[test]
fn functions_and_groups_may_be_words_of_lua() {
    let definitions = offered(|builder| {
        builder
            .function("end", |_: i64, _: Option<String>| {})
            .function("goto.private", || 1.5)
            .function("goto.end.while", || (1i64, ()))
            .function("private", |_: Value| {})
    });
    let fields = "---@field [\"end\"] fun(arg1: integer, arg2?: string)\n\
                  ---@field [\"goto\"] host.goto\n";
    check_part(&definitions, "---@field [\"end\"]", "host = {}", fields);
    let function = "---@param arg1? any\nfunction host.private(arg1) end\n";
    check_part(&definitions, "---@param arg1?", "\ndo", function);
    let groups = "
do
  ---@class host.goto
  ---@field [\"end\"] host.goto.end
  local group = {}

  ---@return number
  function group.private() end
end

do
  ---@class host.goto.end
  ---@field [\"while\"] fun(): integer, nil
  local group = {}
end
";
    check_part(
        &definitions,
        "do\n  ---@class host.goto\n",
        "\ndo\n  ---@class host.channel\n",
        groups,
    );
}

#[test]
fn channels_may_have_any_name() {
    let definitions = offered(|builder| {
        let names = ["a b", "a-b", "a_b", "\"\\\n", "1", "é"];
        names.into_iter().fold(builder, |builder, name| builder.channel::<i64>(name, 0))
    });
    let overloads = "---@overload fun(name: \"\\034\\092\\010\"): host.channel.___\n\
                     ---@overload fun(name: \"1\"): host.channel._1\n\
                     ---@overload fun(name: \"a b\"): host.channel.a_b\n\
                     ---@overload fun(name: \"a-b\"): host.channel.a-b\n\
                     ---@overload fun(name: \"a_b\"): host.channel.a_b_2\n\
                     ---@overload fun(name: \"é\"): host.channel.é\n";
    check_part(&definitions, "---@overload fun(name: \"\\", "---@param", overloads);
    let expected = ["host", "host.channel"].map(str::to_owned).into_iter();
    let channels = ["___", "_1", "a_b", "a-b", "a_b_2", "é"];
    let channels = channels.map(|name| format!("host.channel.{name}: host.channel"));
    let expected: Vec<_> = expected
        .chain(channels)
        .chain(["object", "buffer", "plugin"].map(|name| format!("host.{name}")))
        .collect();
    assert_eq!(classes(&definitions), expected);
}

#[cfg(feature = "_lua")]
#[test]
fn plugins_and_their_exports_may_have_any_name() {
    let host = Host::builder().build().unwrap();
    let text = "return { ['my-fn'] = function() end, ['end'] = 1, private = true, ['a\"\\\\'] = 'a', \
                ['größe'] = function() end, plain = function() end }";
    for name in ["../a", "...a", "A", "a", "say \"hi\"", "9"] {
        host.load_source(name, text).unwrap();
    }
    let definitions = host.definitions();
    let files = [
        "host.lua",
        "plugin-_9.lua",
        "plugin-___a.lua",
        "plugin-___a_2.lua",
        "plugin-a.lua",
        "plugin-a_2.lua",
        "plugin-say__hi_.lua",
    ];
    assert_eq!(names(&definitions), files);
    let expected = r#"
---@class host.plugin.say__hi_
---@field ["a\034\092"] string
---@field ["end"] number
---@field ["größe"] async fun(...: any): any
---@field ["my-fn"] async fun(...: any): any
---@field ["private"] boolean
local plugin = {}

---@async
---@param ... any
---@return any
function plugin.plain(...) end
"#;
    check(&definitions, "plugin-say__hi_.lua", expected);
    let overloads = r#"
---@overload fun(name: "...a"): host.plugin.___a
---@overload fun(name: "../a"): host.plugin.___a_2
---@overload fun(name: "9"): host.plugin._9
---@overload fun(name: "A"): host.plugin.A
---@overload fun(name: "a"): host.plugin.a
---@overload fun(name: "say \034hi\034"): host.plugin.say__hi_
"#;
    check_part(&definitions, "---@overload fun(name: \"..", "---@param", overloads);
}

/// What only a library's own table of exports can say.
#[cfg(feature = "native")]
#[test]
fn parameters_and_structs_may_have_any_name() {
    let shop = crate::shop::Shop::new();
    let text = r#"
        #include "twinplug.h"
        static tp_status f(tp_call *call) { (void)call; return TP_OK; }
        static const tp_export exports[] = {
          TP_EXPORT_FUNC("f", "(arg2: int, int, end: string?, a-b: any, ...)", f),
          TP_EXPORT_FUNC("g", "(int?, 3D-point { x: float?, function: { private: int, a-b?: int } }) -> ((int, (int, bool)), ())", f),
          TP_EXPORT_FUNC("of-all", "(list<((int, bool), null)>?) -> map<list<host { host: host? }>>", f)};
        TP_PLUGIN("names", "1.0.0", exports, NULL);"#;
    let library = shop.compile("libnames.so", text, &["-shared"]);
    shop.stage.host.load(library).unwrap();
    let definitions = shop.stage.host.definitions();
    let expected = r#"
---@class host.plugin.names
---@field ["of-all"] async fun(arg1?: [ [integer, boolean], nil][]): table<string|integer, host_2[]>
local plugin = {}

---@async
---@param arg2 integer
---@param arg2_ integer
---@param arg3? string
---@param arg4? any
---@param ... any
function plugin.f(arg2, arg2_, arg3, arg4, ...) end

---@async
---@param arg1 integer?
---@param arg2 _3D-point
---@return [integer, [integer, boolean]]
---@return {}
function plugin.g(arg1, arg2) end
"#;
    check(&definitions, "plugin-names.lua", expected);
    let data = definitions.file("data.lua").unwrap();
    let class = "---@class data._3D-point\n---@field x? number\n\
                 ---@field [\"function\"] { [\"private\"]: integer, [\"a-b\"]?: integer }\n\n\
                 ---@class _3D-point: data._3D-point\n";
    assert!(data.contains(class), "{data}");
    let class = "---@class data.host_2\n---@field host? host_2\n\n---@class host_2: data.host_2\n";
    assert!(data.contains(class), "{data}");
}
