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
# What failed, or passed only when it was tried again: named once more at the end, where a reader looks first.
notes=()
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
  [ "${#notes[@]}" -eq 0 ] || printf '%s\n' "${notes[@]}"
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# What a test of `cargo test` printed, from its log: NAME LOG.
output_of() {
  awk -v head="---- $1 stdout ----" '
    $0 == head { on = 1; next }
    on && (/^---- .* stdout ----$/ || /^failures:$/) { exit }
    on' "$2" | tail -n 40
}

# again LOG: in CI, each test of Rust that failed is tried once more, alone, as Playwright does with its own.
# Adds to `flaky` how many passed then.
again() {
  local name verdict log=target/rust-tests-again.log
  while read -r name; do
    verdict=FAILED
    if [ -n "${CI:-}" ] &&
      cargo test --locked --features ssr --lib --test it -- --exact "$name" </dev/null >"$log" 2>&1 &&
      grep -q '^test result: .* 1 passed' "$log"; then
      verdict="FLAKY, it passed when it was tried again"
      flaky=$((flaky + 1))
    fi
    notes+=("$verdict: $name" "$(output_of "$name" "$1")")
  done < <(sed -n 's/^test \(.*\) \.\.\. .*FAILED.*/\1/p' "$1")
}

rust_tests() {
  local log=target/rust-tests.log status=0 numbers ok bad flaky=0
  say "Running the Rust tests…"
  cargo test ${CI:+--locked} --features ssr --no-fail-fast 2>&1 | tee "$log" || status=$?
  # A line has a word of colour before its full stop or has not: the numbers go by what follows them.
  numbers=$(awk '/^test result:/ {
    for (i = 2; i <= NF; i++) {
      if ($i ~ /^passed/) passed += $(i - 1)
      if ($i ~ /^failed/) failed += $(i - 1)
    }
  } END { print passed + 0, failed + 0 }' "$log")
  read -r ok bad <<<"$numbers"
  again "$log"
  if [ "$flaky" -gt 0 ] && [ "$flaky" -eq "$bad" ]; then
    status=0
  fi
  count "cargo test" $((ok + flaky)) $((bad - flaky)) "$status"
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
