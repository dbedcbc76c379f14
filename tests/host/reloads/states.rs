//! What a reload carries from one load of a script to the next.

use super::Edited;

#[test]
fn variables_are_carried_and_edited_constants_take_effect() {
    let text = "Score = 0 Speed = 10 Pd = { name = '', age = 0 }
        function Play() Score = Score + 1 Pd.age = Pd.age + 4 end";
    let edited = Edited::new(text);
    edited.plugin.call("Play", ()).unwrap();
    let edit = text.replace("Speed = 10", "Speed = 20").replace("name = ''", "name = 'you'");
    edited.edit(&edit).unwrap();
    let pd = edited.plugin.call("Play", ()).and_then(|_| edited.plugin.var("Pd")?.get());
    let pd: twinplug::Value = pd.unwrap();
    assert_eq!((edited.get("Score"), edited.get("Speed")), (2, 20));
    assert_eq!(serde_json::to_string(&pd).unwrap(), r#"{"age":8,"name":"you"}"#);
    assert_eq!(edited.events.try_recv().unwrap().notes, [""; 0]);
}

#[test]
fn what_both_have_changed_is_told() {
    let edited = Edited::new("Speed = 10 Old = 1");
    edited.plugin.var::<i64>("Speed").unwrap().set(15).unwrap();
    edited.plugin.var::<i64>("Old").unwrap().set(2).unwrap();
    edited.edit("Speed = 20").unwrap();
    assert_eq!(edited.get("Speed"), 20);
    let notes = edited.events.try_recv().unwrap().notes;
    let expected =
        ["`Old` is gone, and its value with it", "`Speed` was changed, and edited: the edit holds"];
    assert_eq!(notes, expected);
}

#[test]
fn private_state_is_carried() {
    let text = "local S = host.state { score = 0, speed = 1 }
        local Seen = host.state {}
        function Play(name) S.score = S.score + S.speed Seen[name] = true end
        function Told(name) return S.score .. ' ' .. tostring(Seen[name]) end";
    let edited = Edited::new(text);
    let told =
        |name: &str| edited.plugin.func::<(&str,), String>("Told").unwrap().call((name,)).unwrap();
    edited.plugin.call("Play", ("ann",)).unwrap();
    edited.edit(&text.replace("speed = 1", "speed = 10")).unwrap();
    assert_eq!(told("ann"), "1 true");
    edited.plugin.call("Play", ("bob",)).unwrap();
    edited.edit(text).unwrap();
    assert_eq!(told("bob"), "11 true");
    assert!(edited.plugin.lookup("score").is_err(), "nobody sees it");
}

#[test]
fn hooks_are_called_in_order_and_carry_the_rest() {
    let text = |name: &str| {
        format!(
            "---@plugin p {name}
            local function noted(what) return function() host.note('{name} ' .. what) end end
            on_pause, on_resume, on_unload = noted('pause'), noted('resume'), noted('unload')
            function on_load() host.note('{name} load') end
            function on_save() host.note('{name} save') return {{ from = '{name}' }} end
            function on_restore(value, version)
              host.note('{name} restore ' .. value.from .. ' of ' .. version)
            end"
        )
    };
    let edited = Edited::new(&text("1.0.0"));
    assert_eq!(edited.notes(), ["1.0.0 load"]);
    edited.edit(&text("2.0.0")).unwrap();
    let expected =
        ["1.0.0 pause", "1.0.0 save", "2.0.0 restore 1.0.0 of 1.0.0", "2.0.0 load", "1.0.0 unload"];
    assert_eq!(edited.notes(), expected);
    edited.edit(&format!("{}\nfunction on_load() error('no') end", text("3.0.0"))).unwrap_err();
    let expected = ["2.0.0 pause", "2.0.0 save", "3.0.0 restore 2.0.0 of 2.0.0", "2.0.0 resume"];
    assert_eq!(edited.notes(), expected);
    edited.host.unload(edited.plugin.clone()).unwrap();
    assert_eq!(edited.notes(), ["2.0.0 unload"]);
}

#[test]
fn functions_start_anew() {
    let text = "Handler = host.any(1) function Hold() Handler = function() end end";
    let edited = Edited::new(text);
    edited.plugin.call("Hold", ()).unwrap();
    edited.edit(text).unwrap();
    assert_eq!(edited.get("Handler"), 1);
    let expected = "`Handler` starts anew: functions and objects are not carried: make them anew \
        in `on_load`";
    assert_eq!(edited.events.try_recv().unwrap().notes, [expected]);
}

#[test]
fn state_is_given_as_tables_whose_fields_are_named_once() {
    let edited = Edited::new("");
    let error = edited.edit("host.state(1)").unwrap_err();
    let expected = "`host.state` takes a table: `host.state { score = 0 }`, got integer";
    assert!(error.to_string().contains(expected), "{error}");
    let error = edited.edit("host.state { a = 1 } host.state { a = 2 }").unwrap_err();
    assert!(error.to_string().contains("`a` is in the table of another `host.state`"), "{error}");
}
