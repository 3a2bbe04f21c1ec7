#!/bin/sh
# What Instep announces, as psql shows it: one line per announcement, channel and payload. Ctrl-C ends it.
#
#   docs/examples/listen.sh postgresql://instep_app_login@localhost/instep
#
# psql looks for announcements after each command, so it is given one every second. Good for looking on; an application waits
# on the connection instead, as listen.c does.
set -eu
[ $# -eq 1 ] || {
    echo 'usage: listen.sh URL' >&2
    exit 2
}
{
    echo 'LISTEN instep_entitlement; LISTEN instep_credits;'
    while sleep 1; do
        echo 'SELECT WHERE false;'
    done
} | psql -XqAt -v ON_ERROR_STOP=1 -d "$1" |
    sed -un 's/^Asynchronous notification "\([a-z_]*\)" with payload "\(.*\)" received from server process.*/\1 \2/p'
