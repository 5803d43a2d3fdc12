//! From the state of a page to its HTML.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;

use super::AppState;
use super::bare::{self, escape};
use super::body::BodyError;
use super::typed::Typed;
use crate::app::{InitialPage, shell, words};
use crate::server::Failure;
use crate::server::host::Host;
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

/// The same for a form with texts worth keeping. The page shows them in a form that can be sent again as
/// it is, a message under the same key. Where the form has a password, the texts can only be copied.
pub(super) fn to_send_again(failure: &Failure, typed: &Typed) -> Response {
    if !typed.is_whole() {
        return to_copy(failure, typed, "<a href='/login' target=_blank>Sign in</a>");
    }
    let hidden: String = typed
        .hidden()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<input type=hidden name='{name}' value='{value}'>")
        })
        .collect();
    let texts = boxes(typed, "");
    let form = format!(
        "<form class=again method=post>{hidden}{texts}<p><button class=primary>Send again</button></p></form>\
         <p><a href='/login' target=_blank>Sign in</a></p>"
    );
    bare(failure, &form)
}

/// Shows the texts of a form for copying.
fn to_copy(failure: &Failure, typed: &Typed, then: &str) -> Response {
    let texts = boxes(typed, " readonly");
    bare(failure, &format!("{texts}<p>{then}</p>"))
}

fn boxes(typed: &Typed, attributes: &str) -> String {
    let texts = typed.texts().map(|(name, label, text)| {
        let text = escape(text);
        format!(
            "<p class=field><label for='kept-{name}'>{label}</label>\
             <textarea id='kept-{name}' name={name} rows=8{attributes}>\n{text}</textarea></p>"
        )
    });
    texts.collect()
}

/// A form was sent without a session.
pub(super) fn signed_out() -> Failure {
    Failure::forbidden(
        "You are signed out. What you wrote is kept on this page: sign in in another tab, then send it from here.",
    )
}

/// The form is on a page that was made for another person than the one who is signed in now (409).
pub(super) fn other_user(now: &str, typed: &Typed) -> Response {
    let kept = match typed.texts().next() {
        Some(_) => words::WHAT_YOU_WROTE_IS_KEPT,
        None => "Nothing was done.",
    };
    let signed_in = words::now_signed_in_as(now);
    let failure = Failure::conflict(format!("{signed_in} {kept}"));
    let go_on = format!("<a href='/'>{}</a>", escape(&words::go_on_as(now)));
    to_copy(&failure, typed, &go_on)
}

/// The form does not say whose page it is on (422).
pub(super) fn owner_missing(typed: &Typed) -> Response {
    let failure = Failure::invalid(
        "This form is from an older version of Natter, so nothing was done. What you wrote is kept: open the page again and send it from there.",
    );
    to_copy(&failure, typed, "<a href='/'>Open Natter</a>")
}

/// The body of a request did not arrive completely (408, 413, 422 or 503). The connection is closed: what
/// follows on it could not be told from the rest of this body.
pub(super) fn incomplete(error: BodyError) -> Response {
    let (status, reason) = match error {
        BodyError::TooSlow => (
            StatusCode::REQUEST_TIMEOUT,
            "What you sent took too long to arrive, so nothing was done. Go back to the form and send it again.",
        ),
        BodyError::TooLarge => (
            StatusCode::PAYLOAD_TOO_LARGE,
            "What you sent is larger than Natter takes, so nothing was done. Go back: what you wrote is still in the form. A message has at most 4,000 characters, so shorten it or split it.",
        ),
        BodyError::NoRoom => {
            let failure = Failure::busy(BodyError::RETRY_AFTER);
            let mut response = plain(&failure);
            close(&mut response);
            return response;
        }
        BodyError::Broken => (
            StatusCode::UNPROCESSABLE_ENTITY,
            "What you sent did not arrive completely, so nothing was done. Go back to the form and send it again.",
        ),
    };
    let mut response = bare(&Failure::invalid(reason), "");
    *response.status_mut() = status;
    close(&mut response);
    response
}

fn close(response: &mut Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// What was sent came from a page of another site.
pub(super) fn foreign() -> Response {
    let failure = Failure::forbidden(
        "This was sent from a page of another site, so Natter did nothing. Open Natter itself and do it there.",
    );
    bare(&failure, "<p><a href='/'>Open Natter</a></p>")
}

/// The request does not name exactly one host (400).
pub(super) fn no_host() -> Response {
    let failure =
        Failure::invalid("The request needs exactly one Host header, and it has to name a host.");
    let mut response = bare(&failure, "");
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

/// The request names a host that is not natter's (421). `url` is the one given with --public-url.
pub(super) fn misdirected(host: &Host, url: Option<&str>) -> Response {
    let mend = match url {
        Some(url) => format!(
            "Its address is {url}. If that is the one you used, the proxy in front of Natter has to \
             pass the Host header on."
        ),
        None => {
            "If people are meant to use that name, Natter has to be started with it: natter serve \
                 --public-url and the address, as in https://chat.example.org."
                .to_owned()
        }
    };
    let failure = Failure::invalid(format!(
        "Natter does not answer requests for “{host}”, which is not one of its names. {mend}"
    ));
    let mut response = bare(&failure, "");
    *response.status_mut() = StatusCode::MISDIRECTED_REQUEST;
    response
}

/// A page without the app: one sentence, and what to do.
fn bare(failure: &Failure, what_to_do: &str) -> Response {
    let response = bare::page(status_of(failure), &failure.reason, what_to_do);
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

/// The HTTP status of a failure.
pub(super) fn status_of(failure: &Failure) -> StatusCode {
    StatusCode::from_u16(failure.code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
