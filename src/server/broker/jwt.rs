//! NATS JWTs, version 2: written and read as [ADR-14] has them, over nkeys' Ed25519.
//!
//! A token is `base64url(header).base64url(claims).base64url(signature)`; the signature is
//! over the first two parts with the dot, by the key named in `iss`.
//!
//! [ADR-14]: https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-14.md

use std::time::{SystemTime, UNIX_EPOCH};

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use nkeys::{KeyPair, KeyPairType};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha512_256};

/// The only header there is: another `alg` is never looked at twice (ADR-14).
const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// How many seconds the clocks of two machines may differ. A server's question about a connection holds for
/// a few seconds, so without this a server whose clock is behind would be refused every one.
const LEEWAY: u64 = 60;

/// The version that each kind of claims carries beside its type.
pub(super) const VERSION: u8 = 2;

/// What every token says, whatever it is about. The fields stand in the order in which the
/// `nats-io/jwt` library writes them, since the token's id is a hash of exactly these bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Whom the token is for: a server's id or a fixed name. Not always there.
    #[serde(rename = "aud", default, skip_serializing_if = "String::is_empty")]
    pub audience: String,
    /// When it ends, in seconds since 1970; 0 is never.
    #[serde(rename = "exp", default, skip_serializing_if = "is_zero")]
    pub expires: u64,
    /// Its id: the hash of these fields with the id left out.
    #[serde(rename = "jti", default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// When it was made, in seconds since 1970.
    #[serde(rename = "iat", default, skip_serializing_if = "is_zero")]
    pub issued_at: u64,
    /// The public nkey that signed it.
    #[serde(rename = "iss", default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    /// A name for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The public nkey that it is about.
    #[serde(rename = "sub", default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
}

/// A whole token's content: the registered claims, and under `nats` those of its kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims<T> {
    /// What every token says.
    #[serde(flatten)]
    pub registered: Registered,
    /// What this kind of token says.
    pub nats: T,
}

/// Why a token could not be read, or was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not three base64url parts with the one known header and readable claims.
    #[error("not a NATS JWT: {0}")]
    Malformed(&'static str),
    /// The key in `iss` did not sign this, or is no key.
    #[error("the JWT's signature is not its issuer's")]
    Signature,
    /// Signed by another kind of key than may sign it.
    #[error("the JWT is signed by a key of another kind ({0})")]
    Issuer(&'static str),
    /// Its time is over, by more than the clocks of two machines may differ.
    #[error(
        "the JWT expired {0} s ago. Where it was made a moment ago, the clocks differ by about that"
    )]
    Expired(u64),
}

/// Signs the claims with `issuer`; sets the token's issuer, time of issue and id.
///
/// # Errors
/// Fails when `issuer` holds no seed.
pub fn encode<T: Serialize>(
    mut registered: Registered,
    nats: T,
    issuer: &KeyPair,
) -> Result<String, EncodeError> {
    registered.issuer = issuer.public_key();
    registered.issued_at = now_unix();
    registered.id = String::new();
    registered.id = BASE32_NOPAD.encode(&Sha512_256::digest(serde_json::to_vec(&registered)?));
    let claims = serde_json::to_vec(&Claims { registered, nats })?;
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(HEADER.as_bytes()),
        BASE64URL_NOPAD.encode(&claims),
    );
    let signature = issuer.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The claims have no JSON form.
    #[error("the claims of a JWT have no JSON form: {0}")]
    Json(#[from] serde_json::Error),
    /// The key has no seed, or is no key.
    #[error("the key cannot sign: {0}")]
    Key(#[from] nkeys::error::Error),
}

/// Reads a token and believes it only if a key of the kind `issuer` signed it and `now_unix`
/// is not more than a minute past its end. Whether that very key may say such things is for the caller to judge.
///
/// # Errors
/// See [`JwtError`].
pub fn decode<T: DeserializeOwned>(
    token: &str,
    issuer: KeyPairType,
    now_unix: u64,
) -> Result<Claims<T>, JwtError> {
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or(JwtError::Malformed("no signature"))?;
    let (header, payload) = signed
        .split_once('.')
        .ok_or(JwtError::Malformed("no header"))?;
    check_header(&part(header)?)?;

    // First who says it, then whether they do, and only then what is said.
    let payload = part(payload)?;
    let said: Claims<serde::de::IgnoredAny> = json(&payload)?;
    let key = KeyPair::from_public_key(&said.registered.issuer).map_err(|_| JwtError::Signature)?;
    key.verify(signed.as_bytes(), &part(signature)?)
        .map_err(|_| JwtError::Signature)?;
    let kind = key.key_pair_type();
    if kind != issuer {
        return Err(JwtError::Issuer(kind_name(&kind)));
    }
    let claims: Claims<T> = json(&payload)?;
    let expires = claims.registered.expires;
    if expires != 0 && expires + LEEWAY <= now_unix {
        return Err(JwtError::Expired(now_unix - expires));
    }
    Ok(claims)
}

/// Seconds since 1970, as the times in a token are.
pub(super) fn now_unix() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn check_header(header: &[u8]) -> Result<(), JwtError> {
    #[derive(Deserialize)]
    struct Header {
        typ: String,
        alg: String,
    }
    let header: Header = json(header)?;
    if header.typ.eq_ignore_ascii_case("JWT") && header.alg == "ed25519-nkey" {
        Ok(())
    } else {
        Err(JwtError::Malformed("another kind of header"))
    }
}

fn part(text: &str) -> Result<Vec<u8>, JwtError> {
    BASE64URL_NOPAD
        .decode(text.as_bytes())
        .map_err(|_| JwtError::Malformed("not base64url"))
}

fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JwtError> {
    serde_json::from_slice(bytes).map_err(|_| JwtError::Malformed("claims of another shape"))
}

fn kind_name(kind: &KeyPairType) -> &'static str {
    match kind {
        KeyPairType::Server => "server",
        KeyPairType::Operator => "operator",
        KeyPairType::Account => "account",
        KeyPairType::User => "user",
        _ => "unknown",
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Said {
        what: String,
    }

    fn token(expires: u64, issuer: &KeyPair) -> String {
        let registered = Registered {
            subject: "somebody".to_owned(),
            expires,
            ..Registered::default()
        };
        let said = Said {
            what: "hello".to_owned(),
        };
        encode(registered, said, issuer).unwrap()
    }

    #[test]
    fn what_was_signed_is_read_again() {
        let account = KeyPair::new_account();
        let claims: Claims<Said> = decode(&token(0, &account), KeyPairType::Account, 0).unwrap();
        assert_eq!(claims.nats.what, "hello");
        assert_eq!(claims.registered.issuer, account.public_key());
        assert_eq!(claims.registered.subject, "somebody");
    }

    #[test]
    fn the_id_is_the_hash_of_the_rest() {
        let account = KeyPair::new_account();
        let claims: Claims<Said> = decode(&token(0, &account), KeyPairType::Account, 0).unwrap();
        let Registered { issued_at, id, .. } = claims.registered;
        let issuer = account.public_key();
        // As nats-io/jwt has it: these fields, in this order, without what is empty.
        let hashed = format!(r#"{{"iat":{issued_at},"iss":"{issuer}","sub":"somebody"}}"#);
        assert_eq!(id, BASE32_NOPAD.encode(&Sha512_256::digest(hashed)));
    }

    #[test]
    fn a_changed_claim_is_refused() {
        let account = KeyPair::new_account();
        let token = token(0, &account);
        let parts: Vec<_> = token.split('.').collect();
        let claims = String::from_utf8(part(parts[1]).unwrap()).unwrap();
        let changed = BASE64URL_NOPAD.encode(claims.replace("hello", "HELLO").as_bytes());
        let token = format!("{}.{changed}.{}", parts[0], parts[2]);
        let error = decode::<Said>(&token, KeyPairType::Account, 0).unwrap_err();
        assert_eq!(error, JwtError::Signature);
    }

    #[test]
    fn the_wrong_kind_of_key_and_a_past_end_are_refused() {
        let user = KeyPair::new_user();
        let error = decode::<Said>(&token(0, &user), KeyPairType::Account, 0).unwrap_err();
        assert_eq!(error, JwtError::Issuer("user"));
        let account = KeyPair::new_account();
        let token = token(100, &account);
        assert!(decode::<Said>(&token, KeyPairType::Account, 159).is_ok());
        let error = decode::<Said>(&token, KeyPairType::Account, 160).unwrap_err();
        assert_eq!(error, JwtError::Expired(60));
    }

    #[test]
    fn another_algorithm_is_refused() {
        let account = KeyPair::new_account();
        let token = token(0, &account);
        let (_, rest) = token.split_once('.').unwrap();
        let none = BASE64URL_NOPAD.encode(br#"{"typ":"JWT","alg":"none"}"#);
        let token = format!("{none}.{rest}");
        let error = decode::<Said>(&token, KeyPairType::Account, 0).unwrap_err();
        assert!(matches!(error, JwtError::Malformed(_)), "{error}");
    }
}
