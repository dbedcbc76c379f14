//! Calls with text and scalars alone, which are written and read without any code of their types:
//! they give and refuse what calls with values do.

use twinplug::{Args, Bytes, Data, Func, Host, Limit, PluginRef, Value};

const SCRIPT: &str = r##"
local M = {}
local kept = {}
function M.keep(count) for i = 1, count do kept[i] = ("k"):rep(1000) .. i end end
function M.forget() kept = {} end
function M.length(text) return #text end
function M.first(texts) return #texts[1] end
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

/// One of which calls go the general way, and one of which they go the quick one, as this thread has
/// called it over and over.
fn plugins() -> [(Host, PluginRef); 2] {
    [0, 20].map(|calls| {
        let host = Host::builder().memory_limit(MEMORY).build().unwrap();
        let plugin = host.load_source("texts", SCRIPT).unwrap();
        for _ in 0..calls {
            called::<_, String>(&plugin, "same", ("warm",)).unwrap();
        }
        (host, plugin)
    })
}

const MEMORY: usize = 8 << 20;

/// What comes of it, or the error.
fn called<A: Args, R: Data>(plugin: &PluginRef, name: &str, args: A) -> Result<R, String> {
    let function: Func<A, R> = plugin.func(name).unwrap();
    let called = function.call(args);
    called.map_err(|error| error.to_string())
}

#[test]
fn texts_come_back_as_they_went() {
    for (_host, plugin) in plugins() {
        let long = "ä and more ".repeat(10_000);
        for text in ["", "a", "sixteen letters!", "seventeen letters", "a\0b", "ä€𝄞", &long] {
            assert_eq!(called::<_, String>(&plugin, "same", (text,)).unwrap(), text);
            let owned = (text.to_owned(),);
            assert_eq!(called::<_, Value>(&plugin, "same", owned).unwrap(), Value::from(text));
            assert_eq!(
                called::<_, Option<String>>(&plugin, "same", (text,)).unwrap().unwrap(),
                text
            );
            plugin.var::<String>("Text").unwrap().set(text.to_owned()).unwrap();
            assert_eq!(plugin.var::<String>("Text").unwrap().get().unwrap(), text);
        }
    }
}

#[test]
fn scalars_of_any_width_stand_among_them() {
    for (_host, plugin) in plugins() {
        let kinds = called::<_, String>(
            &plugin,
            "kinds",
            (
                "a",
                1_u8,
                -1_i32,
                1.5_f32,
                true,
                None::<i64>,
                Some("b".to_owned()),
                u64::from(u32::MAX),
            ),
        );
        let (int, float) = match cfg!(any(feature = "luajit", feature = "luau")) {
            true => ("number", "number"),
            false => ("integer", "float"),
        };
        let expected = format!("string {int} {int} {float} boolean nil string {int}");
        assert_eq!(kinds.unwrap(), expected);
        let sum =
            called::<_, (String, u32, f64)>(&plugin, "same", ("a", u32::MAX, 0.1_f32)).unwrap();
        assert_eq!(sum, ("a".to_owned(), u32::MAX, f64::from(0.1_f32)));
    }
}

#[test]
fn what_is_refused_is_so_as_with_values() {
    for (_host, plugin) in plugins() {
        let error = called::<_, Value>(&plugin, "same", ("a", u64::MAX)).unwrap_err();
        assert!(
            error.contains("argument 2: ") && error.contains("18446744073709551615"),
            "{error}"
        );
        let large = called::<_, (i64, String)>(&plugin, "same", ((1_i64 << 53) + 1, ""));
        let large = large.map(|(large, _)| large);
        match cfg!(any(feature = "luajit", feature = "luau")) {
            true => assert!(large.unwrap_err().contains("argument 1: ")),
            false => assert_eq!(large.unwrap(), (1 << 53) + 1),
        }
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
}

/// Not every Lua collects its garbage when it finds no memory: what there is of it does not stand in
/// the way of more than one call.
#[test]
fn memory_that_ran_out_is_there_for_the_next_call() {
    for (_host, plugin) in plugins() {
        let text = "x".repeat(MEMORY / 2);
        let length: Func<(&str,), usize> = plugin.func("length").unwrap();
        let first: Func<(Vec<String>,), usize> = plugin.func("first").unwrap();
        for _ in 0..20 {
            called::<_, ()>(&plugin, "keep", (5000,)).unwrap();
            called::<_, ()>(&plugin, "forget", ()).unwrap();
            match length.call((&text,)) {
                Ok(length) => assert_eq!(length, text.len()),
                Err(error) => assert_eq!(error.limit(), Some(Limit::Memory(MEMORY))),
            }
            assert_eq!(length.call((&text,)).unwrap(), text.len());
            called::<_, ()>(&plugin, "keep", (5000,)).unwrap();
            called::<_, ()>(&plugin, "forget", ()).unwrap();
            if let Err(error) = first.call((vec![text.clone()],)) {
                assert_eq!(error.limit(), Some(Limit::Memory(MEMORY)));
            }
            assert_eq!(first.call((vec![text.clone()],)).unwrap(), text.len());
        }
    }
}
