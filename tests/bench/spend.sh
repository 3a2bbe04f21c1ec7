#!/bin/sh
# spend.sh: ledger.spend_credits beside a plain UPDATE of one row of the same size of table, by pgbench; one hot user, then many.
# Rounds alternate, so that both meet the same machine; medians are kept. Postgres flushes every commit to disk.
# Prints rows for docs/benchmarks.md. Needs pgbench.
#
#   SECONDS_EACH=5 ROUNDS=3 CLIENTS="1 16 64" USERS=10000 BIN=bin tests/bench/spend.sh
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
bin=${BIN:-$root/bin}
seconds=${SECONDS_EACH:-5}
rounds=${ROUNDS:-3}
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

# run SCRIPT CLIENTS: transactions a second
run() {
    PGOPTIONS='-c role=instep_app' "$pgbench" -n -M prepared -c "$2" -j 2 -T "$seconds" -f "$dir/$1.sql" "$url" 2>>"$dir/errors" |
        sed -n 's/^tps = \([0-9]*\).*/\1/p'
}
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

echo "| Users | Callers | spend_credits/s | plain UPDATE/s | Share |"
echo "| --- | ---: | ---: | ---: | ---: |"
for kind in hot many; do
    for count in $clients; do
        : >"$dir/ours"
        : >"$dir/theirs"
        for _ in $(seq "$rounds"); do
            run "spend-$kind" "$count" >>"$dir/ours"
            run "plain-$kind" "$count" >>"$dir/theirs"
        done
        ours=$(median <"$dir/ours")
        theirs=$(median <"$dir/theirs")
        [ "$kind" = hot ] && who="one" || who=$users
        echo "$ours $theirs" | awk -v who="$who" -v count="$count" '{ printf "| %s | %d | %d | %d | %.2f |\n", who, count, $1, $2, $1 / $2 }'
    done
done
if [ -s "$dir/errors" ]; then
    tail -n 5 "$dir/errors" >&2
fi
off=$(psql -qXAt "$url" -c "SELECT count(*) FROM ledger.credit_holder AS h
    WHERE h.balance <> (SELECT sum(l.remaining) FROM ledger.credit_lot AS l WHERE l.holder = h.holder)
       OR h.entries <> (SELECT max(e.n) FROM ledger.credit_entry AS e WHERE e.holder = h.holder)")
[ "$off" = 0 ] || { echo "$off balances are off" >&2; exit 1; }
