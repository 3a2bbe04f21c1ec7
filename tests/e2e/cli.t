#!/bin/sh
# The operator's commands against running services: what they say and their exit statuses.
set -u
. "$(dirname "$0")/lib.sh"

SIM_BEGIN=$(date +%s) # trials of today: what they give can be spent
world_start cli 7 || exit 1
out=$world/log/cli.out

as_owner() {
    DATABASE_URL=$OWNER_DATABASE_URL "$BIN/instep" "$@"
}

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

# A server that answers everything with one status and one body; its address is in $stub_base.
stub() { # status, body
    stub_end
    stub_port=$("$STACK" port)
    stub_base=http://127.0.0.1:$stub_port
    # shellcheck disable=SC2016 # perl's variables
    spawn stub perl -MIO::Socket::INET -e '
        my ($port, $status, $body) = @ARGV;
        my $listen = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 8,
                                           ReuseAddr => 1) or die "listen: $!";
        while (my $peer = $listen->accept) {
            while (my $line = <$peer>) { last if $line =~ /^\r?\n/ }
            printf $peer "HTTP/1.1 %s x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n" .
                "Connection: close\r\n\r\n%s", $status, length $body, $body;
            close $peer;
        }' "$stub_port" "$1" "$2"
    wait_for "the stub" stub_listens
}
stub_listens() {
    curl -sS -m 2 -o /dev/null "$stub_base" 2>/dev/null
}
stub_end() {
    [ ! -e "$world/pid/stub" ] || end stub
}
against_stub() { # arguments of verify
    DATABASE_URL=$OPERATOR_DATABASE_URL STRIPE_API_BASE=$stub_base "$BIN/instep" verify "$@"
}

# ---- usage --------------------------------------------------------------------------------------------------------
run 0 "--help works without any service" env -u DATABASE_URL "$BIN/instep" --help
says 'Exit status: 0 done' "and tells the exit statuses"
for command in migrate status sync verify config link credits dead; do
    run 0 "$command --help" "$BIN/instep" "$command" --help
done
run 2 "an unknown command is a usage error" "$BIN/instep" statsu
run 2 "an unknown option too" "$BIN/instep" status --verbose
run 2 "a mistyped setting is found" env INSTEP_LEASE_SM=5 "$BIN/instep" config
says 'did you mean INSTEP_LEASE_MS' "and the right one is suggested"
run 0 "config prints the settings" operator config
says 'DATABASE_URL *\*\*\*\*' "and masks secrets"
# What becomes part of a queue key is looked at before anything is connected to.
for words in 'sync cus_1:2' 'sync cus_' 'sync user:' 'sync cus_{1}' 'sync sub_1/2' 'sync cus_1 --account self:cus_2' \
    'sync cus_1 --account acct_' 'sync cus_1 --account acct_1*' 'sync cus_1 --account nobody' \
    'link cus_1:2 alice' 'link cus_ alice' 'link cus_1 alice --account a:b' \
    'dead retry evt_1:2' 'dead retry cus_*' 'dead retry -- -cus' 'dead retry --class bugs' 'dead list --class bugs'; do
    # shellcheck disable=SC2086 # split into words
    run 2 "a usage error: $words" env DATABASE_URL=postgresql://instep@127.0.0.1:1/instep "$BIN/instep" $words
done
says 'stripe_transient, stripe_permanent, unknown_user, unknown_shape, policy, bug' "an unknown class is told which there are"
run 2 "nor does an id with a line break in it pass" operator sync "cus_1
2"
run 2 "an empty account is a slip, not our own" operator sync cus_1 --account ''
run 3 "an absent Postgres is a dependency that is away" \
    env DATABASE_URL=postgresql://instep@127.0.0.1:1/instep "$BIN/instep" status
run 2 "a URL that is none is not shown, as it may hold a password" \
    env DATABASE_URL='hunter2 is my password' "$BIN/instep" status
grep -q hunter2 "$out"
is $? 1 "and indeed is not"
run 3 "an absent Redis is a dependency that is away" \
    env DATABASE_URL="$OPERATOR_DATABASE_URL" REDIS_URL=redis://127.0.0.1:1/0 "$BIN/instep" status
run 3 "the worker's role may not use the operator's commands" "$BIN/instep" verify
says 'instep_operator' "and is told which role may"

run 2 "migrate --json alone would print no JSON" as_owner migrate --json
run 3 "a role that may not migrate is refused" operator migrate
says 'may create roles and schemas' "and told which role may"

# ---- logins --------------------------------------------------------------------------------------------------------
owner_sql 'DROP ROLE instep_operator_login; DROP ROLE instep_reader_login; DROP ROLE instep_app_login'
# shellcheck disable=SC1003,SC2016 # every character that means something to a shell, to psql or to SQL
printf '%s\n' "it's a \"pass\\word' :x \`id\` \$HOME" >"$world/password"
PATH=$(cd "$BIN" && pwd):$PATH
provision() { # settings...
    env -u OPERATOR_PASSWORD_FILE DATABASE_URL="$OWNER_DATABASE_URL" WORKER_PASSWORD_FILE="$world/password" "$@" \
        "$ROOT/deploy/container/provision"
}
logins() {
    owner_sql "SELECT string_agg(rolname, ' ' ORDER BY rolname) FROM pg_roles WHERE rolname LIKE 'instep%' AND rolcanlogin
        AND rolname <> 'instep'"
}
run 0 "provision needs no more than the worker's password" provision
is "$(logins)" instep_worker_login "and makes no login that nobody asked for"
run 1 "an absent password file is no password" provision READER_PASSWORD_FILE="$world/none"
run 0 "given the other files" provision OPERATOR_PASSWORD_FILE="$world/password" READER_PASSWORD_FILE="$world/password"
is "$(logins)" "instep_operator_login instep_reader_login instep_worker_login" "it makes the other logins"
run 0 "again it changes nothing" provision READER_PASSWORD_FILE="$world/password"
run 0 "the operator may do an operator's things" operator status

# ---- migrate ------------------------------------------------------------------------------------------------------
run 0 "a migrated database is reported as such" as_owner migrate --status
run 0 "migrating again does nothing" as_owner migrate
says 'nothing to do' "and says so"
owner_sql "UPDATE ops.schema_migration SET sha256 = repeat('0', 64) WHERE name LIKE '0002%'"
run 1 "an edited migration is refused" as_owner migrate
says 'migration 0002_[a-z_]*.sql was edited' "by name"
owner_sql "DELETE FROM ops.schema_migration WHERE name LIKE '0002%'"
run 1 "so is one that comes before an applied one" as_owner migrate
psql -X -q "$OWNER_DATABASE_URL" -c 'CREATE DATABASE newer'
newer=${OWNER_DATABASE_URL%/*}/newer
(DATABASE_URL=$newer "$BIN/instep" migrate & DATABASE_URL=$newer "$BIN/instep" migrate; wait) >"$out" 2>&1
is "$(grep -c '^applied *0001' "$out")" 1 "of two migrations at the same time one does the work"
run 0 "and the database is whole" env DATABASE_URL="$newer" "$BIN/instep" migrate --status
psql -X -q "$newer" -c "INSERT INTO ops.schema_migration VALUES ('9999_from_the_future.sql', 'x', now(), 'x', 1)"
run 1 "a database newer than the program is refused" env DATABASE_URL="$newer" "$BIN/instep" migrate
says '9999_from_the_future' "by the name of what is not known"

# ---- verify: a comparison that does not happen is no success -------------------------------------------------------
run 2 "--truth and --no-truth exclude each other" operator verify --truth --no-truth
run 0 "an empty ledger equals an empty truth" operator verify
run 3 "but with --truth something must be compared" operator verify --truth
says 'nothing was compared' "and it says what was missing"
run 3 "a simulator that is away is no missing truth" \
    env DATABASE_URL="$OPERATOR_DATABASE_URL" STRIPE_API_BASE=http://127.0.0.1:1 "$BIN/instep" verify
for stub_status in 500 503 429 401 302 204; do
    stub "$stub_status" '{}'
    run 3 "nor is one that answers $stub_status" against_stub
done
stub 404 '{}'
run 0 "404 is: what answers is no simulator" against_stub
says 'no truth to compare with' "and it says so"
run 3 "which --truth does not accept" against_stub --truth
nothing=$(owner_sql 'SELECT ops.ledger_truth()') # the ledger is empty still
for stub_lack in customers guest_sales totals; do
    stub 200 "$(printf %s "$nothing" | jq -c "del(.$stub_lack)")"
    run 3 "a truth without $stub_lack is none" against_stub
done
stub 200 '<html>'
run 3 "nor is a page for people" against_stub
stub 200 "$nothing"
run 0 "a whole one is taken" against_stub
stub_end
run 3 "Stripe itself has no truth to give" \
    env DATABASE_URL="$OPERATOR_DATABASE_URL" STRIPE_API_BASE=https://api.stripe.com "$BIN/instep" verify --truth

# ---- sync, verify, link -------------------------------------------------------------------------------------------
sim_post /sim/knobs '{"drop_rate":1,"retries_max":0}' >/dev/null # no webhook arrives: commands must do
product=$(api products .id name=Gold)
price=$(api prices .id "product=$product" unit_amount=1999 currency=usd 'recurring[interval]=month')
customer=$(api customers .id email=a@example.com)
api subscriptions .id "customer=$customer" "items[0][price]=$price" trial_period_days=7 >/dev/null
run 1 "verify sees that the ledger lacks a subscription" operator verify
says "customers\[$customer\]" "and says of whom"
run 1 "a sync that no worker takes is pending" operator sync "$customer" --timeout 1
says pending "and says so"
worker_start 1
second=$(api customers .id email=b@example.com)
subscription=$(api subscriptions .id "customer=$second" "items[0][price]=$price" trial_period_days=7)
run 0 "with a worker, sync converges the customer of a subscription" operator sync "$subscription"
says "subscription $subscription" "and prints what changed"
quiet_wait
run 0 "what is in the catalogue can be synced too" operator sync "$product"
run 0 "now the ledger equals the truth" operator verify --truth
run 0 "a second sync finds it in step" operator sync "$customer" --json
is "$(jq -r '.[0].outcome' "$out")" applied "with JSON output"
run 1 "a user that nobody knows is not found" operator sync user:alice
says 'instep link' "and the way to link one is shown"
run 2 "an id of another kind is a usage error" operator sync xx_123
run 0 "the platform's own account is self by its id too" \
    env INSTEP_ACCOUNT=acct_own DATABASE_URL="$OPERATOR_DATABASE_URL" \
    "$BIN/instep" sync "$customer" --account acct_own --json
is "$(jq -r '.[0].account' "$out")" self "and is called that"
run 0 "link says whose a customer is" operator link "$customer" alice
run 0 "and its customers can be synced by user" operator sync user:alice
says "$customer" "by customer id"
is "$(owner_sql "SELECT entitled FROM ledger.entitlement WHERE user_id = 'alice'")" t "the user is entitled"

# ---- credits ------------------------------------------------------------------------------------------------------
run 0 "a user's credits are shown" operator credits alice
says '^user alice: 0 credits of 0, at 20' "also when there are none"
run 0 "as of any time, and as JSON" operator credits "$customer" --at 2026-01-01 --entries 0 --json
is "$(jq -r '[.user, .balance, .at[:19]] | join(" ")' "$out")" "alice 0 2026-01-01T00:00:00" "a customer stands for its user"
run 1 "nobody knows nobody" operator credits nobody
run 2 "a time that is none is a usage error" operator credits alice --at noon-ish
run 2 "so is no user at all" operator credits
# A plan that the simulator does not know of: its truth is not asked from here on.
owner_sql "SELECT ledger.load_plans(jsonb_build_object('plans', jsonb_build_object('gold', jsonb_build_object(
    'trial_credits', 32, 'prices', jsonb_build_array('$price')))), 'sql', 'cli.t')" >/dev/null
run 0 "what a plan gives comes with the next look" operator sync "$second"
run 0 "also to a customer of nobody" operator credits "$second"
says "^$second, of no user yet: 32 credits of 32, at " "who has them until there is a user"
says 'trial  *gold 1  *32  *32  *0  *0  .*sub_' "lot by lot"
says 'granted  *+32  *32  trial_start' "with what caused them"
run 0 "a link takes them along" operator link "$second" bob
says "^user bob has 32 credits now, 32 of them by $second" "and says so"
run 0 "and the user has them" operator credits user:bob --json
is "$(jq -r '[.balance, .entries[0].kind, .entries[0].balance_before, .entries[0].balance_after] | join(" ")' "$out")" \
    "32 moved_in 0 32" "as one movement"
run 0 "the customer has them no longer" operator credits "$second"
says '^user bob: 32 credits of 32' "and stands for the user"

# ---- dead letters -------------------------------------------------------------------------------------------------
run 0 "there are no dead letters" operator dead list
bury() { # subject, event, error as an SQL expression
    owner_sql "SELECT ops.fail_turn(jsonb_build_object('account', 'self', 'subject', '$1', 'worker', 'test',
        'turn', gen_random_uuid(), 'class', 'bug', 'error', $3, 'attempt', 20, 'bury', true,
        'started_ms', 0, 'stripe_reads', 0, 'mode', 'test', 'api_version', 'x', 'next_at_ms', NULL,
        'events', jsonb_build_array(jsonb_build_object('id', '$2', 'type', 'customer.updated', 'object_id',
            '$customer', 'object_type', 'customer', 'created', 1767225600, 'received_ms', 1767225600000, 'livemode',
            false, 'api_version', 'x', 'lane', 'webhook', 'customer', '$customer'))))" >/dev/null
}
retried() { # event
    owner_sql "SELECT retried_at IS NOT NULL FROM ops.dead_letter WHERE event_id = '$1'"
}
bury "$customer" evt_dead "'made by a test' || chr(27) || '[2J' || chr(10) || 'evt_forged'"
run 1 "a dead letter is listed" operator dead list
says 'evt_dead.*made by a test\\x1b\[2J\\nevt_forged' "with its error, in which nothing moves the terminal"
run 1 "status finds it too" operator status
says '^dead  *bug 1' "by class"
says 'resting after one [0-9]' "and shows who rests"
run 0 "it can be looked at" operator dead show evt_dead
is "$(jq -r '.event.outcome' "$out")" dead "in full"
run 1 "an event that is none is not found" operator dead show evt_other
run 2 "retry wants to know which" operator dead retry
run 3 "without Redis nothing is retried" \
    env DATABASE_URL="$OPERATOR_DATABASE_URL" REDIS_URL=redis://127.0.0.1:1/0 "$BIN/instep" dead retry evt_dead
is "$(retried evt_dead)" f "and nothing is said to have been"
run 0 "it can be retried" operator dead retry evt_dead
says '^1 event put back' "and is queued"
no_dead_letters() {
    operator dead list >/dev/null
}
wait_for "the dead letter to settle" no_dead_letters
ok $? "a turn that succeeds settles it"
# The oldest letter cannot be queued: its subject is nothing that a key may hold.
end worker1
bury 'cus_1:2' evt_odd "'made by a test'"
bury "$customer" evt_dead2 "'made by a test'"
run 1 "of two letters, one that cannot be queued" operator dead retry --class bug
says '^1 event put back' "does not keep the other one out of the queue"
is "$(retried evt_odd) $(retried evt_dead2)" "f t" "and only the one that was queued is marked as retried"
owner_sql "DELETE FROM ops.dead_letter WHERE event_id = 'evt_odd'"
owner_sql "DELETE FROM ops.webhook_event WHERE id = 'evt_odd'"
worker_start 1
wait_for "the other letter to settle" no_dead_letters
ok $? "which settles it"
quiet_wait
# The simulator does not know of the link, so its truth is not asked here.
run 0 "the ledger is still what it should be" operator verify --no-truth
[ "$tap_failures" -eq 0 ] || world_failed=1
world_end
tap_done
