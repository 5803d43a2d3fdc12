//! What the services tell of themselves: `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` ([ADR-32]).
//!
//! Every natter answers for itself. Only credentials of a service may ask (`natter creds
//! --service`), and answers go to such inboxes alone.
//!
//! [ADR-32]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-32.md

use std::collections::BTreeMap;
use std::sync::Arc;

use data_encoding::BASE32_NOPAD;
use futures::StreamExt as _;
use serde::Serialize;

use super::accept::is_service_inbox;
use super::endpoint::About;
use super::schema::schema_of;
use super::serve::QUEUE;
use crate::domain::{Timestamp, time_text};
use crate::nats;
use crate::server::clock;

/// What all endpoints together are called.
const NAME: &str = "natter";

/// For people.
const DESCRIPTION: &str = "Natter’s commands and example services";

/// What is told, and by whom.
#[derive(Clone)]
pub(super) struct Discovery(Arc<Inner>);

struct Inner {
    id: String,
    started: Timestamp,
    endpoints: Vec<Arc<About>>,
}

impl Discovery {
    pub fn new(endpoints: Vec<Arc<About>>) -> Self {
        let mut id = [0; 15];
        // Without randomness all instances would have one id, which nothing breaks on.
        let _ = getrandom::fill(&mut id);
        Self(Arc::new(Inner {
            id: BASE32_NOPAD.encode(&id),
            started: clock::now(),
            endpoints,
        }))
    }

    /// To all services, to those of this name, to this instance.
    pub fn subjects(&self) -> [String; 3] {
        let id = &self.0.id;
        [
            "$SRV.*".to_owned(),
            format!("$SRV.*.{NAME}"),
            format!("$SRV.*.{NAME}.{id}"),
        ]
    }

    /// Answers questions, to the end of them.
    pub async fn run(self, mut questions: nats::Subscription, writer: async_nats::Client) {
        while let Some(question) = questions.next().await {
            let Some(reply) = question.reply_str().filter(|reply| is_service_inbox(reply)) else {
                continue;
            };
            let Some(answer) = self.answer(question.subject.as_str()) else {
                continue;
            };
            if let Err(error) = writer.publish(reply.to_owned(), answer.into()).await {
                tracing::debug!(%error, "a question about the services was not answered");
            }
        }
    }

    fn answer(&self, subject: &str) -> Option<Vec<u8>> {
        let answer = match subject.split('.').nth(1)? {
            "PING" => serde_json::to_vec(&self.identity("io.nats.micro.v1.ping_response")),
            "INFO" => serde_json::to_vec(&self.info()),
            "STATS" => serde_json::to_vec(&self.stats()),
            _ => return None,
        };
        answer.ok()
    }

    fn identity(&self, kind: &'static str) -> Identity<'_> {
        Identity {
            kind,
            name: NAME,
            id: &self.0.id,
            version: env!("CARGO_PKG_VERSION"),
            metadata: BTreeMap::new(),
        }
    }

    fn info(&self) -> Info<'_> {
        let endpoints = self.0.endpoints.iter().map(|about| EndpointInfo {
            place: place(about),
            metadata: metadata(about),
        });
        Info {
            identity: self.identity("io.nats.micro.v1.info_response"),
            description: DESCRIPTION,
            endpoints: endpoints.collect(),
        }
    }

    fn stats(&self) -> AllStats<'_> {
        AllStats {
            identity: self.identity("io.nats.micro.v1.stats_response"),
            started: time_text::rfc3339(self.0.started),
            endpoints: self.0.endpoints.iter().map(|about| stats(about)).collect(),
        }
    }
}

/// What every answer begins with.
#[derive(Serialize)]
struct Identity<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    id: &'a str,
    version: &'static str,
    metadata: BTreeMap<String, String>,
}

#[derive(Serialize)]
struct Info<'a> {
    #[serde(flatten)]
    identity: Identity<'a>,
    description: &'static str,
    endpoints: Vec<EndpointInfo<'a>>,
}

#[derive(Serialize)]
struct Place<'a> {
    name: &'a str,
    subject: &'static str,
    queue_group: &'static str,
}

#[derive(Serialize)]
struct EndpointInfo<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    metadata: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct AllStats<'a> {
    #[serde(flatten)]
    identity: Identity<'a>,
    /// RFC 3339, in UTC.
    started: String,
    endpoints: Vec<EndpointStats<'a>>,
}

#[derive(Serialize)]
struct EndpointStats<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    num_requests: u64,
    num_errors: u64,
    /// `<code>:<word>`, never a text that a user wrote; empty when there was none.
    last_error: String,
    /// In nanoseconds, as the next one.
    processing_time: u64,
    average_processing_time: u64,
    data: Further,
}

/// What ADR-32 leaves to each service.
#[derive(Serialize)]
struct Further {
    /// Errors by their word.
    errors: BTreeMap<&'static str, u64>,
    /// Messages that were no requests.
    refused: u64,
}

fn place(about: &About) -> Place<'_> {
    Place {
        name: &about.name,
        subject: about.pattern,
        queue_group: QUEUE,
    }
}

/// The protobuf messages of an endpoint: their names and what is in them.
fn metadata(about: &About) -> BTreeMap<&'static str, String> {
    let mut metadata = BTreeMap::from([("format", "protobuf".to_owned())]);
    for (name, schema, message) in [
        ("request", "request_schema", &about.messages.request),
        ("response", "response_schema", &about.messages.response),
    ] {
        let Some(message) = message else { continue };
        if let Some(text) = schema_of(message) {
            metadata.insert(schema, text.to_owned());
        }
        metadata.insert(name, message.clone());
    }
    metadata
}

fn stats(about: &About) -> EndpointStats<'_> {
    let counts = about.stats.counts();
    let nanos = u64::try_from(counts.processing.as_nanos()).unwrap_or(u64::MAX);
    let last_error = counts
        .last_error
        .map(|(word, code)| format!("{code}:{word}"));
    EndpointStats {
        place: place(about),
        num_requests: counts.requests,
        num_errors: counts.errors.values().sum(),
        last_error: last_error.unwrap_or_default(),
        processing_time: nanos,
        average_processing_time: nanos.checked_div(counts.requests).unwrap_or_default(),
        data: Further {
            errors: counts.errors,
            refused: counts.refused,
        },
    }
}
