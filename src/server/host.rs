//! A host as requests and URLs name it.

use std::fmt;
use std::net::IpAddr;

use axum::http::uri::Authority;

/// A host without its port, in the one form that equal hosts have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An address, as `192.0.2.1` or `[2001:db8::1]`.
    Address(IpAddr),
    /// A name, in lower case and without the dot of the root.
    Name(String),
}

impl Host {
    /// The host of `host` or `host:port`, as a `Host` header has it (RFC 9110, 7.2). `None`: it is
    /// neither an address nor a name, or the port is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of(&text.parse().ok()?)
    }

    /// The same of what a URL has there; without a name and password before it.
    #[must_use]
    pub fn of(authority: &Authority) -> Option<Self> {
        let host = authority.host();
        let port = authority.as_str().strip_prefix(host)?;
        let is_port = match port.strip_prefix(':') {
            None => port.is_empty(),
            Some(digits) => digits.is_empty() || authority.port_u16().is_some(),
        };
        if !is_port {
            return None;
        }
        if let Some(literal) = host.strip_prefix('[') {
            let literal = literal.strip_suffix(']')?;
            return literal.parse().ok().map(|ip| Self::Address(IpAddr::V6(ip)));
        }
        if let Ok(address) = host.parse() {
            return Some(Self::Address(address));
        }
        let name = host.strip_suffix('.').unwrap_or(host);
        let is_name_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name = (1..=NAME_CHARS).contains(&name.len()) && name.chars().all(is_name_char);
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// Is it this machine, whoever asks?
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => name == "localhost",
        }
    }
}

/// The longest name that DNS has (RFC 1035, 2.3.4).
const NAME_CHARS: usize = 253;

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_hosts_are_equal() {
        for (text, host) in [
            ("localhost", "localhost"),
            ("LocalHost.:3000", "localhost"),
            ("chat.example.org:", "chat.example.org"),
            ("127.0.0.1:3000", "127.0.0.1"),
            ("[0:0::1]:3000", "[::1]"),
            ("my_box", "my_box"),
        ] {
            let parsed = Host::parse(text).map(|host| host.to_string());
            assert_eq!(parsed.as_deref(), Some(host), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_none() {
        let long = format!("{}.example", "a".repeat(253));
        for text in [
            "",
            ".",
            ":3000",
            "x:99999",
            "x:y",
            "a@x",
            "x/y",
            "x y",
            "[::1",
            "[x]",
            "[fe80::1%25eth0]",
            "a,b",
            &long,
        ] {
            assert_eq!(Host::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_that_begins_like_an_address_is_a_name() {
        for text in ["127.0.0.1.example.org", "127.1", "0x7f000001"] {
            let host = Host::parse(text).unwrap();
            assert!(
                matches!(host, Host::Name(_)) && !host.is_loopback(),
                "{text}"
            );
        }
    }
}
