//! One account: its id, the JWT that the broker knows it by, and the key that signs for it.

use nkeys::{KeyPair, KeyPairType};

use super::claims::{AccountClaims, UserClaims};
use super::credentials::SignError;
use super::jwt::{self, Registered};

/// An account that natter signs for.
#[derive(Debug)]
pub(super) struct Account {
    /// Its public key, `A…`.
    pub id: String,
    /// What the operator says of it.
    pub jwt: String,
    /// Its own key, or one of its signing keys.
    key: KeyPair,
}

impl Account {
    /// A new account of `operator`.
    pub fn create(
        name: &str,
        key: KeyPair,
        claims: AccountClaims,
        operator: &KeyPair,
    ) -> Result<Self, SignError> {
        let registered = Registered {
            name: name.to_owned(),
            subject: key.public_key(),
            ..Registered::default()
        };
        Ok(Self {
            id: key.public_key(),
            jwt: jwt::encode(registered, claims, operator)?,
            key,
        })
    }

    /// The account of this JWT, if `key` may sign for it.
    pub fn from_parts(jwt: String, key: KeyPair) -> Result<Self, String> {
        let claims = jwt::decode::<AccountClaims>(&jwt, KeyPairType::Operator, jwt::now_unix())
            .map_err(|error| error.to_string())?;
        let id = claims.registered.subject;
        let public = key.public_key();
        if public != id && !claims.nats.signing_keys.contains(&public) {
            return Err(format!(
                "the seed beside it is of another account ({public})"
            ));
        }
        Ok(Self { id, jwt, key })
    }

    pub fn seed(&self) -> Result<String, SignError> {
        Ok(self.key.seed()?)
    }

    /// A user of this account. `expires` is in seconds since 1970, 0 for never.
    pub fn sign_user(
        &self,
        nkey: &str,
        name: &str,
        mut claims: UserClaims,
        expires: u64,
    ) -> Result<String, SignError> {
        let is_user = KeyPair::from_public_key(nkey)
            .is_ok_and(|key| key.key_pair_type() == KeyPairType::User);
        if !is_user {
            return Err(SignError::NotAUser(nkey.to_owned()));
        }
        claims.issuer_account = self.named_issuer();
        let registered = Registered {
            name: name.to_owned(),
            subject: nkey.to_owned(),
            expires,
            ..Registered::default()
        };
        Ok(jwt::encode(registered, claims, &self.key)?)
    }

    /// Signs claims of another kind, for the account.
    pub fn sign<T: serde::Serialize>(
        &self,
        registered: Registered,
        claims: T,
    ) -> Result<String, SignError> {
        Ok(jwt::encode(registered, claims, &self.key)?)
    }

    /// Whether a token with this issuer, and this `issuer_account` in it, is this account's.
    pub fn is_issuer(&self, issuer: &str, issuer_account: &str) -> bool {
        issuer == self.id || (issuer == self.key.public_key() && issuer_account == self.id)
    }

    /// What goes under `issuer_account`: the account, unless the signature says it already.
    pub fn named_issuer(&self) -> String {
        if self.key.public_key() == self.id {
            String::new()
        } else {
            self.id.clone()
        }
    }
}
