//! Times as a reader sees them. The server does not know the reader's zone, so the first render
//! is in UTC, and the page changes to the reader's own zone and words once it is alive.

use leptos::prelude::*;

use crate::domain::Timestamp;

#[cfg(feature = "hydrate")]
use page as here;
#[cfg(not(feature = "hydrate"))]
use server as here;

const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

/// In which zone times are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// UTC, as in the first render.
    Utc,
    /// The reader's; the number grows when that becomes another one.
    Local(u32),
}

#[derive(Clone, Copy)]
struct CurrentZone(RwSignal<Zone>);

/// Changes as time goes by, for what shows the time of now.
#[derive(Clone, Copy)]
struct Tick(RwSignal<i64>);

/// The day that it is for the reader.
#[derive(Clone, Copy)]
struct Today(RwSignal<i64>);

/// Gives the zone in context: UTC, and the reader's once the page is alive.
pub(super) fn provide_zone() {
    let zone = RwSignal::new(Zone::Utc);
    provide_context(CurrentZone(zone));
    let tick = RwSignal::new(0);
    provide_context(Tick(tick));
    let today = RwSignal::new(0);
    provide_context(Today(today));
    let name = StoredValue::new(None);
    let look = move || {
        let now = here::now();
        let name_now = Some(here::zone_name());
        if name.get_value() != name_now {
            name.set_value(name_now);
            zone.update(|zone| {
                *zone = match *zone {
                    Zone::Utc => Zone::Local(0),
                    Zone::Local(changes) => Zone::Local(changes + 1),
                };
            });
        }
        let day_now = day(now, zone.get_untracked());
        if today.get_untracked() != day_now {
            today.set(day_now);
        }
        tick.set(now.0);
    };
    Effect::new(move |_| {
        look();
        here::as_time_goes_by(look);
    });
}

/// What time it is in a zone, by its IANA name, "09:41". `None` before the page is alive, and when
/// the browser knows no such zone.
pub(super) fn now_in(zone_name: &str) -> Option<String> {
    use_context::<Tick>()?.0.track();
    match zone() {
        Zone::Utc => None,
        Zone::Local(_) => here::time_in(here::now(), zone_name),
    }
}

/// The zones that the browser knows; none before the page is alive.
pub(super) fn zone_names() -> Vec<String> {
    match zone() {
        Zone::Utc => Vec::new(),
        Zone::Local(_) => here::zone_names(),
    }
}

/// The zone now; what reads it is drawn again when it changes.
pub(super) fn zone() -> Zone {
    use_context::<CurrentZone>().map_or(Zone::Utc, |CurrentZone(zone)| zone.get())
}

/// A number that two moments share when they are on one day.
pub(super) fn day(at: Timestamp, zone: Zone) -> i64 {
    (at.0 + offset(at, zone)).div_euclid(DAY_MS)
}

/// "09:41".
pub(super) fn time(at: Timestamp, zone: Zone) -> String {
    match zone {
        Zone::Local(_) => here::local_time(at),
        Zone::Utc => {
            let minutes = at.0.rem_euclid(DAY_MS) / MINUTE_MS;
            format!("{:02}:{:02}", minutes / 60, minutes % 60)
        }
    }
}

/// "Today", "Yesterday", or the date.
pub(super) fn day_name(at: Timestamp, zone: Zone) -> String {
    let today = use_context::<Today>().map_or(0, |Today(today)| today.get());
    match (zone, today - day(at, zone)) {
        (Zone::Local(_), 0) => "Today".into(),
        (Zone::Local(_), 1) => "Yesterday".into(),
        (Zone::Local(_), _) => here::local_date(at),
        (Zone::Utc, _) => iso(at).chars().take(10).collect(),
    }
}

/// The moment for machines: RFC 3339, UTC.
pub(super) fn iso(at: Timestamp) -> String {
    here::iso(at)
}

fn offset(at: Timestamp, zone: Zone) -> i64 {
    match zone {
        Zone::Utc => 0,
        Zone::Local(_) => here::offset_ms(at),
    }
}

#[cfg(feature = "hydrate")]
mod page {
    use js_sys::{Array, Date, Function, Object, Reflect};
    use leptos::prelude::window_event_listener_untyped;
    use wasm_bindgen::{JsCast as _, JsValue};

    use super::{MINUTE_MS, Timestamp};

    fn date(at: Timestamp) -> Date {
        #[expect(clippy::cast_precision_loss)]
        Date::new(&(at.0 as f64).into())
    }

    pub fn now() -> Timestamp {
        #[expect(clippy::cast_possible_truncation)]
        Timestamp(Date::now() as i64)
    }

    pub fn iso(at: Timestamp) -> String {
        date(at).to_iso_string().into()
    }

    pub fn offset_ms(at: Timestamp) -> i64 {
        #[expect(clippy::cast_possible_truncation)]
        let minutes = date(at).get_timezone_offset() as i64;
        -minutes * MINUTE_MS
    }

    pub fn local_time(at: Timestamp) -> String {
        formatted(at, &[("hour", "2-digit"), ("minute", "2-digit")])
    }

    pub fn local_date(at: Timestamp) -> String {
        let mut parts = vec![("weekday", "long"), ("day", "numeric"), ("month", "long")];
        if date(at).get_full_year() != date(now()).get_full_year() {
            parts.push(("year", "numeric"));
        }
        formatted(at, &parts)
    }

    /// Every minute, and when the page is shown: a hidden page's timers are slow, and a machine that
    /// slept may be elsewhere.
    pub fn as_time_goes_by(act: impl Fn() + Copy + 'static) {
        // It is as old as the page and ends with it.
        gloo_timers::callback::Interval::new(60_000, act).forget();
        for event in ["visibilitychange", "pageshow", "focus"] {
            let _ = window_event_listener_untyped(event, move |_| act());
        }
    }

    /// The reader's zone, by its IANA name.
    pub fn zone_name() -> String {
        let format = js_sys::Intl::DateTimeFormat::new(&Array::new(), &Object::new());
        let name = Reflect::get(&format.resolved_options(), &"timeZone".into());
        name.ok()
            .and_then(|name| name.as_string())
            .unwrap_or_default()
    }

    pub fn time_in(at: Timestamp, zone: &str) -> Option<String> {
        let options = Object::new();
        for (name, value) in [
            ("hour", "2-digit"),
            ("minute", "2-digit"),
            ("timeZone", zone),
        ] {
            Reflect::set(&options, &name.into(), &value.into()).ok()?;
        }
        // A zone that is none throws.
        let format = Reflect::get(&intl()?, &"DateTimeFormat".into()).ok()?;
        let arguments = Array::of2(&Array::new(), &options);
        let format = Reflect::construct(format.dyn_ref::<Function>()?, &arguments).ok()?;
        let format: Function = Reflect::get(&format, &"format".into())
            .ok()?
            .dyn_into()
            .ok()?;
        format
            .call1(&JsValue::UNDEFINED, &date(at))
            .ok()?
            .as_string()
    }

    pub fn zone_names() -> Vec<String> {
        let known = || {
            let intl = intl()?;
            let values = Reflect::get(&intl, &"supportedValuesOf".into()).ok()?;
            let values: Function = values.dyn_into().ok()?;
            let names = values.call1(&intl, &"timeZone".into()).ok()?;
            Some(
                Array::from(&names)
                    .iter()
                    .filter_map(|name| name.as_string())
                    .collect(),
            )
        };
        known().unwrap_or_default()
    }

    fn intl() -> Option<JsValue> {
        Reflect::get(&js_sys::global(), &"Intl".into()).ok()
    }

    /// By the browser's own rules for the reader's language.
    fn formatted(at: Timestamp, parts: &[(&str, &str)]) -> String {
        let options = Object::new();
        for (name, value) in parts {
            let _ = Reflect::set(&options, &(*name).into(), &(*value).into());
        }
        let format = js_sys::Intl::DateTimeFormat::new(&Array::new(), &options).format();
        let text = format.call1(&JsValue::UNDEFINED, &date(at));
        text.ok()
            .and_then(|text| text.as_string())
            .unwrap_or_default()
    }
}

#[cfg(not(feature = "hydrate"))]
mod server {
    use super::Timestamp;

    pub fn now() -> Timestamp {
        Timestamp::default()
    }

    pub fn iso(at: Timestamp) -> String {
        #[cfg(feature = "ssr")]
        return crate::domain::time_text::rfc3339(at);
        #[cfg(not(feature = "ssr"))]
        at.0.to_string()
    }

    pub fn offset_ms(_: Timestamp) -> i64 {
        0
    }

    pub fn as_time_goes_by(_: impl Fn() + Copy + 'static) {}

    pub fn zone_name() -> String {
        String::new()
    }

    pub fn time_in(_: Timestamp, _: &str) -> Option<String> {
        None
    }

    pub fn zone_names() -> Vec<String> {
        Vec::new()
    }

    pub fn local_time(at: Timestamp) -> String {
        super::time(at, super::Zone::Utc)
    }

    pub fn local_date(at: Timestamp) -> String {
        iso(at).chars().take(10).collect()
    }
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn the_first_render_is_in_utc() {
        let at = Timestamp(1_795_427_460_000);
        assert_eq!(iso(at), "2026-11-23T09:51:00Z");
        assert_eq!(time(at, Zone::Utc), "09:51");
        assert_eq!(day_name(at, Zone::Utc), "2026-11-23");
        assert_ne!(day(at, Zone::Utc), day(Timestamp(at.0 + DAY_MS), Zone::Utc));
    }
}
