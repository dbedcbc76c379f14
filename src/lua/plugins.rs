//! Other plugins, as scripts see them: `host.plugin("other")`.
//!
//! A function is a C function that holds a handle, and looks it up anew once plugins have come
//! or gone. Where scripts are compiled, one that calls nothing of the host is called by its C
//! type instead (`leaf`).

use std::cell::RefCell;
use std::ffi::c_int;
use std::ptr;
use std::sync::Arc;

use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, LuaString, MultiValue, Value};
use twinplug_value::to_sink;

#[cfg(feature = "luajit")]
use super::host_functions::{Answer, raise};
use super::library;
use super::limits::{self, Section};
use super::sink::StackSink;
use super::source::read_arguments;
use super::vm::{Core, GoesOn, Pending, Shared, broken};
use crate::error::{Error, Result};
use crate::plugin::{Dynamic, Func, Plugin, Plugins, Symbol, contained, held, overdue};

/// What `host` has of what a layer lies over, and the name of that for the functions here.
pub(super) const BASE_KEY: &str = "base";
const BASE: &str = "";

/// Values that a result puts on the stack while it is written.
const FOR_WRITING: c_int = 20;

/// The functions of other plugins that a VM has been given.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "what a C function points to stays where it is")]
pub(super) struct Links(RefCell<Vec<Box<Link>>>);

/// One function, at an address of its own.
pub(super) struct Link {
    core: *const Core,
    plugin: String,
    symbol: String,
    /// `None` in a console.
    current: Option<RefCell<Current>>,
    /// Likewise.
    #[cfg(feature = "luajit")]
    pub(super) compiled: Option<super::leaf::Callee>,
}

/// A handle, and at which change of the plugins it was looked up.
struct Current {
    changes: u64,
    function: Func<Dynamic>,
}

/// One of the functions that the prelude makes `host.plugin` of.
pub(super) fn function(core: &Core, name: &[u8]) -> mlua::Result<Function> {
    let lua = core.border.lua();
    let core = core.handed();
    match name {
        b"find_plugin" => lua.create_function(move |lua, name: Value| {
            let found = name_of(&name).and_then(|name| core.get().shared.plugin(&name));
            Ok(answer(core.get(), lua, found.map(|_| Value::Nil)))
        }),
        b"has_plugin" => lua.create_function(move |_, name: LuaString| {
            Ok(core.get().shared.plugin(&name.to_string_lossy()).is_ok())
        }),
        b"plugin_member" => {
            lua.create_function(move |lua, (may_wait, plugin, symbol): (bool, LuaString, Value)| {
                let found = name_of(&symbol).and_then(|symbol| {
                    core.get().member(lua, may_wait, &plugin.to_string_lossy(), &symbol)
                });
                Ok(found.unwrap_or_else(|error| answer(core.get(), lua, Err(error))))
            })
        }
        _ => lua.create_function(
            move |lua, (may_wait, plugin, symbol, value): (bool, LuaString, Value, Value)| {
                let set = name_of(&symbol).and_then(|symbol| {
                    core.get().set(lua, may_wait, &plugin.to_string_lossy(), &symbol, &value)
                });
                Ok(set.unwrap_or_else(|error| answer(core.get(), lua, Err(error))))
            },
        ),
    }
}

/// The core, for functions that the VM runs.
#[derive(Clone, Copy)]
pub(super) struct SharedCore(*const Core);

// SAFETY: mlua may want its functions to be so; it is followed by the VM's functions alone, and
// so with the VM entered.
unsafe impl Send for SharedCore {}
// SAFETY: as above.
unsafe impl Sync for SharedCore {}

impl SharedCore {
    pub(super) fn get<'c>(self) -> &'c Core {
        // SAFETY: a function of the VM asks, which lives no longer than its core.
        unsafe { &*self.0 }
    }
}

fn name_of(name: &Value) -> Result<String> {
    match name.as_string() {
        Some(name) => Ok(name.to_string_lossy()),
        None => {
            let message = format!("a name is a string, got {}", name.type_name());
            Err(Error::new(crate::error::ErrorKind::Type, message))
        }
    }
}

/// True and a value; or false, and what the prelude raises.
fn answer(core: &Core, lua: &Lua, result: Result<Value>) -> MultiValue {
    let error = match result {
        Ok(value) => return MultiValue::from_iter([Value::Boolean(true), value]),
        Err(error) => told(error),
    };
    match core.shared.trails.raise(lua, &core.border, &error) {
        Some(thrown) => MultiValue::from_iter([Value::Boolean(false), Value::Table(thrown)]),
        None => super::host_table::refused(lua, error.message()),
    }
}

impl Shared {
    /// The newest plugin of that name.
    fn plugin(&self, name: &str) -> Result<Arc<dyn Plugin>> {
        self.newest(&*self.host()?.plugins()?, name)
    }

    /// The symbol of the newest plugin of that name, or of what this one is a layer over.
    pub(super) fn symbol(
        &self,
        plugins: &dyn Plugins,
        plugin: &str,
        symbol: &str,
    ) -> Result<Symbol> {
        match (plugin, &self.base) {
            (BASE, Some(base)) => base.lookup(symbol),
            _ => self.newest(plugins, plugin)?.lookup(symbol),
        }
    }

    /// The newest plugin of that name: of one that this plugin requires, in its range.
    fn newest(&self, plugins: &dyn Plugins, name: &str) -> Result<Arc<dyn Plugin>> {
        match self.requires.iter().find(|requirement| requirement.name == name) {
            Some(requirement) => plugins.required(requirement),
            None => plugins.newest(name),
        }
    }
}

/// What a plugin is called in messages.
fn called(plugin: &str) -> &str {
    if plugin == BASE { BASE_KEY } else { plugin }
}

impl Core {
    /// For a function that this VM is given.
    pub(super) fn handed(&self) -> SharedCore {
        SharedCore(ptr::from_ref(self))
    }

    /// True, whether to wait, and a variable's value; or true, nothing, and a function with,
    /// where it may be compiled, what it takes for that.
    fn member(&self, lua: &Lua, may_wait: bool, plugin: &str, symbol: &str) -> Result<MultiValue> {
        let host = self.shared.host()?;
        let plugins = host.plugins()?;
        let changes = plugins.changes();
        let yes = Value::Boolean(true);
        match self.shared.symbol(&*plugins, plugin, symbol)? {
            Symbol::Var(var) if may_wait && is_alone() => {
                let of = Place::new(plugin, symbol, Given::Value);
                Ok(self.wait_for(Some(of), move || var.get().map(|value| vec![value])))
            }
            Symbol::Var(var) => {
                let value = {
                    let _host = Section::of_host();
                    contained(|| var.get())?
                };
                let value = super::sink::to_lua(lua, &self.border, &value);
                let value = value.map_err(|error| {
                    Place::new(plugin, symbol, Given::Value).named(error.into())
                })?;
                Ok(MultiValue::from_iter([yes, Value::Boolean(false), value]))
            }
            Symbol::Func(function) => {
                let kept = (!self.shared.is_console()).then_some(function);
                let link = Box::new(Link {
                    core: self,
                    plugin: plugin.to_owned(),
                    symbol: symbol.to_owned(),
                    #[cfg(feature = "luajit")]
                    compiled: kept
                        .as_ref()
                        .map(|kept| super::leaf::Callee::new(kept, &*plugins, changes)),
                    current: kept.map(|function| RefCell::new(Current { changes, function })),
                });
                let closure = link.closure(lua, call).map_err(broken)?;
                let found = [yes, Value::Nil, Value::Function(closure)];
                #[cfg(feature = "luajit")]
                let leaf = super::leaf::described(self, lua, &link)?;
                #[cfg(not(feature = "luajit"))]
                let leaf = [];
                self.links.0.borrow_mut().push(link);
                Ok(found.into_iter().chain(leaf).collect())
            }
        }
    }

    /// True, and whether to wait.
    fn set(
        &self,
        lua: &Lua,
        may_wait: bool,
        plugin: &str,
        symbol: &str,
        value: &Value,
    ) -> Result<MultiValue> {
        let plugins = self.shared.host()?.plugins()?;
        let var = match self.shared.symbol(&*plugins, plugin, symbol)? {
            Symbol::Var(var) => var,
            function => function.into_var::<twinplug_value::Value>()?,
        };
        let value = super::source::read_lua(lua, &self.border, value)
            .map_err(|error| Place::new(plugin, symbol, Given::Value).named(error.into()))?;
        if may_wait && is_alone() {
            return Ok(self.wait_for(None, move || var.set(value).map(|()| Vec::new())));
        }
        let _host = Section::of_host();
        contained(|| var.set(value))?;
        Ok(MultiValue::from_iter([Value::Boolean(true), Value::Boolean(false)]))
    }

    /// Has the call wait for what another plugin does, and says so. The place is named in the error
    /// of what the script cannot get of it; there is none where it gets nothing.
    fn wait_for(
        &self,
        of: Option<Place>,
        used: impl FnOnce() -> Result<Vec<twinplug_value::Value>> + Send + 'static,
    ) -> MultiValue {
        self.shared.will_wait(Pending::Visit(Box::new(|| Ok(used_elsewhere(of, used)))));
        MultiValue::from_iter([Value::Boolean(true), Value::Boolean(true)])
    }
}

/// Whether a plugin that is let go is the last one that this thread holds. Inside of a function of
/// the host another one is held on, and what needs no wait is done as it is.
pub(super) fn is_alone() -> bool {
    held() == 1
}

/// What a call goes on with that has used another plugin, or what of it was used.
pub(super) fn used_elsewhere(
    of: Option<Place>,
    used: impl FnOnce() -> Result<Vec<twinplug_value::Value>>,
) -> GoesOn {
    match contained(used) {
        Ok(results) => GoesOn::Results(Used { of, results }),
        Err(error) => GoesOn::Error(told(error)),
    }
}

/// A symbol of another plugin, as errors name it.
pub(super) struct Place {
    plugin: String,
    symbol: String,
    /// What comes of it.
    given: Given,
}

/// What another plugin gives.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    Results,
    /// The value of a variable, which needs no further word.
    Value,
}

impl Place {
    fn new(plugin: &str, symbol: &str, given: Given) -> Place {
        Place { plugin: called(plugin).to_owned(), symbol: symbol.to_owned(), given }
    }

    /// An error of what is brought over from it, or for it.
    fn named(&self, error: Error) -> Error {
        error.at_symbol(&self.symbol).in_plugin(&self.plugin)
    }
}

/// What came of the use of another plugin.
pub(super) struct Used {
    of: Option<Place>,
    results: Vec<twinplug_value::Value>,
}

impl Used {
    /// Pushes it as [`push_results`] does.
    ///
    /// # Safety
    /// As there.
    pub(super) unsafe fn push(&self, core: &Core, state: *mut lua_State) -> Result<c_int> {
        let given = self.of.as_ref().map_or(Given::Results, |of| of.given);
        // SAFETY: as the caller says.
        let pushed = unsafe { push_results(core, state, &self.results, given) };
        pushed.map_err(|error| match &self.of {
            Some(of) => told(of.named(error)),
            None => error,
        })
    }
}

/// Runs what a script has called with the arguments that are the stack; answers as the prelude's
/// `finish` takes it.
///
/// # Safety
/// `state` is that of a C function that runs, of this core's VM.
pub(super) unsafe fn answered(
    core: &Core,
    state: *mut lua_State,
    run: impl FnOnce() -> Result<c_int>,
) -> c_int {
    let outer = core.current.replace(state);
    core.border.forget_room();
    let called = match outer.is_null() {
        true => Err(crate::plugin::Gone::Unloaded.error()),
        false => contained(run).map_err(told),
    };
    core.current.set(outer);
    called.unwrap_or_else(|error| {
        // SAFETY: as the caller says.
        unsafe {
            ffi::lua_settop(state, 0);
            ffi::lua_pushboolean(state, 0);
            core.push_thrown(state, &error);
        }
        2
    })
}

/// Pushes what `finish` takes for results that are there.
///
/// # Safety
/// As `answered`; or the VM is entered, and the coroutine waits.
pub(super) unsafe fn push_results(
    core: &Core,
    state: *mut lua_State,
    results: &[twinplug_value::Value],
    given: Given,
) -> Result<c_int> {
    core.border.forget_room();
    // SAFETY: as the caller says; room is made.
    unsafe {
        core.border.reserve(state, results.len() as c_int + FOR_WRITING)?;
        ffi::lua_pushboolean(state, 1);
        ffi::lua_pushboolean(state, 0);
        let mut sink = StackSink::new(&core.border, state);
        for result in results {
            to_sink(result, &mut sink).map_err(|error| match given {
                Given::Results => error.of("result"),
                Given::Value => error,
            })?;
        }
    }
    Ok(results.len() as c_int + 2)
}

impl Link {
    /// A C function that is [`answered`](Link::answered) by it.
    pub(super) fn closure(
        &self,
        lua: &Lua,
        function: ffi::lua_CFunction,
    ) -> mlua::Result<Function> {
        let link = ptr::from_ref(self);
        // SAFETY: mlua runs it protected, with room for two values, and nothing to drop. The
        // link stays where it is while the VM lives.
        unsafe {
            lua.exec_raw((), |state| {
                ffi::lua_pushlightuserdata(state, link.cast_mut().cast());
                library::push(state, function, c"plugin function", 1);
            })
        }
    }

    /// What a C function of compiled calls does that `closure` has made: it answers what `answer`
    /// says, or raises it.
    ///
    /// # Safety
    /// `state` is that of such a function, which has nothing else to drop.
    #[cfg(feature = "luajit")]
    pub(super) unsafe fn answered(
        state: *mut lua_State,
        answer: impl FnOnce(&Link, &Core) -> Answer,
    ) -> c_int {
        // SAFETY: `closure` has put the link there; it and its core live as long as the VM
        // that runs this.
        let answer = unsafe {
            let link = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Link>();
            answer(&*link, &*(*link).core)
        };
        match answer {
            Answer::Results(count) => count,
            // SAFETY: nothing is left to drop.
            other => unsafe { raise(state, other) },
        }
    }

    /// Calls it with the arguments that are the stack; answers as the prelude's `finish` takes
    /// it. Where the script's call can wait, the plugin is let go meanwhile.
    ///
    /// # Safety
    /// `state` is that of a C function that runs.
    unsafe fn call(&self, core: &Core, state: *mut lua_State) -> c_int {
        // SAFETY: as the caller says.
        unsafe { answered(core, state, || self.run(core, state)) }
    }

    /// # Safety
    /// As `call`.
    unsafe fn run(&self, core: &Core, state: *mut lua_State) -> Result<c_int> {
        let function = self.function(core)?;
        // SAFETY: as the caller says: the arguments stay where they are, and there is room for
        // 20 values above them.
        unsafe {
            let count = ffi::lua_gettop(state);
            let arguments = read_arguments(&core.border, state, 1, count);
            let arguments = arguments.map_err(|error| self.named(error.into()))?;
            let may_leave = limits::may_wait(state) && is_alone();
            let called = {
                let _host = Section::of_host();
                match may_leave {
                    true => function.call_leaf(&arguments),
                    false => Some(function.call_all(&arguments)),
                }
            };
            let Some(results) = called else {
                let call = move || function.call_all(&arguments);
                let of = Some(Place::new(&self.plugin, &self.symbol, Given::Results));
                core.shared.will_wait(Pending::Visit(Box::new(|| Ok(used_elsewhere(of, call)))));
                ffi::lua_pushboolean(state, 1);
                ffi::lua_pushboolean(state, 1);
                return Ok(2);
            };
            push_results(core, state, &results?, Given::Results).map_err(|error| self.named(error))
        }
    }

    /// An error of what is brought over for it.
    pub(super) fn named(&self, error: Error) -> Error {
        error.at_symbol(&self.symbol).in_plugin(called(&self.plugin))
    }

    /// The handle, looked up anew where other plugins have come or gone, and in a console always.
    fn function(&self, core: &Core) -> Result<Func<Dynamic>> {
        let plugins = core.shared.host()?.plugins()?;
        let look_up = || core.shared.symbol(&*plugins, &self.plugin, &self.symbol)?.into_dynamic();
        let Some(current) = &self.current else { return look_up() };
        let changes = plugins.changes();
        let mut current = current.borrow_mut();
        if current.changes != changes {
            let function = look_up()?;
            #[cfg(feature = "luajit")]
            if let Some(compiled) = &self.compiled {
                compiled.follow(&function, &*plugins, changes);
            }
            *current = Current { changes, function };
        }
        Ok(current.function.clone())
    }
}

/// The error of another plugin, whose name its text begins with. A deadline that has passed is
/// that of all calls of the thread, as is that they were cancelled; other limits are the other
/// plugin's own.
fn told(error: Error) -> Error {
    let told = Error::new(error.kind(), error.to_string()).with_inside_of(&error);
    let told = match overdue() {
        Some(limit) => told.with_limit(limit),
        None => told,
    };
    told.with_source(error)
}

/// What raises it.
#[cfg(feature = "luajit")]
pub(super) fn failed(core: &Core, state: *mut lua_State, error: Error) -> Answer {
    core.raised(state, &told(error))
}

/// A function of another plugin.
unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: `Link::closure` has put the link there; it and its core live as long as the VM
    // that runs this. Nothing is raised.
    unsafe {
        let link = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Link>();
        (*link).call(&*(*link).core, state)
    }
}
