//! What a client is told before it connects.

mod auth;
mod limits;
mod server_addr;

use std::time::Duration;

pub use auth::{Auth, Signer};
pub use limits::Limits;
pub use server_addr::{Scheme, ServerAddr, ServerAddrError};

/// How to connect. All but the servers has a default.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The servers, tried in turn. They stay the ones that are named here: what a cluster
    /// advertises need not be reachable from where the client is.
    pub servers: Vec<ServerAddr>,
    /// What the connection is called in the server's monitoring.
    pub name: String,
    /// Under which replies arrive; needs the right to subscribe below it.
    pub inbox_prefix: String,
    /// Who the client is.
    pub auth: Auth,
    /// Can take and send headers. Without it the server strips them from what it delivers.
    pub headers: bool,
    /// Wants to be told at once when nobody listens (needs `headers`).
    pub no_responders: bool,
    /// Wants its own messages delivered to its own subscriptions.
    pub echo: bool,
    /// Between two PINGs of its own; after two without an answer the connection is given up.
    pub ping_interval: Duration,
    /// For one try to connect, from dialling to the first PONG.
    pub connect_timeout: Duration,
    /// For flushing and draining; a request names its own.
    pub request_timeout: Duration,
    /// How much may wait.
    pub limits: Limits,
    /// Further headers of a WebSocket's handshake. A browser cannot send any, and passes over them.
    pub ws_headers: Vec<(String, String)>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            name: String::new(),
            inbox_prefix: "_INBOX".into(),
            auth: Auth::None,
            headers: true,
            no_responders: true,
            echo: true,
            ping_interval: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            limits: Limits::default(),
            ws_headers: Vec::new(),
        }
    }
}
