//! What every answer says to the browser: walks all addresses, files, errors and refusals.

use natter::server::addresses;
use reqwest::header::{self, HeaderMap};
use reqwest::{Method, RequestBuilder, StatusCode};

use crate::support::{Natter, Person, stranger};

/// Each is on every answer.
const ALWAYS: [&str; 8] = [
    "x-content-type-options",
    "referrer-policy",
    "x-frame-options",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "content-security-policy",
    "cache-control",
];

/// What is wrong with an answer's headers.
fn complaints(headers: &HeaderMap, is_https: bool) -> Vec<String> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
    let missing = ALWAYS.iter().filter(|name| text(name).is_none());
    let mut complaints: Vec<_> = missing.map(|name| format!("no {name}")).collect();
    if text("strict-transport-security").is_some() != is_https {
        complaints.push("strict-transport-security is for https alone".into());
    }
    let policy = text("content-security-policy").unwrap_or_default();
    for part in ["default-src 'none'", "frame-ancestors 'none'"] {
        // What a picture may do has no frames to speak of.
        if !policy.contains(part) && !policy.contains("sandbox") {
            complaints.push(format!("the policy {policy:?} lacks {part}"));
        }
    }
    if policy.contains("'unsafe-inline'") || policy.contains("'unsafe-eval'") {
        complaints.push(format!("the policy {policy:?} lets everything run"));
    }
    let is_page = text("content-type").is_some_and(|kind| kind.starts_with("text/html"));
    if is_page && text("cache-control") != Some("no-store") {
        complaints.push("a page is kept".into());
    }
    complaints
}

async fn walk(natter: &Natter, browser: &reqwest::Client, is_https: bool) -> usize {
    let filled = |path: &str| {
        path.replace("{room}", "general")
            .replace("{token}", "x")
            .replace("{name}", "x")
    };
    let mut requests: Vec<(String, RequestBuilder)> = Vec::new();
    let mut ask = |method: Method, path: &str, foreign: bool| {
        let mut request = browser.request(method.clone(), natter.url(path));
        if foreign {
            request = request.header("origin", "http://evil.example");
        }
        if method == Method::POST {
            request = request.form(&[("of", "x")]);
        }
        requests.push((format!("{method} {path}"), request));
    };
    for address in addresses() {
        // Signing out is for the end of other tests.
        let methods = [Method::GET, Method::HEAD, Method::PUT, Method::POST];
        for method in methods {
            let is_kept_out = method == Method::POST && address.path == "/logout";
            ask(method, &filled(&address.path), is_kept_out);
        }
        ask(Method::POST, &filled(&address.path), true);
    }
    for path in [
        "/pkg/natter.css",
        "/pkg/nothing.js",
        "/robots.txt",
        "/nothing",
        "/r/nowhere",
        "/..%2f..%2fetc/passwd",
        "/%ff",
    ] {
        ask(Method::GET, path, false);
        ask(Method::POST, path, false);
    }
    let count = requests.len();
    for (what, request) in requests {
        let response = request.send().await.unwrap();
        let found = complaints(response.headers(), is_https);
        assert!(
            found.is_empty(),
            "{what} ({}): {found:?}",
            response.status()
        );
    }
    count
}

fn with_files(natter: &Natter) {
    let site = natter.folder.path().join("site");
    std::fs::write(site.join("pkg/natter.css"), "p {}").unwrap();
    std::fs::write(site.join("robots.txt"), "User-agent: *").unwrap();
}

#[tokio::test]
async fn every_answer_has_its_headers() {
    let natter = Natter::start().await;
    with_files(&natter);
    let ada = Person::sign_up(&natter, "ada").await;
    for browser in [&ada.http, &stranger()] {
        let asked = walk(&natter, browser, false).await;
        assert!(asked > 100, "only {asked}");
    }
    let secure = |options: &mut natter::server::config::ServeOptions| {
        options.public_url = Some("https://chat.example.org".into());
    };
    let secure = Natter::start_with(secure).await;
    with_files(&secure);
    walk(&secure, &stranger(), true).await;
}

#[tokio::test]
async fn what_changes_is_not_kept_and_what_is_missing_not_for_ever() {
    let natter = Natter::start().await;
    with_files(&natter);
    let ada = Person::sign_up(&natter, "ada").await;
    for (path, status, caching) in [
        ("/health", StatusCode::OK, "no-store"),
        ("/session", StatusCode::NO_CONTENT, "no-store"),
        ("/", StatusCode::OK, "no-store"),
        ("/pkg/natter.css", StatusCode::OK, "no-cache"),
        ("/robots.txt", StatusCode::OK, "no-cache"),
        ("/pkg/nothing.js", StatusCode::NOT_FOUND, "no-store"),
    ] {
        let response = ada.get(path).await;
        assert_eq!(response.status(), status, "{path}");
        assert_eq!(response.headers()[header::CACHE_CONTROL], caching, "{path}");
    }
}
