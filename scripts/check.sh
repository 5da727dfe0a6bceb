#!/usr/bin/env bash
# Everything that must be green before a commit. Arguments go to pytest.
#
# All steps run even when one fails, so that one run shows everything; the exit status is that of
# the worst.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

BIN=.venv/bin
failed=()

step() {
    local name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed+=("$name")
}

# One run a package: test folders hold files of the same name, which mypy takes for one module.
types() {
    local folder status=0
    for folder in */pyproject.toml; do
        "$BIN/mypy" --no-error-summary "$(dirname "$folder")" || status=1
    done
    "$BIN/mypy" --no-error-summary tests scripts || status=1
    MYPYPATH=benchmarks "$BIN/mypy" --no-error-summary benchmarks/overhead.py benchmarks/bench \
        benchmarks/memory.py benchmarks/memorybench \
        benchmarks/soak.py benchmarks/soakbench benchmarks/logs.py benchmarks/logbench \
        benchmarks/discord_rates.py benchmarks/discordbench \
        benchmarks/web.py benchmarks/webbench benchmarks/containers.py || status=1
    return "$status"
}

step format "$BIN/ruff" format --check --quiet .
step lint "$BIN/ruff" check --quiet .
step types types
step layers "$BIN/lint-imports" --no-logo
step layout "$BIN/python" scripts/check_layout.py
step lock "$BIN/python" scripts/check_lock.py
# -ra in pyproject.toml names every skipped test and why.
step tests "$BIN/pytest" -n 2 --dist loadfile -q "$@"

if [ "${#failed[@]}" -gt 0 ]; then
    printf 'Not green: %s\n' "${failed[*]}"
    exit 1
fi
printf 'All green.\n'
