//! Natter's own connections to the broker, one for each account and purpose.

use std::sync::Arc;
use std::time::Duration;

use async_nats::ConnectOptions;
use tokio::sync::watch;

use super::broker::{BrokerKeys, ServiceUser, SignError};
use super::limits::Limits;
use super::router::{CutOff, Wires};
use crate::domain::limits;
use crate::nats;

/// Why natter is not connected.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Its own credentials could not be made.
    #[error("natter’s own credentials: {0}")]
    Sign(#[from] SignError),
    /// The broker does not let it in, or is not there.
    #[error("natter cannot connect to NATS at {url}: {source}")]
    Connect {
        /// Where.
        url: String,
        /// Why not.
        source: async_nats::ConnectError,
    },
    /// The address is none.
    #[error("natter cannot read the NATS address {0:?}")]
    Address(String),
    /// It takes less in one message than natter has to say.
    #[error(
        "NATS at {url} takes messages of at most {most} bytes, and natter needs {}: raise max_payload in its configuration",
        limits::LEAST_PAYLOAD
    )]
    SmallPayload {
        /// Where.
        url: String,
        /// Its `max_payload`.
        most: usize,
    },
    /// Natter's own client is not let in.
    #[error("natter’s reader cannot connect to NATS: {0}")]
    Reader(#[from] nats::ConnectError),
}

/// The connections.
#[derive(Clone)]
pub struct Links {
    /// In SYS: finds and cuts connections.
    pub system: async_nats::Client,
    /// In AUTH: answers the auth callout.
    pub auth: async_nats::Client,
    /// In CHAT: JetStream, replies, the server function. It reads nothing that a user publishes.
    pub chat: async_nats::Client,
    /// In CHAT, through natter's own client: reads what users publish.
    pub reader: nats::Client,
    /// Changes whenever `chat` is connected again: what hung on the old connection (consumers,
    /// watches) begins anew then, instead of finding out by a missed heartbeat.
    pub reconnects: watch::Receiver<u64>,
}

impl Links {
    /// Connects all of them.
    ///
    /// # Errors
    /// One is not let in, or the broker's `max_payload` is too small.
    pub async fn connect(url: &str, keys: &BrokerKeys) -> Result<Self, LinkError> {
        let options = |who, name: &'static str| {
            Ok::<_, SignError>(keys.user(who)?.connect_options()?.name(name))
        };
        let (tell, reconnects) = watch::channel(0);
        let chat_options = options(ServiceUser::Chat, "natter")?.event_callback(move |event| {
            if matches!(event, async_nats::Event::Connected) {
                tell.send_modify(|times| *times += 1);
            }
            async {}
        });
        let (system, auth, chat) = tokio::try_join!(
            connect(url, options(ServiceUser::System, "natter system")?),
            connect(url, options(ServiceUser::Callout, "natter callout")?),
            connect(url, chat_options),
        )?;
        let most = chat.server_info().max_payload;
        if most < limits::LEAST_PAYLOAD {
            let url = url.to_owned();
            return Err(LinkError::SmallPayload { url, most });
        }
        let reader = reader(url, keys).await?;
        Ok(Self {
            system,
            auth,
            chat,
            reader,
            reconnects,
        })
    }

    /// What the router reads and writes with.
    #[must_use]
    pub fn wires(&self, limits: Limits, cut_off: CutOff) -> Wires {
        Wires {
            reader: self.reader.clone(),
            writer: self.chat.clone(),
            limits,
            cut_off,
        }
    }

    /// Is the broker there?
    #[must_use]
    pub fn are_up(&self) -> bool {
        let connected = async_nats::connection::State::Connected;
        [&self.system, &self.auth, &self.chat]
            .iter()
            .all(|client| client.connection_state() == connected)
            && self.reader.status() == nats::Status::Connected
    }
}

async fn connect(url: &str, options: ConnectOptions) -> Result<async_nats::Client, LinkError> {
    options
        .max_reconnects(None)
        .reconnect_delay_callback(|attempts| {
            // A broker that restarts is back within a second; one that is gone is asked rarely.
            Duration::from_millis(50 * (1 << attempts.min(6) as u64)).min(Duration::from_secs(2))
        })
        .request_timeout(Some(Duration::from_secs(5)))
        .connect(url.split(',').map(str::trim).collect::<Vec<_>>().as_slice())
        .await
        .map_err(|source| LinkError::Connect {
            url: url.to_owned(),
            source,
        })
}

/// The connection that survives whatever users publish: without headers the broker strips them,
/// without no-responders and echo it sends nothing that natter did not ask for (Must hold, 10).
async fn reader(url: &str, keys: &BrokerKeys) -> Result<nats::Client, LinkError> {
    let credentials = keys.user(ServiceUser::Chat)?;
    let pair = nkeys::KeyPair::from_seed(&credentials.seed)
        .map_err(|_| LinkError::Address("natter’s own seed".into()))?;
    let servers = url
        .split(',')
        .map(|url| url.trim().parse())
        .collect::<Result<Vec<nats::ServerAddr>, _>>()
        .map_err(|_| LinkError::Address(url.to_owned()))?;
    let client = nats::Client::connect(nats::ConnectOptions {
        servers,
        name: "natter reader".into(),
        auth: nats::Auth::Jwt {
            jwt: credentials.jwt,
            sign: Arc::new(move |nonce| pair.sign(nonce).unwrap_or_default()),
        },
        headers: false,
        no_responders: false,
        echo: false,
        ..nats::ConnectOptions::default()
    });
    client.connected().await?;
    Ok(client)
}
