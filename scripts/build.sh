#!/usr/bin/env bash
# build.sh debug|release|tests: the server and the page, into target/debug or target/release:
# `natter` with `nats-server` and `site/` beside it. `tests` is debug with the Rust tests compiled.
source "$(dirname "$0")/env.sh"
source scripts/tools.sh

kind=${1:?debug, release or tests}
features=(--features ssr)
front=(--lib --no-default-features --features hydrate
  --target wasm32-unknown-unknown --target-dir target/front)

page() {
  ensure_npm
  ensure_wasm_bindgen
  if [ "$kind" = release ]; then
    say "Building the page (wasm, optimised for size: about two minutes the first time)…"
    cargo build ${CI:+--locked} "${front[@]}" --profile wasm-release
    node scripts/site.mjs release
  else
    say "Building the page (wasm: about a minute the first time)…"
    cargo build ${CI:+--locked} "${front[@]}"
    node scripts/site.mjs debug
  fi
  say "The page is built."
}

server() {
  case "$kind" in
    release)
      say "Building the server (optimised: about five minutes the first time)…"
      cargo build ${CI:+--locked} "${features[@]}" --bin natter --release
      ;;
    tests)
      say "Building the server and the Rust tests (about three minutes the first time)…"
      cargo test ${CI:+--locked} "${features[@]}" --no-run
      ;;
    debug)
      say "Building the server (about three minutes the first time)…"
      cargo build ${CI:+--locked} "${features[@]}" --bin natter
      ;;
  esac
}

folder=target/debug
[ "$kind" != release ] || folder=target/release

ensure_rust
ensure_nats_server

# Both at once: each has long stretches that keep one core alone busy. The page's output waits in a
# file, and it has a process group of its own, so that all of it ends when this script does.
log=target/page-$kind.log
set -m
page </dev/null >"$log" 2>&1 &
page=$!
set +m
trap 'kill -- -$page 2>/dev/null || true' EXIT

server
scripts/broker.sh "$folder"
wait "$page" || {
  cat "$log" >&2
  die "the page could not be built."
}
trap - EXIT
