//! `natter request`.

use std::time::Duration;

use super::SUBJECT;
use super::payload::{Format, Line, Said, What};
use crate::cli::connect::ConnectionArgs;
use crate::cli::duration;
use crate::cli::failed::Failed;
use crate::client::failure_of;

/// Ask, and print the answer.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Send a request, as a protobuf EchoRequest unless told otherwise, and print the \
        first answer.\n\n\
        That nobody listens there, and that a right is missing, is told at once. An error of a \
        service (ADR-32) is told with its reason.",
    after_long_help = "Examples:\n  \
        natter request ada.echo 'are you there?' --creds ada.creds\n  \
        natter request ada.echo.identified 'who am I?' --timeout 500ms\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS, NATTER_TOKEN.\n\
        Exit codes: 0 answered, 1 failed or refused, 2 wrong usage, 3 no answer in time, 4 nobody \
        answers there, 5 not authorised."
)]
pub(in crate::cli) struct RequestOptions {
    /// Where to ask.
    #[arg(default_value = SUBJECT)]
    subject: String,

    #[command(flatten)]
    said: Said,

    /// How long to wait for the answer.
    #[arg(long, default_value = "10s", value_parser = duration::parse, value_name = "TIME")]
    timeout: Duration,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Asks.
pub(in crate::cli) async fn run(options: RequestOptions) -> Result<(), Failed> {
    let RequestOptions {
        subject,
        said,
        timeout,
        format,
        connection,
    } = options;
    let said = said.bytes().await?;
    let client = connection.connect(false).await?.client;
    let payload = format.encode(&said);
    format.print(&Line {
        what: What::Requested,
        subject: Some(&subject),
        reply: None,
        payload: Some(&payload),
    })?;
    let reply = client
        .request(&subject, payload, timeout)
        .await
        .map_err(|why| Failed::of_request(&subject, why))?;
    if let Some(failure) = failure_of(&reply) {
        return Err(Failed::Service(failure));
    }
    format.print(&Line {
        what: What::Response,
        subject: None,
        reply: None,
        payload: Some(&reply.payload),
    })?;
    client.drain().await;
    Ok(())
}
