//! Lists of numbers, which cross to scripts in one go: what comes of them, and what is said, is the
//! same as where each number crosses by itself.

use std::collections::VecDeque;
use std::fmt::Debug;

use twinplug::{Data, Host, Limit, PluginRef, data};

const SCRIPT: &str = r#"
local makers = {
  "return {}", "return { 1, 2, 3 }", "return { 1.5, 2, -0.0 }", "return { 1, 2.0, 3 }",
  "return { 1e300, 0/0, 1/0 }", "return { 2^53, -2^53 }", "return { 9007199254740993 }",
  "return { 1, 'two', 3 }", "return { 1, '2' }", "return { '1' }", "return { true }", "return { {} }",
  "return { 1, host.null }", "return { 1, nil, 3 }", "return { 1, 2, x = 3 }", "return { x = 1 }",
  "return { 1, ['2'] = 2, [3] = 3 }", "return { [0] = 1, 2 }", "return { 1, [2.5] = 2 }",
  "return { [1] = 1, [2] = 2, [3] = 3 }", "return { [3] = 3, [2] = 2, [1] = 1 }",
  "return { 1, [-1] = 2 }", "return { [2^40] = 1, 1 }",
  "local t = {} for i = 5000, 1, -1 do t[i] = i end return t",
  "local t = {} for i = 1, 5000 do t[i] = i end return t",
  "local t = { x = 1, y = 2, z = 3 } for i = 1, 5 do t[i] = i end t.x, t.y, t.z = nil, nil, nil return t",
  "local t = {} for i = 1, 100 do t[i] = i end for i = 100, 51, -1 do t[i] = nil end return t",
  "return setmetatable({ 1, 2 }, { __index = function() return 3 end, __len = function() return 9 end })",
  "return host.list {}", "return 5", "return nil", "return 'text'", "return print",
}
local made = {}
for i, text in ipairs(makers) do made[i] = assert(load(text))() or host.null end

local M = {}
function M.Count() return #makers end
function M.Text(i) return makers[i] end
function M.Get(i) return made[i] end
function M.Both(i) return { items = made[i], name = "both" } end
function M.Same(list) return list end
function M.Sum(list) local sum = 0 for i = 1, #list do sum = sum + list[i] end return sum, #list end
function M.Give(i) return host.take_vec(made[i]) end function M.GiveEach(i) return host.take_each(made[i]) end
return M
"#;

/// It crosses without serde, as far as it can.
#[data]
#[derive(Debug)]
struct Listed {
    name: String,
    items: Vec<f64>,
}

mod by_one {
    use super::{VecDeque, data};

    /// It does not.
    #[data]
    #[derive(Debug)]
    pub(super) struct Listed {
        name: String,
        items: VecDeque<f64>,
    }
}

fn load() -> (Host, PluginRef) {
    let host = Host::builder()
        .function("take_vec", |list: Vec<f64>| format!("{list:?}"))
        .function("take_each", |list: VecDeque<f64>| format!("{list:?}"))
        .build()
        .unwrap();
    // Luau has no `load`: what the texts make is written out.
    let text = if cfg!(feature = "luau") { written_out() } else { SCRIPT.to_owned() };
    let plugin = host.load_source("lists", text.as_str()).unwrap();
    (host, plugin)
}

/// The script with a function in place of each text.
fn written_out() -> String {
    let (before, texts) = SCRIPT.split_once("local makers = {").unwrap();
    let (texts, after) = texts.split_once("\n}\n").unwrap();
    let (_, after) = after.split_once("\nlocal M").unwrap();
    let bodies = texts.split('"').skip(1).step_by(2).collect::<Vec<_>>();
    let made = bodies.iter().map(|body| format!("(function() {body} end)() or host.null,"));
    let made = made.collect::<String>();
    let names = bodies.iter().map(|body| format!("{body:?},")).collect::<String>();
    format!("{before}local makers, made = {{{names}}}, {{{made}}}\nlocal M{after}")
}

fn got<R: Data + Debug>(plugin: &PluginRef, name: &str, number: i64) -> String {
    match plugin.func::<(i64,), R>(name).unwrap().call((number,)) {
        Ok(result) => format!("{result:?}"),
        Err(error) => error.to_string().replace(&format!("`{name}`"), "it"),
    }
}

#[test]
fn what_a_script_gives_is_read_as_one_by_one() {
    let (_host, plugin) = load();
    let count = plugin.func::<(), i64>("Count").unwrap().call(()).unwrap();
    let text = plugin.func::<(i64,), String>("Text").unwrap();
    let mut read = 0;
    for number in 1..=count {
        let made = text.call((number,)).unwrap();
        let floats =
            [got::<Vec<f64>>(&plugin, "Get", number), got::<VecDeque<f64>>(&plugin, "Get", number)];
        let ints =
            [got::<Vec<i64>>(&plugin, "Get", number), got::<VecDeque<i64>>(&plugin, "Get", number)];
        assert_eq!(floats[0], floats[1], "{made}");
        assert_eq!(ints[0], ints[1], "{made}");
        read += usize::from(floats[0].starts_with('['));
        assert_eq!(
            got::<Listed>(&plugin, "Both", number),
            got::<by_one::Listed>(&plugin, "Both", number),
            "{made}"
        );
        assert_eq!(
            got::<String>(&plugin, "Give", number).replace("take_vec", "take"),
            got::<String>(&plugin, "GiveEach", number).replace("take_each", "take"),
            "{made}"
        );
    }
    assert!(read > 8, "{read}");
}

#[test]
fn what_a_script_gets_is_all_of_it() {
    let (_host, plugin) = load();
    let sum = plugin.func::<(Vec<i64>,), (i64, i64)>("Sum").unwrap();
    let floats = plugin.func::<(Vec<f64>,), Vec<f64>>("Same").unwrap();
    for length in [0, 1, 2, 7, 100, 4095, 4096, 4097, 10_000] {
        let all: Vec<i64> = (1..=length).collect();
        assert_eq!(sum.call((all,)).unwrap(), (length * (length + 1) / 2, length));
        let all: Vec<f64> = (1..=length).map(|it| it as f64 / 2.0).collect();
        assert_eq!(floats.call((all.clone(),)).unwrap(), all);
    }
    // What is passed need not be given away.
    let lent = plugin.func::<(&[f64],), Vec<f64>>("Same").unwrap();
    let names = plugin.func::<(&[String],), Vec<String>>("Same").unwrap();
    let (all, some) = ([1.0, 2.5, 3.0], ["anna".to_owned(), "ben".to_owned()]);
    assert_eq!(lent.call((&all[1..],)).unwrap(), all[1..]);
    assert_eq!(names.call((&some,)).unwrap(), some);
    let odd = [f64::INFINITY, -0.0, f64::MIN_POSITIVE, 1e300];
    let same = floats.call((odd.to_vec(),)).unwrap();
    assert_eq!(same.map_bits(), odd.to_vec().map_bits());
    let nested = plugin.func::<(Vec<Vec<f64>>,), Vec<Vec<f64>>>("Same").unwrap();
    let lists = vec![vec![1.0, 2.5], vec![], vec![3.0]];
    assert_eq!(nested.call((lists.clone(),)).unwrap(), lists);
}

/// Floats by their bits: zero has two.
trait Bits {
    fn map_bits(&self) -> Vec<u64>;
}

impl Bits for Vec<f64> {
    fn map_bits(&self) -> Vec<u64> {
        self.iter().map(|float| float.to_bits()).collect()
    }
}

/// A whole number that this Lua does not have is named by its place.
#[test]
fn a_number_that_does_not_cross_is_told_with_its_place() {
    let (_host, plugin) = load();
    let list = vec![1, 2, (1 << 53) + 1];
    let told = |error: twinplug::Error| error.to_string();
    let all = plugin.func::<(Vec<i64>,), (i64, i64)>("Sum").unwrap().call((list.clone(),));
    let each = plugin.func::<(VecDeque<i64>,), (i64, i64)>("Sum").unwrap().call((list.into(),));
    assert_eq!(all.map_err(told), each.map_err(told));
}

/// Nothing is left of a list that there is no memory for, to or from a script.
#[test]
fn a_list_that_is_too_large_hits_the_limit() {
    let limit = 4 << 20;
    let host = Host::builder().memory_limit(limit).build().unwrap();
    let text = "function Same(list) return list end \
                function Make(n) local t, all = {}, {} for i = 1, 1000 do t[i] = i end \
                for i = 1, n do all[i] = t end return all end";
    let plugin = host.load_source("lists", text).unwrap();
    let same = plugin.func::<(Vec<f64>,), Vec<f64>>("Same").unwrap();
    let error = same.call((vec![0.5; 1 << 20],)).map(|list| list.len()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Memory(limit)), "{error}");
    let make = plugin.func::<(i64,), Vec<Vec<f64>>>("Make").unwrap();
    let error = make.call((200,)).map(|lists| lists.len()).unwrap_err();
    assert_eq!(error.limit(), Some(Limit::Memory(limit)), "{error}");
    for _ in 0..50 {
        assert_eq!(same.call((vec![0.5; 10_000],)).unwrap().len(), 10_000);
        assert_eq!(make.call((20,)).unwrap().len(), 20);
    }
}
