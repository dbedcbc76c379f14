//! The same functions, once as leaf functions and once as others: nobody can tell.

use twinplug::{Error, Host, HostBuilder, MapKey, PluginRef, Value};

use super::{MANY, builders};

/// How a host is given a function.
trait Offer {
    /// A host with all of them.
    fn host(builder: HostBuilder) -> Host;
}

/// The same functions, once as leaf functions and once as others.
struct Leaf;
struct General;

macro_rules! offered {
    ($offer:ident, $function:ident) => {
        impl Offer for $offer {
            fn host(builder: HostBuilder) -> Host {
                let by = 0.5;
                builder
                    .$function("add", |a: i64, b: i64| a.wrapping_add(b))
                    .$function("scale", move |x: f64| x * by)
                    .$function("both", |a: bool, b: bool| a && b)
                    .$function("none", || ())
                    .$function(
                        "group.all",
                        |a: i64, b: f64, c: bool, d: i64, e: f64, f: bool, g: i64, h: f64| {
                            a as f64
                                + b
                                + d as f64
                                + e
                                + g as f64
                                + h
                                + f64::from(u8::from(c && !f))
                        },
                    )
                    .$function("group.is", |x: f64| x == 1.0)
                    .$function("large", |negative: bool| if negative { i64::MIN } else { i64::MAX })
                    .$function("exact", |up: bool| if up { 1_i64 << 53 } else { -(1_i64 << 53) })
                    .$function("refuse", |x: i64| Err::<f64, _>(format!("not with {x}")))
                    .$function(
                        "half",
                        |x: i64| if x % 2 == 0 { Ok(x / 2) } else { Err("it is odd") },
                    )
                    .$function("fall", |really: bool| assert!(!really, "leaves fall"))
                    .build()
                    .unwrap()
            }
        }
    };
}
offered!(Leaf, leaf);
offered!(General, function);

/// Calls whatever it is told to, many times and caught; and once, not caught.
const CALLER: &str = r#"
    local function found(name)
      local at = host
      for part in name:gmatch("[^.]+") do at = at[part] end
      return at
    end
    local function pack(...) return { n = select('#', ...), ... } end
    local function unpacked(list) return (table.unpack or unpack)(list, 1, list.n) end
    function Try(name, n, args)
      local f, results = found(name)
      for i = 1, n do
        if args.n == 0 then results = pack(pcall(f))
        elseif args.n == 1 then results = pack(pcall(f, args[1]))
        elseif args.n == 2 then results = pack(pcall(f, args[1], args[2]))
        else results = pack(pcall(f, unpacked(args))) end
      end
      return results[1], results.n, results[2]
    end
    function Once(name, args)
      local f = found(name)
      local result = f(unpacked(args))
      return result
    end
"#;

fn call(plugin: &PluginRef, name: &str, args: &[Value]) -> Result<Value, Error> {
    plugin.lookup(name).unwrap().into_dynamic().unwrap().call(args)
}

/// As a table that also says how many they are; null is nil.
fn list(args: &[Value]) -> Value {
    let all = (1_i64..).map(MapKey::from).zip(args.iter().cloned());
    let count = (MapKey::from("n"), Value::Int(args.len() as i64));
    Value::Map(all.filter(|(_, value)| *value != Value::Null).chain([count]).collect())
}

/// What calls of a function come to: many, caught; one, which the host hears of, with its traceback.
fn told<O: Offer>(builder: HostBuilder, name: &str, args: &[Value]) -> (String, String) {
    let host = O::host(builder);
    let plugin = host.load_source("calls", CALLER).unwrap();
    let many = call(&plugin, "Try", &[Value::from(name), Value::Int(MANY), list(args)]);
    let once = call(&plugin, "Once", &[Value::from(name), list(args)]);
    let once = once.map_err(|error| (error.to_string(), error.traceback().map(str::to_owned)));
    (format!("{many:?}"), format!("{once:?}"))
}

fn values() -> Vec<Value> {
    let list = [Value::Int(1)].into_iter().collect();
    vec![
        Value::Null,
        Value::Bool(true),
        Value::Bool(false),
        Value::Int(0),
        Value::Int(1),
        Value::Int(-3),
        Value::Int(1 << 53),
        Value::Int(-(1 << 53)),
        Value::Float(1.0),
        Value::Float(-0.0),
        Value::Float(1.5),
        Value::Float(1e300),
        Value::Float(f64::INFINITY),
        Value::Float(f64::NEG_INFINITY),
        Value::Float(f64::NAN),
        Value::Str("1".into()),
        Value::List(list),
    ]
}

#[track_caller]
fn same(name: &str, args: &[Value]) {
    for builder in builders() {
        let (leaf, general) =
            (told::<Leaf>(builder(), name, args), told::<General>(builder(), name, args));
        assert_eq!(leaf, general, "{name} {args:?}");
    }
}

#[test]
fn a_leaf_function_is_called_as_any_other_whatever_it_is_given() {
    for name in ["scale", "group.is", "large", "exact", "refuse", "half", "fall"] {
        for value in values() {
            same(name, &[value]);
        }
    }
    for a in values() {
        same("add", &[a.clone(), Value::Int(2)]);
        same("add", &[Value::Int(2), a.clone()]);
        same("both", &[a.clone(), Value::Bool(true)]);
        same("none", &[a]);
    }
}

#[test]
fn a_leaf_function_is_called_as_any_other_with_however_many_arguments() {
    let all: Vec<_> = [1, 2, 3, 4, 5, 6, 7, 8, 9].map(Value::Int).into();
    for name in ["add", "scale", "both", "none", "group.all", "refuse"] {
        for count in 0..=all.len() {
            same(name, &all[..count]);
        }
        same(name, &[Value::Null, Value::Null]);
        same(name, &[Value::Int(1), Value::Int(2), Value::Null]);
    }
    let mixed = [
        Value::Int(1),
        Value::Float(0.5),
        Value::Bool(true),
        Value::Int(2),
        Value::Float(0.25),
        Value::Bool(false),
        Value::Int(3),
        Value::Float(4.0),
    ];
    same("group.all", &mixed);
    let host = Leaf::host(Host::builder());
    let plugin = host.load_source("calls", CALLER).unwrap();
    let sum = call(&plugin, "Once", &[Value::from("group.all"), list(&mixed)]).unwrap();
    assert_eq!(sum, Value::Float(11.75));
}

#[test]
fn what_a_leaf_function_says_of_itself_is_what_others_say() {
    let leaf = Leaf::host(Host::builder());
    let general = General::host(Host::builder());
    let texts = |host: &Host| {
        let folder = tempfile::tempdir().unwrap();
        host.definitions().write_to(folder.path()).unwrap();
        std::fs::read_to_string(folder.path().join("host.lua")).unwrap()
    };
    assert_eq!(texts(&leaf), texts(&general));
    let script = "function Names()\n\
                  local names = {}\n\
                  for name, f in pairs(host) do\n\
                  if type(f) == 'function' then names[#names + 1] = name end end\n\
                  for name in pairs(host.group) do names[#names + 1] = 'group.' .. name end\n\
                  table.sort(names) return table.concat(names, ' ') end\n\
                  function Near() return host.scal end\n\
                  function NearInGroup() return host.group.iz end\n\
                  function Has() return host.has('add') and host.has('group.all') and not host.has('group.ad') end\n\
                  function Same() return host.add == host.add and host.group.all == host.group.all end\n\
                  function Write() host.add = print end\n\
                  function RawWrite() return (pcall(rawset, host, 'add', print)) end";
    let told = |host: &Host, name: &str| {
        let plugin = host.load_source("asks", script).unwrap();
        let told = plugin.call(name, ()).map_err(|error| error.to_string());
        host.unload(plugin).unwrap();
        told
    };
    for name in ["Names", "Near", "NearInGroup", "Has", "Same", "Write", "RawWrite"] {
        assert_eq!(told(&leaf, name), told(&general, name), "{name}");
    }
    assert_eq!(told(&leaf, "Has"), Ok(Value::Bool(true)));
    assert_eq!(told(&leaf, "Same"), Ok(Value::Bool(true)));
    assert_eq!(
        told(&leaf, "Near").unwrap_err(),
        "plugin `asks`: `Near`: asks:7: `host` has no `scal`; near: `scale`"
    );
}

#[test]
fn names_of_leaf_functions_are_checked_as_others_are() {
    let refused = |builder: HostBuilder| builder.build().unwrap_err().to_string();
    let f = || 1_i64;
    assert_eq!(
        refused(Host::builder().function("f", f).leaf("f", f)),
        "function `f` is there twice"
    );
    assert_eq!(refused(Host::builder().leaf("log", f)), "function `log`: `host.log` is built in");
    let group = refused(Host::builder().leaf("f", f).leaf("f.g", f));
    assert_eq!(group, "function `f.g`: `f` makes one of them a group as well");
}
