//! The state machine, driven in any order.

use std::time::Duration;

use super::choices::Choices;
use super::ledger::Held;
use super::world::World;
use crate::nats::connection::{Many, Status};
use crate::nats::protocol::{Headers, Outgoing};

/// Few, so that they meet often.
const SUBJECTS: [&str; 4] = ["a", "b.*", "c.>", "not one"];

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

/// Whatever a user, a server, a network and a clock do: every request and flush ends exactly once,
/// nothing comes for a subscription that has ended, what the server knows is what is wanted,
/// nothing is sent before CONNECT or without a transport, there is one dial at a time, no deadline
/// is passed over, and nothing grows without a bound.
///
/// Each byte chooses a step, those after it what that needs.
pub fn connection(input: &[u8]) {
    let mut choices = Choices::of(input);
    let mut world = World::new(1 + choices.below(2));
    world.carry_out();
    while let Some(choice) = choices.next() {
        step(&mut world, usize::from(choice & 0x7f), &mut choices);
        // Handles may ask several things before the driver comes round.
        if choice & 0x80 == 0 {
            world.carry_out();
        }
    }
    world.end();
}

fn step(world: &mut World, choice: usize, choices: &mut Choices<'_>) {
    match choice % 32 {
        0..=3 => shake_hands(world),
        4 => world.dialled(),
        5 => info(world, choices),
        6 | 7 => world.write(),
        8 | 9 => world.receive(b"PONG\r\n"),
        10 => world.receive(b"PING\r\n"),
        11 => world.receive(&b"PING\r\n".repeat(choices.below(64))),
        12 | 13 => message(world, choices),
        14 => answer(world, choices),
        15 => error(world, choices),
        16 => {
            let count = choices.below(64);
            world.receive(choices.take(count));
        }
        17 => world.cut(),
        18 => pass(
            world,
            Duration::from_millis(100) * choices.below(256) as u32,
        ),
        19 => to_the_deadline(world),
        20 | 21 => subscribe(world, choices),
        22 => {
            let sid = sid(choices);
            // What has come for it by now has its reader.
            world.settle();
            if world.owed.subscriptions.remove(&sid).is_some() {
                world.connection.unsubscribe(sid);
            }
        }
        23 => unsubscribe_after(world, choices),
        24 => drain_subscription(world, choices),
        25 => publish(world, choices),
        26 => request(world, choices),
        27 => request_many(world, choices),
        28 => {
            let id = u64::from(choices.next().unwrap_or(0));
            world.settle();
            world.owed.requests.remove(&id);
            world.owed.gathering.remove(&id);
            world.connection.forget_request(id);
        }
        29 => flush(world),
        30 => look(world, choices),
        _ => finish(world, choices),
    }
}

fn shake_hands(world: &mut World) {
    world.dialled();
    world.receive(format!("INFO {}\r\n", INFOS[0]).as_bytes());
    world.write();
    world.receive(&b"PONG\r\n".repeat(world.server.pings));
    world.server.pings = 0;
}

fn info(world: &mut World, choices: &mut Choices<'_>) {
    let info = choices.one_of(&INFOS);
    world.receive(format!("INFO {info}\r\n").as_bytes());
}

fn message(world: &mut World, choices: &mut Choices<'_>) {
    // It delivers to whom it knows, and to whom it ought to have forgotten.
    world.write();
    let (sid, size) = (sid(choices), choices.below(8));
    let text = format!("MSG a {sid} {size}\r\n{}\r\n", "x".repeat(size));
    let times = 1 + choices.below(3);
    world.receive(text.repeat(times).as_bytes());
}

/// To the inbox, if there is one: for a request that was, or is, or never will be.
fn answer(world: &mut World, choices: &mut Choices<'_>) {
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

fn error(world: &mut World, choices: &mut Choices<'_>) {
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

fn pass(world: &mut World, wait: Duration) {
    world.now = world.now.after(wait);
}

fn to_the_deadline(world: &mut World) {
    if let Some(deadline) = world.connection.next_deadline() {
        world.now = world.now.max(deadline);
    }
}

fn sid(choices: &mut Choices<'_>) -> u64 {
    choices.below(12) as u64
}

fn subscribe(world: &mut World, choices: &mut Choices<'_>) {
    let queue = choices.flip().then_some("q");
    let subject = choices.one_of(&SUBJECTS);
    if let Ok(sid) = world.connection.subscribe(subject, queue) {
        let held = world.owed.subscriptions.insert(sid, Held::default());
        assert!(held.is_none(), "{sid} is somebody else's");
    }
}

fn unsubscribe_after(world: &mut World, choices: &mut Choices<'_>) {
    let (sid, more) = (sid(choices), choices.below(4) as u64);
    world.settle();
    if let Some(held) = world.owed.subscriptions.get_mut(&sid) {
        held.remaining = Some(more);
        world.connection.unsubscribe_after(sid, more);
    }
}

fn drain_subscription(world: &mut World, choices: &mut Choices<'_>) {
    let sid = sid(choices);
    if let Some(held) = world.owed.subscriptions.get_mut(&sid) {
        held.is_ending = true;
        world.connection.drain_subscription(sid, world.now);
    }
}

fn publish(world: &mut World, choices: &mut Choices<'_>) {
    let size = choices.below(256);
    let mut headers = Headers::new();
    if choices.flip() {
        headers.append("K", "v").unwrap();
    }
    let message = Outgoing {
        subject: choices.one_of(&SUBJECTS).into(),
        reply: choices.flip().then(|| "r".into()),
        headers,
        payload: vec![b'x'; size].into(),
    };
    let was_up = world.status() == Status::Connected;
    if world.connection.publish(&message).is_ok() {
        let most = world.connection.info().max_payload;
        assert!(was_up && message.subject == "a");
        assert!(
            most == 0 || message.size() <= most,
            "the server would end it"
        );
    }
}

fn request(world: &mut World, choices: &mut Choices<'_>) {
    let timeout = Duration::from_millis(100) * choices.below(64) as u32;
    let subject = choices.one_of(&SUBJECTS);
    let payload = vec![b'x'; choices.below(100)];
    let asked = world
        .connection
        .request(subject, payload.into(), timeout, world.now);
    if let Ok(id) = asked {
        assert!(world.owed.requests.insert(id));
    }
}

fn request_many(world: &mut World, choices: &mut Choices<'_>) {
    let wait = |choices: &mut Choices<'_>| Duration::from_millis(100) * choices.below(64) as u32;
    let many = Many {
        timeout: Some(wait(choices)),
        stall: choices.flip().then(|| wait(choices)),
        most: choices.flip().then_some(2),
        until_empty: choices.flip(),
    };
    let asked = world
        .connection
        .request_many("a", "x".into(), &many, world.now);
    if let Ok(id) = asked {
        assert!(world.owed.gathering.insert(id));
    }
}

fn flush(world: &mut World) {
    if let Ok(id) = world.connection.flush(world.now) {
        assert!(world.owed.flushes.insert(id));
    }
}

fn look(world: &mut World, choices: &mut Choices<'_>) {
    match choices.below(3) {
        0 => world.connection.look(world.now),
        1 => world.connection.probe(world.now),
        _ => world.connection.retry_now(world.now),
    }
}

fn finish(world: &mut World, choices: &mut Choices<'_>) {
    if choices.flip() {
        world.connection.close();
        return;
    }
    if world.status() == Status::Connected {
        for held in world.owed.subscriptions.values_mut() {
            held.is_ending = true;
        }
    }
    world.connection.drain(world.now);
}
