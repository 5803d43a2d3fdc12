#!/usr/bin/env bash
# The server with live reload: an edit is on the screen in about five seconds.
source "$(dirname "$0")/env.sh"
source scripts/tools.sh

ensure_rust
ensure_npm
ensure_nats_server
ensure_wasm_bindgen
ensure_cargo_leptos
scripts/broker.sh target/debug
say "Watching (the first build takes about three minutes)…"
exec cargo leptos watch
