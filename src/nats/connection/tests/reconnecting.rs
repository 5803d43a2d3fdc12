use super::*;
use crate::nats::protocol::ServerError;

#[test]
fn the_first_try_after_a_cut_is_at_once_and_later_ones_wait() {
    let mut script = Script::up();
    script.pass(10 * SECOND);
    script.cut();
    assert!(
        script
            .outputs()
            .contains(&disconnected(Reason::Transport("gone".into())))
    );
    script.tick();
    assert_eq!(script.dialled().len(), 1);
    let mut waits = Vec::new();
    for _ in 0..12 {
        script.cut();
        let until = script.connection.next_deadline().unwrap();
        waits.push(until.since(script.now));
        script.now = until;
        script.tick();
        assert_eq!(script.dialled().len(), 1);
    }
    assert!(
        waits
            .iter()
            .all(|wait| *wait > Duration::ZERO && *wait <= 8 * SECOND),
        "{waits:?}"
    );
    assert!(waits.iter().any(|wait| *wait > SECOND), "{waits:?}");
    let elapsed = script.now.since(Moment::at(11 * SECOND));
    assert_eq!(script.status(), Status::Reconnecting { elapsed });
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_not_dialled_in_a_tight_loop() {
    let mut script = Script::up();
    let begun = script.now;
    for _ in 0..12 {
        script.cut();
        let until = script.connection.next_deadline().unwrap();
        script.now = script.now.max(until);
        script.shake_hands();
    }
    assert!(script.now.since(begun) > SECOND);
}

#[test]
fn servers_are_tried_in_turn() {
    let servers = ["nats://one:1", "nats://two:2", "nats://three:3"];
    let mut script = Script::new(ConnectOptions {
        servers: servers.map(|url| url.parse().unwrap()).to_vec(),
        ..ConnectOptions::default()
    });
    for server in servers.iter().chain(&servers) {
        assert_eq!(script.dial(), *server);
        script.cut();
    }
}

#[test]
fn a_look_dials_at_once_when_it_was_waiting() {
    let mut script = Script::new(ConnectOptions::default());
    for _ in 0..6 {
        script.pass(9 * SECOND);
        script.cut();
    }
    script.outputs();
    script.connection.look(script.now);
    assert_eq!(script.dialled().len(), 1);
    script.connection.look(script.now);
    assert_eq!(script.dialled(), [""; 0], "and not twice");
}

#[test]
fn subscriptions_are_made_again_and_nothing_else_is_sent_again() {
    let mut script = Script::new(ConnectOptions::default());
    let sid = script.connection.subscribe("a.*", Some("q")).unwrap();
    script.shake_hands();
    assert!(
        script
            .written()
            .ends_with(&format!("PING\r\nSUB a.* q {sid}\r\n"))
    );
    let gone = script.connection.subscribe("b", None).unwrap();
    script.connection.unsubscribe(gone);
    script.written();
    assert_eq!(script.connection.publish(&message("lost", 1)), Ok(()));
    script.cut();
    assert_eq!(
        script.connection.publish(&message("a", 1)),
        Err(PublishError::Disconnected)
    );
    assert_eq!(
        script.connection.flush(script.now),
        Err(FlushError::Disconnected)
    );
    let meanwhile = script.connection.subscribe("c", None).unwrap();
    script.shake_hands();
    let written = script.written();
    let expected = format!("PING\r\nSUB a.* q {sid}\r\nSUB c {meanwhile}\r\n");
    assert!(
        written.starts_with("CONNECT") && written.ends_with(&expected),
        "{written}"
    );
}

#[test]
fn half_an_operation_of_the_old_connection_is_forgotten() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("a", None).unwrap();
    script.receive(format!("MSG a {sid} 100\r\nhalf of"));
    script.cut();
    script.shake_hands();
    script.outputs();
    script.receive(format!("MSG a {sid} 2\r\nhi\r\n"));
    assert!(matches!(
        script.outputs().as_slice(),
        [Output::Deliver { .. }]
    ));
}

/// The list of ADR-40, and what nats-server says besides.
#[test]
fn fatal_errors_end_the_connection_and_others_do_not() {
    for (text, is_fatal) in [
        ("Authorization Violation", true),
        ("Authentication Timeout", true),
        ("User Authentication Expired", true),
        ("User Authentication Revoked", true),
        ("Account Authentication Expired", true),
        ("Secure Connection - TLS Required", true),
        ("maximum connections exceeded", true),
        ("maximum account active connections exceeded", true),
        (
            "Connection throttling is active. Please try again later.",
            true,
        ),
        ("Maximum Payload Violation", true),
        ("Maximum Control Line Exceeded", true),
        ("invalid client protocol", true),
        ("no responders requires headers support", true),
        ("Failed Account Registration", true),
        ("Unknown Protocol Operation", true),
        ("Parser Error", true),
        ("Stale Connection", true),
        ("Slow Consumer", true),
        ("message headers not supported", true),
        ("maximum subscriptions exceeded", false),
        ("Invalid Publish Subject", false),
        ("Invalid Subject", false),
        ("Permissions Violation for Publish to \"x\"", false),
        (
            "Permissions Violation for Publish with Reply of \"x\"",
            false,
        ),
        ("Permissions Violation for Subscription to \"x\"", false),
        (
            "Permissions Violation for Subscription to \"x\" using queue \"q\"",
            false,
        ),
        ("Something new", false),
    ] {
        let mut script = Script::up();
        let sid = script.connection.subscribe("mine", None).unwrap();
        script.receive(format!("-ERR '{text}'\r\n"));
        assert_eq!(script.status() != Status::Connected, is_fatal, "{text}");
        assert!(!script.events().is_empty(), "{text} is told");
        script.tick();
        assert_eq!(script.dialled().len(), usize::from(is_fatal), "{text}");
        if is_fatal {
            script.shake_hands();
        }
        let written = script.written();
        assert!(written.contains(&format!("SUB mine {sid}\r\n")), "{text}");
    }
}

#[test]
fn rights_that_ran_out_are_fetched_anew_at_once() {
    let mut script = Script::up();
    script.pass(10 * SECOND);
    script.receive(b"-ERR 'User Authentication Expired'\r\n");
    let outputs = script.outputs();
    assert!(
        outputs.contains(&disconnected(Reason::Server(ServerError::Expired))),
        "{outputs:?}"
    );
    script.tick();
    assert_eq!(script.dialled().len(), 1);
}

#[test]
fn a_lame_duck_is_left_for_another_server() {
    let servers = ["nats://one:1", "nats://two:2"].map(|url| url.parse().unwrap());
    let mut script = Script::up_with(ConnectOptions {
        servers: servers.to_vec(),
        ..ConnectOptions::default()
    });
    let (id, reply) = script.asked("svc");
    script.receive(b"INFO {\"ldm\":true}\r\nINFO {\"ldm\":true}\r\n");
    script.tick();
    assert_eq!(
        script.events(),
        [Event::LameDuck],
        "what is asked is answered first"
    );
    script.receive(format!("MSG {reply} 1 3\r\nyes\r\n"));
    script.tick();
    let outputs = script.outputs();
    assert!(outputs.contains(&disconnected(Reason::LameDuck)));
    assert_eq!(answers(outputs), [(id, Ok("yes".into()))]);
    script.tick();
    assert_eq!(script.dialled(), ["nats://two:2"]);
}

#[test]
fn a_lame_duck_that_says_so_while_hands_are_shaken_is_left_too() {
    let servers = ["nats://one:1", "nats://two:2"].map(|url| url.parse().unwrap());
    let mut script = Script::new(ConnectOptions {
        servers: servers.to_vec(),
        ..ConnectOptions::default()
    });
    script.tick();
    script.connection.dialled();
    script.receive(INFO);
    script.receive(b"INFO {\"ldm\":true}\r\nPONG\r\n");
    script.tick();
    let events = script.events();
    let [.., Event::LameDuck, Event::Disconnected(Reason::LameDuck)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(script.dial(), "nats://two:2");
}

#[test]
fn a_lame_duck_waits_for_answers_no_longer_than_it_lives() {
    let servers = ["nats://one:1", "nats://two:2"].map(|url| url.parse().unwrap());
    let mut script = Script::up_with(ConnectOptions {
        servers: servers.to_vec(),
        ..ConnectOptions::default()
    });
    let patience = 60 * SECOND;
    let id = script
        .connection
        .request("svc", "".into(), patience, script.now)
        .unwrap();
    script.receive(b"INFO {\"ldm\":true}\r\n");
    script.pass(5 * SECOND);
    assert_eq!(script.answers(), [(id, Err(RequestError::Disconnected))]);
}

#[test]
fn with_nowhere_else_to_go_a_lame_duck_is_kept() {
    let mut script = Script::up();
    script.receive(b"INFO {\"ldm\":true}\r\n");
    script.pass(20 * SECOND);
    assert_eq!(script.events(), [Event::LameDuck]);
    assert_eq!(script.status(), Status::Connected);
}
