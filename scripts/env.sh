# shellcheck shell=bash
# Sourced by every script: strict mode, the clone as the working folder, and where tools are.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
ROOT=$PWD

# Every step builds with the same flags into the same folder, or cargo compiles everything again:
# the flags stand in .cargo/config.toml, the folder is `target`.
unset CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR
unset RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS
# make's job server is not open to what its recipes start; cargo would only complain.
unset MAKEFLAGS MFLAGS MAKELEVEL

# rustup's folder comes last: it is there right after an installation, before a new login.
export PATH="$ROOT/.tools/bin:$ROOT/node_modules/.bin:$PATH:$HOME/.cargo/bin"

# What is being done goes to the terminal even where a step's own output goes to a file.
exec 3>&2
say() { printf '==> %s\n' "$*" >&3; }
die() {
  printf 'natter: %s\n' "$*" >&3
  exit 1
}

# need COMMAND WHAT: what this machine must have before anything else.
need() {
  command -v "$1" >/dev/null || die "$1 is missing: please install $2."
}

# outside NAME FOLDER: NAME of the clone is a link to FOLDER, which outlives the clone.
# A real folder of that name stays as it is.
outside() {
  if [ -L "$1" ] || [ ! -e "$1" ]; then
    mkdir -p "$2"
    [ "$(readlink "$1" || true)" = "$2" ] || {
      rm -f "$1"
      ln -s "$2" "$1"
    }
  fi
}

if [ -n "${NATTER_CACHE:-}" ]; then
  mkdir -p "$NATTER_CACHE"
  NATTER_CACHE=$(cd "$NATTER_CACHE" && pwd)
  outside target "$NATTER_CACHE/target"
  outside .tools "$NATTER_CACHE/tools"
fi
for name in target .tools node_modules; do
  # A link into a cache that is gone.
  [ ! -L "$name" ] || [ -e "$name" ] || rm "$name"
done
mkdir -p target .tools/bin
