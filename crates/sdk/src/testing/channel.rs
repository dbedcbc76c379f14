//! The channels of the test host: what was sent is kept, what is to be received was put
//! there before.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use twinplug_abi as abi;
use twinplug_value::{Data, Type, Value};

use crate::{Error, Result};

/// The channels by name.
#[derive(Default)]
pub(super) struct Channels(Mutex<HashMap<String, Queue>>);

struct Queue {
    ty: &'static Type,
    /// For the plugin.
    incoming: VecDeque<Value>,
    /// From the plugin.
    sent: Vec<Value>,
    closed: bool,
}

impl Channels {
    pub(super) fn add(&self, name: &str, ty: &'static Type) {
        let queue = Queue { ty, incoming: VecDeque::new(), sent: Vec::new(), closed: false };
        self.lock().insert(name.to_owned(), queue);
    }

    /// Whether there is such a channel, and the plugin's type goes with it.
    pub(super) fn check(&self, name: &str, ty: &Type) -> Result<()> {
        self.with(name, |queue| {
            queue.ty.accepts(ty).and_then(|_| ty.accepts(queue.ty)).map_err(Error::from)?;
            Ok(())
        })
    }

    /// A message of the plugin's.
    pub(super) fn push(&self, name: &str, message: Value) -> Result<()> {
        self.with(name, |queue| match queue.closed {
            true => Err(closed()),
            false => {
                queue.sent.push(queue.ty.coerce(message)?);
                Ok(())
            }
        })
    }

    /// The next message for the plugin.
    pub(super) fn pop(&self, name: &str) -> Result<Value> {
        self.with(name, |queue| match queue.incoming.pop_front() {
            Some(message) => Ok(message),
            None if queue.closed => Err(closed()),
            None => Err(Error {
                status: abi::CANNOT_WAIT,
                text: format!("nobody has sent to `{name}`: the test does so before"),
            }),
        })
    }

    /// A message of the test's.
    pub(super) fn put<T: Data>(&self, name: &str, message: &T) -> Result<()> {
        let message = Value::of(message)?;
        self.with(name, |queue| {
            queue.incoming.push_back(queue.ty.coerce(message)?);
            Ok(())
        })
    }

    pub(super) fn close(&self, name: &str) -> Result<()> {
        self.with(name, |queue| {
            queue.closed = true;
            Ok(())
        })
    }

    /// What the plugin has sent, taken out.
    pub(super) fn take<T: Data>(&self, name: &str) -> Result<Vec<T>> {
        let sent = self.with(name, |queue| Ok(std::mem::take(&mut queue.sent)))?;
        sent.iter().map(|message| Ok(message.to()?)).collect()
    }

    fn with<R>(&self, name: &str, run: impl FnOnce(&mut Queue) -> Result<R>) -> Result<R> {
        match self.lock().get_mut(name) {
            Some(queue) => run(queue),
            None => Err(Error {
                status: abi::NOT_FOUND,
                text: format!("the host has no channel `{name}`"),
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        // What panicked in between has left whole messages.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Error {
    Error { status: abi::CLOSED, text: "the channel is closed".into() }
}
