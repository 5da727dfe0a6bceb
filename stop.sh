#!/usr/bin/env bash
# Stops what ./start.sh started, and nothing else. Data stays.
#
#   ./stop.sh [--local] [--all]
#
#   --local   only what runs without containers
#   --all     database, log server and accounts too, which else stay up in their containers
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

containers=yes
options=()
for argument in "$@"; do
    case $argument in
        --local) containers= ;;
        --all) options+=("$argument") ;;
        -h | --help)
            sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        *)
            printf 'stop.sh does not know %s.\n' "$argument" >&2
            exit 2
            ;;
    esac
done

unset PYTHONPATH PYTHONHOME # they would put foreign packages before those of .venv
if ! .venv/bin/python -c '' 2>/dev/null; then
    if [ -e data/run/local.json ]; then
        echo "Cannot stop: .venv is broken. Run scripts/bootstrap.sh, then ./stop.sh again." >&2
        exit 1
    fi
    echo "Nothing is running."
    exit 0
fi
if [ -e data/run/local.json ] || [ -z "$containers" ] || ! .venv/bin/python -m admin.containers engine >/dev/null; then
    exec .venv/bin/python -m admin.local down
fi
exec .venv/bin/python -m admin.containers down ${options[@]+"${options[@]}"}
