#!/bin/sh
# 64 callers of one user at the same moment: exactly what is there is taken, no more, once per key; also while turns book and settle,
# while some give back, and of a meter with a hard limit. The callers are pgbench's.
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
pgbench=$(command -v pgbench || find /usr/lib/postgresql -name pgbench 2>/dev/null | sort | tail -n 1)
[ -n "$pgbench" ] || { echo "Bail out! pgbench is missing (make deps)"; exit 1; }
dir=$(mktemp -d)
database=instep_credit_callers_$$
finish() {
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
        sed 's/^/# /' "$dir/err" | tail -n 20
    fi
    : >"$dir/err"
}
# callers COUNT CALLS SCRIPT...: so many at once, each so many times; prints how many transactions pgbench says were done
callers() {
    count=$1 calls=$2
    shift 2
    PGOPTIONS="-c role=${role:-instep_app}" "$pgbench" -n -c "$count" -j 2 -t "$calls" -M prepared "$@" "$url" >"$dir/out$count" 2>>"$dir/err"
    sed -n 's,^number of transactions actually processed: \([0-9]*\)/.*,\1,p' "$dir/out$count"
}
sql "INSERT INTO ledger.app_user (id) SELECT unnest('{u1,u2,u3,u4,u5}'::text[])" >&2
give() { sql "SELECT balance FROM ledger.grant_credits('$1', $2, '$3', NULL, $4)" >/dev/null; }

echo 1..15
# 500 credits in two lots, 64 callers, 1280 calls with 700 keys: each key once, and 500 of them.
give u1 300 soon "now() + interval '1 day'"
give u1 200 late NULL
cat >"$dir/one.sql" <<'END'
\set key random(1, 700)
SELECT accepted, balance FROM ledger.spend_credits('u1', 1, 'k' || :key);
END
is "$(callers 64 20 -f "$dir/one.sql")" 1280 "64 callers: every call is answered"
is "$(sql "SELECT count(*) || ' ' || count(DISTINCT idempotency_key) || ' ' || min(balance_after) FROM ledger.credit_entry WHERE holder = 'user:u1' AND kind = 'spent'")" "500 500 0" \
    "500 credits are taken 500 times, by a key each, and never more than there is"
is "$(sql "SELECT ledger.credit_balance('u1')")" 0 "nothing is left"
is "$(sql "SELECT string_agg(l.manual_key || ' ' || l.spent, ', ' ORDER BY l.expires_at) FROM ledger.credit_lot AS l WHERE l.holder = 'user:u1'")" "soon 300, late 200" "the lot that ends first went first"

# All of them with one key at the same time.
give u2 100 start NULL
echo "SELECT accepted FROM ledger.spend_credits('u2', 3, 'the one key');" >"$dir/same.sql"
is "$(callers 64 4 -f "$dir/same.sql")" 256 "one key, 256 times at once: every call is answered"
is "$(sql "SELECT ledger.credit_balance('u2')")" 97 "and taken once"
# Amounts that do not divide what is there.
cat >"$dir/seven.sql" <<'END'
SELECT accepted FROM ledger.spend_credits('u2', 7, 'seven ' || :client_id || ' ' || random());
END
callers 64 2 -f "$dir/seven.sql" >/dev/null
is "$(sql "SELECT ledger.credit_balance('u2') || ' ' || count(*) FROM ledger.credit_entry WHERE holder = 'user:u2' AND amount = -7")" "6 13" "97 has 7 thirteen times"

# While some give back what others spent, by their own keys, tried again and again.
give u3 1000 start NULL
cat >"$dir/mixed.sql" <<'END'
\set key random(1, 200)
SELECT replayed FROM ledger.spend_credits('u3', 9, 's' || :key) \gset
\if :replayed
SELECT accepted FROM ledger.refund_spend('u3', 's' || :key, NULL, 'r' || :key);
\endif
END
is "$(callers 64 10 -f "$dir/mixed.sql")" 640 "spending and giving back at once: every call is answered"
is "$(sql "SELECT count(*) FROM ledger.credit_entry AS r WHERE r.holder = 'user:u3' AND r.kind = 'spend_returned' AND r.amount <> 9")" 0 "a spend is given back once, whole"
is "$(sql "SELECT ledger.credit_balance('u3') = 1000 - 9 * (SELECT count(*) FILTER (WHERE kind = 'spent') - count(*) FILTER (WHERE kind = 'spend_returned') FROM ledger.credit_entry WHERE holder = 'user:u3')")" t "what is there is what was not spent, or came back"

# While the rules book and settle: 20 periods of 10 arrive, half of them are claimed back.
sql "$(cat <<'END'
INSERT INTO ledger.plan (plan_key, rank, discovered) VALUES ('pro', 1, false) ON CONFLICT DO NOTHING;
INSERT INTO ledger.plan_version (plan_key, version, valid_from, limits, source, loaded_by) VALUES ('pro', 1, '2020-01-01', '{"exports": {"limit": 100, "hard": true}}', 'sql', 'test');
SELECT t.turn('cus_' || u.id, jsonb_build_array(t.sub('sub_' || u.id, 'cus_' || u.id, 'active', jsonb_build_array(t.item('si_' || u.id, 'pro',
    (extract(epoch FROM now()) - t.day(0)) / 86400 - 3, (extract(epoch FROM now()) - t.day(0)) / 86400 + 27)),
    jsonb_build_object('metadata', jsonb_build_object('user_id', u.id))))) ->> 'outcome' FROM unnest('{u4,u5}'::text[]) AS u (id);
END
)" >/dev/null
cat >"$dir/rules.sql" <<'END'
\set period random(1, 20)
\set claw random(0, 1)
SELECT ledger.book_credits(ledger.credit_holder_of('self', 'cus_u4'), ARRAY[jsonb_build_object('account', 'self', 'customer', 'cus_u4', 'subscription', 'sub_u4', 'item', 'si_' || :period,
    'kind', 'period', 'plan_key', 'pro', 'version', 1, 'period_start', 1767225600, 'period_end', 4000000000, 'amount', 10, 'effective', 1767225600, 'expires', 4000000000,
    'claw', 10 * :claw, 'claw_at', 1767225700, 'negative', false)], '{}', ledger.clock());
END
cat >"$dir/spend4.sql" <<'END'
SELECT accepted FROM ledger.spend_credits('u4', 1 + :client_id % 3, 'x ' || :client_id || ' ' || random());
END
( role=instep_owner; callers 4 25 -f "$dir/rules.sql" >"$dir/rules.out" ) &
callers 60 10 -f "$dir/spend4.sql" >"$dir/spend4.out" 2>&1
wait
is "$(cat "$dir/rules.out" "$dir/spend4.out" | tr '\n' ' ')" "100 600 " "60 callers while the rules book and settle: every call is answered"
is "$(sql "SELECT count(*) FROM ledger.credit_entry WHERE balance_after < 0")" 0 "no balance was ever below zero"

# A meter with a hard limit of 100.
cat >"$dir/usage.sql" <<'END'
\set key random(1, 200)
SELECT accepted, used FROM ledger.record_usage('u5', 'exports', 1, 'k' || :key);
END
is "$(callers 64 6 -f "$dir/usage.sql")" 384 "64 callers count use: every call is answered"
is "$(sql "SELECT u.used || ' ' || (SELECT count(DISTINCT idempotency_key) || ' ' || max(used_after) FROM ledger.usage_entry WHERE user_id = 'u5') FROM ledger.usage_period AS u WHERE u.user_id = 'u5'")" "100 100 100" \
    "up to the hard limit exactly, each key once"
is "$(sql "SELECT string_agg(check_name || ': ' || detail, '; ') FROM ops.verify() WHERE NOT ok")" "" "the ledger verifies"
