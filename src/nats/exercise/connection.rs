//! The state machine, driven in any order.

use std::time::Duration;

use super::choices::Choices;
use super::world::World;
use super::{server, user};

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
        0..=3 => server::shake_hands(world),
        4 => world.dialled(),
        5 => server::info(world, choices),
        6 | 7 => world.write(),
        8 | 9 => world.receive(b"PONG\r\n"),
        10 => world.receive(b"PING\r\n"),
        11 => world.receive(&b"PING\r\n".repeat(choices.below(64))),
        12 | 13 => server::message(world, choices),
        14 => server::answer(world, choices),
        15 => server::error(world, choices),
        16 => {
            let count = choices.below(64);
            world.receive(choices.take(count));
        }
        17 => world.cut(),
        18 => pass(world, choices),
        19 => to_the_deadline(world),
        20 | 21 => user::subscribe(world, choices),
        22 => user::unsubscribe(world, choices),
        23 => user::unsubscribe_after(world, choices),
        24 => user::drain_subscription(world, choices),
        25 => user::publish(world, choices),
        26 => user::request(world, choices),
        27 => user::request_many(world, choices),
        28 => user::forget(world, choices),
        29 => user::flush(world),
        30 => user::look(world, choices),
        _ => user::finish(world, choices),
    }
}

fn pass(world: &mut World, choices: &mut Choices<'_>) {
    let tenths = choices.below(256) as u32;
    world.now = world.now.after(Duration::from_millis(100) * tenths);
}

fn to_the_deadline(world: &mut World) {
    if let Some(deadline) = world.connection.next_deadline() {
        world.now = world.now.max(deadline);
    }
}
