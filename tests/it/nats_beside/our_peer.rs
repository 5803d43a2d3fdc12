//! Our client.

use std::time::Duration;

use futures::StreamExt as _;
use natter::nats::{
    Client, ConnectOptions, Headers, Message, Outgoing, RequestError, Subscription,
};

use super::{Answer, Heard, Peer, Said};

impl Peer for Client {
    type Feed = Subscription;

    async fn connect(url: &str) -> Self {
        let client = Self::connect(ConnectOptions {
            servers: vec![url.parse().unwrap()],
            ..ConnectOptions::default()
        });
        client.connected().await.unwrap();
        client
    }

    async fn subscribe(&self, subject: &str, queue: Option<&str>) -> Subscription {
        match queue {
            Some(queue) => self.queue_subscribe(subject, queue).await.unwrap(),
            None => self.subscribe(subject).await.unwrap(),
        }
    }

    async fn publish(&self, said: &Said<'_>) -> bool {
        let mut headers = Headers::new();
        for (name, value) in said.headers {
            headers.append(name, value).unwrap();
        }
        let message = Outgoing {
            subject: said.subject.into(),
            reply: said.reply.map(str::to_owned),
            headers,
            payload: said.payload.clone().into(),
        };
        self.publish_message(message).await.is_ok()
    }

    async fn flush(&self) {
        self.flush().await.unwrap();
    }

    async fn request(&self, subject: &str, payload: &str, within: Duration) -> Answer {
        let payload = payload.to_owned().into();
        match self.request(subject, payload, within).await {
            Ok(answer) => Answer::Came(answer.payload.to_vec()),
            Err(RequestError::NoResponders) => Answer::NobodyThere,
            Err(RequestError::Timeout) => Answer::NotInTime,
            Err(_) => Answer::Refused,
        }
    }

    async fn end_after(feed: &mut Subscription, _had: u64, more: u64) {
        feed.unsubscribe_after(more);
    }

    async fn next(feed: &mut Subscription) -> Option<Heard> {
        feed.next().await.map(heard)
    }
}

fn heard(message: Message) -> Heard {
    let names = ["Key", "key", "E"].map(str::to_owned).into_iter();
    let values = |name: &str| message.headers.values(name).map(str::to_owned).collect();
    let headers = names.map(|name| (name.clone(), values(&name)));
    let headers = headers.filter(|(_, values): &(_, Vec<String>)| !values.is_empty());
    Heard {
        subject: message.subject.to_string(),
        reply: message.reply_str().map(str::to_owned),
        headers: headers.collect(),
        payload: message.payload.to_vec(),
    }
}
