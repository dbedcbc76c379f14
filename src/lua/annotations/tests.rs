//! Scripts, and what is read from them.

use super::Annotations;

/// Everything that is declared, as text: `line name(..) -> ..` and `name: type`.
fn shown(text: &[u8]) -> Vec<String> {
    let found = Annotations::read(text);
    let mut lines: Vec<_> = found.functions.keys().copied().collect();
    lines.sort_unstable();
    let mut shown = Vec::new();
    for line in lines {
        for function in &found.functions[&line] {
            if let Some(signature) = found.signature(line, &function.name) {
                shown.push(format!("{line} {}{signature}", function.name));
            }
        }
    }
    let mut names: Vec<_> = found.variables.keys().collect();
    names.sort_unstable();
    for name in names {
        shown.extend(found.variable(name).map(|ty| format!("{name}: {ty}")));
    }
    shown
}

fn check(text: &str, expected: &[&str]) {
    assert_eq!(shown(text.as_bytes()), expected, "{text}");
}

/// A script with all that is read, and much that could be taken for it.
const SAMPLE: &str = r#"#!/usr/bin/lua
---@plugin clock 1.2.0
---@class Time: Base
---@field hour integer the hour
---@field private zone? string
---@class (exact) Base
---@field name string
---@alias Mode "slow"|"fast"
---@alias Size
---| 'small' # not large
---| 'large'

local M <const> = {
  ---@type integer
  Inside = 1,
  Nested = {
    ---@type string
    Deep = "a",
  },
}
local text = [[
---@type boolean
M.Value = 1
]]
---@type integer
M.Value = 0
---@type Time[]
M.Times = {}
--[[
---@type boolean
M.Value = 1 ]]

---@param mode Mode
---@param time? Time
---@return integer count, string? name
---@async
local function tick(mode, time) -- one
  ---@type string
  local inner = "---@type x"
  return 1
end
M.Tick = tick

---Adds.
---@param a integer the first
---@param ... any
---@return integer # the sum
M.Add = function(a, b, ...) return a + b end

---@return nil
function M.sub.Stop() end
---@param x number
function M:Method(x) end

host.register {
  ---@return string
  Hello = function() return "a" end,
  ---@type Size
  Size = "small",
}
return M
"#;

#[test]
fn notes_are_bound_to_what_stands_below() {
    check(
        SAMPLE,
        &[
            "37 tick(mode: string, time: Time { hour: int, zone: string?, name: string }?) -> (int, string?)",
            "48 Add(a: int, b: any, ...) -> int",
            "51 Stop()",
            "53 Method(self: any, x: number) -> any",
            "57 Hello() -> string",
            "Inside: int",
            "Size: string",
            "Times: list<Time { hour: int, zone: string?, name: string }>",
            "Value: int",
        ],
    );
}

#[test]
fn variables_are_those_of_what_is_returned() {
    check("---@type integer\nSpeed = 1\n---@type string\nlocal own = ''", &["Speed: int"]);
    check("---@type integer\nSpeed = 1\nreturn;", &["Speed: int"]);
    check("---@type integer\nSpeed = 1\nreturn {}", &[]);
    check("if true then\n---@type integer\nSpeed = 1\nend", &[]);
    check("return {\n---@type integer\nSpeed = 1, }", &["Speed: int"]);
    check("return { a = {\n---@type integer\nSpeed = 1, } }", &[]);
    check("local N = {\n---@type integer\nSpeed = 1, }\nlocal M = {}\nreturn M", &[]);
    check("M = {\n---@type integer\nSpeed = 1, }\nreturn M", &["Speed: int"]);
    check("M.a = {\n---@type integer\nSpeed = 1, }\nreturn a", &[]);
    check("---@type integer\nN.Speed = 1\nreturn M", &[]);
    check("---@type integer\nM.a.Speed = 1\nreturn M", &[]);
    check("---@type integer\nM.Speed, M.b = 1, 2\nreturn M", &[]);
    check("---@type integer\nM.Speed = 1\nreturn setmetatable(M, {})", &[]);
    check("---@type integer\nM.Speed = 1\n---@type string\nM.Speed = 1\nreturn M", &["Speed: any"]);
    check("do return 1 end\n---@type integer\nM.Speed = 1\nreturn M", &["Speed: int"]);
    check("host.register({\n---@type integer\nSpeed = 1 })\nreturn {}", &["Speed: int"]);
}

#[test]
fn notes_elsewhere_say_nothing() {
    check("---@type integer\n\nSpeed = 1", &[]);
    check("--@type integer\nSpeed = 1", &[]);
    check("---type integer\nSpeed = 1", &[]);
    check("local a = 1 ---@type integer\nSpeed = 1", &[]);
    check("---@type integer\n-- a remark\nSpeed = 1", &["Speed: int"]);
    check("a = '---@type integer\\\n---@type integer'\nSpeed = 1", &[]);
    check("--[==[\n---@type integer\n]==]\nSpeed = 1", &[]);
    check("---@return integer\nlocal a = 1\nfunction f() end", &[]);
    check("---@param a integer\n---@overload fun()\nfunction f(a) end", &[]);
    check("---@deprecated\nfunction f(a) end", &[]);
    check("---@return integer", &[]);
}

#[test]
fn functions_that_share_a_line_go_by_their_names() {
    let text = "---@return integer\nfunction A() end function B() end";
    check(text, &["2 A() -> int"]);
    let found = Annotations::read(text.as_bytes());
    assert_eq!(found.signature(2, "B"), None);
    let found = Annotations::read(b"---@return integer\nlocal function a() end\nB = a");
    assert_eq!(found.signature(2, "B").map(|it| it.to_string()).as_deref(), Some("() -> int"));
}

#[test]
fn signatures_say_what_the_notes_say() {
    let signature = |notes: &str, definition: &str, expected: &str| {
        let line = notes.lines().count() + 1;
        check(&format!("{notes}\n{definition}"), &[&format!("{line} {expected}")]);
    };
    signature("---@param b? integer", "function f(a, b) end", "f(a: any, b: int?) -> any");
    signature("---@param c integer", "function f(a) end", "f(a: any) -> any");
    signature("---@param a", "function f(a) end", "f(a: any) -> any");
    signature("---@param _ integer", "function f(_, _) end", "f(int, int) -> any");
    signature("---@return integer ...", "function f() end", "f() -> any");
    signature("---@return integer\n---@return string", "function f() end", "f() -> (int, string)");
    signature("---@return boolean ok, string? why", "function f() end", "f() -> (bool, string?)");
    signature("---@return fun(): integer, string", "function f() end", "f() -> any");
    signature("---@return [integer, string]", "function f() end", "f() -> any");
    signature("---@return |", "function f() end", "f() -> any");
    signature("---@return", "return function() end", " () -> any".trim_start());
    signature("---@return integer", "f = function() end", "f() -> int");
    signature("---@return integer", "local f = function() end", "f() -> int");
}

/// A generator of numbers that are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

#[test]
fn whatever_the_text_is_it_is_read() {
    let sample = SAMPLE.as_bytes();
    let pieces: [&[u8]; 14] = [
        b"---@type ",
        b"[[",
        b"]]",
        b"{",
        b"}",
        b"\n",
        b"--",
        b"'",
        b"|",
        b"<",
        b"(",
        b"function ",
        b"\xff",
        "é".as_bytes(),
    ];
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for _ in 0..20_000 {
        let start = dice.below(sample.len());
        let mut text = sample[start..start + dice.below(sample.len() - start)].to_vec();
        for _ in 0..dice.below(6) {
            let at = dice.below(text.len() + 1);
            let end = at + dice.below(text.len() + 1 - at).min(40);
            let piece = match dice.below(2) {
                0 => pieces[dice.below(pieces.len())].to_vec(),
                _ => text[at..end].to_vec(),
            };
            text.splice(at..at + dice.below(end + 1 - at), piece);
        }
        shown(&text);
    }
    for length in 0..sample.len() {
        shown(&sample[..length]);
        shown(&sample[length..]);
    }
}

#[test]
fn large_scripts_are_read() {
    let many = |piece: &str| piece.repeat(200_000 / piece.len().max(1));
    for text in [
        many("---@field a integer\n"),
        format!("---@class A\n{}---@type A\nx = 1", many("---@field a{b: A}\n")),
        many("---@class A: A\n"),
        many("---@alias A A[]\n---@type A\nx = 1\n"),
        many("---@type a|\nx = {\n"),
        many("x = [==[ ---@"),
        many("---@return a,"),
        many("---@return integer\nfunction f() end\n"),
        many("---| 'a'\n"),
        format!("---@alias A\n{}---@type A\nx = 1", many("---| 'a'\n")),
    ] {
        shown(text.as_bytes());
    }
}

#[test]
fn larger_scripts_say_nothing() {
    let script = |spaces| format!("---@type integer\nSpeed = 1\n{}", " ".repeat(spaces));
    check(&script(0), &["Speed: int"]);
    assert!(shown(script(super::MAX_TEXT).as_bytes()).is_empty());
}
