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

/// The session token in a request, when it is one that natter could have given out.
pub(super) fn read(headers: &HeaderMap, site: &Site) -> Option<SessionToken> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name(site))
        .and_then(|(_, value)| SessionToken::parse(value))
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
