//! Known browsers: browsers in which somebody was signed in to an account before. Strangers who guess the
//! account's password do not keep such a browser from signing in (`limits`).
//!
//! The proof is a cookie that natter signs. It does not contain the username in clear text, and is valid for
//! the account's generation of sessions: another password, and the end of all other sessions, end it too. It
//! gives no right; `docs/decisions/0026` says what a stolen one allows.

use axum::http::{HeaderMap, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::cookie;
use crate::domain::Username;
use crate::server::config::Site;
use crate::server::limits::{AccountMark, BrowserId};
use crate::server::store::SessionId;

/// The most accounts that one browser is known at, the last used ones. A computer may be shared.
const ACCOUNTS: usize = 5;

/// The length of a signature: 128 bits.
const SIGNATURE_BYTES: usize = 16;

/// The length of what is signed: browser, account and generation.
const SIGNED_BYTES: usize = 24;

/// Separates the marks in a cookie.
const AND: &str = ".";

/// Proof that a browser is known at an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// Tells this browser from others that are known at the account.
    pub browser: BrowserId,
    /// The account, readable by natter alone.
    pub account: AccountMark,
    generation: u64,
}

/// Makes and checks the marks. All natter servers of one NATS have the same key.
#[derive(Clone)]
pub struct KnownBrowsers {
    signed: Hmac<Sha256>,
}

impl KnownBrowsers {
    /// `key` is a secret that is used for nothing else.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        // HMAC fills a shorter key up to a block of the hash with zeros (RFC 2104, 2).
        let mut block = [0; 64];
        block[..key.len()].copy_from_slice(&key);
        Self {
            signed: Hmac::new(&block.into()),
        }
    }

    /// The genuine marks of a request, the newest first.
    pub(super) fn read(&self, headers: &HeaderMap, site: &Site) -> Vec<Mark> {
        let text = cookie::read_known(headers, site).unwrap_or_default();
        let marks = text.split(AND).take(ACCOUNTS);
        marks.filter_map(|mark| self.parse(mark)).collect()
    }

    /// The mark for this account, if it is still valid.
    pub(super) fn find(&self, marks: &[Mark], uid: &Username, generation: u64) -> Option<Mark> {
        let account = self.account(uid);
        let is_it = |mark: &&Mark| mark.account == account && mark.generation == generation;
        marks.iter().find(is_it).copied()
    }

    /// The cookie for a browser with these marks that is now known at one more account.
    /// A new mark is the session's: however often it is asked for, a session makes one.
    pub(super) fn add(
        &self,
        marks: &[Mark],
        uid: &Username,
        generation: u64,
        session: &SessionId,
        site: &Site,
    ) -> Option<HeaderValue> {
        let account = self.account(uid);
        let mark = marks.iter().find(|mark| mark.account == account);
        let browser = mark.map_or_else(|| self.browser(session), |mark| mark.browser);
        let new = Mark {
            browser,
            account,
            generation,
        };
        let others = marks.iter().filter(|mark| mark.account != account);
        let all = std::iter::once(&new).chain(others).take(ACCOUNTS);
        let all: Vec<String> = all.map(|mark| self.text(mark)).collect();
        cookie::set_known(&all.join(AND), site)
    }

    fn parse(&self, text: &str) -> Option<Mark> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        let (signed, signature) = bytes.split_at_checked(SIGNED_BYTES)?;
        let signature: &[u8; SIGNATURE_BYTES] = signature.try_into().ok()?;
        let is_genuine = self
            .hmac("browser", signed)
            .verify_truncated_left(signature);
        is_genuine.ok()?;
        let (browser, rest) = signed.split_first_chunk()?;
        let (account, generation) = rest.split_first_chunk()?;
        Some(Mark {
            browser: *browser,
            account: *account,
            generation: u64::from_be_bytes(generation.try_into().ok()?),
        })
    }

    fn text(&self, mark: &Mark) -> String {
        let generation = mark.generation.to_be_bytes();
        let mut bytes = [mark.browser, mark.account, generation].concat();
        let signature = self.hmac("browser", &bytes).finalize().into_bytes();
        bytes.extend(signature.iter().take(SIGNATURE_BYTES));
        BASE64URL_NOPAD.encode(&bytes)
    }

    fn browser(&self, session: &SessionId) -> BrowserId {
        let whole = self.hmac("session", session.as_str().as_bytes()).finalize();
        let mut browser = BrowserId::default();
        let bytes = whole.into_bytes();
        browser
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        browser
    }

    fn account(&self, uid: &Username) -> AccountMark {
        let whole = self.hmac("account", uid.as_str().as_bytes()).finalize();
        let mut mark = AccountMark::default();
        mark.iter_mut()
            .zip(whole.into_bytes())
            .for_each(|(to, from)| *to = from);
        mark
    }

    fn hmac(&self, purpose: &str, of: &[u8]) -> Hmac<Sha256> {
        let signed = self.signed.clone();
        signed
            .chain_update(purpose)
            .chain_update([0])
            .chain_update(of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;

    fn site() -> Site {
        Site::parse("http://localhost:3000")
            .unwrap()
            .of_account("ABCDEFGHIJKL")
    }

    fn name(text: &str) -> Username {
        Username::parse(text).unwrap()
    }

    /// A browser that has these cookies.
    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let (pair, _) = cookie.split_once(';').unwrap_or((cookie, ""));
        headers.insert(header::COOKIE, HeaderValue::from_str(pair).unwrap());
        headers
    }

    fn signed_in(known: &KnownBrowsers, headers: &HeaderMap, uid: &str, generation: u64) -> String {
        let marks = known.read(headers, &site());
        // A session for each generation.
        let session = format!("{uid}.{generation}{}", "A".repeat(42));
        let session = SessionId::parse(&session).unwrap();
        let cookie = known.add(&marks, &name(uid), generation, &session, &site());
        cookie.unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn a_browser_is_known_at_the_account_and_for_its_generation() {
        let known = KnownBrowsers::new([7; 32]);
        let cookie = signed_in(&known, &HeaderMap::new(), "ada", 3);
        assert!(
            cookie.contains("HttpOnly") && !cookie.contains("ada"),
            "{cookie}"
        );
        let marks = known.read(&with(&cookie), &site());
        assert!(known.find(&marks, &name("ada"), 3).is_some());
        assert!(known.find(&marks, &name("ada"), 4).is_none());
        assert!(known.find(&marks, &name("ben"), 3).is_none());
        // Another key, as of another workspace.
        let other = KnownBrowsers::new([8; 32]);
        assert_eq!(other.read(&with(&cookie), &site()), []);
        // A browser keeps its identifier when the account's generation changes.
        let again = signed_in(&known, &with(&cookie), "ada", 4);
        let now = known.read(&with(&again), &site());
        assert_eq!((now.len(), now[0].browser), (1, marks[0].browser));
        let elsewhere = signed_in(&known, &HeaderMap::new(), "ada", 4);
        let elsewhere = known.read(&with(&elsewhere), &site());
        assert_ne!(elsewhere[0].browser, marks[0].browser);
    }

    #[test]
    fn the_last_five_accounts_of_a_browser_are_kept() {
        let known = KnownBrowsers::new([7; 32]);
        let mut headers = HeaderMap::new();
        let names: Vec<_> = (0..9).map(|n| format!("person-{n}")).collect();
        for uid in &names {
            headers = with(&signed_in(&known, &headers, uid, 0));
        }
        let marks = known.read(&headers, &site());
        let is_known = |uid: &String| known.find(&marks, &name(uid), 0).is_some();
        let kept: Vec<_> = names.iter().filter(|uid| is_known(uid)).collect();
        assert_eq!(kept, names[4..].iter().collect::<Vec<_>>());
    }

    #[test]
    fn what_natter_did_not_sign_is_no_mark() {
        let known = KnownBrowsers::new([7; 32]);
        let cookie = signed_in(&known, &HeaderMap::new(), "ada", 0);
        let (start, text) = cookie.split_once('=').unwrap();
        let (text, _) = text.split_once(';').unwrap();
        let genuine = BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        for at in 0..genuine.len() {
            let mut forged = genuine.clone();
            forged[at] ^= 1;
            let forged = format!("{start}={}", BASE64URL_NOPAD.encode(&forged));
            assert_eq!(known.read(&with(&forged), &site()), [], "byte {at}");
        }
        for text in ["", ".", "x", &text[1..], &format!("{text}AAAA")] {
            let forged = format!("{start}={text}");
            assert_eq!(known.read(&with(&forged), &site()), [], "{text}");
        }
        // Marks of others do not invalidate natter's own.
        let beside = format!("{start}=x.{text}");
        assert_eq!(known.read(&with(&beside), &site()).len(), 1);
    }
}
