#!/bin/sh
# stripe-sim and Stripe's own Node client: tests/e2e/lib/sim_node.cjs, with the package `stripe` from npm in a folder of
# its own. Skipped, with the reason, where there is no node or npm cannot install it.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
BIN=$(cd "${BIN:-$top/bin}" && pwd)

skip() {
    echo "1..0 # SKIP $1"
    exit 0
}
command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] || skip "node is older than 20"

dir=$(mktemp -d "${TMPDIR:-/tmp}/instep-e2e-node.XXXXXX")
node_pid=
# shellcheck disable=SC2329 # the trap calls it
finish() {
    [ -z "$node_pid" ] || kill "$node_pid" 2>/dev/null
    rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT TERM
timeout 120 npm install --prefix "$dir" --cache "$dir/cache" --no-audit --no-fund --ignore-scripts --silent \
    stripe@23.1.0 >"$dir/npm.log" 2>&1 ||
    skip "npm cannot install stripe: $(tail -n 1 "$dir/npm.log" | tr -d '\r' | cut -c 1-100)"
cp "$top/tests/e2e/lib/sim_node.cjs" "$dir/"
node "$dir/sim_node.cjs" "$BIN/stripe-sim" &
node_pid=$!
wait "$node_pid"
status=$?
node_pid=
exit "$status"
