//! GET /health: for whoever watches over natter.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;

use super::AppState;
use crate::server::read_model::{Phase, Progress};
use crate::server::space::Unwritable;
use crate::server::store::Missing;

/// What natter says of itself.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    /// "ready"; "starting" while people cannot connect; "catching up" while pages cannot be made,
    /// since the read model is not complete; "failing" when a task has ended that must not.
    status: &'static str,
    /// Live connections through this natter.
    connections: usize,
    /// Nobody can write until somebody makes room on the disk; reading goes on.
    disk_full: bool,
    /// What natter no longer does, since the task that did it has ended: restart natter.
    ended_tasks: Vec<&'static str>,
    /// The same because the file system of the data folder is read-only.
    disk_read_only: bool,
    /// By how many seconds nats-server's clock is ahead of natter's; 0 while they differ by less than 3.
    broker_clock_ahead_s: i64,
    read_model: Model,
    log: LogHealth,
}

/// What is wrong with LOG.
#[derive(Debug, Serialize)]
struct LogHealth {
    /// How many entries are missing: the store of nats-server is damaged, or somebody removed them.
    missing: u64,
    /// The first and the last of them; null when none is, or when they are too many to list.
    first_missing: Option<u64>,
    last_missing: Option<u64>,
}

/// How far the read model is.
#[derive(Debug, Serialize)]
struct Model {
    /// "opening", "building" (from nothing), "catching up" or "following".
    state: &'static str,
    /// Up to which sequence LOG is in it.
    applied: u64,
    /// LOG's last sequence; null when the broker does not say so.
    log_end: Option<u64>,
    /// How many of LOG's places it is behind.
    lag: Option<u64>,
    /// While it is building or catching up: how much of that is done.
    percent: Option<u8>,
}

/// 200 when people can be served, else 503.
pub(super) async fn health(State(state): State<AppState>) -> (StatusCode, Json<Health>) {
    let (progress, end) = state.read_model.progress().await;
    let ended_tasks = state.tasks.ended();
    let (code, status) = match (state.ready.is_ready(), progress.phase) {
        _ if !ended_tasks.is_empty() => (StatusCode::SERVICE_UNAVAILABLE, "failing"),
        (true, Phase::Following) => (StatusCode::OK, "ready"),
        (true, _) => (StatusCode::SERVICE_UNAVAILABLE, "catching up"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "starting"),
    };
    let health = Health {
        status,
        connections: state.tunnels.count(),
        ended_tasks,
        disk_full: state.space.unwritable() == Some(Unwritable::Full),
        disk_read_only: state.space.unwritable() == Some(Unwritable::ReadOnly),
        broker_clock_ahead_s: state.broker_clock.ahead(),
        read_model: model(&progress, end.map(|end| end.0)),
        log: log_health(&state.read_model.missing()),
    };
    (code, Json(health))
}

fn log_health(missing: &Missing) -> LogHealth {
    LogHealth {
        missing: missing.count,
        first_missing: missing.stretches.first().map(|(from, _)| from.0),
        last_missing: missing.stretches.last().map(|(_, to)| to.0),
    }
}

fn model(progress: &Progress, log_end: Option<u64>) -> Model {
    let applied = progress.applied.0;
    Model {
        state: match progress.phase {
            Phase::Opening => "opening",
            Phase::Building { .. } => "building",
            Phase::CatchingUp { .. } => "catching up",
            Phase::Following => "following",
        },
        applied,
        log_end,
        lag: log_end.map(|end| end.saturating_sub(applied)),
        percent: progress.percent(),
    }
}
