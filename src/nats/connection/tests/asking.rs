use super::*;
use crate::nats::options::Limits;

#[test]
fn requests_share_one_subscription_and_are_answered_by_their_token() {
    let mut script = Script::up();
    let id = script.request("svc").unwrap();
    let written = script.written();
    let inbox = "_INBOX.BwcHBwcHBwcHBwcHBwcHBw";
    assert_eq!(
        written,
        format!("SUB {inbox}.* 1\r\nPUB svc {inbox}.{id} 2\r\nhi\r\n")
    );
    let (second, second_reply) = script.asked("svc");
    let first_reply = format!("{inbox}.{id}");
    script.receive(format!(
        "MSG {second_reply} 1 3\r\ntwo\r\nMSG {first_reply} 1 3\r\none\r\n"
    ));
    assert_eq!(
        script.answers(),
        [(second, Ok("two".into())), (id, Ok("one".into()))]
    );
    script.receive(format!("MSG {first_reply} 1 5\r\nagain\r\n"));
    assert_eq!(script.outputs(), [], "the first answer is the answer");
}

#[test]
fn an_answer_for_nobody_harms_nobody() {
    let mut script = Script::up();
    let (_, reply) = script.asked("svc");
    let inbox = reply.rsplit_once('.').unwrap().0;
    for subject in [
        "x",
        "_INBOX",
        inbox,
        &format!("{inbox}.x"),
        &format!("{inbox}.99999999999999999999"),
    ] {
        script.receive(format!("MSG {subject} 1 2\r\nhi\r\n"));
    }
    script.receive(b"MSG \xff 1 2\r\nhi\r\n");
    assert_eq!(script.outputs(), []);
    assert_eq!(script.status(), Status::Connected);
}

#[test]
fn a_request_runs_out_of_time() {
    let mut script = Script::up();
    let (id, reply) = script.asked("svc");
    script.pass(2 * SECOND - Duration::from_millis(1));
    assert_eq!(script.answers(), []);
    script.pass(Duration::from_millis(1));
    assert_eq!(script.answers(), [(id, Err(RequestError::Timeout))]);
    script.receive(format!("MSG {reply} 1 4\r\nlate\r\n"));
    assert_eq!(script.answers(), []);
}

#[test]
fn nobody_there_is_told_at_once() {
    let mut script = Script::up();
    let (id, reply) = script.asked("svc");
    script.receive(format!("HMSG {reply} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"));
    assert_eq!(script.answers(), [(id, Err(RequestError::NoResponders))]);
}

#[test]
fn a_status_of_a_service_is_an_answer() {
    let mut script = Script::up();
    let (id, reply) = script.asked("svc");
    script.receive(format!(
        "HMSG {reply} 1 16 18\r\nNATS/1.0 503\r\n\r\nno\r\n"
    ));
    assert_eq!(script.answers(), [(id, Ok("no".into()))]);
}

#[test]
fn a_cut_fails_what_is_under_way_and_what_is_asked_meanwhile() {
    let mut script = Script::up();
    let (id, _) = script.asked("svc");
    let flush = script.connection.flush(script.now).unwrap();
    script.cut();
    let outputs = script.outputs();
    let flushed = Err(FlushError::Disconnected);
    assert!(outputs.contains(&Output::Flushed { id: flush, flushed }));
    assert_eq!(answers(outputs), [(id, Err(RequestError::Disconnected))]);
    assert_eq!(script.request("svc"), Err(RequestError::Disconnected));
    assert_eq!(script.written(), "", "nothing is kept for later");
}

#[test]
fn bad_subjects_never_leave() {
    let mut script = Script::up();
    for subject in ["a b", "a.*", "", "x\r\nPUB y 0"] {
        let published = script.connection.publish(&message(subject, 1));
        assert_eq!(published, Err(PublishError::BadSubject));
        let mut with_reply = message("a", 1);
        with_reply.reply = Some(subject.into());
        assert_eq!(
            script.connection.publish(&with_reply),
            Err(PublishError::BadSubject)
        );
        assert_eq!(script.request(subject), Err(RequestError::BadSubject));
    }
    assert!(!script.written().contains("PUB"));
}

#[test]
fn everything_that_waits_has_a_bound() {
    let limits = Limits {
        subscriptions: 2,
        requests: 2,
        unsent_bytes: 100,
        ..Limits::default()
    };
    let mut script = Script::up_with(ConnectOptions {
        limits,
        ..ConnectOptions::default()
    });
    let publish = |script: &mut Script, bytes| script.connection.publish(&message("a", bytes));
    assert_eq!(publish(&mut script, 500), Ok(()), "one always fits");
    assert_eq!(publish(&mut script, 1), Err(PublishError::Full));
    script.written();
    assert_eq!(publish(&mut script, 1), Ok(()));
    for _ in 0..2 {
        script.written();
        script.request("svc").unwrap();
        script.connection.flush(script.now).unwrap();
    }
    script.written();
    assert_eq!(script.request("svc"), Err(RequestError::Full));
    assert_eq!(script.connection.flush(script.now), Err(FlushError::Full));
    // One is the inbox.
    script.connection.subscribe("a", None).unwrap();
    assert_eq!(
        script.connection.subscribe("a", None),
        Err(SubscribeError::Full)
    );
}
