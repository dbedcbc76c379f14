//! Calls for `await`: they run on threads of their own, so that no executor's is held up.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use parking_lot::Mutex;

use super::FuncLink;
use crate::error::{Error, ErrorKind, Result};
use crate::plugin::callers;
use crate::plugin::cancel::Cancellation;
use crate::plugin::{cannot_wait, contained, held, wake};

/// What [`Func::call_async`](super::Func::call_async) gives.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Calling<R: Send + 'static> {
    link: Arc<FuncLink>,
    state: State<R>,
}

enum State<R> {
    /// Not polled yet.
    New(Call<R>),
    Running(Arc<Called<R>>),
    Over,
}

type Call<R> = Box<dyn FnOnce() -> Result<R> + Send>;

/// What the future and the thread share.
struct Called<R> {
    cancellation: Arc<Cancellation>,
    progress: Mutex<Progress<R>>,
}

enum Progress<R> {
    Runs(Waker),
    /// What came of it, a panic too; `None` once it was taken.
    Ended(Option<thread::Result<Result<R>>>),
}

impl<R: Send + 'static> Calling<R> {
    pub(super) fn new(link: &Arc<FuncLink>, call: Call<R>) -> Self {
        Calling { link: Arc::clone(link), state: State::New(call) }
    }

    /// A call that would have to be waited for where that is not possible.
    fn cannot_wait(&self) -> Poll<Result<R>> {
        Poll::Ready(Err(self.link.place.at(cannot_wait("an asynchronous call"))))
    }

    /// Has a thread begin with the call.
    fn start(&mut self, call: Call<R>, waker: &Waker) -> Poll<Result<R>> {
        let called = Arc::new(Called {
            cancellation: Cancellation::new(),
            progress: Mutex::new(Progress::Runs(waker.clone())),
        });
        let ends = Arc::clone(&called);
        match callers::run(Box::new(move || ends.run(call))) {
            Ok(()) => {
                self.state = State::Running(called);
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(self.link.place.at(error))),
        }
    }
}

impl<R: Send + 'static> Called<R> {
    /// On a thread for calls, whose next one a panic must not hinder.
    fn run(self: Arc<Self>, call: Call<R>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| self.cancellation.run(call)));
        let before = std::mem::replace(&mut *self.progress.lock(), Progress::Ended(Some(outcome)));
        if let Progress::Runs(waker) = before {
            wake(waker, "an asynchronous call");
        }
        // Where the future is gone, what came of the call goes here, which is the embedding's code.
        if let Err(error) = contained(|| {
            drop(self);
            Ok(())
        }) {
            tracing::warn!(%error, "the result of a cancelled call, as it was dropped");
        }
    }

    /// What came of it; else that waker is woken.
    fn outcome(&self, waker: &Waker) -> Option<thread::Result<Result<R>>> {
        let mut progress = self.progress.lock();
        match &mut *progress {
            Progress::Ended(outcome) => outcome.take(),
            Progress::Runs(old) if old.will_wake(waker) => None,
            Progress::Runs(old) => {
                let old = std::mem::replace(old, waker.clone());
                drop(progress);
                drop(old);
                None
            }
        }
    }

    fn has_ended(&self) -> bool {
        matches!(*self.progress.lock(), Progress::Ended(_))
    }
}

impl<R: Send + 'static> Future for Calling<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let this = &mut *self;
        match std::mem::replace(&mut this.state, State::Over) {
            State::New(_) if held() > 0 => this.cannot_wait(),
            State::New(call) => this.start(call, context.waker()),
            State::Running(called) => match called.outcome(context.waker()) {
                Some(Ok(result)) => Poll::Ready(result),
                Some(Err(panic)) => resume_unwind(panic),
                None if held() > 0 => {
                    called.cancellation.cancel();
                    this.cannot_wait()
                }
                None => {
                    this.state = State::Running(called);
                    Poll::Pending
                }
            },
            State::Over => {
                let text = "a future of `call_async` was polled after it was ready";
                Poll::Ready(Err(Error::new(ErrorKind::Call, text)))
            }
        }
    }
}

impl<R: Send + 'static> Drop for Calling<R> {
    fn drop(&mut self) {
        if let State::Running(called) = &self.state
            && !called.has_ended()
        {
            called.cancellation.cancel();
        }
    }
}

// Nothing in it is pinned.
impl<R: Send + 'static> Unpin for Calling<R> {}

impl<R: Send + 'static> fmt::Debug for Calling<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FuncLink { place, target, .. } = &*self.link;
        write!(f, "Calling({place}{})", target.enter().signature)
    }
}
