//! What differs between the flavours of Lua: each row of the table in
//! `docs/lua-plugins.md` has a test, which runs the row's code and compares what comes of
//! it with the cell of the flavour that is built.

use twinplug::{Host, Value};

const DOCS: &str = include_str!("../../docs/lua-plugins.md");

/// The columns of the flavours, as the table's head names them.
const FLAVOUR: &str = match () {
    () if cfg!(feature = "lua55") => "Lua 5.5",
    () if cfg!(feature = "luajit") => "LuaJIT",
    () if cfg!(feature = "luau") => "Luau",
    () => "Lua 5.4",
};

/// What a row's code finds around it.
const AROUND: &str = "local function show(...)
  local parts = {}
  for i = 1, select('#', ...) do parts[i] = tostring((select(i, ...))) end
  return table.concat(parts, ', ')
end
local function wait() return (host.channel('wait'):recv()) end
";

/// The cells of each row: what differs, the code, and what comes of it on each flavour.
fn table() -> Vec<Vec<String>> {
    let (_, section) = DOCS.split_once("\n## Flavours\n").unwrap();
    let lines = section.lines().skip_while(|line| !line.starts_with("| |"));
    let rows = lines.take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split(" | ");
        cells.map(|cell| cell.trim().to_owned()).collect()
    })
    .collect()
}

/// A row's first cell as a test's name.
fn test_name(cell: &str) -> String {
    let name: String = cell
        .chars()
        .map(|c| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' })
        .collect();
    let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
    words.join("_")
}

/// The code in a cell, without its quotes.
fn code(cell: &str) -> &str {
    let bare = cell.strip_prefix("`` ").and_then(|cell| cell.strip_suffix(" ``"));
    bare.or_else(|| cell.strip_prefix('`')?.strip_suffix('`')).unwrap_or(cell)
}

/// What comes of code: the text of its results, or how it fails.
fn outcome(code: &str) -> String {
    let host = Host::builder()
        .channel::<i64>("wait", 0)
        .function("kind", |value: Value| format!("{value:?}"))
        .function("large", || (1_i64 << 53) + 1)
        .function("world.ask", || 42)
        .build()
        .unwrap();
    let load = |body: &str| {
        let row = format!("local function row()\n{body}\nend\n");
        let text = format!("{AROUND}{row}function Row() return show(row()) end");
        let module = "return host.channel('wait'):recv()".to_owned();
        host.load_files("row", [("init.lua", text), ("waits.lua", module)])
    };
    let loaded = load(&format!("return {code}")).or_else(|_| load(code));
    let Ok(plugin) = loaded else { return "refused".to_owned() };
    let waited = host.channel::<i64>("wait").unwrap();
    std::thread::scope(|scope| {
        let sender = waited.clone();
        // Goes through when a call waits, and not before.
        scope.spawn(move || {
            while !sender.try_send(5).is_err_and(|error| error.is_closed()) {
                std::thread::yield_now();
            }
        });
        let called = plugin.call("Row", ());
        waited.close();
        match called {
            Ok(value) if value == Value::Str(String::new()) => "nothing".to_owned(),
            Ok(value) => format!("`{}`", value.to::<String>().unwrap()),
            Err(_) => "raises".to_owned(),
        }
    })
}

fn check(test: &str) {
    let table = table();
    let column = table[0].iter().position(|head| head == FLAVOUR).unwrap();
    let row = table.iter().find(|row| test_name(&row[0]) == test);
    let row = row.unwrap_or_else(|| panic!("no row of the docs is `{test}`"));
    assert_eq!(outcome(code(&row[1])), row[column], "{}", row[1]);
}

/// Makes of each row's name a test.
macro_rules! rows {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name).trim_start_matches("r#"));
            }
        )*

        const TESTS: &[&str] = &[$(stringify!($name)),*];
    };
}

rows! {
    whole_numbers
    whole_numbers_at_the_host
    large_whole_numbers
    large_whole_numbers_from_the_host
    overflow
    floats_as_text
    floats_in_text
    integer_division
    modulo_of_zero
    bitwise_operators
    hexadecimal_floats
    goto
    r#continue
    compound_assignment
    conditional_expressions
    string_interpolation
    types_in_the_syntax
    r#const
    close
    global
    assignment_to_a_loop_variable
    utf8
    string_pack
    formats_of_whole_numbers
    unpack
    table_pack_and_table_move
    functions_of_math
    load
    globals_of_a_loaded_text
    environments
    len_of_a_table
    pairs
    iter
    index_in_ipairs
    pairs_of_the_host_table
    finalizers
    a_name_added_to_the_library
    what_error_42_throws
    a_place_through_tail_calls
    messages_of_operators
    depth_of_calls
    a_wait_in_pcall
    a_wait_in_xpcall
    a_wait_in_a_coroutine
    a_wait_in_an_iterator
    a_wait_in_a_metamethod
    a_wait_in_an_operator
    a_wait_in_tostring
    a_wait_in_table_sort
    a_wait_in_string_gsub
    a_wait_in_require
}

#[test]
fn each_row_of_the_docs_has_its_test() {
    let table = table();
    let rows: Vec<_> = table[2..].iter().map(|row| test_name(&row[0])).collect();
    let tests: Vec<_> = TESTS.iter().map(|name| name.trim_start_matches("r#")).collect();
    assert_eq!(rows, tests);
    assert!(table[2..].iter().all(|row| row.len() == table[0].len()), "a cell is missing");
}
