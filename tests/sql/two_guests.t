#!/bin/sh
# A guest's session and charge are subjects of their own, whose turns no customer's row keeps apart. Two of them at the same
# moment must not book the money twice, nor wait for each other's rows. Sessions are psql processes, as in two_sessions.t.
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
dir=$(mktemp -d)
database=instep_two_guests_$$
finish() {
    exec 3>&- 4>&-
    PGOPTIONS='-c client_min_messages=warning' psql -qX -d "$INSTEP_TEST_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    rm -rf "$dir"
}
trap finish EXIT
origin=$(psql -qXAt -d "$INSTEP_TEST_URL" -c 'SELECT current_database()')
psql -qX -d "$INSTEP_TEST_URL" -c '\c template1' -c "CREATE DATABASE $database TEMPLATE \"$origin\"" >&2 ||
    { echo "Bail out! no copy of the database"; exit 1; }
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
    PGAPPNAME=two_guests_$$_$s psql -qXAt -d "$INSTEP_TEST_URL" <"$dir/$s" >"$dir/$s.out" 2>&1 &
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
waits() { until_true "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'two_guests_$$_$1' AND wait_event_type = 'Lock'\")\" = 1 ]"; }
mark() { printf '%s' "\\echo mark $1"; }
turn() { # SUBJECT OBJECTS
    echo "SELECT t.turn('$1', jsonb_build_array($2)) ->> 'outcome';"
}
books() { sql "SELECT coalesce(t.books('cs_$1'), '') || '; ' || coalesce(t.books('ch_$1'), '')"; }
charge() { echo "t.charge('ch_$1', NULL, 40)"; }
session() { echo "t.session('cs_$1', NULL, 'payment', 'paid', 40, '{\"payment_intent\": \"pi_$1\"}')"; }
for s in a b; do $s "\\c $database"; done

echo 1..7
# One turn sees the charge, the other the session only.
a "BEGIN; $(turn ch_1 "$(charge 1)") $(mark 1)"; done_with a 1
b "$(turn cs_1 "$(session 1)") $(mark 1)"
waits b; ok $? "the session's turn waits for the charge's"
a "COMMIT; $(mark 2)"; done_with a 2; done_with b 1
[ "$(books 1)" = 'collected 40, sales -40; ' ]; ok $? "and then the charge is the session's money, once"

# And the other way round.
a "BEGIN; $(turn cs_2 "$(session 2)") $(mark 3)"; done_with a 3
b "$(turn ch_2 "$(charge 2)") $(mark 2)"
waits b; ok $? "the charge's turn waits for the session's"
a "COMMIT; $(mark 4)"; done_with a 4; done_with b 2
[ "$(books 2)" = 'collected 40, sales -40; ' ]; ok $? "and then the charge is no sale"

# A dispute read by itself, and a charge whose dispute is read after it: each would want what the other has.
a "$(turn cs_3 "$(session 3), $(charge 3), t.dispute('dp_3', 'ch_3', 40, 'needs_response')") $(mark 5)"; done_with a 5
a "BEGIN; $(turn ch_3 "t.dispute('dp_3', 'ch_3', 40, 'lost')") $(mark 6)"; done_with a 6
b "$(turn cs_3 "$(charge 3), t.dispute('dp_3', 'ch_3', 40, 'lost')") $(mark 3)"
waits b; ok $? "a dispute waits for whoever has its charge"
a "COMMIT; $(mark 7)"; done_with a 7; done_with b 3
[ "$(sql "SELECT t.books('dp_3') || ' ' || t.kinds('dp_3')::text")" = 'collected -40, disputes_lost 40 {dispute_held,dispute_lost}' ]
ok $? "and books nothing twice"
[ "$(sql 'SELECT count(*) FROM ops.verify() WHERE NOT ok')" = 0 ] && ! grep -q ERROR "$dir/a.out" "$dir/b.out"
ok $? "the ledger verifies, and nobody was refused"
