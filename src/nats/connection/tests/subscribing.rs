use super::*;

fn delivered(outputs: &[Output]) -> usize {
    let is_delivery = |output: &&Output| matches!(output, Output::Deliver { .. });
    outputs.iter().filter(is_delivery).count()
}

#[test]
fn messages_go_by_number_to_those_who_still_want_them() {
    let mut script = Script::up();
    let a = script.connection.subscribe("x", None).unwrap();
    let b = script.connection.subscribe("x", None).unwrap();
    assert_eq!(script.written(), format!("SUB x {a}\r\nSUB x {b}\r\n"));
    script.receive(format!("MSG x {b} 2\r\nhi\r\n"));
    assert!(matches!(script.outputs().as_slice(), [Output::Deliver { sid, .. }] if *sid == b));
    script.connection.unsubscribe(b);
    assert_eq!(script.written(), format!("UNSUB {b}\r\n"));
    script.receive(format!("MSG x {b} 2\r\nhi\r\nMSG x 99 2\r\nhi\r\n"));
    assert_eq!(script.outputs(), []);
    script.connection.unsubscribe(b);
    assert_eq!(script.written(), "", "once is enough");
}

#[test]
fn patterns_and_queues_are_checked() {
    let mut script = Script::up();
    for bad in ["a b", "", "a..b", "a.>.b", "a\r\n"] {
        assert_eq!(
            script.connection.subscribe(bad, None),
            Err(SubscribeError::BadSubject)
        );
        assert_eq!(
            script.connection.subscribe("a", Some(bad)),
            Err(SubscribeError::BadSubject)
        );
    }
    assert_eq!(script.written(), "");
}

#[test]
fn a_limited_one_ends_after_its_last_message() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("x", None).unwrap();
    let one = format!("MSG x {sid} 2\r\nhi\r\n");
    script.receive(&one);
    script.written();
    script.connection.unsubscribe_after(sid, 2);
    assert_eq!(
        script.written(),
        format!("UNSUB {sid} 3\r\n"),
        "the server counts from the first"
    );
    script.receive(one.repeat(3));
    let outputs = script.outputs();
    assert_eq!(delivered(&outputs), 3, "one before, two after");
    assert_eq!(outputs.last(), Some(&ended(sid, None)));
}

#[test]
fn a_limited_one_goes_on_counting_after_a_cut() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("x", None).unwrap();
    script.connection.unsubscribe_after(sid, 3);
    script.receive(format!("MSG x {sid} 2\r\nhi\r\n"));
    script.cut();
    script.shake_hands();
    assert!(
        script
            .written()
            .ends_with(&format!("SUB x {sid}\r\nUNSUB {sid} 2\r\n"))
    );
}

#[test]
fn none_more_is_none_at_all() {
    let mut script = Script::up();
    let sid = script.connection.subscribe("x", None).unwrap();
    script.written();
    script.connection.unsubscribe_after(sid, 0);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\n"));
    assert_eq!(script.outputs(), [ended(sid, None)]);
}
