# Shared by the end-to-end tests; they source it. A world is one private Redis and Postgres, one simulator, one
# ingest and some workers. Nothing here asserts a wall-clock time: waiting ends when nothing moves any more.
# shellcheck shell=sh disable=SC1091,SC2034

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
BIN=${BIN:-$ROOT/bin}
STACK=$ROOT/deploy/local/stack
STALL_SECONDS=${STALL_SECONDS:-180} # without any progress for so long: give up
WEBHOOK_SECRET=whsec_test_sim_secret
# What these tests kill are processes; nobody cuts the power.
export STACK_DISK=lazy

# ---- TAP ----------------------------------------------------------------------------------------------------------

tap_count=0
tap_failures=0

ok() { # status, sentence
    tap_count=$((tap_count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $tap_count - $2"
    else
        echo "not ok $tap_count - $2"
        tap_failures=$((tap_failures + 1))
    fi
}

is() { # got, expected, sentence
    if [ "$1" = "$2" ]; then
        ok 0 "$3"
    else
        ok 1 "$3"
        note "got '$1', expected '$2'"
    fi
}

note() {
    printf '%s\n' "$*" | sed 's/^/# /'
}

tap_done() {
    echo "1..$tap_count"
    exit "$((tap_failures > 0))"
}

# What a command must end with and say; a test sets $out, a file.
run() { # expected exit status, sentence, command...
    run_expected=$1
    run_sentence=$2
    shift 2
    "$@" >"$out" 2>&1
    run_got=$?
    is "$run_got" "$run_expected" "$run_sentence"
    [ "$run_got" = "$run_expected" ] || note "$(cat "$out")"
}

says() { # pattern, sentence
    grep -q -- "$1" "$out"
    says_status=$?
    ok "$says_status" "$2"
    [ "$says_status" -eq 0 ] || note "$(cat "$out")"
}

# ---- a world ------------------------------------------------------------------------------------------------------

world=
# Name of the world (part of its directory), seed of the simulator. Starts all but workers.
world_start() {
    world=$(mktemp -d "${TMPDIR:-/tmp}/instep-e2e-$1.XXXXXX")
    chmod 755 "$world"
    mkdir "$world/log" "$world/pid"
    world_failed=0
    "$STACK" start "$world/stack"
    . "$world/stack/env"
    DATABASE_URL=$OWNER_DATABASE_URL "$BIN/instep" migrate >"$world/log/migrate.log" 2>&1 || {
        cat "$world/log/migrate.log" >&2
        return 1
    }
    "$STACK" provision "$world/stack"
    WORKER_DATABASE_URL=$DATABASE_URL
    export INSTEP_MODE=test STRIPE_API_KEY=sk_test_sim STRIPE_WEBHOOK_SECRETS="$WEBHOOK_SECRET"
    # The simulator has no limit unless a test sets one, and failures are many here: come back soon.
    export INSTEP_STRIPE_RATE=5000 INSTEP_STRIPE_ENDPOINT_RATE=5000
    export INSTEP_RETRY_BASE_MS=100 INSTEP_RETRY_MAX_MS=2000
    # Little rest: many turns, so that many orders of things happen.
    export INSTEP_CUSTOMER_REST_MS="${INSTEP_CUSTOMER_REST_MS:-50}"
    export DATABASE_URL
    if ! ingest_start || ! sim_start "$2"; then
        world_failed=1
        return 1
    fi
    export STRIPE_API_BASE="$SIM"
}

# Runs a program in the background; its pid is in $world/pid/NAME, its output in $world/log/NAME.log.
spawn() { # name, command...
    spawn_name=$1
    shift
    "$@" >>"$world/log/$spawn_name.log" 2>&1 &
    echo "$!" >"$world/pid/$spawn_name"
}

pid_of() {
    cat "$world/pid/$1" 2>/dev/null
}

# Ends one program; a signal other than 9 lets it drain. Waits until it is gone.
end() { # name, signal
    end_pid=$(pid_of "$1") || return 0
    kill "-${2:-TERM}" "$end_pid" 2>/dev/null || true
    wait "$end_pid" 2>/dev/null || true
    rm -f "$world/pid/$1"
}

answers() { # url
    curl -fsS -m 2 -o /dev/null "$1" 2>/dev/null
}

wait_for() { # sentence, command...
    wait_what=$1
    shift
    wait_rounds=0
    until "$@"; do
        wait_rounds=$((wait_rounds + 1))
        if [ "$wait_rounds" -gt $((STALL_SECONDS * 10)) ]; then
            note "gave up waiting: $wait_what"
            world_failed=1
            return 1
        fi
        sleep 0.1
    done
}

# Programs choose their ports themselves and say which: one that was found free may be taken by the time it is bound.
# Prints what the pattern's group matches in the program's log; fails while it is not there.
said() { # name, sed pattern with one group
    said_what=$(sed -n "s/$2/\1/p" "$world/log/$1.log" 2>/dev/null | tail -n 1)
    [ -n "$said_what" ] && printf '%s\n' "$said_what"
}

said_or_gone() { # name, sed pattern
    said "$1" "$2" >/dev/null && return 0
    case $(ps -o stat= -p "$(pid_of "$1")") in
    '' | Z*) return 0 ;;
    esac
    return 1
}

ports_of() { # name, sed pattern; fails, with the log, if the program ends before it has said them
    wait_for "$1 to listen" said_or_gone "$1" "$2" >&2 || return 1
    said "$1" "$2" || {
        note "$1 does not start: $(tail -n 5 "$world/log/$1.log")" >&2
        return 1
    }
}

ingest_start() {
    INSTEP_LISTEN=127.0.0.1:0 INSTEP_ADMIN_LISTEN=127.0.0.1:0 spawn ingest "$BIN/instep-ingest"
    ingest_ports=$(ports_of ingest '.*ingest\.listening.* port=\([0-9]* admin_port=[0-9]*\) .*') || return 1
    INGEST=http://127.0.0.1:${ingest_ports%% *}
    wait_for "the ingest" answers "http://127.0.0.1:${ingest_ports##*=}/readyz"
}

# Again after it was killed: on the port that the workers know, with what its journal holds (SIM_STATE=yes).
sim_start() { # seed
    sim_port=0
    [ ! -e "$world/sim.journal" ] || sim_port=${SIM##*:}
    spawn sim "$BIN/stripe-sim" --listen "127.0.0.1:$sim_port" --seed "$1" \
        ${SIM_STATE:+--state "$world/sim.journal"} ${SIM_BEGIN:+--start "$SIM_BEGIN"} --webhook "$INGEST/webhooks/stripe" --secret "$WEBHOOK_SECRET"
    SIM=$(ports_of sim '.*stripe-sim listening on \(http:[^ ]*\).*') || return 1
    wait_for "the simulator" answers "$SIM/sim/status"
}

worker_start() { # number
    DATABASE_URL=$WORKER_DATABASE_URL INSTEP_ADMIN_LISTEN=127.0.0.1:0 spawn "worker$1" "$BIN/instep-worker"
}

workers_start() { # how many
    worker_number=0
    while [ "$worker_number" -lt "$1" ]; do
        worker_number=$((worker_number + 1))
        worker_start "$worker_number"
    done
}

# Ends everything. Logs are kept, and named, when a test of this world failed.
world_end() {
    for world_pid in "$world"/pid/*; do
        [ -e "$world_pid" ] || continue
        end "$(basename "$world_pid")" TERM
    done
    "$STACK" destroy "$world/stack" || true
    if [ "$world_failed" -ne 0 ]; then
        note "kept: $world/log"
    else
        rm -rf "$world"
    fi
}

# For a test that is interrupted: leave nothing running.
world_abort() {
    [ -z "$world" ] || [ ! -d "$world/pid" ] || world_end
}
trap 'world_abort; exit 130' INT TERM

# ---- looking at it ------------------------------------------------------------------------------------------------

operator() {
    DATABASE_URL=$OPERATOR_DATABASE_URL "$BIN/instep" "$@"
}

owner_sql() {
    psql -X -q -At -v ON_ERROR_STOP=1 "$OWNER_DATABASE_URL" -c "$1"
}

# Random lives. The end of the run is the ledger's now throughout: else it would book what time alone does to credits until today,
# and could not say what it would have known at the run's end.
sim_run() { # customers, months, ms_per_day
    run_began=$(sim_get /sim/clock .now) || return 1
    owner_sql "SET ROLE instep_owner;
        CREATE OR REPLACE FUNCTION ledger.clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
            'SELECT ledger.months_after(to_timestamp($run_began), $2)'" || return 1
    sim_post /sim/run "{\"customers\":$1,\"months\":$2,\"ms_per_day\":$3}" >/dev/null
}

sim_get() { # path, jq filter; fails when the simulator does not answer
    sim_answer=$(curl -fsS -m 10 "$SIM$1") && printf '%s' "$sim_answer" | jq -r "$2"
}

sim_post() { # path, body
    curl -fsS -m 30 -X POST -H 'Content-Type: application/json' -d "$2" "$SIM$1"
}

# Customers that have anything in Redis: waiting, delayed or in a turn.
queue_customers() {
    redis-cli -h 127.0.0.1 -p "$REDIS_PORT" --scan --pattern 'instep:*:stream:*' | wc -l
}

# One line that changes whenever anything moves; the second word says whether all is done.
progress() {
    progress_sim=$(sim_get /sim/status \
        'if .running or .deliveries.pending > 0 then "busy" else "quiet" end + " \(.now) \(.events) \(.deliveries.attempts)"' \
        2>/dev/null) || progress_sim="busy away"
    progress_queue=$(queue_customers 2>/dev/null) || progress_queue=away
    progress_turns=$(owner_sql 'SELECT count(*), max(recorded_at) FROM ops.turn' 2>/dev/null) || progress_turns=away
    echo "${progress_sim%% *} $progress_queue ${progress_sim#* } $progress_turns"
}

# Wait until the simulator is quiet and nothing is queued, twice in a row. Fails when nothing moves any more.
# Each round calls every_round(), which a test may define to make trouble.
every_round() {
    :
}
quiet_now=
quiet_wait() {
    quiet_last=
    quiet_since=$(date +%s)
    quiet_rounds=0
    while [ "$quiet_rounds" -lt 2 ]; do
        quiet_now=$(progress)
        case $quiet_now in
        "quiet 0 "*) quiet_rounds=$((quiet_rounds + 1)) ;;
        *) quiet_rounds=0 ;;
        esac
        if [ "$quiet_now" != "$quiet_last" ]; then
            quiet_last=$quiet_now
            quiet_since=$(date +%s)
        elif [ $(($(date +%s) - quiet_since)) -gt "$STALL_SECONDS" ]; then
            note "nothing moves any more: $quiet_now"
            note "$(curl -fsS -m 5 "$SIM/sim/status" 2>&1)"
            note "$(operator status 2>&1)"
            world_failed=1
            return 1
        fi
        every_round
        sleep 0.3
    done
}

redis_has_forgotten() {
    [ "$(redis-cli -h 127.0.0.1 -p "$REDIS_PORT" --scan --pattern 'instep:*:lease:*' | wc -l)" -eq 0 ]
}

# Five results: the run ended, the ledger equals the truth, nothing is dead, no trial is stuck, Redis is empty. $1 begins each sentence.
converged() {
    converged_before=$tap_failures
    quiet_wait
    ok $? "$1: the simulator is quiet and the queue is empty"
    operator verify --truth >"$world/log/verify.log" 2>&1
    converged_status=$?
    ok "$converged_status" "$1: instep verify is clean and the ledger equals the truth"
    [ "$converged_status" -eq 0 ] || note "$(cat "$world/log/verify.log")"
    is "$(owner_sql 'SELECT count(*) FROM ops.dead_letter WHERE settled_at IS NULL')" 0 "$1: no dead letters"
    is "$(owner_sql "SELECT string_agg(concat_ws(' ', stripe_subscription_id, reason, plan_key), '; ') FROM dashboard.stuck_trials")" \
        "" "$1: no trial is stuck"
    # A customer may be remembered for a moment after its last turn (INSTEP_CUSTOMER_REST_MS).
    wait_for "Redis to forget its customers" redis_has_forgotten
    ok $? "$1: no customer has left anything in Redis"
    note "$1: $(owner_sql "SELECT format('%s turns, %s Stripe reads, %s events, %s entries', count(*),
        sum(stripe_reads), sum(events_count), sum(entries_count)) FROM ops.turn")"
    [ "$tap_failures" -eq "$converged_before" ] || world_failed=1
}
