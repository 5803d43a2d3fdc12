//! Who natter is to its broker: an operator, three accounts, and the keys of the auth callout.

use std::path::Path;

use nkeys::{KeyPair, XKey};
use sha2::{Digest as _, Sha256};

use super::account::Account;
use super::claims::{
    AccountClaims, AccountLimits, ExternalAuthorization, OperatorClaims, UserClaims,
};
use super::config::BrokerPaths;
use super::credentials::{Permissions, ServiceUser, SignError, UserCredentials, UserLimits};
use super::jwt::{self, Registered};
use super::key_files::{self, KeysError};
use super::store_owner;

/// The keys with which natter signs, and the JWTs that the broker knows them by.
///
/// The operator's seed is not among them: nothing that runs needs it.
pub struct BrokerKeys {
    pub(super) operator_jwt: String,
    pub(super) system: Account,
    pub(super) auth: Account,
    pub(super) chat: Account,
    /// The one user whose connections to AUTH are not sent through the callout.
    pub(super) callout_user: KeyPair,
    /// What the server seals its callout requests to.
    pub(super) callout_xkey: XKey,
    /// The JWT that a connection without one is given: `default_sentinel`.
    pub(super) sentinel_jwt: String,
}

impl BrokerKeys {
    /// The keys in `dir`, made there if there are none yet. The folder is 0700 and its files
    /// 0600. It appears whole or not at all, so a crash at first start leaves nothing that the
    /// next one trips over; of two that start at once, both use the keys of the first.
    ///
    /// `operator.nk`, the operator's seed, is for the owner to put away: it is written here
    /// once and never read. Blocks on file I/O.
    ///
    /// # Errors
    /// Names the file that could not be read, written or believed.
    pub fn load_or_create(dir: &Path) -> Result<Self, KeysError> {
        if key_files::exist(dir) {
            return Self::load(dir);
        }
        let operator = KeyPair::new_operator();
        let keys = Self::create(&operator).map_err(KeysError::Create)?;
        key_files::write(dir, &keys, &operator)?;
        Self::load(dir)
    }

    /// The keys of the embedded broker of a data folder: those in its `keys/`, made there if there
    /// are none yet and nothing is stored. Blocks on file I/O.
    ///
    /// # Errors
    /// As [`load_or_create`](Self::load_or_create), and when what the broker has stored was written
    /// under other keys: with new ones natter would find nothing in it, and give the administrator's
    /// account to whoever comes first.
    pub fn of_embedded(data_dir: &Path) -> Result<Self, KeysError> {
        let (keys_dir, store) = (data_dir.join("keys"), BrokerPaths::under(data_dir).store);
        let accounts = store_owner::accounts_in(&store).map_err(|source| KeysError::Io {
            action: "read",
            path: store.clone(),
            source,
        })?;
        if !accounts.is_empty() && !key_files::exist(&keys_dir) {
            return Err(KeysError::Lost { keys_dir, store });
        }
        let keys = Self::load_or_create(&keys_dir)?;
        if !accounts.is_empty() && !accounts.iter().any(|id| id == keys.chat_account()) {
            return Err(KeysError::OfAnother { keys_dir, store });
        }
        Ok(keys)
    }

    /// Lets the owner alone read the keys in `dir`, where others could. Blocks on file I/O.
    ///
    /// # Errors
    /// Names the file that could not be protected.
    pub fn make_private(dir: &Path) -> Result<(), KeysError> {
        Self::warn_when_open(dir)?;
        key_files::make_private(dir)
    }

    /// Logs a warning when others than their owner may read the keys in `dir`. Blocks on file I/O.
    ///
    /// # Errors
    /// Names the file that cannot be looked at.
    pub fn warn_when_open(dir: &Path) -> Result<(), KeysError> {
        let open = key_files::open_to_others(dir)?;
        if !open.is_empty() {
            tracing::warn!(
                ?open,
                "others on this machine may read these keys of natter, with which anybody can be anybody: \
                 their mode has to be 0600, and that of the folder 0700"
            );
        }
        Ok(())
    }

    /// The keys in `dir`: for an existing NATS, whose operator made the accounts. The layout is
    /// that of [`load_or_create`](Self::load_or_create), without `operator.nk`; an account's
    /// seed may be that of one of its signing keys. Blocks on file I/O.
    ///
    /// # Errors
    /// Names the file that could not be read or believed.
    pub fn load(dir: &Path) -> Result<Self, KeysError> {
        key_files::read(dir)
    }

    /// New keys under a new operator.
    pub(super) fn create(operator: &KeyPair) -> Result<Self, SignError> {
        let chat = Account::create(
            "CHAT",
            KeyPair::new_account(),
            AccountClaims::new(AccountLimits::with_jetstream()),
            operator,
        )?;
        let system = Account::create(
            "SYS",
            KeyPair::new_account(),
            AccountClaims::new(AccountLimits::without_jetstream()),
            operator,
        )?;
        let callout_user = KeyPair::new_user();
        let callout_xkey = XKey::new();
        let callout = ExternalAuthorization {
            auth_users: vec![callout_user.public_key()],
            allowed_accounts: vec![chat.id.clone()],
            xkey: callout_xkey.public_key(),
        };
        let auth = Account::create(
            "AUTH",
            KeyPair::new_account(),
            AccountClaims::new(AccountLimits::without_jetstream()).with_callout(callout),
            operator,
        )?;
        // Nobody keeps the sentinel's seed: its JWT is a bearer's, and it is public.
        let sentinel_jwt = auth.sign_user(
            &KeyPair::new_user().public_key(),
            "sentinel",
            UserClaims::restricted(&Permissions::default(), &UserLimits::default()).bearer(),
            0,
        )?;
        let registered = Registered {
            name: "natter".to_owned(),
            subject: operator.public_key(),
            ..Registered::default()
        };
        let operator_jwt =
            jwt::encode(registered, OperatorClaims::new(system.id.clone()), operator)?;
        Ok(Self {
            operator_jwt,
            system,
            auth,
            chat,
            callout_user,
            callout_xkey,
            sentinel_jwt,
        })
    }

    /// The public key of SYS.
    #[must_use]
    pub fn system_account(&self) -> &str {
        &self.system.id
    }

    /// The public key of AUTH.
    #[must_use]
    pub fn auth_account(&self) -> &str {
        &self.auth.id
    }

    /// The public key of CHAT.
    #[must_use]
    pub fn chat_account(&self) -> &str {
        &self.chat.id
    }

    /// The JWT to set as the server's `default_sentinel`. It gives no right to anything.
    #[must_use]
    pub fn sentinel_jwt(&self) -> &str {
        &self.sentinel_jwt
    }

    /// A secret for one purpose, the same for every natter server with these keys. It is derived from the
    /// seed that the callout's requests are sealed to. AUTH's JWT names that key, so all natter servers of
    /// one NATS have it.
    ///
    /// # Errors
    /// Fails when the key has no seed.
    pub fn secret_for(&self, purpose: &str) -> Result<[u8; 32], SignError> {
        let seed = self.callout_xkey.seed()?;
        let secret = Sha256::new()
            .chain_update(format!("natter: {purpose}\0"))
            .chain_update(seed)
            .finalize();
        Ok(secret.into())
    }

    /// Credentials of one of natter's own connections, with every right in its account. Made
    /// anew at each call, under a new key, except the callout's: AUTH's JWT names that one.
    ///
    /// # Errors
    /// Fails when a key cannot sign.
    pub fn user(&self, who: ServiceUser) -> Result<UserCredentials, SignError> {
        let (account, key) = match who {
            ServiceUser::System => (&self.system, KeyPair::new_user()),
            ServiceUser::Callout => (&self.auth, self.callout_user.clone()),
            ServiceUser::Chat => (&self.chat, KeyPair::new_user()),
        };
        let claims = UserClaims::unrestricted();
        Ok(UserCredentials {
            jwt: account.sign_user(&key.public_key(), who.name(), claims, 0)?,
            seed: key.seed()?,
        })
    }

    /// The JWT of the CHAT user that a connection becomes: what [`AuthRequest::allow`] takes.
    /// The broker drops the connection at `expires_unix` (seconds since 1970; 0 is never).
    /// CONNZ finds the connection by `name`.
    ///
    /// # Errors
    /// Fails when `user_nkey` is no public user key, or a key cannot sign.
    ///
    /// [`AuthRequest::allow`]: super::AuthRequest::allow
    pub fn sign_chat_user(
        &self,
        user_nkey: &str,
        name: &str,
        permissions: &Permissions,
        limits: &UserLimits,
        expires_unix: u64,
    ) -> Result<String, SignError> {
        let claims = UserClaims::restricted(permissions, limits);
        self.chat.sign_user(user_nkey, name, claims, expires_unix)
    }

    /// New credentials for a terminal client or a bot. They are of AUTH and give no right
    /// there: the callout decides at each connect what they are good for
    /// ([`AuthRequest::credential`]), so forgetting the nkey revokes them.
    ///
    /// # Errors
    /// Fails when a key cannot sign.
    ///
    /// [`AuthRequest::credential`]: super::AuthRequest::credential
    pub fn sign_terminal_user(&self, name: &str) -> Result<UserCredentials, SignError> {
        let key = KeyPair::new_user();
        let claims = UserClaims::restricted(&Permissions::default(), &UserLimits::default());
        Ok(UserCredentials {
            jwt: self.auth.sign_user(&key.public_key(), name, claims, 0)?,
            seed: key.seed()?,
        })
    }
}

impl std::fmt::Debug for BrokerKeys {
    /// Public keys only.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerKeys")
            .field("system", &self.system.id)
            .field("auth", &self.auth.id)
            .field("chat", &self.chat.id)
            .finish_non_exhaustive()
    }
}
