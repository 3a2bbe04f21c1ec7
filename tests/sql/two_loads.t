#!/bin/sh
# Many load the same plans at the same moment, beside turns that read products of these plans. Whatever the order: versions without
# gaps, no two of the same rules one after the other, and nobody is sent away.
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
dir=$(mktemp -d)
database=instep_two_loads_$$
finish() {
    PGOPTIONS='-c client_min_messages=warning' psql -qX -d "$INSTEP_TEST_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    rm -rf "$dir"
}
trap finish EXIT
origin=$(psql -qXAt -d "$INSTEP_TEST_URL" -c 'SELECT current_database()')
psql -qX -d "$INSTEP_TEST_URL" -c '\c template1' -c "CREATE DATABASE $database TEMPLATE \"$origin\"" >&2 ||
    { echo "Bail out! no copy of the database"; exit 1; }
sql() { psql -qXAt -v ON_ERROR_STOP=1 -d "$INSTEP_TEST_URL" -c "\\c $database" -c "$1"; }
is() { # NUMBER GOT WANTED SENTENCE
    if [ "$2" = "$3" ]; then echo "ok $1 - $4"; else echo "not ok $1 - $4"; echo "# got $2"; fi
}
product() { # NUMBER CREDITS
    echo "SELECT t.turn('prod_$1', '[{\"object\": \"product\", \"id\": \"prod_$1\", \"name\": \"P\", \"active\": true, \"livemode\": false,
        \"created\": 1767225600, \"updated\": 1767225600, \"metadata\": {\"instep_plan\": \"made_$1\", \"instep_monthly_credits\": \"$2\"}}]');"
}
loads() { # NUMBER
    i=0
    while [ $i -lt 10 ]; do
        i=$((i + 1))
        a=$(((i + $1) % 3))
        echo "SELECT count(*) FROM ledger.load_plans('{\"plans\": {\"b\": {\"rank\": $a}, \"a\": {\"rank\": $a, \"products\": [\"prod_$1\"]},
            \"made_$a\": {\"monthly_credits\": $i}}}', 'file x', 'caller $1');"
        product "$1" "$i"
    done
}
sql 'SELECT 1' >"$dir/first" || exit 1

echo 1..4
for s in 1 2 3 4; do
    { printf "%s\n" "\\c $database"; loads $s; } | psql -qXAt -v ON_ERROR_STOP=1 -d "$INSTEP_TEST_URL" >"$dir/$s.out" 2>&1 &
    eval "pid_$s=$!"
done
failed=0
for s in 1 2 3 4; do
    eval "wait \$pid_$s" || { failed=1; sed 's/^/# /' "$dir/$s.out" | grep ERROR; }
done
is 1 "$failed" 0 "everybody comes through"
is 2 "$(sql 'SELECT count(*) FROM (SELECT max(version) <> count(*) AS gap FROM ledger.plan_version GROUP BY plan_key) AS p WHERE gap')" 0 \
    "the versions of each plan are numbered without gaps"
is 3 "$(sql "SELECT count(*) FROM (SELECT ledger.plan_version_rules(v) = lag(ledger.plan_version_rules(v)) OVER w
               AND NOT starts_with(lag(source) OVER w, 'product') AS same
               FROM ledger.plan_version AS v WINDOW w AS (PARTITION BY plan_key ORDER BY version)) AS s WHERE same")" 0 \
    "no version says what the one before it said"
is 4 "$(sql "SELECT string_agg(DISTINCT source, ', ') FROM ledger.plan_version AS v
              WHERE plan_key LIKE 'made_%' AND version > (SELECT min(version) FROM ledger.plan_version AS f
                                                           WHERE f.plan_key = v.plan_key AND f.source = 'file x')")" 'file x' \
    "once an operator has loaded a plan, no product describes it any more"
