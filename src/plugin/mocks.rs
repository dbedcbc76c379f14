//! Functions of the host that are no closures of Rust types: those that take values, with a
//! signature that is only known when the program runs, and the stand-ins that tests give for
//! others.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use twinplug_value::{
    Function, Outcome, Signature, Sink, Source, Type, Value, from_source, to_sink,
};

use super::contained::failed;
use super::host_function::{Body, HostFunction, Turn};
use super::waiting::{Answer, Work};
use crate::error::{Error, Result};

/// The stand-ins of a host that is for tests.
#[derive(Default)]
pub(crate) struct Mocks {
    stand_ins: StandIns,
    /// The functions that the host itself does not have.
    added: Mutex<BTreeMap<String, Arc<HostFunction>>>,
}

/// By the names of the functions.
type StandIns = Arc<RwLock<BTreeMap<String, Function>>>;

impl Mocks {
    /// Has another function called in place of one that the host has.
    pub(crate) fn set(&self, name: &str, stand_in: Function) {
        // What was there is a plugin's, perhaps, and dropped with no lock held.
        let before = self.stand_ins.write().insert(name.to_owned(), stand_in);
        drop(before);
    }

    /// The same for one that the host does not have: any values, and any result.
    pub(crate) fn add(&self, name: &str, stand_in: Function) {
        let any: Signature = "(...) -> any".parse().expect("it is a signature");
        let missing = HostFunction::dynamic(name, any, |_| Ok::<_, Error>(Value::Null));
        let function = Arc::new(missing.mockable(self));
        self.set(name, stand_in);
        self.added.lock().entry(name.to_owned()).or_insert(function);
    }

    /// All stand-ins, by name.
    pub(crate) fn stand_ins(&self) -> Vec<(String, Function)> {
        let stand_ins = self.stand_ins.read();
        stand_ins.iter().map(|(name, function)| (name.clone(), function.clone())).collect()
    }

    /// The functions that the host itself does not have.
    pub(crate) fn added(&self) -> Vec<(String, Arc<HostFunction>)> {
        let added = self.added.lock();
        added.iter().map(|(name, function)| (name.clone(), Arc::clone(function))).collect()
    }

    /// That one of them.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<HostFunction>> {
        self.added.lock().get(name).cloned()
    }
}

impl HostFunction {
    /// One of values, which are brought to the types of its signature before, as its result is
    /// after.
    pub(crate) fn dynamic<O: Outcome<Value = Value>>(
        name: &str,
        signature: Signature,
        function: impl Fn(Vec<Value>) -> O + Send + Sync + 'static,
    ) -> HostFunction {
        let types = signature.clone();
        let run = move |args: &mut dyn Source, result: &mut dyn Sink, turn: &Turn| {
            let args = read(&types, args)?;
            let value = turn.within(|| function(args).outcome().map_err(failed))?;
            write(&types.result, value, result)
        };
        HostFunction::with_body(name, signature, Body::Plain(Arc::new(run)))
    }

    /// It, unless there is a stand-in: that is called as itself then, with the same types.
    pub(crate) fn mockable(&self, mocks: &Mocks) -> HostFunction {
        let (name, stand_ins) = (self.name().to_owned(), Arc::clone(&mocks.stand_ins));
        let stand_in = move || stand_ins.read().get(&name).cloned();
        let types = self.signature.clone();
        let body = match self.body.clone() {
            Body::Plain(own) => Body::Plain(Arc::new(move |args, result, turn| {
                let Some(stand_in) = stand_in() else { return own(args, result, turn) };
                let args = read(&types, args)?;
                let value = turn.within(|| stand_in.call_values(&args))?;
                write(&types.result, value, result)
            })),
            Body::Waits(own) => Body::Waits(Arc::new(move |args| {
                let Some(stand_in) = stand_in() else { return own(args) };
                let (args, ty) = (read(&types, args)?, types.result.clone());
                Ok(Work::new(move |_| {
                    let value = stand_in.call_values(&args)?;
                    let value = ty.coerce(value).map_err(|error| error.of("result"))?;
                    Ok(Answer::new(value))
                }))
            })),
        };
        let mut function = HostFunction::with_body(self.name(), self.signature.clone(), body);
        function.advice = self.advice.clone();
        function
    }
}

/// The arguments that `args` stands on the list of.
fn read(signature: &Signature, args: &mut dyn Source) -> Result<Vec<Value>> {
    Ok(signature.coerce_args(from_source(args)?)?)
}

fn write(ty: &Type, value: Value, result: &mut dyn Sink) -> Result<()> {
    let value = ty.coerce(value).map_err(|error| error.of("result"))?;
    to_sink(&value, result).map_err(|error| error.of("result").into())
}
