//! What must hold in every order.

use std::sync::Arc;

use loom::thread;

use super::life::Life;
use super::queue::{Outcome, Patience, Queue, Step};
use super::wait::{End, Ticket};

fn forever() -> Patience<'static> {
    Patience::default()
}

#[test]
fn two_messages_meet_their_receiver() {
    for capacity in [0, 1] {
        loom::model(move || {
            let queue = Arc::new(Queue::new(capacity));
            let sender = thread::spawn({
                let queue = Arc::clone(&queue);
                move || {
                    queue.send(1, forever()).unwrap();
                    queue.send(2, forever()).unwrap();
                }
            });
            assert_eq!(queue.recv(forever()), Ok(1));
            assert_eq!(queue.recv(forever()), Ok(2));
            sender.join().unwrap();
        });
    }
}

#[test]
fn closing_ends_a_wait_or_comes_after_it() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(0));
        let receiver = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.recv(forever())
        });
        let sent = queue.try_send(1);
        queue.close();
        let received = receiver.join().unwrap();
        match sent {
            Ok(()) => assert_eq!(received, Ok(1)),
            Err((1, Outcome::Waited)) => assert_eq!(received, Err(Outcome::Closed)),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn who_gives_up_a_send_has_not_sent_or_was_received() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(0));
        let receiver = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_recv()
        });
        let Step::Waits(waiter) = queue.start_send(1, Ticket::of_thread) else {
            panic!("nobody waits for it")
        };
        let end = waiter.ticket().give_up();
        let _ = queue.met(&waiter);
        match receiver.join().unwrap() {
            Ok(1) => assert_eq!(end, End::Met(0)),
            other => {
                assert_eq!((other, end), (Err(Outcome::Waited), End::GivenUp));
                assert_eq!(queue.try_recv(), Err(Outcome::Waited), "it is not there any more");
            }
        }
    });
}

#[test]
fn a_receiver_whose_plugin_goes_takes_no_message_with_it() {
    loom::model(|| {
        let (queue, life) = (Arc::new(Queue::new(0)), Arc::new(Life::default()));
        let receiver = thread::spawn({
            let (queue, life) = (Arc::clone(&queue), Arc::clone(&life));
            move || queue.recv(Patience { until: None, lives: [Some(&life), None] })
        });
        let ending = thread::spawn(move || life.end());
        let sent = queue.try_send(1);
        ending.join().unwrap();
        match (sent, receiver.join().unwrap()) {
            (Ok(()), Ok(1)) | (Err((1, Outcome::Waited)), Err(Outcome::Gone)) => {}
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn what_is_given_back_goes_to_the_other_receiver() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(1));
        let Step::Waits(first) = queue.start_recv(Ticket::of_thread) else {
            panic!("there is no message")
        };
        let other = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.recv(forever())
        });
        queue.try_send(1).unwrap();
        assert_eq!(first.ticket().give_up(), End::Met(0));
        queue.give_back(first.take().unwrap());
        assert_eq!(other.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_receiver_begins_to_wait_while_a_message_comes() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(2));
        let receiver = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.recv(forever())
        });
        queue.try_send(1).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
    });
}

#[test]
fn a_sender_begins_to_wait_while_there_comes_room() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(1));
        queue.try_send(1).unwrap();
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.send(2, forever())
        });
        assert_eq!(queue.try_recv(), Ok(1));
        sender.join().unwrap().unwrap();
        assert_eq!(queue.try_recv(), Ok(2));
    });
}

#[test]
fn two_senders_and_two_receivers_pass_two_messages() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(2));
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_send(1).unwrap()
        });
        let receiver = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_recv()
        });
        queue.try_send(2).unwrap();
        sender.join().unwrap();
        let (first, second) = (receiver.join().unwrap(), queue.try_recv());
        let third = queue.try_recv();
        let received = [first, second, third];
        let mut all: Vec<_> = received.into_iter().flatten().collect();
        all.sort_unstable();
        assert_eq!(all, [1, 2], "{received:?}");
    });
}

#[test]
fn what_was_sent_before_a_close_is_received_after_it() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(2));
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.try_send(1)
        });
        let closer = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.close()
        });
        let received = queue.recv(forever());
        match (sender.join().unwrap(), received) {
            (Ok(()), Ok(1)) | (Err((1, Outcome::Closed)), Err(Outcome::Closed)) => {}
            other => panic!("{other:?}"),
        }
        closer.join().unwrap();
    });
}

#[test]
fn the_pipe_opens_again_with_nobody_in_it() {
    // Every order of three messages takes minutes.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let queue = Arc::new(Queue::new(1));
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || (1..=3).try_for_each(|n| queue.send(n, forever()))
        });
        for n in 1..=3 {
            assert_eq!(queue.recv(forever()), Ok(n));
        }
        sender.join().unwrap().unwrap();
    });
}

#[test]
fn what_is_given_back_comes_before_the_others() {
    loom::model(|| {
        let queue = Arc::new(Queue::new(1));
        queue.try_send(1).unwrap();
        let first = queue.try_recv().unwrap();
        let sender = thread::spawn({
            let queue = Arc::clone(&queue);
            move || queue.send(2, forever())
        });
        queue.give_back(first);
        let received = [queue.recv(forever()), queue.recv(forever())];
        sender.join().unwrap().unwrap();
        assert!(matches!(received, [Ok(1), Ok(2)] | [Ok(2), Ok(1)]), "{received:?}");
    });
}

#[test]
fn what_is_given_back_takes_room() {
    loom::model(|| {
        let queue = Queue::new(2);
        queue.try_send(1).unwrap();
        queue.try_send(2).unwrap();
        assert_eq!(queue.try_send(3), Err((3, Outcome::Waited)));
        assert_eq!((queue.try_recv(), queue.try_recv()), (Ok(1), Ok(2)));
        queue.try_send(3).unwrap();
        queue.give_back(2);
        assert_eq!(queue.try_send(4), Err((4, Outcome::Waited)));
        assert_eq!((queue.try_recv(), queue.try_recv()), (Ok(2), Ok(3)));
    });
}
