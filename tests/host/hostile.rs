//! Scripts that attack, one file a case: `tests/hostile/<group>/<case>.lua`.
//!
//! The first lines of a case, each of which starts with `---`, say what must happen:
//!
//! - `--- outcome: runs`: `attack` finds the door closed, and answers true;
//! - `--- outcome: call: TEXT`: `attack` fails with an error that says TEXT;
//! - `--- outcome: load: TEXT`: the body is the attack, and fails so;
//! - `--- outcome: time`, `--- outcome: memory`: that limit stops `attack`;
//! - `--- outcome: load time`, `--- outcome: load memory`: it stops the body;
//! - `--- flavours: lua54 lua55 luajit luau`: where it is run, unless everywhere;
//! - `--- limit: time`: that limit is low, whatever the outcome;
//! - `--- permissions: io os`: what its manifest asks for, and the host grants.
//!
//! A case that exports `fine` must answer 42 there after the attack. It is attacked twice,
//! beside a bystander that must notice nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use twinplug::{Error, ErrorKind, Host, HostBuilder, PluginRef, Value};

use crate::twins::root;

/// Each step of an attack takes less than that of the processor, which is the default time limit. The
/// longest, coroutines within coroutines on LuaJIT, take 2.4 s of a slow one.
const LIMIT: Duration = Duration::from_secs(5);

/// What the scripts get that are stopped.
const TIME: Duration = Duration::from_millis(100);
const MEMORY: usize = 8 << 20;

/// And less than that by the clock, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(20);

const FLAVOUR: &str = if cfg!(feature = "lua55") {
    "lua55"
} else if cfg!(feature = "luajit") {
    "luajit"
} else if cfg!(feature = "luau") {
    "luau"
} else {
    "lua54"
};

const BYSTANDER: &str = "\
    Count = 0\n\
    function fine() Count = Count + 1 return ('%d'):format(42 + #{}) + 0 end\n\
    function bounce(name) return host.call('case', name) end";

/// Makes of each case a test of its name, and lists them.
macro_rules! cases {
    ($($group:ident: $($case:ident)*;)*) => {
        $(mod $group {
            $(
                #[test]
                fn $case() {
                    super::run(concat!(stringify!($group), "/", stringify!($case)));
                }
            )*
        })*

        const LISTED: &[&str] =
            &[$($(concat!(stringify!($group), "/", stringify!($case)),)*)*];
    };
}

cases! {
    access:
        bytecode_in_load bytecode_in_modules collector coroutines_of_calls debug dump
        error_that_hurts_to_print errors_are_text fails_in_its_body ffi files_as_code finalizers
        granted_debug granted_ffi_alone granted_io granted_locale granted_os granted_package io
        jit librarys_own_globals load_environment metatable_of_globals metatable_of_strings
        metatables_of_basic_values metatables_of_luau metatables_of_ours modules_share_nothing
        no_compiler_at_run_time old_doors os other_plugins package print_what_fails
        registers_over_others replaced_before_use replaced_library require_links require_no_names require_out
        stdlib_is_what_is_said token_of_waits values_that_lie write_through_pairs
        write_to_channels write_to_config write_to_host yield_of_a_call yields_in_its_body;
    cpu:
        channels close close_after_a_stop concat_through_a_chain conversions coroutine
        coroutine_closed coroutine_closed_after_a_stop coroutine_generations
        coroutine_made_before coroutine_nested coroutine_of_a_former_call coroutine_sorts
        coroutine_wrap coroutine_wrap_closes coroutine_yields date_of_a_long_format error_object
        finalizers find_again find_backtracking find_balanced find_plain find_with_a_large_set
        format_of_cut_texts format_widths gmatch_backtracking gsub gsub_backtracking gsub_in_c
        gsub_of_empty_captures host_calls insert_far_below
        insert_with_metamethods iterator load_loops load_of_an_endless_reader load_of_deep_names
        loop_in_body loop_in_on_load loop_in_on_unload loop_of_calls loop_of_globals
        loop_of_repeat loop_of_tail_calls loop_without_calls match_backtracking metamethods
        move_over_a_huge_range move_with_metamethods pcall_loop pcall_of_pcall pcall_recursion
        plain_loop prints remove_with_metamethods rep_of_nothing require_missing sort sort_in_c
        sort_inconsistent sort_of_long_texts split_by_a_long_text through_another_plugin
        tostring unknown_names unpack_through_a_chain values_with_metamethods xpcall_handler
        xpcall_handler_of_errors xpcall_handler_that_fails xpcall_of_sort;
    memory:
        any argument closures concat coroutines doubling doubling_in_pcall format gsub
        in_a_coroutine in_a_wrapped_coroutine in_body in_on_load kept load
        load_a_number_without_end message rep result table table_in_pcall table_in_xpcall
        through_itself thrown unpack;
    recursion:
        across_plugins body close coroutines coroutines_with_calls deep_values error_handlers
        format gsub host_calls host_calls_in_coroutines host_calls_in_pcall host_calls_in_sort
        host_calls_with_deep_stacks index_chain load_reader many_arguments mutual
        overflow_in_handlers parser pcall_chain plain register require resumed_coroutines sort
        through_add through_call through_concat through_eq through_index through_lt
        through_newindex through_tostring through_unm thrown_loops xpcall_chain;
}

#[test]
fn each_case_is_listed() {
    let folder = root("tests/hostile");
    let names = |folder: &Path| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    let mut found: Vec<_> = names(&folder)
        .into_iter()
        .flat_map(|group| {
            let cases = names(&folder.join(&group)).into_iter();
            cases.map(move |case| format!("{group}/{}", case.strip_suffix(".lua").unwrap()))
        })
        .collect();
    let mut listed = LISTED.to_vec();
    found.sort();
    listed.sort_unstable();
    assert_eq!(found, listed);
}

/// A case's text, and what its head says.
struct Case {
    text: String,
    outcome: Outcome,
    flavours: Option<String>,
    permissions: Vec<String>,
    /// Which limit is low.
    limit: Option<String>,
}

/// What an attack must lead to.
enum Outcome {
    Runs,
    /// `attack` fails.
    Call(ErrorKind, String),
    /// The body fails.
    Load(ErrorKind, String),
}

impl Case {
    fn read(name: &str) -> Case {
        let text = fs::read_to_string(root(&format!("tests/hostile/{name}.lua"))).unwrap();
        let head = text.lines().filter_map(|line| line.strip_prefix("--- ")?.split_once(": "));
        let head: BTreeMap<_, _> = head.collect();
        let said = |key: &str| head.get(key).map(|said| (*said).to_owned());
        let outcome = Outcome::read(&said("outcome").expect("a case says its outcome"));
        let permissions = said("permissions").unwrap_or_default();
        let permissions = permissions.split_whitespace().map(str::to_owned).collect();
        let limit = said("limit").or(match &outcome {
            Outcome::Call(ErrorKind::Limit, text) | Outcome::Load(ErrorKind::Limit, text) => {
                text.split(' ').next().map(str::to_owned)
            }
            _ => None,
        });
        Case { outcome, flavours: said("flavours"), permissions, limit, text }
    }

    /// The limits that it is about are low, and others are out of its way.
    fn limited(&self, builder: HostBuilder) -> HostBuilder {
        match self.limit.as_deref() {
            Some("memory") => builder.memory_limit(MEMORY).time_limit(10 * LIMIT),
            Some("time") => builder.time_limit(TIME),
            _ => builder,
        }
    }

    fn is_for_this_flavour(&self) -> bool {
        let flavours = self.flavours.as_deref().unwrap_or(FLAVOUR);
        flavours.split_whitespace().any(|flavour| flavour == FLAVOUR)
    }
}

impl Outcome {
    fn read(text: &str) -> Outcome {
        match text.split_once(": ").unwrap_or((text, "")) {
            ("runs", "") => Outcome::Runs,
            ("time" | "memory", "") => Outcome::Call(ErrorKind::Limit, format!("{text} limit of ")),
            ("load time" | "load memory", "") => {
                let limit = text.trim_start_matches("load ");
                Outcome::Load(ErrorKind::Limit, format!("{limit} limit of "))
            }
            ("call", text) => Outcome::Call(ErrorKind::Call, text.to_owned()),
            ("load", text) => Outcome::Load(ErrorKind::Load, text.to_owned()),
            _ => panic!("no outcome: `{text}`"),
        }
    }
}

/// A folder with a case among what it may try to reach, and a host that calls back.
struct Yard {
    folder: TempDir,
    host: Arc<Host>,
    bystander: PluginRef,
}

impl Yard {
    fn new(case: &Case) -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("case.lua", &case.text);
        write("case.toml", &format!("permissions = {:?}\n[config]\nport = 80", case.permissions));
        write("bystander.lua", BYSTANDER);
        write("secret.lua", "return 'secret'");
        fs::create_dir(folder.path().join("case")).unwrap();
        write("case/part.lua", "return { value = 42 }");
        write("case/itself.lua", "return require 'itself'");
        write("case/code.lua", "\x1bLua");
        write("case/jitted.lua", "\x1bLJ");
        #[cfg(unix)]
        std::os::unix::fs::symlink("../secret.lua", folder.path().join("case/link.lua")).unwrap();

        let cell: Arc<OnceLock<Weak<Host>>> = Arc::default();
        let here = Arc::clone(&cell);
        let call = move |plugin: String, name: String| -> twinplug::Result<Value> {
            let host = here.get().and_then(Weak::upgrade).expect("the host is there");
            host.plugin(&plugin)?.call(&name, ())
        };
        let there = Arc::clone(&cell);
        let bounce = move |name: String| -> twinplug::Result<Value> {
            let host = there.get().and_then(Weak::upgrade).expect("the host is there");
            host.plugin("bystander")?.call("bounce", (name,))
        };
        let builder = Host::builder()
            .channel::<Value>("numbers", 4)
            .function("call", call)
            .function("bounce", bounce)
            .function("take", |_: Value| ())
            .function("world.scale", |x: f64, by: f64| x * by)
            .function("refuse", || Err::<(), _>("the host will not"));
        let builder = case.limited(builder);
        let builder = case.permissions.iter().fold(builder, |builder, it| builder.allow(it));
        let host = Arc::new(builder.build().unwrap());
        cell.set(Arc::downgrade(&host)).unwrap();
        let bystander = host.load(folder.path().join("bystander.lua")).unwrap();
        Yard { folder, host, bystander }
    }

    fn load(&self) -> twinplug::Result<PluginRef> {
        in_time("load", || self.host.load(self.folder.path().join("case.lua")))
    }

    /// The bystander answers as ever.
    #[track_caller]
    fn is_calm(&self) {
        let fine = in_time("the bystander", || self.bystander.call("fine", ()));
        assert_eq!(fine.unwrap(), Value::Int(42));
    }
}

#[track_caller]
fn in_time<T>(what: &str, step: impl FnOnce() -> T) -> T {
    let (start, used) = (Instant::now(), processor_time());
    let result = step();
    let elapsed = start.elapsed();
    let used = match (used, processor_time()) {
        (Some(before), Some(after)) => after - before,
        _ => elapsed,
    };
    let times = slower();
    let in_time = used < times * LIMIT && elapsed < times * PATIENCE;
    assert!(in_time, "{what} took {used:?} in {elapsed:?}");
    result
}

/// How many times slower the build is said to be, as with a sanitizer.
fn slower() -> u32 {
    std::env::var("TWINPLUG_SLOWER").map_or(1, |times| times.parse().unwrap())
}

/// What this thread has had of the processor, where the system tells.
fn processor_time() -> Option<Duration> {
    let said = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    said.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

fn run(name: &str) {
    let case = Case::read(name);
    if !case.is_for_this_flavour() {
        return;
    }
    let yard = Yard::new(&case);
    match &case.outcome {
        Outcome::Load(kind, text) => {
            for _ in 0..2 {
                failed(yard.load().map(drop), *kind, text);
                yard.is_calm();
            }
        }
        outcome => {
            let plugin = yard.load().unwrap();
            for _ in 0..2 {
                let answer = in_time("the attack", || plugin.call("attack", ()));
                match outcome {
                    Outcome::Call(kind, text) => failed(answer.map(drop), *kind, text),
                    _ => assert_eq!(answer.unwrap(), Value::Bool(true)),
                }
                if plugin.lookup("fine").is_ok() {
                    let fine = in_time("`fine`", || plugin.call("fine", ()));
                    assert_eq!(fine.unwrap(), Value::Int(42));
                }
                yard.is_calm();
            }
        }
    }
    let Yard { host, .. } = yard;
    in_time("the host's end", || drop(Arc::into_inner(host).expect("nobody else holds it")));
}

#[track_caller]
fn failed(ended: Result<(), Error>, kind: ErrorKind, text: &str) {
    let error = ended.unwrap_err();
    assert!(error.to_string().contains(text), "{error:?}");
    assert_eq!(error.kind(), kind, "{error:?}");
}
