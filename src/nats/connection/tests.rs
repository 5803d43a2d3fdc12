//! Scripted servers on a virtual clock.

use std::time::Duration;

use super::super::options::{Auth, ConnectOptions};
use super::super::protocol::{Headers, Outgoing};
use super::*;

const INFO: &[u8] = b"INFO {\"server_id\":\"S\",\"server_name\":\"s\",\"version\":\"2.15.1\",\"max_payload\":1000,\"headers\":true,\"nonce\":\"n\"}\r\n";

/// A client, its clock, and what it has done.
struct Script {
    connection: Connection,
    now: Moment,
}

impl Script {
    fn new(options: ConnectOptions) -> Self {
        let now = Moment(1_000);
        let servers = if options.servers.is_empty() {
            vec!["nats://one:1".parse().unwrap()]
        } else {
            options.servers.clone()
        };
        let options = ConnectOptions { servers, ..options };
        let connection = Connection::new(options, now, [7; 16]);
        Self { connection, now }
    }

    /// A client that is connected.
    fn up(options: ConnectOptions) -> Self {
        let mut script = Self::new(options);
        script.shake_hands();
        script
    }

    fn shake_hands(&mut self) {
        self.tick();
        self.connection.dialed();
        self.receive(INFO);
        self.receive(b"PONG\r\n");
        assert_eq!(self.connection.status(), Status::Connected);
        self.outputs();
    }

    fn tick(&mut self) {
        self.connection.tick(self.now);
    }

    /// Lets time pass as a driver does: from deadline to deadline.
    fn pass(&mut self, wait: Duration) {
        let end = self.now.after(wait);
        while let Some(deadline) = self.connection.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(deadline);
            self.tick();
        }
        self.now = end;
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.connection.received(bytes, self.now);
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.connection.poll()).collect()
    }

    fn written(&mut self) -> String {
        let outputs = self.outputs().into_iter();
        let written = outputs.filter_map(|output| match output {
            Output::Write(bytes) => Some(String::from_utf8(bytes.to_vec()).unwrap()),
            _ => None,
        });
        written.collect()
    }

    fn request(&mut self, id: u64, subject: &str) -> Result<(), RequestError> {
        let patience = Duration::from_secs(2);
        self.connection
            .request(id, subject, "hi".into(), patience, self.now)
    }

    /// The reply subject of what was just asked.
    fn reply_subject(&mut self) -> String {
        let written = self.written();
        let line = written
            .lines()
            .find(|line| line.starts_with("PUB"))
            .unwrap();
        line.split(' ').nth(2).unwrap().to_owned()
    }
}

fn answers(outputs: &[Output]) -> Vec<(u64, Result<String, RequestError>)> {
    let answer = |output: &Output| match output {
        Output::Answer { id, answer } => {
            let text = |message: &crate::nats::Message| {
                String::from_utf8(message.payload.to_vec()).unwrap()
            };
            Some((*id, answer.as_ref().map(text).map_err(Clone::clone)))
        }
        _ => None,
    };
    outputs.iter().filter_map(answer).collect()
}

fn events(outputs: Vec<Output>) -> Vec<Event> {
    let event = |output| match output {
        Output::Event(event) => Some(event),
        _ => None,
    };
    outputs.into_iter().filter_map(event).collect()
}

#[test]
fn shakes_hands_by_info_connect_ping_pong() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    assert!(matches!(script.outputs().as_slice(), [Output::Dial(_)]));
    script.connection.dialed();
    script.receive(INFO);
    let written = script.written();
    assert!(
        written.starts_with("CONNECT {\"verbose\":false"),
        "{written}"
    );
    assert!(written.ends_with("}\r\nPING\r\n"), "{written}");
    assert_eq!(script.connection.status(), Status::Connecting);
    script.receive(b"PONG\r\n");
    assert_eq!(script.connection.status(), Status::Connected);
}

#[test]
fn signs_the_nonce() {
    let sign = |nonce: &[u8]| [nonce, b"!"].concat();
    let mut script = Script::new(ConnectOptions {
        auth: Auth::Jwt {
            jwt: "j".into(),
            sign: std::sync::Arc::new(sign),
        },
        ..ConnectOptions::default()
    });
    script.tick();
    script.receive(INFO);
    let written = script.written();
    assert!(
        written.contains("\"jwt\":\"j\",\"sig\":\"biE\""),
        "{written}"
    );
}

#[test]
fn subscriptions_are_made_again_after_a_cut() {
    let mut script = Script::new(ConnectOptions::default());
    let sid = script.connection.subscribe("a.*", Some("q")).unwrap();
    script.tick();
    script.receive(INFO);
    script.receive(b"PONG\r\n");
    assert!(script.written().ends_with(&format!("SUB a.* q {sid}\r\n")));
    script.connection.cut("gone", script.now);
    assert_eq!(script.connection.status(), Status::Reconnecting);
    script.tick();
    script.receive(INFO);
    script.receive(b"PONG\r\n");
    assert!(script.written().ends_with(&format!("SUB a.* q {sid}\r\n")));
    script.connection.unsubscribe(sid);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\n"));
}

#[test]
fn a_silent_server_is_given_up_after_two_unanswered_pings() {
    let mut script = Script::up(ConnectOptions::default());
    script.pass(Duration::from_secs(61));
    assert_eq!(script.written(), "PING\r\nPING\r\n");
    assert_eq!(script.connection.status(), Status::Connected);
    script.pass(Duration::from_secs(30));
    let events = events(script.outputs());
    assert!(
        matches!(events.as_slice(), [Event::Disconnected(_)]),
        "{events:?}"
    );
}

#[test]
fn an_answering_server_is_kept() {
    let mut script = Script::up(ConnectOptions::default());
    for _ in 0..10 {
        script.pass(Duration::from_secs(30));
        assert_eq!(script.written(), "PING\r\n");
        script.receive(b"PONG\r\n");
    }
    script.receive(b"PING\r\n");
    assert_eq!(script.written(), "PONG\r\n");
}

#[test]
fn a_probe_finds_a_half_open_socket_within_two_seconds() {
    let mut script = Script::up(ConnectOptions::default());
    script.connection.probe(script.now);
    script.pass(Duration::from_millis(1_999));
    assert_eq!(script.connection.status(), Status::Connected);
    script.pass(Duration::from_millis(2));
    assert_ne!(script.connection.status(), Status::Connected);
}

#[test]
fn an_answered_probe_leaves_the_connection_alone() {
    let mut script = Script::up(ConnectOptions::default());
    script.connection.probe(script.now);
    script.receive(b"PONG\r\n");
    script.pass(Duration::from_secs(10));
    assert_eq!(script.connection.status(), Status::Connected);
}

#[test]
fn a_look_dials_at_once_when_it_was_waiting() {
    let mut script = Script::new(ConnectOptions::default());
    for _ in 0..6 {
        script.pass(Duration::from_secs(9));
        script.connection.cut("refused", script.now);
    }
    script.outputs();
    script.connection.probe(script.now);
    assert!(matches!(script.outputs().as_slice(), [Output::Dial(_)]));
}

#[test]
fn a_handshake_has_a_deadline() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.connection.dialed();
    script.outputs();
    script.pass(Duration::from_secs(5));
    let outputs = script.outputs();
    assert!(outputs.contains(&Output::Hangup), "{outputs:?}");
}

#[test]
fn requests_are_answered_by_their_token() {
    let mut script = Script::up(ConnectOptions::default());
    script.request(1, "svc").unwrap();
    let first = script.reply_subject();
    script.request(2, "svc").unwrap();
    let second = script.reply_subject();
    script.receive(format!("MSG {second} 1 3\r\ntwo\r\nMSG {first} 1 3\r\none\r\n").as_bytes());
    let expected = [(2, Ok("two".into())), (1, Ok("one".into()))];
    assert_eq!(answers(&script.outputs()), expected);
    script.receive(format!("MSG {first} 1 5\r\nagain\r\n").as_bytes());
    assert_eq!(
        answers(&script.outputs()),
        [],
        "the first answer is the answer"
    );
}

#[test]
fn a_request_runs_out_of_time() {
    let mut script = Script::up(ConnectOptions::default());
    script.request(1, "svc").unwrap();
    script.pass(Duration::from_millis(1_999));
    assert_eq!(answers(&script.outputs()), []);
    script.pass(Duration::from_millis(1));
    assert_eq!(
        answers(&script.outputs()),
        [(1, Err(RequestError::Timeout))]
    );
}

#[test]
fn nobody_there_is_told_at_once() {
    let mut script = Script::up(ConnectOptions::default());
    script.request(1, "svc").unwrap();
    let reply = script.reply_subject();
    script.receive(format!("HMSG {reply} 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n").as_bytes());
    assert_eq!(
        answers(&script.outputs()),
        [(1, Err(RequestError::NoResponders))]
    );
}

#[test]
fn a_cut_fails_what_is_under_way_and_what_is_asked_meanwhile() {
    let mut script = Script::up(ConnectOptions::default());
    script.request(1, "svc").unwrap();
    script.connection.flush(2, script.now);
    script.outputs();
    script.connection.cut("gone", script.now);
    let outputs = script.outputs();
    assert_eq!(answers(&outputs), [(1, Err(RequestError::Disconnected))]);
    assert!(outputs.contains(&Output::Flushed {
        id: 2,
        flushed: Err(FlushError::Disconnected)
    }));
    assert_eq!(script.request(3, "svc"), Err(RequestError::Disconnected));
    let message = Outgoing {
        subject: "a".into(),
        ..Outgoing::default()
    };
    let published = script.connection.publish(&message);
    assert_eq!(published, Err(PublishError::Disconnected));
    assert_eq!(script.written(), "", "nothing is kept for later");
}

#[test]
fn a_permission_error_goes_to_whom_it_is_about() {
    let mut script = Script::up(ConnectOptions::default());
    let mine = script.connection.subscribe("mine", None).unwrap();
    let other = script.connection.subscribe("other", None).unwrap();
    script.request(1, "forbidden").unwrap();
    script.request(2, "allowed").unwrap();
    script.outputs();
    script.receive(b"-ERR 'Permissions Violation for Publish to \"forbidden\"'\r\n");
    script.receive(b"-ERR 'Permissions Violation for Subscription to \"other\"'\r\n");
    let outputs = script.outputs();
    assert_eq!(
        answers(&outputs),
        [(1, Err(RequestError::PermissionDenied))]
    );
    assert!(outputs.contains(&Output::Ended {
        sid: other,
        error: SubscribeError::PermissionDenied
    }));
    assert_eq!(script.connection.status(), Status::Connected);
    assert_eq!(script.connection.subject_of(mine), Some("mine"));
    assert_eq!(script.connection.subject_of(other), None);
}

#[test]
fn a_denied_inbox_fails_what_was_asked_at_once() {
    let mut script = Script::up(ConnectOptions::default());
    script.request(1, "svc").unwrap();
    let reply = script.reply_subject();
    let pattern = format!("{}.*", reply.rsplit_once('.').unwrap().0);
    let denied = format!("-ERR 'Permissions Violation for Subscription to \"{pattern}\"'\r\n");
    script.receive(denied.as_bytes());
    let refused = [(1, Err(RequestError::PermissionDenied))];
    assert_eq!(answers(&script.outputs()), refused);
}

#[test]
fn a_denied_group_leaves_the_plain_subscription_alone() {
    let mut script = Script::up(ConnectOptions::default());
    let plain = script.connection.subscribe("a", None).unwrap();
    let group = script.connection.subscribe("a", Some("q")).unwrap();
    script.receive(b"-ERR 'Permissions Violation for Subscription to \"a\" using queue \"q\"'\r\n");
    assert_eq!(script.connection.subject_of(plain), Some("a"));
    assert_eq!(script.connection.subject_of(group), None);
}

#[test]
fn a_refusal_is_told_and_tried_again_later() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.receive(INFO);
    script.receive(b"-ERR 'Authorization Violation'\r\n");
    assert_eq!(events(script.outputs()), [Event::AuthRefused]);
    script.pass(Duration::from_secs(10));
    let dialled = script.outputs();
    assert!(
        matches!(dialled.as_slice(), [Output::Dial(_), ..]),
        "{dialled:?}"
    );
}

#[test]
fn rights_that_ran_out_are_fetched_anew_at_once() {
    let mut script = Script::up(ConnectOptions::default());
    script.pass(Duration::from_secs(10));
    script.receive(b"-ERR 'User Authentication Expired'\r\n");
    script.outputs();
    script.tick();
    assert!(matches!(script.outputs().as_slice(), [Output::Dial(_)]));
}

#[test]
fn a_connection_that_is_cut_again_and_again_is_not_dialled_in_a_tight_loop() {
    let mut script = Script::up(ConnectOptions::default());
    let begun = script.now;
    for _ in 0..12 {
        script.connection.cut("flapping", script.now);
        let until = script.connection.deadline().unwrap();
        script.now = script.now.max(until);
        script.shake_hands();
    }
    assert!(script.now.since(begun) > Duration::from_secs(1));
}

#[test]
fn the_account_has_a_smaller_payload() {
    let mut script = Script::up(ConnectOptions::default());
    let message = |bytes: usize| Outgoing {
        subject: "a".into(),
        payload: vec![b'x'; bytes].into(),
        ..Outgoing::default()
    };
    assert_eq!(script.connection.publish(&message(1_000)), Ok(()));
    script.receive(b"INFO {\"max_payload\":10,\"headers\":true}\r\n");
    let refused = PublishError::TooLarge { size: 11, most: 10 };
    assert_eq!(script.connection.publish(&message(11)), Err(refused));
    let mut with_headers = message(5);
    with_headers.headers = Headers::new();
    with_headers.headers.append("A", "b");
    let published = script.connection.publish(&with_headers);
    assert!(
        matches!(published, Err(PublishError::TooLarge { .. })),
        "headers count"
    );
}

#[test]
fn bad_subjects_never_leave() {
    let mut script = Script::up(ConnectOptions::default());
    for subject in ["a b", "a.*", "", "x\r\nPUB y 0"] {
        let message = Outgoing {
            subject: subject.into(),
            ..Outgoing::default()
        };
        assert_eq!(
            script.connection.publish(&message),
            Err(PublishError::BadSubject)
        );
        assert_eq!(script.request(1, subject), Err(RequestError::BadSubject));
    }
    assert_eq!(
        script.connection.subscribe("a b", None),
        Err(SubscribeError::BadSubject)
    );
}

#[test]
fn a_lame_duck_is_left_for_another_server() {
    let servers = ["nats://one:1", "nats://two:2"].map(|url| url.parse().unwrap());
    let mut script = Script::up(ConnectOptions {
        servers: servers.to_vec(),
        ..ConnectOptions::default()
    });
    script.receive(b"INFO {\"ldm\":true}\r\n");
    script.tick();
    let outputs = script.outputs();
    assert!(outputs.contains(&Output::Event(Event::LameDuck)));
    assert!(
        outputs
            .iter()
            .any(|o| *o == Output::Dial("nats://two:2".parse().unwrap()))
    );
}

#[test]
fn draining_ends_subscriptions_then_closes() {
    let mut script = Script::up(ConnectOptions::default());
    let sid = script.connection.subscribe("a", None).unwrap();
    script.outputs();
    script.connection.drain(script.now);
    assert_eq!(script.written(), format!("UNSUB {sid}\r\nPING\r\n"));
    script.receive(format!("MSG a {sid} 2\r\nhi\r\nPONG\r\n").as_bytes());
    let outputs = script.outputs();
    assert!(
        matches!(outputs.first(), Some(Output::Deliver { .. })),
        "{outputs:?}"
    );
    assert_eq!(outputs.last(), Some(&Output::Closed));
    assert_eq!(script.connection.status(), Status::Closed);
}

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let mut script = Script::up(ConnectOptions::default());
    script.receive(b"MSG x 1 99999999999\r\n");
    assert_eq!(script.connection.status(), Status::Reconnecting);
}
