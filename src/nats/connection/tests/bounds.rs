use super::*;
use crate::nats::options::Limits;

fn tight() -> Script {
    Script::up_with(ConnectOptions {
        limits: Limits {
            subscriptions: 3,
            requests: 3,
            unsent_bytes: 100,
            unsent_lines: 100,
            ..Limits::default()
        },
        ..ConnectOptions::default()
    })
}

#[test]
fn a_server_that_asks_and_asks_and_reads_nothing_is_given_up() {
    let mut script = tight();
    script.receive(b"PING\r\n".repeat(16));
    script.tick();
    assert_eq!(script.status(), Status::Connected);
    assert_eq!(script.written().len(), 16 * 6, "it may ask often");
    script.receive(b"PING\r\n".repeat(17));
    script.tick();
    assert!(script.outputs().contains(&disconnected(Reason::Clogged)));
    assert_eq!(script.written(), "");
}

#[test]
fn the_same_while_hands_are_shaken() {
    let mut script = tight();
    script.cut();
    script.tick();
    script.connection.dialled();
    script.receive(INFO);
    script.written();
    script.receive(b"PING\r\n".repeat(100));
    script.tick();
    let failed = Output::Event(Event::ConnectFailed(Reason::Clogged));
    assert!(script.outputs().contains(&failed));
}

#[test]
fn who_subscribes_again_and_again_while_nothing_leaves_is_refused() {
    let mut script = tight();
    let mut refused = false;
    for _ in 0..100 {
        match script.connection.subscribe("a.subject", None) {
            Ok(sid) => script.connection.unsubscribe(sid),
            Err(error) => {
                assert_eq!(error, SubscribeError::Full);
                refused = true;
            }
        }
    }
    assert!(refused);
    assert!(script.written().len() < 200);
    assert!(script.connection.subscribe("a.subject", None).is_ok());
}

#[test]
fn ends_that_nobody_confirms_do_not_pile_up() {
    let mut script = tight();
    for _ in 0..3 {
        script.connection.flush(script.now).unwrap();
    }
    let sid = script.connection.subscribe("a", None).unwrap();
    script.written();
    script.outputs();
    script.connection.drain_subscription(sid, script.now);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\n"), "no PING more");
    assert_eq!(script.outputs(), [ended(sid, None)], "it ends at once");
}

#[test]
fn by_default_all_subscriptions_fit() {
    let limits = Limits::default();
    // SUB, a subject and a queue of the longest kind, and a number.
    let longest = 2 * 1_024 + 32;
    assert!(limits.unsent_lines > limits.subscriptions * longest);
}
