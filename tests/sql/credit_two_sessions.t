#!/bin/sh
# Two sessions of an application, turns and the leader at one user at the same moment, step by step: a step is awaited by its marker in
# the output, or by Postgres saying that the session waits for a lock.
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
dir=$(mktemp -d)
database=instep_credit_sessions_$$
finish() {
    exec 3>&- 4>&-
    PGOPTIONS='-c client_min_messages=warning' psql -qX -d "$INSTEP_TEST_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    rm -rf "$dir"
}
trap finish EXIT
origin=$(psql -qXAt -d "$INSTEP_TEST_URL" -c 'SELECT current_database()')
psql -qX -d "$INSTEP_TEST_URL" -c '\c template1' -c "CREATE DATABASE $database TEMPLATE \"$origin\"" >&2 ||
    { echo "Bail out! no copy of the database"; exit 1; }
case $INSTEP_TEST_URL in
*"/$origin") url=${INSTEP_TEST_URL%"$origin"}$database ;;
*) url="$INSTEP_TEST_URL dbname=$database" ;;
esac
sql() { psql -qXAt -d "$url" -c "$1"; }
n=0
is() { # HAVE WANT SENTENCE
    n=$((n + 1))
    if [ "$1" = "$2" ]; then echo "ok $n - $3"; else
        echo "not ok $n - $3"
        printf '# have: %s\n# want: %s\n' "$1" "$2"
        tail -n 5 "$dir/a.out" "$dir/b.out" | sed 's/^/#   /'
    fi
}
for s in a b; do
    mkfifo "$dir/$s"
    PGAPPNAME=credit_$$_$s psql -qXAt -F ' ' -d "$url" <"$dir/$s" >"$dir/$s.out" 2>&1 &
done
exec 3>"$dir/a" 4>"$dir/b"
marks=0
until_true() { # poll; gives up after a while, and the check after it says what is wrong
    tries=0
    until eval "$1"; do
        tries=$((tries + 1))
        [ $tries -lt 60 ] || return 1
        sleep 0.05
    done
}
send() { # SESSION SQL: sent, and not awaited
    marks=$((marks + 1))
    case $1 in a) printf '%s\n\\echo mark %s\n' "$2" $marks >&3 ;; *) printf '%s\n\\echo mark %s\n' "$2" $marks >&4 ;; esac
    case $1 in a) last_a=$marks ;; *) last_b=$marks ;; esac
}
answer() { # SESSION: the line before the marker of what was sent last
    case $1 in a) mark=$last_a ;; *) mark=$last_b ;; esac
    until_true "grep -q '^mark $mark\$' '$dir/$1.out'"
    grep -B 1 "^mark $mark\$" "$dir/$1.out" | head -n 1
}
a() { send a "$1"; answer a; }
b() { send b "$1"; answer b; }
waits() { # SESSION: yes once it waits for a lock
    until_true "[ \"\$(sql \"SELECT count(*) FROM pg_stat_activity WHERE application_name = 'credit_$$_$1' AND wait_event_type = 'Lock'\")\" = 1 ]" && echo yes
}

sql "$(cat <<'END'
INSERT INTO ledger.plan (plan_key, rank, discovered) VALUES ('pro', 1, false) ON CONFLICT DO NOTHING;
INSERT INTO ledger.plan_version (plan_key, version, valid_from, monthly_credits, grant_when, limits, source, loaded_by) VALUES ('pro', 1, '2020-01-01', 30, 'active', '{"exports": {"limit": 3, "hard": true}}', 'sql', 'test');
SELECT t.turn('cus_' || u.id, jsonb_build_array(t.sub('sub_' || u.id, 'cus_' || u.id, 'active', jsonb_build_array(t.item('si_' || u.id, 'pro',
    (extract(epoch FROM now()) - t.day(0)) / 86400 - 3, (extract(epoch FROM now()) - t.day(0)) / 86400 + 27)),
    jsonb_build_object('metadata', jsonb_build_object('user_id', u.id))))) ->> 'outcome' FROM unnest('{u1,u2,u3,u4}'::text[]) AS u (id);
SELECT accepted FROM unnest('{u1,u2,u3,u4}'::text[]) AS u (id), ledger.grant_credits(u.id, 10, 'start', NULL);
END
)" >/dev/null
a "SET ROLE instep_app;" >/dev/null
b "SET ROLE instep_app;" >/dev/null

echo 1..20
# The same call twice at once: the connection was lost, and the application tries again while the first is still under way.
a "BEGIN; SELECT accepted, used FROM ledger.record_usage('u1', 'exports', 3, 'k');" >/dev/null
send b "SELECT accepted, replayed, used FROM ledger.record_usage('u1', 'exports', 3, 'k');"
is "$(waits b)" yes "use: the same key at the same time waits"
a "COMMIT;" >/dev/null
is "$(answer b)" "t t 3" "and is told what became of it, also when that used up the limit"
a "BEGIN; SELECT accepted FROM ledger.spend_credits('u1', 40, 'k');" >/dev/null
send b "SELECT accepted, replayed, balance FROM ledger.spend_credits('u1', 40, 'k');"
is "$(waits b)" yes "spending: the same key at the same time waits"
a "COMMIT;" >/dev/null
is "$(answer b)" "t t 0" "and is told what became of it, also when nothing is left"
a "BEGIN; SELECT accepted FROM ledger.refund_spend('u1', 'k', NULL, 'r');" >/dev/null
send b "SELECT accepted, replayed, amount FROM ledger.refund_spend('u1', 'k', NULL, 'r');"
is "$(waits b)" yes "giving back: the same key at the same time waits"
a "COMMIT;" >/dev/null
is "$(answer b)" "t t 40" "and is told what became of it"
a "BEGIN; SELECT accepted FROM ledger.spend_credits('u1', 4, 'lost');" >/dev/null
send b "SELECT accepted, replayed, balance FROM ledger.spend_credits('u1', 4, 'lost');"
waits b >/dev/null
a "ROLLBACK;" >/dev/null
is "$(answer b)" "t f 36" "if the first is rolled back, the second takes"

# The customer goes to another user while its old one spends.
b "RESET ROLE;" >/dev/null
a "BEGIN; SELECT accepted FROM ledger.spend_credits('u2', 4, 's');" >/dev/null
send b "SELECT ops.link_user('self', 'cus_u2', 'u3', 'me') ->> 'after';"
is "$(waits b)" yes "a link waits for a spend"
a "COMMIT;" >/dev/null
is "$(answer b)" u3 "which is done then"
is "$(sql "SELECT ledger.credit_balance('u2') || ' ' || ledger.credit_balance('u3') || ' ' || (SELECT sum(l.spent) FROM ledger.credit_lot AS l)")" "10 66 8" "nothing is lost on the way and nothing is there twice"

# Spending waits for a link that runs, and then finds what it left.
b "BEGIN; SELECT ops.link_user('self', 'cus_u2', 'u2', 'me') ->> 'after';" >/dev/null
send a "SELECT accepted, balance FROM ledger.spend_credits('u3', 60, 'too late');"
is "$(waits a)" yes "a spend waits for a link"
b "COMMIT;" >/dev/null
is "$(answer a)" "f 40" "and has what that has left"

# An application that spends and does not commit: the leader passes over its user, and serves the others.
a "BEGIN; SELECT accepted FROM ledger.spend_credits('u3', 1, 'idle');" >/dev/null
sql "UPDATE ledger.subscription SET credits_due_at = now() - interval '1 minute' WHERE id IN ('sub_u3', 'sub_u4')" >/dev/null
b "SET ROLE instep_worker; SET statement_timeout = '5s';" >/dev/null
is "$(b "SELECT ops.credits_due(100) > 0;")" t "the leader does not wait for an application that does not commit"
is "$(sql "SELECT s.credits_due_at IS NULL FROM ledger.subscription AS s WHERE s.id = 'sub_u4'")" t "and others have theirs"
a "COMMIT;" >/dev/null
b "SELECT ops.credits_due(100);" >/dev/null
is "$(sql "SELECT count(*) FROM ledger.subscription AS s WHERE s.credits_due_at IS NOT NULL")" 0 "its own comes when it has"

# Two who move to each other's users.
b "RESET ROLE;" >/dev/null
a "RESET ROLE;" >/dev/null
a "BEGIN; SELECT ops.link_user('self', 'cus_u2', 'u3', 'me') ->> 'after';" >/dev/null
send b "SELECT ops.link_user('self', 'cus_u3', 'u2', 'me') ->> 'after';"
is "$(waits b)" yes "a link the other way waits"
a "COMMIT;" >/dev/null
is "$(answer b)" u2 "and neither is in the other's way"
is "$(sql "SELECT ledger.credit_balance('u2') || ' ' || ledger.credit_balance('u3')")" "39 36" "each has what is theirs"
is "$(sql "SELECT count(*) FROM ledger.credit_entry WHERE balance_after < 0")" 0 "no balance was ever below zero"
is "$(sql "SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok")" "" "the ledger verifies"
