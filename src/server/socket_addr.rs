//! Addresses as people type them for `--addr` and its like: an IP address or a name, and a port.

use std::net::{SocketAddr, ToSocketAddrs as _};

/// What was typed is no address of a socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAddress {
    /// Nothing of that form.
    #[error(
        "an address is HOST:PORT, such as 127.0.0.1:3000, localhost:3000, [::1]:3000, or 0.0.0.0:3000 for every network"
    )]
    Form,
    /// A name that stands for nothing on this machine.
    #[error("there is no host with the name {0}: {1}")]
    Name(String, String),
}

/// Reads one. A name is looked up, and its IPv4 address is preferred, since natter's own defaults are
/// IPv4.
///
/// # Errors
/// See [`NotAnAddress`].
pub fn parse(text: &str) -> Result<SocketAddr, NotAnAddress> {
    if let Ok(addr) = text.parse() {
        return Ok(addr);
    }
    let (host, port) = text.rsplit_once(':').ok_or(NotAnAddress::Form)?;
    let is_host = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    let port: u16 = port.parse().map_err(|_| NotAnAddress::Form)?;
    if host.is_empty() || !host.chars().all(is_host) {
        return Err(NotAnAddress::Form);
    }
    let unknown = |why: String| NotAnAddress::Name(host.to_owned(), why);
    let found = (host, port).to_socket_addrs();
    let found: Vec<_> = found.map_err(|error| unknown(error.to_string()))?.collect();
    let ipv4 = found.iter().find(|addr| addr.is_ipv4());
    let addr = ipv4.or(found.first()).copied();
    addr.ok_or_else(|| unknown("it has no address".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_good_as_a_number() {
        let addr = |text: &str| parse(text).unwrap().to_string();
        assert_eq!(addr("127.0.0.1:3000"), "127.0.0.1:3000");
        assert_eq!(addr("[::1]:3000"), "[::1]:3000");
        assert_eq!(addr("localhost:3000"), "127.0.0.1:3000");
    }

    #[test]
    fn what_is_no_address_is_told_what_one_looks_like() {
        for text in [
            "3000",
            ":3000",
            "localhost",
            "localhost:",
            "localhost:x",
            "http://localhost:3000",
            "a b:1",
            "::1:3000",
            "localhost:70000",
        ] {
            assert_eq!(parse(text), Err(NotAnAddress::Form), "{text}");
        }
        assert!(NotAnAddress::Form.to_string().contains("localhost:3000"));
        let nobody = parse("no-such-host.invalid:3000");
        assert!(
            matches!(nobody, Err(NotAnAddress::Name(name, _)) if name == "no-such-host.invalid")
        );
    }
}
