//! A browser's WebSocket handshake (RFC 6455, 4.2.1). Natter checks it itself: the broker would answer
//! a bad one with 400, which looks like a failure of the broker.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use data_encoding::BASE64;

/// The only version of the protocol.
const VERSION: &str = "13";

/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Why a request is not a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotAHandshake {
    /// The request does not ask for a WebSocket.
    Plain,
    /// It asks for another version.
    Version,
    /// It does not have exactly one key with 16 bytes in base64.
    Key,
}

impl NotAHandshake {
    /// The answer says what the request has to have.
    pub(super) fn into_response(self) -> Response {
        const UPGRADE: [(HeaderName, &str); 2] = [
            (header::UPGRADE, "websocket"),
            (header::CONNECTION, "Upgrade"),
        ];
        match self {
            Self::Plain => {
                let words = "This address accepts WebSocket connections only.\n";
                (StatusCode::UPGRADE_REQUIRED, UPGRADE, words).into_response()
            }
            Self::Version => {
                let version = [(header::SEC_WEBSOCKET_VERSION, VERSION)];
                let words = "This address accepts WebSocket version 13 only.\n";
                (StatusCode::UPGRADE_REQUIRED, UPGRADE, version, words).into_response()
            }
            Self::Key => {
                let words = "The request needs one Sec-WebSocket-Key, with 16 bytes in base64.\n";
                (StatusCode::BAD_REQUEST, words).into_response()
            }
        }
    }
}

/// The key of a handshake.
pub(super) fn key_of(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<HeaderValue, NotAHandshake> {
    let is_asked_for = *method == Method::GET
        && version >= Version::HTTP_11
        && lists(headers, header::UPGRADE, "websocket")
        && lists(headers, header::CONNECTION, "upgrade");
    if !is_asked_for {
        return Err(NotAHandshake::Plain);
    }
    let of_version = |value: &HeaderValue| value.as_bytes() == VERSION.as_bytes();
    if !once(headers, &header::SEC_WEBSOCKET_VERSION).is_some_and(of_version) {
        return Err(NotAHandshake::Version);
    }
    let is_key = |key: &&HeaderValue| {
        let key = BASE64.decode(key.as_bytes());
        key.is_ok_and(|key| key.len() == KEY_BYTES)
    };
    let key = once(headers, &header::SEC_WEBSOCKET_KEY).filter(is_key);
    key.cloned().ok_or(NotAHandshake::Key)
}

/// Is this word in the combined list of all headers of this name (RFC 9110, 5.3)? Case does not
/// matter.
pub(super) fn lists(headers: &HeaderMap, name: HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter();
    let mut words = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    words.any(|listed| listed.trim().eq_ignore_ascii_case(word))
}

fn once<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

    fn key_among(headers: &[(&'static str, &'static str)]) -> Result<HeaderValue, NotAHandshake> {
        let pairs = headers.iter().map(|(name, value)| {
            let name = HeaderName::from_static(name);
            (name, HeaderValue::from_static(value))
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        key_of(&Method::GET, Version::HTTP_11, &headers)
    }

    #[test]
    fn headers_of_one_name_are_one_list() {
        let lists = [
            ("connection", "keep-alive"),
            ("connection", "close, Upgrade"),
            ("upgrade", "h2c , WebSocket"),
            ("sec-websocket-version", "13"),
            KEY,
        ];
        assert_eq!(key_among(&lists).unwrap(), KEY.1);
        for (at, other) in [
            (1, ("connection", "upgraded")),
            (1, ("connection", "not upgrade")),
            (2, ("upgrade", "websockets")),
        ] {
            let mut lists = lists;
            lists[at] = other;
            assert_eq!(key_among(&lists), Err(NotAHandshake::Plain), "{other:?}");
        }
    }

    #[test]
    fn version_and_key_are_there_once() {
        let good = [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            KEY,
        ];
        let with = |more: &[(&'static str, &'static str)]| key_among(&[&good, more].concat());
        assert!(with(&[]).is_ok());
        assert_eq!(with(&[KEY]), Err(NotAHandshake::Key));
        let twice = ("sec-websocket-version", "13");
        assert_eq!(with(&[twice]), Err(NotAHandshake::Version));
        assert_eq!(key_among(&good[..3]), Err(NotAHandshake::Key));
        for bad in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZSE=",
            "AAAA",
        ] {
            let bad = [&good[..3], &[("sec-websocket-key", bad)]].concat();
            assert_eq!(key_among(&bad), Err(NotAHandshake::Key), "{bad:?}");
        }
        for other in ["", "8", "13, 8", "013"] {
            let other = [("sec-websocket-version", other), KEY];
            let other = [&good[..2], &other].concat();
            assert_eq!(key_among(&other), Err(NotAHandshake::Version), "{other:?}");
        }
    }
}
