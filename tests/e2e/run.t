#!/bin/sh
# What `make run`, `make up` and `make down` call: a small story from an empty folder to a clean ledger, and nothing
# left behind.
set -u
. "$(dirname "$0")/lib.sh"

export CUSTOMERS=5 MONTHS=1 MS_PER_DAY=50
dir=$(mktemp -d "${TMPDIR:-/tmp}/instep-e2e-run.XXXXXX")
chmod 755 "$dir"
run=$ROOT/deploy/local/run

"$run" story "$dir/run" >"$dir/story.log" 2>&1
ok $? "a story plays, is verified and cleans up"
grep -q "equal to the simulator's truth" "$dir/story.log"
ok $? "the ledger was compared with the simulator's truth"
is "$(ls "$dir/run/pid")" "" "no process is left"

"$run" up "$dir/run" >"$dir/up.log" 2>&1
ok $? "it starts in the background, again with an empty ledger"
grep -q 'webhooks *http://127' "$dir/up.log"
ok $? "it says where webhooks go"
"$run" foreground "$dir/run" >"$dir/second.log" 2>&1
is $? 1 "a second start is refused"
grep -q 'already running in .*: ingest simulator worker1 worker2' "$dir/second.log"
ok $? "and told what is running already"
# shellcheck source=/dev/null
(. "$dir/run/env" && "$BIN/instep" status >"$dir/status.log" 2>&1)
ok $? "the commands work with the environment it wrote"
"$run" down "$dir/run" >"$dir/down.log" 2>&1
grep -q '^ended: ingest simulator worker1 worker2' "$dir/down.log"
ok $? "it is ended by name"
"$STACK" status "$dir/run/simulated" >/dev/null
is $? 1 "and its Redis and Postgres with it"

STRIPE_API_KEY=sk_test_123456789 "$run" up "$dir/run" >"$dir/stripe.log" 2>&1
is $? 1 "against Stripe it does not start without a webhook secret"
grep -q 'stripe listen' "$dir/stripe.log"
ok $? "and says how to get one"

"$STACK" destroy "$dir/run/simulated"
if [ "$tap_failures" -eq 0 ]; then rm -rf "$dir"; else note "kept: $dir"; fi
tap_done
