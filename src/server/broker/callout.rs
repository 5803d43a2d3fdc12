//! The auth callout's wire format ([ADR-26]), as pure functions: the broker asks about each
//! connection that lands in AUTH, and the answer says which user of CHAT it becomes.
//!
//! [ADR-26]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-26.md

use data_encoding::{BASE64, BASE64URL_NOPAD};
use nkeys::{KeyPair, KeyPairType, XKey};

use super::claims::{RequestClaims, ResponseClaims, UserClaims};
use super::credentials::SignError;
use super::jwt::{self, JwtError, Registered};
use super::keys::BrokerKeys;

/// Where the broker asks, in AUTH.
pub const CALLOUT_SUBJECT: &str = "$SYS.REQ.USER.AUTH";

/// The header with the public curve key of the server that asks.
pub const SERVER_XKEY_HEADER: &str = "Nats-Server-Xkey";

/// Whom a request is for.
const AUDIENCE: &str = "nats-authorization-request";

/// How a text starts that is a JWT and not sealed: base64url of `{"`.
const JWT_START: &[u8] = b"eyJ";

/// The length of a public nkey, checked before the key is decoded.
const NKEY_LENGTH: usize = 56;

/// A question of the broker's: may this connection be, and as whom?
#[derive(Clone)]
pub struct AuthRequest {
    /// The user key that the answer has to be about: made for this one question, so that an
    /// answer cannot be used again.
    pub user_nkey: String,
    /// The id of the server that asks.
    pub server_id: String,
    /// The token that the client gave; a browser's is its session's cookie. Secret.
    pub auth_token: Option<String>,
    /// The user JWT that the client gave, or the sentinel when it gave none. See
    /// [`credential`](Self::credential).
    pub jwt: Option<String>,
    /// The connection.
    pub client: ClientInfo,
    /// By how many seconds the clock of the server that asks is ahead of natter's: negative when it is
    /// behind. What the question takes to arrive is in it.
    pub clock_ahead: i64,
    /// What the client was to sign, and what it gave as its signature.
    nonce: String,
    signature: String,
    /// What the answer is sealed to, if the question was sealed.
    server_xkey: Option<String>,
}

/// The connection that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its number on its server.
    pub id: u64,
    /// `Client` or `Leafnode`.
    pub kind: String,
    /// `nats`, `websocket` or `mqtt`.
    pub transport: String,
    /// The address it comes from; behind the tunnel, natter's own.
    pub host: String,
    /// What the client calls itself. Anything at all.
    pub name: Option<String>,
}

/// Who a `.creds` file was made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The public key of its user, `U…`: what names it in natter's store.
    pub nkey: String,
    /// The name that it was made with.
    pub name: String,
}

/// Why a question was not understood or believed, or could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum CalloutError {
    /// Its seal could not be opened.
    #[error("the callout request is not sealed to natter's key")]
    Sealed,
    /// It is not a token, or not one that a server signed.
    #[error("the callout request is not to be believed: {0}")]
    Token(#[from] JwtError),
    /// It is a token of a server, and no question.
    #[error("the callout request is something else: {0}")]
    NotARequest(&'static str),
    /// The connection's own JWT is not of AUTH.
    #[error("the connection's JWT is not from natter")]
    ForeignCredential,
    /// The connection showed a JWT, and not that it holds the key to it.
    #[error("the connection did not prove that its JWT is its own")]
    Unproven,
    /// The answer could not be signed or sealed.
    #[error("the callout's answer could not be signed: {0}")]
    Sign(#[from] SignError),
}

impl AuthRequest {
    /// Opens and checks what arrived on [`CALLOUT_SUBJECT`], with the value of its header
    /// [`SERVER_XKEY_HEADER`].
    ///
    /// # Errors
    /// Answer nothing that does not open: it is not from the broker, which will refuse the
    /// connection by itself when its time is over.
    pub fn open(
        payload: &[u8],
        server_xkey_header: Option<&str>,
        keys: &BrokerKeys,
    ) -> Result<Self, CalloutError> {
        let opened;
        let token = if payload.starts_with(JWT_START) {
            payload
        } else {
            opened = unseal(payload, server_xkey_header, keys)?;
            &opened
        };
        let token = std::str::from_utf8(token).map_err(|_| JwtError::Malformed("not a text"))?;
        let now = jwt::now_unix();
        let claims = jwt::decode::<RequestClaims>(token, KeyPairType::Server, now)?;
        let Registered {
            issuer,
            audience,
            issued_at,
            ..
        } = claims.registered;
        let request = claims.nats;
        if request.kind != "authorization_request" || audience != AUDIENCE {
            return Err(CalloutError::NotARequest("another type or audience"));
        }
        if issuer != request.server_id.id {
            return Err(CalloutError::NotARequest("one server asks for another"));
        }
        // Sealed under one key and signed under another: the answer goes to the signed one.
        if let Some(header) = server_xkey_header
            && header != request.server_id.xkey
        {
            return Err(CalloutError::NotARequest(
                "sealed by another than signed it",
            ));
        }
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Self {
            user_nkey: request.user_nkey,
            server_id: request.server_id.id,
            auth_token: given(request.connect_opts.auth_token),
            jwt: given(request.connect_opts.jwt),
            client: ClientInfo {
                id: request.client_info.id,
                kind: request.client_info.kind,
                transport: request.client_info.transport,
                host: request.client_info.host,
                name: given(request.connect_opts.name),
            },
            clock_ahead: issued_at.cast_signed() - now.cast_signed(),
            nonce: request.client_info.nonce,
            signature: request.connect_opts.signature,
            server_xkey: server_xkey_header.map(str::to_owned),
        })
    }

    /// Whose `.creds` file the connection showed; `None` for a connection that showed none.
    ///
    /// The server asks about a connection even when its own check of the JWT has failed. On
    /// 2.15.1 such a question does not reach AUTH, and the connection is refused when its time is
    /// over; but nothing promises that, so what it checks is checked here again: who signed the
    /// JWT, and that the client holds its key, by its signature over the server's nonce. A
    /// bearer's token proves nothing; such is the sentinel that a browser is given.
    ///
    /// # Errors
    /// Fails when the JWT is not one that AUTH signed, has expired, or is not the client's own:
    /// refuse the connection.
    pub fn credential(&self, keys: &BrokerKeys) -> Result<Option<Credential>, CalloutError> {
        let Some(token) = &self.jwt else {
            return Ok(None);
        };
        let claims = jwt::decode::<UserClaims>(token, KeyPairType::Account, jwt::now_unix())?;
        let Registered {
            issuer,
            subject,
            name,
            ..
        } = claims.registered;
        if !keys.auth.is_issuer(&issuer, &claims.nats.issuer_account) {
            return Err(CalloutError::ForeignCredential);
        }
        if claims.nats.bearer_token {
            return Ok(None);
        }
        self.check_signed_by(&subject)?;
        Ok(Some(Credential {
            nkey: subject,
            name,
        }))
    }

    /// Whether the client signed this connection's nonce with the key `nkey`.
    fn check_signed_by(&self, nkey: &str) -> Result<(), CalloutError> {
        // Without a nonce there is nothing that makes the signature one of this connection.
        if self.nonce.is_empty() {
            return Err(CalloutError::Unproven);
        }
        // The server takes it either way: nats.go writes base64url, nats-py plain base64.
        let written = self.signature.as_bytes();
        let signature = BASE64URL_NOPAD
            .decode(written)
            .or_else(|_| BASE64.decode(written))
            .map_err(|_| CalloutError::Unproven)?;
        KeyPair::from_public_key(nkey)
            .and_then(|key| key.verify(self.nonce.as_bytes(), &signature))
            .map_err(|_| CalloutError::Unproven)
    }

    /// The answer "yes, as this user": `user_jwt` is what [`BrokerKeys::sign_chat_user`] made for
    /// this request's `user_nkey`. Publish it to the request's reply subject.
    ///
    /// # Errors
    /// Fails when a key cannot sign or seal.
    pub fn allow(&self, keys: &BrokerKeys, user_jwt: &str) -> Result<Vec<u8>, CalloutError> {
        self.answer(keys, ResponseClaims::allow(user_jwt.to_owned()))
    }

    /// The answer "no". The reason goes into the broker's log; the client is told `Authorization
    /// Violation` and no more.
    ///
    /// # Errors
    /// Fails when a key cannot sign or seal.
    pub fn refuse(&self, keys: &BrokerKeys, reason: &str) -> Result<Vec<u8>, CalloutError> {
        // An answer with neither a user nor an error is not valid.
        let reason = if reason.is_empty() { "refused" } else { reason };
        self.answer(keys, ResponseClaims::refuse(reason.to_owned()))
    }

    fn answer(
        &self,
        keys: &BrokerKeys,
        mut claims: ResponseClaims,
    ) -> Result<Vec<u8>, CalloutError> {
        claims.issuer_account = keys.auth.named_issuer();
        let registered = Registered {
            audience: self.server_id.clone(),
            subject: self.user_nkey.clone(),
            ..Registered::default()
        };
        let token = keys.auth.sign(registered, claims)?;
        match &self.server_xkey {
            None => Ok(token.into_bytes()),
            Some(server) => {
                let sealed = curve_key(server)
                    .and_then(|server| keys.callout_xkey.seal(token.as_bytes(), &server));
                Ok(sealed.map_err(SignError::from)?)
            }
        }
    }
}

impl std::fmt::Debug for AuthRequest {
    /// Without the token and the JWT: what is printed for debugging ends up in logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthRequest")
            .field("user_nkey", &self.user_nkey)
            .field("server_id", &self.server_id)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

fn unseal(
    payload: &[u8],
    server_xkey: Option<&str>,
    keys: &BrokerKeys,
) -> Result<Vec<u8>, CalloutError> {
    let server = server_xkey.ok_or(CalloutError::Sealed)?;
    curve_key(server)
        .and_then(|server| keys.callout_xkey.open(payload, &server))
        .map_err(|_| CalloutError::Sealed)
}

fn curve_key(public: &str) -> Result<XKey, nkeys::error::Error> {
    if public.len() != NKEY_LENGTH {
        return Err(nkeys::error::Error::new(
            nkeys::error::ErrorKind::InvalidKeyLength,
            None,
        ));
    }
    XKey::from_public_key(public)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A server as the callout sees it: an identity, and a curve key to seal with.
    struct Server {
        key: KeyPair,
        xkey: XKey,
    }

    impl Server {
        fn new() -> Self {
            Self {
                key: KeyPair::new_server(),
                xkey: XKey::new(),
            }
        }

        fn request(&self, signer: &KeyPair) -> String {
            self.request_until(signer, jwt::now_unix() + 5)
        }

        fn request_until(&self, signer: &KeyPair, expires: u64) -> String {
            let registered = Registered {
                audience: AUDIENCE.to_owned(),
                expires,
                ..Registered::default()
            };
            let claims = json!({
                "server_id": { "id": self.key.public_key(), "xkey": self.xkey.public_key() },
                "user_nkey": KeyPair::new_user().public_key(),
                "client_info": { "host": "127.0.0.1", "id": 7, "type": "websocket" },
                "connect_opts": { "auth_token": "secret" },
                "type": "authorization_request",
                "version": 2,
            });
            jwt::encode(registered, claims, signer).unwrap()
        }

        fn sealed(&self, keys: &BrokerKeys) -> Vec<u8> {
            let request = self.request(&self.key);
            let callout = XKey::from_public_key(&keys.callout_xkey.public_key()).unwrap();
            self.xkey.seal(request.as_bytes(), &callout).unwrap()
        }
    }

    fn keys() -> BrokerKeys {
        BrokerKeys::create(&KeyPair::new_operator()).unwrap()
    }

    #[test]
    fn a_sealed_question_gets_a_sealed_answer() {
        let (keys, server) = (keys(), Server::new());
        let header = server.xkey.public_key();
        let request = AuthRequest::open(&server.sealed(&keys), Some(&header), &keys).unwrap();
        assert_eq!(request.auth_token.as_deref(), Some("secret"));
        assert_eq!(request.client.transport, "websocket");

        let answer = request.refuse(&keys, "no").unwrap();
        let callout = XKey::from_public_key(&keys.callout_xkey.public_key()).unwrap();
        let token = String::from_utf8(server.xkey.open(&answer, &callout).unwrap()).unwrap();
        let answer: jwt::Claims<Value> = jwt::decode(&token, KeyPairType::Account, 0).unwrap();
        assert_eq!(answer.registered.issuer, keys.auth_account());
        assert_eq!(answer.registered.audience, server.key.public_key());
        assert_eq!(answer.registered.subject, request.user_nkey);
        assert_eq!(answer.nats["error"], "no");
    }

    #[test]
    fn a_server_whose_clock_is_behind_by_less_than_a_minute_may_ask() {
        let (keys, server) = (keys(), Server::new());
        let ask = |ago| {
            let request = server.request_until(&server.key, jwt::now_unix() - ago);
            AuthRequest::open(request.as_bytes(), None, &keys)
        };
        assert!(ask(50).is_ok());
        let refused = ask(70).unwrap_err().to_string();
        assert!(refused.contains("clocks differ"), "{refused}");
    }

    #[test]
    fn only_the_server_itself_may_ask() {
        let (keys, server) = (keys(), Server::new());
        let by_an_account = server.request(&KeyPair::new_account());
        let error = AuthRequest::open(by_an_account.as_bytes(), None, &keys).unwrap_err();
        assert!(
            matches!(error, CalloutError::Token(JwtError::Issuer("account"))),
            "{error}"
        );
        let by_another = server.request(&KeyPair::new_server());
        let error = AuthRequest::open(by_another.as_bytes(), None, &keys).unwrap_err();
        assert!(matches!(error, CalloutError::NotARequest(_)), "{error}");
    }

    #[test]
    fn what_does_not_open_is_an_error_and_no_panic() {
        let (keys, server) = (keys(), Server::new());
        let sealed = server.sealed(&keys);
        let foreign = XKey::new().public_key();
        for header in [
            None,
            Some(""),
            Some("XAB"),
            Some("\u{1F980}"),
            Some(foreign.as_str()),
        ] {
            assert!(
                AuthRequest::open(&sealed, header, &keys).is_err(),
                "{header:?}"
            );
        }
        let header = server.xkey.public_key();
        for payload in [&b""[..], b"x", b"eyJ", b"eyJ.eyJ.eyJ", &sealed[..20]] {
            assert!(AuthRequest::open(payload, Some(&header), &keys).is_err());
        }
    }

    #[test]
    fn a_creds_file_names_its_owner_and_the_sentinel_nobody() {
        let (keys, server) = (keys(), Server::new());
        let header = server.xkey.public_key();
        let mut request = AuthRequest::open(&server.sealed(&keys), Some(&header), &keys).unwrap();
        assert_eq!(request.credential(&keys).unwrap(), None);

        request.jwt = Some(keys.sentinel_jwt().to_owned());
        assert_eq!(request.credential(&keys).unwrap(), None);

        let terminal = keys.sign_terminal_user("ada").unwrap();
        request.jwt = Some(terminal.jwt.clone());
        let sign = |seed: &str| KeyPair::from_seed(seed).unwrap().sign(b"nonce").unwrap();
        request.nonce = "nonce".to_owned();
        let signature = sign(&terminal.seed);
        for written in [
            BASE64URL_NOPAD.encode(&signature),
            BASE64.encode(&signature),
        ] {
            request.signature = written;
            let credential = request.credential(&keys).unwrap().unwrap();
            assert_eq!(credential.name, "ada");
            assert_eq!(credential.nkey, terminal.nkey().unwrap());
        }

        let another = sign(&KeyPair::new_user().seed().unwrap());
        request.signature = BASE64URL_NOPAD.encode(&another);
        let error = request.credential(&keys).unwrap_err();
        assert!(matches!(error, CalloutError::Unproven), "{error}");

        let elsewhere = BrokerKeys::create(&KeyPair::new_operator()).unwrap();
        let foreign = elsewhere.sign_terminal_user("ada").unwrap();
        request.jwt = Some(foreign.jwt);
        request.signature = BASE64URL_NOPAD.encode(&sign(&foreign.seed));
        let error = request.credential(&keys).unwrap_err();
        assert!(matches!(error, CalloutError::ForeignCredential), "{error}");
    }
}
