use super::*;

fn denied(operation: Operation, subject: &str) -> Output {
    let subject = subject.to_owned();
    Output::Event(Event::PermissionDenied { operation, subject })
}

#[test]
fn a_publish_that_is_not_allowed_fails_the_requests_that_it_was() {
    let mut script = Script::up();
    let (forbidden, _) = script.asked("forbidden");
    let (allowed, reply) = script.asked("allowed");
    script.receive(b"-ERR 'Permissions Violation for Publish to \"forbidden\"'\r\n");
    let outputs = script.outputs();
    assert!(outputs.contains(&denied(Operation::Publish, "forbidden")));
    assert_eq!(
        answers(outputs),
        [(forbidden, Err(RequestError::PermissionDenied))]
    );
    script.receive(format!("MSG {reply} 1 2\r\nhi\r\n"));
    assert_eq!(script.answers(), [(allowed, Ok("hi".into()))]);
}

#[test]
fn a_reply_subject_that_is_not_allowed_fails_its_request() {
    let mut script = Script::up();
    let (id, reply) = script.asked("svc");
    let (_, other) = script.asked("svc");
    assert_ne!(reply, other);
    script.receive(format!(
        "-ERR 'Permissions Violation for Publish with Reply of \"{reply}\"'\r\n"
    ));
    let outputs = script.outputs();
    assert!(outputs.contains(&denied(Operation::Reply, &reply)));
    assert_eq!(
        answers(outputs),
        [(id, Err(RequestError::PermissionDenied))]
    );
}

#[test]
fn a_subscription_that_is_not_allowed_is_over_and_others_are_not() {
    let mut script = Script::up();
    let mine = script.connection.subscribe("mine", None).unwrap();
    let plain = script.connection.subscribe("other", None).unwrap();
    let queued = script.connection.subscribe("other", Some("q")).unwrap();
    script.receive(
        b"-ERR 'Permissions Violation for Subscription to \"other\" using queue \"q\"'\r\n",
    );
    let refused = Some(SubscribeError::PermissionDenied);
    let event = denied(Operation::Subscribe, "other");
    assert_eq!(script.outputs(), [ended(queued, refused.clone()), event]);
    script.receive(b"-ERR 'Permissions Violation for Subscription to \"other\"'\r\n");
    assert!(script.outputs().contains(&ended(plain, refused)));
    assert_eq!(script.status(), Status::Connected);
    assert_eq!(script.connection.subject_of(mine), Some("mine"));
    script.cut();
    script.shake_hands();
    assert!(
        !script.written().contains("other"),
        "it is not asked for again"
    );
}

#[test]
fn each_error_ends_one_of_several_alike() {
    let mut script = Script::up();
    let sids = [0; 2].map(|_| script.connection.subscribe("x", None).unwrap());
    for sid in sids {
        script.receive(b"-ERR 'Permissions Violation for Subscription to \"x\"'\r\n");
        let refused = Some(SubscribeError::PermissionDenied);
        assert!(script.outputs().contains(&ended(sid, refused)));
    }
}

#[test]
fn an_inbox_that_is_not_allowed_fails_all_requests_at_once() {
    let mut script = Script::up();
    let (id, reply) = script.asked("svc");
    let pattern = format!("{}.*", reply.rsplit_once('.').unwrap().0);
    script.receive(format!(
        "-ERR 'Permissions Violation for Subscription to \"{pattern}\"'\r\n"
    ));
    assert_eq!(
        script.answers(),
        [(id, Err(RequestError::PermissionDenied))]
    );
    script.request("svc").unwrap();
    assert!(
        script.written().contains(&format!("SUB {pattern}")),
        "rights may have grown"
    );
}
