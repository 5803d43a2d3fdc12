//! GET /health: for whoever watches over natter.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::AppState;

/// What natter says of itself.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    /// "ready", or "starting" while people cannot connect.
    status: &'static str,
    /// How far the read model has applied LOG.
    applied: u64,
    /// Live connections through this natter.
    connections: usize,
}

/// 200 when people can be served, else 503.
pub(super) async fn health(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let (code, status) = if state.ready.is_ready() {
        (StatusCode::OK, "ready")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "starting")
    };
    let health = Health {
        status,
        applied: state.read_model.applied().0,
        connections: state.tunnels.count(),
    };
    (code, Json(health))
}
