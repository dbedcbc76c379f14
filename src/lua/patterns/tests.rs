//! Our matcher beside the one of the Lua that is built in, on patterns made at random.

use mlua::{Function, LuaString};

use super::bound;
use crate::lua::library::strings::tests::PATTERNS_ARE_OURS;
use crate::lua::library::tests::{guarded, original};

/// Numbers that look random, and are the same in each run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    fn pick<'a>(&mut self, from: &[&'a [u8]]) -> &'a [u8] {
        from[self.below(from.len())]
    }

    fn text(&mut self, pieces: &[&[u8]], most: usize) -> Vec<u8> {
        (0..self.below(most + 1)).flat_map(|_| self.pick(pieces).to_vec()).collect()
    }
}

const SUBJECT: [&[u8]; 13] =
    [b"a", b"a", b"b", b"b", b"A", b"1", b" ", b"(", b")", b"\0", b"\xe9", b"]", b"-"];

const PATTERN: [&[u8]; 58] = [
    b"a", b"a", b"b", b"A", b"1", b" ", b".", b".", b"%a", b"%d", b"%s", b"%w", b"%A", b"%S",
    b"%p", b"%c", b"%u", b"%l", b"%x", b"%g", b"%z", b"%Z", b"%(", b"%%", b"*", b"*", b"*", b"+",
    b"+", b"-", b"-", b"?", b"?", b"(", b"(", b")", b")", b"()", b"$", b"^", b"[ab]", b"[^a]",
    b"[%a1]", b"[a-b]", b"[]]", b"[^]b]", b"[a-]", b"[", b"]", b"%b()", b"%bab", b"%f[%a]",
    b"%f[^a]", b"%1", b"%2", b"%", b"\0", b"\xe9",
];

const REPLACEMENT: [&[u8]; 8] = [b"x", b"%0", b"%1", b"%2", b"%%", b"<", b"%", b"%x"];

/// Shows all that can be done with the two texts.
const SHOW: &str = include_str!("tests.lua");

/// So many cases are compared; a pattern fails in them for each of the reasons that it can.
const CASES: usize = 30_000;

#[test]
fn the_matchers_agree() {
    let (ours, original) = (guarded(), self::original());
    let show = |lua: &mlua::Lua| lua.load(SHOW).set_name("=show").call::<Function>(()).unwrap();
    let (ours, original) = (show(&ours), show(&original));
    PATTERNS_ARE_OURS.set(true);
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut matched = 0;
    for _ in 0..CASES {
        let subject = random.text(&SUBJECT, 12);
        let pattern = random.text(&PATTERN, 7);
        let replacement = random.text(&REPLACEMENT, 3);
        let start = random.below(18) as i64 - 5;
        let run = |show: &Function| {
            let [subject, pattern, replacement] =
                [&subject, &pattern, &replacement].map(|text| Bytes(text.clone()));
            let shown: LuaString = show.call((subject, pattern, replacement, start)).unwrap();
            shown.as_bytes().to_vec()
        };
        let (ours, original) = (run(&ours), run(&original));
        let text = String::from_utf8_lossy;
        assert_eq!(
            text(&ours),
            text(&original),
            "subject {:?}, pattern {:?}, replacement {:?}, start {start}",
            text(&subject),
            text(&pattern),
            text(&replacement)
        );
        matched += usize::from(ours.starts_with(b"boolean true, number"));
    }
    PATTERNS_ARE_OURS.set(false);
    assert!(matched > CASES / 10, "only {matched} of the patterns matched");
}

struct Bytes(Vec<u8>);

impl mlua::IntoLua for Bytes {
    fn into_lua(self, lua: &mlua::Lua) -> mlua::Result<mlua::Value> {
        lua.create_string(self.0).map(mlua::Value::String)
    }
}

#[test]
fn patterns_that_nest_are_too_complex_in_both() {
    let script = "return function(n)
        return select(2, pcall(string.find, ('a'):rep(n), ('a?'):rep(n)))
    end";
    let depth = |lua: &mlua::Lua| {
        let find: Function = lua.load(script).call(()).unwrap();
        (150..300).find(|n| find.call::<mlua::Value>(*n).unwrap().is_string()).unwrap()
    };
    let original = depth(&self::original());
    PATTERNS_ARE_OURS.set(true);
    let ours = depth(&guarded());
    PATTERNS_ARE_OURS.set(false);
    assert_eq!(ours, original);
}

#[test]
fn ordinary_patterns_are_bounded_by_little_work() {
    let check = |pattern: &str, length, most| {
        let bound = bound(pattern.as_bytes(), false, length);
        assert!(bound <= most, "{pattern}: {bound}");
    };
    check("%s+", 1_000_000, 8_000_000);
    check("[^,]*", 1_000_000, 16_000_000);
    check("%$(%w+)", 1_000_000, 16_000_000);
    check("(%w+)=(%w+)", 1_000, 7_100_000);
}

#[test]
fn hostile_patterns_are_bounded_by_much_work() {
    let check = |pattern: &str, length, least| {
        let bound = bound(pattern.as_bytes(), false, length);
        assert!(bound >= least, "{pattern}: {bound}");
    };
    check("a*b", 100_000, 10_000_000_000);
    check("a?a?a?a?a?b", 1_000_000, 32_000_000);
    check("%b()", 100_000, 10_000_000_000);
    check("(a*)%1", 10_000, 1_000_000_000_000);
    check("[aaaaaaaaaaaaaaaa]b", 1_000_000, 16_000_000);
    check(".-.-.-.-.-.-.-.-.-.-.-.-.-b", 1_000_000, u64::MAX);
}
