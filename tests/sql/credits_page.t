#!/bin/sh
# docs/credits.md is true: its SQL runs in order, as the roles that it names, and prints what the page says; so do its errors.
# A comment of the page (<!-- SELECT page.… -->) is what happens in Stripe meanwhile: tests/sql/credits_page.psql.
#   ```sql          as instep_app; "sql operator", "sql reader": as that role
#   ```text         right after it: what it prints
#   | `ISnnn` | … | `SELECT …` |    a row of the table of errors: what the statement fails with
#   credits_page.t --write    write what is printed into the page: read the difference before you believe it
set -u
: "${INSTEP_TEST_URL:?name a migrated database}"
page=docs/credits.md
dir=$(mktemp -d)
database=instep_credits_page_$$
export PGOPTIONS='-c client_min_messages=warning -c timezone=UTC'
finish() {
    psql -qX -d "$INSTEP_TEST_URL" -c "DROP DATABASE IF EXISTS $database WITH (FORCE)"
    rm -rf "$dir"
}
trap finish EXIT
# A copy of the database, since the page's clock is not that of other tests.
origin=$(psql -qXAt -d "$INSTEP_TEST_URL" -c 'SELECT current_database()')
psql -qX -d "$INSTEP_TEST_URL" -c '\c template1' -c "CREATE DATABASE $database TEMPLATE \"$origin\"" >&2 ||
    { echo "Bail out! no copy of the database"; exit 1; }

# One script of the whole page; what block N prints goes to N.got, what it should print to N.want.
awk -v dir="$dir" '
    /^<!-- SELECT .* -->$/ { sub(/^<!-- /, ""); sub(/ -->$/, ""); print "\\o " dir "/steps\n" $0 ";"; next }
    /^```sql/ {
        n++
        role = NF > 1 ? "instep_" $2 : "instep_app"
        print "\\o " dir "/" n ".got\nSET ROLE " role ";"
        print NR > (dir "/" n ".line")
        inside = "sql"
        next
    }
    /^```text/ && NR == after { inside = "text"; printf "" > (dir "/" n ".want"); next }
    /^```/ && inside == "sql" { print "RESET ROLE;"; after = NR + 1 }
    /^```/ { inside = inside == "" ? "other" : ""; next }
    inside == "sql" { print }
    inside == "text" { sub(/ *$/, ""); print > (dir "/" n ".want") }
    inside == "" && /^\| `IS[0-9]+` \|.*`SELECT .*` \|$/ {
        state = $0; sub(/^\| `/, "", state); sub(/`.*/, "", state)
        sql = $0; sub(/.*\| `SELECT/, "SELECT", sql); sub(/` \|$/, "", sql)
        e++
        print "\\o " dir "/e" e ".got"
        gsub(/\047/, "\047\047", sql)
        print "SELECT t.try(\047instep_app\047, \047" sql "\047);"
        print state > (dir "/e" e ".want")
        print NR > (dir "/e" e ".line")
    }' "$page" >"$dir/page.sql"

{
    printf '%s\n' "\\c $database" '\pset footer off'
    cat tests/sql/credits_page.psql "$dir/page.sql"
    printf '%s\n' "\\o $dir/verify.got" '\pset tuples_only on' "SELECT check_name || ': ' || detail FROM ops.verify() WHERE NOT ok;"
} >"$dir/all.sql"
psql -qX -P pager=off -d "$INSTEP_TEST_URL" -f "$dir/all.sql" >"$dir/out" 2>"$dir/errors"

n=0
ok() { # status, sentence, file to show if it is not ok
    n=$((n + 1))
    if [ "$1" -eq 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/#   /' "$3"
    fi
}
[ ! -s "$dir/errors" ]
ok $? "nothing fails that the page does not expect to" "$dir/errors"
for got in "$dir"/[0-9]*.got; do
    sed -e 's/ *$//' -e '/^$/d' "$got" >"${got%.got}.text"
done
if [ "${1:-}" = --write ]; then
    awk -v dir="$dir" '
        /^```sql/ { n++ }
        !inside { print }
        /^```text/ && NR == after { inside = 1; while ((getline line < (dir "/" n ".text")) > 0) print line; next }
        /^```/ && inside { inside = 0; print }
        /^```sql/ { sql = 1 }
        /^```$/ && sql { sql = 0; after = NR + 1 }' "$page" >"$dir/page.md" && cp "$dir/page.md" "$page"
    cat "$dir/errors"
    exit
fi
blocks=$(grep -c '^```sql' "$page")
for block in $(seq "$blocks"); do
    name=$dir/$block
    [ -e "$name.want" ] || continue # it prints nothing that matters, but it must not fail
    diff "$name.want" "$name.text" >"$name.diff" 2>&1
    ok $? "$page:$(cat "$name.line") prints what the page says" "$name.diff"
done
for want in "$dir"/e*.want; do
    name=${want%.want}
    grep -q "^ $(cat "$want")" "$name.got"
    ok $? "$page:$(cat "$name.line") fails with $(cat "$want")" "$name.got"
done
! grep -q . "$dir/verify.got"
ok $? "and the ledger verifies" "$dir/verify.got"
echo "1..$n"
