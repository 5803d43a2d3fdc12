//! INFO: what the server says of itself, at first and again whenever it changes.

use serde::{Deserialize, Deserializer};

/// What the server says of itself. Fields that are not known are passed over and none is needed
/// (ADR-40), so that servers of every age are understood.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ServerInfo {
    /// The server's own id.
    pub server_id: String,
    /// Its name.
    pub server_name: String,
    /// The version of nats-server.
    pub version: String,
    /// The largest payload, headers included, in bytes; after CONNECT it is the account's. 0: the
    /// server does not say.
    #[serde(deserialize_with = "size")]
    pub max_payload: usize,
    /// It can carry headers (ADR-4).
    pub headers: bool,
    /// It wants TLS before anything else.
    pub tls_required: bool,
    /// What to sign with the nkey.
    pub nonce: Option<String>,
    /// This connection's number at the server.
    pub client_id: u64,
    /// The client's address, as the server sees it.
    pub client_ip: String,
    /// The cluster that the server is in.
    pub cluster: Option<String>,
    /// It will close its connections soon: lame duck mode (ADR-5).
    pub ldm: bool,
}

/// An account without a limit is said with -1.
fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let size = i64::deserialize(deserializer)?;
    Ok(usize::try_from(size).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_passed_over_and_none_is_needed() {
        let info: ServerInfo =
            serde_json::from_str(r#"{"host":"a name","xkey":1,"max_payload":-1}"#).unwrap();
        assert_eq!(info, ServerInfo::default());
    }
}
