//! Functions of the host that wait. A call of one is in two steps, so that who holds a plugin
//! lets go of it in between: its arguments are read, and then it runs.

use std::future::Future;
use std::sync::Arc;

use twinplug_value::{
    AsyncCallable, Callable, ConvertError, Data, Outcome, Params, Sink, Source, write,
};

use super::contained::{contained, failed};
use super::{deadline, overdue};
use crate::channel::{Cut, Life, block_on};
use crate::error::{Error, ErrorKind, Result};

/// Reads the arguments of a call; what is left to do is its [`Work`].
pub(super) type Begin = dyn Fn(&mut dyn Source) -> Result<Work> + Send + Sync;

/// A call whose arguments were read. It runs on the thread that waits, on behalf of a plugin
/// with that life.
pub(crate) struct Work(Box<Run>);

type Run = dyn FnOnce(&Life) -> Result<Answer> + Send;

/// What a function has returned, on its way into a plugin.
pub(crate) struct Answer(Box<Write>);

type Write = dyn FnOnce(&mut dyn Sink) -> Result<(), ConvertError>;

/// How to begin a call of a function that blocks.
pub(super) fn blocking<P, F>(function: F) -> Arc<Begin>
where
    P: Params + Send + 'static,
    F: Callable<P, Outcome: Outcome<Value: 'static>>,
{
    let function = Arc::new(function);
    Arc::new(move |args| {
        let (params, function) = (P::read(args)?, Arc::clone(&function));
        Ok(Work(Box::new(move |_| {
            let value = function.invoke(params).outcome().map_err(failed)?;
            Ok(Answer::new(value))
        })))
    })
}

/// How to begin a call of a function that answers with a future.
pub(super) fn asynchronous<P, F>(function: F) -> Arc<Begin>
where
    P: Params + Send + 'static,
    F: AsyncCallable<P, Outcome: Outcome<Value: 'static>>,
{
    let function = Arc::new(function);
    Arc::new(move |args| {
        let (params, function) = (P::read(args)?, Arc::clone(&function));
        Ok(Work(Box::new(move |life| {
            let value = finish(function.invoke(params), life)?.outcome().map_err(failed)?;
            Ok(Answer::new(value))
        })))
    })
}

/// Waits for a future, which is dropped where that ends before it is ready.
fn finish<F: Future>(future: F, life: &Life) -> Result<F::Output> {
    block_on(future, life, deadline().map(|deadline| deadline.at)).map_err(|cut| match cut {
        Cut::Gone => Error::new(ErrorKind::Stale, "the plugin was unloaded"),
        Cut::Late => late().unwrap_or_else(|| Error::new(ErrorKind::Call, "the call is over")),
    })
}

/// The error of a call that must have ended by now.
fn late() -> Option<Error> {
    overdue().map(|limit| Error::stopped(limit, None))
}

impl Work {
    /// That work.
    pub(super) fn new(run: impl FnOnce(&Life) -> Result<Answer> + Send + 'static) -> Work {
        Work(Box::new(run))
    }

    /// Runs it. A panic is the caller's error; that the call must have ended meanwhile is one,
    /// whatever has come of it.
    pub(super) fn run(self, life: &Life) -> Result<Answer> {
        let done = contained(|| (self.0)(life));
        match late() {
            Some(late) => {
                // What it gave is the embedding's, and so is what its drop does.
                let _ = contained(|| {
                    drop(done);
                    Ok(())
                });
                Err(late)
            }
            None => done,
        }
    }
}

impl Answer {
    pub(super) fn new<T: Data + 'static>(value: T) -> Answer {
        Answer(Box::new(move |sink| write(&value, sink)))
    }

    /// Writes it. Its drop is the embedding's code, as its conversion is.
    pub(super) fn write(self, sink: &mut dyn Sink) -> Result<()> {
        contained(|| (self.0)(sink).map_err(|error| error.of("result").into()))
    }
}
