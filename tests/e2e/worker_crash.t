#!/bin/sh
# A worker dies (kill -9) at each step of its turn, once. A fresh one takes over, and the ledger has each sale exactly
# once. docs/turn.md, "Crash points", names the steps; bin/instep-worker-crash is a worker built to die at them.
set -u
. "$(dirname "$0")/lib.sh"

export INSTEP_LEASE_MS=1500 INSTEP_FETCH_TIMEOUT_MS=1200 INSTEP_CUSTOMER_REST_MS=0
SESSION=

# A new customer subscribes through checkout: about a dozen events and one sale. Sets SESSION.
checkout() {
    SESSION=$(stripe_post /v1/checkout/sessions -d mode=subscription -d "line_items[0][price]=$PRICE" \
        -d 'line_items[0][quantity]=1' -d 'client_reference_id=user-of-the-shop' | jq -r .id)
    sim_post "/sim/checkout/$SESSION/complete" '{"outcome":"paid"}' >/dev/null
}

# A guest pays once: no customer in the payload, so the events find their way to the session first.
guest_checkout() {
    SESSION=$(stripe_post /v1/checkout/sessions -d mode=payment -d 'line_items[0][price_data][currency]=usd' \
        -d 'line_items[0][price_data][unit_amount]=700' -d 'line_items[0][price_data][product_data][name]=thing' \
        -d 'line_items[0][quantity]=1' | jq -r .id)
    sim_post "/sim/checkout/$SESSION/complete" '{"outcome":"paid"}' >/dev/null
}

stripe_post() { # path, curl arguments...
    stripe_path=$1
    shift
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" -X POST "$@" "$SIM$stripe_path"
}

sales() {
    owner_sql "SELECT count(*) FROM ledger.sale WHERE state = 'booked'"
}

entries() {
    owner_sql "SELECT count(*) FROM ledger.journal_entry"
}

dead() {
    ! kill -0 "$(pid_of doomed)" 2>/dev/null
}

# Die at $1 while dealing with what $2 does.
die_at() {
    CRASHPOINT=$1 INSTEP_ADMIN_LISTEN=127.0.0.1:0 DATABASE_URL=$WORKER_DATABASE_URL \
        spawn doomed "$BIN/instep-worker-crash"
    "$2"
    wait_for "the worker to die at $1" dead
    ok $? "$1: the worker died there"
    wait "$(pid_of doomed)" 2>/dev/null
    is $? 137 "$1: by kill -9"
    rm -f "$world/pid/doomed"
}

if [ ! -x "$BIN/instep-worker-crash" ]; then
    echo "1..0 # SKIP instep-worker-crash is not built (make test-e2e builds it)"
    exit 0
fi
if ! world_start crash 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
PRODUCT=$(stripe_post /v1/products -d name=Plan | jq -r .id)
PRICE=$(stripe_post /v1/prices -d "product=$PRODUCT" -d currency=usd -d unit_amount=1900 \
    -d 'recurring[interval]=month' | jq -r .id)
done_sales=0
for story in checkout guest_checkout; do
    for point in after_take after_lock after_claim during_fetch before_apply after_apply before_ack after_ack; do
        die_at "$point" "$story"
        worker_start 1
        quiet_wait
        done_sales=$((done_sales + 1))
        is "$(sales)" "$done_sales" "$point, $story: a fresh worker booked the sale"
        is "$(entries)" "$done_sales" "$point, $story: exactly once"
        end worker1 TERM
    done
done

# A customer whose turns kill workers ends among the dead letters, and comes back with its next event.
INSTEP_ATTEMPTS_MAX=2
export INSTEP_ATTEMPTS_MAX
die_at after_claim checkout
done_sales=$((done_sales + 1))
die_at after_claim :
worker_start 1
quiet_wait
[ "$(owner_sql "SELECT count(*) FROM ops.dead_letter WHERE settled_at IS NULL AND class = 'bug'")" -gt 0 ]
ok $? "a customer that killed two workers is buried, not run again"
is "$(sales)" "$((done_sales - 1))" "its sale is not booked"
CUSTOMER=$(sim_get /sim/truth '.customers[] | select(.sales | length > 0) | .id' | while read -r id; do
    [ "$(owner_sql "SELECT count(*) FROM ledger.sale WHERE customer = '$id'")" -gt 0 ] || echo "$id"
done)
operator sync "$CUSTOMER" >/dev/null
ok $? "its next event is a new chance"
is "$(sales)" "$done_sales" "its sale is booked"
# What was keyed by an object and died with it (an invoice payment, say) is settled by a retry.
operator dead retry --all >"$world/log/retry.log" 2>&1
ok $? "what else died in those two workers is retried"
converged "after all of it"
world_end
tap_done
