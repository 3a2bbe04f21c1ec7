#!/bin/sh
# What a worker does when it is stopped in mid-turn and wakes up later, when Stripe refuses its key, and when it is
# told to end. docs/turn.md, "Crash points" and "The end of a worker".
set -u
. "$(dirname "$0")/lib.sh"

export INSTEP_LEASE_MS=1500 INSTEP_FETCH_TIMEOUT_MS=1400

stripe_post() { # path, curl arguments...
    stripe_path=$1
    shift
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" -X POST "$@" "$SIM$stripe_path"
}

checkout() {
    session=$(stripe_post /v1/checkout/sessions -d mode=subscription -d "line_items[0][price]=$PRICE" \
        -d 'line_items[0][quantity]=1' | jq -r .id)
    sim_post "/sim/checkout/$session/complete" '{"outcome":"paid"}' >/dev/null
}

sales_are() {
    [ "$(owner_sql "SELECT count(*) FROM ledger.sale WHERE state = 'booked'")" = "$1" ]
}

claimed_by() { # pid: it is in the middle of a turn of a customer
    [ "$(owner_sql "SELECT count(*) FROM ledger.customer
                     WHERE NOT claim_used AND kind = 'customer' AND claim_worker LIKE '%:$1:%'")" -gt 0 ]
}

logged() { # program, pattern
    grep -qE "$2" "$world/log/$1.log"
}

if [ ! -x "$BIN/instep-worker-crash" ]; then
    echo "1..0 # SKIP instep-worker-crash is not built (make test-e2e builds it)"
    exit 0
fi
if ! world_start faults 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
PRODUCT=$(stripe_post /v1/products -d name=Plan | jq -r .id)
PRICE=$(stripe_post /v1/prices -d "product=$PRODUCT" -d currency=usd -d unit_amount=1900 \
    -d 'recurring[interval]=month' | jq -r .id)

# ---- stopped in mid-turn; its lock is gone when it wakes up ----
sim_post /sim/knobs '{"latency_ms":600}' >/dev/null
worker_start 1
checkout
wait_for "worker 1 to claim the customer" claimed_by "$(pid_of worker1)"
kill -STOP "$(pid_of worker1)"
sim_post /sim/knobs '{"latency_ms":5}' >/dev/null
# What idle_session_timeout does after a minute.
owner_sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'" >/dev/null 2>&1
worker_start 2
wait_for "worker 2 to book the sale" sales_are 1
ok $? "another worker takes over from one that is stopped"
kill -CONT "$(pid_of worker1)"
wait_for "worker 1 to notice" logged worker1 'turn.stopped .*class=(lock_lost|lease_lost|fenced|outage|stripe_transient)'
ok $? "the stopped one wakes up and does not write"
quiet_wait
sales_are 1
ok $? "the sale is there once"

# ---- stopped on the very step before its apply; another applies meanwhile; it wakes up and applies ----
world_state() { # everything a turn may write but claims: a look that finds all applied makes one too
    owner_sql "SELECT t.row FROM (
        SELECT (to_jsonb(c) - '{claim,claim_no,claim_used,claim_worker,claimed_at}'::text[])::text AS row
        FROM ledger.customer AS c UNION ALL SELECT s::text FROM ledger.subscription AS s
        UNION ALL SELECT i::text FROM ledger.invoice AS i UNION ALL SELECT e::text FROM ledger.journal_entry AS e
        UNION ALL SELECT s::text FROM ledger.sale AS s UNION ALL SELECT e::text FROM ledger.entitlement AS e
        UNION ALL SELECT t::text FROM ops.turn AS t UNION ALL SELECT w::text FROM ops.webhook_event AS w) AS t
        ORDER BY t.row COLLATE \"C\""
}

stopped() {
    case $(ps -o stat= -p "$(pid_of sleeper)") in
    T*) return 0 ;;
    esac
    return 1
}

end worker1 TERM
end worker2 TERM
STOPPOINT=before_apply INSTEP_ADMIN_LISTEN=127.0.0.1:0 DATABASE_URL=$WORKER_DATABASE_URL \
    spawn sleeper "$BIN/instep-worker-crash"
checkout
wait_for "the sleeper to stop before its apply" stopped
ok $? "a worker stops with all it has read in its hands"
# Its lease runs out by itself; its lock goes as after a minute of silence. Its apply connections stay.
owner_sql "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'" >/dev/null 2>&1
worker_start 2
wait_for "worker 2 to book the sale" sales_are 2
quiet_wait
end worker2 TERM
world_state >"$world/log/state.before"
kill -CONT "$(pid_of sleeper)"
wait_for "the sleeper's apply to be refused" logged sleeper 'turn.stopped .*class=fenced'
ok $? "it wakes up and applies: the claim is not the current one any more"
! logged sleeper 'turn.applied'
ok $? "and nothing is applied"
world_state >"$world/log/state.after"
diff "$world/log/state.before" "$world/log/state.after" >"$world/log/state.diff"
ok $? "the ledger is what it was, to the last row"
[ ! -s "$world/log/state.diff" ] || note "$(cat "$world/log/state.diff")"
end sleeper TERM
worker_start 1
worker_start 2

# ---- told to end in mid-turn ----
sim_post /sim/knobs '{"latency_ms":300}' >/dev/null
end worker2 TERM
checkout
wait_for "worker 1 to claim the customer" claimed_by "$(pid_of worker1)"
kill -TERM "$(pid_of worker1)"
wait "$(pid_of worker1)"
is $? 0 "a worker told to end in mid-turn ends with status 0"
rm -f "$world/pid/worker1"
sales_are 3
ok $? "and has finished the turn"

# ---- a key that Stripe refuses ----
sim_post /sim/knobs '{"latency_ms":5}' >/dev/null
good_key=$STRIPE_API_KEY
STRIPE_API_KEY=not_a_key_of_stripe
worker_start 3
STRIPE_API_KEY=$good_key
checkout
wait_for "the circuit to open" logged worker3 'stripe.circuit_opened'
ok $? "a refused key opens the circuit"
is "$(owner_sql "SELECT count(*) FROM ops.webhook_event WHERE outcome IN ('retrying', 'dead')")" 0 \
    "and is nobody's failed attempt"
end worker3 TERM
worker_start 4
wait_for "worker 4 to book the sale" sales_are 4
ok $? "with a good key everything that waited is done"
converged "after all of it"
world_end
tap_done
