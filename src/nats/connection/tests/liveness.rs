use super::*;

#[test]
fn a_silent_server_is_given_up_after_two_unanswered_pings() {
    let mut script = Script::up();
    script.pass(61 * SECOND);
    assert_eq!(script.written(), "PING\r\nPING\r\n");
    assert_eq!(script.status(), Status::Connected);
    script.pass(30 * SECOND);
    assert_eq!(
        script.events().first(),
        Some(&Event::Disconnected(Reason::NoSignOfLife))
    );
}

#[test]
fn an_answering_server_is_kept() {
    let mut script = Script::up();
    for _ in 0..10 {
        script.pass(30 * SECOND);
        assert_eq!(script.written(), "PING\r\n");
        script.receive(b"PONG\r\n");
    }
    assert_eq!(script.status(), Status::Connected);
    script.receive(b"PING\r\n");
    assert_eq!(script.written(), "PONG\r\n");
}

#[test]
fn a_probe_finds_a_half_open_socket_within_two_seconds() {
    let mut script = Script::up();
    script.connection.probe(script.now);
    script.pass(2 * SECOND - Duration::from_millis(1));
    assert_eq!(script.status(), Status::Connected);
    script.pass(Duration::from_millis(1));
    assert_ne!(script.status(), Status::Connected);
}

#[test]
fn an_answered_probe_leaves_the_connection_alone() {
    let mut script = Script::up();
    script.connection.look(script.now);
    script.connection.look(script.now);
    assert_eq!(script.written(), "PING\r\n", "one look is enough");
    script.receive(b"PONG\r\n");
    script.pass(10 * SECOND);
    assert_eq!(script.status(), Status::Connected);
}

#[test]
fn a_slow_line_that_brings_other_things_first_is_alive() {
    let mut script = Script::up();
    script.connection.probe(script.now);
    for _ in 0..3 {
        script.pass(SECOND);
        script.receive(b"MSG x 9 0\r\n\r\n");
    }
    assert_eq!(script.status(), Status::Connected);
    script.pass(2 * SECOND);
    assert_ne!(script.status(), Status::Connected, "and then no longer");
}

#[test]
fn the_timer_of_a_tab_that_slept_gives_nothing_up() {
    let mut script = Script::up();
    // One tick where a hundred were due.
    script.now = script.now.after(3_600 * SECOND);
    script.tick();
    assert_eq!(script.written(), "PING\r\n");
    assert_eq!(script.status(), Status::Connected);
}

#[test]
fn a_flush_tells_how_long_the_way_took() {
    let mut script = Script::up();
    let id = script.connection.flush(script.now).unwrap();
    assert_eq!(script.written(), "PING\r\n");
    script.now = script.now.after(Duration::from_micros(1_500));
    script.receive(b"PONG\r\n");
    let flushed = Ok(Duration::from_micros(1_500));
    assert_eq!(script.outputs(), [Output::Flushed { id, flushed }]);
}

#[test]
fn pongs_are_counted_off_in_order() {
    let mut script = Script::up();
    script.pass(30 * SECOND);
    let id = script.connection.flush(script.now).unwrap();
    script.receive(b"PONG\r\n");
    assert_eq!(script.outputs(), [], "that was the other one");
    script.receive(b"PONG\r\n");
    assert!(
        matches!(script.outputs().as_slice(), [Output::Flushed { id: flushed, .. }] if *flushed == id)
    );
    script.receive(b"PONG\r\nPONG\r\n");
    assert_eq!(
        script.status(),
        Status::Connected,
        "one too many harms nothing"
    );
}
