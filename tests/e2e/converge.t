#!/bin/sh
# Customers live random lives in the simulator while everything goes wrong that it can make go wrong: deliveries come late,
# twice, in the wrong order, of the wrong mode, thin or whole, or only after retries; its API limits for every reason, fails,
# stalls, hangs up, and sends half an answer or none that is JSON. Four workers. In the end the ledger equals the truth.
#   SEEDS (default 2), FIRST_SEED (default 1), CUSTOMERS (default 30), MONTHS (default 3)
# `make torture` is this with more of everything; the last lines say how to run one seed that failed again.
set -u
. "$(dirname "$0")/lib.sh"

SEEDS=${SEEDS:-2}
CUSTOMERS=${CUSTOMERS:-30}
MONTHS=${MONTHS:-3}
KNOBS='{"money_acts":1,"billing_acts":1,"reorder_ms":400,"duplicate_rate":0.1,"drop_rate":0.1,"retry_base_ms":100,"retries_max":50,
        "delay_rate":0.05,"delay_ms":1000,"delay_hours":48,"wrong_mode_rate":0.02,"payload":"both",
        "latency_ms":5,"rate_429":0.02,"reason_429":"any","rate_lock":0.01,"rate_500":0.02,"rate_503":0.01,
        "rate_disconnect":0.01,"rate_stalled":0.002,"rate_truncated":0.01,"rate_garbled":0.01}'
# The last month is over before today: what happens later than the reads is not believed.
SIM_BEGIN=${SIM_BEGIN:-1704067200}
# A stalled answer is waited for no longer than this; trouble is met often here, and is nobody's last attempt.
export INSTEP_STRIPE_TIMEOUT_MS=2000 INSTEP_FETCH_TIMEOUT_MS=10000 INSTEP_ATTEMPTS_MAX=200

failed=
seed=${FIRST_SEED:-1}
last=$((seed + SEEDS - 1))
while [ "$seed" -le "$last" ]; do
    before=$tap_failures
    began=$(date +%s)
    if ! world_start "converge-seed$seed" "$seed"; then
        ok 1 "seed $seed: the world starts"
        world_end
        break
    fi
    workers_start 4
    knobs=$KNOBS
    # Every other seed has nothing but thin events.
    [ $((seed % 2)) -eq 1 ] || knobs=$(printf '%s' "$KNOBS" | sed 's/"payload":"both"/"payload":"thin"/')
    sim_post /sim/knobs "$knobs" >/dev/null
    ok $? "seed $seed: the simulator takes the knobs"
    sim_run "$CUSTOMERS" "$MONTHS" 0
    ok $? "seed $seed: $CUSTOMERS customers begin $MONTHS months"
    converged "seed $seed"
    note "seed $seed: $(($(date +%s) - began)) s"
    world_end
    [ "$tap_failures" -eq "$before" ] || failed="$failed $seed"
    seed=$((seed + 1))
done
for seed in $failed; do
    note "failed: seed $seed. Again: make torture SEEDS=1 FIRST_SEED=$seed CUSTOMERS=$CUSTOMERS MONTHS=$MONTHS"
done
tap_done
