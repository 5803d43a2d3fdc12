#!/usr/bin/env bash
# Removes what was built; the tools, node_modules and ./data stay.
source "$(dirname "$0")/env.sh"

say "Removing target and the browser tests' reports…"
[ ! -L target ] || rm -rf "$(readlink target)"
rm -rf target end2end/test-results end2end/report
