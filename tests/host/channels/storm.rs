//! Many at once: each message is received once, and nobody waits for ever.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use twinplug::{Channel, Host};

use super::LONG;

fn channel(capacity: usize) -> (Host, Channel<i64>) {
    let host = Host::builder().channel::<i64>("c", capacity).build().unwrap();
    let channel = host.channel("c").unwrap();
    (host, channel)
}

#[test]
fn every_message_is_received_once_in_the_order_of_its_sender() {
    for capacity in [0, 1, 3, 1024] {
        let (_host, channel) = channel(capacity);
        let (senders, each) = (4, 2000);
        let lists: Vec<Vec<i64>> = thread::scope(|scope| {
            let receivers: Vec<_> =
                (0..3).map(|_| scope.spawn(|| channel.iter().collect())).collect();
            let sending: Vec<_> = (0..senders)
                .map(|sender| {
                    let channel = &channel;
                    scope.spawn(move || {
                        (0..each).for_each(|n| channel.send(sender * each + n).unwrap());
                    })
                })
                .collect();
            sending.into_iter().for_each(|sender| sender.join().unwrap());
            channel.close();
            receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect()
        });
        for list in &lists {
            for sender in 0..senders {
                let of_sender = list.iter().filter(|n| **n / each == sender);
                assert!(of_sender.is_sorted(), "capacity {capacity}");
            }
        }
        let mut all: Vec<_> = lists.concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..senders * each), "capacity {capacity}");
    }
}

/// Waits that end by time on both sides, while others meet: what was sent was received.
#[test]
fn who_gives_up_has_neither_sent_nor_received() {
    for capacity in [0, 1] {
        let (_host, channel) = channel(capacity);
        let (sent, received) = (AtomicI64::new(0), AtomicI64::new(0));
        let timeouts = AtomicU64::new(0);
        thread::scope(|scope| {
            let senders: Vec<_> = (0..4_u64)
                .map(|sender| {
                    let (channel, sent, timeouts) = (&channel, &sent, &timeouts);
                    scope.spawn(move || {
                        for n in 0..1500_i64 {
                            let time = Duration::from_micros((n as u64 * 7 + sender) % 60);
                            match channel.send_timeout(n, time) {
                                Ok(()) => _ = sent.fetch_add(n, Ordering::Relaxed),
                                Err(error) => {
                                    assert!(error.would_wait(), "{error}");
                                    timeouts.fetch_add(1, Ordering::Relaxed);
                                }
                            }
                        }
                    })
                })
                .collect();
            for receiver in 0..2_u64 {
                let (channel, received) = (&channel, &received);
                scope.spawn(move || {
                    for n in 0_u64.. {
                        let time = Duration::from_micros((n * 11 + receiver) % 90);
                        match channel.recv_timeout(time) {
                            Ok(n) => {
                                received.fetch_add(n, Ordering::Relaxed);
                                // Senders are quicker than this.
                                (0..n % 40).for_each(|_| thread::yield_now());
                            }
                            Err(error) if error.is_closed() => break,
                            Err(error) => assert!(error.would_wait(), "{error}"),
                        }
                    }
                });
            }
            senders.into_iter().for_each(|sender| sender.join().unwrap());
            channel.close();
        });
        assert_eq!(sent.into_inner(), received.into_inner(), "capacity {capacity}");
        assert!(timeouts.into_inner() > 0, "nobody has given up");
    }
}

#[test]
fn a_full_channel_holds_its_sender_back() {
    let (_host, channel) = channel(2);
    let ahead = AtomicI64::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..500 {
                channel.send(n).unwrap();
                // With the one that is being received, never more than 3 are under way.
                assert!(ahead.fetch_add(1, Ordering::SeqCst) <= 2);
            }
            channel.close();
        });
        for message in &channel {
            thread::yield_now();
            ahead.fetch_sub(1, Ordering::SeqCst);
            assert!(message < 500);
        }
    });
}

#[test]
fn closing_ends_all_waits() {
    for round in 0..40 {
        let (_host, channel) = channel(round % 2);
        if round % 2 == 1 {
            channel.send(0).unwrap();
        }
        thread::scope(|scope| {
            let waits: Vec<_> = (0..6)
                .map(|n| {
                    let channel = &channel;
                    scope.spawn(move || match n % 2 {
                        0 => channel.send_timeout(n, LONG).map(|()| 0),
                        _ => channel.recv_timeout(LONG),
                    })
                })
                .collect();
            (0..round).for_each(|_| thread::yield_now());
            channel.close();
            for wait in waits {
                if let Err(error) = wait.join().unwrap() {
                    assert!(error.is_closed(), "{error}");
                }
            }
        });
    }
}
