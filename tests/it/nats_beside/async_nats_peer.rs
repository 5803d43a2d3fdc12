//! The NATS authors' own.

use std::time::Duration;

use async_nats::{Client, HeaderMap, Message, Request, RequestErrorKind, Subscriber};
use futures::StreamExt as _;

use super::{Answer, Heard, Peer, Said};

impl Peer for Client {
    type Feed = Subscriber;

    async fn connect(url: &str) -> Self {
        async_nats::connect(url).await.unwrap()
    }

    async fn subscribe(&self, subject: &str, queue: Option<&str>) -> Subscriber {
        let subject = subject.to_owned();
        match queue {
            Some(queue) => self.queue_subscribe(subject, queue.into()).await.unwrap(),
            None => self.subscribe(subject).await.unwrap(),
        }
    }

    async fn publish(&self, said: &Said<'_>) -> bool {
        let subject = said.subject.to_owned();
        let payload = said.payload.clone().into();
        let mut headers = HeaderMap::new();
        for (name, value) in said.headers {
            headers.append(*name, *value);
        }
        let published = match (said.reply, said.headers.is_empty()) {
            (None, true) => self.publish(subject, payload).await,
            (None, false) => self.publish_with_headers(subject, headers, payload).await,
            (Some(reply), true) => {
                self.publish_with_reply(subject, reply.to_owned(), payload)
                    .await
            }
            (Some(reply), false) => {
                let reply = reply.to_owned();
                self.publish_with_reply_and_headers(subject, reply, headers, payload)
                    .await
            }
        };
        published.is_ok()
    }

    async fn flush(&self) {
        // Theirs waits until the bytes have left; a round trip says that they have arrived.
        self.flush().await.unwrap();
        let inbox = self.new_inbox();
        let mut back = self.subscribe(inbox.clone()).await.unwrap();
        self.publish(inbox, "".into()).await.unwrap();
        back.next().await.unwrap();
    }

    async fn request(&self, subject: &str, payload: &str, within: Duration) -> Answer {
        let request = Request::new()
            .payload(payload.to_owned().into())
            .timeout(Some(within));
        match self.send_request(subject.to_owned(), request).await {
            Ok(answer) => Answer::Came(answer.payload.to_vec()),
            Err(error) => match error.kind() {
                RequestErrorKind::NoResponders => Answer::NobodyThere,
                RequestErrorKind::TimedOut => Answer::NotInTime,
                _ => Answer::Refused,
            },
        }
    }

    async fn end_after(feed: &mut Subscriber, had: u64, more: u64) {
        feed.unsubscribe_after(had + more).await.unwrap();
    }

    async fn next(feed: &mut Subscriber) -> Option<Heard> {
        feed.next().await.map(heard)
    }
}

fn heard(message: Message) -> Heard {
    let headers = message.headers.unwrap_or_default();
    let headers = headers.iter().map(|(name, values)| {
        let values = values.iter().map(|value| value.as_str().to_owned());
        (name.to_string(), values.collect())
    });
    Heard {
        subject: message.subject.to_string(),
        reply: message.reply.map(|reply| reply.to_string()),
        headers: headers.collect(),
        payload: message.payload.to_vec(),
    }
}
