//! CONNECT: what the client says of itself.

use serde::Serialize;

/// The language that the server's monitoring shows.
const LANGUAGE: &str = "rust";

/// What the client says of itself.
#[derive(Debug, Clone, Serialize)]
pub(in super::super) struct Connect {
    pub verbose: bool,
    pub pedantic: bool,
    pub tls_required: bool,
    pub lang: &'static str,
    pub version: &'static str,
    /// 1: INFO may come at any time.
    pub protocol: u8,
    pub echo: bool,
    pub headers: bool,
    pub no_responders: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<String>,
}

impl Connect {
    pub(in super::super) fn new() -> Self {
        Self {
            verbose: false,
            pedantic: false,
            tls_required: false,
            lang: LANGUAGE,
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            echo: true,
            headers: true,
            no_responders: true,
            name: String::new(),
            auth_token: None,
            user: None,
            pass: None,
            jwt: None,
            sig: None,
        }
    }
}
