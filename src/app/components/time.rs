//! A moment, in the reader's zone once the page is alive.

use leptos::prelude::*;

use crate::app::{clock, words};
use crate::domain::Timestamp;

/// The time of day.
#[component]
pub(in super::super) fn Time(
    /// The moment.
    at: Timestamp,
) -> impl IntoView {
    view! { <time datetime=clock::iso(at)>{move || clock::time(at, clock::zone())}</time> }
}

/// What time it is now for somebody who lives in this zone. The server knows of no zones, so with
/// scripts off it is the zone's name.
#[component]
pub(in super::super) fn TheirTime(
    /// Its IANA name, or something that is none.
    zone: String,
) -> impl IntoView {
    let shown = move || match clock::now_in(&zone) {
        Some(time) => words::local_time(&time, &zone),
        None => zone.clone(),
    };
    view! { <span class="hint">{shown}</span> }
}

/// A line between days.
#[component]
pub(in super::super) fn DayLine(
    /// A moment of the day that begins.
    at: Timestamp,
) -> impl IntoView {
    view! {
        <h2 class="day">
            <time datetime=clock::iso(at)>{move || clock::day_name(at, clock::zone())}</time>
        </h2>
    }
}

/// A day and a time of day.
#[component]
pub(in super::super) fn Moment(
    /// The moment.
    at: Timestamp,
) -> impl IntoView {
    let text = move || {
        let zone = clock::zone();
        format!("{}, {}", clock::day_name(at, zone), clock::time(at, zone))
    };
    view! { <time datetime=clock::iso(at)>{text}</time> }
}
