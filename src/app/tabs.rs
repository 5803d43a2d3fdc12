//! Which tabs of this browser are alive: each holds a Web Lock for as long as it lives. Where there
//! are no locks (no secure context), that cannot be told.

use std::collections::HashSet;

use data_encoding::BASE64URL_NOPAD;
use futures::channel::oneshot;
use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::window;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

/// A name that no other tab has.
pub(super) fn fresh_name() -> String {
    let mut random = [0; 12];
    let _ = getrandom::fill(&mut random);
    BASE64URL_NOPAD.encode(&random)
}

/// Holds a lock for as long as the page lives. False: another tab holds it. `None`: there are no locks.
pub(super) async fn hold(name: &str) -> Option<bool> {
    let locks = locks()?;
    let (tell, told) = oneshot::channel();
    let held = Closure::once_into_js(move |lock: JsValue| {
        let is_held = !lock.is_null();
        let _ = tell.send(is_held);
        match is_held {
            true => Promise::new(&mut |_, _| {}),
            false => Promise::resolve(&JsValue::UNDEFINED),
        }
    });
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into()).ok()?;
    // Its promise is kept when the page ends, and not looked at before.
    let _ = method(&locks, "request")?.call3(&locks, &name.into(), &options, &held);
    told.await.ok()
}

/// The locks that tabs hold. `None` where that cannot be told.
pub(super) async fn held() -> Option<HashSet<String>> {
    let locks = locks()?;
    let asked: Promise = method(&locks, "query")?
        .call0(&locks)
        .ok()?
        .dyn_into()
        .ok()?;
    let snapshot = JsFuture::from(asked).await.ok()?;
    let held: Array = Reflect::get(&snapshot, &"held".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let name = |lock: JsValue| Reflect::get(&lock, &"name".into()).ok()?.as_string();
    Some(held.iter().filter_map(name).collect())
}

/// `navigator.locks`, where there is a secure context.
fn locks() -> Option<JsValue> {
    let locks = Reflect::get(&window().navigator(), &"locks".into()).ok()?;
    (!locks.is_undefined()).then_some(locks)
}

fn method(object: &JsValue, name: &str) -> Option<Function> {
    Reflect::get(object, &name.into()).ok()?.dyn_into().ok()
}
