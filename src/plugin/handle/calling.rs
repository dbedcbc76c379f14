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
use crate::error::{Error, ErrorKind, Limit, Result};
use crate::plugin::callers;
use crate::plugin::cancel::Cancellation;
use crate::plugin::chain::by;
use crate::plugin::{cannot_wait, contained, deadline, held, wake};

/// What [`Func::call_async`](super::Func::call_async) gives: a call that begins when it is first
/// polled, and is cancelled where this is dropped before it is ready. It may take a while to end
/// then: `unload` waits for it as for others. `Send` and `Unpin`; one task polls it, so it need not
/// be `Sync`.
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
        let (ends, deadline) = (Arc::clone(&called), deadline());
        match callers::run(Box::new(move || by(deadline, || ends.run(call)))) {
            Ok(()) => {
                self.state = State::Running(called);
                Poll::Pending
            }
            Err(error) => {
                called.cancellation.done();
                Poll::Ready(Err(self.link.place.at(error)))
            }
        }
    }
}

impl<R: Send + 'static> Called<R> {
    /// On a thread for calls, whose next one a panic must not hinder.
    fn run(self: Arc<Self>, call: Call<R>) {
        let outcome = catch_unwind(AssertUnwindSafe(|| match self.cancellation.is_cancelled() {
            // Nobody waits for it.
            true => Err(Error::stopped(Limit::Cancelled, None)),
            false => self.cancellation.run(call),
        }));
        self.cancellation.done();
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
        // What a waker does is the embedding's, and done without the lock.
        let waker = waker.clone();
        let mut progress = self.progress.lock();
        let (old, outcome) = match &mut *progress {
            Progress::Ended(outcome) => (waker, outcome.take()),
            Progress::Runs(old) => (std::mem::replace(old, waker), None),
        };
        drop(progress);
        drop(old);
        outcome
    }

    fn has_ended(&self) -> bool {
        matches!(*self.progress.lock(), Progress::Ended(_))
    }
}

impl<R: Send + 'static> Future for Calling<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<R>> {
        let this = &mut *self;
        match &this.state {
            State::New(_) => {
                let State::New(call) = std::mem::replace(&mut this.state, State::Over) else {
                    return Poll::Pending;
                };
                match held() {
                    0 => this.start(call, context.waker()),
                    _ => this.cannot_wait(),
                }
            }
            State::Running(called) => {
                let outcome = called.outcome(context.waker());
                if outcome.is_none() && held() > 0 {
                    called.cancellation.cancel();
                    this.state = State::Over;
                    return this.cannot_wait();
                }
                let Some(outcome) = outcome else { return Poll::Pending };
                this.state = State::Over;
                Poll::Ready(outcome.unwrap_or_else(|panic| resume_unwind(panic)))
            }
            State::Over => {
                let text = "a future of `call_async` was polled after it was ready";
                let error = Error::new(ErrorKind::Call, text);
                Poll::Ready(Err(this.link.place.at(error)))
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
