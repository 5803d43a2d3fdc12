//! What a client is told before it connects.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// How bytes get to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// TCP, with TLS when the server asks for it.
    Nats,
    /// TCP with TLS, always.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

/// Where a server is: `nats://`, `tls://`, `ws://` or `wss://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddr {
    pub(super) scheme: Scheme,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
}

/// Not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address like nats://localhost:4222 or wss://host/path")]
pub struct ServerAddrError(String);

impl FromStr for ServerAddr {
    type Err = ServerAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let not_one = || ServerAddrError(text.to_owned());
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        let (scheme, default_port) = match scheme {
            "nats" => (Scheme::Nats, 4222),
            "tls" => (Scheme::Tls, 4222),
            "ws" => (Scheme::Ws, 80),
            "wss" => (Scheme::Wss, 443),
            _ => return Err(not_one()),
        };
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        // An IPv6 address stands in brackets, since it has colons of its own.
        let port_at = authority
            .rfind(':')
            .filter(|at| !authority[*at..].contains(']'));
        let (host, port) = match port_at {
            Some(at) => {
                let port = authority[at + 1..].parse().map_err(|_| not_one())?;
                (&authority[..at], port)
            }
            None => (authority, default_port),
        };
        if host.is_empty() || host.contains(|c: char| c == '@' || c.is_whitespace()) {
            return Err(not_one());
        }
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, path) = match self.scheme {
            Scheme::Nats => ("nats", ""),
            Scheme::Tls => ("tls", ""),
            Scheme::Ws => ("ws", self.path.as_str()),
            Scheme::Wss => ("wss", self.path.as_str()),
        };
        write!(f, "{scheme}://{}:{}{path}", self.host, self.port)
    }
}

/// Signs the server's nonce and gives the raw signature.
pub type Signer = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// How the client says who it is.
#[derive(Clone, Default)]
pub enum Auth {
    /// It does not; a browser's cookie speaks for it.
    #[default]
    None,
    /// A token.
    Token(String),
    /// A name and a password.
    UserPassword {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A user JWT, and the signature of the server's nonce with its nkey.
    Jwt {
        /// The JWT.
        jwt: String,
        /// Signs the nonce.
        sign: Signer,
    },
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(…)",
            Self::UserPassword { .. } => "UserPassword(…)",
            Self::Jwt { .. } => "Jwt(…)",
        })
    }
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// The servers, tried in turn.
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
    /// Between two PINGs of its own.
    pub ping_interval: Duration,
    /// For one try to connect, from dialling to the first PONG.
    pub connect_timeout: Duration,
    /// Messages that wait in a subscription until they are read; further ones are dropped.
    pub subscription_capacity: usize,
    /// Further headers of a WebSocket's handshake. A browser cannot send any.
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
            subscription_capacity: 4_096,
            ws_headers: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_scheme_a_host_and_a_port() {
        for (text, shown) in [
            ("localhost", "nats://localhost:4222"),
            ("nats://127.0.0.1:4333", "nats://127.0.0.1:4333"),
            ("tls://[::1]:4222", "tls://[::1]:4222"),
            ("ws://localhost:3000/nats", "ws://localhost:3000/nats"),
            (
                "wss://chat.example.org/nats",
                "wss://chat.example.org:443/nats",
            ),
        ] {
            let addr: ServerAddr = text.parse().unwrap();
            assert_eq!(addr.to_string(), shown);
        }
        for bad in [
            "",
            "http://x",
            "nats://",
            "nats://x:port",
            "nats://a b",
            "nats://u:p@h:1",
        ] {
            assert!(bad.parse::<ServerAddr>().is_err(), "{bad}");
        }
    }
}
