//! Types, as scripts write them and as we do.

use super::{Class, Names, Reader, Type};

fn names() -> Names {
    let mut names = Names::default();
    let mut class = |name: &str, parents: &[&str], fields: &[(&str, bool, &str)], open| {
        let owned = |(name, absent, ty): &(&str, bool, &str)| {
            ((*name).to_owned(), *absent, (*ty).to_owned())
        };
        let parents = parents.iter().map(|&parent| parent.to_owned()).collect();
        let fields = fields.iter().map(owned).collect();
        names.classes.insert(name.to_owned(), Class { parents, fields, open });
    };
    class("Point", &[], &[("x", false, "integer"), ("y", false, "integer")], false);
    class("Named", &["Point"], &[("name", true, "string"), ("x", false, "number")], false);
    class("Node", &[], &[("next", false, "Node?"), ("list", false, "Node[]")], false);
    class("Loop", &["Loop"], &[("a", false, "string")], false);
    class("Odd", &[], &[("a", false, "|"), ("f", false, "fun(): integer")], false);
    class("Open", &[], &[("a", false, "string")], true);
    class("Empty", &[], &[], false);
    class("Orphan", &["Nobody"], &[("a", false, "string")], false);
    for level in 0..40 {
        let inner = format!("Deep{}", level + 1);
        let many: Vec<_> = ["a", "b", "c"].iter().map(|&name| (name, false, &*inner)).collect();
        class(&format!("Deep{level}"), &[], &many, false);
    }
    for (name, text) in [("Id", "integer"), ("Self", "Self[]"), ("Mode", "\"r\"|\"w\"")] {
        names.aliases.insert(name.to_owned(), text.to_owned());
    }
    names
}

#[test]
fn types_are_read() {
    let names = names();
    let check = |text: &str, expected: &str| {
        let read = Reader::new(&names, text).whole().unwrap_or(Type::Any);
        assert_eq!(read.to_string(), expected, "{text}");
    };
    check("integer", "int");
    check("number the width", "number");
    check("string?", "string?");
    check("string|nil", "string?");
    check("nil | string | nil", "string?");
    check("nil", "null");
    check("boolean", "bool");
    check("bytes", "bytes");
    check("any?", "any");
    check("integer[]", "list<int>");
    check("integer[][]?", "list<list<int>>?");
    check("(integer|nil)[]", "list<int?>");
    check("integer|number", "number");
    check("integer|string", "any");
    check("\"r\"|'w'", "string");
    check("1|2|-3", "int");
    check("0.5", "number");
    check("true|false", "bool");
    check("table", "any");
    check("table<string, number[]>", "map<list<number>>");
    check("table<integer, string>", "any");
    check("{ [string]: boolean }", "map<bool>");
    check("{ [integer]: boolean }", "any");
    check("{ name: string, age?: integer; }", "{ name: string, age: int? }");
    check("{ a: string, a: integer }", "any");
    check("{ a: string, [string]: string }", "any");
    check("{}", "any");
    check("[integer, string]", "(int, string)");
    check("fun(a: integer, b?, ...): string, boolean", "any");
    check("function", "any");
    check("userdata", "any");
    check("Unknown", "any");
    check("List<integer>", "any");
    check("`T`", "any");
    check("Id[]", "list<int>");
    check("Mode", "string");
    check("Self", "list<any>");
    check("Point", "Point { x: int, y: int }");
    check("Named", "Named { name: string?, x: number, y: int }");
    check("Node", "Node { next: Node?, list: list<Node> }");
    check("Loop", "Loop { a: string }");
    check("Odd", "Odd { a: any, f: any }");
    check("Open", "any");
    check("Empty", "any");
    check("Orphan", "any");
    for broken in ["", "|", "{", "{ a", "{ a:", "(", "[", "[]", "table<", "fun(", "\"a", "?", "ä|"]
    {
        check(broken, "any");
    }
}

#[test]
fn a_type_does_not_grow_without_bound() {
    let names = names();
    let read = |text: &str| Reader::new(&names, text).whole().unwrap_or(Type::Any);
    assert!(read("Deep0").to_string().len() < 100_000);
    assert_eq!(read(&format!("integer{}", "[]".repeat(1000))), Type::Any);
    assert_eq!(read(&"(".repeat(100_000)), Type::Any);
    assert_eq!(read(&"table<string,".repeat(100_000)), Type::Any);
}
