#!/bin/sh
# Two workers at the same customer at the same moment. Sessions are psql processes fed step by step; a step is awaited
# by its marker in the output, or by Postgres saying that the session waits for a lock.
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
dir=$(mktemp -d)
database=instep_two_sessions_$$
finish() {
    exec 3>&- 4>&-
    PGOPTIONS='-c client_min_messages=warning' psql -qX -d "$INSTEP_TEST_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    rm -rf "$dir"
}
trap finish EXIT
# What is committed here would be in the way of the other tests: a copy of the database takes it.
origin=$(psql -qXAt -d "$INSTEP_TEST_URL" -c 'SELECT current_database()')
psql -qX -d "$INSTEP_TEST_URL" -c '\c template1' -c "CREATE DATABASE $database TEMPLATE \"$origin\"" >&2 ||
    { echo "Bail out! no copy of the database"; exit 1; }
customer=cus_two_$$
n=0
ok() { # ok CONDITION-STATUS SENTENCE
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/#   /' "$dir/a.out" "$dir/b.out"
    fi
}
sql() { psql -qXAt -d "$INSTEP_TEST_URL" -c "\\c $database" -c "$1"; }
for s in a b; do
    mkfifo "$dir/$s"
    PGAPPNAME=two_sessions_$$_$s psql -qXAt -d "$INSTEP_TEST_URL" <"$dir/$s" >"$dir/$s.out" 2>&1 &
done
exec 3>"$dir/a" 4>"$dir/b"
a() { printf '%s\n' "$1" >&3; }
b() { printf '%s\n' "$1" >&4; }
until_true() { # poll; gives up after a while, and the check after it says what is wrong
    tries=0
    until eval "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 400 ] || return 1
        sleep 0.05
    done
}
done_with() { until_true "grep -q '^mark $2\$' '$dir/$1.out'"; } # SESSION MARK
waits() { until_true "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'two_sessions_$$_$1' AND wait_event_type = 'Lock'\")\" = 1 ]"; }
mark() { printf '%s' "\\echo mark $1"; }
uuid() { printf '%08d-0000-4000-8000-%012d' "$1" $$; }
claim() { echo "SELECT ops.claim_customer('self', '$customer', '$(uuid "$1")', '{}', 'w$1');"; }
apply() { # CLAIM AMOUNT
    echo "SELECT ledger.apply_turn(t.input('$customer', '$(uuid "$1")', jsonb_build_array(t.invoice('in_$$', '$customer', NULL, 'paid', $2)))) ->> 'outcome';"
}
for s in a b; do $s "\\c $database"; $s "SET ROLE instep_worker;"; done

echo 1..13
# The second claim voids the first, and what was read under the first is refused.
a "$(claim 1) $(mark 1)"; done_with a 1
b "$(claim 2) $(mark 1)"; done_with b 1
a "$(apply 1 500) $(mark 2)"; done_with a 2
grep -q '^fenced$' "$dir/a.out"; ok $? "the first worker is refused after the second has claimed"
b "$(apply 2 700) $(mark 2)"; done_with b 2
grep -q '^applied$' "$dir/b.out"; ok $? "the second applies"

# The same claim sent twice at once (a reply was lost): one applies, the other waits for it and is refused.
a "$(claim 3) $(mark 3)"; done_with a 3
a "BEGIN; $(apply 3 800) $(mark 4)"; done_with a 4
b "$(apply 3 800) $(mark 3)"
waits b; ok $? "a second use of the claim waits for the first"
a "COMMIT; $(mark 5)"; done_with a 5
done_with b 3; [ "$(tail -n 2 "$dir/b.out" | head -n 1)" = fenced ]; ok $? "and is refused when that has committed"

# A claim made while an apply runs waits for it, and then sees what it did.
a "$(claim 4) $(mark 6)"; done_with a 6
a "BEGIN; $(apply 4 900) $(mark 7)"; done_with a 7
b "$(claim 5 | sed "s/'{}'/'{evt_none}'/") $(mark 4)"
waits b; ok $? "a claim waits for the apply that runs"
a "COMMIT; $(mark 8)"; done_with a 8
done_with b 4; grep -q '"known": true' "$dir/b.out"; ok $? "and knows what was applied"

# An apply that was rolled back has used nothing up.
b "BEGIN; $(apply 5 950) ROLLBACK; $(apply 5 1000) $(mark 5)"; done_with b 5
[ "$(tail -n 3 "$dir/b.out" | grep -c '^applied$')" = 2 ]; ok $? "a claim whose apply was rolled back can still be used"

[ "$(sql "SELECT amount FROM ledger.sale WHERE source = 'in_$$'")" = 1000 ]; ok $? "the ledger has the last state that was read"
[ "$(sql "SELECT string_agg(a.amount::text, ',' ORDER BY a.entry_id) FROM ledger.posting a JOIN ledger.journal_entry e ON e.id = a.entry_id WHERE e.source = 'in_$$' AND a.amount > 0")" = 700,100,100,100 ]
ok $? "and books each difference once"

# A change of rights is announced to who listens, at commit and not before.
b "RESET ROLE; LISTEN instep_entitlement; $(mark 6)"; done_with b 6
a "$(claim 6) $(mark 9)"; done_with a 9
a "BEGIN; SELECT ledger.apply_turn(t.input('$customer', '$(uuid 6)', jsonb_build_array(t.sub('sub_$$', '$customer', 'active', NULL, '{\"metadata\": {\"user_id\": \"u1\"}}')))) ->> 'outcome'; $(mark 10)"; done_with a 10
b "SELECT 1; $(mark 7)"; done_with b 7
! grep -q 'instep_entitlement' "$dir/b.out"; ok $? "nothing is announced before the commit"
a "COMMIT; $(mark 11)"; done_with a 11
b "SELECT 1; $(mark 8)"; done_with b 8
grep -q 'notification "instep_entitlement" with payload "{.*"user": "u1".*"entitled": true' "$dir/b.out"
ok $? "a change of rights is announced, with the user and the right"

# When a customer changes hands, both users hear of it.
a "$(claim 7) $(mark 12)"; done_with a 12
a "SELECT ledger.apply_turn(t.input('$customer', '$(uuid 7)', jsonb_build_array(t.sub('sub_$$', '$customer', 'active', NULL, '{\"metadata\": {\"user_id\": \"u2\"}}')))) ->> 'outcome'; $(mark 13)"; done_with a 13
b "SELECT 1; $(mark 9)"; done_with b 9
grep -q 'payload "{.*"user": "u1".*"entitled": false' "$dir/b.out"; ok $? "who loses a subscription to another user is told"
grep -q 'payload "{.*"user": "u2".*"entitled": true' "$dir/b.out"; ok $? "and so is who gets it"
