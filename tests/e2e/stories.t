#!/bin/sh
# Every story about money (those about credits: stories_credits.t) is played through the running stack, side by side in one world, and after each step the
# ledger may look. What it booked, step by step, must be what docs/ledger.md ("Worked examples") says. Events come in
# their order here, some of them twice: other orders end in the same state (make permutations), but may take other
# steps there.
#   stories.t [NAME…]           these stories only
#   stories.t --write [NAME…]   write what was booked into docs/ledger.md: read the difference before you believe it
set -u
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/story_lib.sh"

DOC=$ROOT/docs/ledger.md
write=no
if [ "${1:-}" = --write ]; then
    write=yes
    shift
fi

# The journal of each story, ids by order of first appearance, into $world/story/NAME.journal.
# An entry belongs to the first step of its story that was played when it was seen, or after.
journals() {
    cat >"$world/story.sql" <<'SQL'
CREATE TEMP TABLE step (story text, step int, moment int);
CREATE TEMP TABLE mark (moment int, entry bigint);
CREATE TEMP TABLE object (story text, id text);
\copy step FROM 'steps'
\copy mark FROM 'marks'
\copy object FROM 'objects'
WITH entry AS (
    SELECT e.*, (SELECT min(m.moment) FROM mark AS m WHERE m.entry >= e.id) AS moment FROM ledger.journal_entry AS e
), own AS (
    SELECT DISTINCT o.story, e.id FROM entry AS e JOIN object AS o ON o.id IN (e.customer, e.source)
), line AS (
    SELECT p.entry_id, p.unit, max(p.amount) AS size, string_agg(a.code || ' ' || p.amount, ', ' ORDER BY p.amount < 0, a.code) AS postings
      FROM ledger.posting AS p JOIN ledger.account AS a ON a.id = p.account_id GROUP BY p.entry_id, p.unit
)
SELECT own.story, s.step, e.kind, e.source, coalesce(l.unit, '-'), coalesce(l.postings, '-')
  FROM own JOIN entry AS e USING (id) LEFT JOIN line AS l ON l.entry_id = e.id
 CROSS JOIN LATERAL (SELECT min(s.step) AS step FROM step AS s
                      WHERE s.story = own.story AND s.moment >= e.moment) AS s
 WHERE s.step IS NOT NULL
 ORDER BY own.story, s.step,
       array_position(ARRAY['sale', 'credit', 'refund', 'dispute', 'credit_note', 'written_off', 'fee'], split_part(e.rule, '.', 1)),
       e.rule, e.effective_at, l.size, l.unit, e.id;
SQL
    (cd "$world/story" && psql -X -q -At -F '	' -v ON_ERROR_STOP=1 "$OWNER_DATABASE_URL" -f "$world/story.sql") |
        awk -F '\t' -v folder="$world/story/" '
            $1 != story { story = $1; split("", name); split("", count) }
            {
                kind = $4; sub(/_.*/, "", kind)
                if (!($4 in name)) name[$4] = kind "_" ++count[kind]
                row = sprintf("%-5s %-20s %-6s %-5s %s", $2, $3, name[$4], $5, $6)
                sub(/[ -]*$/, "", row)
                print row > (folder story ".journal")
            }'
}

# Play the steps of all stories in the order of their moments.
play() {
    moment=0
    last_at=
    while read -r at step name; do
        if [ "$at" != "$last_at" ] && [ -n "$last_at" ]; then
            look || return 1
        fi
        last_at=$at
        printf '%s\t%s\t%s\n' "$name" "$step" "$moment" >>"$world/story/steps"
        play_step "$name" "$step" "{\"name\":\"$name\"}" || return 1
    done <"$world/story/plan"
    look
}

# Let the ledger look, and note how far its journal went.
look() {
    quiet_wait || return 1
    printf '%s\t%s\n' "$moment" "$(owner_sql 'SELECT coalesce(max(id), 0) FROM ledger.journal_entry')" \
        >>"$world/story/marks"
    moment=$((moment + 1))
}

SIM_BEGIN=1735689600 # 2025-01-01: what happens then is no news to anybody now
if ! world_start stories 1; then
    ok 1 "the world starts"
    world_end
    tap_done
fi
workers_start 2
sim_post /sim/knobs '{"delivery_concurrency":1,"duplicate_rate":0.1}' >/dev/null
choose_stories '.|startswith("credits-")|not' "$@"
# shellcheck disable=SC2086
plan_steps $names >"$world/story/plan"
play
ok $? "every step of $(echo "$names" | wc -w) stories is played, in $moment moments"
# shellcheck disable=SC2086
objects_of $names
journals || ok 1 "the journals can be read"
for name in $names; do
    compare_story "$name" "step  kind                 source unit  postings" "$name books what docs/ledger.md says" "$write"
done
converged "after all stories"
[ "$tap_failures" -eq 0 ] || world_failed=1
world_end
tap_done
