//! Several versions of a plugin: which of them serves, and going from one to another.

#[cfg(feature = "native")]
mod across;

use std::path::PathBuf;

use tempfile::TempDir;
use twinplug::{Error, ErrorKind, EventKind, Host, PluginRef};

/// A host, and a folder of versions of `p`: `p_v1.lua`, and so on.
struct Shelf {
    host: Host,
    folder: TempDir,
}

impl Shelf {
    fn new() -> Shelf {
        let folder = tempfile::tempdir().unwrap();
        Shelf { host: Host::builder().build().unwrap(), folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    /// A version whose function gives it, and that has a number.
    fn version(&self, version: &str) -> PathBuf {
        let text = format!(
            "---@plugin p {version}\nCount = 0\nfunction Which() Count = Count + 1 return '{version}' end"
        );
        self.write(&format!("p-{version}.lua"), &text)
    }

    fn load(&self, version: &str) -> PluginRef {
        self.host.load(self.version(version)).unwrap()
    }

    fn newest(&self) -> String {
        self.host.plugin("p").unwrap().version().to_string()
    }

    /// The error's text, without the folder.
    fn text(&self, error: &Error) -> String {
        error.to_string().replace(&self.folder.path().display().to_string(), "DIR")
    }
}

fn versions(plugins: &[PluginRef]) -> Vec<String> {
    plugins.iter().map(|plugin| plugin.version().to_string()).collect()
}

fn which(plugin: &PluginRef) -> String {
    plugin.func::<(), String>("Which").unwrap().call(()).unwrap()
}

fn count(plugin: &PluginRef) -> i64 {
    plugin.var::<i64>("Count").unwrap().get().unwrap()
}

#[test]
fn the_newest_serves_by_the_precedence_of_semver() {
    let shelf = Shelf::new();
    for (loaded, newest) in [
        ("1.9.0", "1.9.0"),
        ("1.10.0", "1.10.0"),
        ("2.0.0-rc.2", "2.0.0-rc.2"),
        ("2.0.0-rc.11", "2.0.0-rc.11"),
        ("2.0.0+a", "2.0.0+a"),
        // What comes after `+` is of no matter: of equal ones the last that was loaded.
        ("2.0.0+0", "2.0.0+0"),
        ("1.99.0", "2.0.0+0"),
    ] {
        shelf.load(loaded);
        assert_eq!(shelf.newest(), newest);
    }
    let all = shelf.host.versions("p");
    let expected = ["2.0.0+0", "2.0.0+a", "2.0.0-rc.11", "2.0.0-rc.2", "1.99.0", "1.10.0", "1.9.0"];
    assert_eq!(versions(&all), expected);
    assert!(shelf.host.versions("q").is_empty());
    // Each has a state of its own.
    all.iter().for_each(|plugin| assert_eq!(which(plugin), plugin.version().to_string()));
    assert!(all.iter().all(|plugin| count(plugin) == 1));
    for (gone, next) in all.iter().zip(&expected[1..]) {
        shelf.host.unload(gone.clone()).unwrap();
        assert_eq!(shelf.newest(), *next);
    }
}

#[test]
fn a_version_of_no_form_is_refused() {
    let shelf = Shelf::new();
    let path = shelf.write("p.lua", "return { _VERSION = '1.x' }");
    let error = shelf.host.load(path).unwrap_err();
    assert_eq!(
        shelf.text(&error),
        "cannot load `DIR/p.lua`: `_VERSION = \"1.x\"` is no version like \"1.2.0\": unexpected \
         character 'x' while parsing minor version number"
    );
    let plugins = ["p_v1.lua", "p_v2.lua"].map(|name| shelf.write(name, "return {}"));
    plugins.iter().for_each(|path| drop(shelf.host.load(path).unwrap()));
    assert_eq!(shelf.newest(), "2.0.0");
}

#[test]
fn a_pin_holds_until_it_is_taken_out() {
    let shelf = Shelf::new();
    let [one, _, _] = ["1.0.0", "1.5.0", "2.0.0"].map(|version| shelf.load(version));
    let text = "function Which() return (host.plugin('p').Which()) end";
    let user = shelf.host.load_source("user", text).unwrap();
    let needs = "---@requires p >=1.0\nfunction Which() return (host.plugin('p').Which()) end";
    let needs = shelf.host.load_source("needs", needs).unwrap();
    let check = |expected: &str| {
        assert_eq!(
            [shelf.newest(), which(&user), which(&needs)],
            [expected, expected, expected],
            "pinned to {:?}",
            shelf.host.pinned("p")
        );
    };
    check("2.0.0");
    assert_eq!(shelf.host.pin("p", "^1.0").unwrap().version().to_string(), "1.5.0");
    check("1.5.0");
    shelf.load("1.6.0");
    shelf.load("3.0.0");
    check("1.6.0");
    assert!(shelf.host.pin("p", "=1.0.0").unwrap().version() == one.version());
    check("1.0.0");
    assert_eq!(shelf.host.pinned("p").as_deref(), Some("=1.0.0"));
    assert!(shelf.host.unpin("p"));
    assert!(!shelf.host.unpin("p"));
    check("3.0.0");
    assert_eq!(shelf.host.pinned("p"), None);
}

#[test]
fn a_pin_that_cannot_be_is_refused() {
    let shelf = Shelf::new();
    let one = shelf.load("1.0.0");
    shelf.load("2.0.0");
    for (name, range, kind, expected) in [
        (
            "p",
            "^3",
            ErrorKind::NotFound,
            "cannot pin `p` to ^3: it is loaded in 1.0.0 (`DIR/p-1.0.0.lua`), 2.0.0 \
             (`DIR/p-2.0.0.lua`)",
        ),
        ("q", "^1", ErrorKind::NotFound, "no plugin `q` is loaded"),
        (
            "p",
            "newest",
            ErrorKind::Refused,
            "plugin `p`: `newest`: no range of versions, like \"^1.2\" or \"=1.2.0\": unexpected \
             character 'n' while parsing major version number",
        ),
    ] {
        let error = shelf.host.pin(name, range).unwrap_err();
        assert_eq!((shelf.text(&error).as_str(), error.kind()), (expected, kind));
        assert_eq!(shelf.newest(), "2.0.0");
    }
    let text = "---@requires p ^2.0\nfunction Which() return (host.plugin('p').Which()) end";
    let user = shelf.host.load_source("user", text).unwrap();
    shelf.host.pin("p", "^1").unwrap();
    let error = user.call("Which", ()).unwrap_err().to_string();
    assert!(error.contains("it requires `p` ^2.0, and `p` is loaded in 1.0.0 ("), "{error}");
    assert!(error.contains(", and pinned to ^1"), "{error}");
    // What it is pinned to goes: nothing else serves in its place.
    shelf.host.unload(one).unwrap();
    let error = shelf.host.plugin("p").unwrap_err();
    assert_eq!(
        shelf.text(&error),
        "`p` is pinned to ^1, and loaded in 2.0.0 (`DIR/p-2.0.0.lua`): unpin it, or load that"
    );
}

#[test]
fn one_version_takes_over_from_another() {
    let shelf = Shelf::new();
    let plugin = shelf.load("1.0.0");
    let events = shelf.host.events();
    let handle = plugin.func::<(), String>("Which").unwrap();
    assert_eq!(handle.call(()).unwrap(), "1.0.0");
    let two = shelf.version("2.0.0");
    shelf.host.replace(&plugin, &two).unwrap();
    assert_eq!((handle.call(()).unwrap().as_str(), count(&plugin)), ("2.0.0", 2));
    assert_eq!((plugin.path(), plugin.status().generation), (two.clone(), 2));
    let event = events.try_recv().unwrap();
    let told = (event.kind, event.version.to_string(), event.generation);
    assert_eq!(told, (EventKind::Reloaded, "2.0.0".to_owned(), 2));
    // It is that file's plugin now, and the other file is nobody's.
    assert_eq!(versions(&shelf.host.versions("p")), ["2.0.0"]);
    assert_eq!(shelf.host.load(&two).unwrap().status().generation, 2);
    shelf.write("p-2.0.0.lua", "---@plugin p 2.0.0\nfunction Which() return 'edited' end");
    shelf.host.reload(&plugin).unwrap();
    assert_eq!(handle.call(()).unwrap(), "edited");
    let older = shelf.load("1.0.0");
    assert_eq!((which(&older), which(&plugin)), ("1.0.0".to_owned(), "edited".to_owned()));
    // To an older one, too, if somebody wants it.
    shelf.host.unload(older).unwrap();
    shelf.host.replace(&plugin, shelf.path("p-1.0.0.lua")).unwrap();
    assert_eq!((handle.call(()).unwrap().as_str(), shelf.newest().as_str()), ("1.0.0", "1.0.0"));
}

#[test]
fn what_is_from_memory_is_replaced_by_a_file() {
    let shelf = Shelf::new();
    let text = "---@plugin p 1.0.0\nCount = 7 function Which() Count = 8 return 'memory' end";
    let plugin = shelf.host.load_source("p", text).unwrap();
    which(&plugin);
    shelf.host.replace(&plugin, shelf.version("1.0.0")).unwrap();
    // The file has another start, and the program has changed the value: the edit wins.
    assert_eq!((which(&plugin).as_str(), count(&plugin)), ("1.0.0", 1));
}

#[test]
fn a_handle_without_a_place_in_what_takes_over_ends() {
    let shelf = Shelf::new();
    let one = "---@plugin p 1.0.0\nX = 1 Y = 1\n---@return string\nfunction A() return 'a' end\n\
               function B() return 'b' end function C() end";
    let two = "---@plugin p 2.0.0\nX = 'text'\n---@return integer\nfunction A() return 1 end C = 1";
    let plugin = shelf.host.load(shelf.write("one.lua", one)).unwrap();
    let x = plugin.var::<i64>("X").unwrap();
    let y = plugin.var::<i64>("Y").unwrap();
    let a = plugin.func::<(), String>("A").unwrap();
    let b = plugin.func::<(), String>("B").unwrap();
    let c = plugin.func::<(), ()>("C").unwrap();
    let path = shelf.write("two.lua", two);
    shelf.host.replace(&plugin, &path).unwrap();
    let errors = [
        x.get().unwrap_err(),
        y.set(3).unwrap_err(),
        a.call(()).unwrap_err(),
        b.call(()).unwrap_err(),
        c.call(()).unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.kind() == ErrorKind::Stale), "{errors:?}");
    let was = "the plugin was replaced by 2.0.0, where";
    assert_eq!(
        errors.map(|error| error.to_string()),
        [
            format!(
                "plugin `p`: `X`: {was} `X` is `string`, was `number`: expected int, got string"
            ),
            format!("plugin `p`: `Y`: {was} `Y` is gone"),
            format!(
                "plugin `p`: `A`: {was} `A` is `() -> int`, was `() -> string`: result: expected \
                 string, got int"
            ),
            format!("plugin `p`: `B`: {was} `B` is gone"),
            format!("plugin `p`: `C`: {was} `C` is a variable, was a function"),
        ]
    );
    // What is looked up now is what is there now; and an edit may not do the same.
    let a = plugin.func::<(), i64>("A").unwrap();
    assert_eq!(a.call(()).unwrap(), 1);
    shelf.write("two.lua", "---@plugin p 2.0.0");
    let error = shelf.host.reload(&plugin).unwrap_err();
    assert!(error.to_string().contains("`A` is gone, and a handle on it is held"), "{error}");
    assert_eq!(a.call(()).unwrap(), 1);
}

#[test]
fn what_cannot_take_over_changes_nothing() {
    let shelf = Shelf::new();
    let plugin = shelf.load("1.0.0");
    which(&plugin);
    shelf.load("1.5.0");
    shelf.host.pin("p", "^1").unwrap();
    let other = shelf.write("q.lua", "---@plugin q 1.0.0");
    let broken = shelf.write("broken.lua", "---@plugin p 1.1.0\nfunction Which( end");
    let failing =
        shelf.write("failing.lua", "---@plugin p 1.1.0\nfunction on_load() error 'no' end");
    let same = shelf.write("same.lua", "---@plugin p 1.5.0");
    for (path, expected) in [
        (
            other,
            "`DIR/q.lua` is `q`, and only another `p` takes over from it: give it that name, or load \
             it beside",
        ),
        (
            shelf.path("p-1.5.0.lua"),
            "`DIR/p-1.5.0.lua` is loaded already, as `p` 1.5.0: unload that first",
        ),
        (same, "`p` 1.5.0 is loaded already, from `DIR/p-1.5.0.lua`: give it another version"),
        (
            shelf.version("2.0.0"),
            "`p` is pinned to ^1, and this is 2.0.0: unpin it, or give it a version of those",
        ),
        (shelf.path("none.lua"), "no plugin at `DIR/none.lua`: tried `DIR/none.lua`"),
        (broken, "cannot load `DIR/broken.lua`: broken.lua:2: "),
        (failing, "its on_load failed: failing.lua:2: no"),
    ] {
        let error = shelf.host.replace(&plugin, path).unwrap_err();
        let text = shelf.text(&error);
        let expected = format!("plugin `p`: not reloaded, load 1 serves on: {expected}");
        assert!(text.starts_with(&expected), "{text}\n{expected}");
        assert_eq!(error.kind(), ErrorKind::Reload);
        assert_eq!((which(&plugin).as_str(), plugin.path()), ("1.0.0", shelf.path("p-1.0.0.lua")));
    }
    // An edit that leaves the pin, of what it holds.
    shelf.host.unload(shelf.host.plugin("p").unwrap()).unwrap();
    shelf.write("p-1.0.0.lua", "---@plugin p 2.0.0\nfunction Which() return '2' end");
    let error = shelf.host.reload(&plugin).unwrap_err().to_string();
    assert!(error.contains("`p` is pinned to ^1, and this is 2.0.0"), "{error}");
    shelf.host.unpin("p");
    shelf.host.reload(&plugin).unwrap();
    assert_eq!((which(&plugin).as_str(), shelf.newest().as_str()), ("2", "2.0.0"));
    let gone = shelf.load("9.0.0");
    shelf.host.unload(gone.clone()).unwrap();
    let error = shelf.host.replace(&gone, shelf.version("9.1.0")).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("plugin `p`: the plugin is not loaded in this host", ErrorKind::Stale)
    );
}

#[test]
fn going_back_leads_to_the_next_older_version() {
    let shelf = Shelf::new();
    let plugin = shelf.load("1.0.0");
    let error = shelf.host.rollback("p").unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        (
            "cannot go back from `p` 1.0.0: no older version of it is loaded, and it has not taken \
             over from one",
            ErrorKind::NotFound
        )
    );
    shelf.host.replace(&plugin, shelf.version("2.0.0")).unwrap();
    shelf.host.replace(&plugin, shelf.version("3.0.0")).unwrap();
    which(&plugin);
    let beside = shelf.load("2.5.0");
    // The next older one is beside it.
    assert_eq!(versions(&[shelf.host.rollback("p").unwrap()]), ["2.5.0"]);
    assert_eq!(
        (shelf.newest().as_str(), shelf.host.pinned("p").as_deref()),
        ("2.5.0", Some("=2.5.0"))
    );
    shelf.host.unpin("p");
    shelf.host.unload(beside).unwrap();
    // Then those that it has taken over from, with what it has.
    for (to, pin, counted) in [("2.0.0", "=2.0.0", 2), ("1.0.0", "=1.0.0", 3)] {
        shelf.host.rollback("p").unwrap();
        assert_eq!((which(&plugin).as_str(), count(&plugin)), (to, counted));
        assert_eq!((shelf.newest().as_str(), shelf.host.pinned("p").as_deref()), (to, Some(pin)));
    }
    shelf.host.rollback("p").unwrap_err();
    // It holds: what is newer does not take over.
    let error = shelf.host.replace(&plugin, shelf.path("p-2.0.0.lua")).unwrap_err();
    assert!(error.to_string().contains("is pinned to =1.0.0"), "{error}");
    shelf.host.unpin("p");
    shelf.host.replace(&plugin, shelf.path("p-2.0.0.lua")).unwrap();
    // The older file was edited meanwhile.
    shelf.write("p-1.0.0.lua", "---@plugin p 1.0.1");
    let error = shelf.host.rollback("p").unwrap_err();
    assert_eq!(
        shelf.text(&error),
        "plugin `p`: not reloaded, load 6 serves on: `DIR/p-1.0.0.lua` was 1.0.0, and is 1.0.1 by \
         now: there is nothing to go back to"
    );
    assert_eq!((which(&plugin).as_str(), shelf.host.pinned("p")), ("2.0.0", None));
}

#[test]
fn who_needs_an_older_version_is_told() {
    let shelf = Shelf::new();
    let plugin = shelf.load("1.0.0");
    shelf.host.load_source("user", "---@requires p ^1.0").unwrap();
    let events = shelf.host.events();
    shelf.host.replace(&plugin, shelf.version("2.0.0")).unwrap();
    let notes = events.try_recv().unwrap().notes.join("\n");
    let path = shelf.path("p-2.0.0.lua");
    assert_eq!(
        notes,
        format!(
            "`user` lacks what it needs: it requires `p` ^1.0, and `p` is loaded in 2.0.0 (`{}`)",
            path.display()
        )
    );
}

#[test]
fn from_inside_it_is_done_later() {
    let shelf = Shelf::new();
    let two = shelf.version("2.0.0");
    let cell = std::sync::Arc::<std::sync::OnceLock<Host>>::default();
    let reaching = std::sync::Arc::clone(&cell);
    let host = Host::builder()
        .function("update", move || {
            let host = reaching.get().unwrap();
            host.replace(&host.plugin("p")?, &two)
        })
        .build()
        .unwrap();
    let host = cell.get_or_init(|| host);
    let text = "---@plugin p 1.0.0\nfunction Update() host.update() return 'went on' end";
    let plugin = host.load(shelf.write("one.lua", text)).unwrap();
    let events = host.events();
    // The handle is not held: version 2 has no such function.
    assert_eq!(plugin.call("Update", ()).unwrap(), "went on".into());
    let event = events.recv_timeout(std::time::Duration::from_secs(20)).unwrap();
    assert_eq!((event.kind, event.version.major), (EventKind::Reloaded, 2));
    assert_eq!(which(&plugin), "2.0.0");
}

#[test]
fn a_file_that_has_replaced_memory_is_that_plugins() {
    let shelf = Shelf::new();
    let plugin = shelf.host.load_source("p", "---@plugin p 1.0.0").unwrap();
    let path = shelf.version("1.0.0");
    shelf.host.replace(&plugin, &path).unwrap();
    assert_eq!(shelf.host.load(&path).unwrap(), plugin);
}
