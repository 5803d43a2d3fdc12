//! What every answer says to the browser, whatever it is: pages, files, errors, redirects.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// Where nothing else is said: no sniffing, no frames, no other site's page that uses it, nothing of
/// a device, and nothing that is kept. Pages have a policy and a nonce of their own.
const ALWAYS: [(HeaderName, &str); 8] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
         magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// A year, and not for other names of the same domain: they are not natter's.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Puts them on, also on the answer to a request that panicked.
pub(super) fn dress<S: Clone + Send + Sync + 'static>(
    router: Router<S>,
    is_https: bool,
) -> Router<S> {
    let mut router = router.layer(CatchPanicLayer::custom(|_| {
        tracing::error!("a request panicked");
        (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Something went wrong in Natter. Nothing you sent before is lost; go back and try again.",
        )
            .into_response()
    }));
    for (name, value) in ALWAYS {
        router = router.layer(unless_said(name, value));
    }
    if is_https {
        let name = header::STRICT_TRANSPORT_SECURITY;
        router = router.layer(unless_said(name, HTTPS_ONLY));
    }
    router
}

fn unless_said(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use axum::http::Request;
    use axum::routing::get;
    use tower::ServiceExt as _;

    #[tokio::test]
    async fn a_panic_is_an_answer_with_all_of_them() {
        async fn panics() -> StatusCode {
            panic!("on purpose")
        }
        for is_https in [false, true] {
            let router = dress(Router::new().route("/", get(panics)), is_https);
            let request = Request::get("/").body(Body::empty()).unwrap();
            let response = router.oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            for (name, value) in ALWAYS {
                assert_eq!(response.headers()[&name], value, "{name}");
            }
            let strict = response.headers().get(header::STRICT_TRANSPORT_SECURITY);
            assert_eq!(strict.is_some(), is_https);
        }
    }
}
