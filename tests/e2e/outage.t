#!/bin/sh
# Redis, Postgres and the simulator are each killed, and away for OUTAGE_SECONDS in the middle of a run. Everything
# comes back by itself, no process ends, and the ledger equals the truth.
#   OUTAGE_SECONDS (default 5), CUSTOMERS (default 30), MONTHS (default 3)
set -u
. "$(dirname "$0")/lib.sh"

CUSTOMERS=${CUSTOMERS:-30}
MONTHS=${MONTHS:-3}
OUTAGE_SECONDS=${OUTAGE_SECONDS:-5}
SIM_STATE=yes
MS_PER_DAY=$(((OUTAGE_SECONDS + 10) * 1000 / (MONTHS * 30))) # the run lasts longer than the outage
export INSTEP_LEASE_MS=5000 INSTEP_FETCH_TIMEOUT_MS=4000 INSTEP_STRIPE_TIMEOUT_MS=2000

take_away() {
    case $1 in
    simulator) end sim 9 ;;
    *) "$STACK" kill "$1" "$world/stack" ;;
    esac
}

give_back() {
    case $1 in
    simulator) sim_start "$seed" ;;
    *) "$STACK" revive "$1" "$world/stack" ;;
    esac
}

still_running() {
    for name in ingest worker1 worker2 worker3 worker4; do
        kill -0 "$(pid_of "$name")" 2>/dev/null || {
            note "$name has ended: $(tail -n 3 "$world/log/$name.log")"
            return 1
        }
    done
}

running_and_moved() {
    [ "$(sim_get /sim/status .events 2>/dev/null || echo 0)" -gt "$1" ]
}

seed=${FIRST_SEED:-201}
for service in redis postgres simulator; do
    if ! world_start "outage-$service" "$seed"; then
        ok 1 "$service: the world starts"
        world_end
        break
    fi
    workers_start 4
    sim_post /sim/knobs '{"reorder_ms":200,"duplicate_rate":0.05,"retry_base_ms":100,"retries_max":1000,"latency_ms":5}' \
        >/dev/null
    sim_run "$CUSTOMERS" "$MONTHS" "$MS_PER_DAY"
    ok $? "$service: $CUSTOMERS customers begin $MONTHS months"
    wait_for "the run to be under way" running_and_moved 100
    take_away "$service"
    sleep "$OUTAGE_SECONDS"
    is "$(sim_get /sim/status .running 2>/dev/null || echo away)" \
        "$([ "$service" = simulator ] && echo away || echo true)" "$service: it was away in the middle of the run"
    give_back "$service"
    ok $? "$service: it is back"
    converged "$service"
    still_running
    ok $? "$service: every program lived through it"
    world_end
    seed=$((seed + 1))
done
tap_done
