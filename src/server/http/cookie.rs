//! The cookie that a web session lives in.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::domain::limits;
use crate::server::config::Site;
use crate::server::store::SessionToken;

/// Under https the browser itself sees to it that nobody else can set or read it.
fn name(site: &Site) -> &'static str {
    if site.is_https() {
        "__Host-natter_session"
    } else {
        "natter_session"
    }
}

/// The session token in a request, when it is one that natter could have given out. Of two that
/// differ, none: one of them was put there by another site on this host, and which cannot be told.
pub(super) fn read(headers: &HeaderMap, site: &Site) -> Option<SessionToken> {
    let mut values = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(found, _)| *found == name(site))
        .map(|(_, value)| value);
    let first = values.next()?;
    let is_the_only_one = values.all(|other| other == first);
    is_the_only_one.then(|| SessionToken::parse(first))?
}

/// Sets the cookie.
pub(super) fn set(token: &SessionToken, site: &Site) -> Option<HeaderValue> {
    let age = limits::SESSION_LIFE.as_secs();
    line(site, token.as_str(), age)
}

/// Takes the cookie away.
pub(super) fn clear(site: &Site) -> Option<HeaderValue> {
    line(site, "", 0)
}

fn line(site: &Site, value: &str, age: u64) -> Option<HeaderValue> {
    let secure = if site.is_https() { "; Secure" } else { "" };
    let name = name(site);
    let line = format!("{name}={value}; Path=/; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(url: &str) -> Site {
        Site::parse(url).unwrap()
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
        let cookie = format!("a=b; natter_session={}; c=d", token.as_str());
        assert_eq!(read(&headers(&["x=y", &cookie]), &site), Some(token));
    }

    #[test]
    fn of_two_that_differ_none_counts() {
        let site = site("http://localhost:3000");
        let token = |letter: &str| format!("ada.{}", letter.repeat(43));
        let (one, other) = (token("A"), token("B"));
        let (one, other) = (one.as_str(), other.as_str());
        let both = |a: &str, b: &str| format!("natter_session={a}; natter_session={b}");
        assert_eq!(read(&headers(&[&both(one, other)]), &site), None);
        let apart = [one, other].map(|token| format!("natter_session={token}"));
        assert_eq!(read(&headers(&[&apart[0], &apart[1]]), &site), None);
        assert_eq!(read(&headers(&[&both(one, "")]), &site), None);
        let same = read(&headers(&[&both(one, one)]), &site);
        assert_eq!(same, SessionToken::parse(one));
    }

    #[test]
    fn a_cookie_that_is_not_ours_is_none() {
        let site = site("http://localhost:3000");
        for cookie in [
            "natter_session=",
            "natter_session=x",
            "other=1",
            "",
            "natter_session",
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
        assert!(line.starts_with("__Host-natter_session="), "{line}");
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
            assert!(line.contains(part), "{line}");
        }
    }
}
