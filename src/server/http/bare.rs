//! A page without the app, in the site's clothes: for requests that no page can be made for, such as one
//! for another host or one whose store is away. It brings its styles along, so it needs no second request.

use std::sync::LazyLock;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use data_encoding::BASE64;
use sha2::{Digest as _, Sha256};

use crate::app::words;

/// The parts of the stylesheet that it needs.
const STYLE: &str = concat!(
    include_str!("../../../style/tokens.css"),
    include_str!("../../../style/base.css"),
    include_str!("../../../style/components/controls.css"),
    include_str!("../../../style/pages/card.css"),
);

/// No script runs, and no style but this one.
static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
    let style = BASE64.encode(&Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy)
        .unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
});

/// The page: one sentence, and what to do, which is HTML.
pub(super) fn page(status: StatusCode, reason: &str, what_to_do: &str) -> Response {
    let reason = escape(reason)
        .replace(words::NAME_BEGINS, "<bdi>")
        .replace(words::NAME_ENDS, "</bdi>");
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width, initial-scale=1'>\
         <meta name=color-scheme content='light dark'><title>Natter</title><style>{STYLE}</style>\
         <main class=card-page><div class=card><span class=mark aria-hidden=true>N</span>\
         <h1>That did not work</h1><p role=alert>{reason}</p>{what_to_do}</div></main>"
    );
    let mut response = (status, Html(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY.clone());
    response
}

/// For text and for attributes in quotes.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
