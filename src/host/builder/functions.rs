//! The functions and constants that a host offers its plugins.

use std::collections::BTreeMap;
use std::sync::Arc;

use twinplug_value::{
    Argument, AsyncCallable, Callable, CallableWith, LeafFunction, Outcome, Params, Shared,
    TypeRef, Value,
};

use super::HostBuilder;
use crate::error::{Error, ErrorKind, Result, near};
use crate::host::names::check_name;
use crate::loading::Scripts;
use crate::plugin::{Constant, HostFunction, Mocks};

impl HostBuilder {
    /// Adds a function of up to 8 parameters, which plugins call; a name with dots is in a group:
    /// `world.spawn`. What it takes and returns is [`Data`](crate::Data); an `Err`, whose text is
    /// shown, and a panic are errors of the plugin that has called it.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder()
    ///     .function("world.spawn", |name: String, near: Option<bool>| match name.as_str() {
    ///         "fox" => Ok(if near == Some(true) { 1 } else { 2 }),
    ///         _ => Err(format!("no such animal: {name}")),
    ///     })
    ///     .build()?;
    /// let script = "function Spawn(name) return (host.world.spawn(name)) end";
    /// let spawn = host.load_source("game", script)?.func::<(&str,), i64>("Spawn")?;
    /// assert_eq!(spawn.call(("fox",))?, 2);
    /// let error = spawn.call(("yeti",)).unwrap_err().to_string();
    /// assert!(error.ends_with("host function `world.spawn`: no such animal: yeti"), "{error}");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn function<P: Params, F: Callable<P>>(self, name: &str, function: F) -> Self {
        self.with(name, HostFunction::new::<Scripts, P, F>(name, function))
    }

    /// Adds a *leaf* function: one of `i64`, `f64` and `bool`, with such a result or none, which
    /// calls nothing of this host and waits for nothing. Plugins call it as any other
    /// [`function`](HostBuilder::function), and get the same errors; of LuaJIT's compiled code
    /// the call costs what a function pointer does. (Code that LuaJIT runs without compiling it
    /// pays more than for others: it is for what loops call.)
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let gravity = 9.81;
    /// let host = twinplug::Host::builder()
    ///     .leaf("world.fall", move |speed: f64, time: f64| speed + gravity * time)
    ///     .build()?;
    /// let script = "function After(time) return host.world.fall(0, time) end";
    /// let plugin = host.load_source("falls", script)?;
    /// assert_eq!(plugin.func::<(f64,), f64>("After")?.call((2.0,))?, 19.62);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// It may return a `Result`, and a panic is its caller's error. It is held to its promise:
    /// what it asks of the script that has called it is refused.
    #[must_use]
    pub fn leaf<P: Params, F: LeafFunction<P>>(self, name: &str, function: F) -> Self {
        self.with(name, HostFunction::leaf::<Scripts, P, F>(name, function))
    }

    /// Adds a function that may wait: for a channel, a file, another plugin that is busy. A call
    /// of a script waits for it without holding the script's plugin, which others use meanwhile,
    /// as they do while it waits for a channel. From native code it blocks.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// use std::sync::mpsc;
    /// # use std::sync::Mutex;
    ///
    /// let (answer, question) = mpsc::channel::<String>();
    /// let question = Mutex::new(question);
    /// let host = twinplug::Host::builder()
    ///     .blocking_function("ask", move || question.lock().unwrap().recv())
    ///     .build()?;
    /// let script = "Asked = false function Ask() Asked = true local name = host.ask() return name end";
    /// let plugin = host.load_source("asks", script)?;
    /// let ask = plugin.func::<(), String>("Ask")?;
    /// let caller = std::thread::spawn(move || ask.call(()));
    ///
    /// let asked = plugin.var::<bool>("Asked")?;             // while it waits, the plugin is free
    /// while !asked.get()? {}
    /// answer.send("Go".into()).unwrap();
    /// assert_eq!(caller.join().unwrap()?, "Go");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// The time in it does not count for [time limits](HostBuilder::time_limit). A
    /// [deadline](crate::Func::call_within) includes it, and is looked at when it returns, as is
    /// whether the call was [cancelled](crate::Func::call_async). Where
    /// a script cannot wait (in `table.sort`, in a call that a plain
    /// [`function`](HostBuilder::function) has made), it is not called, and the error is `cannot
    /// wait here`.
    #[must_use]
    pub fn blocking_function<P, F>(self, name: &str, function: F) -> Self
    where
        P: Params + Send + 'static,
        F: Callable<P, Outcome: Outcome<Value: 'static>>,
    {
        self.with(name, HostFunction::blocking(name, function))
    }

    /// Adds a function that answers with a future. A call waits for it as for a
    /// [`blocking_function`](HostBuilder::blocking_function): that of a script without holding
    /// its plugin.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder()
    ///     .async_function("twice", |text: String| async move { text.repeat(2) })
    ///     .build()?;
    /// let plugin = host.load_source("asks", "function Ask() return (host.twice('ab')) end")?;
    /// assert_eq!(plugin.func::<(), String>("Ask")?.call(())?, "abab");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// The future is polled on the thread of the call, and may be woken from any. It is dropped
    /// before it is ready where the plugin is unloaded meanwhile, a
    /// [deadline](crate::Func::call_within) passes, or the call is
    /// [cancelled](crate::Func::call_async). One that needs a runtime finds that which the
    /// calling thread has entered; with tokio that is a thread of `spawn_blocking`, or any in the
    /// scope of `Handle::enter`. (A thread that runs tokio's tasks must not block: there is
    /// [`Func::call_async`](crate::Func::call_async) for it, whose threads have entered none.) A
    /// function that has a handle of its own needs none: `move |url: String| { let task =
    /// handle.spawn(get(url)); async move { task.await.map_err(|error| error.to_string()) } }`.
    #[must_use]
    pub fn async_function<P, F>(self, name: &str, function: F) -> Self
    where
        P: Params + Send + 'static,
        F: AsyncCallable<P, Outcome: Outcome<Value: 'static>>,
    {
        self.with(name, HostFunction::asynchronous(name, function))
    }

    /// Adds a function that works on a `T` of the program's, which [`Host::lend`](crate::Host::lend)
    /// lends to the calls of a thread; its other parameters are what plugins call it with.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// struct World { names: Vec<String> }
    ///
    /// let host = twinplug::Host::builder()
    ///     .function_with("world.spawn", |world: &mut World, name: String| {
    ///         world.names.push(name);
    ///         world.names.len()
    ///     })
    ///     .build()?;
    /// let script = "function Update() return (host.world.spawn('fox')) end";
    /// let update = host.load_source("game", script)?.func::<(), i64>("Update")?;
    ///
    /// let mut world = World { names: Vec::new() };
    /// assert_eq!(host.lend(&mut world, || update.call(()))?, 1);
    /// assert_eq!(world.names, ["fox"]);
    ///
    /// let error = update.call(()).unwrap_err().to_string();
    /// assert!(error.contains("host function `world.spawn`: it takes a `"), "{error}");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    ///
    /// While it runs nothing else can borrow the value: a plugin that it calls, and that calls such
    /// a function of the same `T` in turn, gets an error. The function may lend on what it was lent.
    #[must_use]
    pub fn function_with<T, P, F>(self, name: &str, function: F) -> Self
    where
        T: 'static,
        P: Params,
        F: CallableWith<T, P>,
    {
        let lender = self.lender.clone();
        self.with(name, HostFunction::lent::<Scripts, T, P, F>(name, lender, function))
    }

    /// Adds a function whose signature is known when the program runs: it takes values, which are
    /// of the types that the signature says, and its result is brought to the one that it says.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// use twinplug::Value;
    ///
    /// let host = twinplug::Host::builder()
    ///     .dynamic_function("world.count", "(kind: string, near: bool?) -> int", |args| {
    ///         Ok::<Value, String>(Value::Int(args.len() as i64))
    ///     })
    ///     .build()?;
    /// let script = "function Count() return host.world.count('fox') end";
    /// let plugin = host.load_source("counts", script)?;
    /// assert_eq!(plugin.func::<(), i64>("Count")?.call(())?, 1);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn dynamic_function<O: Outcome<Value = Value>>(
        mut self,
        name: &str,
        signature: &str,
        function: impl Fn(Vec<Value>) -> O + Send + Sync + 'static,
    ) -> Self {
        match signature.parse() {
            Ok(signature) => self.with(name, HostFunction::dynamic(name, signature, function)),
            Err(error) => {
                self.refuse(format!("function `{name}`: its signature: {error}"));
                self
            }
        }
    }

    /// Marks a function that plugins should not call any more, and says what they do in its
    /// place. It works as before: the first call of each plugin is a warning in the log, and
    /// editors strike it through.
    ///
    /// ```
    /// let host = twinplug::Host::builder()
    ///     .function("plus", |a: i64, b: i64| a + b)
    ///     .deprecated("plus", "use `+`")
    ///     .build()?;
    /// let definitions = host.definitions();
    /// assert!(definitions.file("host.lua").unwrap().contains("---@deprecated use `+`\n"));
    /// # Ok::<(), twinplug::Error>(())
    /// ```
    #[must_use]
    pub fn deprecated(mut self, name: &str, advice: &str) -> Self {
        if self.deprecated.insert(name.to_owned(), advice.to_owned()).is_some() {
            self.refuse(format!("function `{name}` is deprecated twice"));
        }
        self
    }

    /// Adds a constant, which plugins read: scripts as `host.NAME`, in a group where its name has
    /// dots, native ones by `HostRef::constant`. A list or a map is a table of the script's own.
    ///
    /// ```
    /// # #[cfg(feature = "_lua")] fn main() -> twinplug::Result<()> {
    /// let host = twinplug::Host::builder()
    ///     .constant("VERSION", "1.4.0")
    ///     .constant("world.SIZE", (64, 48))
    ///     .build()?;
    /// let script = "function Get() return host.VERSION, host.world.SIZE[2] end";
    /// let plugin = host.load_source("reads", script)?;
    /// let get = plugin.func::<(), (String, i64)>("Get")?;
    /// assert_eq!(get.call(())?, ("1.4.0".into(), 48));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "_lua"))] fn main() {}
    /// ```
    #[must_use]
    pub fn constant<T: Argument>(self, name: &str, value: T) -> Self {
        let value = Value::of(&value).map_err(|error| error.to_string());
        self.with_constant(name, value, Shared::Static(T::SCHEMA))
    }

    /// Adds a constant, or says why it has no value.
    pub(in crate::host) fn with_constant(
        mut self,
        name: &str,
        value: Result<Value, String>,
        ty: TypeRef,
    ) -> Self {
        self.check_name("constant", name);
        match value {
            // A name in a table of Lua's is one that has a value.
            Ok(Value::Null) => {
                self.refuse(format!("constant `{name}` is null: leave it out in place of that"));
            }
            Ok(value) => {
                if self.constants.insert(name.to_owned(), Constant { value, ty }).is_some() {
                    self.refuse(format!("constant `{name}` is there twice"));
                }
            }
            Err(error) => self.refuse(format!("constant `{name}`: {error}")),
        }
        self
    }

    fn with(mut self, name: &str, function: HostFunction) -> Self {
        self.check_name("function", name);
        if self.functions.insert(name.to_owned(), function).is_some() {
            self.refuse(format!("function `{name}` is there twice"));
        }
        self
    }

    /// The functions, with what was said of them.
    pub(super) fn finished_functions(
        &mut self,
        mocks: Option<&Mocks>,
    ) -> Result<BTreeMap<String, Arc<HostFunction>>> {
        let mut functions = std::mem::take(&mut self.functions);
        for (name, advice) in std::mem::take(&mut self.deprecated) {
            let Some(function) = functions.get_mut(&name) else {
                let near = near(&name, functions.keys().map(String::as_str));
                let message = format!("no function `{name}` is there to be deprecated{near}");
                return Err(Error::new(ErrorKind::Refused, message));
            };
            function.advice = Some(advice);
        }
        let finish = |(name, function): (String, HostFunction)| {
            let function = mocks.map_or(function.clone(), |mocks| function.mockable(mocks));
            (name, Arc::new(function))
        };
        Ok(functions.into_iter().map(finish).collect())
    }

    fn check_name(&mut self, what: &str, name: &str) {
        let functions = self.functions.keys().map(String::as_str);
        let constants = self.constants.keys().map(String::as_str);
        if let Err(message) = check_name(what, name, functions, constants) {
            self.refuse(message);
        }
    }
}
