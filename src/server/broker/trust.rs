//! What a nats-server must be told to let in whom natter says: the operator, its accounts, and the way
//! of a browser to the auth callout. The same for the embedded one and for those of a cluster.

use std::fmt::Write as _;

use super::keys::BrokerKeys;

/// The cookie in which the broker looks for the session, on the handshake of a WebSocket. The
/// tunnel writes it itself, from whatever the page's own cookie is called.
pub const SESSION_COOKIE_UPSTREAM: &str = "natter_session";

/// How long the server waits for the callout's answer, in seconds. The main block's timeout
/// rules this, for WebSocket connections too.
const AUTH_TIMEOUT_SECONDS: u32 = 5;

/// A browser behind a proxy that closes idle connections after a minute stays connected, and
/// one that has gone away is noticed within two of these.
const WEBSOCKET_PING_INTERVAL: &str = "30s";

/// The blocks of nats.conf that say whom to trust.
#[derive(Debug)]
pub(super) struct Trust {
    allowed_origins: Vec<String>,
    operator_jwt: String,
    system_account: String,
    /// Id and JWT of each.
    accounts: Vec<(String, String)>,
    sentinel_jwt: String,
}

impl Trust {
    /// `allowed_origins` must name one at least: with none, nats-server does not look at the
    /// Origin at all.
    pub fn new(allowed_origins: Vec<String>, keys: &BrokerKeys) -> Self {
        debug_assert!(!allowed_origins.is_empty(), "the Origin check would be off");
        Self {
            allowed_origins,
            operator_jwt: keys.operator_jwt.clone(),
            system_account: keys.system.id.clone(),
            accounts: [&keys.system, &keys.auth, &keys.chat]
                .map(|account| (account.id.clone(), account.jwt.clone()))
                .to_vec(),
            sentinel_jwt: keys.sentinel_jwt.clone(),
        }
    }

    /// The blocks, with a WebSocket listener at `websocket`.
    pub fn blocks(&self, websocket: &str) -> String {
        let mut accounts = String::new();
        for (id, jwt) in &self.accounts {
            let _ = writeln!(accounts, "  {id}: {}", quote(jwt));
        }
        let origins: Vec<_> = self.allowed_origins.iter().map(|o| quote(o)).collect();
        format!(
            "\
operator: {operator}
system_account: {system}
resolver: MEMORY
resolver_preload {{
{accounts}}}

# A browser shows a session and no JWT: this one lets it through to the callout.
default_sentinel: {sentinel}
authorization {{
  timeout: {AUTH_TIMEOUT_SECONDS}
}}

websocket {{
  listen: \"{websocket}\"
  # TLS ends before natter.
  no_tls: true
  token_cookie: {SESSION_COOKIE_UPSTREAM}
  allowed_origins: [{origins}]
  compression: false
  ping_interval: \"{WEBSOCKET_PING_INTERVAL}\"
}}
",
            operator = quote(&self.operator_jwt),
            system = quote(&self.system_account),
            sentinel = quote(&self.sentinel_jwt),
            origins = origins.join(", "),
        )
    }
}

/// A double-quoted string of nats.conf. Only there do escapes count and variables (`$NAME`) not.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
