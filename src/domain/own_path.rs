//! Where somebody goes on to after signing in: a path of this site that came in over its address bar,
//! a link or a form, so anybody may have written it. The page and the server both read and write it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The name that it has in queries and forms.
pub const NEXT: &str = "next";

/// Longer than any address that the page makes.
const MOST_BYTES: usize = 512;

/// What stands at the beginning of addresses that are no pages for somebody who is signed in: after
/// signing in nobody is sent to a way of signing in or out, to a file, or to what answers scripts.
const NO_PAGES: [&str; 11] = [
    "api", "health", "invite", "login", "logout", "nats", "pictures", "pkg", "reset", "session",
    "signup",
];

/// A path of this site, with its query: no browser reads another site from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnPath(String);

impl OwnPath {
    /// Reads a path that somebody may be sent to. `None`: it is none, leads to another site or in a circle,
    /// or is where one goes without being told.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Browsers read a backslash as a slash, and leave tabs and line ends out.
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        if text.len() > MOST_BYTES || !is_plain {
            return None;
        }
        let path = text.split(['?', '#']).next()?;
        let mut segments = path.strip_prefix('/')?.split('/');
        let first = segments.clone().next()?;
        let leads_on = segments.all(|segment| !segment.is_empty() && !is_dots(segment));
        (leads_on && !NO_PAGES.contains(&first)).then(|| Self(text.to_owned()))
    }

    /// The path and its query.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with this path as what to go on to.
    #[must_use]
    pub fn after(&self, address: &str) -> String {
        let mark = if address.contains('?') { '&' } else { '?' };
        let path = utf8_percent_encode(&self.0, NON_ALPHANUMERIC);
        format!("{address}{mark}{NEXT}={path}")
    }
}

/// The address, with what to go on to where there is something.
#[must_use]
pub fn with_next(address: &str, next: &str) -> String {
    match OwnPath::parse(next) {
        Some(next) => next.after(address),
        None => address.to_owned(),
    }
}

/// "." and "..", which browsers take out of a path, also where they are encoded.
fn is_dots(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_this_site_is_gone_on_to() {
        for own in [
            "/r/01J-x_Y",
            "/r/caf%C3%A9",
            "/r/Release%20notes/details",
            "/settings/account?done",
            "/people",
            "/logins",
        ] {
            let path = OwnPath::parse(own);
            assert_eq!(path.as_ref().map(OwnPath::as_str), Some(own));
        }
    }

    #[test]
    fn another_site_is_not() {
        for foreign in [
            "",
            "/",
            "r/x",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%0d%0a/../../evil",
            "/./\\evil.example",
            "/.//evil.example",
            "/r/..//evil.example",
            "/r/%2E%2e//evil.example",
            "/r//x",
            "/r/x/",
            "https://evil.example/r/x",
            "javascript:alert(1)",
            "/r/x\r\nSet-Cookie: a=b",
            "/r/café",
            " /r/x",
            "?/r/x",
            &format!("/r/{}", "x".repeat(600)),
        ] {
            assert_eq!(OwnPath::parse(foreign), None, "{foreign:?}");
        }
    }

    #[test]
    fn nobody_is_sent_in_a_circle() {
        for circle in [
            "/login",
            "/login?next=/login",
            "/login#x",
            "/login/oidc",
            "/logout",
            "/signup",
            "/invite/token",
            "/session",
            "/api/echo",
        ] {
            assert_eq!(OwnPath::parse(circle), None, "{circle}");
        }
    }

    #[test]
    fn it_stands_in_a_query_whatever_it_has() {
        let next = OwnPath::parse("/r/x?a=b&c=%20+d").unwrap();
        let address = next.after("/login?why=ended");
        assert_eq!(
            address,
            "/login?why=ended&next=%2Fr%2Fx%3Fa%3Db%26c%3D%2520%2Bd"
        );
        assert_eq!(with_next("/login", "//evil.example"), "/login");
    }
}
