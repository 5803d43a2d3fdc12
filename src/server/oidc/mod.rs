//! Signing in at an identity provider with OpenID Connect: the authorization code flow with PKCE.
//!
//! `options` is what natter is told of the provider, `provider` asks it, over `back_channel`;
//! `claims` is what it says of a person, and what natter makes of that. The `openidconnect` crate
//! checks signature, issuer, audience, times and nonce. What a browser is in the middle of is in
//! `store::pending`; whose an identity is, in the directory; the pages and forms are in
//! `http::oidc`.

mod back_channel;
mod claims;
mod error;
mod options;
mod provider;

pub use claims::Claims;
pub use error::OidcError;
pub use options::{Issuer, OidcAccounts, OidcOptions, OidcOptionsError, Secret};
pub use provider::{Begun, Provider};
