//! CONNECT: what the client says of itself.

use serde::Serialize;

/// What the client says of itself.
#[derive(Debug, Clone, Serialize)]
pub struct Connect {
    /// Wants +OK after everything.
    pub verbose: bool,
    /// Wants its subjects checked by the server; the client does that itself.
    pub pedantic: bool,
    /// The language that the server's monitoring shows.
    pub lang: &'static str,
    /// The version of the client.
    pub version: &'static str,
    /// 1: INFO may come at any time (ADR-40).
    pub protocol: u8,
    /// Wants its own messages delivered to its own subscriptions.
    pub echo: bool,
    /// Can take and send headers (ADR-4).
    pub headers: bool,
    /// Wants to be told at once that nobody listens.
    pub no_responders: bool,
    /// What the connection is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// A token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_token: Option<String>,
    /// A user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Their password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pass: Option<String>,
    /// A user's JWT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwt: Option<String>,
    /// The server's nonce, signed, as base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig: Option<String>,
}

impl Default for Connect {
    fn default() -> Self {
        Self {
            verbose: false,
            pedantic: false,
            lang: "rust",
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
