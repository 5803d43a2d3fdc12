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

#[test]
fn what_has_no_answer_for_five_seconds_and_no_pong_for_five_more_is_given_up() {
    let mut script = Script::up();
    ask(&mut script, 20 * SECOND);
    script.pass(5 * SECOND - Duration::from_millis(1));
    assert_eq!((script.written().as_str(), script.events()), ("", vec![]));
    script.pass(Duration::from_millis(1));
    assert_eq!(script.written(), "PING\r\n");
    assert_eq!(script.events(), [Event::Unanswered]);
    assert!(script.connection.is_in_doubt());
    // Nor is there an answer to what is asked meanwhile, which changes nothing.
    ask(&mut script, 2 * SECOND);
    script.pass(5 * SECOND - Duration::from_millis(1));
    assert_eq!(script.status(), Status::Connected);
    script.pass(Duration::from_millis(1));
    let gone = Event::Disconnected(Reason::NoSignOfLife);
    assert_eq!(script.events().first(), Some(&gone));
    assert!(!script.connection.is_in_doubt());
}

#[test]
fn a_request_that_ran_out_of_time_is_unanswered_too() {
    let mut script = Script::up();
    ask(&mut script, 5 * SECOND);
    script.pass(5 * SECOND);
    assert!(script.written().ends_with("PING\r\n"));
    let mut script = Script::up();
    ask(&mut script, 2 * SECOND);
    script.pass(2 * SECOND);
    script.written();
    script.pass(3 * SECOND);
    assert_eq!(script.written(), "PING\r\n");
}

#[test]
fn a_server_that_is_there_is_kept_however_slow_whoever_answers_behind_it() {
    let mut script = Script::up();
    ask(&mut script, 60 * SECOND);
    for _ in 0..3 {
        script.pass(5 * SECOND);
        assert_eq!(script.written(), "PING\r\n", "one for each five seconds");
        script.receive(b"PONG\r\n");
        assert_eq!(script.events(), [Event::Unanswered, Event::Answered]);
    }
    assert_eq!(script.status(), Status::Connected);
}

#[test]
fn what_was_answered_or_is_no_longer_wanted_leads_to_no_ping() {
    let mut script = Script::up();
    let (_, reply) = script.asked("svc");
    script.pass(SECOND);
    let second = ask(&mut script, 60 * SECOND);
    script.receive(format!("MSG {reply} 1 0\r\n\r\n"));
    script.pass(4 * SECOND);
    assert_eq!(script.written(), "", "the time begins anew at an answer");
    script.connection.forget_request(second);
    script.pass(10 * SECOND);
    assert_eq!(script.written(), "");
    let _ = script.connection.flush(script.now).unwrap();
    assert_eq!(script.written(), "PING\r\n");
    script.receive(b"PONG\r\n");
    script.pass(10 * SECOND);
    assert_eq!(script.written(), "");
}

#[test]
fn a_flush_without_an_answer_ends_a_dead_connection_too() {
    let mut script = Script::up();
    let _ = script.connection.flush(script.now).unwrap();
    script.pass(5 * SECOND);
    assert_eq!(script.written(), "PING\r\nPING\r\n");
    script.pass(5 * SECOND);
    assert_ne!(script.status(), Status::Connected);
}

#[test]
fn a_look_during_a_doubt_shortens_it() {
    let mut script = Script::up();
    ask(&mut script, 60 * SECOND);
    script.pass(5 * SECOND);
    script.connection.look(script.now);
    assert_eq!(script.written(), "PING\r\nPING\r\n");
    script.pass(2 * SECOND);
    assert_ne!(script.status(), Status::Connected);
}

/// Asks something that nobody answers before `timeout`.
fn ask(script: &mut Script, timeout: Duration) -> u64 {
    let asked = &mut script.connection;
    let asked = asked.request("svc", "".into(), timeout, script.now);
    script.written();
    asked.unwrap()
}
