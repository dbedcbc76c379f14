//! What a script subscribes to: `host.on`.
//!
//! The handlers are the prelude's, by their numbers; one function of its own finds them. So what
//! has ended is not found, and nothing of a script is kept here.

use std::sync::Arc;

use mlua::{Function, Lua, LuaString, MultiValue, Value};
use parking_lot::Mutex;
use twinplug_value::{ConvertError, Sink, Type, to_sink};

use super::border::refer;
use super::raw::Reference;
use super::symbols::LuaFunc;
use super::vm::{Core, Shared, Vm, broken};
use crate::error::Result;
use crate::plugin::{RawFunc, Results, Subscriber, as_one, receive};

/// The subscriptions of a VM, in their order.
#[derive(Default)]
pub(super) struct Subscriptions(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    /// What finds a handler, and calls it.
    dispatch: Option<Reference>,
    last: i64,
    list: Vec<(i64, String)>,
}

impl Subscriptions {
    fn add(&self, lua: &Lua, event: String, dispatch: Function) -> mlua::Result<i64> {
        let known = self.0.lock().dispatch;
        let dispatch = match known {
            Some(dispatch) => dispatch,
            None => refer(lua, dispatch)?,
        };
        let mut inner = self.0.lock();
        inner.dispatch = Some(dispatch);
        inner.last += 1;
        let number = inner.last;
        inner.list.push((number, event));
        Ok(number)
    }

    fn remove(&self, number: i64) {
        self.0.lock().list.retain(|(other, _)| *other != number);
    }

    /// The VM goes.
    pub(super) fn clear(&self) {
        *self.0.lock() = Inner::default();
    }
}

/// One of the functions that the prelude makes `host.on` of.
pub(super) fn function(core: &Core, name: &[u8]) -> mlua::Result<Function> {
    let (lua, core) = (core.border.lua(), core.handed());
    match name {
        b"subscribe" => {
            lua.create_function(move |lua, (event, dispatch): (LuaString, Function)| {
                let subscriptions = &core.get().shared.subscriptions;
                let number = subscriptions.add(lua, event.to_string_lossy(), dispatch);
                Ok(match number.map_err(broken) {
                    Ok(number) => {
                        MultiValue::from_iter([Value::Boolean(true), Value::Number(number as f64)])
                    }
                    Err(error) => super::host_table::refused(lua, error.message()),
                })
            })
        }
        _ => lua.create_function(move |_, number: f64| {
            core.get().shared.subscriptions.remove(number as i64);
            Ok(())
        }),
    }
}

/// Those who have subscribed to an event.
pub(super) fn subscribers(vm: &Arc<Vm>, event: &str) -> Vec<Subscriber> {
    let shared: &Shared = &vm.shared;
    let inner = shared.subscriptions.0.lock();
    let Some(dispatch) = inner.dispatch else { return Vec::new() };
    let numbers = inner.list.iter().filter(|(_, other)| other == event).map(|(number, _)| *number);
    let name = shared.name();
    let subscriber = |number| {
        let function = LuaFunc::new(Arc::clone(vm), dispatch, Type::Any.into());
        Subscriber::new(&name, event, move |args| tell(&function, number, args))
    };
    numbers.map(subscriber).collect()
}

/// Calls the handler of that number; `None` where there is none any more.
fn tell(
    dispatch: &LuaFunc,
    number: i64,
    args: &[twinplug_value::Value],
) -> Result<Option<twinplug_value::Value>> {
    use twinplug_value::Value;
    let mut write = |sink: &mut dyn Sink| -> Result<(), ConvertError> {
        to_sink(&(number as f64), sink)?;
        args.iter().try_for_each(|arg| to_sink(arg, sink))
    };
    let mut results: Vec<Value> = receive(|got| dispatch.call(&mut write, Results::All, got))?;
    if results.is_empty() {
        return Ok(None);
    }
    // That there was one.
    results.remove(0);
    Ok(Some(as_one(results)))
}
