//! Steps of a user.

use std::time::Duration;

use super::choices::Choices;
use super::ledger::Held;
use super::world::World;
use crate::nats::connection::{Many, Status};
use crate::nats::protocol::{Headers, Outgoing};

/// Few, so that they meet often.
const SUBJECTS: [&str; 4] = ["a", "b.*", "c.>", "not one"];

/// A subscription that was, or is, or never will be.
pub(super) fn sid(choices: &mut Choices<'_>) -> u64 {
    choices.below(12) as u64
}

pub(super) fn subscribe(world: &mut World, choices: &mut Choices<'_>) {
    let queue = choices.flip().then_some("q");
    let subject = choices.one_of(&SUBJECTS);
    if let Ok(sid) = world.connection.subscribe(subject, queue) {
        let held = world.owed.subscriptions.insert(sid, Held::default());
        assert!(held.is_none(), "{sid} is somebody else's");
    }
}

pub(super) fn unsubscribe(world: &mut World, choices: &mut Choices<'_>) {
    let sid = sid(choices);
    // What has come for it by now has its reader.
    world.settle();
    if world.owed.subscriptions.remove(&sid).is_some() {
        world.connection.unsubscribe(sid);
    }
}

pub(super) fn unsubscribe_after(world: &mut World, choices: &mut Choices<'_>) {
    let (sid, more) = (sid(choices), choices.below(4) as u64);
    world.settle();
    if let Some(held) = world.owed.subscriptions.get_mut(&sid) {
        held.remaining = Some(more);
        world.connection.unsubscribe_after(sid, more);
    }
}

pub(super) fn drain_subscription(world: &mut World, choices: &mut Choices<'_>) {
    let sid = sid(choices);
    if let Some(held) = world.owed.subscriptions.get_mut(&sid) {
        held.is_ending = true;
        world.connection.drain_subscription(sid, world.now);
    }
}

pub(super) fn publish(world: &mut World, choices: &mut Choices<'_>) {
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

pub(super) fn request(world: &mut World, choices: &mut Choices<'_>) {
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

pub(super) fn forget(world: &mut World, choices: &mut Choices<'_>) {
    let id = u64::from(choices.next().unwrap_or(0));
    world.settle();
    world.owed.requests.remove(&id);
    world.owed.gathering.remove(&id);
    world.connection.forget_request(id);
}

pub(super) fn request_many(world: &mut World, choices: &mut Choices<'_>) {
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

pub(super) fn flush(world: &mut World) {
    if let Ok(id) = world.connection.flush(world.now) {
        assert!(world.owed.flushes.insert(id));
    }
}

pub(super) fn look(world: &mut World, choices: &mut Choices<'_>) {
    match choices.below(3) {
        0 => world.connection.look(world.now),
        1 => world.connection.probe(world.now),
        _ => world.connection.retry_now(world.now),
    }
}

pub(super) fn finish(world: &mut World, choices: &mut Choices<'_>) {
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
