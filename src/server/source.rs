//! What a limit counts by: a person, or the network that a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use crate::domain::Username;

/// The bits of an IPv6 address that name a network. A host can use every address in its /64
/// (RFC 4291, 2.5.1; RFC 6177), so a limit by single addresses would be easy to avoid.
const NETWORK_BITS: u32 = 64;

/// The key of all limits per address: an IPv4 address, or the /64 of an IPv6 address. An IPv4-mapped
/// IPv6 address (RFC 4291, 2.5.5.2) is the IPv4 address.
///
/// It is made where the address of a client is determined (`http::address`) and where a connection is
/// accepted (`http::connections`). No limit uses an address itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & (u128::MAX << (128 - NETWORK_BITS));
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// The key of a queue in `turns`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Somebody with a session, or a browser that was signed in to this account before.
    Person(Username),
    /// Anybody else.
    Source(Source),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::from(text.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn an_ipv6_address_counts_by_its_64() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1:2:3"));
        assert_eq!(source("2001:db8:0:0:1::"), source("2001:db8::"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8::1"));
    }

    #[test]
    fn an_ipv4_address_counts_by_itself_however_it_is_written() {
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::ffff:192.0.2.1"), source("::ffff:192.0.2.2"));
    }
}
