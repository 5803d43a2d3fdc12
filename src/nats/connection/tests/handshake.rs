use super::*;
use crate::nats::options::Auth;
use crate::nats::protocol::{Headers, ProtocolError, ServerError};

#[test]
fn info_is_answered_by_connect_and_ping_and_the_pong_connects() {
    let mut script = Script::new(ConnectOptions::default());
    assert_eq!(script.status(), Status::Connecting);
    script.tick();
    assert_eq!(script.dialled(), ["nats://one:1"]);
    script.connection.dialled();
    assert_eq!(script.written(), "", "the server speaks first");
    script.receive(INFO);
    let written = script.written();
    assert!(
        written.starts_with("CONNECT {\"verbose\":false"),
        "{written}"
    );
    assert!(written.contains("\"protocol\":1,"), "{written}");
    assert!(written.ends_with("}\r\nPING\r\n"), "{written}");
    assert_eq!(script.status(), Status::Connecting);
    script.receive(b"PONG\r\n");
    assert_eq!(script.status(), Status::Connected);
    assert!(
        matches!(script.events().as_slice(), [Event::Connected(info)] if info.server_id == "S")
    );
}

#[test]
fn what_the_client_says_of_itself_follows_its_options_and_the_server() {
    let connect = |options: ConnectOptions, info: &str| {
        let mut script = Script::new(options);
        script.tick();
        script.receive(info);
        let written = script.written();
        let json = written
            .strip_prefix("CONNECT ")
            .unwrap()
            .lines()
            .next()
            .unwrap();
        serde_json::from_str::<serde_json::Value>(json).unwrap()
    };
    let reader = ConnectOptions {
        headers: false,
        echo: false,
        name: "reader".into(),
        ..ConnectOptions::default()
    };
    let said = connect(reader, "INFO {\"headers\":true}\r\n");
    assert_eq!(said["headers"], false);
    assert_eq!(said["no_responders"], false, "it needs headers");
    assert_eq!(said["echo"], false);
    assert_eq!(said["name"], "reader");
    let said = connect(ConnectOptions::default(), "INFO {}\r\n");
    assert_eq!(said["headers"], false, "an old server has none");
    let token = ConnectOptions {
        auth: Auth::Token("t".into()),
        ..ConnectOptions::default()
    };
    assert_eq!(connect(token, "INFO {}\r\n")["auth_token"], "t");
    let sign = |nonce: &[u8]| [nonce, b"!"].concat();
    let jwt = ConnectOptions {
        auth: Auth::Jwt {
            jwt: "j".into(),
            sign: std::sync::Arc::new(sign),
        },
        ..ConnectOptions::default()
    };
    let said = connect(jwt, "INFO {\"nonce\":\"n\"}\r\n");
    assert_eq!(
        (said["jwt"].as_str(), said["sig"].as_str()),
        (Some("j"), Some("biE"))
    );
}

#[test]
fn it_has_a_deadline() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.connection.dialled();
    script.receive(INFO);
    script.outputs();
    script.pass(5 * SECOND);
    let outputs = script.outputs();
    let failed = Output::Event(Event::ConnectFailed(Reason::TooSlow));
    assert!(
        outputs.contains(&Output::Io(Io::HangUp)) && outputs.contains(&failed),
        "{outputs:?}"
    );
}

#[test]
fn later_info_changes_what_may_be_sent_and_asks_for_no_second_connect() {
    let mut script = Script::up();
    assert_eq!(script.connection.publish(&message("a", 1_000)), Ok(()));
    script.written();
    script.receive(b"INFO {\"max_payload\":20,\"headers\":true}\r\n");
    assert_eq!(script.written(), "");
    let refused = PublishError::TooLarge { size: 21, most: 20 };
    assert_eq!(script.connection.publish(&message("a", 21)), Err(refused));
    let mut with_headers = message("a", 5);
    with_headers.headers = Headers::new();
    with_headers.headers.append("A", "b").unwrap();
    let refused = PublishError::TooLarge { size: 23, most: 20 };
    assert_eq!(
        script.connection.publish(&with_headers),
        Err(refused),
        "headers count"
    );
    script.receive(b"INFO {\"max_payload\":20}\r\n");
    assert_eq!(
        script.connection.publish(&with_headers),
        Err(PublishError::NoHeaders)
    );
}

#[test]
fn a_refusal_is_told_and_tried_again_later() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.receive(INFO);
    script.receive(b"-ERR 'Authorization Violation'\r\n");
    let refused = ServerError::Refused("Authorization Violation".into());
    let failed = Event::ConnectFailed(Reason::Server(refused));
    assert_eq!(script.events(), [Event::AuthRefused, failed]);
    for _ in 0..10 {
        assert_eq!(script.dial(), "nats://one:1", "it goes on");
        script.receive(INFO);
        script.receive(b"-ERR 'Authorization Violation'\r\n");
    }
}

#[test]
fn nonsense_ends_the_connection_and_nothing_else() {
    let mut script = Script::up();
    script.receive(b"MSG x 1 99999999999\r\nPING\r\n");
    let reason = Reason::Protocol(ProtocolError::TooLong);
    assert!(script.outputs().contains(&disconnected(reason)));
    assert_eq!(script.written(), "", "what came after it is not worked on");
    script.shake_hands();
}

#[test]
fn without_servers_it_is_over() {
    let options = ConnectOptions::default();
    let mut connection = Connection::new(options, Moment::default(), [7; 16]);
    connection.tick(Moment::default());
    assert_eq!(connection.status(Moment::default()), Status::Closed);
}

#[test]
fn a_server_may_ask_before_it_has_introduced_itself_and_gets_no_answer() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.connection.dialled();
    script.receive(b"PING\r\nPONG\r\n");
    assert_eq!(script.written(), "", "CONNECT comes first");
    assert_eq!(script.status(), Status::Connecting);
    script.receive(INFO);
    script.receive(b"PING\r\n");
    let written = script.written();
    assert!(written.ends_with("PING\r\nPONG\r\n"), "{written}");
}

#[test]
fn the_info_after_connect_has_the_accounts_limit_and_no_nonce() {
    let mut script = Script::new(ConnectOptions::default());
    script.tick();
    script.connection.dialled();
    script.receive(INFO);
    assert_eq!(script.connection.info().nonce.as_deref(), Some("n"));
    script.receive(
        b"INFO {\"server_id\":\"S\",\"host\":\"a name\",\"port\":\"?\",\"max_payload\":10,\
        \"headers\":true,\"new\":[{\"a\":null}],\"connect_urls\":[\"x:1\"]}\r\nPONG\r\n",
    );
    assert_eq!(script.status(), Status::Connected);
    assert_eq!(
        script.written().matches("CONNECT").count(),
        1,
        "it is said once"
    );
    let events = script.events();
    let [Event::Connected(info)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((info.max_payload, info.nonce.as_deref()), (10, None));
    let refused = PublishError::TooLarge { size: 11, most: 10 };
    assert_eq!(script.connection.publish(&message("a", 11)), Err(refused));
}

#[test]
fn an_info_that_does_not_say_how_much_sets_no_limit() {
    for info in ["{\"max_payload\":-1}", "{\"max_payload\":0}", "{}"] {
        let mut script = Script::up();
        script.receive(format!("INFO {info}\r\n"));
        assert_eq!(script.connection.publish(&message("a", 5_000)), Ok(()));
    }
}
