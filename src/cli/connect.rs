//! The connection of the terminal's commands, and what is told of it on standard error.

use std::path::PathBuf;
use std::time::Duration;

use data_encoding::BASE32_NOPAD;
use futures::StreamExt as _;

use super::creds_file::CredsFile;
use super::failed::Failed;
use super::terminal::{complain, note};
use crate::nats::{Auth, Client, ConnectOptions, Event, EventStream, ServerAddr};

/// For the first connection, with servers that do not answer at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where to, and as whom.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub(super) struct ConnectionArgs {
    /// The NATS servers, tried in turn: nats://, tls://, ws:// or wss://, commas between them.
    #[arg(
        short,
        long,
        env = "NATTER_SERVERS",
        default_value = "nats://localhost:4222",
        value_delimiter = ',',
        value_name = "URL"
    )]
    servers: Vec<ServerAddr>,

    /// A .creds file, as `natter creds` makes it.
    #[arg(
        long,
        env = "NATTER_CREDS",
        value_name = "FILE",
        conflicts_with = "token"
    )]
    creds: Option<PathBuf>,

    /// A token, for a NATS that asks for one.
    #[arg(
        long,
        env = "NATTER_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    token: Option<String>,
}

/// A connection that is there.
pub(super) struct Connection {
    pub client: Client,
    /// Whom the credentials were made for.
    pub name: Option<String>,
}

impl ConnectionArgs {
    /// Connects; from then on what happens to the connection is told on standard error, and it is
    /// tried again for ever. `hears_itself`: what it publishes comes to its own subscriptions too.
    ///
    /// # Errors
    /// The servers refuse, or are not there.
    pub async fn connect(&self, hears_itself: bool) -> Result<Connection, Failed> {
        let creds = self.creds.as_deref().map(CredsFile::read).transpose()?;
        let name = creds.as_ref().map(|creds| creds.name.clone());
        let inbox_prefix = match &creds {
            Some(creds) => creds.inbox_prefix.clone(),
            None => format!("_INBOX.{}", random()?),
        };
        let auth = match (creds, &self.token) {
            (Some(creds), _) => creds.auth(),
            (None, Some(token)) => Auth::Token(token.clone()),
            (None, None) => Auth::None,
        };
        let client = Client::connect(ConnectOptions {
            servers: self.servers.clone(),
            name: "natter terminal".into(),
            inbox_prefix,
            auth,
            echo: hears_itself,
            ..ConnectOptions::default()
        });
        let events = client.events();
        self.first(&client).await?;
        tokio::spawn(tell(events));
        Ok(Connection { client, name })
    }

    /// Until it is connected, or every server has been tried once in vain.
    async fn first(&self, client: &Client) -> Result<(), Failed> {
        let mut events = client.events();
        if client.server_info().is_some() {
            return Ok(());
        }
        let mut reason = "no answer in time".to_owned();
        let mut left = self.servers.len();
        let connecting = async {
            while let Some(event) = events.next().await {
                match event {
                    Event::Connected(_) => return Some(Ok(())),
                    Event::AuthRefused => return Some(Err(Failed::Refused)),
                    Event::ConnectFailed(why) => {
                        reason = why.to_string();
                        left = left.saturating_sub(1);
                        if left == 0 {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            None
        };
        let told = tokio::time::timeout(PATIENCE, connecting).await;
        told.ok().flatten().unwrap_or_else(|| {
            Err(Failed::NotThere {
                servers: self.names(),
                reason,
            })
        })
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.servers.iter().map(ToString::to_string).collect();
        names.join(", ")
    }
}

/// Tells what happens to the connection, as it happens.
async fn tell(mut events: EventStream) {
    let mut is_away = false;
    while let Some(event) = events.next().await {
        match event {
            Event::Connected(info) if is_away => {
                is_away = false;
                complain(format_args!("Reconnected to {}", info.server_name));
            }
            Event::Disconnected(reason) => {
                is_away = true;
                complain(format_args!("Disconnected: {reason}. Trying again…"));
            }
            Event::Unanswered => eprintln!("No answer for 5 s. Is the server still there?"),
            Event::AuthRefused => {
                note(format_args!(
                    "The server refuses the connection. Trying again…"
                ));
            }
            Event::SlowConsumer { subject } => {
                complain(format_args!(
                    "Too slow for [{subject}]: messages are dropped"
                ));
            }
            Event::LameDuck => note(format_args!("The server is about to end")),
            Event::ServerError(error) => complain(format_args!("Server error: {error}")),
            Event::Closed => return,
            // A right that is missing is told by the command that wanted it.
            Event::PermissionDenied { .. }
            | Event::Connected(_)
            | Event::Answered
            | Event::ConnectFailed(_)
            | Event::Lagged => {}
        }
    }
}

/// A token that nobody guesses.
pub(super) fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes)?;
    Ok(BASE32_NOPAD.encode(&bytes).to_lowercase())
}
