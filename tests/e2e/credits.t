#!/bin/sh
# Credits through the running stack: a trial that converts, a team that spends while its turns run and workers die, the next month
# of an annual price at its time, an orphan that is linked, and a listener. Webhooks come twice and in any order.
# The simulator's clock stands in the past, the ledger's is the real one: what Stripe has done is over, and what is paid for is
# in force now. One boundary lies a few seconds ahead.
set -u
. "$(dirname "$0")/lib.sh"

export INSTEP_CREDITS_INTERVAL_MS=1000 INSTEP_CUSTOMER_REST_MS=0
DAY=86400
began=$(date +%s)
SIM_BEGIN=$((began - 70 * DAY))

api() { # path, field, form data...
    api_path=$1
    api_field=$2
    shift 2
    for api_pair in "$@"; do
        set -- "$@" --data-urlencode "$api_pair"
        shift
    done
    curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$SIM/v1/$api_path" "$@" | jq -r "$api_field"
}

price() { # name, amount, interval, metadata of its product...
    price_of="currency=usd unit_amount=$2 recurring[interval]=$3"
    price_name=$1
    shift 3
    price_product=$(api products .id "name=$price_name" "$@")
    # shellcheck disable=SC2086 # split on purpose
    api prices .id "product=$price_product" "lookup_key=$price_name" $price_of
}

customer() { # name, form data...
    customer_name=$1
    shift
    api customers .id "name=$customer_name" payment_method=pm_card_visa "$@"
}

app() { # SQL, as the application's own login
    psql -X -q -At -v ON_ERROR_STOP=1 "$APP_DATABASE_URL" -c "$1"
}

reader() {
    psql -X -q -At -v ON_ERROR_STOP=1 "$READER_DATABASE_URL" -c "$1"
}

balance_is() { # user, amount
    [ "$(app "SELECT ledger.credit_balance('$1')" 2>>"$world/log/app.log")" = "$2" ]
}

has_come() { # user, amount, sentence
    wait_for "$3" balance_is "$1" "$2"
    ok $? "$3"
}

sim_to() { # unix
    sim_post /sim/clock "{\"to\": $1}" >/dev/null
}

if ! world_start credits 4; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
out=$world/log/credits.out
sim_post /sim/knobs '{"reorder_ms":200,"duplicate_rate":0.5,"retry_base_ms":100}' >/dev/null
workers_start 2

# ---- an annual price, whose next month begins in twenty seconds -----------------------------------------------------------------
# It began a month before that, or two where the month before has no such day.
boundary=$(($(date +%s) + 20))
for months in 1 2; do
    anchor=$(date -u -d "$(date -u -d "@$boundary" '+%F %T') UTC - $months month" +%s)
    [ "$(date -u -d "@$anchor" +%d)" != "$(date -u -d "@$boundary" +%d)" ] || break
done
sim_to "$anchor"
yearly=$(price yearly 19900 year 'metadata[instep_plan]=yearly' 'metadata[instep_monthly_credits]=10')
eve=$(customer Eve 'metadata[user_id]=eve')
api subscriptions .id "customer=$eve" "items[0][price]=$yearly" >/dev/null

# ---- twenty days ago -------------------------------------------------------------------------------------------------------------
twenty=$((began - 20 * DAY))
sim_to "$twenty"
individual=$(price individual 1999 month 'metadata[instep_plan]=individual' 'metadata[instep_monthly_credits]=30' \
    'metadata[instep_trial_credits]=30' 'metadata[instep_limit_exports]=3')
team=$(price team 9900 month 'metadata[instep_plan]=team' 'metadata[instep_monthly_credits]=200' \
    'metadata[instep_per_unit]=false' 'metadata[instep_rank]=20')

# Notifications come with an answer: this asks for nothing, often.
: >"$world/listening"
# shellcheck disable=SC2016 # the inner shell's
spawn listener sh -c '{
    echo "LISTEN instep_credits;"
    while [ -e "$1" ]; do echo "SELECT 1 WHERE false;"; sleep 0.3; done
} | psql -X -q -At "$2"' sh "$world/listening" "$APP_DATABASE_URL"

ada=$(customer Ada 'metadata[user_id]=ada')
bob=$(customer Bob 'metadata[user_id]=bob')
orphan=$(customer Nobody)
knows_ada() {
    [ "$(owner_sql "SELECT count(*) FROM ledger.app_user WHERE id = 'ada'")" = 1 ]
}
wait_for "ada to be known" knows_ada
is "$(app "SELECT accepted, amount, balance FROM ledger.grant_credits('ada', 2, 'welcome:ada', 'welcome')")" 't|2|2' \
    "the application welcomes ada with 2 credits"

api subscriptions .id "customer=$ada" "items[0][price]=$individual" trial_period_days=7 >"$world/trial"
api subscriptions .id "customer=$bob" "items[0][price]=$team" >"$world/team"
api subscriptions .id "customer=$orphan" "items[0][price]=$individual" >/dev/null
# Twelve items: more than Stripe shows of a subscription or an invoice at a time. The last one's plan gives credits.
dan=$(customer Dan 'metadata[user_id]=dan')
set -- "customer=$dan"
for item in 0 1 2 3 4 5 6 7 8 9 10; do
    set -- "$@" "items[$item][price]=$(price "part$item" 100 month)"
done
api subscriptions .id "$@" "items[11][price]=$(price addon 500 month 'metadata[instep_plan]=addon' \
    'metadata[instep_monthly_credits]=5')" >/dev/null
trial=$(cat "$world/trial")
has_come ada 32 "a trial gives 30 credits more"
has_come bob 200 "a team's plan gives 200"
has_come dan 5 "an add-on that is the twelfth of twelve items gives 5"
is "$(owner_sql "SELECT count(*) FROM ledger.invoice_line AS l JOIN ledger.invoice AS i ON i.account = l.account AND i.id = l.invoice
                  WHERE i.customer = '$dan'")" 12 "its invoice has all twelve lines"
is "$(owner_sql "SELECT count(*) FROM ledger.credit_entry AS e JOIN ledger.credit_lot AS l ON l.id = e.lots[1]
                  WHERE l.customer = '$dan'")" 1 "the plan was known at the first turn that saw it paid: nothing was corrected"
is "$(reader "SELECT amount, balance_before, balance_after, transition FROM dashboard.credit_transactions
               WHERE subscription_id = '$trial'")" '30|2|32|trial_start' "the trial is one transaction"
is "$(reader "SELECT state, amount_cents FROM dashboard.recent_trial_conversions WHERE stripe_subscription_id = '$trial'")" \
    'trial|0' "and a conversion of nothing, so far"

# ---- the trial converts ------------------------------------------------------------------------------------------------------
sim_to $((twenty + 7 * DAY + 7200))
has_come ada 62 "the first payment gives the month's 30 credits, at once"
quiet_wait
is "$(reader "SELECT amount, balance_before, balance_after, transition, plan_key, n FROM dashboard.credit_transactions
               WHERE subscription_id = '$trial' AND transition <> 'trial_start'")" '30|32|62|trial_to_active|individual|3' \
    "32 and 30 are 62: one transaction, trial_to_active, whatever came twice or too early"
is "$(reader "SELECT count(*) FROM dashboard.credit_transactions AS t JOIN dashboard.stripe_events AS e
                  ON e.stripe_event_id = t.stripe_event_id
               WHERE t.subscription_id = '$trial' AND t.transition = 'trial_to_active'")" 1 \
    "which names the event that caused it"
is "$(reader "SELECT state, amount_cents, credits_before, credits_after FROM dashboard.recent_trial_conversions
               WHERE stripe_subscription_id = '$trial'")" 'converted|1999|32|62' "the conversion has the amount"
is "$(app "SELECT plan_key, entitled, credits, limits #>> '{exports,limit}' FROM ledger.entitlement('ada')")" \
    'individual|t|62|3' "the application sees plan, credits and limits"
is "$(app "SELECT accepted, used, usage_limit, remaining FROM ledger.record_usage('ada', 'exports', 3, 'export:1')")" 't|3|3|0' \
    "uses what the plan allows"
is "$(app "SELECT accepted, used, remaining FROM ledger.record_usage('ada', 'exports', 1, 'export:2')")" 'f|3|0' "and no more"
converged "after the trial"

heard() { # what the listener printed must have it
    grep -q "$1" "$world/log/listener.log"
}
wait_for "the notification" heard '"transition" *: *"trial_to_active"'
grep '"trial_to_active"' "$world/log/listener.log" >"$out"
says '"user" *: *"ada"' "a listener hears whose credits changed"
says '"balance" *: *62' "and what they came to"

# ---- spends, turns and dying workers at the same time --------------------------------------------------------------------------
# Six clients want 240 of 200 credits, one at a time; half of the calls are said twice.
spend() { # client
    spend_n=0
    while [ "$spend_n" -lt 40 ]; do
        spend_n=$((spend_n + 1))
        echo "SELECT accepted, replayed FROM ledger.spend_credits('bob', 1, 'job:$1:$spend_n', 'a job');"
        [ $((spend_n % 2)) -eq 0 ] ||
            echo "SELECT accepted, replayed FROM ledger.spend_credits('bob', 1, 'job:$1:$spend_n', 'a job');"
        [ $((spend_n % 5)) -ne 0 ] || echo "SELECT pg_sleep(0.1);"
    done
}
clients=
for client in 1 2 3 4 5 6; do
    spend "$client" | psql -X -q -At "$APP_DATABASE_URL" >"$world/log/spend$client.log" 2>&1 &
    clients="$clients $!"
done
for round in 1 2 3 4 5 6; do
    api "subscriptions/$(cat "$world/team")" .id "metadata[round]=$round" >/dev/null
    case $round in
    2) end worker1 9 ;;
    4) worker_start 1 ;;
    5) end worker2 9 ;;
    6) worker_start 2 ;;
    esac
    sleep 0.1
done
for client in $clients; do
    wait "$client"
done
cat "$world"/log/spend?.log | sed '/^$/d' | sort | uniq -c | sed 's/^ *//' >"$out"
is "$(grep -c ' ERROR' "$out")" 0 "no spend fails"
is "$(sed -n 's/ t|f$//p' "$out")" 200 "of 240 credits that six clients want 200 are given, while turns run and workers are killed"
has_come bob 0 "nothing is left, and nothing is owed"
is "$(reader "SELECT sum(amount), count(*), min(balance_after) FROM dashboard.credit_transactions
               WHERE user_id = 'bob' AND transaction_type = 'spent'")" '-200|200|0' "each of them once"
given=$(reader "SELECT min(source) FROM dashboard.credit_transactions WHERE user_id = 'bob' AND transaction_type = 'spent'")
is "$(app "SELECT accepted, balance FROM ledger.refund_spend('bob', '$given', NULL, 'undo')")" \
    't|1' "one is given back"
app "SELECT ledger.spend_credits('bob', 2, '$given')" >"$out" 2>&1
says "$given" "a key with another amount is an error that names it"

# ---- an orphan -------------------------------------------------------------------------------------------------------------------
is "$(reader "SELECT stripe_customer_id, credits FROM dashboard.orphans")" "$orphan|30" "an orphan's credits wait for their user"
run 0 "an operator says who it is" operator link "$orphan" carol
has_come carol 30 "and the user has them"
is "$(reader "SELECT count(*) FROM dashboard.orphans")" 0 "nobody is an orphan any more"

# ---- time passes ---------------------------------------------------------------------------------------------------------------
# In one look, so that no clock is raced: the lot is there only if the boundary has passed.
is "$(owner_sql "SELECT count(*) FROM ledger.credit_lot AS l WHERE l.subscription IS NOT NULL AND l.effective_at > clock_timestamp()")" \
    0 "no credits are there before their time"
boundary_passed() {
    [ "$(reader "SELECT count(*) FROM dashboard.credit_transactions
                  WHERE user_id = 'eve' AND transition = 'month' AND effective_at = to_timestamp($boundary)")" = 1 ]
}
wait_for "the next month of the annual price" boundary_passed
ok $? "the leader gives the next month's credits when the month has begun"
is "$(reader "SELECT sum(amount), max(effective_at) = to_timestamp($boundary) FROM dashboard.credit_transactions
               WHERE user_id = 'eve' AND transaction_type = 'granted'")" "$(((months + 1) * 10))|t" "ten for each month, none twice"
is "$(reader "SELECT turn IS NULL AND stripe_event_id IS NULL FROM dashboard.credit_transactions
               WHERE user_id = 'eve' AND effective_at = to_timestamp($boundary) AND transaction_type = 'granted'")" t \
    "by time alone: no event caused it"
grep -q 'event=credits.settled' "$world"/log/worker?.log
ok $? "the log tells of it"
has_come eve 10 "the month before is over, and its credits with it"

rm "$world/listening"
# Stripe is told what the operator knew; spends are later than the moment that its truth is of.
api "customers/$orphan" .id 'metadata[user_id]=carol' >/dev/null
converged "in the end"
note "$(($(date +%s) - began)) s"
world_end
tap_done
