//! How a client says who it is.

use std::fmt;
use std::sync::Arc;

/// Signs the server's nonce and gives the raw signature. It is called whenever the client
/// connects, and must not use the client itself.
pub type Signer = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// How the client says who it is.
#[derive(Clone, Default)]
pub enum Auth {
    /// It does not; a browser's cookie speaks for it.
    #[default]
    None,
    /// A token.
    Token(String),
    /// A name and a password.
    UserPassword {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A user JWT, and the signature of the server's nonce with its nkey.
    Jwt {
        /// The JWT.
        jwt: String,
        /// Signs the nonce.
        sign: Signer,
    },
}

/// Without what is secret.
impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token(…)",
            Self::UserPassword { .. } => "UserPassword(…)",
            Self::Jwt { .. } => "Jwt(…)",
        })
    }
}
