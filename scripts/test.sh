#!/usr/bin/env bash
# test.sh [rust] [browser] [ARGUMENT…]: builds, runs the tests and ends with `N passed, N failed`.
# Further arguments go to Playwright.
# test.sh chaos [ARGUMENT…]: the campaign of faults alone; the arguments are its own.
source "$(dirname "$0")/env.sh"
source scripts/tools.sh

rust=no browser=no chaos=no
while [ $# -gt 0 ]; do
  case "$1" in
    rust) rust=yes ;;
    browser) browser=yes ;;
    chaos) chaos=yes ;;
    *) break ;;
  esac
  shift
done

passed=0 failed=0
# count WHAT PASSED FAILED STATUS: a run that fails without naming a test, or that has none, is a
# failure too.
count() {
  passed=$((passed + $2))
  failed=$((failed + $3))
  if [ "$3" -eq 0 ] && { [ "$4" -ne 0 ] || [ "$2" -eq 0 ]; }; then
    say "$1 ended before the tests did, or had none: see above."
    failed=$((failed + 1))
  fi
}

finish() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

rust_tests() {
  local log=target/rust-tests.log status=0 numbers
  say "Running the Rust tests…"
  cargo test ${CI:+--locked} --features ssr --no-fail-fast 2>&1 | tee "$log" || status=$?
  # A line has a word of colour before its full stop or has not: the numbers go by what follows them.
  numbers=$(awk '/^test result:/ {
    for (i = 2; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i - 1)
      if ($i ~ /^failed/) failed += $(i - 1)
    }
  } END { print passed + 0, failed + 0 }' "$log")
  # shellcheck disable=SC2086 # two numbers
  count "cargo test" $numbers "$status"
}

browser_tests() {
  local results=end2end/report/results.json status=0 numbers
  say "Running the browser tests in $CHROMIUM…"
  rm -f "$results"
  playwright test --config end2end "$@" || status=$?
  numbers=$(node scripts/browser-results.mjs "$results")
  # shellcheck disable=SC2086 # two numbers
  count Playwright $numbers "$status"
}

if [ "$browser" = yes ] || [ "$chaos" = yes ]; then
  ensure_npm
  ensure_chromium
fi
kind=debug
[ "$chaos" = no ] || kind=tests
if [ "$rust" = yes ]; then
  # Clients in other languages take part in the Rust tests.
  ensure_npm
  ensure_python_clients
  kind=tests
fi
if ! scripts/build.sh "$kind"; then
  failed=1
  finish
fi
[ "$chaos" = no ] || exec cargo test ${CI:+--locked} --features ssr --test chaos -- "$@"
[ "$rust" = no ] || rust_tests
[ "$browser" = no ] || browser_tests "$@"
finish
