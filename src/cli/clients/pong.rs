//! `natter pong`.

use std::time::Duration;

use futures::StreamExt as _;
use prost::Message as _;

use super::ping::pass;
use super::{ended, listen};
use crate::cli::connect::ConnectionArgs;
use crate::cli::escape::escaped;
use crate::cli::failed::Failed;
use crate::cli::stop::told_to_stop;
use crate::cli::terminal::{complain, line};
use crate::wire::pingpong::PingRequest;

/// For natter to take an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answer pings.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Answer the pings of `natter ping`, one line each, until Ctrl-C.\n\n\
        What is an answer itself is not answered, so that two who answer come to an end.",
    after_long_help = "Examples:\n  \
        natter pong --creds ben.creds\n  \
        natter pong --destination ada --count 1\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS.\n\
        Exit codes: 0 told to stop, 1 failed, 2 wrong usage, 5 not authorised."
)]
pub(in crate::cli) struct PongOptions {
    /// Who answers. Without it, whom the credentials were made for.
    #[arg(long, value_name = "USERNAME")]
    origin: Option<String>,

    /// Answer this one alone.
    #[arg(long, value_name = "USERNAME")]
    destination: Option<String>,

    /// Answer with this, instead of what the ping says.
    #[arg(short, long, value_name = "DATA")]
    data: Option<String>,

    /// End after so many.
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Answers.
pub(in crate::cli) async fn run(options: PongOptions) -> Result<(), Failed> {
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    let connection = options.connection.connect(false).await?;
    let me = options.origin.or(connection.name).ok_or(Failed::Missing(
        "who answers? Name yourself with --origin, or show credentials with --creds",
    ))?;
    let client = connection.client;
    let subject = format!("{me}.ping");
    let mut pings = listen(&client, &subject, None).await?;
    line(format_args!("Listening on [{subject}]"))?;
    let mut left = options.count.unwrap_or(u64::MAX);
    while left > 0 {
        let message = tokio::select! {
            () = &mut stop => break,
            message = pings.next() => message,
        };
        let Some(message) = message else {
            return ended(&pings, &subject);
        };
        let Ok(ping) = PingRequest::decode(message.payload) else {
            complain(format_args!("A message on [{subject}] is not a ping"));
            continue;
        };
        let is_wanted = options
            .destination
            .as_ref()
            .is_none_or(|who| *who == ping.origin);
        if ping.answer || ping.origin == me || !is_wanted {
            continue;
        }
        line(format_args!(
            "ping from {}: '{}'",
            escaped(&ping.origin),
            escaped(&ping.message)
        ))?;
        let answer = PingRequest {
            destination: ping.origin,
            origin: me.clone(),
            message: options.data.clone().unwrap_or(ping.message),
            answer: true,
        };
        match pass(&client, &subject, &answer, PATIENCE).await {
            Ok(()) => left -= 1,
            // One who cannot be answered keeps nobody else waiting.
            Err(why) => complain(format_args!("Not answered: {why}")),
        }
    }
    client.drain().await;
    Ok(())
}
