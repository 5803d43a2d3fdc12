#!/usr/bin/env bash
# cluster.sh [ARGUMENT…]: three nats-servers that keep everything threefold, and natter in front of
# them, on this machine. Their things are in ./data-cluster; Ctrl-C ends them all. Further arguments go to natter serve.
source "$(dirname "$0")/env.sh"

natter=target/release/natter
data=$ROOT/data-cluster
origin=http://localhost:3000
mkdir -p "$data"

servers=()
stop() {
  [ ${#servers[@]} -eq 0 ] || kill "${servers[@]}" 2>/dev/null || true
  wait
}
trap stop EXIT

for n in 1 2 3; do
  "$natter" nats-config --keys "$data/keys" --name "n$n" --store "$data/n$n" --origin "$origin" \
    --listen "127.0.0.1:422$n" --ws "127.0.0.1:922$n" --cluster "127.0.0.1:622$n" \
    --routes 127.0.0.1:6221,127.0.0.1:6222,127.0.0.1:6223 >"$data/n$n.conf"
  # In a group of its own: Ctrl-C is natter's first, which has things to put away.
  set -m
  target/release/nats-server -c "$data/n$n.conf" >"$data/n$n.log" 2>&1 &
  set +m
  servers+=($!)
  say "nats-server n$n: process $!, its log in data-cluster/n$n.log"
done

"$natter" serve --data "$data/natter" --keys "$data/keys" --public-url "$origin" \
  --nats nats://127.0.0.1:4221,nats://127.0.0.1:4222,nats://127.0.0.1:4223 \
  --nats-ws 127.0.0.1:9221,127.0.0.1:9222,127.0.0.1:9223 "$@" || true
