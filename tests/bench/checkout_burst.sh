#!/bin/sh
# Stripe reads per checkout: many customers finish a subscription checkout at the same moment, and the events of each
# arrive over 0, 1 or 5 seconds in a random order. Counts only; prints rows for docs/benchmarks.md.
#   A naive handler makes at least one read for every event that it is sent; that is the reference of the last column.
#   CHECKOUTS (default 200)
set -eu
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/../e2e/lib.sh"
CHECKOUTS=${CHECKOUTS:-200}

api() { # path, form
    curl -fsS -m 30 -H 'Authorization: Bearer sk_test_sim' -d "$2" "$SIM/v1$1"
}

# Events, reads, and those of them that read the catalogue.
counts() {
    sim_get /sim/status '"\(.events) \(.api.reads) \([.api.by_endpoint | to_entries[] |
        select(.key | test("^GET /v1/(products|prices)")) | .value] | add // 0)"'
}

echo "| Events spread over | Rest after a turn | Events | Turns | Stripe reads | of products and prices | Events per checkout | Reads per checkout | Events absorbed per read | Reads, naive |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
for spread_ms in 0 1000 5000; do
  for rest_ms in 0 2000; do
    export INSTEP_CUSTOMER_REST_MS=$rest_ms
    world_start "burst-$spread_ms" 7 >&2
    workers_start 2
    price=$(api /prices 'currency=usd&unit_amount=1999&recurring[interval]=month&product_data[name]=Pro&lookup_key=pro' | jq -r .id)
    sessions=
    n=0
    while [ "$n" -lt "$CHECKOUTS" ]; do
        n=$((n + 1))
        sessions="$sessions $(api /checkout/sessions \
            "mode=subscription&client_reference_id=user_$n&line_items[0][price]=$price&line_items[0][quantity]=1" | jq -r .id)"
    done
    quiet_wait >&2
    sim_post /sim/knobs "{\"reorder_ms\":$spread_ms}" >/dev/null
    before=$(counts)
    turns_before=$(owner_sql 'SELECT count(*) FROM ops.turn')
    for session in $sessions; do
        sim_post "/sim/checkout/$session/complete" '{"outcome":"paid"}' >/dev/null
    done
    quiet_wait >&2
    after=$(counts)
    turns=$(($(owner_sql 'SELECT count(*) FROM ops.turn') - turns_before))
    sales=$(owner_sql "SELECT count(*) FROM ledger.sale WHERE amount = 1999")
    [ "$sales" -eq "$CHECKOUTS" ] || { echo "expected $CHECKOUTS sales, the ledger has $sales" >&2; exit 1; }
    echo "$before $after" | awk -v ms="$spread_ms" -v rest="$rest_ms" -v n="$CHECKOUTS" -v turns="$turns" '{
        e = $4 - $1; r = $5 - $2
        printf "| %g s | %g s | %d | %d | %d | %d | %.1f | %.2f | %.2f | %d |\n", ms / 1000, rest / 1000, e, turns, r, $6 - $3, e / n, r / n, e / r, e }'
    world_end >&2
  done
done
