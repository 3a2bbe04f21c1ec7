#!/bin/sh
# Reads pinned to older versions end with the same ledger: the simulator answers in the shapes of that day and knows no
# endpoint, expansion or field that came later, while the webhooks tell of things in today's. A member's and a guest's charge
# have more refunds than fit into a charge, and a credit note goes partly back to the card and partly to the balance. Before
# basil lives do not pay in parts, elsewhere or too much: nothing in a shape of those days could say so.
set -u
. "$(dirname "$0")/lib.sh"

SIM_BEGIN=${SIM_BEGIN:-1704067200} # over before today, as in converge.t
export INSTEP_ATTEMPTS_MAX=200
KNOBS='"reorder_ms":200,"duplicate_rate":0.1,"payload":"both","rate_500":0.01,"rate_429":0.01'

stripe() { # path, form...
    stripe_path=$1
    shift
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$@" "$SIM$stripe_path"
}

refunds() { # charge, how many
    refunds_left=$2
    while [ "$refunds_left" -gt 0 ]; do
        stripe /v1/refunds -d "charge=$1" -d amount=10 >/dev/null || return 1
        refunds_left=$((refunds_left - 1))
    done
}

credit() { # customer, card: prints the credit note
    stripe /v1/invoiceitems -d "customer=$1" -d amount=5000 -d currency=usd >/dev/null || return 1
    credit_invoice=$(stripe /v1/invoices -d "customer=$1" -d currency=usd | jq -r .id)
    stripe "/v1/invoices/$credit_invoice/pay" -d "payment_method=$2" >/dev/null &&
        stripe /v1/credit_notes -d "invoice=$credit_invoice" -d amount=1000 -d refund_amount=600 -d credit_amount=400 | jq -r .id
}

for version in 2024-10-28.acacia 2025-03-31.basil 2025-09-30.clover; do
    export STRIPE_API_VERSION="$version"
    if ! world_start "versions-${version##*.}" 1; then
        ok 1 "$version: the world starts"
        world_end
        continue
    fi
    customer=$(stripe /v1/customers -d name=Ada | jq -r .id)
    card=$(stripe /v1/payment_methods/pm_card_visa/attach -d "customer=$customer" | jq -r .id)
    member=$(stripe /v1/payment_intents -d amount=4200 -d currency=usd -d confirm=true -d "payment_method=$card" \
        -d "customer=$customer" | jq -r .latest_charge)
    guest=$(stripe /v1/payment_intents -d amount=4200 -d currency=usd -d confirm=true -d payment_method=pm_card_visa |
        jq -r .latest_charge)
    { refunds "$member" 12 && refunds "$guest" 12; }
    ok $? "$version: two charges are refunded in twelve parts each"
    credited=$(credit "$customer" "$card")
    ok $? "$version: an invoice is credited in two ways"
    [ "${version##*.}" = acacia ] && acts=0 || acts=1
    sim_post /sim/knobs "{\"money_acts\":$acts,\"billing_acts\":1,$KNOBS}" >/dev/null
    workers_start 2
    sim_run 8 2 0
    ok $? "$version: eight customers begin two months"
    converged "$version"
    is "$(owner_sql "SELECT string_agg(n::text, ',') FROM (SELECT count(*) AS n FROM ledger.refund
                      WHERE charge IN ('$member', '$guest') GROUP BY charge) AS r")" 12,12 "$version: each refund is known"
    is "$(owner_sql "SELECT concat_ws(' ', refunded, to_balance, elsewhere) FROM ledger.credit_note WHERE id = '$credited'")" \
        "600 400 0" "$version: where the credit note's money went is known"
    world_end
done
tap_done
