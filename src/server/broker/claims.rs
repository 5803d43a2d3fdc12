//! What natter's tokens say, kind by kind: the `nats` part of a JWT (ADR-14, and the Go
//! library `nats-io/jwt` v2, whose field names and defaults the server reads).

use serde::{Deserialize, Serialize};

use super::credentials::{Permissions, UserLimits};
use super::jwt::VERSION;

/// "No limit", in every limit of NATS.
pub(super) const NO_LIMIT: i64 = -1;

/// The operator vouches for accounts and names the system account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorClaims {
    /// The public key of SYS.
    pub system_account: String,
    #[serde(flatten)]
    kind: Kind,
}

impl OperatorClaims {
    pub(super) fn new(system_account: String) -> Self {
        Self {
            system_account,
            kind: Kind::new("operator"),
        }
    }
}

/// An account: its limits, and who answers for connections that land in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountClaims {
    /// What the whole account may use.
    pub limits: AccountLimits,
    /// Set on AUTH alone: who runs the auth callout (ADR-26).
    #[serde(default, skip_serializing_if = "ExternalAuthorization::is_empty")]
    pub authorization: ExternalAuthorization,
    /// Further keys, whose signature counts as the account's own. Natter's own accounts have
    /// none; those of an existing NATS may.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_keys: Vec<String>,
    #[serde(flatten)]
    kind: Kind,
}

impl AccountClaims {
    pub(super) fn new(limits: AccountLimits) -> Self {
        Self {
            limits,
            authorization: ExternalAuthorization::default(),
            signing_keys: Vec::new(),
            kind: Kind::new("account"),
        }
    }

    pub(super) fn with_callout(self, authorization: ExternalAuthorization) -> Self {
        Self {
            authorization,
            ..self
        }
    }
}

/// The auth callout of an account (ADR-26): every connection to the account, other than those
/// of `auth_users`, is decided by whoever of `auth_users` answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalAuthorization {
    /// The users who run the callout, and so are not sent through it.
    #[serde(default)]
    pub auth_users: Vec<String>,
    /// The accounts into which an answer may place a connection.
    #[serde(default)]
    pub allowed_accounts: Vec<String>,
    /// The public curve key to which the server seals its requests.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub xkey: String,
}

impl ExternalAuthorization {
    fn is_empty(&self) -> bool {
        self.auth_users.is_empty()
    }
}

/// An account's limits. A field left out would read as 0, "none", so all are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLimits {
    subs: i64,
    data: i64,
    payload: i64,
    imports: i64,
    exports: i64,
    wildcards: bool,
    conn: i64,
    leaf: i64,
    mem_storage: i64,
    disk_storage: i64,
    streams: i64,
    consumer: i64,
}

impl AccountLimits {
    /// No limits, and no JetStream.
    pub(super) fn without_jetstream() -> Self {
        Self {
            subs: NO_LIMIT,
            data: NO_LIMIT,
            payload: NO_LIMIT,
            imports: NO_LIMIT,
            exports: NO_LIMIT,
            wildcards: true,
            conn: NO_LIMIT,
            leaf: NO_LIMIT,
            mem_storage: 0,
            disk_storage: 0,
            streams: 0,
            consumer: 0,
        }
    }

    /// No limits, and as much JetStream as the server has.
    pub(super) fn with_jetstream() -> Self {
        Self {
            mem_storage: NO_LIMIT,
            disk_storage: NO_LIMIT,
            streams: NO_LIMIT,
            consumer: NO_LIMIT,
            ..Self::without_jetstream()
        }
    }
}

/// A user: what the connection may publish and subscribe to, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserClaims {
    #[serde(rename = "pub", default)]
    publish: Subjects,
    #[serde(rename = "sub", default)]
    subscribe: Subjects,
    #[serde(default)]
    subs: i64,
    #[serde(default)]
    data: i64,
    #[serde(default)]
    payload: i64,
    /// Whoever shows the token is let in, without proof of holding the key.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bearer_token: bool,
    /// The account of the user, when one of its signing keys signs rather than its own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(flatten)]
    kind: Kind,
}

impl UserClaims {
    /// May do everything within its account.
    pub(super) fn unrestricted() -> Self {
        Self {
            publish: Subjects::default(),
            subscribe: Subjects::default(),
            ..Self::restricted(&Permissions::default(), &UserLimits::default())
        }
    }

    /// May do what is listed, and nothing else.
    pub(super) fn restricted(permissions: &Permissions, limits: &UserLimits) -> Self {
        Self {
            publish: Subjects::only(&permissions.publish_allow),
            subscribe: Subjects::only(&permissions.subscribe_allow),
            subs: limits.subs,
            data: limits.data,
            payload: limits.payload,
            bearer_token: false,
            issuer_account: String::new(),
            kind: Kind::new("user"),
        }
    }

    pub(super) fn bearer(self) -> Self {
        Self {
            bearer_token: true,
            ..self
        }
    }
}

/// Which subjects are allowed or denied, in one direction.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Subjects {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<String>,
}

impl Subjects {
    /// Exactly these. To NATS an empty allow-list means "everything", so "nothing" has to be
    /// said as a denial of everything: a person with no rights must never get all of them.
    fn only(allow: &[String]) -> Self {
        if allow.is_empty() {
            Self {
                allow: Vec::new(),
                deny: vec![">".to_owned()],
            }
        } else {
            Self {
                allow: allow.to_vec(),
                deny: Vec::new(),
            }
        }
    }
}

/// What the server asks the callout (ADR-26).
#[derive(Debug, Clone, Deserialize)]
pub struct RequestClaims {
    /// The server that asks.
    pub server_id: RequestServer,
    /// The one-time user key that the answer must be about.
    pub user_nkey: String,
    /// The connection.
    #[serde(default)]
    pub client_info: RequestClient,
    /// What its CONNECT said.
    #[serde(default)]
    pub connect_opts: RequestConnect,
    /// Always `authorization_request`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// The server that asks.
#[derive(Debug, Clone, Deserialize)]
pub struct RequestServer {
    /// Its id, which is its public nkey.
    pub id: String,
    /// The public curve key to seal the answer to.
    #[serde(default)]
    pub xkey: String,
}

/// The connection that is asked about.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RequestClient {
    /// Where it comes from.
    pub host: String,
    /// Its number on its server.
    pub id: u64,
    /// `Client` or `Leafnode`.
    pub kind: String,
    /// `nats`, `websocket` or `mqtt`.
    #[serde(rename = "type")]
    pub transport: String,
    /// What the server gave the client to sign; only there when there is a signature.
    pub nonce: String,
}

/// What the connection's CONNECT said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RequestConnect {
    /// The user JWT, or the server's `default_sentinel` when there was none.
    pub jwt: String,
    /// The nonce, signed with the key that the JWT is about (base64url).
    #[serde(rename = "sig")]
    pub signature: String,
    /// The token; for a browser, the cookie named by `token_cookie`.
    pub auth_token: String,
    /// What the client calls itself.
    pub name: String,
}

/// What the callout answers (ADR-26): a user JWT, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseClaims {
    /// The JWT of the user that the connection becomes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub jwt: String,
    /// Why it is refused; the server writes it to its log and tells the client nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub error: String,
    /// The account that answers, when one of its signing keys signs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer_account: String,
    #[serde(flatten)]
    kind: Kind,
}

impl ResponseClaims {
    pub(super) fn allow(jwt: String) -> Self {
        Self {
            jwt,
            error: String::new(),
            issuer_account: String::new(),
            kind: Kind::new("authorization_response"),
        }
    }

    pub(super) fn refuse(error: String) -> Self {
        Self {
            error,
            ..Self::allow(String::new())
        }
    }
}

/// The two fields that every kind of claims ends with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    name: String,
    version: u8,
}

impl Kind {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            version: VERSION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rights_are_a_denial_of_everything() {
        let claims = UserClaims::restricted(&Permissions::default(), &UserLimits::default());
        let json = serde_json::to_value(&claims).unwrap();
        let nothing = serde_json::json!({ "deny": [">"] });
        assert_eq!(json["pub"], nothing);
        assert_eq!(json["sub"], nothing);
        assert_eq!(
            (&json["type"], &json["version"]),
            (&"user".into(), &2.into())
        );
    }

    #[test]
    fn rights_are_those_listed() {
        let permissions = Permissions {
            publish_allow: vec!["natter.svc.ada.>".to_owned()],
            subscribe_allow: Vec::new(),
        };
        let claims = UserClaims::restricted(&permissions, &UserLimits::default());
        let json = serde_json::to_value(&claims).unwrap();
        assert_eq!(
            json["pub"],
            serde_json::json!({ "allow": ["natter.svc.ada.>"] })
        );
        assert_eq!(json["sub"], serde_json::json!({ "deny": [">"] }));
    }
}
