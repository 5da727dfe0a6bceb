#!/usr/bin/env bash
# Stops what ./start.sh started, and nothing else. Data stays in data/.
#
#   ./stop.sh [--local]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

for argument in "$@"; do
    case $argument in
        --local) ;;
        -h | --help)
            sed -n '2,4s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
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
exec .venv/bin/python -m admin.local down
