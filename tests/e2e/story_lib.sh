# What the tests that play stories share: the blocks of the documentation, and which step comes when.
# shellcheck shell=sh disable=SC2034,SC2154

# The block of a story in the documentation: what stands between the fences after its heading.
documented() { # name
    awk -v heading="#### $1" '
        $0 == heading { here = 1; next }
        here && /^#/ { exit }
        here && /^```/ { if (inside) exit; inside = 1; next }
        inside { print }' "$DOC"
}

# Put the journal of a story between the fences that follow its heading. The first line in the fences says the columns.
write_down() { # name, columns
    awk -v heading="#### $1" -v columns="$2" -v journal="$world/story/$1.journal" '
        $0 == heading { here = 1 }
        here && /^#/ && $0 != heading { here = 0 }
        here && /^```/ && !inside {
            print
            print columns
            while ((getline row < journal) > 0) print row
            inside = 1
            next
        }
        inside && /^```/ { inside = here = 0 }
        !inside { print }' "$DOC" >"$world/written.md" && cat "$world/written.md" >"$DOC"
}

# Which stories there are: those whose names match, or those that were named.
choose_stories() { # jq condition on .name, names…
    mkdir "$world/story"
    "$BIN/stripe-sim" story --list --json >"$world/story/list.json"
    choose_condition=$1
    shift
    names=${*:-$(jq -r ".[].name | select($choose_condition)" "$world/story/list.json")}
}

# "moment step name" of these stories, in the order of their moments.
plan_steps() { # names…
    jq -n --arg names "$*" '$names | [scan("[^ \n]+")]' | jq --slurpfile all "$world/story/list.json" -r '
        . as $names | [$all[0][] | select(.name | IN($names[])) | .name as $name | .steps | to_entries[] |
            {at: .value.at, step: (.key + 1), name: $name}] |
        sort_by(.at)[] | "\(.at) \(.step) \(.name)"'
}

# Play the next step of a story; what it answers is kept.
play_step() { # name, step, what is asked
    sim_post /sim/story "$3" >"$world/story/$1.json" 2>"$world/story/error" && return 0
    ok 1 "$1: step $2 is played"
    note "$(curl -sS -m 30 "$SIM/sim/story" -d "$3")"
    return 1
}

# The objects of the stories, into $world/story/objects.
objects_of() { # names…
    for name; do
        [ ! -s "$world/story/$name.json" ] ||
            jq -r --arg name "$name" '.objects[]? | [$name, .] | @tsv' "$world/story/$name.json" >>"$world/story/objects"
        : >"$world/story/$name.journal"
    done
}

# Is what was booked what the documentation says?
compare_story() { # name, columns, sentence, --write or not
    [ "$4" = no ] || write_down "$1" "$2"
    documented "$1" | sed 1d >"$world/story/$1.expected"
    if grep -q "^#### $1\$" "$DOC" && cmp -s "$world/story/$1.expected" "$world/story/$1.journal"; then
        ok 0 "$3"
    else
        ok 1 "$3"
        note "documented (<), booked (>):"
        note "$(diff "$world/story/$1.expected" "$world/story/$1.journal")"
    fi
}
