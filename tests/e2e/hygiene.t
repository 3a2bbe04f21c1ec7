#!/bin/sh
# What is remembered, what is hidden and what is forgotten: logs, kept payloads, `instep event`, `instep prune`.
set -u
. "$(dirname "$0")/lib.sh"

INSTEP_PAYLOADS=redacted
INSTEP_LOG_LEVEL=debug
export INSTEP_PAYLOADS INSTEP_LOG_LEVEL
world_start hygiene 11 || exit 1
out=$world/log/hygiene.out
workers_start 2
sim_run 15 2 0
quiet_wait
ok $? "fifteen people live two months"

# ---- nothing personal in logs, and none in what is kept -------------------------------------------------------------
email=$(curl -fsS -u "$STRIPE_API_KEY:" "$SIM/v1/customers?limit=1" | jq -r '.data[0].email')
case $email in
*@*) ok 0 "people have e-mail addresses" ;;
*) ok 1 "people have e-mail addresses" ;;
esac
grep -l '@' "$world"/log/worker*.log "$world/log/ingest.log" >"$out"
is "$(cat "$out")" "" "no log line of any level has one"
is "$(owner_sql "SELECT count(*) > 50 FROM ops.payload")" t "what turns read is kept, as was asked for"
is "$(owner_sql "SELECT count(*) FROM ops.payload WHERE payload::text LIKE '%@%'")" 0 "without addresses"
is "$(owner_sql "SELECT count(*) FROM ops.payload WHERE object = 'customer' AND payload ->> 'email' = '[redacted]'
    AND payload ? 'metadata'")" "$(owner_sql "SELECT count(*) FROM ops.payload WHERE object = 'customer'
    AND NOT payload ? 'deleted' AND payload -> 'email' <> 'null'")" "but with the fields that say so"
is "$(owner_sql "SELECT count(*) FROM ledger.journal_entry WHERE facts::text LIKE '%@%'")" 0 "nor do facts of entries hold one"

# ---- one event ------------------------------------------------------------------------------------------------------
event=$(owner_sql "SELECT e.id FROM ops.webhook_event AS e JOIN ops.turn AS t ON t.id = e.turn
    WHERE t.entries_count > 0 ORDER BY e.id LIMIT 1")
run 0 "instep event tells of one" operator event "$event"
is "$(jq -r '"\(.event.outcome) \(.entries | length > 0) \(.payloads | length > 0)"' "$out")" "applied true true" \
    "its outcome, what it booked and what was read"
run 1 "one that never came is not found" operator event evt_never
says 'never came' "and it says why that may be"
run 2 "event wants an id" operator event

# ---- prune ----------------------------------------------------------------------------------------------------------
run 2 "what Stripe may send again cannot be pruned" operator prune --older-than 30
run 2 "prune takes no names" operator prune evt_1
run 0 "nothing is old enough" operator prune
says '^events  *0 removed' "and it says so"
owner_sql "UPDATE ops.webhook_event SET processed_at = processed_at - interval '100 days';
    UPDATE ops.turn SET recorded_at = recorded_at - interval '100 days';
    UPDATE ops.payload SET recorded_at = recorded_at - interval '100 days'"
entries=$(owner_sql 'SELECT count(*) FROM ledger.journal_entry')
run 0 "a dry run counts" operator prune --dry-run --json
would=$(jq -c 'del(.dry_run)' "$out")
is "$(jq '.events.removed > 0 and .turns.removed >= 0 and .payloads.removed > 0' "$out")" true "what would go"
run 0 "then it goes" operator prune --json
is "$(jq -c '[.events, .payloads]' "$out")" "$(echo "$would" | jq -c '[.events, .payloads]')" "the same"
run 0 "a second time nothing is left to go" operator prune --json
is "$(jq -c '[.events.removed, .turns.removed, .payloads.removed]' "$out")" "[0,0,0]" "indeed"
is "$(owner_sql 'SELECT count(*) FROM ledger.journal_entry')" "$entries" "the journal is whole"
run 0 "and explains itself: the event that booked is still there" operator event "$event"
run 0 "the ledger verifies and equals the truth" operator verify --truth
run 3 "a worker's role may not prune" "$BIN/instep" prune
[ "$tap_failures" -eq 0 ] || world_failed=1
world_end
tap_done
