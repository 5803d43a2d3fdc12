//! What a connection shows the broker, and what it may then do.

use nkeys::KeyPair;

use super::claims::NO_LIMIT;
use super::jwt::EncodeError;

/// Natter's own connections: each is a user of the account that it works in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceUser {
    /// In SYS: finds and kicks connections, hears of those that come and go.
    System,
    /// In AUTH: answers the auth callout.
    Callout,
    /// In CHAT: JetStream, and natter's side of every subject.
    Chat,
}

impl ServiceUser {
    /// The name that the broker's own tools show.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::System => "natter-system",
            Self::Callout => "natter-callout",
            Self::Chat => "natter",
        }
    }
}

/// What a user shows on connecting: a JWT, and the seed with which it signs the server's nonce.
#[derive(Clone)]
pub struct UserCredentials {
    /// The user JWT.
    pub jwt: String,
    /// The user's nkey seed, `SU…`. Secret.
    pub seed: String,
}

impl UserCredentials {
    /// The user's public nkey, `U…`.
    ///
    /// # Errors
    /// Fails when the seed is none.
    pub fn nkey(&self) -> Result<String, SignError> {
        Ok(KeyPair::from_seed(&self.seed)?.public_key())
    }

    /// The text of a `.creds` file, as every NATS client reads it.
    #[must_use]
    pub fn to_creds_file(&self) -> String {
        let Self { jwt, seed } = self;
        format!(
            "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
             ************************* IMPORTANT *************************\n\
             NKEY Seed printed below can be used to sign and prove identity.\n\
             NKEYs are sensitive and should be treated as secrets.\n\n\
             -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n\n\
             *************************************************************\n"
        )
    }

    /// Options of a connection that shows these.
    ///
    /// # Errors
    /// Fails when the seed is none.
    pub fn connect_options(&self) -> Result<async_nats::ConnectOptions, SignError> {
        let key = std::sync::Arc::new(KeyPair::from_seed(&self.seed)?);
        Ok(async_nats::ConnectOptions::with_jwt(
            self.jwt.clone(),
            move |nonce| {
                let key = key.clone();
                async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
            },
        ))
    }
}

impl std::fmt::Debug for UserCredentials {
    /// Without the seed: what is printed for debugging ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserCredentials")
            .field("jwt", &self.jwt)
            .finish_non_exhaustive()
    }
}

/// The subjects that a user may use: exactly those listed. An empty list is "nothing".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Subjects that may be published to; wildcards allowed.
    pub publish_allow: Vec<String>,
    /// Subjects that may be subscribed to; wildcards allowed.
    pub subscribe_allow: Vec<String>,
}

/// How much one connection may use; -1 is "no limit".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserLimits {
    /// Subscriptions at once.
    pub subs: i64,
    /// Bytes in one message.
    pub payload: i64,
    /// Bytes sent in all, as the JWT library has it (the server does not count them today).
    pub data: i64,
}

impl Default for UserLimits {
    /// No limits.
    fn default() -> Self {
        Self {
            subs: NO_LIMIT,
            payload: NO_LIMIT,
            data: NO_LIMIT,
        }
    }
}

/// Why a token or credentials could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A key is no key, or cannot sign.
    #[error("a NATS key is not usable: {0}")]
    Key(#[from] nkeys::error::Error),
    /// The token could not be made.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The user key to sign for is no public user key (`U…`).
    #[error("{0:?} is not the public key of a NATS user")]
    NotAUser(String),
}
