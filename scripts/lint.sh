#!/usr/bin/env bash
# Every check of form, all of them even when one fails; with --fix it formats instead.
source "$(dirname "$0")/env.sh"
source scripts/tools.sh

ensure_rust
ensure_npm

if [ "${1:-}" = --fix ]; then
  say "Formatting Rust, protobuf, CSS, TypeScript and JSON…"
  cargo fmt
  buf format --write
  exec biome check --write --error-on-warnings
fi

failed=()
# check NAME COMMAND…
check() {
  local name=$1
  shift
  say "Checking $name…"
  "$@" || failed+=("$name")
}

check "Rust's format" cargo fmt --check
check "protobuf's form" buf lint
check "protobuf's format" buf format --diff --exit-code
check "CSS, TypeScript and JSON" biome check --error-on-warnings
check "the browser tests' types" tsc --noEmit
if ensure_shellcheck; then
  check "shell" shellcheck --external-sources --source-path=SCRIPTDIR .ci/run scripts/*.sh
else
  say "No shellcheck for this machine: the shell scripts go unchecked."
fi
check "Rust, the server (a minute the first time)" \
  cargo clippy ${CI:+--locked} --features ssr --all-targets -- -D warnings
check "Rust, the page (half a minute the first time)" \
  cargo clippy ${CI:+--locked} --lib --no-default-features --features hydrate \
  --target wasm32-unknown-unknown --target-dir target/front -- -D warnings

if [ ${#failed[@]} -gt 0 ]; then
  say "Not in order:"
  printf '      %s\n' "${failed[@]}" >&2
  die "\`make fmt\` puts right what is a matter of format alone."
fi
say "All in order."
