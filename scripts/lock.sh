#!/usr/bin/env bash
# Makes requirements.lock from the pyproject.toml files: exact versions with hashes, no addresses.
# Arguments go to `uv lock`, for instance `--upgrade` or `--upgrade-package httpx`.
#
# uv.lock names the hosts packages came from, so it stays out of git. Where it is missing (a fresh
# clone), everything is resolved anew to the newest versions that fit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv lock --quiet "$@"
uv export --quiet --no-header --no-emit-workspace --all-packages --all-groups --no-annotate \
    --output-file requirements.lock
printf 'requirements.lock lists %s packages.\n' "$(grep -c '==' requirements.lock)"
