#!/bin/sh
# instep plans, and docs/examples: what is loaded from files, what is said of files with faults, what listeners hear of it.
set -u
. "$(dirname "$0")/lib.sh"

world_start plans 5 || exit 1
out=$world/log/plans.out
plans=$world/plans.toml

cat >"$plans" <<'TOML'
# Two plans.
[plans.individual]
name = "Individual"
rank = 1
monthly_credits = 30
trial_credits = 32
prices = ["individual_monthly"]

[plans.individual.limits]
exports = 20

[plans.team]
rank = 2
monthly_credits = 200
rollover = { cap = 100 }
TOML

# ---- usage --------------------------------------------------------------------------------------------------------
run 0 "--help says what a file may say" "$BIN/instep" plans --help
says 'docs/credits.md' "and where it is written down"
for words in 'plans' 'plans lost' 'plans list x' 'plans show' 'plans load' 'plans export x' 'plans list --dry-run' 'plans show x --from 2026-01-01' \
    "plans load $plans --from yesterday" "plans load $plans --from 2026-02-30" "plans load $world/none.toml" 'plans list --all'; do
    # shellcheck disable=SC2086 # split into words
    run 2 "a usage error: $words" env DATABASE_URL=postgresql://instep@127.0.0.1:1/instep "$BIN/instep" $words
done
run 3 "an absent Postgres is a dependency that is away" \
    env DATABASE_URL=postgresql://instep@127.0.0.1:1/instep "$BIN/instep" plans list
run 3 "the application's role loads no plans" env DATABASE_URL="$APP_DATABASE_URL" "$BIN/instep" plans load "$plans"
says 'instep_operator' "and is told which role may"

# ---- load ---------------------------------------------------------------------------------------------------------
run 0 "at first there are none" operator plans list
says '^no plans' "and it says so"
run 1 "a dry run finds something" operator plans load "$plans" --dry-run
says '^plan individual: version 1, new, for periods from 20' "new plans"
says '^  + monthly_credits *200' "with their rules"
says '^individual_monthly: no plan -> individual' "and what stands for them"
run 0 "but loads nothing" operator plans list
says '^no plans' "indeed"
run 0 "loading does" operator plans load "$plans" --from 2026-01-01
says 'for periods from 2026-01-01T00:00:00Z on' "from the day that was said"
run 0 "a dry run of the same finds nothing" operator plans load "$plans" --dry-run
says 'as the file says already' "and says so"
sed -i 's/monthly_credits = 30/monthly_credits = 35/; s/exports = 20/exports = { limit = 20, hard = false }/' "$plans"
run 0 "a change is loaded" operator plans load "$plans" --json
is "$(jq -r '[.[] | "\(.plan_key) \(.change) \(.field) \(.before) \(.after)"] | map(select(test("valid_from") | not)) | join("; ")' "$out")" \
    'individual version version 1 2; individual version monthly_credits 30 35; individual version limits.exports {"hard": true, "limit": 20, "per_unit": false} {"hard": false, "limit": 20, "per_unit": false}' \
    "and shown field by field"
run 0 "plans are listed" operator plans list
says '^team .*{"cap":100}.* file plans.toml' "by rank, with where they come from"
is "$(awk 'NR > 1 {print $1, $2, $5}' "$out" | tr '\n' ';')" "team 1 200;individual 2 35;" "in the version that is in force"
run 0 "one is shown" operator plans show individual
is "$(jq -r '[.in_force, .versions[].rules.monthly_credits, .matches[0].ref, .versions[0].loaded_by] | join(" ")' "$out")" \
    "2 35 30 individual_monthly $(id -un)" "with all its versions"
run 1 "one that is not there is not" operator plans show platinum
says 'instep plans list' "and it says what shows them"
run 0 "they can be exported" operator plans export
cp "$out" "$world/plans.json"
run 0 "and loaded again" operator plans load "$world/plans.json" --json
is "$(cat "$out")" '[]' "which changes nothing"
operator plans load - <"$world/plans.json" >"$out" 2>&1
is "$?" 0 "from standard input too"

# shellcheck disable=SC2016 # nothing is to be expanded
sed -n '/^```toml$/,/^```$/{/^```/d;p}' "$ROOT/docs/credits.md" >"$world/page.toml"
run 1 "the file in docs/credits.md is one" operator plans load "$world/page.toml" --dry-run
says '~ monthly_credits *35 -> 30' "that would change something"

# ---- faults -------------------------------------------------------------------------------------------------------
fault() { # sentence, what is said, text as of printf, suffix of the name (toml)
    # shellcheck disable=SC2059 # a format it is
    printf "$3" >"$world/bad.${4:-toml}"
    run 2 "$1" operator plans load "$world/bad.${4:-toml}"
    says "$2" "by file, line and key"
}
fault "a word for a number" 'bad.toml:3: plans.pro.rank: high is no whole number' '[plans.pro]\n\nrank = "high"\n'
fault "a field that is none" 'bad.toml:2: plans.pro.credits: is no field of a plan; these are: name, ' '[plans.pro]\ncredits = 3\n'
fault "a limit" 'bad.toml:4: plans.pro.limits.calls.limit: -1 is no whole number' \
    '[plans.pro]\nrank = 1\n[plans.pro.limits]\ncalls = { limit = -1 }\n'
fault "what TOML does not allow" 'bad.toml:2:8: ' '[plans.pro]\nrank = \n'
fault "a key twice in JSON" 'bad.json:2:.*duplicate' '{"plans": {"pro": {"rank": 1,\n"rank": 2}}}' json
fault "a fault in JSON" 'bad.json:3: plans.pro.grant: never is none of active, paid' '{"plans":\n {"pro": {\n"grant": "never"}}}' json
fault "no plans" 'bad.toml:1: plans: is missing' ''
fault "several faults at once" 'bad.toml:2: plans.a.rank: 0.5' '[plans.a]\nrank = 0.5\n[plans.b]\nrank = "x"\n'
says 'bad.toml:4: plans.b.rank: x' "each of them"
is "$(owner_sql 'SELECT count(*) FROM ledger.plan_version')" 3 "nothing of all this was loaded"

# ---- products -----------------------------------------------------------------------------------------------------
worker_start 1
product=$(curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$SIM/v1/products" -d name=Gold \
    -d 'metadata[instep_monthly_credits]=a lot' -d 'metadata[instep_plan]=gold' | jq -r .id)
run 0 "a product with bad metadata is read like any other" operator sync "$product"
run 1 "its fault is found by list" operator plans list
says "^$product: instep_monthly_credits: \"a lot\" is no whole number" "by product and key"
run 0 "and counted by status" operator status
says 'plan is not taken.*: 1' "as something for a person"

# ---- listeners ----------------------------------------------------------------------------------------------------
${CC:-gcc} -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -I"$(pg_config --includedir 2>/dev/null || echo /usr/include/postgresql)" \
    -o "$world/listen" "$ROOT/docs/examples/listen.c" -lpq >"$out" 2>&1
is "$?" 0 "the example in C compiles"
heard() { # name, pattern
    grep -q -- "$2" "$world/log/$1.log" 2>/dev/null
}
spawn listen_c "$world/listen" "$APP_DATABASE_URL" ada
spawn listen_sh "$ROOT/docs/examples/listen.sh" "$APP_DATABASE_URL"
wait_for "the example in C asks" heard listen_c '"user": "ada"'
ok $? "the example in C asks when it begins"
listens() { # until the shell's psql does
    owner_sql "NOTIFY instep_credits, 'are you there'" >/dev/null
    heard listen_sh 'instep_credits are you there'
}
wait_for "the example in shell listens" listens
ok $? "the example in shell listens"
price=$(curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$SIM/v1/prices" -d unit_amount=1999 -d currency=usd \
    -d 'recurring[interval]=month' -d 'product_data[name]=Individual' -d lookup_key=individual_monthly | jq -r .id)
customer=$(curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$SIM/v1/customers" -d email=ada@example.com | jq -r .id)
curl -fsS -m 10 -H "Authorization: Bearer $STRIPE_API_KEY" "$SIM/v1/subscriptions" -d "customer=$customer" \
    -d "items[0][price]=$price" -d trial_period_days=14 -d 'metadata[user_id]=ada' >/dev/null
wait_for "the announcement" heard listen_sh 'instep_entitlement .*"user": "ada"'
ok $? "psql shows that a user may"
wait_for "the announcement in C" heard listen_c '"plan": "individual".*"entitled": true'
ok $? "the example in C asks again and knows the plan"
wait_for "the credits" heard listen_sh 'instep_credits .*"kind": "granted"'
ok $? "psql shows what came of it"
note "$(cat "$world/log/listen_c.log" "$world/log/listen_sh.log")"
end listen_c
end listen_sh

world_end
tap_done
