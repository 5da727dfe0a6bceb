#!/usr/bin/env bash
# Installs what is missing, starts every service and prints what to do next.
#
#   ./start.sh [--local] [--rehearsal] [--foreground]
#
#   --local        without containers
#   --rehearsal    scripted stand-ins for the model servers, even where real ones are there
#   --foreground   stay attached and show the logs; Ctrl-C ends everything
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() { sed -n '2,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

local_only=
options=()
for argument in "$@"; do
    case $argument in
        --local) local_only=yes ;;
        --rehearsal | --foreground) options+=("$argument") ;;
        -h | --help)
            usage
            exit 0
            ;;
        *)
            printf 'start.sh does not know %s.\n\n' "$argument" >&2
            usage >&2
            exit 2
            ;;
    esac
done

if [ -z "$local_only" ] && command -v docker >/dev/null && docker version >/dev/null 2>&1; then
    echo "Docker answers, but containers come in a later version; starting without them (--local)."
fi

source scripts/bootstrap.sh
umask 077 # data and logs are for the operator alone
exec "$PYTHON" -m admin.local up ${options[@]+"${options[@]}"}
