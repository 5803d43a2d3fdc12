//! The terminal clients: publish, subscribe, request, ping and pong, on natter's own NATS client.

mod payload;
mod ping;
mod pong;
mod publish;
mod request;
mod statistics;
mod subscribe;

pub(super) use ping::{PingOptions, run as ping};
pub(super) use pong::{PongOptions, run as pong};
pub(super) use publish::{PubOptions, run as publish};
pub(super) use request::{RequestOptions, run as request};
pub(super) use subscribe::{SubOptions, run as subscribe};

use super::failed::Failed;
use crate::nats::{Client, Subscription};

/// What is published and listened to unless told otherwise: every member's sandbox.
const SUBJECT: &str = "hello";

/// What is said unless told otherwise.
const MESSAGE: &str = "hello world";

/// Subscribes, and waits until the server has it: a right that is missing is an error at once.
async fn listen(
    client: &Client,
    subject: &str,
    queue: Option<&str>,
) -> Result<Subscription, Failed> {
    let subscribed = match queue {
        Some(queue) => client.queue_subscribe(subject, queue).await,
        None => client.subscribe(subject).await,
    };
    let subscription = subscribed.map_err(|why| Failed::of_subscription(subject, why))?;
    client.flush().await?;
    match subscription.error() {
        Some(why) => Err(Failed::of_subscription(subject, why)),
        None => Ok(subscription),
    }
}

/// The end of a subscription that nobody asked for.
fn ended(subscription: &Subscription, subject: &str) -> Result<(), Failed> {
    let why = subscription.error();
    why.map_or(Ok(()), |why| Err(Failed::of_subscription(subject, why)))
}
