//! Calls with text and scalars alone, which are written and read without any code of their types:
//! they give and refuse what calls with values do.

use twinplug::{Args, Bytes, Data, Func, Host, PluginRef, Value};

const SCRIPT: &str = r##"
local M = {}
function M.same(...) return ... end
function M.kinds(...)
  local kinds = {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    kinds[i] = (math.type or type)(value) or type(value)
  end
  return table.concat(kinds, " ")
end
function M.bytes() return "a\xff" end
function M.nothing() end
function M.two() return "a", "b" end
function M.fails(text) error(text .. "!", 0) end
---@return string
function M.annotated(value) return value end
M.Text = "text"
return M
"##;

fn plugin() -> (Host, PluginRef) {
    let host = Host::builder().build().unwrap();
    let plugin = host.load_source("texts", SCRIPT).unwrap();
    (host, plugin)
}

/// What comes of it, or the error.
fn called<A: Args, R: Data>(plugin: &PluginRef, name: &str, args: A) -> Result<R, String> {
    let function: Func<A, R> = plugin.func(name).unwrap();
    let called = function.call(args);
    called.map_err(|error| error.to_string())
}

#[test]
fn texts_come_back_as_they_went() {
    let (_host, plugin) = plugin();
    let long = "ä and more ".repeat(10_000);
    for text in ["", "a", "sixteen letters!", "seventeen letters", "a\0b", "ä€𝄞", &long] {
        assert_eq!(called::<_, String>(&plugin, "same", (text,)).unwrap(), text);
        let owned = (text.to_owned(),);
        assert_eq!(called::<_, Value>(&plugin, "same", owned).unwrap(), Value::from(text));
        assert_eq!(called::<_, Option<String>>(&plugin, "same", (text,)).unwrap().unwrap(), text);
        plugin.var::<String>("Text").unwrap().set(text.to_owned()).unwrap();
        assert_eq!(plugin.var::<String>("Text").unwrap().get().unwrap(), text);
    }
}

#[test]
fn scalars_of_any_width_stand_among_them() {
    let (_host, plugin) = plugin();
    let kinds = called::<_, String>(
        &plugin,
        "kinds",
        ("a", 1_u8, -1_i32, 1.5_f32, true, None::<i64>, Some("b".to_owned()), u64::from(u32::MAX)),
    );
    let (int, float) = match cfg!(any(feature = "luajit", feature = "luau")) {
        true => ("number", "number"),
        false => ("integer", "float"),
    };
    let expected = format!("string {int} {int} {float} boolean nil string {int}");
    assert_eq!(kinds.unwrap(), expected);
    let sum = called::<_, (String, u32, f32)>(&plugin, "same", ("a", u32::MAX, 0.1_f32)).unwrap();
    assert_eq!(sum, ("a".to_owned(), u32::MAX, 0.1));
}

#[test]
fn what_is_refused_is_so_as_with_values() {
    let (_host, plugin) = plugin();
    let error = called::<_, Value>(&plugin, "same", ("a", u64::MAX)).unwrap_err();
    assert!(error.contains("argument 2: ") && error.contains("18446744073709551615"), "{error}");
    for (name, expected) in [
        ("bytes", "result: expected string, got bytes"),
        ("nothing", "result: expected string, got null"),
        ("two", "expected 1 result, got 2"),
    ] {
        let error = called::<_, String>(&plugin, name, ()).unwrap_err();
        assert_eq!(error, format!("plugin `texts`: `{name}`: {expected}"));
    }
    assert_eq!(called::<_, Bytes>(&plugin, "bytes", ()).unwrap(), Bytes(b"a\xff".to_vec()));
    let error = called::<_, String>(&plugin, "same", (7,)).unwrap_err();
    assert_eq!(error, "plugin `texts`: `same`: result: expected string, got int");
    let error = called::<_, String>(&plugin, "fails", ("it blew",)).unwrap_err();
    assert_eq!(error.lines().next().unwrap(), "plugin `texts`: `fails`: it blew!");
    let error = called::<_, String>(&plugin, "annotated", (true,)).unwrap_err();
    assert!(error.contains("expected string, got bool"), "{error}");
    assert_eq!(called::<_, String>(&plugin, "annotated", ("fine",)).unwrap(), "fine");
}
