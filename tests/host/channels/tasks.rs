//! Sending and receiving for `await`: under tokio, under an executor of a few lines, by hand.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use twinplug::{Channel, Host, Receiving, Sending};

use crate::twins::message;

/// Counts how often a task is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn channel(capacity: usize) -> (Host, Channel<i64>) {
    let host = Host::builder().channel::<i64>("c", capacity).build().unwrap();
    let channel = host.channel("c").unwrap();
    (host, channel)
}

fn poll<F: Future + Unpin>(future: &mut F, woken: &Arc<Woken>) -> Poll<F::Output> {
    let waker = Waker::from(Arc::clone(woken));
    pin!(future).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_task_is_woken_when_its_message_is_there() {
    for capacity in [0, 1] {
        let (_host, channel) = channel(capacity);
        let woken = Arc::default();
        let mut receiving = channel.recv_async();
        assert!(poll(&mut receiving, &woken).is_pending());
        // With capacity 0 it counts as one who waits.
        channel.try_send(1).unwrap();
        assert_eq!(woken.0.load(Ordering::SeqCst), 1);
        assert!(matches!(poll(&mut receiving, &woken), Poll::Ready(Ok(1))));
    }
}

#[test]
fn the_last_waker_is_woken() {
    let (_host, channel) = channel(0);
    let (first, last) = (Arc::default(), Arc::default());
    let mut sending = channel.send_async(3);
    assert!(poll(&mut sending, &first).is_pending());
    assert!(poll(&mut sending, &last).is_pending());
    assert_eq!(channel.try_recv().unwrap(), 3);
    assert_eq!((first.0.load(Ordering::SeqCst), last.0.load(Ordering::SeqCst)), (0, 1));
    assert!(matches!(poll(&mut sending, &last), Poll::Ready(Ok(()))));
    let Poll::Ready(again) = poll(&mut sending, &last) else { panic!("it waits again") };
    assert_eq!(message(again), "a future of `send_async` was polled after it was ready");
}

#[test]
fn a_future_that_is_dropped_loses_no_message() {
    for capacity in [0, 1] {
        let (_host, channel) = channel(capacity);
        let woken = Arc::default();
        // Given a message, and dropped before it was polled again.
        let mut receiving = channel.recv_async();
        assert!(poll(&mut receiving, &woken).is_pending());
        channel.try_send(1).unwrap();
        drop(receiving);
        assert_eq!(channel.try_recv().unwrap(), 1);
        // The next one who waits gets it.
        let mut dropped = channel.recv_async();
        let mut next = channel.recv_async();
        assert!(poll(&mut dropped, &woken).is_pending() && poll(&mut next, &woken).is_pending());
        channel.try_send(2).unwrap();
        drop(dropped);
        assert!(matches!(poll(&mut next, &woken), Poll::Ready(Ok(2))));
        // One that has not sent its message does not.
        (0..capacity).for_each(|_| channel.send(0).unwrap());
        let mut sending = channel.send_async(3);
        assert!(poll(&mut sending, &woken).is_pending());
        drop(sending);
        (0..capacity).for_each(|_| assert_eq!(channel.recv().unwrap(), 0));
        assert!(channel.try_recv().unwrap_err().would_wait());
    }
}

#[test]
fn tasks_and_threads_use_the_same_channel_by_pollster() {
    let (_host, channel) = channel(0);
    let sender = thread::spawn({
        let channel = channel.clone();
        move || {
            (0..500).for_each(|n| match n % 2 {
                0 => channel.send(n).unwrap(),
                _ => pollster::block_on(channel.send_async(n)).unwrap(),
            });
            channel.close();
        }
    });
    let all = pollster::block_on(async {
        let mut all = Vec::new();
        while let Ok(message) = channel.recv_async().await {
            all.push(message);
        }
        all
    });
    assert_eq!(all, (0..500).collect::<Vec<_>>());
    sender.join().unwrap();
}

#[test]
fn under_tokio_also_where_futures_lose_a_race() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for capacity in [0, 2] {
        let (host, channel) = channel(capacity);
        let sum: i64 = runtime.block_on(async {
            let senders: Vec<_> = (0..4_i64)
                .map(|sender| {
                    let channel = channel.clone();
                    tokio::spawn(async move {
                        for n in 0..250 {
                            channel.send_async(sender * 250 + n).await.unwrap();
                        }
                    })
                })
                .collect();
            let receivers: Vec<_> = (0..3)
                .map(|_| {
                    let channel = channel.clone();
                    tokio::spawn(async move {
                        let mut sum = 0;
                        loop {
                            // The other branch is ready now and then, and drops this one.
                            tokio::select! {
                                biased;
                                got = channel.recv_async() => match got {
                                    Ok(n) => sum += n,
                                    Err(_) => break sum,
                                },
                                () = tokio::task::yield_now() => {}
                            }
                        }
                    })
                })
                .collect();
            for sender in senders {
                sender.await.unwrap();
            }
            channel.close();
            let mut sum = 0;
            for receiver in receivers {
                sum += receiver.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, (0..1000).sum::<i64>());
        drop(host);
    }
}

#[test]
fn the_end_of_the_channel_is_the_end_of_its_futures() {
    let (host, channel) = channel(0);
    let woken = Arc::default();
    let (mut receiving, mut sending) = (channel.recv_async(), Box::pin(async {}));
    assert!(poll(&mut receiving, &woken).is_pending());
    assert!(poll(&mut sending, &woken).is_ready());
    drop(host);
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let Poll::Ready(ended) = poll(&mut receiving, &woken) else { panic!("it waits") };
    assert_eq!(message(ended), "channel `c` is closed");
    assert_eq!(message(pollster::block_on(channel.send_async(1))), "channel `c` is closed");
}

#[cfg(feature = "_lua")]
#[test]
fn a_tied_future_ends_with_its_plugin() {
    let (host, channel) = channel(0);
    let plugin = host.load_source("p", "").unwrap();
    let tied = channel.tied_to(&plugin);
    let woken = Arc::default();
    let mut receiving = tied.recv_async();
    assert!(poll(&mut receiving, &woken).is_pending());
    host.unload(plugin).unwrap();
    assert_eq!(woken.0.load(Ordering::SeqCst), 1);
    let gone = "channel `c` is tied to plugin `p`, which was unloaded";
    let Poll::Ready(ended) = poll(&mut receiving, &woken) else { panic!("it waits") };
    assert_eq!(message(ended), gone);
    assert_eq!(message(pollster::block_on(tied.recv_async())), gone);
    assert_eq!(message(pollster::block_on(tied.send_async(1))), gone);
}

#[test]
fn futures_cross_threads() {
    fn crosses<T: Send + Sync + Unpin + 'static>() {}
    crosses::<Sending<i64>>();
    crosses::<Receiving<i64>>();
}
