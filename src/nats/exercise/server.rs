//! Steps of a server.

use super::choices::Choices;
use super::user::sid;
use super::world::World;

const INFOS: [&str; 6] = [
    r#"{"server_id":"S","max_payload":1000,"headers":true,"nonce":"n","host":"a name"}"#,
    r#"{"server_id":"S","max_payload":64,"headers":true}"#,
    r#"{"server_id":"S","max_payload":1000,"headers":true,"ldm":true}"#,
    r#"{"max_payload":-1,"unknown":[{}]}"#,
    r#"{"max_payload":100,"connect_urls":["x:1"]}"#,
    "{",
];

const ERRORS: [&str; 12] = [
    "Authorization Violation",
    "User Authentication Expired",
    "Stale Connection",
    "Slow Consumer",
    "Maximum Payload Violation",
    "maximum subscriptions exceeded",
    "Invalid Publish Subject",
    "Permissions Violation for Publish to \"a\"",
    "Permissions Violation for Subscription to \"a\"",
    "Permissions Violation for Subscription to \"b.*\" using queue \"q\"",
    "Permissions Violation",
    "Something new",
];

pub(super) fn shake_hands(world: &mut World) {
    world.dialled();
    world.receive(format!("INFO {}\r\n", INFOS[0]).as_bytes());
    world.write();
    world.receive(&b"PONG\r\n".repeat(world.server.pings));
    world.server.pings = 0;
}

pub(super) fn info(world: &mut World, choices: &mut Choices<'_>) {
    let info = choices.one_of(&INFOS);
    world.receive(format!("INFO {info}\r\n").as_bytes());
}

pub(super) fn message(world: &mut World, choices: &mut Choices<'_>) {
    // It delivers to whom it knows, and to whom it ought to have forgotten.
    world.write();
    let (sid, size) = (sid(choices), choices.below(8));
    let text = format!("MSG a {sid} {size}\r\n{}\r\n", "x".repeat(size));
    let times = 1 + choices.below(3);
    world.receive(text.repeat(times).as_bytes());
}

/// To the inbox, if there is one: for a request that was, or is, or never will be.
pub(super) fn answer(world: &mut World, choices: &mut Choices<'_>) {
    let Some((sid, pattern)) = &world.server.inbox else {
        return;
    };
    let inbox = pattern.trim_end_matches('*');
    let id = choices.below(12);
    let text = if choices.flip() {
        format!("HMSG {inbox}{id} {sid} 16 16\r\nNATS/1.0 503\r\n\r\n\r\n")
    } else {
        format!("MSG {inbox}{id} {sid} 3\r\nyes\r\n")
    };
    world.receive(text.as_bytes());
}

pub(super) fn error(world: &mut World, choices: &mut Choices<'_>) {
    // It complains of what it has heard.
    world.write();
    let which = choices.below(ERRORS.len() + 2);
    let text = match (ERRORS.get(which), &world.server) {
        (Some(text), _) => (*text).to_owned(),
        (None, server) => match (&server.inbox, &server.reply, which % 2) {
            (Some((_, pattern)), _, 0) => {
                format!("Permissions Violation for Subscription to \"{pattern}\"")
            }
            (_, Some(reply), _) => {
                format!("Permissions Violation for Publish with Reply of \"{reply}\"")
            }
            _ => return,
        },
    };
    world.receive(format!("-ERR '{text}'\r\n").as_bytes());
}
