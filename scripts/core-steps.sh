#!/usr/bin/env bash
# Plays random worlds on the orchestrator's core and checks its invariants; for a night.
#
#   scripts/core-steps.sh [--steps 1000000] [--seed 0] [--found 5] [--shrink]
#
# Prints steps, seeds and violations; the exit status is 1 when there were any.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PYTHONPATH=tests/support:fastapi-service:shared
exec .venv/bin/python -m memory_world.drive "$@"
