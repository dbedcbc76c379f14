//! Layers in a folder that is watched.

use std::fs;

use twinplug::EventKind;

use super::Watched;

const BASE: &str =
    "---@plugin p 1.0.0\nfunction Name() return 'base' end function Other() return 'base' end";

fn layer(name: &str) -> String {
    format!("---@over p\nfunction Name() return '{name}, ' .. host.base.Name() end")
}

#[test]
fn a_layer_comes_is_edited_breaks_and_goes() {
    let watched = Watched::new(&[("p.lua", BASE)]);
    let plugin = watched.plugin("p");
    let [name, other] = ["Name", "Other"].map(|name| plugin.func::<(), String>(name).unwrap());
    let name = || name.call(()).unwrap();
    // One that fails leaves all to the base.
    watched.write("over.lua", "---@over p\nfunction Name( return 'broken' end");
    let error = watched.expect(EventKind::Rejected, "over", 0).error.unwrap().to_string();
    assert!(error.contains("over.lua:2: "), "{error}");
    assert_eq!(name(), "base");
    watched.write("over.lua", &layer("mended"));
    watched.expect(EventKind::Loaded, "over", 1);
    assert_eq!((name().as_str(), other.call(()).unwrap().as_str()), ("mended, base", "base"));
    watched.write("over.lua", &layer("edited"));
    watched.expect(EventKind::Reloaded, "over", 2);
    assert_eq!(name(), "edited, base");
    watched.write("over.lua", &layer("edited").replace("Name()", "Name("));
    watched.expect(EventKind::Rejected, "over", 2);
    assert_eq!(name(), "edited, base");
    watched.write("p.lua", &BASE.replace("'base'", "'below'"));
    watched.expect(EventKind::Reloaded, "p", 2);
    assert_eq!(name(), "edited, below");
    // Its file goes, and so does it.
    fs::remove_file(watched.path("over.lua")).unwrap();
    watched.expect(EventKind::Unloaded, "over", 2);
    assert_eq!((name().as_str(), plugin.layers().len()), ("below", 0));
    watched.write("over.lua", &layer("back"));
    watched.expect(EventKind::Loaded, "over", 1);
    assert_eq!(name(), "back, below");
}
