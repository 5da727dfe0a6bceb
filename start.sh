#!/usr/bin/env bash
# Installs what is missing, starts every service and prints what to do next: in containers where
# Docker answers, else on this machine as it is.
#
#   ./start.sh [--local] [--rehearsal] [--pull-models] [--foreground]
#
#   --local        without containers
#   --rehearsal    scripted stand-ins for the model servers, even where real ones are there
#   --pull-models  fetch the models that the profile uses and Ollama does not have (containers)
#   --foreground   stay attached and show the logs; Ctrl-C ends the application
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() { sed -n '2,10s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

way=containers
options=()
for argument in "$@"; do
    case $argument in
        --local) way=local ;;
        --rehearsal | --foreground | --pull-models) options+=("$argument") ;;
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

source scripts/bootstrap.sh
umask 077 # data and logs are for the operator alone
if [ "$way" = containers ] && ! why=$("$PYTHON" -m admin.containers engine); then
    echo "$why: starting without containers."
    way=local
fi
if [ "$way" = local ] && [[ " ${options[*]-} " == *" --pull-models "* ]]; then
    echo "--pull-models is for containers; here type 'ollama pull NAME'." >&2
    exit 2
fi
exec "$PYTHON" -m "admin.$way" up ${options[@]+"${options[@]}"}
