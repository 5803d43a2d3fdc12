//! An event of the live feed, with its place.

use prost::Message as _;

use crate::nats;
use crate::wire::v1;

/// Reads an event and its place from the headers that the broker appends when it republishes LOG.
/// The last value of each counts: a publisher may have set one of its own before (Must hold, 5).
/// `None`: it is no event.
#[must_use]
pub fn logged_event(message: &nats::Message) -> Option<v1::LoggedEvent> {
    let number = |name| message.headers.last(name)?.parse().ok();
    Some(v1::LoggedEvent {
        sequence: number("Nats-Sequence")?,
        previous: number("Nats-Last-Sequence")?,
        event: Some(v1::Event::decode(message.payload.clone()).ok()?),
    })
}
