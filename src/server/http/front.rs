//! Checks the host of a request before any route. Requests for a host that is not one of natter's names
//! are refused, so that no other site can make its own name resolve to natter's address and read pages
//! there (DNS rebinding; [`Site::answers_to`]).
//!
//! Behind a proxy that natter was not told of, requests of the site's own pages look like those of another
//! site. That is logged, with the flag that is missing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Version, header};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::csrf::ProtectionError;

use super::render;
use crate::server::host::Host;
use crate::server::site::{Origin, Site};

/// Monitoring programs ask here, by any name.
const HEALTH: &str = "/health";

/// The host that a client asked a proxy for. With several proxies, the last one is from the nearest.
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// A front proxy sets one of these.
const OF_A_PROXY: [HeaderName; 5] = [
    header::FORWARDED,
    header::VIA,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    FORWARDED_HOST,
];

/// How many names of each kind are logged.
const LOGGED: usize = 8;

/// Marks the answer to a request from another site's page, so that it is logged if a proxy is the cause.
#[derive(Debug, Clone, Copy)]
pub(super) struct ForeignOrigin;

/// How natter is reached, and what was logged about it.
#[derive(Clone)]
pub(super) struct Front {
    site: Arc<Site>,
    behind_proxy: bool,
    logged: Arc<Logged>,
}

/// The names that were logged already.
#[derive(Default)]
struct Logged {
    hosts: Mutex<BTreeSet<String>>,
    origins: Mutex<BTreeSet<String>>,
}

impl Front {
    pub(super) fn new(site: Arc<Site>, behind_proxy: bool) -> Self {
        Self {
            site,
            behind_proxy,
            logged: Arc::default(),
        }
    }
}

/// Lets requests for one of the site's names through. Otherwise it answers 400 if the request does not name
/// exactly one host, and 421 if it names another one (RFC 9110, 15.5.20).
pub(super) async fn look(State(front): State<Front>, request: Request, next: Next) -> Response {
    let Some(hosts) = hosts_of(&request, front.behind_proxy) else {
        return render::no_host();
    };
    let is_known = |host: &&Host| !front.site.answers_to(host);
    let unknown = hosts.iter().find(is_known);
    if let Some(host) = unknown.filter(|_| request.uri().path() != HEALTH) {
        front.log_unknown(host);
        return render::misdirected(host, front.site.is_given().then(|| front.site.url()));
    }
    let origin = front.origin_through_proxy(request.headers());
    let response = next.run(request).await;
    let refusals = response.extensions();
    let is_foreign =
        refusals.get::<ProtectionError>().is_some() || refusals.get::<ForeignOrigin>().is_some();
    if let Some(origin) = origin.filter(|_| is_foreign) {
        front.log_foreign(&origin);
    }
    response
}

/// All hosts that the request names. `None`: it has no `Host` though it must, more than one, or one that is
/// not a host (RFC 9112, 3.2).
fn hosts_of(request: &Request, behind_proxy: bool) -> Option<Vec<Host>> {
    let headers = request.headers();
    let mut named = Vec::new();
    let mut given = headers.get_all(header::HOST).iter();
    match (given.next(), given.next()) {
        (Some(host), None) => named.push(Host::parse(host.to_str().ok()?)?),
        (Some(_), Some(_)) => return None,
        (None, _) if request.version() >= Version::HTTP_11 => return None,
        // Not a browser.
        (None, _) => {}
    }
    // `GET http://host/ HTTP/1.1`, which counts before the header.
    if let Some(authority) = request.uri().authority() {
        named.push(Host::of(authority)?);
    }
    if behind_proxy && let Some(last) = headers.get_all(FORWARDED_HOST).iter().next_back() {
        let nearest = last.to_str().ok()?.rsplit(',').next()?;
        named.push(Host::parse(nearest.trim())?);
    }
    Some(named)
}

impl Front {
    /// The origin of the request, if it came through a proxy.
    fn origin_through_proxy(&self, headers: &HeaderMap) -> Option<Origin> {
        let is_proxied =
            self.behind_proxy || OF_A_PROXY.iter().any(|name| headers.contains_key(name));
        let origin = headers.get(header::ORIGIN).filter(|_| is_proxied)?;
        Origin::parse(origin.to_str().ok()?)
    }

    fn log_unknown(&self, host: &Host) {
        if !is_new(&self.logged.hosts, host) {
            return;
        }
        if self.site.is_given() {
            tracing::warn!(
                %host,
                public_url = self.site.url(),
                "a request was refused: its host is not one of natter's names. A proxy in front of \
                 natter has to pass the Host header on"
            );
        } else {
            tracing::warn!(
                %host,
                "a request was refused: its host is not one of natter's names. If people reach natter \
                 by that name, start it with --public-url and that address"
            );
        }
    }

    fn log_foreign(&self, origin: &Origin) {
        if !is_new(&self.logged.origins, origin) {
            return;
        }
        if self.site.is_given() {
            tracing::warn!(
                %origin,
                public_url = self.site.url(),
                "a request from a page was refused: its origin is not --public-url"
            );
        } else {
            tracing::warn!(
                %origin,
                "a request from a page was refused: it came through a proxy, from an origin that is not \
                 known to be natter's. If people reach natter there, start it with --public-url {origin}"
            );
        }
    }
}

fn is_new(logged: &Mutex<BTreeSet<String>>, name: &impl ToString) -> bool {
    let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
    logged.len() < LOGGED && logged.insert(name.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn hosts(version: Version, uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().version(version).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let found = hosts_of(&request.body(Body::empty()).unwrap(), true)?;
        let found: Vec<_> = found.iter().map(Host::to_string).collect();
        Some(found.join(" "))
    }

    #[test]
    fn a_request_says_once_whom_it_is_for() {
        let of = |headers| hosts(Version::HTTP_11, "/", headers);
        assert_eq!(of(&[("host", "a:1")]).as_deref(), Some("a"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("host", "")]), None);
        assert_eq!(of(&[("host", "a"), ("host", "a")]), None);
        assert_eq!(of(&[("host", "a, b")]), None);
        let old = hosts(Version::HTTP_10, "/", &[]);
        assert_eq!(old.as_deref(), Some(""));
    }

    #[test]
    fn every_name_in_it_counts() {
        let whole = hosts(Version::HTTP_11, "http://b/", &[("host", "a")]);
        assert_eq!(whole.as_deref(), Some("a b"));
        let forwarded = [
            ("host", "a"),
            ("x-forwarded-host", "b"),
            ("x-forwarded-host", "c, d:443"),
        ];
        let forwarded = hosts(Version::HTTP_11, "/", &forwarded);
        assert_eq!(forwarded.as_deref(), Some("a d"));
    }

    #[test]
    fn a_name_is_logged_once_and_not_too_many() {
        let logged = Mutex::default();
        assert!(is_new(&logged, &"a") && !is_new(&logged, &"a"));
        let new = (0..20).filter(|n| is_new(&logged, n)).count();
        assert_eq!(new, LOGGED - 1);
    }
}
