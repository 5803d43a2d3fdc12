//! What a browser asks over HTTP: pages and forms, that both work with scripts off, and the tunnel
//! to the broker. The table of addresses stands in `routes`, the whole middleware stack in [`router`].

mod address;
mod bare;
mod bodies;
mod body;
mod connections;
mod cookie;
mod counted;
mod forms;
mod front;
mod guarded;
mod handshake;
mod headers;
mod health;
mod known;
mod listener;
mod oidc;
mod onward;
mod pages;
mod pages_of_one;
mod picture;
mod render;
mod routes;
mod session;
mod signed_in;
mod tunnel;
mod typed;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler as _;
use axum::http::{HeaderValue, Response, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use leptos::config::LeptosOptions;
use tower::ServiceBuilder;
use tower_http::csrf::CsrfLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::{DefaultOnFailure, TraceLayer};
use tracing::Level;

pub use bodies::Bodies;
pub use connections::ConnectionBounds;
pub(in crate::server) use connections::Connections;
pub(in crate::server) use cookie::SESSION as SESSION_COOKIE;
pub use known::KnownBrowsers;
pub(in crate::server) use listener::serve;
pub use pages_of_one::PagesOfOne;
pub use routes::{Address, addresses};
pub use tunnel::Tunnels;

use crate::server::clock::BrokerClock;
use crate::server::cluster::Cluster;
use crate::server::config::{BodyPace, Signup, Site};
use crate::server::connection_limit::ConnectionLimit;
use crate::server::limits::Limits;
use crate::server::oidc::Provider;
use crate::server::passwords::Passwords;
use crate::server::pictures::Pictures;
use crate::server::read_model::ReadModel;
use crate::server::ready::Ready;
use crate::server::services::Services;
use crate::server::sign_out::SignOut;
use crate::server::space::Space;
use crate::server::store::Store;
use crate::server::tasks::Tasks;

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
    /// How many connections one person has, wherever they come in.
    pub connections: ConnectionLimit,
    /// Judges, hashes and checks passwords.
    pub passwords: Passwords,
    /// Knows the browsers that somebody was signed in with.
    pub known_browsers: KnownBrowsers,
    /// Makes small squares of what people upload.
    pub pictures: Pictures,
    /// What commands and forms both do.
    pub services: Services,
    /// Ends sessions, live connections included.
    pub sign_out: SignOut,
    /// The live connections through this natter.
    pub tunnels: Tunnels,
    /// Which of the broker's servers they go to.
    pub(in crate::server) cluster: Cluster,
    /// Can people be served?
    pub ready: Ready,
    /// What runs for as long as natter does.
    pub tasks: Tasks,
    /// Is there room to write?
    pub space: Space,
    pub broker_clock: BrokerClock,
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
    /// How long the rights of a connection stand.
    pub rights_life: Duration,
    /// The bodies that are in memory.
    pub bodies: Bodies,
    /// The pages that are in memory.
    pub pages_of_one: PagesOfOne,
    /// How fast what is sent has to come.
    pub body_pace: BodyPace,
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
    let pkg = ServiceBuilder::new().layer(kept(caching)).service(
        ServeDir::new(site_root.join(state.leptos.site_pkg_dir.as_ref()))
            .precompressed_br()
            .precompressed_gzip(),
    );
    let counted = from_fn_with_state(state.clone(), counted::count);
    let nothing_there = get(pages::not_found.layer(counted.clone()));
    let public = ServiceBuilder::new().layer(kept("no-cache")).service(
        ServeDir::new(&site_root)
            .append_index_html_on_directories(false)
            .fallback(nothing_there.with_state(state.clone())),
    );

    // What is sent from other sites is refused by Sec-Fetch-Site and Origin, beside SameSite. What
    // has neither header comes from no browser (docs/decisions/0012).
    let csrf = trusting(&state.site).with_rejection_response(|_| render::foreign());
    let front = front::Front::new(Arc::clone(&state.site), state.behind_proxy);
    let routes = routes::routes().into_iter();
    let routed = routes.fold(axum::Router::new(), |router, route| {
        router.route(route.path, route.methods)
    });
    // The order is from the outside in; axum runs the last layer first, so it reads upside down.
    let served = routed
        .layer(counted)
        .nest_service("/pkg", pkg)
        .fallback_service(public)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(csrf)
        .layer(from_fn_with_state(front, front::look));
    headers::dress(served, state.site.is_https())
        // Why it is a 503 or a 500 is in the log already, in words.
        .layer(TraceLayer::new_for_http().on_failure(DefaultOnFailure::new().level(Level::DEBUG)))
        .with_state(state)
}

/// The site's own pages are those at its public URL, even where a proxy in front of natter asks for
/// another host.
fn trusting(site: &Site) -> CsrfLayer {
    if !site.is_given() {
        return CsrfLayer::new();
    }
    CsrfLayer::new()
        .add_trusted_origin(site.url())
        .unwrap_or_else(|error| {
            tracing::warn!(%error, "--public-url is not an origin that a browser sends");
            CsrfLayer::new()
        })
}

/// How long a browser keeps a file. That there is none may change at any time.
fn kept<B>(
    caching: &'static str,
) -> SetResponseHeaderLayer<impl Fn(&Response<B>) -> Option<HeaderValue> + Clone> {
    let for_files = move |response: &Response<B>| {
        let is_file = response.status().is_success() || response.status().is_redirection();
        is_file.then(|| HeaderValue::from_static(caching))
    };
    SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, for_files)
}

/// Longest that open requests may take once natter is told to stop.
pub const LAST_REQUESTS: Duration = Duration::from_secs(5);
