//! From the state of a page to its HTML.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use super::AppState;
use crate::app::{InitialPage, shell};
use crate::server::Failure;
use crate::wire::v1;

/// Renders the page that `path` names from `page`, whole, with scripts on or off.
pub(super) async fn page(
    state: &AppState,
    path: &str,
    status: StatusCode,
    page: v1::Page,
) -> Response {
    let page = v1::Page {
        path: path.to_owned(),
        ..page
    };
    let Ok(request) = Request::get(path).body(Body::empty()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let options = state.leptos.clone();
    let render = leptos_axum::render_app_async_with_context(
        move || {
            provide_context(InitialPage(page.clone()));
            set_content_security_policy();
        },
        move || shell(options.clone()),
    );
    let mut response = render(request).await;
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Only scripts and styles of this site run, and scripts only with this answer's nonce.
fn set_content_security_policy() {
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else {
        return;
    };
    // `cargo leptos watch` reloads the page over a port of its own.
    let development = if std::env::var_os("LEPTOS_WATCH").is_some() {
        " ws://localhost:* ws://127.0.0.1:*"
    } else {
        ""
    };
    let policy = format!(
        "default-src 'none'; script-src 'self' 'nonce-{nonce}' 'strict-dynamic' 'wasm-unsafe-eval'; \
         style-src 'self'; img-src 'self' data:; font-src 'self'; manifest-src 'self'; \
         connect-src 'self'{development}; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// A failure where no page can be made: the store that its sidebar would come from does not answer.
pub(super) fn plain(failure: &Failure) -> Response {
    bare(failure, "<p><a href=''>Try again</a></p>")
}

/// The same for a message that could not be taken: it stands in a form, ready to be sent again
/// under the same key.
pub(super) fn plain_with_message(failure: &Failure, ulid: &str, text: &str) -> Response {
    let (ulid, text) = (escape(ulid), escape(text));
    let form = format!(
        "<form method=post><input type=hidden name=ulid value='{ulid}'>\
         <p><textarea name=text rows=8 cols=60 aria-label='Your message'>\n{text}</textarea></p>\
         <button>Send again</button> <a href='/login' target=_blank>Sign in</a></form>"
    );
    bare(failure, &form)
}

/// What was sent came from a page of another site.
pub(super) fn foreign() -> Response {
    let failure = Failure::forbidden(
        "This was sent from a page of another site, so Natter did nothing. Open Natter itself and do it there.",
    );
    bare(&failure, "<p><a href='/'>Open Natter</a></p>")
}

/// A page without the app: one sentence, and what to do.
fn bare(failure: &Failure, what_to_do: &str) -> Response {
    let reason = escape(&failure.reason);
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content='width=device-width'><meta name=color-scheme content='light dark'>\
         <title>Natter</title>\
         <h1>That did not work</h1><p role=alert>{reason}</p>{what_to_do}"
    );
    let mut response = (status_of(failure), axum::response::Html(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
    );
    with_retry_after(response, failure.retry_after)
}

/// What is answered holds now and for this browser alone.
pub(super) fn must_not_be_kept(response: &mut Response) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// Says when trying again helps, in whole seconds as HTTP has it.
pub(super) fn with_retry_after(mut response: Response, wait: Option<Duration>) -> Response {
    if let Some(wait) = wait {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        if let Ok(seconds) = HeaderValue::from_str(&seconds.to_string()) {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
    }
    response
}

/// For text and for attributes in quotes.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}

/// The HTTP status of a failure.
pub(super) fn status_of(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
