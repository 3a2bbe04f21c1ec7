#!/bin/sh
# The turn protocol, checked over all interleavings at a small size (tests/model/claim.pml): as it is it holds, and
# without any one of these rules Spin finds the accident that the rule is there for.
cd "$(dirname "$0")/../model" || exit 1

n=0
check() { # expectation, sentence, flag...
    expected=$1
    sentence=$2
    shift 2
    n=$((n + 1))
    line=$(./run -DEV=2 -DF=1 "$@" 2>&1)
    case $line in
    *": $expected"*) echo "ok $n - $sentence (${line#*: })" ;;
    *) printf 'not ok %s - %s\n# %s\n' "$n" "$sentence" "$line" ;;
    esac
}

if ! command -v spin >/dev/null 2>&1; then
    echo '1..0 # SKIP spin is not installed'
    exit 0
fi
check 'holds' 'the protocol keeps order and loses no update'
check 'holds' 'without the advisory lock too, only less thriftily' -DNOLOCK
check 'breaks S1' 'a fence that asks for a later claim, not for the current one, lets old state in' -DGT
check 'breaks S1' 'the lock alone, without a fence, lets old state in' -DNOFENCE -DREENTRANT
check 'breaks S2' 'deleting entries that came after the reads began loses an update' -DLATEMARK
check 'breaks S2' 'deleting entries before the ledger has them loses an update' -DEARLYACK
check 'breaks S2' '"anything left?" and "forget" in two steps lose an update' -DSPLITFIN
check 'breaks S2' '"make ready" and "append" in two steps lose an update' -DSPLITADD
check 'breaks S2' 'a Redis that forgets loses an update' -DRLOSS
echo "1..$n"
