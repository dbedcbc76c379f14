//! Several channels at once.

use std::thread;
use std::time::Duration;

use twinplug::{Channel, ErrorKind, Host, Select};

use super::LONG;
use crate::twins::message;

fn host() -> Host {
    let builder = Host::builder().channel::<i64>("a", 0).channel::<String>("b", 0);
    builder.channel::<i64>("c", 8).channel::<i64>("d", 8).build().unwrap()
}

fn channels(host: &Host) -> (Channel<i64>, Channel<String>) {
    (host.channel("a").unwrap(), host.channel("b").unwrap())
}

#[test]
fn the_first_that_is_ready_is_taken_and_nothing_else() {
    let host = host();
    let (a, b) = channels(&host);
    let both = || Select::new().recv(&a, |n| n.to_string()).recv(&b, |text| text);
    assert_eq!(message(both().try_now()), "none of the channels is ready");
    let error = both().wait_timeout(Duration::from_millis(3)).unwrap_err();
    assert_eq!((error.to_string().as_str(), error.would_wait()), ("a select timed out", true));
    for round in 0..200 {
        let sender = thread::spawn({
            let (a, b) = (a.clone(), b.clone());
            move || if round % 2 == 0 { a.send(round) } else { b.send(round.to_string()) }
        });
        assert_eq!(both().wait().unwrap(), round.to_string());
        sender.join().unwrap().unwrap();
    }
    // No waiter has stayed behind.
    assert!(a.try_send(1).unwrap_err().would_wait());
    assert!(b.try_send(String::new()).unwrap_err().would_wait());
}

#[test]
fn those_that_are_ready_have_their_turns() {
    let host = host();
    let (c, d) = (host.channel::<i64>("c").unwrap(), host.channel::<i64>("d").unwrap());
    (0..8).for_each(|n| c.send(n).and(d.send(n)).unwrap());
    let mut counts = [0, 0];
    for _ in 0..8 {
        let which = Select::new().recv(&c, |_| 0).recv(&d, |_| 1).wait().unwrap();
        counts[which] += 1;
    }
    assert_eq!(counts, [4, 4]);
}

#[test]
fn a_message_that_is_not_sent_is_dropped_and_a_closed_channel_is_an_error() {
    let host = host();
    let (a, b) = channels(&host);
    let c = host.channel::<i64>("c").unwrap();
    let sent = Select::new().send(&a, 1, || "a").send(&c, 2, || "c").wait().unwrap();
    assert_eq!((sent, c.recv().unwrap()), ("c", 2));
    assert!(a.try_recv().unwrap_err().would_wait());
    let waiter = thread::spawn({
        let (a, b) = (a.clone(), b.clone());
        move || Select::new().recv(&a, drop).recv(&b, drop).wait()
    });
    b.close();
    let error = waiter.join().unwrap().unwrap_err();
    assert_eq!((error.to_string().as_str(), error.is_closed()), ("channel `b` is closed", true));
    assert_eq!(message(Select::<()>::new().wait()), "a select without channels");
    let error = Select::new().send(&b, String::new(), || ()).try_now().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Channel);
}

/// Selects on both sides of the same channels, which send and receive: each message is
/// received once, and none waits for ever.
#[test]
fn selects_meet_each_other() {
    let host = host();
    let a = host.channel::<i64>("a").unwrap();
    let (c, rounds) = (host.channel::<i64>("c").unwrap(), 2000);
    let done = Channel::clone(&c);
    let player = |send: i64| {
        let a = a.clone();
        move || {
            let (mut sent, mut received) = (0, 0);
            for _ in 0..rounds {
                let select = Select::new().send(&a, send, || None).recv(&a, Some);
                match select.wait_timeout(LONG).unwrap() {
                    None => sent += 1,
                    Some(got) => {
                        assert_ne!(got, send, "nobody meets himself");
                        received += 1;
                    }
                }
            }
            (sent, received)
        }
    };
    let (one, other) = (thread::spawn(player(1)), thread::spawn(player(2)));
    let (one, other) = (one.join().unwrap(), other.join().unwrap());
    assert_eq!((one.0, one.1), (other.1, other.0));
    assert_eq!(one.0 + one.1, rounds);
    drop(done);
}
