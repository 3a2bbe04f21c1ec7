#!/bin/sh
# spend.sh: ledger.spend_credits beside a plain UPDATE of one row by its key, by pgbench; one hot user, then many.
# Both: the same clients, role, prepared statements, number of rows and server, which flushes every commit to disk. Every round
# runs one and then the other at once, the next the other way round. Only the second half of a run counts: in the first, every
# new connection compiles the function, which takes a hundred times as long as to call it. The share is the median of the rounds'
# shares, so that what else the machine does meets both; rates are medians. CPU is what the backends used per call, user and
# system, by /proc, without what as many connections use for one call each: it tells what remains when the disk is quick.
# Prints rows for docs/benchmarks.md. Needs pgbench.
#
#   SECONDS_EACH=6 ROUNDS=5 CLIENTS="1 16 64" USERS=10000 BIN=bin tests/bench/spend.sh
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$root/bin}
seconds=${SECONDS_EACH:-6}
rounds=${ROUNDS:-5}
clients=${CLIENTS:-1 16 64}
users=${USERS:-10000}
pgbench=$(command -v pgbench || find /usr/lib/postgresql -name pgbench 2>/dev/null | sort | tail -n 1)
[ -n "$pgbench" ] || {
    echo "skipped: pgbench is missing (apt-get install postgresql-contrib)"
    exit 0
}

dir=$(mktemp -d)
chmod 755 "$dir"
finish() {
    status=$?
    "$root/deploy/local/stack" destroy "$dir/stack" >/dev/null 2>&1 || :
    rm -rf "$dir"
    exit "$status"
}
trap finish EXIT
trap 'exit 1' INT TERM

"$root/deploy/local/stack" start "$dir/stack" >&2
# shellcheck disable=SC1091 # written by stack
. "$dir/stack/env"
url=$OWNER_DATABASE_URL
DATABASE_URL=$url "$bin/instep" migrate >"$dir/migrate.log"
psql -qX -v ON_ERROR_STOP=1 -v users="$users" "$url" >/dev/null <<'END'
CREATE TABLE plain (id text PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 70);
GRANT SELECT, UPDATE ON plain TO instep_app;
INSERT INTO plain SELECT 'user-u' || i, 1000000000 FROM generate_series(1, :users) AS i;
INSERT INTO ledger.app_user (id) SELECT 'u' || i FROM generate_series(1, :users) AS i;
SELECT ledger.grant_credits('u' || i, 1000000000, 'start', NULL) FROM generate_series(1, :users) AS i;
VACUUM ANALYZE;
END

# Keys of the application are of the length of a uuid.
for kind in hot many; do
    [ "$kind" = hot ] && n=1 || n=$users
    printf '%s\n' "\\set u random(1, $n)" "UPDATE plain SET balance = balance - 1 WHERE id = 'user-u' || :u AND balance >= 1;" >"$dir/plain-$kind.sql"
    printf '%s\n' "\\set u random(1, $n)" '\set a random(1, 1000000000000000)' '\set b random(1, 1000000000000000)' \
        "SELECT accepted, balance FROM ledger.spend_credits('u' || :u, 1, 'request-' || :a || '-' || :b);" >"$dir/spend-$kind.sql"
done

# What the backends that have ended used, in hundredths of a second.
postmaster=$(psql -qXAt "$url" -c "SELECT (regexp_match(pg_read_file('postmaster.pid'), '^\d+'))[1]")
used() { sed 's/.*) //' "/proc/$postmaster/stat" | awk '{ print $14 + $15 }'; }
bench() { # SCRIPT CLIENTS OPTION...
    script=$1 callers=$2
    shift 2
    PGOPTIONS='-c role=instep_app' "$pgbench" -n -M prepared -c "$callers" -j 2 "$@" -f "$dir/$script.sql" "$url" >"$dir/out" 2>"$dir/progress" || cat "$dir/progress" >>"$dir/errors"
    sleep 0.3 # until the last backend has ended
}
# first SCRIPT CLIENTS: what one call on each of so many new connections uses
first() {
    before=$(used)
    bench "$1" "$2" -t 1
    echo $(($(used) - before))
}
# run SCRIPT CLIENTS FIRST: transactions a second, and microseconds of CPU for each
run() {
    before=$(used)
    bench "$1" "$2" -T "$seconds" -P 1
    awk -v used="$(($(used) - before - $3))" -v from="$((seconds / 2))" -v clients="$2" '
        /^progress/ && $2 > from + 0.5 { sum += $4; n++ }
        /^number of transactions actually processed/ { split($6, done, "/") }
        END { print sum / n, used * 10000 / (done[1] - clients) }' "$dir/progress" "$dir/out"
}
# median COLUMN FILE
median() { awk -v column="$1" '{ print $column }' "$2" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "Load of the machine before: $(cut -d ' ' -f 1-3 /proc/loadavg)"
echo "| Users | Callers | spend_credits/s | plain UPDATE/s | Share | lowest and highest | CPU, spend | CPU, UPDATE |"
echo "| --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
for kind in hot many; do
    for count in $clients; do
        first_ours=$(first "spend-$kind" "$count")
        first_theirs=$(first "plain-$kind" "$count")
        : >"$dir/rounds"
        for round in $(seq "$rounds"); do
            if [ $((round % 2)) = 1 ]; then
                ours=$(run "spend-$kind" "$count" "$first_ours")
                theirs=$(run "plain-$kind" "$count" "$first_theirs")
            else
                theirs=$(run "plain-$kind" "$count" "$first_theirs")
                ours=$(run "spend-$kind" "$count" "$first_ours")
            fi
            echo "$ours $theirs" | awk '{ print $1, $2, $3, $4, $1 / $3 }' >>"$dir/rounds"
        done
        [ "$kind" = hot ] && who="one" || who=$users
        lowest=$(awk '{ print $5 }' "$dir/rounds" | sort -n | head -n 1)
        highest=$(awk '{ print $5 }' "$dir/rounds" | sort -n | tail -n 1)
        printf '| %s | %d | %.0f | %.0f | %.2f | %.2f to %.2f | %.0f µs | %.0f µs |\n' "$who" "$count" "$(median 1 "$dir/rounds")" \
            "$(median 3 "$dir/rounds")" "$(median 5 "$dir/rounds")" "$lowest" "$highest" "$(median 2 "$dir/rounds")" "$(median 4 "$dir/rounds")"
    done
done
echo "and after: $(cut -d ' ' -f 1-3 /proc/loadavg)"
if [ -s "$dir/errors" ]; then
    tail -n 5 "$dir/errors" >&2
fi
off=$(psql -qXAt "$url" -c "SELECT count(*) FROM ledger.credit_holder AS h
    WHERE h.balance <> (SELECT sum(l.remaining) FROM ledger.credit_lot AS l WHERE l.holder = h.holder)
       OR h.entries <> (SELECT max(e.n) FROM ledger.credit_entry AS e WHERE e.holder = h.holder)")
[ "$off" = 0 ] || { echo "$off balances are off" >&2; exit 1; }
