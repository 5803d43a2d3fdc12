//! What a browser asks over HTTP: pages and forms, that both work with scripts off, and the tunnel
//! to the broker. The routes and the whole middleware stack stand in [`router`].

mod address;
mod cookie;
mod forms;
mod health;
mod oidc;
mod pages;
mod render;
mod session;
mod signed_in;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use leptos::config::LeptosOptions;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

pub use tunnel::Tunnels;

use crate::server::config::{Signup, Site};
use crate::server::limits::Limits;
use crate::server::oidc::Provider;
use crate::server::read_model::ReadModel;
use crate::server::ready::Ready;
use crate::server::services::Services;
use crate::server::sign_out::SignOut;
use crate::server::store::Store;

/// The largest form: a message's text, percent-encoded, fits.
const FORM_BYTES: usize = 128 * 1_024;

/// What the handlers share.
#[derive(Clone)]
pub struct AppState {
    /// Writes.
    pub store: Store,
    /// Reads.
    pub read_model: ReadModel,
    /// How much one person or address may do.
    pub limits: Limits,
    /// What commands and forms both do.
    pub services: Services,
    /// Ends sessions, live connections included.
    pub sign_out: SignOut,
    /// The live connections through this natter.
    pub tunnels: Tunnels,
    /// Can people be served?
    pub ready: Ready,
    /// Natter's own connection for the example services' server functions.
    pub chat: async_nats::Client,
    /// How natter is reached.
    pub site: Arc<Site>,
    /// Who may make an account.
    pub signup: Signup,
    /// The identity provider that people may sign in at.
    pub oidc: Option<Provider>,
    /// Is there a proxy in front that says who asks?
    pub behind_proxy: bool,
    /// The token that the first account off loopback needs.
    pub setup_token: Option<Arc<str>>,
    /// What Leptos needs to know of the site's files.
    pub leptos: LeptosOptions,
}

/// Every route, and every layer around them.
pub fn router(state: AppState) -> axum::Router {
    // What Leptos spawns while it renders runs on tokio; a second natter in one process finds it
    // set already.
    let _ = any_spawner::Executor::init_tokio();
    let site_root = std::path::PathBuf::from(state.leptos.site_root.as_ref());
    // Hashed names never come to mean something else, so a browser need not ask again.
    let caching = if state.leptos.hash_files {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let pkg = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::overriding(
            header::CACHE_CONTROL,
            HeaderValue::from_static(caching),
        ))
        .service(
            ServeDir::new(site_root.join(state.leptos.site_pkg_dir.as_ref()))
                .precompressed_br()
                .precompressed_gzip(),
        );
    let public = ServeDir::new(&site_root)
        .append_index_html_on_directories(false)
        .fallback(get(pages::not_found).with_state(state.clone()));

    // The order is from the outside in; axum runs the last layer first, so it reads upside down.
    axum::Router::new()
        .route("/", get(pages::home))
        // A form goes to the address of its page: refused, that is where the browser stays.
        .route("/r/{room}", get(pages::room).post(forms::message::post))
        .route(
            "/r/{room}/details",
            get(pages::details).post(forms::rooms::change),
        )
        .route("/rooms", get(pages::browse))
        .route("/rooms/new", get(pages::plain).post(forms::rooms::make))
        .route("/people", get(pages::people).post(forms::rooms::talk_to))
        .route("/settings", get(pages::plain))
        .route("/settings/connection", get(pages::plain))
        .route(
            "/settings/account",
            get(pages::account).post(forms::settings::account),
        )
        .route(
            "/settings/sessions",
            get(pages::sessions).post(forms::settings::end_sessions),
        )
        .route("/admin", get(pages::admin).post(forms::admin::admin))
        .route("/signup", get(pages::sign_up).post(forms::account::sign_up))
        .route(
            "/invite/{token}",
            get(pages::invited).post(forms::account::accept),
        )
        .route(
            "/reset/{token}",
            get(pages::reset).post(forms::account::reset),
        )
        .route("/login", get(pages::sign_in).post(forms::account::sign_in))
        .route("/login/oidc", get(oidc::begin))
        .route("/login/oidc/callback", get(oidc::callback))
        .route("/signup/oidc", get(oidc::sign_up).post(oidc::join))
        .route("/logout", post(forms::account::sign_out))
        .route("/session", get(session::session))
        .route("/nats", get(tunnel::tunnel))
        .route("/health", get(health::health))
        .route("/api/{*function}", post(pages::server_function))
        .nest_service("/pkg", pkg)
        .fallback_service(public)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        // Forms of other sites are refused by Sec-Fetch-Site and Origin, beside SameSite.
        .layer(CsrfLayer::new())
        .layer(set("x-content-type-options", "nosniff"))
        .layer(set("referrer-policy", "same-origin"))
        .layer(set("x-frame-options", "DENY"))
        .layer(set("cross-origin-opener-policy", "same-origin"))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a request panicked");
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong in Natter. Nothing you sent before is lost; go back and try again.",
            )
                .into_response()
        }))
        // Why it is a 503 or a 500 is in the log already, in words.
        .layer(TraceLayer::new_for_http().on_failure(DefaultOnFailure::new().level(Level::DEBUG)))
        .with_state(state)
}

fn set(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )
}

/// Longest that open requests may take once natter is told to stop.
pub const LAST_REQUESTS: Duration = Duration::from_secs(5);
