#!/usr/bin/env bash
# build.sh debug|release|tests: the server and the page, into target/debug or target/release:
# `natter` with `nats-server` and `site/` beside it. `tests` is debug with the Rust tests compiled.
source "$(dirname "$0")/env.sh"
source scripts/tools.sh

kind=${1:?debug, release or tests}
locked=(${CI:+--locked})
server=("${locked[@]}" --features ssr)
page=("${locked[@]}" --lib --no-default-features --features hydrate --target wasm32-unknown-unknown)

# wasm_release: --config flags that make of the profile `release` what Cargo.toml has as
# `wasm-release`. By its own name the page would compile all macros and build scripts again, for
# cargo keeps those in a folder of the profile's name.
wasm_release() {
  awk '
    /^\[/ { part = $0 }
    part == "[profile.wasm-release]" && /=/ && $1 != "inherits" {
      print "--config"; print "profile.release." $1 "=" $3
    }
    part == "[profile.wasm-release.package]" && /=/ {
      print "--config"; print "profile.release.package." $1 "." $4 "=" $6
    }
  ' Cargo.toml
}

# background NAME COMMAND…: beside this script, its output in a file, in a process group of its own
# so that all of it ends when the script does. Its id is in `background`.
background() {
  log=target/$1-$kind.log
  shift
  set -m
  "$@" </dev/null >"$log" 2>&1 &
  background=$!
  set +m
  trap 'kill -- -$background 2>/dev/null || true' EXIT
}

# finished WHAT: waits for it.
finished() {
  wait "$background" || {
    cat "$log" >&2
    die "$1 could not be built."
  }
  trap - EXIT
}

page_tools() {
  ensure_npm
  ensure_wasm_bindgen
}

page_files() {
  node scripts/site.mjs "$1"
  say "The page is built."
}

debug_page() {
  page_tools
  say "Building the page (wasm: about a minute the first time)…"
  cargo build "${page[@]}" --target-dir target/front
  page_files debug
}

ensure_rust
ensure_nats_server

case "$kind" in
  release)
    # With the target named, macros and build scripts are the same for the page and the server.
    host=$(rustc -vV | sed -n 's/^host: //p')
    background tools page_tools
    say "Building the page (wasm, optimised for size: about four minutes the first time)…"
    mapfile -t profile < <(wasm_release)
    cargo build "${page[@]}" --release "${profile[@]}"
    finished "What the page is made with"
    background page page_files release
    say "Building the server (optimised: about seven minutes the first time)…"
    cargo build "${server[@]}" --bin natter --release --target "$host"
    folder=target/release
    # By way of another name: the one there may be running.
    cp "target/$host/release/natter" $folder/natter.new
    mv $folder/natter.new $folder/natter
    ;;
  tests | debug)
    # Both at once: each has long stretches that keep one core alone busy.
    background page debug_page
    say "Building the server (about three minutes the first time)…"
    if [ "$kind" = tests ]; then
      cargo test "${server[@]}" --no-run
    else
      cargo build "${server[@]}" --bin natter
    fi
    folder=target/debug
    ;;
  *) die "build.sh debug|release|tests" ;;
esac
scripts/broker.sh "$folder"
finished "The page"
