#!/bin/sh
# Many customers at once and a Stripe budget that lets few reads through: turns wait for it, and no customer is charged for
# that. Every read is of use: none is made for a turn that then gives up.
#   CUSTOMERS (default 64), RATE (default 20)
set -u
. "$(dirname "$0")/lib.sh"

CUSTOMERS=${CUSTOMERS:-64}
RATE=${RATE:-20}
export INSTEP_CUSTOMER_REST_MS=2000

if ! world_start budget 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
# A deadline that a turn of this many customers could never meet, were its waiting counted.
export INSTEP_STRIPE_RATE="$RATE" INSTEP_STRIPE_ENDPOINT_RATE="$RATE" INSTEP_FETCH_TIMEOUT_MS=1000 INSTEP_LEASE_MS=3000
sim_post /sim/knobs '{"latency_ms":5}' >/dev/null
sim_post /sim/run "{\"customers\":$CUSTOMERS,\"months\":1,\"ms_per_day\":0}" >/dev/null
ok $? "$CUSTOMERS customers live a month, and all their events wait"
quiet_sim() {
    [ "$(sim_get /sim/status 'if .running or .deliveries.pending > 0 then "busy" else "quiet" end')" = quiet ]
}
wait_for "the simulator to be quiet" quiet_sim
reads_before=$(sim_get /sim/status .api.reads)
workers_start 2
converged "$CUSTOMERS customers at $RATE reads a second"
is "$(cat "$world"/log/worker?.log | grep -c 'did not end in time')" 0 "no turn ran out of time"
is "$(cat "$world"/log/worker?.log | grep -c 'class=stripe_')" 0 "no turn failed"
is "$(owner_sql "SELECT count(*) FROM ops.turn WHERE outcome <> 'applied' OR attempt > 1")" 0 "no attempt was counted"
sent=$(($(sim_get /sim/status .api.reads) - reads_before))
used=$(owner_sql 'SELECT sum(stripe_reads) FROM ops.turn')
moved=$(cat "$world"/log/worker?.log | sed -n 's/.*turn\.moved.* reads=\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }')
note "$sent reads sent, $used by turns that applied, $moved to find an event's customer"
[ $(((used + moved) * 100)) -ge $((sent * 95)) ]
ok $? "at least 95 of 100 reads were of use"
world_end
tap_done
