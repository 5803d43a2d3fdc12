//! Where a server is.

use std::fmt;
use std::str::FromStr;

/// How bytes get to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// TCP, with TLS when the server asks for it.
    Nats,
    /// TCP with TLS, always.
    Tls,
    /// WebSocket.
    Ws,
    /// WebSocket over TLS.
    Wss,
}

impl Scheme {
    fn name(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Nats | Self::Tls => 4222,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// Where a server is: `nats://`, `tls://`, `ws://` or `wss://`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerAddr {
    scheme: Scheme,
    /// An IPv6 address without its brackets.
    host: String,
    port: u16,
    /// Of a WebSocket; begins with a slash.
    path: String,
}

/// Not the address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address like nats://localhost:4222 or wss://host/path")]
pub struct ServerAddrError(String);

impl ServerAddr {
    pub(in crate::nats) fn scheme(&self) -> Scheme {
        self.scheme
    }

    #[cfg_attr(
        not(feature = "ssr"),
        expect(dead_code, reason = "a browser dials by URL")
    )]
    pub(in crate::nats) fn host(&self) -> &str {
        &self.host
    }

    #[cfg_attr(
        not(feature = "ssr"),
        expect(dead_code, reason = "a browser dials by URL")
    )]
    pub(in crate::nats) fn port(&self) -> u16 {
        self.port
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("nats", text));
        let scheme = [Scheme::Nats, Scheme::Tls, Scheme::Ws, Scheme::Wss]
            .into_iter()
            .find(|known| known.name() == scheme)?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        // An IPv6 address stands in brackets, since it has colons of its own.
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => digits.parse().ok()?,
            None if port.is_empty() => scheme.default_port(),
            None => return None,
        };
        let is_host = |c: char| !c.is_whitespace() && !c.is_control() && c != '@';
        if host.is_empty() || !host.chars().all(is_host) {
            return None;
        }
        Some(Self {
            scheme,
            host: host.to_owned(),
            port,
            path,
        })
    }
}

impl FromStr for ServerAddr {
    type Err = ServerAddrError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or_else(|| ServerAddrError(text.to_owned()))
    }
}

impl fmt::Display for ServerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)?;
        } else {
            write!(f, "{}:{}", self.host, self.port)?;
        }
        match self.scheme {
            Scheme::Nats | Scheme::Tls => Ok(()),
            Scheme::Ws | Scheme::Wss => f.write_str(&self.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_scheme_a_host_and_a_port() {
        for (text, shown) in [
            ("localhost", "nats://localhost:4222"),
            ("nats://127.0.0.1:4333", "nats://127.0.0.1:4333"),
            ("tls://[::1]:4222", "tls://[::1]:4222"),
            ("tls://[::1]", "tls://[::1]:4222"),
            ("ws://localhost:3000/nats", "ws://localhost:3000/nats"),
            (
                "wss://chat.example.org/nats",
                "wss://chat.example.org:443/nats",
            ),
            ("ws://localhost", "ws://localhost:80/"),
        ] {
            let addr: ServerAddr = text.parse().unwrap();
            assert_eq!(addr.to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "http://x",
            "nats://",
            "nats://:4222",
            "nats://x:port",
            "nats://x:99999",
            "nats://a b",
            "nats://u:p@h:1",
            "nats://u@h",
            "nats://[::1",
            "nats://[::1]x",
            "nats://::1",
        ] {
            assert!(bad.parse::<ServerAddr>().is_err(), "{bad}");
        }
    }
}
