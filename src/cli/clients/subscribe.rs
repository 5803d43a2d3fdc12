//! `natter sub`.

use futures::StreamExt as _;

use super::payload::{Format, Line, What};
use super::{SUBJECT, ended, listen};
use crate::cli::connect::ConnectionArgs;
use crate::cli::failed::Failed;
use crate::cli::stop::told_to_stop;
use crate::nats::Message;

/// Print what is published.
#[derive(Debug, Clone, clap::Args)]
#[command(
    long_about = "Print what is published on a subject, one line a message, until Ctrl-C.\n\n\
        It lives through lost connections; what is published meanwhile does not come. At Ctrl-C it \
        takes what is under way, and ends.",
    after_long_help = "Examples:\n  \
        natter sub\n  \
        natter sub 'hello.>' --raw\n  \
        natter sub --json | jq -r .data\n\n\
        Environment: NATTER_CREDS, NATTER_SERVERS, NATTER_TOKEN.\n\
        Exit codes: 0 told to stop, 1 failed, 2 wrong usage, 5 not authorised."
)]
pub(in crate::cli) struct SubOptions {
    /// What to listen to; * and > stand for any token and any rest.
    #[arg(default_value = SUBJECT)]
    subject: String,

    /// End after so many messages.
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,

    /// Of all who listen as this group, one gets each message.
    #[arg(long, value_name = "GROUP")]
    queue: Option<String>,

    #[command(flatten)]
    format: Format,

    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Listens.
pub(in crate::cli) async fn run(options: SubOptions) -> Result<(), Failed> {
    let stop = told_to_stop()?;
    tokio::pin!(stop);
    let SubOptions {
        subject,
        count,
        queue,
        format,
        connection,
    } = options;
    let client = connection.connect(true).await?.client;
    let mut messages = listen(&client, &subject, queue.as_deref()).await?;
    format.print(&Line {
        what: What::Listening,
        subject: Some(&subject),
        reply: None,
        payload: None,
    })?;
    let mut left = count.unwrap_or(u64::MAX);
    while left > 0 {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    print(&format, &message)?;
                    left -= 1;
                }
                None => return ended(&messages, &subject),
            },
            () = &mut stop => {
                client.drain().await;
                while let Some(message) = messages.next().await {
                    print(&format, &message)?;
                }
                return Ok(());
            }
        }
    }
    client.drain().await;
    Ok(())
}

fn print(format: &Format, message: &Message) -> Result<(), Failed> {
    Ok(format.print(&Line {
        what: What::Received,
        subject: Some(message.subject.as_str()),
        reply: message.reply_str(),
        payload: Some(&message.payload),
    })?)
}
