use super::*;

#[test]
fn a_subscription_ends_when_what_is_under_way_has_come() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("a", None).unwrap();
    script.written();
    script.connection.drain_subscription(sid, script.now);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\nPING\r\n"));
    script.receive(format!("MSG a {sid} 2\r\nhi\r\nPONG\r\n"));
    let outputs = script.outputs();
    assert!(matches!(
        outputs.as_slice(),
        [Output::Deliver { .. }, Output::Ended { error: None, .. }]
    ));
    assert_eq!(script.status(), Status::Connected);
}

#[test]
fn a_cut_ends_a_subscription_that_was_ending() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("a", None).unwrap();
    script.connection.drain_subscription(sid, script.now);
    script.cut();
    assert!(script.outputs().contains(&ended(sid, None)));
    script.shake_hands();
    assert!(!script.written().contains("SUB"));
}

#[test]
fn a_client_ends_when_all_has_come_and_been_answered() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("a", None).unwrap();
    let (id, reply) = script.asked("svc");
    script.outputs();
    script.connection.drain(script.now);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\nPING\r\nPING\r\n"));
    assert_eq!(
        script.connection.subscribe("b", None),
        Err(SubscribeError::Closed)
    );
    script.receive(format!("MSG a {sid} 2\r\nhi\r\nPONG\r\nPONG\r\n"));
    script.tick();
    assert!(script.outputs().contains(&ended(sid, None)));
    assert_eq!(
        script.status(),
        Status::Connected,
        "somebody still waits for an answer"
    );
    let inbox = 2;
    script.receive(format!("MSG {reply} {inbox} 3\r\nyes\r\n"));
    script.tick();
    let outputs = script.outputs();
    assert_eq!(outputs.last(), Some(&Output::Io(Io::Finish)));
    assert_eq!(answers(outputs), [(id, Ok("yes".into()))]);
    assert_eq!(script.status(), Status::Closed);
}

#[test]
fn a_drain_has_a_deadline_and_a_cut_ends_it() {
    let mut script = Script::up();
    script.connection.drain(script.now);
    script.pass(9 * SECOND);
    assert_eq!(script.status(), Status::Connected);
    script.pass(SECOND);
    assert_eq!(script.status(), Status::Closed);
    let mut script = Script::up();
    script.connection.drain(script.now);
    script.cut();
    assert_eq!(script.status(), Status::Closed);
}

#[test]
fn closing_tells_everybody_and_is_for_ever() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("a", None).unwrap();
    let (id, _) = script.asked("svc");
    script.outputs();
    script.connection.close();
    script.connection.close();
    let outputs = script.outputs();
    assert!(outputs.contains(&ended(sid, Some(SubscribeError::Closed))));
    let [
        ..,
        Output::Event(Event::Closed),
        Output::Io(Io::HangUp),
        Output::Io(Io::Finish),
    ] = outputs.as_slice()
    else {
        panic!("{outputs:?}");
    };
    assert_eq!(answers(outputs), [(id, Err(RequestError::Closed))]);
    script.pass(3_600 * SECOND);
    script.cut();
    script.connection.look(script.now);
    assert_eq!(script.outputs(), []);
    assert_eq!(script.request("svc"), Err(RequestError::Closed));
    assert_eq!(
        script.connection.publish(&message("a", 1)),
        Err(PublishError::Closed)
    );
    assert_eq!(script.connection.flush(script.now), Err(FlushError::Closed));
    assert_eq!(
        script.connection.subscribe("a", None),
        Err(SubscribeError::Closed)
    );
}
