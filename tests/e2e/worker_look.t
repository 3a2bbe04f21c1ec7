#!/bin/sh
# Money that nothing has claimed is looked at again without an event: the leader asks the ledger whose time has come. A guest's
# charge and a customer's, and what their refunds cost to read.
set -u
. "$(dirname "$0")/lib.sh"

export INSTEP_CUSTOMER_REST_MS=0
SIM_BEGIN=$(date +%s) # a charge is nobody's for ten minutes: none may be older yet

stripe() { # path, form...
    stripe_path=$1
    shift
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$@" "$SIM$stripe_path"
}

charges() {
    [ "$(owner_sql "SELECT count(*) FROM ledger.charge WHERE id IN ('$member', '$guest')")" = 2 ]
}

looks() { # object
    owner_sql "SELECT string_agg(e.subject || ' ' || e.outcome, ',') FROM ops.webhook_event AS e
                WHERE e.type = 'instep.look' AND e.object_id = '$1'"
}

looked() {
    [ -n "$(looks "$member")" ] && [ -n "$(looks "$guest")" ]
}

refunded() {
    [ "$(owner_sql "SELECT count(*) FROM ops.webhook_event WHERE type = 'charge.refunded' AND outcome = 'applied'")" = 2 ]
}

if ! world_start look 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
customer=$(stripe /v1/customers -d name=Ada | jq -r .id)
card=$(stripe /v1/payment_methods/pm_card_visa/attach -d "customer=$customer" | jq -r .id)
member=$(stripe /v1/payment_intents -d amount=4200 -d currency=usd -d confirm=true -d "payment_method=$card" \
    -d "customer=$customer" | jq -r .latest_charge)
guest=$(stripe /v1/payment_intents -d amount=4200 -d currency=usd -d confirm=true -d payment_method=pm_card_visa |
    jq -r .latest_charge)
worker_start 1
wait_for "both charges to be known" charges
ok $? "a customer's charge and a guest's are read"
quiet_wait
is "$(owner_sql "SELECT string_agg(coalesce(customer, 'nobody'), ',' ORDER BY customer NULLS LAST) FROM ledger.charge")" \
    "$customer,nobody" "each is whose it is"
is "$(owner_sql "SELECT count(*) FROM ledger.customer WHERE id = '$guest' AND routed_to IS NULL")" 1 \
    "the guest's charge is a subject of its own, and nothing is remembered of where else it might belong"

end worker1 TERM
owner_sql "UPDATE ledger.charge SET created_at = created_at - interval '11 minutes', look_asked_at = NULL" >/dev/null
worker_start 2
wait_for "both charges to be looked at" looked
ok $? "their time has come: the leader has them looked at"
quiet_wait
is "$(looks "$member"),$(looks "$guest")" "$customer applied,$guest applied" "each in its own subject's turn"

stripe /v1/refunds -d "charge=$member" -d amount=100 >/dev/null
stripe /v1/refunds -d "charge=$guest" -d amount=100 >/dev/null
wait_for "the refunds" refunded
ok $? "refunds of both are taken in"
quiet_wait
is "$(owner_sql "SELECT string_agg(amount::text, ',') FROM ledger.refund")" "100,100" "and mirrored"
is "$(owner_sql "SELECT max(t.stripe_reads) <= 2 FROM ops.turn AS t WHERE t.subject = '$customer' AND t.outcome = 'applied'
                  AND EXISTS (SELECT FROM ops.webhook_event AS e WHERE e.turn = t.id AND e.type LIKE '%refund%')")" t \
    "a customer's refund costs two reads at most"
world_end
tap_done
