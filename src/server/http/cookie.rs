//! The cookies: one that a web session lives in, one for a sign-in that is under way at an identity
//! provider, and one that says at which accounts the browser is known. Their names carry the mark of the
//! workspace, so that two natter servers on one host do not sign each other out.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use crate::domain::limits;
use crate::server::config::Site;
use crate::server::store::{PendingToken, SessionToken};

/// What the session's cookie is called, before the mark.
pub(in crate::server) const SESSION: &str = "natter_session";
const PENDING: &str = "natter_oidc";
const KNOWN: &str = "natter_known";

/// How long a browser is known that nobody was signed in with. Browsers keep no cookie for much longer.
const KNOWN_FOR: Duration = Duration::from_secs(365 * 24 * 3_600);

/// The session token in a request, when it is one that natter could have given out. Of two that
/// differ, none: one of them was put there by another site on this host, and which cannot be told.
pub(super) fn read(headers: &HeaderMap, site: &Site) -> Option<SessionToken> {
    SessionToken::parse(value(headers, &site.cookie_name(SESSION))?)
}

/// Sets the session's cookie.
pub(super) fn set(token: &SessionToken, site: &Site) -> Option<HeaderValue> {
    line(SESSION, site, token.as_str(), limits::SESSION_LIFE)
}

/// Does this answer set or clear the session's cookie?
pub(super) fn is_set_by(response: &Response, site: &Site) -> bool {
    let name = site.cookie_name(SESSION);
    let mut lines = response.headers().get_all(header::SET_COOKIE).iter();
    lines.any(|line| {
        let rest = line.as_bytes().strip_prefix(name.as_bytes());
        rest.is_some_and(|rest| rest.starts_with(b"="))
    })
}

/// Takes it away.
pub(super) fn clear(site: &Site) -> Option<HeaderValue> {
    line(SESSION, site, "", Duration::ZERO)
}

/// The secret of a sign-in under way, alike.
pub(super) fn read_pending(headers: &HeaderMap, site: &Site) -> Option<PendingToken> {
    PendingToken::parse(value(headers, &site.cookie_name(PENDING))?)
}

/// Sets its cookie. Lax, not Strict: the browser comes back from another site.
pub(super) fn set_pending(token: &PendingToken, site: &Site) -> Option<HeaderValue> {
    line(PENDING, site, token.as_str(), limits::SIGN_IN_ELSEWHERE)
}

/// Takes it away.
pub(super) fn clear_pending(site: &Site) -> Option<HeaderValue> {
    line(PENDING, site, "", Duration::ZERO)
}

/// At which accounts the browser is known (`known`).
pub(super) fn read_known<'a>(headers: &'a HeaderMap, site: &Site) -> Option<&'a str> {
    value(headers, &site.cookie_name(KNOWN))
}

/// Sets its cookie.
pub(super) fn set_known(marks: &str, site: &Site) -> Option<HeaderValue> {
    line(KNOWN, site, marks, KNOWN_FOR)
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name)
        .map(|(_, value)| value);
    let first = values.next()?;
    let is_the_only_one = values.all(|other| other == first);
    is_the_only_one.then_some(first)
}

fn line(of: &str, site: &Site, value: &str, life: Duration) -> Option<HeaderValue> {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let (name, age) = (site.cookie_name(of), life.as_secs());
    let line = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(url: &str) -> Site {
        Site::parse(url).unwrap().of_account("ABCDEFGHIJKL")
    }

    fn headers(cookies: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        headers
    }

    #[test]
    fn is_found_among_others() {
        let token = SessionToken::parse(&format!("ada.{}", "A".repeat(43))).unwrap();
        let site = site("http://localhost:3000");
        let cookie = format!("a=b; natter_session_bcdefghi={}; c=d", token.as_str());
        assert_eq!(read(&headers(&["x=y", &cookie]), &site), Some(token));
    }

    #[test]
    fn of_two_that_differ_none_counts() {
        let site = site("http://localhost:3000");
        let token = |letter: &str| format!("ada.{}", letter.repeat(43));
        let (one, other) = (token("A"), token("B"));
        let (one, other) = (one.as_str(), other.as_str());
        let both =
            |a: &str, b: &str| format!("natter_session_bcdefghi={a}; natter_session_bcdefghi={b}");
        assert_eq!(read(&headers(&[&both(one, other)]), &site), None);
        let apart = [one, other].map(|token| format!("natter_session_bcdefghi={token}"));
        assert_eq!(read(&headers(&[&apart[0], &apart[1]]), &site), None);
        assert_eq!(read(&headers(&[&both(one, "")]), &site), None);
        let same = read(&headers(&[&both(one, one)]), &site);
        assert_eq!(same, SessionToken::parse(one));
    }

    #[test]
    fn a_cookie_that_is_not_ours_is_none() {
        let site = site("http://localhost:3000");
        for cookie in [
            "natter_session_bcdefghi=",
            "natter_session_bcdefghi=x",
            "other=1",
            "natter_session=ada.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "natter_session_bcdefghj=ada.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "",
            "natter_session_bcdefghi",
        ] {
            assert_eq!(read(&headers(&[cookie]), &site), None, "{cookie}");
        }
    }

    #[test]
    fn under_https_it_is_secure_and_bound_to_the_host() {
        let token = SessionToken::parse(&format!("ada.{}", "A".repeat(43))).unwrap();
        let site = site("https://chat.example.org");
        let line = set(&token, &site).unwrap();
        let line = line.to_str().unwrap();
        assert!(
            line.starts_with("__Host-natter_session_bcdefghi="),
            "{line}"
        );
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
