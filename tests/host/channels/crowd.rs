//! All the ways to send and to receive at once, while waits begin and end and the channel is
//! closed in the middle: what was accepted is received, once.

use std::pin::pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use twinplug::{Channel, Error, Host, Select};

use super::LONG;

fn host(capacity: usize) -> (Host, [Channel<i64>; 2]) {
    let builder = Host::builder().channel::<i64>("a", capacity).channel::<i64>("b", 0);
    let host = builder.build().unwrap();
    let channels = ["a", "b"].map(|name| host.channel(name).unwrap());
    (host, channels)
}

/// Sends one message; whether it was accepted.
type Send = fn(&[Channel<i64>; 2], i64) -> Result<(), Error>;

/// Receives some messages.
type Receive = fn(&[Channel<i64>; 2]) -> Result<Vec<i64>, Error>;

const SENDS: [(&str, Send); 5] = [
    ("send", |[a, _], n| a.send(n)),
    ("try_send", |[a, _], n| a.try_send(n)),
    ("send_timeout", |[a, _], n| a.send_timeout(n, Duration::from_micros(n as u64 % 50))),
    ("send_async", |[a, _], n| pollster::block_on(a.send_async(n))),
    ("select", |[a, b], n| Select::new().send(a, n, || ()).send(b, -1, || ()).wait()),
];

const RECEIVES: [(&str, Receive); 6] = [
    ("recv", |[a, _]| a.recv().map(|n| vec![n])),
    ("recv_many", |[a, _]| a.recv_many(5)),
    ("recv_timeout", |[a, _]| a.recv_timeout(Duration::from_micros(30)).map(|n| vec![n])),
    ("recv_async", |[a, _]| pollster::block_on(a.recv_async()).map(|n| vec![n])),
    ("select", |[a, _]| Select::new().recv(a, |n| vec![n]).wait_timeout(LONG)),
    // May be given a message, which it gives back.
    ("dropped", |[a, _]| {
        let polled = pin!(a.recv_async()).poll(&mut Context::from_waker(Waker::noop()));
        match polled {
            Poll::Ready(received) => received.map(|n| vec![n]),
            Poll::Pending => Ok(Vec::new()),
        }
    }),
];

#[test]
fn what_was_accepted_before_a_close_is_received() {
    for (round, capacity) in [1, 2, 3, 64].into_iter().cycle().take(40).enumerate() {
        let (_host, channels) = host(capacity);
        let (sent, received) = (AtomicI64::new(0), AtomicI64::new(0));
        thread::scope(|scope| {
            for (name, send) in SENDS {
                let (channels, sent) = (&channels, &sent);
                scope.spawn(move || {
                    for n in 1.. {
                        match send(channels, n) {
                            Ok(()) => _ = sent.fetch_add(n, Ordering::Relaxed),
                            Err(error) if error.is_closed() => break,
                            Err(error) => assert!(error.would_wait(), "{name}: {error}"),
                        }
                    }
                });
            }
            for (name, receive) in RECEIVES {
                let (channels, received) = (&channels, &received);
                scope.spawn(move || {
                    loop {
                        match receive(channels) {
                            Ok(messages) => {
                                received.fetch_add(messages.iter().sum(), Ordering::Relaxed);
                            }
                            Err(error) if error.is_closed() => break,
                            Err(error) => assert!(error.would_wait(), "{name}: {error}"),
                        }
                    }
                });
            }
            thread::sleep(Duration::from_millis(5 + round as u64 % 7));
            channels[0].close();
        });
        assert_eq!(sent.into_inner(), received.into_inner(), "capacity {capacity}");
    }
}

/// Waits begin and end all the time: neither side ever waits for one that has gone on.
#[test]
fn two_that_are_as_quick_as_each_other_do_not_get_stuck() {
    for capacity in [1, 2, 7] {
        let (_host, [channel, _]) = host(capacity);
        let count = 30_000;
        thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..count {
                    // They wait now here, now there.
                    (0..n % 13 * 20).for_each(|_| std::hint::spin_loop());
                    channel.send_timeout(n, LONG).unwrap();
                }
            });
            for n in 0..count {
                (0..n % 17 * 20).for_each(|_| std::hint::spin_loop());
                assert_eq!(channel.recv_timeout(LONG).unwrap(), n, "capacity {capacity}");
            }
        });
    }
}

/// A select that comes when a message does is not given a later one first.
#[test]
fn a_select_keeps_the_order() {
    for capacity in [1, 4, 1024] {
        let (_host, [channel, other]) = host(capacity);
        let count = 5000;
        let received: Vec<i64> = thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0..count {
                    (0..n % 7).for_each(|_| thread::yield_now());
                    channel.send(n).unwrap();
                }
            });
            let select = || Select::new().recv(&channel, |n| n).recv(&other, |_| -1);
            (0..count).map(|_| select().wait_timeout(LONG).unwrap()).collect()
        });
        assert!(received.into_iter().eq(0..count), "capacity {capacity}");
    }
}

#[test]
fn a_large_channel_holds_what_it_says() {
    let (_host, [channel, _]) = host(100_000);
    let fill = |from: i64| (from..).take_while(|n| channel.try_send(*n).is_ok()).count();
    assert_eq!(fill(0), 100_000);
    assert_eq!(channel.recv_many(60_000).unwrap(), (0..60_000).collect::<Vec<_>>());
    assert_eq!(fill(100_000), 60_000);
    assert!(channel.send_timeout(0, Duration::from_millis(1)).unwrap_err().would_wait());
    for n in 60_000..160_000 {
        assert_eq!(channel.try_recv().unwrap(), n);
    }
    assert!(channel.try_recv().unwrap_err().would_wait());
    let received: Vec<i64> = thread::scope(|scope| {
        scope.spawn(|| (0..300_000).for_each(|n| channel.send(n).unwrap()));
        (0..300_000).map(|_| channel.recv().unwrap()).collect()
    });
    assert!(received.into_iter().eq(0..300_000));
    assert_eq!(fill(0), 100_000);
}

/// A capacity is a promise of who made the channel, and takes no memory.
#[test]
fn any_capacity_is_possible() {
    let (_host, [channel, _]) = host(usize::MAX);
    channel.send(1).unwrap();
    assert_eq!(channel.recv().unwrap(), 1);
}

/// A receiver's time is over when it is, however busy the channel is for others.
#[test]
fn a_busy_channel_holds_nobody_beyond_his_time() {
    let (_host, [channel, _]) = host(1);
    thread::scope(|scope| {
        scope.spawn(|| (0..).take_while(|n| channel.send(*n).is_ok()).count());
        scope.spawn(|| while channel.recv().is_ok() {});
        for n in 0..200 {
            let (start, time) = (Instant::now(), Duration::from_micros(n * 10));
            let _ = channel.recv_timeout(time);
            assert!(start.elapsed() < LONG);
        }
        channel.close();
    });
}
