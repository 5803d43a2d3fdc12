//! `natter pub`.

use futures::{FutureExt as _, StreamExt as _};

use super::SUBJECT;
use super::payload::{Format, Line, Said, What};
use crate::cli::connect::ConnectionArgs;
use crate::cli::failed::Failed;
use crate::nats::{Event, EventStream};

/// Publish a message.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Publish a message, as a protobuf EchoRequest unless told otherwise.\n\n\
        It is told published when the server has it: a right that is missing is an error at once.",
    after_long_help = "Examples:\n  \
        natter pub\n  \
        natter pub hello 'good morning'\n  \
        date | natter pub hello.time - --raw\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS, NATTER_TOKEN.\n\
        Exit codes: 0 published, 1 failed, 2 wrong usage, 5 not authorised."
)]
pub(in crate::cli) struct PubOptions {
    /// Where to.
    #[arg(default_value = SUBJECT)]
    subject: String,

    #[command(flatten)]
    said: Said,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Publishes.
pub(in crate::cli) async fn run(options: PubOptions) -> Result<(), Failed> {
    let PubOptions {
        subject,
        said,
        format,
        connection,
    } = options;
    let said = said.bytes().await?;
    let client = connection.connect(false).await?.client;
    let mut events = client.events();
    let payload = format.encode(&said);
    client
        .publish(&subject, payload.clone())
        .await
        .map_err(|source| Failed::Publish {
            subject: subject.clone(),
            source,
        })?;
    client.flush().await?;
    // The server speaks in order: what it has against the message came before its answer.
    if was_denied(&mut events) {
        return Err(Failed::NotAllowed {
            doing: "publish",
            subject,
        });
    }
    format.print(&Line {
        what: What::Published,
        subject: Some(&subject),
        reply: None,
        payload: Some(&payload),
    })?;
    client.drain().await;
    Ok(())
}

fn was_denied(events: &mut EventStream) -> bool {
    while let Some(Some(event)) = events.next().now_or_never() {
        if matches!(event, Event::PermissionDenied { .. }) {
            return true;
        }
    }
    false
}
