//! INFO: what the server says of itself, at first and again whenever it changes.

use serde::Deserialize;

/// What the server says of itself. Fields that are not known are passed over, and none is needed:
/// servers of every age are understood.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// The server's own id.
    pub server_id: String,
    /// Its name.
    pub server_name: String,
    /// The version of nats-server.
    pub version: String,
    /// The largest payload, headers included, in bytes. After CONNECT it is the account's.
    pub max_payload: i64,
    /// It can carry headers.
    pub headers: bool,
    /// It wants TLS before anything else.
    pub tls_required: bool,
    /// What to sign with the nkey.
    pub nonce: Option<String>,
    /// This connection's number at the server.
    pub client_id: u64,
    /// It will close its connections soon ("lame duck mode").
    pub ldm: bool,
}
