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

# ---- a story that is interrupted, and one that stands still --------------------------------------------------------
# A shell's background commands ignore the interrupt; this one shall not.
story_begin() { # name of its log, seconds to stand still
    # shellcheck disable=SC2016 # perl's variables
    STALL_SECONDS=$2 perl -e '$SIG{INT} = "DEFAULT"; exec @ARGV or die "exec: $!"' "$run" story "$dir/run" >"$dir/$1.log" 2>&1 &
    story=$!
    wait_for "the story to begin" grep -q "STRIPE'S DAY" "$dir/$1.log"
}
story_begin interrupted 120
kill -INT "$story"
wait "$story"
is $? 130 "a story that is interrupted is no success"
is "$(ls "$dir/run/pid")" "" "and cleans up as well"
story_begin stalled 4
read -r worker1 rest <"$dir/run/pid/worker1" && read -r worker2 rest <"$dir/run/pid/worker2"
kill -STOP "$worker1" "$worker2"
wait "$story"
is $? 1 "a story in which nothing moves any more is given up"
grep -q 'nothing moved for 4 s' "$dir/stalled.log"
ok $? "and says so"
grep -q 'and waits to deliver [0-9]* webhooks, [1-9][0-9]* customers are queued' "$dir/stalled.log"
ok $? "and what stands still"

# ---- in the background ---------------------------------------------------------------------------------------------
# Settings that people have in their shells must not get in the way of those that the run makes up.
export REDIS_URL_FILE="$dir/none" DATABASE_URL_FILE="$dir/none"
STRIPE_WEBHOOK_SECRETS_FILE=$dir/none "$run" up "$dir/run" >"$dir/up.log" 2>&1
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
unset REDIS_URL_FILE DATABASE_URL_FILE
"$run" down "$dir/run" >"$dir/down.log" 2>&1
grep -q '^ended: ingest simulator worker1 worker2' "$dir/down.log"
ok $? "it is ended by name"
"$STACK" status "$dir/run/simulated" >/dev/null
is $? 1 "and its Redis and Postgres with it"

STRIPE_API_KEY=sk_test_123456789 "$run" up "$dir/run" >"$dir/stripe.log" 2>&1
is $? 1 "against Stripe it does not start without a webhook secret"
grep -q 'stripe listen' "$dir/stripe.log"
ok $? "and says how to get one"

printf 'sk_live_123456789\n' >"$dir/key"
STRIPE_API_KEY_FILE=$dir/key STRIPE_WEBHOOK_SECRETS=whsec_123456789 STRIPE_API_BASE=http://127.0.0.1:1 \
    "$run" up "$dir/run" >"$dir/live.log" 2>&1
ok $? "it starts with a key in a file"
grep -q "INSTEP_MODE='live'" "$dir/run/env"
ok $? "in the mode that the key says"
"$run" down "$dir/run" >>"$dir/live.log" 2>&1
"$STACK" destroy "$dir/run/stripe-live"

# ---- stale pid files: after a restart of the machine a pid is anybody's -------------------------------------------------
# As root, Postgres and its tools run as user postgres, who could harm only processes of that user.
bystander() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=postgres --regid=postgres --clear-groups sleep 600 &
    else
        sleep 600 &
    fi
    bystander=$!
}
bystander_lives() { # sentence
    kill -0 "$bystander" 2>/dev/null
    ok $? "$1"
    kill -0 "$bystander" 2>/dev/null || bystander
}
stale() {
    echo "$bystander" >"$stale_dir/redis/redis.pid"
    printf '%s\n%s\n1\n1\n\n127.0.0.1\n1 1\nready\n' "$bystander" "$stale_dir/postgres/data" \
        >"$stale_dir/postgres/data/postmaster.pid"
}
stale_dir=$dir/stale
bystander
"$STACK" start "$stale_dir" && "$STACK" stop "$stale_dir"
ok $? "a stack is made and stopped"
stale
"$STACK" status "$stale_dir" >"$dir/stale.log"
is $? 1 "a stack whose pids are somebody else's is not running"
timeout 60 "$STACK" kill redis "$stale_dir"
bystander_lives "killing Redis spares who has its pid now"
stale
timeout 60 "$STACK" kill postgres "$stale_dir"
bystander_lives "so does killing Postgres"
stale
timeout 60 "$STACK" stop "$stale_dir"
bystander_lives "so does stopping both"
stale
timeout 90 "$STACK" start "$stale_dir" && "$STACK" status "$stale_dir" >"$dir/stale.log"
ok $? "it starts in spite of such files"
bystander_lives "and that spares them too"
timeout 60 "$STACK" stop "$stale_dir"
stale
timeout 60 "$STACK" destroy "$stale_dir"
bystander_lives "as does destroying it"
kill "$bystander"

"$STACK" destroy "$dir/run/simulated"
if [ "$tap_failures" -eq 0 ]; then rm -rf "$dir"; else note "kept: $dir"; fi
tap_done
