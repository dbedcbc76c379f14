//! [`Select`]: waits for whichever of several channels is first.
//!
//! It tries all of them; then it leaves a waiter in each, all with one ticket, and looks whether
//! one has become ready meanwhile. If so, it takes them back and tries again; else whoever comes
//! to one of the channels finds the waiter there. Two that meet while both do this may both
//! take them back: they try again, at their own pace.

use std::cell::Cell;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use twinplug_value::Data;

use super::life::{Ends, Life};
use super::queue::Side;
use super::spin::Spin;
use super::wait::{End, Ticket};
use super::waiter::Waiter;
use super::{Channel, cancelled, late, until};
use crate::error::{Error, ErrorKind, Result, WaitFault};
use crate::plugin::{cancellation, cannot_wait, held};

/// Receives from, or sends to, whichever of several channels is ready first; one of them, and
/// nothing happens to the others. Where several are ready, they have their turns.
///
/// ```
/// use twinplug::{Host, Select};
///
/// #[derive(Debug, PartialEq)]
/// enum Event {
///     Key(i64),
///     Text(String),
///     Told,
/// }
///
/// let host = Host::builder()
///     .channel::<i64>("keys", 4)
///     .channel::<String>("texts", 4)
///     .channel::<bool>("news", 1)
///     .build()?;
/// let (keys, texts, news) = (host.channel("keys")?, host.channel("texts")?, host.channel("news")?);
/// texts.send("hello".to_owned())?;
/// let event = || Select::new().recv(&keys, Event::Key).recv(&texts, Event::Text);
/// assert_eq!(event().wait()?, Event::Text("hello".to_owned()));
/// assert!(event().try_now().unwrap_err().would_wait());
/// assert_eq!(event().send(&news, true, || Event::Told).wait()?, Event::Told);
/// assert!(news.recv()?);
/// # Ok::<(), twinplug::Error>(())
/// ```
#[must_use = "nothing happens before `wait`"]
pub struct Select<'c, R> {
    cases: Vec<Box<dyn Case<R> + 'c>>,
}

/// One of the channels.
trait Case<R> {
    /// What comes of it without waiting; `None` if it would wait.
    fn attempt(&mut self) -> Option<Result<R>>;
    /// Leaves a waiter there.
    fn join(&mut self, ticket: &Arc<Ticket>, number: usize);
    /// Whether another one waits there for this one, or it has ended.
    fn is_ready(&self, own: &Ticket) -> bool;
    /// Takes the waiter back.
    fn leave(&mut self);
    /// What comes of a waiter that was met.
    fn met(&mut self) -> Option<R>;
    fn life(&self) -> Option<&Life>;
    fn spin(&self) -> &Spin;
}

thread_local! {
    /// Which of the channels is tried first.
    static TURN: Cell<usize> = const { Cell::new(0) };
}

impl<R> Default for Select<'_, R> {
    fn default() -> Self {
        Select { cases: Vec::new() }
    }
}

impl<'c, R: 'c> Select<'c, R> {
    /// Of no channel yet.
    pub fn new() -> Self {
        Select::default()
    }

    /// Receives a message, of which `then` makes what [`wait`](Select::wait) gives.
    pub fn recv<T: Data + Send + 'static>(
        self,
        channel: &'c Channel<T>,
        then: impl FnOnce(T) -> R + 'c,
    ) -> Self {
        self.with(Receives { channel, then: Some(then), waiter: None })
    }

    /// Sends a message; `then` says what [`wait`](Select::wait) gives. Where it is not sent it
    /// is dropped.
    pub fn send<T: Data + Send + 'static>(
        self,
        channel: &'c Channel<T>,
        message: T,
        then: impl FnOnce() -> R + 'c,
    ) -> Self {
        self.with(Sends { channel, message: Some(message), then: Some(then), waiter: None })
    }

    fn with(mut self, case: impl Case<R> + 'c) -> Self {
        self.cases.push(Box::new(case));
        self
    }

    /// Waits for the first.
    ///
    /// # Errors
    /// One of the channels is closed, and was to be sent to or is empty; or waiting is not
    /// possible here. A loop that shall go on without a channel leaves it out
    /// ([`Channel::is_closed`]).
    pub fn wait(self) -> Result<R> {
        self.run(Some(until(None)))
    }

    /// Waits for the first, for at most this long.
    ///
    /// # Errors
    /// As [`wait`](Select::wait), or the time has passed ([`Error::would_wait`]).
    pub fn wait_timeout(self, timeout: Duration) -> Result<R> {
        self.run(Some(until(Some(timeout))))
    }

    /// Takes what needs no waiting.
    ///
    /// # Errors
    /// As [`wait`](Select::wait), or all would wait ([`Error::would_wait`]).
    pub fn try_now(self) -> Result<R> {
        self.run(None)
    }

    fn run(mut self, wait: Option<Option<Instant>>) -> Result<R> {
        if self.cases.is_empty() {
            return Err(Error::new(ErrorKind::Channel, "a select without channels"));
        }
        loop {
            if let Some(result) = self.attempt() {
                return result;
            }
            let Some(until) = wait else {
                let error = Error::new(ErrorKind::Channel, "none of the channels is ready");
                return Err(error.with_wait(WaitFault::WouldWait));
            };
            if held() > 0 {
                return Err(cannot_wait("any of several channels"));
            }
            if let Some(error) = cancelled("a select") {
                return Err(error);
            }
            if let Some(result) = self.meet(until) {
                return result;
            }
        }
    }

    /// Tries all, beginning with another one each time.
    fn attempt(&mut self) -> Option<Result<R>> {
        let count = self.cases.len();
        let first = TURN.replace(TURN.get().wrapping_add(1));
        (0..count).find_map(|step| self.cases[first.wrapping_add(step) % count].attempt())
    }

    /// Waits until one comes; `None` where all are to be tried again.
    fn meet(&mut self, until: Option<Instant>) -> Option<Result<R>> {
        let ticket = Arc::new(Ticket::of_thread());
        for (number, case) in self.cases.iter_mut().enumerate() {
            case.join(&ticket, number);
        }
        let is_ready = self.cases.iter().any(|case| case.is_ready(&ticket));
        if !is_ready {
            self.sleep(&ticket, until);
        }
        let is_late = !is_ready && !ticket.is_rung();
        let end = if ticket.is_rung() { ticket.end() } else { Some(ticket.give_up()) };
        let end = end.unwrap_or(End::GivenUp);
        for (number, case) in self.cases.iter_mut().enumerate() {
            if end != End::Met(number) {
                case.leave();
            }
        }
        match end {
            End::Met(number) => self.cases[number].met().map(Ok),
            _ if is_late => Some(Err(late("a select"))),
            _ => {
                thread::yield_now();
                None
            }
        }
    }

    fn sleep(&self, ticket: &Arc<Ticket>, until: Option<Instant>) {
        let is_rung = || ticket.is_rung().then_some(());
        if self.cases[0].spin().until(until, is_rung, |()| true).is_some() {
            return;
        }
        let wait: Arc<dyn Ends> = Arc::clone(ticket) as _;
        let cancellation = cancellation();
        let call = cancellation.as_ref().map(|cancellation| cancellation.life());
        let lives = self.cases.iter().filter_map(|case| case.life()).chain(call);
        let _tied: Vec<_> = lives.map(|life| life.tie(Arc::clone(&wait))).collect();
        ticket.sleep(until);
    }
}

impl Ends for Ticket {
    fn end(&self) {
        if self.claim(End::Gone) {
            self.ring();
        }
    }
}

struct Receives<'c, T, F> {
    channel: &'c Channel<T>,
    then: Option<F>,
    waiter: Option<Arc<Waiter<T>>>,
}

struct Sends<'c, T, F> {
    channel: &'c Channel<T>,
    message: Option<T>,
    then: Option<F>,
    waiter: Option<Arc<Waiter<T>>>,
}

/// What comes of a step that would wait is to be seen later.
fn ready<T>(result: Result<T>) -> Option<Result<T>> {
    match result {
        Err(error) if error.would_wait() => None,
        result => Some(result),
    }
}

impl<T: Data + Send + 'static, R, F: FnOnce(T) -> R> Case<R> for Receives<'_, T, F> {
    fn attempt(&mut self) -> Option<Result<R>> {
        let received = ready(self.channel.try_recv())?;
        let then = self.then.take()?;
        Some(received.map(then))
    }

    fn join(&mut self, ticket: &Arc<Ticket>, number: usize) {
        let waiter = Waiter::shared(ticket, number, None);
        self.channel.inner.queue.add(&waiter, Side::Receive);
        self.waiter = Some(waiter);
    }

    fn is_ready(&self, own: &Ticket) -> bool {
        self.channel.inner.queue.is_ready(Side::Receive, own)
    }

    fn leave(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.channel.inner.queue.forget(&waiter);
        }
    }

    fn met(&mut self) -> Option<R> {
        let message = self.waiter.take()?.take()?;
        self.then.take().map(|then| then(message))
    }

    fn life(&self) -> Option<&Life> {
        self.channel.life()
    }

    fn spin(&self) -> &Spin {
        self.channel.inner.queue.spin(Side::Receive)
    }
}

impl<T: Data + Send + 'static, R, F: FnOnce() -> R> Case<R> for Sends<'_, T, F> {
    fn attempt(&mut self) -> Option<Result<R>> {
        if let Err(error) = self.channel.check_tie() {
            return Some(Err(error));
        }
        match self.channel.inner.try_send(self.message.take()?) {
            Ok(()) => self.then.take().map(|then| Ok(then())),
            Err((message, error)) if error.would_wait() => {
                self.message = Some(message);
                None
            }
            Err((_, error)) => Some(Err(error)),
        }
    }

    fn join(&mut self, ticket: &Arc<Ticket>, number: usize) {
        let waiter = Waiter::shared(ticket, number, self.message.take());
        self.channel.inner.queue.add(&waiter, Side::Send);
        self.waiter = Some(waiter);
    }

    fn is_ready(&self, own: &Ticket) -> bool {
        self.channel.inner.queue.is_ready(Side::Send, own)
    }

    fn leave(&mut self) {
        if let Some(waiter) = self.waiter.take() {
            self.channel.inner.queue.forget(&waiter);
            self.message = waiter.take();
        }
    }

    fn met(&mut self) -> Option<R> {
        self.then.take().map(|then| then())
    }

    fn life(&self) -> Option<&Life> {
        self.channel.life()
    }

    fn spin(&self) -> &Spin {
        self.channel.inner.queue.spin(Side::Send)
    }
}
