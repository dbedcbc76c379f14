//! Structs as classes: each once, whatever it is in.

use std::collections::HashMap;

use twinplug::{Bytes, Value, data};

use super::{check, check_part, names, offered};

#[data]
struct Place {
    name: String,
    floor: Option<i64>,
    near: Vec<Near>,
    #[serde(rename = "way-back", default)]
    back: (f64, Bytes),
}

#[data]
struct Near {
    #[serde(default)]
    distance: f32,
    end: Option<Box<Colour>>,
    tags: HashMap<String, Option<bool>>,
    rest: Value,
}

#[data]
struct Colour(u8, u8, u8);

#[data]
struct Page<T> {
    items: Vec<T>,
}

#[test]
fn structs_are_classes_of_their_fields() {
    let definitions = offered(|builder| {
        builder.function("find", |_: Place| None::<Near>).channel::<Vec<Near>>("near", 0)
    });
    let expected = r#"
-- The fields of `A` are those of `data.A`, so that a script may declare a class `A` of its
-- own, as the types of its exports need: else each field would be there twice.

---@class data.Near
---@field distance? number
---@field ["end"]? [integer, integer, integer]
---@field tags table<string|integer, boolean?>
---@field rest? any

---@class Near: data.Near

---@class data.Place
---@field name string
---@field floor? integer
---@field near Near[]
---@field ["way-back"]? [number, string]

---@class Place: data.Place
"#;
    check(&definitions, "data.lua", expected);
    let function = "---@param arg1 Place\n---@return Near?\nfunction host.find(arg1) end\n";
    check_part(&definitions, "---@param arg1", "\ndo", function);
    let message = "---@param message Near[]\n";
    check_part(&definitions, "---@param message Near", "  function", message);
}

#[test]
fn other_structs_of_one_name_have_names_of_their_own() {
    mod other {
        use twinplug::data;

        // In another order it is the same.
        #[data]
        pub(super) struct Near {
            rest: twinplug::Value,
            tags: std::collections::BTreeMap<String, Option<bool>>,
            #[serde(default)]
            distance: f64,
            end: Option<super::Colour>,
        }

        #[data]
        #[serde(rename = "table")]
        pub(super) struct Text {
            text: String,
        }
    }
    let definitions = offered(|builder| {
        builder
            .function("a", |_: Page<i64>, _: Page<u8>| {})
            .function("b", |_: Page<other::Text>, _: Page<Page<i64>>| {})
            .function("c", |_: Near| None::<other::Near>)
    });
    assert_eq!(names(&definitions), ["data.lua", "host.lua"]);
    let functions = "---@param arg1 Page\n---@param arg2 Page\nfunction host.a(arg1, arg2) end\n\n\
                     ---@param arg1 Page_2\n---@param arg2 Page_3\nfunction host.b(arg1, arg2) end\n\n\
                     ---@param arg1 Near\n---@return Near?\nfunction host.c(arg1) end\n";
    check_part(&definitions, "---@param arg1 Page\n", "\ndo", functions);
    let text = definitions.file("data.lua").unwrap();
    let classes: Vec<_> = text.lines().filter(|line| line.starts_with("---@class data")).collect();
    let expected = ["Near", "Page", "Page_2", "Page_3", "table_2"];
    assert_eq!(classes, expected.map(|name| format!("---@class data.{name}")));
    for items in ["items integer[]", "items table_2[]", "items Page[]"] {
        assert_eq!(text.matches(&format!("---@field {items}\n")).count(), 1, "{text}");
    }
}

#[test]
fn enums_are_aliases_of_what_is_written() {
    let definitions = offered(|builder| {
        builder
            .function("draw", |_: shared::Shape, _: Option<shared::Letter>| {
                Vec::<shared::Kept>::new()
            })
            .function("walk", |_: shared::Tree| shared::Signal::Stop)
            .function("sum", |_: shared::Binary| 0i64)
            .function("flat", |_: shared::Flat| {})
    });
    let expected = r#"
-- The fields of `A` are those of `data.A`, so that a script may declare a class `A` of its
-- own, as the types of its exports need: else each field would be there twice.

---@class data.Binary
---@field left Expression
---@field right? Expression

---@class Binary: data.Binary

---@alias Expression { Number: integer }|{ Binary: Binary }|{ All: { of: Expression[] } }

---@class data.Flat
---@field label string
---@field firstName string
---@field AGE integer
---@field type boolean

---@class Flat: data.Flat

---@alias Kept nil|integer|string|{ x: number }|Kept[]

---@alias Letter "A"|"b c"

---@alias Shape "no_shape"|{ circle: number }|{ line: [integer, integer] }|{ polygon: { sideCount: integer, name?: string } }|{ ball: { radius: number } }

---@alias Signal { type: "Stop" }|{ type: "Move", by: number }|{ type: "pages", left: integer, right?: integer }|{ type: string }

---@alias Tree "Leaf"|{ Node: [Tree, Tree[]] }
"#;
    check(&definitions, "data.lua", expected);
    let draw = "---@param arg1 Shape\n---@param arg2? Letter\n---@return Kept[]\n\
                function host.draw(arg1, arg2) end\n";
    check_part(&definitions, "---@param arg1 Shape", "\n---@param arg1 Flat", draw);
}

/// Each of two classes that hold one another is unfolded from the other one too.
#[cfg(feature = "_lua")]
#[test]
fn structs_that_hold_themselves_are_one_class_from_any_side() {
    let text = "---@class Tree\n---@field left? Tree\n---@field leaf Leaf\n\
                ---@class Leaf\n---@field tree? Tree\n---@field next? Leaf\n\
                local M = {}\n\
                ---@type Leaf\nM.Leaf = {}\n\
                ---@type Tree[]\nM.Trees = {}\n\
                ---@return Tree\nfunction M.Tree() end\n\
                return M";
    let host = twinplug::Host::builder().build().unwrap();
    host.load_source("forest", text).unwrap();
    let plugin = host.plugin("forest").unwrap();
    let types = |name: &str| {
        let descriptor = plugin.descriptor();
        descriptor.exports.iter().find(|export| export.name == name).unwrap().ty.to_string()
    };
    let leaf = "Leaf { tree: Tree { left: Tree?, leaf: Leaf }?, next: Leaf? }";
    assert_eq!(types("Leaf"), leaf);
    assert_eq!(
        types("Trees"),
        "list<Tree { left: Tree?, leaf: Leaf { tree: Tree?, next: Leaf? } }>"
    );
    let definitions = host.definitions();
    let expected = "
-- The fields of `A` are those of `data.A`, so that a script may declare a class `A` of its
-- own, as the types of its exports need: else each field would be there twice.

---@class data.Leaf
---@field tree? Tree
---@field next? Leaf

---@class Leaf: data.Leaf

---@class data.Tree
---@field left? Tree
---@field leaf Leaf

---@class Tree: data.Tree
";
    check(&definitions, "data.lua", expected);
    let expected = "---@class host.plugin.forest\n---@field Leaf Leaf\n---@field Trees Tree[]\n\
                    local plugin = {}\n\n\
                    ---@async\n---@return Tree\nfunction plugin.Tree() end\n";
    check(&definitions, "plugin-forest.lua", expected);
}
