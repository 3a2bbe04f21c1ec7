#!/bin/sh
# As converge.t, and every second one of the four workers is killed with kill -9, in turn, and started again.
#   SEEDS (default 1), FIRST_SEED (default 101), CUSTOMERS (default 30), MONTHS (default 3)
set -u
. "$(dirname "$0")/lib.sh"

SEEDS=${SEEDS:-1}
CUSTOMERS=${CUSTOMERS:-30}
MONTHS=${MONTHS:-3}
KNOBS='{"reorder_ms":400,"duplicate_rate":0.1,"drop_rate":0.1,"retry_base_ms":100,"retries_max":50,"latency_ms":20,
        "rate_429":0.02,"rate_500":0.02,"rate_disconnect":0.02}'
# What a killed worker held comes back when its lease runs out.
export INSTEP_LEASE_MS=3000 INSTEP_FETCH_TIMEOUT_MS=2000 INSTEP_ATTEMPTS_MAX=200

kills=0
victim=0
killed_at=0
every_round() {
    now=$(date +%s)
    [ "$now" -gt "$killed_at" ] || return 0
    case $quiet_now in "quiet 0 "*) return 0 ;; esac
    killed_at=$now
    victim=$((victim % 4 + 1))
    end "worker$victim" KILL
    worker_start "$victim"
    kills=$((kills + 1))
}

seed=${FIRST_SEED:-101}
last=$((seed + SEEDS - 1))
while [ "$seed" -le "$last" ]; do
    if ! world_start "kill-seed$seed" "$seed"; then
        ok 1 "seed $seed: the world starts"
        world_end
        break
    fi
    workers_start 4
    kills=0
    sim_post /sim/knobs "$KNOBS" >/dev/null
    # Slow enough for workers to die in the middle of it.
    sim_run "$CUSTOMERS" "$MONTHS" 100
    ok $? "seed $seed: $CUSTOMERS customers begin $MONTHS months"
    converged "seed $seed"
    [ "$kills" -ge 3 ]
    ok $? "seed $seed: workers were killed meanwhile"
    note "seed $seed: killed $kills workers"
    world_end
    seed=$((seed + 1))
done
tap_done
