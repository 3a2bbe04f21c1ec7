#!/bin/sh
# Customers live random lives in the simulator while deliveries come late, twice, in the wrong order or only after
# retries, and its API limits, fails and hangs up. Four workers. In the end the ledger equals the truth.
#   SEEDS (default 2), FIRST_SEED (default 1), CUSTOMERS (default 30), MONTHS (default 3)
set -u
. "$(dirname "$0")/lib.sh"

SEEDS=${SEEDS:-2}
CUSTOMERS=${CUSTOMERS:-30}
MONTHS=${MONTHS:-3}
KNOBS='{"reorder_ms":400,"duplicate_rate":0.1,"drop_rate":0.1,"retry_base_ms":100,"retries_max":50,"latency_ms":5,
        "rate_429":0.02,"rate_500":0.02,"rate_disconnect":0.02}'

seed=${FIRST_SEED:-1}
last=$((seed + SEEDS - 1))
while [ "$seed" -le "$last" ]; do
    if ! world_start "converge-seed$seed" "$seed"; then
        ok 1 "seed $seed: the world starts"
        world_end
        break
    fi
    workers_start 4
    sim_post /sim/knobs "$KNOBS" >/dev/null
    sim_post /sim/run "{\"customers\":$CUSTOMERS,\"months\":$MONTHS,\"ms_per_day\":0}" >/dev/null
    ok $? "seed $seed: $CUSTOMERS customers begin $MONTHS months"
    converged "seed $seed"
    world_end
    seed=$((seed + 1))
done
tap_done
