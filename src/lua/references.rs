//! Functions, objects and buffers on a Lua stack: what others have made is a function or a
//! userdata here, and what a script has made can be used from outside (`callee`).
//!
//! A userdata holds one of them. What it is made of lies behind a metatable that scripts do not
//! see, and is told by a mark in that. The same one is the same value as long as the script has
//! it. What the collector frees is dropped once the VM is entered the next time, as the drop runs
//! code that is not ours.

mod buffers;
mod callee;
mod own;

use std::cell::{Cell, OnceCell, RefCell};
use std::ffi::{CStr, c_int, c_void};
use std::sync::Weak;

use mlua::Lua;
use mlua::ffi::{self, lua_State};
use twinplug_value::{ConvertError, Function, Look, Reference, Type, Value};

use super::border::Border;
use super::limits::{self, Section};
use super::plugins::{Given, answered, is_alone, used_elsewhere};
use super::raw;
use super::source::read_arguments;
use super::vm::{Core, Pending, Vm};
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::contained;
pub(super) use buffers::{FUNCTIONS as BUFFER_FUNCTIONS, new_buffer};
use callee::LuaObject;
pub(super) use callee::{LuaFunction, new_object};

/// What is freed in one call, and more, is dropped in it.
const MOST_FREED: usize = 64;

/// What a VM keeps for them.
#[derive(Default)]
pub(super) struct References {
    vm: OnceCell<Weak<Vm>>,
    /// The prelude's table of its own.
    raw: Cell<Option<raw::Reference>>,
    /// The prelude's table of what is behind functions of others, which it holds weakly; `None`
    /// before there is any.
    functions: Cell<Option<raw::Reference>>,
    /// What the collector has freed.
    freed: RefCell<Vec<Reference>>,
    /// What the script's own objects and buffers take, in bytes.
    taken: Cell<usize>,
}

/// What is in a userdata.
struct Held {
    reference: Option<Reference>,
    /// What of the script's memory it takes beside.
    taken: usize,
    references: *const References,
}

/// Its address marks the metatables of what holds a reference.
static MARK: u8 = 0;

/// The mark, for the prelude.
pub(super) fn mark() -> *mut c_void {
    (&raw const MARK).cast_mut().cast()
}

/// A function of ours for the prelude, by its name there.
pub(super) fn function(name: &[u8]) -> Option<ffi::lua_CFunction> {
    let found = BUFFER_FUNCTIONS.iter().find(|(other, _)| *other == name);
    found.map(|(_, function)| *function).or(match name {
        b"release_reference" => Some(release),
        _ => None,
    })
}

impl References {
    pub(super) fn belong_to(&self, vm: Weak<Vm>) {
        let _ = self.vm.set(vm);
    }

    pub(super) fn are_made_with(&self, raw: raw::Reference) {
        self.raw.set(Some(raw));
    }

    /// What the script's own objects and buffers take beside the VM's memory, in bytes.
    pub(super) fn taken(&self) -> usize {
        self.taken.get()
    }

    /// Drops what the collector has freed, where that has become much. With the VM entered.
    fn drop_many_freed(&self) {
        if self.freed.borrow().len() > MOST_FREED {
            self.drop_freed();
        }
    }

    /// Drops what the collector has freed. With the VM entered.
    #[cold]
    pub(super) fn drop_freed(&self) {
        let freed = self.freed.take();
        super::vm::dropped(freed);
    }

    /// A userdata has gone. Its content is the embedding's, and dropped later.
    fn free(&self, held: &mut Held) {
        self.taken.set(self.taken.get() - held.taken);
        let is_own = std::mem::take(&mut held.taken) > 0;
        if let Some(reference) = held.reference.take() {
            if is_own {
                // Memory of ours, and nobody's code: of an object there is the reference to a table.
                drop(reference);
                return;
            }
            self.freed.borrow_mut().push(reference);
            if let Some(vm) = self.vm.get().and_then(Weak::upgrade) {
                vm.has_something_to_drop();
            }
        }
    }
}

/// Pushes a function, an object or a buffer.
///
/// # Safety
/// The VM is entered, and `state` is one of its coroutines that does not run, or that of the C
/// function that runs, with room for some values.
#[cold]
pub(super) unsafe fn push(
    border: &Border,
    state: *mut lua_State,
    reference: &Reference,
) -> Result<(), ConvertError> {
    // SAFETY: as the caller says.
    unsafe { push_taking(border, state, reference, 0) }
}

/// As `push`, of what the script has made, and takes so many bytes of what it may.
///
/// # Safety
/// As `push`.
unsafe fn push_taking(
    border: &Border,
    state: *mut lua_State,
    reference: &Reference,
    taken: usize,
) -> Result<(), ConvertError> {
    if let Reference::Func(function) = reference
        && let Some(function) = function.callee::<LuaFunction>()
        && function.is_of(border)
    {
        // SAFETY: as the caller says; it is a value of this VM.
        unsafe { function.push(state) };
        return Ok(());
    }
    let Some(prelude) = border.references.raw.get() else {
        return Err(ConvertError::new("the plugin is not loaded yet"));
    };
    border.references.drop_many_freed();
    let pushed = Pushed { border, prelude, reference, taken };
    // SAFETY: as the caller says; what is lent outlives the step.
    unsafe { border.run(state, push_known, (&raw const pushed).cast(), 1) }
}

/// What `push_known` gets.
struct Pushed<'p> {
    border: &'p Border,
    prelude: raw::Reference,
    reference: &'p Reference,
    taken: usize,
}

/// Pushes what holds a reference: the value that the script has of it, or a new one. May raise.
///
/// # Safety
/// `state` runs a C function, which has nothing to drop; `pushed` is a `Pushed`.
unsafe fn push_known(state: *mut lua_State, pushed: *const c_void) {
    // SAFETY: as the caller says. What is made of a VM's values is on the stack, in the frame of
    // a C function, with room for 20 of them.
    unsafe {
        let pushed = &*pushed.cast::<Pushed<'_>>();
        let references = &pushed.border.references;
        pushed.prelude.push(state);
        let prelude = ffi::lua_gettop(state);
        let known = prelude + 1;
        ffi::lua_getfield(state, prelude, c"known_references".as_ptr());
        if references.functions.get().is_none() {
            ffi::lua_getfield(state, prelude, c"reference_functions".as_ptr());
            references.functions.set(Some(raw::Reference::new(state)));
        }
        ffi::lua_pushlightuserdata(state, address(pushed.reference));
        if ffi::lua_rawget(state, known) == ffi::LUA_TNIL {
            ffi::lua_settop(state, known);
            push_held(state, pushed, prelude);
            ffi::lua_pushlightuserdata(state, address(pushed.reference));
            ffi::lua_pushvalue(state, -2);
            ffi::lua_rawset(state, known);
        }
        ffi::lua_replace(state, prelude);
        ffi::lua_settop(state, prelude);
    }
}

/// Pushes a new userdata that holds a reference, or the function that calls it. May raise.
///
/// # Safety
/// As `push_known`; the prelude's table is at that index.
unsafe fn push_held(state: *mut lua_State, pushed: &Pushed<'_>, prelude: c_int) {
    // SAFETY: as the caller says. The userdata is whole before anything can raise, and from the
    // metatable on it is freed by the collector; nothing raises in between.
    unsafe {
        let make = match pushed.reference {
            Reference::Func(_) => c"make_function",
            Reference::Object(_) => c"make_object",
            Reference::Buffer(_) => c"make_buffer",
        };
        ffi::lua_getfield(state, prelude, make.as_ptr());
        let make = ffi::lua_gettop(state);
        let held = new_userdata(state);
        held.write(Held {
            reference: Some(pushed.reference.clone()),
            taken: pushed.taken,
            references: &raw const pushed.border.references,
        });
        let references = &pushed.border.references;
        references.taken.set(references.taken.get() + pushed.taken);
        // Until it has its own, it has the one that frees it.
        ffi::lua_getfield(state, prelude, c"held_meta".as_ptr());
        ffi::lua_setmetatable(state, make + 1);
        ffi::lua_pushvalue(state, make);
        ffi::lua_pushvalue(state, make + 1);
        match pushed.reference {
            Reference::Object(object) => {
                for text in [object.class(), object.methods()] {
                    ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len());
                }
            }
            Reference::Buffer(buffer) => {
                let name = buffer.element().name();
                ffi::lua_pushlstring(state, name.as_ptr().cast(), name.len());
                ffi::lua_pushnil(state);
            }
            Reference::Func(_) => {
                ffi::lua_pushnil(state);
                ffi::lua_pushnil(state);
            }
        }
        // Of an object and of a buffer it is a metatable, and a function is a closure.
        ffi::lua_call(state, 3, 1);
        match pushed.reference {
            Reference::Func(_) => ffi::lua_replace(state, make),
            _ => {
                ffi::lua_setmetatable(state, make + 1);
                ffi::lua_replace(state, make);
            }
        }
        ffi::lua_settop(state, make);
    }
}

/// Room for what a userdata holds. May raise.
///
/// # Safety
/// As `push_known`. It is written to before anything else is done.
#[cfg(not(feature = "luau"))]
unsafe fn new_userdata(state: *mut lua_State) -> *mut Held {
    // SAFETY: as the caller says; Lua aligns it for pointers and numbers.
    unsafe { ffi::lua_newuserdata(state, size_of::<Held>()).cast() }
}

/// Room for what a userdata holds, which is dropped with it. May raise.
///
/// # Safety
/// As `push_known`. It is written to before anything else is done.
#[cfg(feature = "luau")]
unsafe fn new_userdata(state: *mut lua_State) -> *mut Held {
    unsafe extern "C" fn drop_held(_: *mut lua_State, held: *mut c_void) {
        // SAFETY: Luau calls it with what was written there, once.
        unsafe { free(held.cast()) };
    }
    // SAFETY: as the caller says; Luau aligns it for pointers and numbers.
    unsafe { ffi::lua_newuserdatadtor(state, size_of::<Held>(), drop_held).cast() }
}

/// # Safety
/// It was written, and is not used any more.
unsafe fn free(held: *mut Held) {
    // SAFETY: as the caller says; what it belongs to goes after all of the VM's values.
    unsafe {
        let held = &mut *held;
        (*held.references).free(held);
    }
}

/// The `__gc` of what holds a reference.
unsafe extern "C-unwind" fn release(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls it with the userdata, and scripts cannot get at it.
    unsafe {
        if let Some(held) = held(state, 1) {
            free(held);
        }
    }
    0
}

/// What the userdata at an index holds, if it is one of ours.
///
/// # Safety
/// `state` is of a VM that is entered, has something there, and room for two values.
unsafe fn held(state: *mut lua_State, index: c_int) -> Option<*mut Held> {
    // SAFETY: as the caller says: what has the mark in its metatable was made here, as scripts
    // have neither.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TUSERDATA
            || ffi::lua_getmetatable(state, index) == 0
        {
            return None;
        }
        ffi::lua_pushlightuserdata(state, mark());
        let is_ours = ffi::lua_rawget(state, -2) != ffi::LUA_TNIL;
        ffi::lua_pop(state, 2);
        is_ours.then(|| ffi::lua_touserdata(state, index).cast())
    }
}

/// What the userdata at an index is, if it holds an object or a buffer.
///
/// # Safety
/// As `held`.
pub(super) unsafe fn look(state: *mut lua_State, index: c_int) -> Option<Look<'static>> {
    // SAFETY: as the caller says; nobody changes it meanwhile.
    match unsafe { held(state, index).map(|held| &(*held).reference) }? {
        Some(Reference::Object(_)) => Some(Look::Object),
        Some(Reference::Buffer(_)) => Some(Look::Buffer),
        _ => None,
    }
}

/// The type of a userdata that holds an object or a buffer.
pub(super) fn type_of(lua: &Lua, value: &mlua::Value) -> Option<Type> {
    let mut ty = None;
    // SAFETY: mlua runs it in a protected call, whose frame has room for 20 values, with the
    // value alone in it.
    let ran = unsafe {
        lua.exec_raw::<()>(value, |state| {
            ty = match held(state, 1).map(|held| &(*held).reference) {
                Some(Some(Reference::Object(_))) => Some(Type::Object),
                Some(Some(Reference::Buffer(buffer))) => Some(Type::Buffer(Some(buffer.element()))),
                _ => None,
            };
            ffi::lua_settop(state, 0);
        })
    };
    ran.ok().and(ty)
}

/// The reference that the function or the userdata at an index is.
///
/// # Safety
/// As `held`, with room for some values.
#[cold]
pub(super) unsafe fn read(
    border: &Border,
    state: *mut lua_State,
    index: c_int,
) -> Result<Reference, ConvertError> {
    // SAFETY: as the caller says; nobody changes it meanwhile.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TFUNCTION {
            let held = held(state, index).and_then(|held| (*held).reference.clone());
            return held.ok_or_else(|| ConvertError::new("no reference"));
        }
        if let Some(functions) = border.references.functions.get() {
            functions.push(state);
            ffi::lua_pushvalue(state, index);
            ffi::lua_rawget(state, -2);
            let known = held(state, -1).and_then(|held| (*held).reference.clone());
            ffi::lua_pop(state, 2);
            if let Some(known) = known {
                return Ok(known);
            }
        }
        let function = LuaFunction::of(border, state, index)?;
        Ok(Reference::Func(Function::of(function)))
    }
}

/// What tells it from others, as long as somebody has it.
fn address(reference: &Reference) -> *mut c_void {
    reference.identity().cast_mut().cast()
}

/// `call_reference(held, method, ...)`: calls a function, or an object's method; answers as the
/// prelude's `finish` takes it. The upvalue is the core.
pub(super) unsafe extern "C-unwind" fn call_reference(state: *mut lua_State) -> c_int {
    // SAFETY: the prelude's maker has put the core there, which lives as long as the VM.
    unsafe {
        let core = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<Core>();
        answered(&*core, state, || run(&*core, state))
    }
}

/// # Safety
/// `state` is that of a C function that runs, with a userdata, a name or nil, and arguments.
unsafe fn run(core: &Core, state: *mut lua_State) -> Result<c_int> {
    // SAFETY: as the caller says: what it is called with stays where it is.
    unsafe {
        let held = held(state, 1).and_then(|held| (*held).reference.clone());
        let called = match held {
            Some(Reference::Func(function)) => Called::Function(function),
            Some(Reference::Object(object)) => {
                let name = super::library::text(state, 2).unwrap_or_default();
                Called::Method(object, String::from_utf8_lossy(name).into_owned())
            }
            _ => return Err(no_object(state)),
        };
        let count = ffi::lua_gettop(state);
        let arguments = read_arguments(&core.border, state, 3, (count - 2).max(0))?;
        if limits::may_wait(state) && is_alone() {
            let call = move || called.call(&arguments);
            core.shared.will_wait(Pending::Visit(Box::new(|| Ok(used_elsewhere(None, call)))));
            ffi::lua_pushboolean(state, 1);
            ffi::lua_pushboolean(state, 1);
            return Ok(2);
        }
        let results = {
            let _host = Section::of_host();
            contained(|| called.call(&arguments))?
        };
        super::plugins::push_results(core, state, &results, Given::Results)
    }
}

/// What is wrong where something else stands in an object's place.
///
/// # Safety
/// As `run`.
unsafe fn no_object(state: *mut lua_State) -> Error {
    // SAFETY: as the caller says; a type's name lives as the program.
    let (name, got) = unsafe {
        let name = super::library::text(state, 2).map(String::from_utf8_lossy);
        (name.unwrap_or_default(), CStr::from_ptr(ffi::luaL_typename(state, 1)))
    };
    let got = got.to_string_lossy();
    let message = format!("`{name}` takes its object first, got {got}: `object:{name}(..)`");
    Error::new(ErrorKind::Type, message)
}

/// What is called.
enum Called {
    Function(Function),
    Method(twinplug_value::Object, String),
}

impl Called {
    fn call(&self, arguments: &[Value]) -> Result<Vec<Value>> {
        let result = match self {
            Called::Function(function) => match function.callee::<LuaFunction>() {
                Some(function) => return function.call_all(arguments),
                None => function.call_values(arguments),
            },
            Called::Method(object, method) => match object.downcast::<LuaObject>() {
                Some(object) => return object.call_all(method, arguments),
                None => object.call_values(method, arguments),
            },
        };
        result.map(|result| vec![result]).map_err(Error::from)
    }
}
