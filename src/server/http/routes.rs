//! Every address that natter answers at, in one table. The router is made of it, and so are the
//! tests that try each of them, as everybody (`tests/it/http_matrix`) and with rights that change
//! while the body is sent (`tests/it/slow_bodies`): an address that they do not know fails them.
//!
//! Whatever takes a body is wrapped in a [`Guarded`] here.

use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};

use super::bodies::SMALL;
use super::body::Bounds;
use super::guarded::{Guarded, Needs};
use super::{AppState, FORM_BYTES, forms, health, oidc, pages, picture, session, tunnel};
use crate::domain::limits;

/// Where Leptos' server functions are.
const SERVER_FUNCTIONS: &str = "/api/{*function}";

/// An address and who answers there.
pub(super) struct Route {
    pub path: &'static str,
    pub methods: MethodRouter<AppState>,
    takes: Takes,
    needs_session: bool,
}

/// What can be asked at an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Get,
    Post,
    Both,
}

/// Something to read.
fn shows<H: Handler<T, AppState>, T: 'static>(path: &'static str, page: H) -> Route {
    Route {
        path,
        methods: get(page),
        takes: Takes::Get,
        needs_session: false,
    }
}

/// Something that is done from a page of somebody who is signed in.
fn does<H: Handler<T, AppState>, T: 'static>(path: &'static str, form: H, needs: Needs) -> Route {
    Route {
        path,
        methods: post(guarded(form, needs)),
        takes: Takes::Post,
        needs_session: true,
    }
}

/// Whatever takes a body has it read as a whole before the session is judged.
fn guarded<H>(form: H, needs: Needs) -> Guarded<H> {
    Guarded {
        form,
        needs,
        bounds: Bounds {
            kept: FORM_BYTES,
            read: FORM_BYTES,
        },
        is_large: false,
    }
}

impl Route {
    /// The form of a page that somebody who is signed in sees. It goes to the address of its page:
    /// refused, that is where the browser stays.
    fn with_form<H: Handler<T, AppState>, T: 'static>(self, form: H) -> Self {
        self.taking(guarded(form, Needs::Session))
    }

    /// The form of a page for people who are not signed in.
    fn with_public_form<H: Handler<T, AppState>, T: 'static>(self, form: H) -> Self {
        let bounds = Bounds {
            kept: SMALL,
            read: SMALL,
        };
        self.taking(Guarded {
            bounds,
            ..guarded(form, Needs::Nothing)
        })
    }

    /// A form of somebody who is signed in with a file of up to so many bytes.
    fn with_file_form<H: Handler<T, AppState>, T: 'static>(self, form: H, bytes: usize) -> Self {
        let kept = bytes + FORM_BYTES;
        let form = Guarded {
            bounds: Bounds {
                kept,
                read: limits::PICTURE_FORM_BYTES,
            },
            is_large: true,
            ..guarded(form, Needs::Session)
        };
        let route = self.taking(form);
        Self {
            methods: route.methods.layer(DefaultBodyLimit::max(kept)),
            ..route
        }
    }

    fn taking<H: Handler<T, AppState>, T: 'static>(self, form: Guarded<H>) -> Self {
        Self {
            needs_session: form.needs != Needs::Nothing,
            methods: self.methods.post(form),
            takes: Takes::Both,
            ..self
        }
    }
}

/// The table.
pub(super) fn routes() -> Vec<Route> {
    vec![
        shows("/", pages::home),
        shows("/r/{room}", pages::room).with_form(forms::message::post),
        shows("/r/{room}/details", pages::details).with_form(forms::rooms::change),
        shows("/rooms", pages::browse),
        shows("/rooms/new", pages::plain).with_form(forms::rooms::make),
        shows("/people", pages::people).with_form(forms::rooms::talk_to),
        shows("/settings", pages::plain),
        shows("/settings/connection", pages::plain),
        shows("/settings/account", pages::account).with_form(forms::settings::account),
        shows("/settings/picture", pages::account)
            .with_file_form(forms::picture::picture, limits::PICTURE_BYTES),
        shows("/settings/sessions", pages::sessions).with_form(forms::settings::end_sessions),
        shows("/admin", pages::admin).with_form(forms::admin::admin),
        shows("/signup", pages::sign_up).with_public_form(forms::account::sign_up),
        shows("/invite/{token}", pages::invited).with_public_form(forms::account::accept),
        shows("/reset/{token}", pages::reset).with_public_form(forms::account::reset),
        shows("/login", pages::sign_in).with_public_form(forms::account::sign_in),
        shows("/login/oidc", oidc::begin),
        shows("/login/oidc/callback", oidc::callback),
        shows("/signup/oidc", oidc::sign_up).with_public_form(oidc::join),
        does("/logout", forms::account::sign_out, Needs::NobodyElse),
        shows("/pictures/{name}", picture::picture),
        shows("/session", session::session),
        shows("/nats", tunnel::tunnel),
        shows("/health", health::health),
        does(SERVER_FUNCTIONS, pages::server_function, Needs::Session),
    ]
}

/// An address that natter answers at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// With `{names}` where something is to be filled in.
    pub path: String,
    /// Can it be read?
    pub is_read: bool,
    /// Can something be sent to it?
    pub is_sent_to: bool,
    /// Does what is sent need a session?
    pub needs_session: bool,
}

/// All of them, each server function for itself; the site's own files are not among them.
#[must_use]
pub fn addresses() -> Vec<Address> {
    let mut all = Vec::new();
    for route in routes() {
        let functions = match route.path {
            SERVER_FUNCTIONS => leptos::server_fn::axum::server_fn_paths()
                .map(|(path, _)| path.to_owned())
                .collect(),
            path => vec![path.to_owned()],
        };
        all.extend(functions.into_iter().map(|path| Address {
            path,
            is_read: route.takes != Takes::Post,
            is_sent_to: route.takes != Takes::Get,
            needs_session: route.needs_session,
        }));
    }
    all
}
