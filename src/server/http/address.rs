//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};

use super::AppState;
use crate::server::source::Source;
use crate::server::store::Origin;

/// Set by a front proxy: who asked it, and who asked before, the nearest last.
const FORWARDED_FOR: &str = "x-forwarded-for";

/// The address that a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientAddress(IpAddr);

impl ClientAddress {
    /// What limits count.
    pub(super) fn source(self) -> Source {
        self.0.into()
    }
}

impl FromRequestParts<AppState> for ClientAddress {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &AppState,
    ) -> Result<Self, Self::Rejection> {
        Ok(address(parts, state))
    }
}

/// What limits count of a request whose handler has not begun.
pub(super) fn source(parts: &Parts, state: &AppState) -> Source {
    address(parts, state).source()
}

fn address(parts: &Parts, state: &AppState) -> ClientAddress {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    ClientAddress(match state.behind_proxy {
        true => forwarded(&parts.headers).unwrap_or(peer),
        false => peer,
    })
}

/// Whom the proxy names: the last of the list, since what is before it is the client's own word.
fn forwarded(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?.trim();
    // Some proxies add the port, and brackets around an IPv6 address.
    let with_port = || last.parse::<SocketAddr>().ok().map(|peer| peer.ip());
    let in_brackets = || last.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    last.parse().ok().or_else(with_port).or_else(in_brackets)
}

/// The same with the browser's name for itself, as a session keeps it.
pub(super) fn origin(parts: &Parts, state: &AppState) -> Origin {
    origin_of(&parts.headers, address(parts, state))
}

pub(super) fn origin_of(headers: &HeaderMap, address: ClientAddress) -> Origin {
    let agent = headers.get(header::USER_AGENT);
    Origin {
        agent: agent
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
        // As it is written, for the person to see: an IPv4 address that came mapped into IPv6 is one.
        address: address.0.to_canonical().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_proxys_own_word_counts() {
        let mut headers = HeaderMap::new();
        assert_eq!(forwarded(&headers), None);
        headers.append(FORWARDED_FOR, HeaderValue::from_static("10.9.9.9"));
        headers.append(
            FORWARDED_FOR,
            HeaderValue::from_static("made up, 192.0.2.7"),
        );
        assert_eq!(forwarded(&headers), "192.0.2.7".parse().ok());
        for (text, address) in [
            ("192.0.2.8:4711", "192.0.2.8"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
        ] {
            headers.append(FORWARDED_FOR, HeaderValue::from_static(text));
            assert_eq!(forwarded(&headers), address.parse().ok(), "{text}");
        }
        headers.append(FORWARDED_FOR, HeaderValue::from_static("unknown"));
        assert_eq!(forwarded(&headers), None);
    }
}
