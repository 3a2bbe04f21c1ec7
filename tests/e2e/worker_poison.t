#!/bin/sh
# Customers that would come back for ever: an event with a time that no calendar has, one whose failure cannot be
# stored, an apply that kills its backend. Each attempt counts and backs off, and in the end they are dead letters; and what is
# dead comes back with the customer's next event.
set -u
. "$(dirname "$0")/lib.sh"

export INSTEP_ATTEMPTS_MAX=3 INSTEP_CUSTOMER_REST_MS=0

post_event() { # id, type, customer, created
    post_object "$1" "$2" "$4" "{\"id\":\"$3\",\"object\":\"customer\"}"
}

post_object() { # id, type, created, object
    event_body=$(printf '{"id":"%s","object":"event","api_version":"2026-10-28.endive","created":%s,"livemode":false,"type":"%s","data":{"object":%s}}' \
        "$1" "$3" "$2" "$4")
    event_time=$(date +%s)
    event_signature=$(printf '%s.%s' "$event_time" "$event_body" |
        openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" | sed 's/.*= //')
    curl -sS -m 10 -o /dev/null -w '%{http_code}' -H "Stripe-Signature: t=$event_time,v1=$event_signature" \
        -d "$event_body" "$INGEST/webhooks/stripe"
}

customer() {
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" -d "name=$1" "$SIM/v1/customers" | jq -r .id
}

settled() { # event: written down for good
    [ "$(owner_sql "SELECT count(*) FROM ops.webhook_event WHERE id = '$1' AND outcome IN ('applied', 'ignored', 'dead')")" = 1 ]
}

outcome_of() {
    owner_sql "SELECT e.outcome || ' ' || coalesce(d.class, '-') FROM ops.webhook_event AS e
               LEFT JOIN ops.dead_letter AS d ON d.event_id = e.id AND d.settled_at IS NULL WHERE e.id = '$1'"
}

taken() {
    grep -c "$2.*customer=self:$1 " "$world/log/worker1.log"
}

payment_is_dead() {
    [ "$(owner_sql "SELECT count(*) FROM ops.dead_letter AS d JOIN ops.webhook_event AS e ON e.id = d.event_id
                     WHERE e.type = 'checkout.session.completed' AND d.settled_at IS NULL")" = 1 ]
}

sales() {
    owner_sql "SELECT count(*) FROM ledger.sale WHERE customer = '$buyer' AND state = 'booked'"
}

if ! world_start poison 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi

late=$(customer late)
worker_start 1
is "$(post_event evt_late customer.updated "$late" 9223372036854775807)" 200 "a signed event of the end of time is taken"
wait_for "the event to be applied" settled evt_late
is "$(outcome_of evt_late)" "applied -" "it is applied: its time is unknown, nothing else"

# A failure that Postgres will not store in full, and one that it will not store at all.
brief=$(customer brief)
owner_sql "CREATE FUNCTION public.sabotage() RETURNS trigger LANGUAGE plpgsql AS \$\$
           BEGIN
               IF NEW.subject = '$brief' AND (NEW.outcome = 'applied' OR NEW.error <> '') THEN
                   RAISE EXCEPTION 'cannot be stored' USING ERRCODE = '22003';
               END IF;
               RETURN NEW;
           END \$\$;
           CREATE TRIGGER sabotage BEFORE INSERT ON ops.turn FOR EACH ROW EXECUTE FUNCTION public.sabotage()"
is "$(post_event evt_brief customer.updated "$brief" 1767225600)" 200 "an event whose failure cannot be stored is taken"
wait_for "the event to be buried" settled evt_brief
is "$(outcome_of evt_brief)" "dead bug" "it ends among the dead letters, by its id and class"
is "$(taken "$brief" turn.stopped)" 3 "after as many turns as INSTEP_ATTEMPTS_MAX says"

# Nobody ever hears how this one ends.
deadly=$(customer deadly)
owner_sql "CREATE OR REPLACE FUNCTION public.sabotage() RETURNS trigger LANGUAGE plpgsql AS \$\$
           BEGIN
               IF NEW.subject = '$deadly' AND NEW.outcome = 'applied' THEN
                   PERFORM pg_terminate_backend(pg_backend_pid());
                   PERFORM pg_sleep(5);
               END IF;
               RETURN NEW;
           END \$\$"
owner_sql "ALTER FUNCTION public.sabotage() SECURITY DEFINER"
is "$(post_event evt_deadly customer.updated "$deadly" 1767225600)" 200 "an event whose apply kills its backend is taken"
wait_for "the event to be buried" settled evt_deadly
is "$(outcome_of evt_deadly)" "dead bug" "it ends among the dead letters"
[ "$(taken "$deadly" turn.stopped)" -le 4 ]
ok $? "and was not run more often than INSTEP_ATTEMPTS_MAX says"

# A payment that died is not lost: the customer's next event, whatever it is about, makes its reads again.
buyer=$(customer buyer)
owner_sql "CREATE OR REPLACE FUNCTION public.sabotage() RETURNS trigger LANGUAGE plpgsql AS \$\$
           BEGIN
               IF NEW.subject = '$buyer' AND NEW.outcome = 'applied' THEN
                   RAISE EXCEPTION 'of an unknown shape' USING ERRCODE = 'IS001';
               END IF;
               RETURN NEW;
           END \$\$"
session=$(curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" -d mode=payment -d "customer=$buyer" \
    -d 'line_items[0][price_data][currency]=usd' -d 'line_items[0][price_data][unit_amount]=700' \
    -d 'line_items[0][price_data][product_data][name]=thing' -d 'line_items[0][quantity]=1' \
    "$SIM/v1/checkout/sessions" | jq -r .id)
sim_post "/sim/checkout/$session/complete" '{"outcome":"paid"}' >/dev/null
wait_for "the payment's events to be buried" payment_is_dead
is "$(sales)" 0 "a payment whose turns fail is not booked"
owner_sql "DROP TRIGGER sabotage ON ops.turn; DROP FUNCTION public.sabotage()"
is "$(post_event evt_other customer.updated "$buyer" 1767225600)" 200 "an event about something else comes"
wait_for "the event to be applied" settled evt_other
is "$(sales)" 1 "its turn books the payment"
is "$(owner_sql "SELECT count(*) FROM ops.dead_letter WHERE subject = '$buyer' AND settled_at IS NULL")" 0 \
    "and settles the dead letters"

operator dead retry --all >"$world/log/retry.log" 2>&1
ok $? "when the cause is gone, a retry applies both"
converged "after all of it"

# A dead event that can never be applied is tried once more with what comes later, and then does not hold it back.
is "$(post_object evt_alien checkout.session.completed 1767225600 \
    "{\"id\":\"$session\",\"object\":\"checkout.session\",\"customer\":\"$late\"}")" 200 \
    "an event that names another customer's session is taken"
wait_for "the event to be buried" settled evt_alien
is "$(outcome_of evt_alien)" "dead policy" "it ends among the dead letters"
is "$(post_event evt_healthy customer.updated "$late" 1767225600)" 200 "a healthy event of the same customer comes"
wait_for "the event to be settled" settled evt_healthy
is "$(outcome_of evt_healthy)" "applied -" "it is applied"
is "$(outcome_of evt_alien)" "dead policy" "and the other one stays where it was"
world_end
tap_done
