# bash completion for instep(1); `make install` puts it where bash finds it.
_instep() {
    local word=${COMP_WORDS[COMP_CWORD]}
    local before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]}
    local words=

    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words="migrate status sync verify config link credits dead event plans prune help --help --version"
    elif [[ $before == --class ]]; then
        words="stripe_transient stripe_permanent unknown_user unknown_shape policy bug"
    else
        case $command in
        migrate) words="--status --dry-run --json --help" ;;
        status) words="--json --help" ;;
        sync) words="--timeout --account --json --help cus_ sub_ in_ cs_ user:" ;;
        verify) words="--truth --no-truth --json --help" ;;
        config) words="--json --markdown --help" ;;
        credits) words="--at --entries --account --json --help cus_ user:" ;;
        link) words="--no-sync --account --json --help cus_" ;;
        dead)
            words="--class --limit --all --json --help"
            ((COMP_CWORD == 2)) && words="list show retry --help"
            ;;
        event) words="--help evt_" ;;
        plans)
            words="--dry-run --from --json --help"
            if ((COMP_CWORD == 2)); then
                words="list show load export --help"
            elif [[ ${COMP_WORDS[2]} == load && $word != -* ]]; then
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return
            fi
            ;;
        prune) words="--older-than --dry-run --json --help" ;;
        help) words="migrate status sync verify config link credits dead event plans prune" ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -F _instep instep
