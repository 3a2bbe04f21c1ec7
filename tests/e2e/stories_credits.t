#!/bin/sh
# The stories about credits are played through the running stack, side by side in one world that begins in 2024, and after
# each step the ledger may look. What it booked of credits must be what docs/credits-examples.md ("Worked examples") says.
#
# ledger.clock() is virtual here: it stands at the moment of the step. Before a step is played, what time alone does is
# booked, as the leader's chore would have done it; after it, the application does what the step says (APP …). The customer on
# a test clock comes last: then ledger.clock() stands still, and the ledger must take the time from Stripe.
#   stories_credits.t [NAME…]           these stories only
#   stories_credits.t --write [NAME…]   write what was booked into docs/credits-examples.md: read the difference before you believe it
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/story_lib.sh"

DOC=$ROOT/docs/credits-examples.md
COLUMNS_SHOWN="step  when              what               because             amount  balance     lots"
write=no
if [ "${1:-}" = --write ]; then
    write=yes
    shift
fi

# ---- time -----------------------------------------------------------------------------------------------------------

virtual_clock() {
    owner_sql "CREATE SCHEMA e2e;
        CREATE TABLE e2e.clock (at bigint NOT NULL);
        INSERT INTO e2e.clock VALUES ($SIM_BEGIN);
        CREATE TABLE e2e.mark (moment int, entry bigint);
        CREATE TABLE e2e.conversion (moment int, subscription text, state text, amount bigint, currency text);
        GRANT USAGE ON SCHEMA e2e TO instep_owner;
        GRANT SELECT ON e2e.clock TO instep_owner;
        SET ROLE instep_owner;
        CREATE OR REPLACE FUNCTION ledger.clock() RETURNS timestamptz
            LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
            'SELECT to_timestamp(at) FROM e2e.clock'" >/dev/null
}

sim_now() {
    curl -fsS -m 10 "$SIM/sim/clock" | jq .now
}

# What time alone does until then. Stories that are side by side begin within half an hour: the clock is past the step of each.
HALF_HOUR=1800
time_passes() { # moment
    owner_sql "UPDATE e2e.clock SET at = greatest(at, $1);
        DO 'BEGIN WHILE ops.credits_due(100) > 0 LOOP END LOOP; END'" >/dev/null
}

# ---- the application ------------------------------------------------------------------------------------------------

# "name step refused|accepted act key=value …" of each line that is the application's.
application() {
    jq -r '.[] | .name as $name | .steps | to_entries[] | .key as $step | .value.script | split("\n")[] |
        select(test("^(refused: )?APP ")) |
        "\($name) \($step + 1) \(if startswith("refused") then "refused" else "accepted" end) \(sub("^(refused: )?APP "; ""))"' \
        "$world/story/list.json"
}

act() { # user, expected, act, key=value…
    act_user=$1
    act_expected=$2
    act_what=$3
    shift 3
    amount=NULL key='' spend=''
    for pair; do
        case $pair in
        amount=*) amount=${pair#*=} ;;
        key=*) key=${pair#*=} ;;
        spend=*) spend=${pair#*=} ;;
        esac
    done
    case $act_what in
    spend) call="ledger.spend_credits('$act_user', $amount, '$key')" ;;
    refund_spend) call="ledger.refund_spend('$act_user', '$spend', $amount, '$key')" ;;
    grant) call="ledger.grant_credits('$act_user', $amount, '$key', 'by hand')" ;;
    esac
    got=$(owner_sql "SELECT CASE WHEN accepted THEN 'accepted' ELSE 'refused' END FROM $call")
    [ "$got" = "$act_expected" ] && return 0
    ok 1 "$act_user: $call is $act_expected"
    note "got: $got"
}

# What the application does at the steps that were just played.
application_acts() {
    while read -r acting acting_step; do
        grep "^$acting $acting_step " "$world/story/application" | while read -r _ _ expected what; do
            # shellcheck disable=SC2086
            act "$acting" "$expected" $what || exit 1
        done || return 1
    done <"$world/story/played"
    : >"$world/story/played"
}

# ---- steps ----------------------------------------------------------------------------------------------------------

look() {
    quiet_wait || return 1
    time_passes "$(if [ "$frozen" = yes ]; then echo 0; else sim_now; fi)" || return 1
    application_acts || tap_failures=$((tap_failures + 1))
    owner_sql "INSERT INTO e2e.conversion SELECT $moment, subscription, state, amount, currency FROM ledger.conversion;
        INSERT INTO e2e.mark SELECT $moment, coalesce(max(id), 0) FROM ledger.credit_entry" >/dev/null || return 1
    moment=$((moment + 1))
}

# Whose story is over leaves, so that the rest of the year is that of the stories which need it.
leave() { # plan, moment of the steps that were just played
    awk -v at="$2" '{ last[$3] = $1 } END { for (name in last) if (last[name] == at) print name }' "$1" | while read -r over; do
        for customer in $(jq -r '.objects[] | select(startswith("cus_"))' "$world/story/$over.json"); do
            curl -fsS -m 10 -u sk_test_sim: -X DELETE "$SIM/v1/customers/$customer" >/dev/null || exit 1
        done
    done
}

# Play the steps in the order of their moments.
play() { # plan
    last_at=
    begun=$(sim_now)
    # shellcheck disable=SC2094 # nobody writes the plan
    while read -r at step name; do
        if [ "$at" != "$last_at" ]; then
            [ -z "$last_at" ] || { look && leave "$1" "$last_at"; } || return 1
            [ "$frozen" = yes ] || time_passes $((begun + at + HALF_HOUR)) || return 1
        fi
        last_at=$at
        printf '%s\t%s\t%s\n' "$name" "$step" "$moment" >>"$world/story/steps"
        echo "$name $step" >>"$world/story/played"
        play_step "$name" "$step" "{\"name\":\"$name\",\"app\":true}" || return 1
    done <"$1"
    [ -z "$last_at" ] || look
}

# The journal of each story into $world/story/NAME.journal, its dates as if it had begun at its own start.
journals() {
    for name in $names; do
        jq -r --arg name "$name" --slurpfile all "$world/story/list.json" \
            '[$name, .began - ($all[0][] | select(.name == $name) | .start)] | @tsv' "$world/story/$name.json"
    done >"$world/story/shifts"
    cat >"$world/story.sql" <<'SQL'
SET TIME ZONE 'UTC';
CREATE TEMP TABLE step (story text, step int, moment int);
CREATE TEMP TABLE object (story text, id text);
CREATE TEMP TABLE shift (story text, seconds bigint);
\copy step FROM 'steps'
\copy object FROM 'objects'
\copy shift FROM 'shifts'
WITH holder AS (
    SELECT s.story, h.holder, h.user_id IS NULL AS orphan, make_interval(secs => s.seconds) AS shift
      FROM shift AS s JOIN ledger.credit_holder AS h
        ON h.user_id = s.story OR h.customer IN (SELECT o.id FROM object AS o WHERE o.story = s.story)
), entry AS (
    SELECT h.story, h.orphan, h.shift, e.*, e.effective_at - h.shift AS at,
           (SELECT min(m.moment) FROM e2e.mark AS m WHERE m.entry >= e.id) AS moment
      FROM ledger.credit_entry AS e JOIN holder AS h USING (holder)
), line AS (
    SELECT e.id, string_agg(concat_ws(' ', CASE WHEN cardinality(e.lots) > 1 OR x.amount <> e.amount
                   THEN to_char(x.amount, 'FMSG999999') END,
               l.kind, l.plan_key || CASE WHEN l.plan_version > 1 THEN '@' || l.plan_version ELSE '' END,
               to_char(l.period_start - e.shift, 'YYYY-MM-DD')), ', ' ORDER BY x.n) AS shown, min(l.effective_at) AS since
      FROM entry AS e CROSS JOIN LATERAL unnest(e.lots, e.amounts) WITH ORDINALITY AS x (lot, amount, n)
      JOIN ledger.credit_lot AS l ON l.id = x.lot GROUP BY e.id
), converted AS (
    SELECT s.story, c.*, lag(c.state) OVER (PARTITION BY s.story, c.subscription ORDER BY c.moment) AS before
      FROM e2e.conversion AS c JOIN object AS o ON o.id = c.subscription JOIN step AS s USING (story, moment)
), tied AS ( -- what was booked at once for one moment has the order of random ids
    SELECT e.*, l.shown, l.since, min(e.id) OVER (PARTITION BY e.holder, e.moment, e.turn, e.at, e.kind) AS place
      FROM entry AS e JOIN line AS l USING (id)
), chain AS (
    SELECT t.*, row_number() OVER w AS n_shown, sum(t.amount) OVER w AS after
      FROM tied AS t WINDOW w AS (PARTITION BY t.holder ORDER BY t.place, t.since, t.shown, t.id)
), row AS (
    SELECT c.story, c.moment, 0 AS part, c.place, c.n_shown,
           to_char(c.at, CASE WHEN c.kind IN ('spent', 'spend_returned', 'moved_out', 'moved_in') THEN 'YYYY-MM-DD'
                              ELSE 'YYYY-MM-DD HH24:MI' END) AS at,
           c.kind, coalesce(c.transition, '') AS transition, to_char(c.amount, 'FMSG999990') AS amount,
           c.after - c.amount || ' -> ' || c.after || CASE WHEN c.orphan THEN ' *' ELSE '' END AS balance, c.shown AS lots
      FROM chain AS c
    UNION ALL
    SELECT c.story, c.moment, 1, 0, 0, '', 'conversion', c.state, '', '', CASE WHEN c.amount > 0 THEN c.amount || ' ' || c.currency ELSE '' END
      FROM converted AS c WHERE c.before IS DISTINCT FROM c.state
)
SELECT r.story, s.step, r.at, r.kind, r.transition, r.amount, r.balance, r.lots
  FROM row AS r
 CROSS JOIN LATERAL (SELECT min(s.step) AS step FROM step AS s WHERE s.story = r.story AND s.moment >= r.moment) AS s
 WHERE s.step IS NOT NULL ORDER BY r.story, s.step, r.part, r.moment, r.place, r.n_shown;
SQL
    (cd "$world/story" && psql -X -q -At -F '	' -v ON_ERROR_STOP=1 "$OWNER_DATABASE_URL" -f "$world/story.sql") |
        awk -F '\t' -v folder="$world/story/" '{
            row = sprintf("%-5s %-17s %-18s %-18s %7s  %-11s %s", $2, $3, $4, $5, $6, $7, $8)
            sub(/ *$/, "", row)
            print row > (folder $1 ".journal")
        }'
}

export INSTEP_CREDITS_INTERVAL_MS=3600000 # time_passes() is the leader's chore
SIM_BEGIN=1704067200                      # 2024-01-01, a leap year
if ! world_start stories_credits 1 || ! virtual_clock; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
workers_start 2
sim_post /sim/knobs '{"delivery_concurrency":1,"duplicate_rate":0.1}' >/dev/null
choose_stories 'startswith("credits-")' "$@"
application >"$world/story/application"
: >"$world/story/played"
moment=0
frozen=no
# shellcheck disable=SC2046
plan_steps $(echo "$names" | grep -v -x credits-test-clock) >"$world/story/plan"
play "$world/story/plan"
ok $? "every step of $(echo "$names" | wc -w) stories is played"
frozen=yes
# shellcheck disable=SC2046
plan_steps $(echo "$names" | grep -x credits-test-clock) >"$world/story/plan"
play "$world/story/plan"
ok $? "so is the customer on a test clock, while our own stands still"
# shellcheck disable=SC2086
objects_of $names
journals || ok 1 "the journals can be read"
for name in $names; do
    compare_story "$name" "$COLUMNS_SHOWN" "$name books what docs/credits-examples.md says" "$write"
done
is "$(owner_sql "SELECT string_agg(format('%s %s %s', kind, transition, n), ', ') FROM (SELECT kind, transition, count(*) AS n
    FROM ledger.credit_entry WHERE turn IS NOT NULL AND transition IS NOT NULL AND event_id IS NULL GROUP BY 1, 2) AS g")" "" \
    "every entry of a turn that has a transition names the event that told of it"
time_passes "$(sim_now)"
converged "after all stories"
[ "$tap_failures" -eq 0 ] || world_failed=1
world_end
tap_done
